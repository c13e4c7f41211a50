// The page shows the run that there is, and goes on with it.
#include <QAction>
#include <QComboBox>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>
#include <cmath>

#include "ui/client/client_support.h"
#include "ui/client/libraries.h"
#include "ui/run/draft_view.h"
#include "ui/run/layer_strip.h"
#include "ui/run/live_view.h"
#include "ui/run/remedies.h"
#include "ui/run/run_charts.h"
#include "ui/run/run_form.h"
#include "ui/run/run_outcome.h"
#include "ui/run/run_page.h"
#include "ui/run/run_progress.h"
#include "ui/run/run_widgets.h"
#include "ui/widgets/curve_plot.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;

namespace {

QStringList buttonTexts(const QWidget& root) {
    QStringList list;
    for (const auto* each : root.findChildren<QPushButton*>())
        if (each->isVisibleTo(&root)) list << each->text();
    return list;
}

Json layersEvent(std::int64_t step, double first, double second) {
    return {{"type", "layers"},
            {"time", "2026-01-31T12:00:00Z"},
            {"step", step},
            {"layers",
             {{{"name", "model.layers.0.self_attn.q_proj.weight"}, {"density", first}},
              {{"name", "model.layers.1.mlp.up_proj.weight"}, {"density", second}}}}};
}

}  // namespace

class RunPageTest : public QObject {
    Q_OBJECT

    Home m_home;

    void event(RunRecord& record, const Json& json) { record.apply({json["type"].get<std::string>(), json}); }

    /// A page on a run directory made by hand.
    struct Opened {
        Workspace workspace;
        RunPage page;
        Opened(const std::filesystem::path& runs, const std::filesystem::path& run)
            : workspace(runs), page((workspace.open(run), workspace)) {
            page.resize(1180, 720);
            page.show();
            QElapsedTimer timer;
            timer.start();
            while (!workspace.current()->caughtUp() && timer.elapsed() < 20000) {
                workspace.current()->catchUp(20);
                QTest::qWait(2);
            }
            QTest::qWait(50);
        }
    };

