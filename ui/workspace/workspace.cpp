#include "ui/workspace/workspace.h"

#include <QAction>

#include "ui/client/engine_client.h"
#include "ui/client/libraries.h"
#include "ui/client/run_record.h"
#include "ui/client/sentences.h"
#include "ui/workspace/actions.h"

namespace tessera::ui {

namespace fs = std::filesystem;

namespace {

constexpr int kBudgetMs = 4;
constexpr int kBusyMs = 33, kQuietMs = 100;

fs::path absolutePath(const fs::path& run) {
    std::error_code none;
    auto path = fs::absolute(run, none).lexically_normal();
    return path.has_filename() ? path : path.parent_path();
}

}  // namespace

Workspace::Workspace(fs::path runsFolder, QObject* parent)
    : QObject(parent),
      m_actions(std::make_unique<Actions>()),
      m_engine(std::make_unique<EngineClient>()),
      m_runs(std::make_unique<RunLibrary>(std::move(runsFolder))),
      m_models(std::make_unique<ModelLibrary>()) {
    connect(m_engine.get(), &EngineClient::event, this, &Workspace::takeEvent);
    connect(m_engine.get(), &EngineClient::drained, this, [this] {
        if (m_running) m_running->flush();
    });
    connect(m_engine.get(), &EngineClient::gone, this, &Workspace::engineGone);
    connect(m_engine.get(), &EngineClient::unavailable, this, &Workspace::engineGone);
    connect(m_engine.get(), &EngineClient::busyChanged, this, &Workspace::updateActions);
    m_timer.setInterval(kQuietMs);
    connect(&m_timer, &QTimer::timeout, this, &Workspace::tick);
    makeActions();
}

Workspace::~Workspace() = default;

void Workspace::makeActions() {
    const auto add = [this](const char* id, const char* text, const char* shortcut, const char* icon,
                            void (Workspace::*act)()) {
        auto* action =
            m_actions->add(id, tr("Run"), tr(text), QKeySequence(QString::fromLatin1(shortcut)), icon);
        connect(action, &QAction::triggered, this, act);
    };
    auto* fresh = m_actions->add("run.new", tr("Run"), tr("Set up a new run"),
                                 QKeySequence(QStringLiteral("Ctrl+N")), "plus");
    connect(fresh, &QAction::triggered, this, [this] { draft(); });
    add("run.pause", "Pause the run", "Ctrl+Shift+P", "player-pause", &Workspace::pause);
    add("run.continue", "Continue the paused run", "Ctrl+Shift+G", "player-play", &Workspace::goOn);
    add("run.stop", "Stop the run and keep a checkpoint", "Ctrl+.", "player-stop", &Workspace::stop);
    auto* resume = m_actions->add("run.resume", tr("Run"), tr("Resume the run"),
                                  QKeySequence(QStringLiteral("Ctrl+Shift+R")), "reload");
    connect(resume, &QAction::triggered, this, [this] {
        if (const auto* record = resumable()) this->resume(fs::path(record->path()));
    });
    updateActions();
}

RunRecord* Workspace::resumable() const {
    if (m_lost && m_lost->resumable()) return m_lost.get();
    return m_current && m_current->resumable() ? m_current.get() : nullptr;
}

void Workspace::updateActions() {
    const auto state = m_running ? m_running->state() : RunState::None;
    const auto enable = [this](const char* id, bool on) { m_actions->action(id)->setEnabled(on); };
    enable("run.pause", state == RunState::Running);
    enable("run.continue", state == RunState::Paused || state == RunState::Pausing);
    enable("run.stop", state == RunState::Starting || state == RunState::Running ||
                           state == RunState::Pausing || state == RunState::Paused);
    const auto* record = resumable();
    enable("run.resume", record && !m_engine->busy());
    m_actions->action("run.resume")
        ->setText(record && record != m_current.get() ? tr("Resume %1").arg(record->name())
                                                      : tr("Resume the run"));
}

Workspace::Record Workspace::makeRecord() {
    auto record = std::make_shared<RunRecord>();
    connect(record.get(), &RunRecord::changed, this, [this](bool structure) {
        if (structure) updateActions();
    });
    return record;
}

void Workspace::setCurrent(const Record& record) {
    if (record == m_current) return;
    m_retired.push_back(m_current);
    m_current = record;
    QTimer::singleShot(0, this, [this] { m_retired.clear(); });
    m_timer.start(kBusyMs);
    updateActions();
    Q_EMIT currentChanged();
}

void Workspace::draft(const QString& model, const Json& spec) {
    if (!model.isEmpty()) chooseModel(model);
    setDrafting(true);
    if (spec.is_object()) {
        m_draftSpec = spec;
        Q_EMIT draftWanted();
    }
    goTo(PageId::Run);
}

void Workspace::setDrafting(bool drafting) {
    if (drafting == m_drafting) return;
    m_drafting = drafting;
    Q_EMIT draftingChanged();
}

void Workspace::setRunning(const Record& record) {
    if (record == m_running) return;
    m_retired.push_back(m_running);
    m_running = record;
    QTimer::singleShot(0, this, [this] { m_retired.clear(); });
    m_timer.start(kBusyMs);
    updateActions();
    Q_EMIT runningChanged();
}

void Workspace::tick() {
    bool more = false;
    // Held while in use: what hears changed() may open another run.
    const auto current = m_current, running = m_running;
    if (current) more = current->catchUp(kBudgetMs);
    if (running && running != current) more = running->catchUp(kBudgetMs) || more;
    m_timer.setInterval(more ? kBusyMs : kQuietMs);
}

void Workspace::open(const fs::path& run) {
    setDrafting(false);
    const auto path = absolutePath(run);
    if (m_running && m_running->path() == path) return setCurrent(m_running);
    if (m_current && m_current->path() == path && m_current->problem().isEmpty()) return;
    const auto record = makeRecord();
    record->follow(path);
    setCurrent(record);
}

bool Workspace::engineFree() {
    if (cliProgram().empty()) {
        tell(noProgramSentence(), true);
        return false;
    }
    if (!m_engine->busy()) return true;
    tell(m_running ? tr("The engine is busy with %1: wait for it, or stop it first.").arg(m_running->name())
                   : tr("The engine is generating text: wait for it, or stop it first."),
         false, m_running ? QStringLiteral("run.stop") : QString());
    return false;
}

void Workspace::start(const Json& spec) {
    if (!engineFree()) return;
    const auto record = makeRecord();
    record->begin(spec);
    setRunning(record);
    // Behind it, so that the page turns from the form to this run, and not to the one before.
    setDrafting(false);
    m_engine->send({{"command", "start"}, {"spec", spec}});
}

void Workspace::resume(const fs::path& run) {
    const auto path = absolutePath(run);
    if (m_running && m_running->path() == path) return setCurrent(m_running);
    if (!engineFree()) return;
    setDrafting(false);
    auto record = m_current && m_current->path() == path ? m_current
                  : m_lost && m_lost->path() == path     ? m_lost
                                                         : makeRecord();
    if (record->path() != path) record->follow(path);
    m_lost.reset();
    record->goOn();
    setRunning(record);
    setCurrent(record);
    m_engine->send({{"command", "start"}, {"run", path.string()}});
    record->flush();
}

void Workspace::pause() {
    if (!m_running) return;
    m_running->asked(RunState::Pausing);
    m_engine->send({{"command", "pause"}});
    m_running->flush();
}

void Workspace::goOn() {
    if (!m_running) return;
    m_running->asked(RunState::Running);
    m_engine->send({{"command", "resume"}});
    m_running->flush();
}

void Workspace::stop() {
    if (!m_running) return;
    m_running->asked(RunState::Stopping);
    m_engine->send({{"command", "stop"}});
    m_running->flush();
}

void Workspace::takeEvent(const Event& event) {
    if (!m_running) return;
    const bool idle = event.type == "state" && textAt(event.json, "state") == "idle";
    if (idle) {
        if (!event.json.contains("version")) runEnded();
        return;
    }
    if (event.type == "error" && event.json.contains("command")) {
        // An answer to a command: it says nothing of a run that is going on.
        if (textAt(event.json, "command") == "start" && m_running->state() == RunState::Starting) {
            m_running->apply(event);
            runEnded();
        }
        return;
    }
    const bool nameless = m_running->path().empty();
    m_running->apply(event);
    if (nameless && !m_running->path().empty()) {
        m_runs->refresh();
        setCurrent(m_running);
    }
}

void Workspace::runEnded() {
    const auto record = m_running;
    record->engineDone();
    setRunning(nullptr);
    if (record->path().empty() && record->error()) Q_EMIT startRefused(*record->error());
    record->flush();
    m_runs->refresh();
}

void Workspace::engineGone(const QString& sentence) {
    const auto record = m_running;
    if (!record) return tell(sentence, true);
    record->engineDone(sentence);
    setRunning(nullptr);
    if (record->path().empty()) {
        tell(tr("%1 The run had not begun yet.").arg(sentence), true);
        Q_EMIT startRefused({{"type", "error"}, {"code", "internal"}, {"summary", sentence.toStdString()}});
        return;
    }
    m_lost = record->resumable() ? record : nullptr;
    m_runs->refresh();
    updateActions();
    const auto step = record->lastCheckpoint();
    const auto kept = step > 0 ? tr("can go on from step %1").arg(step) : tr("can begin again");
    if (m_lost)
        tell(tr("%1 The run %2 was interrupted and %3.").arg(sentence, record->name(), kept), true,
             QStringLiteral("run.resume"));
    else
        tell(sentence, true);
    record->flush();
}

void Workspace::chooseModel(const QString& model) {
    if (model == m_chosenModel) return;
    m_chosenModel = model;
    Q_EMIT chosenModelChanged();
}

void Workspace::tell(const QString& sentence, bool bad, const QString& action) {
    Q_EMIT told(sentence, bad, action);
}

}  // namespace tessera::ui
