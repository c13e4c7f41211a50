// The page over a folder of runs: read, checked, pinned, filtered and copied as people do it.
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QLineEdit>
#include <QSettings>
#include <QSignalSpy>
#include <QTabWidget>
#include <QTest>
#include <cmath>
#include <fstream>

#include "core/session/run_directory.h"
#include "support/support.h"
#include "ui/client/libraries.h"
#include "ui/client/own_settings.h"
#include "ui/compare/compare_page.h"
#include "ui/compare/curves_panel.h"
#include "ui/compare/difference_views.h"
#include "ui/compare/runs_table.h"
#include "ui/shell/layout_check.h"
#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/curve_plot.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::ui;
namespace fs = std::filesystem;

namespace {

struct Made {
    std::string method = "leap";
    int steps = 40;
    double perplexity = 25, density = 0.3;
    int window = 256;
    bool finished = true;
};

void makeRun(const fs::path& folder, const Made& made) {
    ExperimentSpec spec;
    spec.model = "starter";
    spec.method = made.method;
    spec.pattern = "unstructured";
    spec.sparsity = 0.7;
    if (made.steps > 0) spec.steps = made.steps;
    const auto run = RunDirectory::create(folder, spec, {{"model", "abc"}, {"text", "def"}});
    std::ofstream events(run.eventsPath());
    events << Json{{"type", "state"},
                   {"state", "running"},
                   {"run", folder.string()},
                   {"spec", spec.toJson()},
                   {"options", spec.set.effective()}}
                  .dump()
           << '\n';
    for (int step = 1; step <= made.steps; ++step)
        events << Json{{"type", "step"},
                       {"unit", "step"},
                       {"step", step},
                       {"steps", made.steps},
                       {"loss", 3 + std::exp(-step / 9.0)},
                       {"ce", 3.0},
                       {"kl", 0.1},
                       {"density", made.density},
                       {"tau", 1.0},
                       {"kappa", 1.0},
                       {"lr", 1e-3},
                       {"tokens", step * 100},
                       {"seconds", 0.5}}
                      .dump()
               << '\n';
    if (!made.finished) return;
    events << Json{{"type", "state"}, {"state", "finished"}}.dump() << '\n';
    Json matrices = Json::array();
    for (int block = 0; block < 2; ++block)
        for (const char* name : {"self_attn.q_proj", "mlp.up_proj"})
            matrices.push_back({{"name", "model.layers." + std::to_string(block) + "." + name + ".weight"},
                                {"rows", 64},
                                {"cols", 64},
                                {"sparsity", 1 - made.density}});
    run.writeResult({{"sparsity", {{"target", 0.7}, {"achieved", 1 - made.density}}},
                     {"perplexity",
                      {{"dense", 20.0},
                       {"pruned", made.perplexity},
                       {"window", made.window},
                       {"windows", 20},
                       {"text", "the default text's held-out part"}}},
                     {"seconds", {{"learn", 60.0}}},
                     {"matrices", matrices}});
}

}  // namespace

class ComparePageTest : public QObject {
    Q_OBJECT

    test::Scratch m_scratch;
    int m_count = 0;

    fs::path folder() { return m_scratch / ("runs" + std::to_string(++m_count)); }

    static void settle(ComparePage& page) {
        page.show();
        QTRY_VERIFY_WITH_TIMEOUT(page.settled(), 20000);
        QTest::qWait(50);
    }

  private Q_SLOTS:
    void initTestCase() {
        qputenv("TESSERA_DATA_HOME", (m_scratch / "data").c_str());
        test::useOwnSettings(m_scratch / "settings", "compare-page");
        Theme::instance();
    }
    void init() { QSettings().clear(); }

    void anEmptyFolderSaysWhatWillBeHere() {
        Workspace workspace(folder());
        ComparePage page(workspace);
        QSignalSpy wanted(&workspace, &Workspace::pageWanted);
        settle(page);
        const auto buttons = page.findChildren<QPushButton*>();
        const auto visible =
            std::find_if(buttons.begin(), buttons.end(), [](auto* b) { return b->isVisible(); });
        QVERIFY(visible != buttons.end());
        (*visible)->click();
        QCOMPARE(wanted.size(), 1);
        QCOMPARE(wanted[0][0].value<PageId>(), PageId::Home);
    }

