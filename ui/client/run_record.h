#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QString>
#include <QStringList>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/base/json.h"
#include "core/session/event.h"
#include "ui/client/step_series.h"

namespace tessera::ui {

enum class RunState {
    None,         ///< nothing yet
    Starting,     ///< asked for, no event yet
    Running,
    Pausing,      ///< asked to pause; the step under way ends first
    Paused,
    Stopping,     ///< asked to stop; a checkpoint is written first
    Stopped,      ///< can be resumed
    Failed,       ///< the engine said why; can be resumed where a checkpoint is
    Interrupted,  ///< its engine died; can be resumed
    Finished,
};
QString runStateText(RunState state);

/// All that the window knows of one run, grown event by event: from the engine's output while ours runs it, from
/// events.jsonl otherwise. Reading is in bounded portions on the caller's timer; files are opened read-only.
/// GUI thread only.
class RunRecord : public QObject {
    Q_OBJECT
  public:
    explicit RunRecord(QObject* parent = nullptr);
    ~RunRecord() override;

    /// Begins to follow a run directory. Never throws: problem() says in a sentence what is wrong with it.
    void follow(const std::filesystem::path& run);
    /// Reads on in events.jsonl for at most `budgetMs`; whether more is waiting. Also notices the folder's
    /// disappearance and a dead owner.
    bool catchUp(int budgetMs);
    /// An event straight from our engine.
    void apply(const Event& event);
    /// What was asked of the engine and is not done yet ("Pausing", "Stopping", "Starting").
    void asked(RunState state);
    /// Our engine's process is gone: whatever was going on is interrupted, at once.
    void engineGone();
    /// Whether all that was on disk when it was opened has been read.
    bool caughtUp() const { return m_caughtUp; }

    const std::filesystem::path& path() const { return m_path; }
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
    /// The part of earlier attempts that a resumption cut off, drawn as a ghost.
    const StepSeries& ghost() const { return m_ghost; }
    const LayerSeries& layers() const { return m_layers; }
    const std::vector<std::int64_t>& maps() const { return m_maps; }  ///< steps that have maps/step-N.bin

    QString phase() const { return m_phase; }      ///< "load", "prior", "learn", ...
    QString unit() const { return m_unit; }        ///< "step", "block", "window"
    std::int64_t unitDone() const { return m_unitDone; }
    std::int64_t unitsInAll() const { return m_unitsInAll; }
    /// Remaining seconds of the phase under way: quartiles of the last fifty units; empty until there are
    /// enough.
    struct Eta { double low, high; };
    std::optional<Eta> eta() const;
    /// Seconds since anything was heard, and whether that is unusually long (10 s or five usual units).
    double silence() const;
    bool stalled() const;

    const std::optional<Json>& result() const { return m_result; }
    const std::optional<Json>& error() const { return m_error; }       ///< the last `error` event
    const std::optional<Json>& benchmark() const { return m_benchmark; }  ///< the newest result-bench-*.json
    void reloadMeasurements();
    const QStringList& log() const { return m_log; }
    std::int64_t lastCheckpoint() const { return m_lastCheckpoint; }  ///< step, -1 where there is none

  Q_SIGNALS:
    /// At most once per drain: something of the above is different. `structure` where more than new points came
    /// (state, phase, result, a cut).
    void changed(bool structure);

  private:
    std::filesystem::path m_path;
    QString m_problem;
    RunState m_state = RunState::None;
    Json m_spec, m_options;
    StepSeries m_steps, m_ghost;
    LayerSeries m_layers;
    std::vector<std::int64_t> m_maps;
    QString m_phase, m_unit;
    std::int64_t m_unitDone = 0, m_unitsInAll = 0, m_lastCheckpoint = -1;
    std::optional<Json> m_result, m_error, m_benchmark;
    QStringList m_log;
    std::uint64_t m_offset = 0;
    bool m_caughtUp = false;
    QElapsedTimer m_heard;
    std::vector<double> m_unitSeconds;
};

}  // namespace tessera::ui