  private Q_SLOTS:
    void initTestCase() {
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                           QString::fromStdString((m_home / "settings").string()));
    }

    void eventsDriveTheCharts() {
        Actions actions;
        RunRecord record;
        record.begin({{"model", "starter"}, {"method", "leap"}, {"sparsity", 0.6}, {"steps", 100}});
        RunCharts charts(actions);
        charts.resize(900, 600);
        charts.show();
        charts.setRecord(&record);
        connect(&record, &RunRecord::changed, &charts, [&] { charts.refresh(); });
        auto& plot = charts.plot();
        QTest::qWait(100);
        QCOMPARE(plot.xRange(), std::pair(0.0, 100.0));  // the whole run, before its first point
        for (int step = 1; step <= 40; ++step) event(record, stepEvent(step, 100, 5.0 - step * 0.05));
        event(record, layersEvent(10, 0.75, 0.25));
        event(record, layersEvent(20, 0.5, 0.25));
        record.flush();
        QTest::qWait(100);
        QCOMPARE(plot.valueAt(0, 40), (5.0 - 40 * 0.05) / 2);  // the cross-entropy
        QCOMPARE(plot.valueAt(1, 40), 1 - 1 / (1 + 40.0 / 1000));
        auto* quantity = charts.findChild<QComboBox*>();
        quantity->setCurrentIndex(2);
        QCOMPARE(plot.valueAt(0, 40), 5.0 - 40 * 0.05);  // the whole objective
        quantity->setCurrentIndex(0);
        LayerStrip* strip = nullptr;
        for (int i = 0; i < plot.canvas()->plottableCount(); ++i)
            if (auto* found = qobject_cast<LayerStrip*>(plot.canvas()->plottable(i))) strip = found;
        QVERIFY(strip);
        QCOMPARE(strip->readOut(11, 0.5), QStringLiteral("block 0 self_attn.q: 25.0 % zero at step 10"));
        QCOMPARE(strip->readOut(19, 1.5), QStringLiteral("block 1 mlp.up: 75.0 % zero at step 20"));
        QCOMPARE(strip->rangeText(), QStringLiteral("Kept in each block, from 25 % (paper) to 75 % (ink)"));
        // Going on behind a checkpoint: the cut part is a ghost, what comes is new.
        event(record, {{"type", "resumed"}, {"step", 30}});
        for (int step = 31; step <= 35; ++step) event(record, stepEvent(step, 100, 9));
        record.flush();
        QTest::qWait(100);
        QCOMPARE(plot.valueAt(0, 35), 4.5);
        QCOMPARE(plot.valueAt(0, 99), 4.5);  // nothing of the old end is left
        QVERIFY(QString::fromUtf8(plot.toText(',')).contains(QLatin1String("Before resuming")));
        charts.setRecord(nullptr);
        QVERIFY(std::isnan(plot.valueAt(0, 35)));
    }

    void progressFollowsThePhases() {
        RunRecord record;
        record.begin({{"model", "starter"}, {"method", "leap"}, {"sparsity", 0.6}});
        RunProgress progress;
        progress.setRecord(&record);
        progress.show();
        const auto texts = [&] {
            QStringList all;
            for (const auto* label : progress.findChildren<QLabel*>())
                if (!label->isHidden() && !label->text().isEmpty()) all << label->text();
            return all;
        };
        QVERIFY(texts().contains(QStringLiteral("Starting")));
        event(record, {{"type", "state"}, {"state", "running"}});
        event(record, {{"type", "phase"}, {"phase", "learn"}});
        for (int step = 1; step <= 30; ++step) event(record, stepEvent(step, 300, 5));
        progress.refresh();
        QVERIFY2(texts().contains(QStringLiteral("Step 30 of 300")),
                 qPrintable(texts().join(QLatin1Char('|'))));
        QVERIFY(texts().join(QLatin1Char('|')).contains(QLatin1String("left, this phase")));
        QVERIFY(texts().join(QLatin1Char('|')).contains(QLatin1String("tokens/s")));
        const auto described = [&](const QString& name) {
            for (const auto* label : progress.findChildren<QLabel*>())
                if (label->text() == name) return label->accessibleDescription();
            return QString();
        };
        QCOMPARE(described(QStringLiteral("Prior")), QStringLiteral("done"));
        QCOMPARE(described(QStringLiteral("Learn")), QStringLiteral("under way"));
        QCOMPARE(described(QStringLiteral("Harden")), QStringLiteral("to come"));
        event(record, {{"type", "state"}, {"state", "stopped"}});
        progress.refresh();
        QCOMPARE(described(QStringLiteral("Learn")), QStringLiteral("ended here"));
        QVERIFY(!texts()
                     .join(QLatin1Char('|'))
                     .contains(QLatin1String("tokens/s")));  // no pace of what does not move
    }

    void endedRunsOfferWhatCanBeDone() {
        const MadeRun failed(m_home.runs() / "failed");
        failed.add(stateEvent("running"));
        for (int step = 1; step <= 5; ++step) failed.add(stepEvent(step, 1000, 4));
        failed.add({{"type", "error"},
                    {"code", "out_of_memory"},
                    {"summary", "no memory is left"},
                    {"where", "learn"},
                    {"remedies",
                     {{{"text", "learn with fewer windows at a time: --set batch=1"},
                       {"option", "batch"},
                       {"value", "1"}}}}});
        Opened opened(m_home.runs(), failed.path());
        QVERIFY(!opened.workspace.drafting());
        auto texts = buttonTexts(opened.page);
        QVERIFY(texts.contains(QStringLiteral("Learn with fewer windows at a time")));
        QVERIFY(texts.contains(QStringLiteral("Begin again")));  // it has no checkpoint
        QVERIFY(!texts.contains(QStringLiteral("Pause")) && !texts.contains(QStringLiteral("Stop")));
        button(opened.page, QStringLiteral("Learn with fewer windows at a time"))->click();
        QVERIFY(opened.workspace.drafting());
        auto* draft = opened.page.findChild<DraftView*>();
        QVERIFY(draft->isVisible());
        const auto spec = draft->form().spec();
        QCOMPARE(spec["set"]["batch"].get<std::string>(), std::string("1"));
        QCOMPARE(spec["steps"].get<int>(), 1000);
        QCOMPARE(spec["sparsity"].get<double>(), 0.6);
        button(opened.page, QStringLiteral("Back to failed"))->click();
        QVERIFY(opened.page.findChild<LiveView*>()->isVisible());
    }

    void anEngineThatDiedIsNamedAndTheSmoothingStays() {
        RunRecord record;
        Actions actions;
        RunCharts charts(actions);
        charts.show();
        const MadeRun run(m_home.runs() / "killed");
        run.add(stateEvent("running"));
        for (int step = 1; step <= 50; ++step) run.add(stepEvent(step, 5000, 4));
        record.follow(run.path());
        charts.setRecord(&record);
        connect(&record, &RunRecord::changed, &charts, [&] { charts.refresh(); });
        QVERIFY(readWhole(record));
        record.flush();
        const double smoothing = charts.plot().smoothing();
        QVERIFY(smoothing > 50);  // as suits 5000 steps, not the 50 that are there
        // Between going on and the first step nobody knows how many steps there are.
        record.goOn();
        QVERIFY(readWhole(record));
        record.flush();
        QCOMPARE(charts.plot().smoothing(), smoothing);
        QCOMPARE(record.engineEnd(), QString());
        record.engineDone(QStringLiteral("The engine was killed (signal 9)."));
        QCOMPARE(record.state(), RunState::Interrupted);
        QCOMPARE(record.engineEnd(), QStringLiteral("The engine was killed (signal 9)."));
        record.goOn();
        QCOMPARE(record.engineEnd(), QString());
        charts.setRecord(nullptr);
    }

    void finishedRunsLeadOn() {
        const MadeRun made(m_home.runs() / "finished");
        made.add(stateEvent("running"));
        for (int step = 1; step <= 5; ++step) made.add(stepEvent(step, 5, 4));
        made.add(stateEvent("finished"));
        made.file(
            "result.json",
            R"({"type":"result","run":"x","sparsity":{"target":0.6,"achieved":0.6},)"
            R"("perplexity":{"dense":10.0,"pruned":12.5,"window":64},"seconds":{"load":1.0,"learn":64.0},)"
            R"("peak_bytes":1073741824,"steps":5})");
        Opened opened(m_home.runs(), made.path());
        QString all;
        for (const auto* label : opened.page.findChild<RunOutcome*>()->findChildren<QLabel*>())
            all += label->text() + QLatin1Char('|');
        for (const char* part : {"60.0 %", "10.00 → 12.50", "+25.0 %", "1 min 05 s", "1.00 GiB", "5 steps"})
            QVERIFY2(all.contains(QString::fromUtf8(part)), qPrintable(all));
        QSignalSpy wanted(&opened.workspace, &Workspace::pageWanted);
        const std::pair<QString, PageId> ways[] = {
            {QStringLiteral("Inspect the mask"), PageId::Inspect},
            {QStringLiteral("Benchmark and report"), PageId::Benchmark},
            {QStringLiteral("Playground"), PageId::Playground}};
        for (const auto& [text, page] : ways) {
            button(opened.page, text)->click();
            QCOMPARE(wanted.last()[0].value<PageId>(), page);
        }
        auto* live = opened.page.findChild<LiveView*>();
        button(*live, QStringLiteral("Copy command line"))->click();
        QVERIFY(QGuiApplication::clipboard()->text().startsWith(
            QLatin1String("tessera-cli run --model starter --method leap")));
        button(opened.page, QStringLiteral("Run again with..."))->click();
        QVERIFY(opened.workspace.drafting());
        QCOMPARE(opened.page.findChild<DraftView*>()->form().spec()["set"]["batch"].get<std::string>(),
                 std::string("2"));
    }

    void foreignFoldersGetASentence() {
        std::filesystem::create_directories(m_home.runs() / "foreign");
        Workspace workspace(m_home.runs());
        workspace.open(m_home.runs() / "foreign");
        RunPage page(workspace);
        page.resize(1180, 720);
        page.show();
        QTRY_VERIFY(!workspace.current()->problem().isEmpty());
        QTRY_VERIFY(page.settled());
        QString all;
        for (const auto* label : page.findChildren<QLabel*>())
            if (label->isVisibleTo(&page)) all += label->text();
        QVERIFY(all.contains(workspace.current()->problem()));
    }

    void whatTheEngineRefusesIsSaidAtItsField() {
        Workspace workspace(m_home.runs());
        workspace.chooseModel(QStringLiteral("starter"));
        RunPage page(workspace);
        page.show();
        Q_EMIT workspace.startRefused(
            {{"type", "error"},
             {"code", "invalid_input"},
             {"summary", "the model reads at most 256 tokens, 512 are asked for"},
             {"where", "context"},
             {"remedies", {{{"text", "give at most 256"}, {"option", "context"}, {"value", "256"}}}}});
        auto* draft = page.findChild<DraftView*>();
        QCOMPARE(problems(*draft),
                 QStringList{QStringLiteral("The model reads at most 256 tokens, 512 are asked for.")});
        button(*draft, QStringLiteral("Give at most 256"))->click();
        QCOMPARE(draft->form().spec()["set"]["context"].get<std::string>(), std::string("256"));
        QVERIFY(problems(*draft).isEmpty());
    }

    void enterStartsAndTheStatesDriveTheButtons() {
        NEEDS_ENGINE();
        Workspace workspace(m_home.runs());
        workspace.chooseModel(QStringLiteral("starter"));
        RunPage page(workspace);
        page.resize(1180, 720);
        page.show();
        QVERIFY(QTest::qWaitForWindowExposed(&page));
        auto* draft = page.findChild<DraftView*>();
        draft->form().setSpec(smallSpec(100000));
        QCOMPARE(page.firstFocus()->property("text").toString(), QStringLiteral("Start"));
        // A preflight of a run that is about to start is given up.
        QTest::keyClick(page.firstFocus(), Qt::Key_Return);
        QVERIFY(workspace.running());
        auto* live = page.findChild<LiveView*>();
        QVERIFY(live->isVisible());
        QCOMPARE(page.window()->focusWidget(), static_cast<QWidget*>(live->charts().plot().canvas()));
        QVERIFY(!workspace.actions().action(QStringLiteral("run.start"))->isEnabled());
        const auto learning = [&] { return workspace.running() && workspace.running()->steps().size() > 3; };
        QTRY_VERIFY_WITH_TIMEOUT(learning(), 120000);
        QVERIFY(buttonTexts(*live).contains(QStringLiteral("Pause")));
        QTRY_VERIFY(live->charts().plot().valueAt(0, 1e9) > 0);
        button(*live, QStringLiteral("Pause"))->click();
        QVERIFY2(buttonTexts(*live).contains(QStringLiteral("Pausing after this step…")),
                 qPrintable(buttonTexts(*live).join(QLatin1Char('|'))));
        QTRY_VERIFY_WITH_TIMEOUT(button(*live, QStringLiteral("Continue")), 30000);
        QVERIFY(!buttonTexts(*live).contains(QStringLiteral("Pause")));
        button(*live, QStringLiteral("Continue"))->click();
        QTRY_VERIFY_WITH_TIMEOUT(button(*live, QStringLiteral("Pause")), 30000);
        button(*live, QStringLiteral("Stop"))->click();
        QVERIFY(buttonTexts(*live).contains(QStringLiteral("Stopping, writing a checkpoint…")));
        QTRY_VERIFY_WITH_TIMEOUT(!workspace.running(), 60000);
        QTRY_VERIFY_WITH_TIMEOUT(buttonTexts(*live).filter(QStringLiteral("Resume from step")).size() == 1,
                                 30000);
        QVERIFY(!buttonTexts(*live).contains(QStringLiteral("Stop")));
    }

    void everyControlHasAName() {
        Workspace workspace(m_home.runs());
        workspace.chooseModel(QStringLiteral("starter"));
        RunPage page(workspace);
        page.show();
        for (auto* toggle : page.findChildren<QToolButton*>())
            if (toggle->isCheckable()) toggle->setChecked(true);
        for (const auto* widget : page.findChildren<QWidget*>()) {
            const bool control =
                qobject_cast<const QAbstractButton*>(widget) || qobject_cast<const QComboBox*>(widget) ||
                qobject_cast<const QAbstractSpinBox*>(widget) ||
                qobject_cast<const QAbstractSlider*>(widget) || qobject_cast<const QLineEdit*>(widget);
            if (!control || widget->objectName().startsWith(QLatin1String("qt_")) ||
                qobject_cast<const QComboBox*>(widget->parent()) ||
                qobject_cast<const QAbstractSpinBox*>(widget->parent()) ||
                qobject_cast<const QLineEdit*>(widget->parent()) || widget->inherits("QScrollBar"))
                continue;
            const auto* text = qobject_cast<const QAbstractButton*>(widget);
            QVERIFY2(!widget->accessibleName().isEmpty() || (text && !text->text().isEmpty()),
                     qPrintable(QLatin1String(widget->metaObject()->className()) + QLatin1Char(' ') +
                                widget->objectName()));
        }
    }
};

QTEST_MAIN(RunPageTest)
#include "tst_run_page.moc"