    void runsAreReadDrawnAndCompared() {
        const auto runs = folder();
        makeRun(runs / "leap", {});
        makeRun(runs / "wanda", {.method = "wanda", .steps = 0, .perplexity = 30});
        makeRun(runs / "going", {.steps = 7, .finished = false});
        fs::create_directories(runs / "torn");
        std::ofstream(runs / "torn" / "spec.json") << "{";
        Workspace workspace(runs);
        ComparePage page(workspace);
        settle(page);
        QCOMPARE(page.model().rowCount(), 4);
        auto& table = *page.findChild<RunsTable*>();
        const auto id = [&](const char* name) { return QString::fromStdString((runs / name).string()); };
        // The finished ones are drawn by themselves; one that cannot be read cannot be.
        QVERIFY(page.selection().isChecked(id("leap")));
        QVERIFY(page.selection().isChecked(id("wanda")));
        QVERIFY(!page.selection().isChecked(id("going")));
        QCOMPARE(page.model().find(id("torn"))->status, QString("unreadable"));
        QVERIFY(!page.model().find(id("torn"))->problem.isEmpty());

        auto& curves = *page.findChild<CurvesPanel*>();
        QCOMPARE(curves.plot().curves(), 4);  // two runs, loss and sparsity
        QVERIFY(std::abs(curves.plot().valueAt(0, 40) - (3 + std::exp(-40 / 9.0))) < 1e-9 ||
                std::abs(curves.plot().valueAt(2, 40) - (3 + std::exp(-40 / 9.0))) < 1e-9);
        page.selection().setChecked(id("wanda"), false);
        QCOMPARE(curves.plot().curves(), 2);
        QVERIFY(std::abs(curves.plot().valueAt(1, 3) - 70) < 1e-9);  // percent
        // Over time: forty steps of half a second.
        const auto boxes = curves.findChildren<QComboBox*>();
        boxes[1]->setCurrentIndex(2);
        QTRY_VERIFY2(std::abs(curves.plot().xRange().second - 20) < 3,
                     qPrintable(QString::number(curves.plot().xRange().second)));
        boxes[1]->setCurrentIndex(1);
        QTRY_VERIFY(std::abs(curves.plot().xRange().second - 4000) < 500);
        boxes[1]->setCurrentIndex(0);

        // Space draws, B pins, and once more unpins.
        const auto rowOf = [&](const char* name) {
            for (int row = 0; row < table.model()->rowCount(); ++row)
                if (table.model()->index(row, 0).data().toString() == QLatin1String(name)) return row;
            return -1;
        };
        table.setFocus();
        table.setCurrentIndex(table.model()->index(rowOf("going"), 0));
        QTest::keyClick(&table, Qt::Key_Space);
        QVERIFY(page.selection().isChecked(id("going")));
        QTRY_VERIFY(page.settled());
        QCOMPARE(curves.plot().curves(), 4);
        QTest::keyClick(&table, Qt::Key_Space);
        QVERIFY(!page.selection().isChecked(id("going")));
        table.setCurrentIndex(table.model()->index(rowOf("torn"), 0));
        QTest::keyClick(&table, Qt::Key_Space);
        QTest::keyClick(&table, Qt::Key_B);
        QVERIFY(!page.selection().isChecked(id("torn")));
        QVERIFY(page.selection().baseline().isEmpty());
        table.setCurrentIndex(table.model()->index(rowOf("wanda"), 0));
        QTest::keyClick(&table, Qt::Key_B);
        QCOMPARE(page.selection().baseline(), id("wanda"));
        QCOMPARE(table.model()->index(rowOf("leap"), RunsModel::Change).data().toString(), QString("−5.00"));
        QTest::keyClick(&table, Qt::Key_B);
        QVERIFY(page.selection().baseline().isEmpty());
        QCOMPARE(table.model()->index(rowOf("leap"), RunsModel::Change).data().toString(), QString("+5.00"));

        // Enter opens.
        QSignalSpy wanted(&workspace, &Workspace::pageWanted);
        table.setCurrentIndex(table.model()->index(rowOf("leap"), 0));
        QTest::keyClick(&table, Qt::Key_Return);
        QCOMPARE(wanted.size(), 1);
        QVERIFY(workspace.current());

        // A click on the box, and on the header.
        const auto cell = table.visualRect(table.model()->index(rowOf("leap"), 0));
        QTest::mouseClick(table.viewport(), Qt::LeftButton, {}, {cell.left() + 14, cell.center().y()});
        QVERIFY(!page.selection().isChecked(id("leap")));
        table.sortByColumn(RunsModel::Perplexity, Qt::DescendingOrder);
        QCOMPARE(table.model()->index(0, 0).data().toString(), QString("wanda"));

        page.findChild<QLineEdit*>()->setText("leap finished");
        QCOMPARE(table.model()->rowCount(), 1);
        table.copy(true);
        const auto lines = QApplication::clipboard()->text().split('\n', Qt::SkipEmptyParts);
        QCOMPARE(lines.size(), 2);
        QVERIFY(lines[1].startsWith(
            "leap\tstarter\tleap\tunstructured\t0.7\t0.7\t25\t20\t5\t0.25\tdense\t60\tfinished"));
    }

