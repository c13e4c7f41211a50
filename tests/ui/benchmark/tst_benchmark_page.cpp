// The page on runs in every state, on damaged measurements, and on a real run of the starter with the real
// engine.
#include <QAction>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>
#include <fstream>

#include "core/session/run_directory.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/benchmark/result_cards.h"
#include "ui/benchmark/speed_tables.h"
#include "ui/benchmark/task_row.h"
#include "ui/client/client_support.h"
#include "ui/shell/layout_check.h"
#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::ui;
using namespace tessera::test;
namespace fs = std::filesystem;

namespace {

const char* const kBench = R"({"machine":{"cpu":"Some processor"},"rows":[
    {"kernel":"bitmap-60","shape":[512,256],"batch":1,"threads":2,"dense_us":10,"torch_us":30,"sparse_us":5,
     "speedup":2,"ci95":[1.9,2.1],"limit":2.5,"efficiency":0.8}],
    "end_to_end":{"threads":2,"dense_tokens_per_second":100,"sparse_tokens_per_second":131,"speedup":1.31,
                  "ci95":[1.25,1.37],"limit":2}})";
const char* const kResult = R"({"sparsity":{"target":0.6,"achieved":0.6},
    "perplexity":{"dense":20,"pruned":25,"window":64,"windows":2,"text":"t"},"seconds":{"learn":1}})";

}  // namespace

class BenchmarkPageTest : public QObject {
    Q_OBJECT

    Home m_home;

    static void settle(BenchmarkPage& page) {
        page.show();
        QTRY_VERIFY_WITH_TIMEOUT(page.settled(), 20000);
        QTest::qWait(50);
    }
    static QString verdict(const BenchmarkPage& page) {
        for (const auto* label : page.findChildren<QLabel*>())
            if (label->accessibleName() == QLatin1String("Verdict"))
                return label->text().replace(QChar(0xa0), QLatin1Char(' '));
        return {};
    }
    static QPushButton* button(const QWidget& page, const QString& text) {
        for (auto* each : page.findChildren<QPushButton*>())
            if (each->text() == text && each->isVisible()) return each;
        return nullptr;
    }
    static QStringList banners(const BenchmarkPage& page) {
        QStringList told;
        for (const auto* banner : page.findChildren<Banner*>())
            if (banner->isVisible()) told << banner->accessibleDescription();
        return told;
    }

  private Q_SLOTS:
    void initTestCase() {
        test::useOwnSettings(m_home / "settings", "benchmark-page");
        Theme::instance();
    }
    void init() { QSettings().clear(); }

    void withoutARun() {
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        settle(page);
        QVERIFY(button(page, "Go to the runs"));
        QVERIFY(!button(page, "Measure speed"));
        for (const char* id : {"benchmark.measure", "report.html", "report.pdf", "model.export"})
            QVERIFY(!workspace.actions().action(id)->isEnabled());
        workspace.open(m_home / "nothing here");
        QTRY_VERIFY(!workspace.current()->problem().isEmpty());
        QTRY_VERIFY(page.findChild<EmptyState*>()->isVisible());
    }

    void aFinishedRunThatWasNeverMeasured() {
        const MadeRun run(m_home / "fresh");
        run.file("result.json", kResult);
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        workspace.open(run.path());
        settle(page);
        QTRY_VERIFY(button(page, "Measure speed"));
        QVERIFY(verdict(page).endsWith("Its speed is not measured yet."));
        QVERIFY(verdict(page).contains("from 20.00 to 25.00 (+25.0 %)"));
        QVERIFY(!page.findChild<WholeTable*>()->isVisible());
        QVERIFY(button(page, "Make HTML report") && button(page, "Export") &&
                button(page, "Measure perplexity"));
        QVERIFY(workspace.actions().action("report.pdf")->isEnabled());
    }

    void keptMeasurementsAreShownNewestFirst() {
        const MadeRun run(m_home / "measured");
        run.file("result.json", kResult);
        run.file("result-bench-2026-01-31T120000Z.json", kBench);
        auto slower = parseJson(kBench, "test");
        slower["end_to_end"]["speedup"] = 0.8;
        slower["end_to_end"]["ci95"] = {0.7, 0.9};
        run.file("result-bench-2026-02-01T120000Z.json", slower.dump());
        run.file(
            "result-eval-2026-02-01T130000Z.json",
            R"({"perplexity":{"value":33,"window":64,"windows":9},"dense":{"value":30},"text":"/x/poems.txt"})");
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        workspace.open(run.path());
        settle(page);
        QTRY_VERIFY(verdict(page).startsWith("Decoding is slower than dense, 0.80x"));
        auto* choice = [&]() -> QComboBox* {
            for (auto* box : page.findChildren<QComboBox*>())
                if (box->accessibleName() == QLatin1String("Which measurement")) return box;
            return nullptr;
        }();
        QVERIFY(choice && choice->isVisible());
        QCOMPARE(choice->count(), 2);
        QVERIFY(choice->itemText(0).contains("Some processor"));
        QVERIFY(choice->itemText(0).contains("2026"));
        choice->setCurrentIndex(1);
        QVERIFY(verdict(page).startsWith("Decoding is 1.31x as fast as dense"));
        // Speed of the whole and of each shape; no task was measured.
        const auto tables = page.findChildren<WholeTable*>();
        QCOMPARE(tables.size(), 3);
        QVERIFY(tables[0]->isVisible() && tables[1]->isVisible() && !tables[2]->isVisible());
        bool quality = false;
        for (const auto* label : page.findChildren<QLabel*>())
            quality |= label->isVisible() && label->text() == QLatin1String("33.00, dense 30.00 (+10.0 %)");
        QVERIFY(quality);
    }

