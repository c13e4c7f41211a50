#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>

#include "core/base/json.h"
#include "ui/workspace/page.h"

namespace tessera::ui {

class Actions;
class EngineClient;
class ModelLibrary;
class RunLibrary;
class RunRecord;

/// What all pages share: the runs and models on this machine, the run being looked at, the engine. Owned by the
/// main window; GUI thread only. Pages talk to each other through its signals alone.
class Workspace : public QObject {
    Q_OBJECT
  public:
    Workspace(std::filesystem::path runsFolder, QObject* parent = nullptr);
    ~Workspace() override;

    Actions& actions() const { return *m_actions; }
    EngineClient& engine() const { return *m_engine; }
    RunLibrary& runs() const { return *m_runs; }
    ModelLibrary& models() const { return *m_models; }

    /// The run that Run, Inspect, Benchmark and the status bar show; nullptr before the first. Kept up to date
    /// from its own files, whoever runs it; while our engine runs it, from the engine's events.
    RunRecord* current() const { return m_current.get(); }
    /// Opens a run directory for looking at. What is wrong with it is in the record (RunRecord::problem()).
    void open(const std::filesystem::path& run);

    /// Starts the run that `spec` (cli.md's SPEC.json) asks for; it becomes current as soon as it has a folder.
    void start(const Json& spec);
    /// Goes on with an interrupted, stopped or failed run.
    void resume(const std::filesystem::path& run);

    /// A model chosen on Home (a catalogue name or a path) for the next run.
    const QString& chosenModel() const { return m_chosenModel; }
    void chooseModel(const QString& model);

    void goTo(PageId page) { Q_EMIT pageWanted(page); }
    /// A calm sentence across the top of the page: never a modal box. `action` (an id of Actions) adds a button.
    void tell(const QString& sentence, bool bad = false, const QString& action = {});

  Q_SIGNALS:
    void currentChanged();
    void chosenModelChanged();
    void pageWanted(tessera::ui::PageId page);
    void told(const QString& sentence, bool bad, const QString& action);

  private:
    std::unique_ptr<Actions> m_actions;
    std::unique_ptr<EngineClient> m_engine;
    std::unique_ptr<RunLibrary> m_runs;
    std::unique_ptr<ModelLibrary> m_models;
    std::unique_ptr<RunRecord> m_current;
    QString m_chosenModel;
};

}  // namespace tessera::ui