    void whatCannotBeComparedIsSaid() {
        const auto runs = folder();
        makeRun(runs / "a", {});
        makeRun(runs / "b", {});
        makeRun(runs / "other", {.window = 512});
        Workspace workspace(runs);
        ComparePage page(workspace);
        settle(page);
        auto& banner = *page.findChild<Banner*>();
        QVERIFY(banner.isVisible());
        QVERIFY(banner.accessibleDescription().contains("windows of 512 instead of 256 tokens"));
        page.selection().setChecked(QString::fromStdString((runs / "other").string()), false);
        QVERIFY(!banner.isVisible());
    }

    void densitiesAndSettingsOfTheCheckedRuns() {
        const auto runs = folder();
        makeRun(runs / "a", {.density = 0.4});
        makeRun(runs / "b", {.method = "wanda", .steps = 0, .density = 0.3});
        Workspace workspace(runs);
        ComparePage page(workspace);
        settle(page);
        auto& view = *page.findChild<DensityView*>();
        page.selection().setBaseline(QString::fromStdString((runs / "b").string()));
        QCOMPARE(view.grid().blocks.size(), std::size_t(2));
        QVERIFY(std::abs(view.grid().means[0].difference() - 0.1) <
                1e-9);  // what a has more than the pinned one
        const auto tables = page.findChild<SettingsView*>()->findChildren<QTableView*>();
        QStringList names;
        for (int row = 0; row < tables[0]->model()->rowCount(); ++row)
            names << tables[0]->model()->headerData(row, Qt::Vertical).toString();
        QVERIFY2(names.contains("Method"), qPrintable(names.join(',')));
        QVERIFY2(!names.contains("Seed"), qPrintable(names.join(',')));
        QVERIFY2(!names.contains("lr"),
                 qPrintable(names.join(',')));  // an option of LEAP alone, at its default
    }

    void aNewRunAppearsAndAGoneOneGoes() {
        const auto runs = folder();
        makeRun(runs / "a", {});
        makeRun(runs / "b", {});
        Workspace workspace(runs);
        ComparePage page(workspace);
        settle(page);
        makeRun(runs / "c", {});
        fs::remove_all(runs / "a");
        workspace.runs().refresh();
        QTRY_VERIFY(page.model().find(QString::fromStdString((runs / "c").string())));
        QVERIFY(!page.model().find(QString::fromStdString((runs / "a").string())));
        QCOMPARE(page.selection().checked().size(), 1);
        QCOMPARE(page.findChild<CurvesPanel*>()->plot().curves(), 2);
    }

    void actionsWorkOnlyWhileItIsSeen() {
        const auto runs = folder();
        makeRun(runs / "a", {});
        Workspace workspace(runs);
        ComparePage page(workspace);
        auto* pin = workspace.actions().action("compare.pin");
        QVERIFY(pin);
        QVERIFY(!pin->isEnabled());
        settle(page);
        QVERIFY(pin->isEnabled());
        QCOMPARE(page.firstFocus(), page.findChild<RunsTable*>());
        pin->trigger();
        QCOMPARE(page.selection().baseline(), QString::fromStdString((runs / "a").string()));
        page.hide();
        QVERIFY(!pin->isEnabled());
    }

    void layoutHolds_data() {
        QTest::addColumn<QSize>("size");
        QTest::newRow("least") << QSize(900, 600);
        QTest::newRow("usual") << QSize(1080, 740);
        QTest::newRow("wide") << QSize(1800, 1000);
    }
    void layoutHolds() {
        QFETCH(QSize, size);
        const auto runs = folder();
        makeRun(runs / "leap-with-a-name-that-is-longer-than-anyone-would-ever-want-to-read", {});
        makeRun(runs / "b", {.perplexity = 412345, .window = 512});
        makeRun(runs / "c", {.finished = false});
        Workspace workspace(runs);
        ComparePage page(workspace);
        page.resize(size);
        settle(page);
        for (auto* tabs : page.findChildren<QTabWidget*>())
            for (int tab = 0; tab < tabs->count(); ++tab) {
                tabs->setCurrentIndex(tab);
                QTest::qWait(20);
                const auto wrong = test::overlaps(&page) + test::clippings(&page);
                QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join('\n')));
            }
    }

    void everyControlHasAName() {
        const auto runs = folder();
        makeRun(runs / "a", {});
        makeRun(runs / "b", {});
        Workspace workspace(runs);
        ComparePage page(workspace);
        settle(page);
        const auto wrong = test::nameless(&page);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join('\n')));
    }
};

QTEST_MAIN(ComparePageTest)
#include "tst_compare_page.moc"