    void damagedMeasurementsAreASentence() {
        const MadeRun run(m_home / "damaged");
        run.file("result.json", kResult);
        run.file("result-bench-2026-01-31T120000Z.json", kBench);
        run.file("result-bench-2026-02-01T120000Z.json", R"({"rows":[{"kernel":)");
        run.file("result-eval-2026-02-01T120000Z.json", "[]");
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        workspace.open(run.path());
        settle(page);
        QTRY_COMPARE(banners(page).size(), 1);
        QVERIFY(banners(page)[0].contains("result-bench-2026-02-01T120000Z.json"));
        QVERIFY(banners(page)[0].contains("result-eval-2026-02-01T120000Z.json"));
        // The one that can be read is shown.
        QVERIFY(verdict(page).startsWith("Decoding is 1.31x"));
    }

    void unfinishedRunsSaySo() {
        const MadeRun run(m_home / "stopped");
        run.add(stepEvent(3, 10, 4.0));
        run.add(stateEvent("stopped"));
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        workspace.open(run.path());
        settle(page);
        QTRY_COMPARE(banners(page).size(), 1);
        QVERIFY2(banners(page)[0].contains("has not finished (stopped)"), qPrintable(banners(page)[0]));
        QVERIFY(button(page, "Resume"));
        QVERIFY(!button(page, "Measure speed"));
        QVERIFY(!button(page, "Export"));
        QVERIFY(button(page, "Make HTML report"));  // of what there is
        QVERIFY(!workspace.actions().action("benchmark.measure")->isEnabled());
    }

    void runsThatGoOnAreWaitedFor() {
        const MadeRun run(m_home / "going");
        run.add(stateEvent("running"));
        run.add(stepEvent(3, 10, 4.0));
        auto owner = std::make_unique<RunLock>(run.path());
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        workspace.open(run.path());
        settle(page);
        QTRY_COMPARE(banners(page).size(), 1);
        QVERIFY2(banners(page)[0].contains("still going on, step 3 of 10"), qPrintable(banners(page)[0]));
        QVERIFY(!button(page, "Measure speed"));
        run.add(stepEvent(4, 10, 4.0));
        QTRY_VERIFY(banners(page).value(0).contains("step 4 of 10"));
        // It finishes while one looks.
        run.file("result.json", kResult);
        run.add(stateEvent("finished"));
        owner.reset();
        QTRY_VERIFY_WITH_TIMEOUT(button(page, "Measure speed"), 10000);
        QVERIFY(banners(page).isEmpty());
    }

    void exportsNeverMeetWhatIsThere() {
        const auto folder = m_home / "out";
        fs::create_directories(folder / "leap70-hf");
        std::ofstream(folder / "leap70-npz.npz") << "x";
        QCOMPARE(ExportCard::freshPath(folder, "leap70", "hf", ""), folder / "leap70-hf-2");
        QCOMPARE(ExportCard::freshPath(folder, "leap70", "npz", ".npz"), folder / "leap70-npz-2.npz");
        QCOMPARE(ExportCard::freshPath(folder, "other", "hf", ""), folder / "other-hf");
    }

    void impossibleWishesAreSentences() {
        const MadeRun run(m_home / "wishes");
        run.file("result.json", kResult);
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        workspace.open(run.path());
        settle(page);
        QTRY_VERIFY(button(page, "Export"));
        for (auto* line : page.findChildren<QLineEdit*>()) line->setText("/no/such/place");
        button(page, "Export")->click();
        button(page, "Measure perplexity")->click();
        QCOMPARE(banners(page).size(), 2);
        QVERIFY(banners(page).join(' ').contains("There is no folder /no/such/place"));
        QVERIFY(banners(page).join(' ').contains("There is no file /no/such/place"));
        // No program: a sentence as well, and the button comes back.
        const auto program = qgetenv("TESSERA_CLI");
        qputenv("TESSERA_CLI", "/no/such/program");
        button(page, "Measure speed")->click();
        QTRY_COMPARE(banners(page).size(), 3);
        QVERIFY(banners(page).join(' ').contains("The engine is missing"));
        QVERIFY(button(page, "Measure speed")->isEnabled());
        qputenv("TESSERA_CLI", program);
    }

