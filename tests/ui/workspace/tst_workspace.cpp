// A run from asking for it to its end, with the real engine: paused, stopped, killed, resumed, watched by
// two.
#include <signal.h>

#include <QAction>
#include <QApplication>
#include <QProcess>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>

#include "ui/client/client_support.h"
#include "ui/client/libraries.h"
#include "ui/client/sentences.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;
namespace fs = std::filesystem;

namespace {

constexpr int kLong = 300000;
constexpr const char *kLeave = "TESSERA_TEST_LEAVE", *kStay = "TESSERA_TEST_STAY";

Json longSpec(const fs::path& out) {
    return smallSpec(4000, out.string());
}

std::string statusOf(const fs::path& run) {
    try {
        return RunDirectory::open(run).status();
    } catch (const Error& error) {
        return error.summary();
    }
}

/// A window that is closed at the first learning step, or stays where it is to be killed.
int leaveInTheMiddle(int& argc, char** argv, const QString& run) {
    QApplication app(argc, argv);
    Workspace workspace(fs::path(run.toStdString()).parent_path());
    QObject::connect(&workspace.engine(), &EngineClient::event, &app, [&](const Event& event) {
        if (stepRow(event.json) && !qEnvironmentVariableIsSet(kStay)) QCoreApplication::quit();
    });
    workspace.start(longSpec(run.toStdString()));
    return app.exec();
}

}  // namespace

class WorkspaceTest : public QObject {
    Q_OBJECT

    Home m_home;

    static bool enabled(const Workspace& workspace, const char* id) {
        return workspace.actions().action(id)->isEnabled();
    }
    static void trigger(const Workspace& workspace, const char* id) {
        workspace.actions().action(id)->trigger();
    }
    static bool learning(const Workspace& workspace) {
        return workspace.current() && workspace.current()->state() == RunState::Running &&
               workspace.current()->steps().size() > 2;
    }

