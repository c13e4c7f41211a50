#pragma once

#include <QObject>
#include <QString>
#include <QTimer>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/base/json.h"
#include "core/session/event.h"
#include "ui/workspace/page.h"

namespace tessera::ui {

class Actions;
class EngineClient;
class ModelLibrary;
class RunLibrary;
class RunRecord;

/// What all pages share: the runs and models on this machine, the run being looked at, the engine. Owned by
/// the main window; GUI thread only. Pages talk to each other through its signals alone.
///
/// It makes the action run.new (to the form) and those that act on records: run.pause, run.continue and
/// run.stop (on running()), run.resume (on the run whose engine just died, else on current()). They are
/// enabled where they can be carried out.
class Workspace : public QObject {
    Q_OBJECT
  public:
    Workspace(std::filesystem::path runsFolder, QObject* parent = nullptr);
    ~Workspace() override;

    Actions& actions() const { return *m_actions; }
    EngineClient& engine() const { return *m_engine; }
    RunLibrary& runs() const { return *m_runs; }
    ModelLibrary& models() const { return *m_models; }

    /// The run that Run, Inspect, Benchmark and the status bar show; nullptr before the first. Kept up to
    /// date from its own files, whoever runs it; while our engine runs it, from the engine's events. The
    /// pointer is good until the next currentChanged().
    RunRecord* current() const { return m_current.get(); }
    /// The run that our engine works on, from start() or resume() until it has ended; else nullptr. It is
    /// current() unless someone looked at another one since, or it has no folder yet (RunState::Starting, an
    /// empty path).
    RunRecord* running() const { return m_running.get(); }
    /// The run that run.resume goes on with; nullptr where there is none.
    RunRecord* resumable() const;
    /// Opens a run directory for looking at. What is wrong with it is in the record (RunRecord::problem()).
    void open(const std::filesystem::path& run);

    /// Starts the run that `spec` (cli.md's SPEC.json) asks for; it becomes current as soon as it has a
    /// folder.
    void start(const Json& spec);
    /// Goes on with an interrupted, stopped or failed run.
    void resume(const std::filesystem::path& run);
    // What the actions do.
    void pause();
    void goOn();
    void stop();

    /// A model chosen on Home (a catalogue name or a path) for the next run.
    const QString& chosenModel() const { return m_chosenModel; }
    void chooseModel(const QString& model);

    /// Whether the Run page shows the form for a new run instead of current(). So until a run is opened,
    /// started or gone on with, and again after draft().
    bool drafting() const { return m_drafting; }
    /// A new run is to be set up: to the form, with this model, or with a whole specification to begin from
    /// ("run again with ..."), where it is an object.
    void draft(const QString& model = {}, const Json& spec = nullptr);
    const Json& draftSpec() const { return m_draftSpec; }  ///< of the last draft() that had one; else null
    /// Back from the form to current().
    void setDrafting(bool drafting);

    void goTo(PageId page) { Q_EMIT pageWanted(page); }
    /// A calm sentence across the top of the page: never a modal box. `action` (an id of Actions) adds a
    /// button.
    void tell(const QString& sentence, bool bad = false, const QString& action = {});

  Q_SIGNALS:
    void currentChanged();
    void runningChanged();
    /// A run that was asked for ended before it had a folder: an `error` event, whose `where` names the field
    /// of the form where it is one ("sparsity", "steps", an option's key).
    void startRefused(const tessera::Json& error);
    void chosenModelChanged();
    void draftingChanged();
    /// The form is to be filled from draftSpec().
    void draftWanted();
    void pageWanted(tessera::ui::PageId page);
    void told(const QString& sentence, bool bad, const QString& action);

  private:
    using Record = std::shared_ptr<RunRecord>;

    void makeActions();
    void updateActions();
    bool engineFree();
    Record makeRecord();
    void setCurrent(const Record& record);
    void setRunning(const Record& record);
    void takeEvent(const Event& event);
    void runEnded();
    void engineGone(const QString& sentence);
    void tick();

    std::unique_ptr<Actions> m_actions;
    std::unique_ptr<EngineClient> m_engine;
    std::unique_ptr<RunLibrary> m_runs;
    std::unique_ptr<ModelLibrary> m_models;
    Record m_current, m_running, m_lost;
    std::vector<Record> m_retired;  ///< gone from here, but someone up the stack may still be in one
    QTimer m_timer;
    QString m_chosenModel;
    Json m_draftSpec;
    bool m_drafting = true;
};

}  // namespace tessera::ui
