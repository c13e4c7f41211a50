#pragma once

#include <memory>

#include "core/base/json.h"
#include "core/base/stopwatch.h"
#include "core/engine/control.h"
#include "core/parallel/process_group.h"

namespace tessera {

/// What rank 0 tells the others between units of work. They act on it, so that all call the same collective
/// operations in the same order.
enum class Word : std::int64_t {
    Wait,     ///< there is nothing to do yet: a pause, or what rank 0 does alone
    Begin,    ///< learning begins; what it depends on follows
    Base,     ///< the frozen masks follow
    Measure,  ///< measure a step
    State,    ///< the trainer's state follows
    Step,     ///< make a step
    Done,     ///< there is nothing to do any more
    Stop,     ///< the run is stopped on request
};

/// The processes that learn one run together. Rank 0 does what a process alone does and owns the run
/// directory; the others need nothing of it and only help to learn.
class Ranks {
  public:
    /// Waits for the others; null where this process is alone. Throws as RankVariables and ProcessGroup do.
    static std::unique_ptr<Ranks> meet();

    bool leads() const { return m_group.rank() == 0; }
    int size() const { return m_group.size(); }
    /// Of this machine's cores, what each of its processes may use.
    int coresEach() const;
    ProcessGroup& group() { return m_group; }

    /// Rank 0. Whether another process was asked to stop: `stop` is then set.
    void say(Word word, RunControl& control);
    /// Rank 0: Wait, where nothing was said for a second, so that nobody's patience ends.
    void keepWaiting(RunControl& control);
    /// The others: the next word that is not Wait. Throws Error{Cancelled} on Stop.
    Word hear(const RunControl& control);
    /// Rank 0's document to all.
    Json share(const Json& document);

  private:
    explicit Ranks(const RankVariables& variables) : m_group(variables), m_localSize(variables.localSize) {}

    ProcessGroup m_group;
    int m_localSize;
    Stopwatch m_sinceWord;
};

}  // namespace tessera