  private Q_SLOTS:
    void initTestCase() {
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                           QString::fromStdString((m_home / "settings").string()));
    }

    void actionsAreUniqueAndOffWithoutARun() {
        Workspace workspace(m_home.runs());
        QSet<QString> shortcuts;
        for (const auto* action : workspace.actions().all()) {
            QVERIFY(!action->text().isEmpty() && !action->icon().isNull());
            QVERIFY(!action->shortcut().isEmpty());
            QVERIFY(!shortcuts.contains(action->shortcut().toString()));
            shortcuts << action->shortcut().toString();
        }
        for (const char* id : {"run.pause", "run.continue", "run.stop", "run.resume"})
            QVERIFY2(!enabled(workspace, id), id);
        workspace.pause();
        workspace.goOn();
        workspace.stop();
        QVERIFY(!workspace.engine().alive());
    }

    void aShortRun() {
        NEEDS_ENGINE();
        Workspace workspace(m_home.runs());
        QSignalSpy currentChanged(&workspace, &Workspace::currentChanged),
            runningChanged(&workspace, &Workspace::runningChanged), told(&workspace, &Workspace::told);
        workspace.start(smallSpec(6, (m_home.runs() / "short").string()));
        QCOMPARE(runningChanged.size(), 1);
        QVERIFY(workspace.running() && workspace.running()->state() == RunState::Starting);
        QVERIFY(!workspace.current());
        QVERIFY(enabled(workspace, "run.stop") && !enabled(workspace, "run.pause"));
        QTRY_VERIFY_WITH_TIMEOUT(workspace.current(), kLong);
        QCOMPARE(currentChanged.size(), 1);
        QCOMPARE(workspace.current()->path(), m_home.runs() / "short");
        auto* record = workspace.current();
        QTRY_VERIFY_WITH_TIMEOUT(!workspace.running(), kLong);
        QCOMPARE(workspace.current(), record);
        QCOMPARE(record->state(), RunState::Finished);
        QCOMPARE(record->steps().size(), std::size_t(6));
        QCOMPARE((*record->result())["steps"].get<int>(), 6);
        QVERIFY(!record->layers().names.isEmpty() && !record->maps().empty());
        QVERIFY(fs::exists(record->path() / "report.html"));
        QCOMPARE(record->problem(), QString());
        QVERIFY(told.isEmpty());
        QTRY_VERIFY(workspace.runs().find(record->path()) &&
                    workspace.runs().find(record->path())->summary.status == "finished");
        // What the events said is what the directory says.
        RunRecord read;
        read.follow(record->path());
        QVERIFY(readWhole(read));
        QCOMPARE(read.steps().loss, record->steps().loss);
        QCOMPARE(read.maps(), record->maps());
        QCOMPARE(read.log(), record->log());
        QCOMPARE(read.layers().density, record->layers().density);
        QVERIFY(!enabled(workspace, "run.stop") && !enabled(workspace, "run.resume"));
    }

    void pauseContinueStopResume() {
        NEEDS_ENGINE();
        Workspace workspace(m_home.runs());
        workspace.start(longSpec(m_home.runs() / "paused"));
        QTRY_VERIFY_WITH_TIMEOUT(learning(workspace), kLong);
        auto* record = workspace.current();
        QVERIFY(enabled(workspace, "run.pause") && !enabled(workspace, "run.continue"));
        trigger(workspace, "run.pause");
        QCOMPARE(record->state(), RunState::Pausing);
        QTRY_COMPARE_WITH_TIMEOUT(record->state(), RunState::Paused, kLong);
        const auto steps = record->steps().size();
        QTest::qWait(1000);
        QCOMPARE(record->steps().size(), steps);
        QVERIFY(!record->stalled());
        trigger(workspace, "run.continue");
        QTRY_VERIFY_WITH_TIMEOUT(record->state() == RunState::Running && record->steps().size() > steps,
                                 kLong);
        trigger(workspace, "run.stop");
        QCOMPARE(record->state(), RunState::Stopping);
        QTRY_VERIFY_WITH_TIMEOUT(!workspace.running(), kLong);
        QCOMPARE(record->state(), RunState::Stopped);
        QVERIFY(record->lastCheckpoint() > 0);
        QVERIFY(enabled(workspace, "run.resume"));
        const auto before = record->steps().size();
        trigger(workspace, "run.resume");
        QCOMPARE(workspace.current(), record);
        QCOMPARE(record->state(), RunState::Starting);
        QTRY_VERIFY_WITH_TIMEOUT(record->state() == RunState::Running && record->steps().size() > before + 3,
                                 kLong);
        QVERIFY(record->ghost().empty());  // it stopped at its checkpoint: nothing was lost
        for (std::size_t i = 1; i < record->steps().size(); ++i)
            QVERIFY(record->steps().step[i] - record->steps().step[i - 1] <= 1);
        trigger(workspace, "run.stop");
        QTRY_COMPARE_WITH_TIMEOUT(record->state(), RunState::Stopped, kLong);
    }

    void killedAndResumed() {
        NEEDS_ENGINE();
        Workspace workspace(m_home.runs());
        QSignalSpy told(&workspace, &Workspace::told);
        auto spec = smallSpec(60, (m_home.runs() / "killed").string());
        spec["set"]["checkpoint_seconds"] = 0.05;
        workspace.start(spec);
        QTRY_VERIFY_WITH_TIMEOUT(learning(workspace) && workspace.current()->lastCheckpoint() > 0, kLong);
        auto* record = workspace.current();
        ::kill(static_cast<pid_t>(workspace.engine().processId()), SIGKILL);
        QTRY_COMPARE_WITH_TIMEOUT(record->state(), RunState::Interrupted, 20000);
        QTRY_COMPARE(told.size(), 1);
        QVERIFY2(told[0][0].toString().contains("signal 9"), qPrintable(told[0][0].toString()));
        QVERIFY(told[0][1].toBool());
        QCOMPARE(told[0][2].toString(), QString("run.resume"));
        QVERIFY(!workspace.running() && record->resumable());
        const auto seen = record->steps().step.back();

        // Looking at another run in between does not lose the one that died.
        workspace.open(m_home.runs() / "short");
        QVERIFY(workspace.current() != record);
        QVERIFY2(workspace.actions().action("run.resume")->text().contains("killed"),
                 qPrintable(workspace.actions().action("run.resume")->text()));
        trigger(workspace, "run.resume");
        QCOMPARE(workspace.current()->path(), m_home.runs() / "killed");
        record = workspace.current();
        QTRY_VERIFY_WITH_TIMEOUT(!workspace.running(), kLong);
        QCOMPARE(record->state(), RunState::Finished);
        QCOMPARE(record->steps().step.back(), 60.0);
        for (std::size_t i = 1; i < record->steps().size(); ++i)
            QVERIFY(record->steps().step[i] >= record->steps().step[i - 1]);
        if (!record->ghost().empty()) QVERIFY(record->ghost().step.back() <= seen);
        QCOMPARE(told.size(), 1);
    }

    void lookingAtAnotherRunLeavesTheRunningOneRunning() {
        NEEDS_ENGINE();
        Workspace workspace(m_home.runs());
        workspace.start(longSpec(m_home.runs() / "background"));
        QTRY_VERIFY_WITH_TIMEOUT(learning(workspace), kLong);
        auto* record = workspace.current();
        workspace.open(m_home.runs() / "short");
        QVERIFY(workspace.current() != record);
        QCOMPARE(workspace.running(), record);
        QTRY_COMPARE(workspace.current()->state(), RunState::Finished);
        const auto steps = record->steps().size();
        QTRY_VERIFY_WITH_TIMEOUT(record->steps().size() > steps + 2, kLong);
        QSignalSpy told(&workspace, &Workspace::told);
        workspace.start(smallSpec(6));
        QCOMPARE(told.size(), 1);
        QVERIFY2(told[0][0].toString().contains("busy"), qPrintable(told[0][0].toString()));
        QCOMPARE(workspace.running(), record);
        workspace.open(m_home.runs() / "background");
        QCOMPARE(workspace.current(), record);

        // A command that is refused says nothing of the run.
        workspace.engine().send({{"command", "generate"}, {"model", "starter"}, {"prompt", "The"}});
        QTest::qWait(500);
        QCOMPARE(record->state(), RunState::Running);
        trigger(workspace, "run.stop");
        QTRY_COMPARE_WITH_TIMEOUT(record->state(), RunState::Stopped, kLong);
    }

    void twoWindowsOnOneRun() {
        NEEDS_ENGINE();
        Workspace first(m_home.runs()), second(m_home.runs());
        first.start(longSpec(m_home.runs() / "shared"));
        QTRY_VERIFY_WITH_TIMEOUT(learning(first), kLong);
        second.open(m_home.runs() / "shared");
        QTRY_VERIFY_WITH_TIMEOUT(second.current()->state() == RunState::Running, 20000);
        QVERIFY(second.current()->ownedElsewhere() && !second.running());
        QVERIFY(!enabled(second, "run.pause") && !enabled(second, "run.stop") &&
                !enabled(second, "run.resume"));
        const auto steps = second.current()->steps().size();
        QTRY_VERIFY_WITH_TIMEOUT(second.current()->steps().size() > steps + 2, kLong);
        // It cannot be taken over, and is looked at further on.
        second.resume(m_home.runs() / "shared");
        QTRY_VERIFY_WITH_TIMEOUT(!second.running(), kLong);
        QTRY_VERIFY_WITH_TIMEOUT(second.current()->ownedElsewhere(), 20000);
        QCOMPARE(textAt(*second.current()->error(), "code"), QString("locked"));
        trigger(first, "run.pause");
        QTRY_COMPARE_WITH_TIMEOUT(second.current()->state(), RunState::Paused, kLong);
        ::kill(static_cast<pid_t>(first.engine().processId()), SIGKILL);
        QTRY_COMPARE_WITH_TIMEOUT(second.current()->state(), RunState::Interrupted, 20000);
        QTRY_COMPARE_WITH_TIMEOUT(first.current()->state(), RunState::Interrupted, 20000);
        QVERIFY(enabled(second, "run.resume"));
    }

    void whatIsRefusedIsTold() {
        NEEDS_ENGINE();
        Workspace workspace(m_home.runs());
        QSignalSpy refused(&workspace, &Workspace::startRefused);
        auto spec = smallSpec(6);
        spec["sparsity"] = 1.7;
        workspace.start(spec);
        QTRY_COMPARE_WITH_TIMEOUT(refused.size(), 1, kLong);
        QCOMPARE(textAt(refused[0][0].value<Json>(), "where"), QString("sparsity"));
        QVERIFY(!workspace.running() && !workspace.current() && !workspace.engine().busy());
        spec = smallSpec(6);
        spec["model"] = "/no/such/model";
        workspace.start(spec);
        QTRY_COMPARE_WITH_TIMEOUT(refused.size(), 2, kLong);
        QVERIFY(errorSentence(refused[1][0].value<Json>()).contains("/no/such/model"));
        QTRY_VERIFY(!workspace.running() && !workspace.engine().busy());
        workspace.start(smallSpec(2, (m_home.runs() / "after").string()));
        QTRY_VERIFY_WITH_TIMEOUT(workspace.current() && workspace.current()->state() == RunState::Finished,
                                 kLong);
    }

    void aRunThatCannotBeResumed() {
        NEEDS_ENGINE();
        const MadeRun run(m_home.runs() / "damaged");
        run.file("spec.json", "{}");
        Workspace workspace(m_home.runs());
        workspace.open(run.path());
        QTRY_VERIFY(!workspace.current()->problem().isEmpty());
        QVERIFY(!enabled(workspace, "run.resume"));
        workspace.resume(run.path());
        QTRY_VERIFY_WITH_TIMEOUT(!workspace.running(), kLong);
        QVERIFY(workspace.current()->error());
        QVERIFY(!workspace.current()->resumable());
    }

    void withoutAnEngine() {
        const auto before = qgetenv("TESSERA_CLI");
        qputenv("TESSERA_CLI", (m_home / "nothing").c_str());
        Workspace workspace(m_home.runs());
        QSignalSpy told(&workspace, &Workspace::told);
        workspace.start(smallSpec(6));
        workspace.resume(m_home.runs() / "short");
        QCOMPARE(told.size(), 2);
        QVERIFY(told[0][0].toString().contains("missing"));
        QVERIFY(!workspace.running());
        qputenv("TESSERA_CLI", before);
    }

    /// The window goes, by its own end or killed; the engine stops with a checkpoint by itself.
    void anEngineLeftAloneKeepsACheckpoint_data() {
        QTest::addColumn<QString>("how");
        QTest::newRow("the workspace is closed") << "close";
        QTest::newRow("the program ends") << "quit";
        QTest::newRow("the program is killed") << "kill";
    }
    void anEngineLeftAloneKeepsACheckpoint() {
        NEEDS_ENGINE();
        QFETCH(QString, how);
        const auto run = m_home.runs() / ("left-" + how.toStdString());
        if (how == "close") {
            Workspace workspace(m_home.runs());
            workspace.start(longSpec(run));
            QTRY_VERIFY_WITH_TIMEOUT(learning(workspace), kLong);
        } else {
            QProcess window;
            auto environment = QProcessEnvironment::systemEnvironment();
            environment.insert(kLeave, QString::fromStdString(run.string()));
            if (how == "kill") environment.insert(kStay, "1");
            window.setProcessEnvironment(environment);
            window.start(QCoreApplication::applicationFilePath(), QStringList());
            if (how == "kill") {
                QTRY_VERIFY_WITH_TIMEOUT(fs::exists(run / "plan.json"), kLong);
                QTest::qWait(500);
                window.kill();
            }
            QVERIFY(window.waitForFinished(kLong));
        }
        QTRY_COMPARE_WITH_TIMEOUT(QString::fromStdString(statusOf(run)), QString("stopped"), 60000);
        QVERIFY(RunDirectory::open(run).latestCheckpoint()->step > 0);
    }
};

int main(int argc, char** argv) {
    if (const auto run = qEnvironmentVariable(kLeave); !run.isEmpty())
        return leaveInTheMiddle(argc, argv, run);
    QApplication app(argc, argv);
    QCoreApplication::setOrganizationName("tessera-test");
    QCoreApplication::setApplicationName("workspace");
    WorkspaceTest test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_workspace.moc"
