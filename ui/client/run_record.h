#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QString>
#include <QStringList>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/json.h"
#include "core/session/event.h"
#include "ui/client/run_follower.h"
#include "ui/client/step_series.h"
#include "ui/client/unit_clock.h"

namespace tessera::ui {

enum class RunState {
    None,      ///< nothing yet
    Starting,  ///< asked for, no event yet
    Running,
    Pausing,  ///< asked to pause; the step under way ends first
    Paused,
    Stopping,     ///< asked to stop; a checkpoint is written first
    Stopped,      ///< can be resumed
    Failed,       ///< the engine said why; can be resumed
    Interrupted,  ///< its engine died; can be resumed
    Finished,
};
QString runStateText(RunState state);

/// All that the window knows of one run, grown event by event: from the engine's output while ours runs it,
/// from events.jsonl otherwise. Files are read on a thread of the record's own (RunFollower), read-only; what
/// it found is taken over in bounded portions on the caller's timer. GUI thread only.
class RunRecord : public QObject {
    Q_OBJECT
  public:
    explicit RunRecord(QObject* parent = nullptr);
    ~RunRecord() override;

    // Looking at a run.
    /// Begins to follow a run directory. Never throws: problem() says in a sentence what is wrong with it.
    void follow(const std::filesystem::path& run);
    /// Takes over what was read in the directory, for at most `budgetMs`; whether more is waiting. Also
    /// notices the folder's disappearance and a dead owner.
    bool catchUp(int budgetMs);
    /// Whether all that was on disk when it was opened has been taken over.
    bool caughtUp() const { return m_caughtUp; }

    // Running it with our engine. What these do is said by changed() at the next flush() or catchUp().
    /// A new run was asked for; it has no folder until the engine says which.
    void begin(const Json& spec);
    /// Our engine goes on with this run: what is on disk at this moment is its history, all else comes by
    /// apply().
    void goOn();
    /// An event straight from our engine.
    void apply(const Event& event);
    /// What was asked of the engine and is not done yet: Pausing, Stopping, or Running (to go on from a
    /// pause).
    void asked(RunState state);
    /// Our engine is done with it, or its process is gone: what it has not said to have ended is interrupted,
    /// at once. The directory is followed from here. `how`: the sentence of its end, where its process went.
    void engineDone(const QString& how = {});
    /// How the process of our engine ended, while that is why the run is interrupted; empty otherwise.
    const QString& engineEnd() const { return m_engineEnd; }
    bool live() const { return m_live && !m_doneLater; }  ///< our engine runs it
    /// Says changed() if something is different since the last time.
    void flush();

    const std::filesystem::path& path() const { return m_path; }  ///< empty until a new run has a folder
    QString name() const;
    const QString& problem() const { return m_problem; }
    RunState state() const { return m_state; }
    bool resumable() const;
    bool ownedElsewhere() const;  ///< another live process runs it: we only look

    const Json& spec() const { return m_spec; }
    const Json& options() const { return m_options; }  ///< effective --set values
    double targetSparsity() const;
    QString model() const;
    QString method() const;

    const StepSeries& steps() const { return m_steps; }
    /// The part of earlier attempts that a resumption cut off, drawn as a ghost; several are parted by a gap.
    const StepSeries& ghost() const { return m_ghost; }
    /// Changes where rows of steps() or ghost() went away or were replaced, instead of more coming behind
    /// them.
    int generation() const { return m_generation; }
    const LayerSeries& layers() const { return m_layers; }
    const std::vector<std::int64_t>& maps() const { return m_maps; }  ///< steps that have maps/step-N.bin

    QString phase() const { return m_phase; }  ///< "load", "prior", "learn", ...
    QString unit() const { return m_unit; }    ///< "step", "block", "window"; empty where the phase has none
    std::int64_t unitDone() const { return m_unitDone; }
    std::int64_t unitsInAll() const { return m_unitsInAll; }
    /// Remaining seconds of the phase under way: quartiles of the last fifty units; empty until there are
    /// enough.
    using Eta = UnitClock::Range;
    std::optional<Eta> eta() const;
    double unitSeconds() const { return m_clock.median(); }  ///< median of the last fifty; 0: none yet
    /// Seconds since anything was heard, and whether that is unusually long (10 s or five usual units).
    double silence() const;
    bool stalled() const;

    const std::optional<Json>& result() const { return m_result; }
    const std::optional<Json>& error() const {
        return m_error;
    }  ///< the last `error` event, until it goes on
    const std::optional<Json>& benchmark() const { return m_benchmark; }  ///< the newest result-bench-*.json
    void reloadMeasurements();  ///< reads them anew; changed(true) follows
    /// The last thousand things that happened, a line each with the local time in front.
    const QStringList& log() const { return m_log; }
    std::int64_t lastCheckpoint() const { return m_lastCheckpoint; }  ///< step, -1 where there is none

  Q_SIGNALS:
    /// At most once per drain: something of the above is different. `structure` where more than new points
    /// came (state, phase, result, a cut).
    void changed(bool structure);

  private:
    enum class Said { Nothing, Running, Paused, Stopped, Failed, Finished };

    void absorb(RunNews&& news);
    void absorb(const RunFacts& facts);
    void absorb(EventPortion&& portion);
    void forget();
    void takeRow(const StepRow& row);
    void takeRows(const StepSeries& rows, std::size_t begin, std::size_t end);
    void take(const Event& event);
    void takeState(const Json& json);
    void takeUnits(const Json& json);
    void takeLayers(const Json& json);
    void takeMap(std::int64_t step);
    void cut(double step);
    void note(const Json& event, const QString& text);
    void heard();
    void updateState();
    QString currentProblem() const;

    std::filesystem::path m_path;
    std::unique_ptr<RunFollower> m_follower;
    QString m_problem, m_factsProblem, m_goneProblem, m_engineEnd;
    RunState m_state = RunState::None;
    Said m_said = Said::Nothing, m_saidBefore = Said::Nothing;
    std::optional<RunState> m_asked;
    bool m_live = false, m_held = false, m_caughtUp = false, m_gone = false, m_isRun = true;
    /// History is still being read: what our engine said since then waits for it, and so does its end.
    bool m_history = false, m_doneLater = false;
    std::vector<Event> m_later;

    Json m_spec, m_options;
    StepSeries m_steps, m_ghost;
    int m_generation = 0;
    LayerSeries m_layers;
    std::vector<std::int64_t> m_maps;
    QString m_phase, m_phaseBefore, m_unit;
    std::int64_t m_unitDone = 0, m_unitsInAll = 0, m_lastCheckpoint = -1;
    UnitClock m_clock;
    QElapsedTimer m_heard, m_unitEnd;
    double m_quietBefore = 0;  ///< seconds of silence before m_heard
    std::optional<Json> m_result, m_error, m_benchmark;
    QStringList m_log;
    std::uint64_t m_lines = 0, m_unreadable = 0;
    bool m_dirty = false, m_dirtyStructure = false;
};

}  // namespace tessera::ui