    void layoutHolds_data() {
        QTest::addColumn<QSize>("size");
        QTest::newRow("least") << QSize(900, 600);
        QTest::newRow("usual") << QSize(1080, 740);
        QTest::newRow("wide") << QSize(1800, 1000);
    }
    void layoutHolds() {
        QFETCH(QSize, size);
        const auto name = "layout" + std::to_string(size.width());
        const MadeRun run(m_home / name);
        run.file("result.json", kResult);
        run.file("result-bench-2026-01-31T120000Z.json", kBench);
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        page.resize(size);
        workspace.open(run.path());
        settle(page);
        QTRY_VERIFY(verdict(page).startsWith("Decoding"));
        QTest::qWait(100);
        const auto wrong = overlaps(&page) + clippings(&page) + nameless(&page);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join('\n')));
    }

    void aRealRunIsMeasuredReportedAndExported() {
        NEEDS_ENGINE();
        const auto folder = m_home.runs() / "real";
        {
            std::ofstream(m_home / "spec.json") << smallSpec(3, folder.string()).dump();
            QProcess engine;
            engine.start(QString::fromStdString(cliProgram().string()),
                         {"run", QString::fromStdString((m_home / "spec.json").string()), "--json"});
            QVERIFY(engine.waitForFinished(120000));
            QVERIFY2(engine.exitCode() == 0, engine.readAllStandardError().constData());
        }
        Workspace workspace(m_home.runs());
        BenchmarkPage page(workspace);
        workspace.open(folder);
        settle(page);
        QTRY_VERIFY(button(page, "Measure speed"));

        // Cancelled: nothing is kept, nothing is told.
        button(page, "Measure speed")->click();
        QTRY_VERIFY(button(page, "Cancel"));
        QTest::qWait(300);
        button(page, "Cancel")->click();
        QTRY_VERIFY_WITH_TIMEOUT(button(page, "Measure speed")->isEnabled(), 30000);
        QVERIFY2(banners(page).isEmpty(), qPrintable(banners(page).join(' ')));
        QVERIFY(measurementFiles(folder, "bench").empty());

        button(page, "Measure speed")->click();
        QTRY_VERIFY_WITH_TIMEOUT(page.findChild<WholeTable*>()->isVisible() || !banners(page).isEmpty(),
                                 300000);
        QVERIFY2(banners(page).isEmpty(), qPrintable(banners(page).join(' ')));
        QCOMPARE(measurementFiles(folder, "bench").size(), std::size_t(1));
        QVERIFY(verdict(page).startsWith("Decoding "));
        auto tables = page.findChildren<WholeTable*>();
        QCOMPARE(tables[0]->model()->rowCount(), 1);
        QCOMPARE(tables[1]->model()->rowCount(), 4);
        QCOMPARE(tables[1]->model()->index(0, SpeedModel::Matrix).data().toString(), QString("q, k, v"));

        QTRY_VERIFY(button(page, "Make PDF")->isEnabled());
        button(page, "Make PDF")->click();
        QTRY_VERIFY_WITH_TIMEOUT(fs::exists(folder / "report.pdf"), 60000);
        QTRY_VERIFY(button(page, "Make HTML report")->isEnabled());
        fs::remove(folder / "report.html");
        workspace.actions().action("report.html")->trigger();
        QTRY_VERIFY_WITH_TIMEOUT(fs::exists(folder / "report.html"), 60000);
        QTRY_VERIFY(button(page, "Make PDF")->isEnabled());

        const auto out = m_home / "exports";
        fs::create_directories(out);
        for (auto* line : page.findChildren<QLineEdit*>())
            if (line->accessibleName() == QLatin1String("Folder to export to"))
                line->setText(QString::fromStdString(out.string()));
        button(page, "Export")->click();
        QTRY_VERIFY_WITH_TIMEOUT(
            fs::exists(out / "real-hf" / "config.json") && button(page, "Export")->isEnabled(), 60000);
        QVERIFY2(banners(page).isEmpty(), qPrintable(banners(page).join(' ')));

        for (auto* line : page.findChildren<QLineEdit*>())
            if (line->accessibleName() == QLatin1String("Text file"))
                line->setText(TESSERA_SOURCE_DIR "/LICENSE");
        button(page, "Measure perplexity")->click();
        QTRY_VERIFY_WITH_TIMEOUT(measurementFiles(folder, "eval").size() == 1, 120000);
        const auto quality = readQuality(measurementFiles(folder, "eval")[0]);
        QCOMPARE(quality.window, std::int64_t(64));
        QVERIFY(quality.dense > 1 && quality.pruned > 1);
        QCOMPARE(quality.text, std::string(TESSERA_SOURCE_DIR "/LICENSE"));
    }
};

QTEST_MAIN(BenchmarkPageTest)
#include "tst_benchmark_page.moc"
