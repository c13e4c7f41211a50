#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/engine/engine.h"

namespace tessera {

/// Carries out the commands of a serving engine, one run at a time on a thread of its own:
///   {"command":"start","spec":{...}}  {"command":"start","run":DIR} (goes on with it)
///   {"command":"pause"}  {"command":"resume"}  {"command":"stop"}  {"command":"shutdown"}
///   {"command":"generate","model":M,"prompt":T,"tokens":N,"seed":S,"greedy":B}
/// `stop` keeps a checkpoint. Every answer is an event; a command that cannot be carried out makes an `error`
/// event with the command's name in `command`; errors of the work itself have no such field.
class CommandServer {
  public:
    /// Carries out a `generate` command, telling `phase` and `token` events on the way; returns the fields of
    /// the `generated` event at the end. Looks at the cancellation at least once a token.
    using Generator = std::function<Json(const Json& command, const std::function<void(const Event&)>& tell,
                                         const Cancellation&)>;

    CommandServer(EventSink& sink, Generator generator);
    /// Stops a run that is going on, keeping a checkpoint.
    ~CommandServer();

    /// One line of JSON. Returns false when it was `shutdown`.
    bool handle(const std::string& line);

  private:
    void start(const Json& command);
    void generate(const Json& command);
    void work(std::function<void()> task);
    bool busy();
    void finish();

    EventSink& m_sink;
    Generator m_generator;
    RunControl m_control;
    std::mutex m_mutex;
    bool m_busy = false;
    std::string m_doing;
    std::shared_ptr<Cancellation> m_generating;  ///< that of a text being generated
    std::thread m_thread;
};

}  // namespace tessera
