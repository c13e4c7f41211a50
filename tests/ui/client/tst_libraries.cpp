// Runs and models on this machine, found and kept up to date off the window's thread.
#include <QSettings>
#include <QSignalSpy>
#include <QTest>

#include "client_support.h"
#include "ui/client/libraries.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;
namespace fs = std::filesystem;

class LibrariesTest : public QObject {
    Q_OBJECT

    Home m_home;

    static void copyStarter(const fs::path& to) {
        fs::copy(TESSERA_SOURCE_DIR "/resources/starter", to, fs::copy_options::recursive);
    }

  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(m_home / "settings", "libraries"); }

    void runsOfEveryKind() {
        const auto folder = m_home / "kinds";
        const MadeRun finished(folder / "finished"), stopped(folder / "stopped"), broken(folder / "broken"),
            live(folder / "live");
        for (int i = 1; i <= 500; ++i) finished.add(stepEvent(i, 500, i == 77 ? 99.0 : i == 300 ? 0.5 : 5.0));
        finished.file("result.json", R"({"perplexity":{"dense":20.5,"pruned":25.25}})");
        stopped.add(stepEvent(1, 9, 3));
        stopped.add(stateEvent("stopped"));
        broken.file("spec.json", "{");
        live.add(stateEvent("running"));
        const RunLock owner(live.path());
        fs::create_directories(folder / "no run");

        RunLibrary library(folder);
        QVERIFY(!library.loaded());
        QTRY_VERIFY(library.loaded());
        QCOMPARE(library.problem(), QString());
        QCOMPARE(library.runs().size(), std::size_t(4));
        const auto* entry = library.find(finished.path());
        QVERIFY(entry);
        QCOMPARE(entry->summary.status, std::string("finished"));
        QCOMPARE(*entry->summary.perplexity, 25.25);
        QCOMPARE(entry->summary.model, std::string("starter"));
        QCOMPARE(entry->spark.size(), std::size_t(64));
        QVERIFY(std::count(entry->spark.begin(), entry->spark.end(), 99.0f) == 1);
        QVERIFY(std::count(entry->spark.begin(), entry->spark.end(), 0.5f) == 1);
        QCOMPARE(library.find(stopped.path())->summary.status, std::string("stopped"));
        QCOMPARE(library.find(stopped.path())->spark, std::vector<float>{3});
        QVERIFY(library.find(broken.path())->summary.status.starts_with("unreadable"));
        QCOMPARE(library.find(live.path())->summary.status, std::string("running"));
    }

    void whatChangesIsNoticed() {
        const auto folder = m_home / "changing";
        fs::create_directories(folder);
        RunLibrary library(folder);
        QTRY_VERIFY(library.loaded());
        QVERIFY(library.runs().empty());
        const MadeRun run(folder / "one");
        auto owner = std::make_unique<RunLock>(run.path());
        QTRY_VERIFY_WITH_TIMEOUT(library.runs().size() == 1, 20000);
        QTRY_VERIFY_WITH_TIMEOUT(library.runs()[0].summary.status == "running", 20000);
        owner.reset();  // shows in no folder
        QTRY_VERIFY_WITH_TIMEOUT(library.runs()[0].summary.status == "interrupted", 20000);
        QSignalSpy changed(&library, &RunLibrary::changed);
        library.refresh();
        QTest::qWait(300);
        QCOMPARE(changed.size(), 0);
        fs::remove_all(run.path());
        QTRY_VERIFY_WITH_TIMEOUT(library.runs().empty(), 20000);
    }

    void aFolderThatIsNotThere() {
        RunLibrary library(m_home / "nowhere");
        QTRY_VERIFY(library.loaded());
        QVERIFY(library.runs().empty());
        QCOMPARE(library.problem(), QString());
        const auto file = m_home / "file";
        std::ofstream(file) << "x";
        RunLibrary wrong(file);
        QTRY_VERIFY(wrong.loaded());
        QVERIFY2(wrong.problem().contains("cannot be listed"), qPrintable(wrong.problem()));
    }

    void manyRuns() {
        const auto folder = m_home / "many";
        const MadeRun model(folder / "0");
        model.add(stepEvent(1, 9, 3));
        for (int i = 1; i < 2000; ++i) {
            const auto path = folder / std::to_string(i);
            fs::create_directories(path);
            fs::copy(model.path() / "spec.json", path / "spec.json");
        }
        RunLibrary library(folder);
        QTRY_VERIFY_WITH_TIMEOUT(library.loaded(), 60000);
        QCOMPARE(library.runs().size(), std::size_t(2000));
    }

    void theSparkOfALongRun() {
        const MadeRun run(m_home / "long");
        std::string text;
        for (int i = 1; i <= 100000; ++i) text += dumpLine(stepEvent(i, 100000, 2.0)) + "\n";
        run.text(text);
        QVERIFY(fs::file_size(run.events()) > (std::size_t(20) << 20));
        const auto spark = sparkOf(run.events());
        QCOMPARE(spark.size(), std::size_t(64));
        QVERIFY(std::all_of(spark.begin(), spark.end(), [](float value) { return value == 2.0f; }));
        QCOMPARE(lastWordOf(run.events()), std::string());
        run.add(stateEvent("stopped"));
        run.add(stepEvent(100001, 100001, 2.0));
        QCOMPARE(lastWordOf(run.events()), std::string("stopped"));
    }

    void theCatalogueIsThereAtOnce() {
        ModelLibrary library;
        const auto* starter = library.find("starter");
        QVERIFY(starter && starter->installed && starter->fromCatalogue);
        QVERIFY(starter->parameters > 5'000'000 && starter->bytes > 0);
        const auto* other = library.find("smollm2-135m");
        QVERIFY(other && !other->installed && other->downloadBytes > 0);
        library.remove("starter");
        QVERIFY(library.find("starter"));
    }

    void modelsOpenedByHand() {
        const auto good = m_home / "good", broken = m_home / "broken";
        copyStarter(good);
        fs::create_directories(broken);
        std::ofstream(broken / "config.json") << "{]";
        const auto goodName = QString::fromStdString(good.string()),
                   brokenName = QString::fromStdString(broken.string());
        {
            ModelLibrary library;
            QSignalSpy changed(&library, &ModelLibrary::changed);
            QCOMPARE(library.add(good / "config.json"), goodName);  // a file in it stands for the folder
            QCOMPARE(library.add(broken.string() + "/"), brokenName);
            QCOMPARE(library.add(good), goodName);
            QTRY_VERIFY(!library.find(goodName)->reading && !library.find(brokenName)->reading);
            QVERIFY(changed.size() >= 2);
            QCOMPARE(library.find(goodName)->problem, QString());
            QCOMPARE(library.find(goodName)->parameters, library.find("starter")->parameters);
            QVERIFY(library.find(goodName)->installed);
            const auto& problem = library.find(brokenName)->problem;
            QVERIFY2(problem.contains("config.json") && problem.endsWith('.'), qPrintable(problem));
            QVERIFY(!library.find(brokenName)->installed);
        }
        ModelLibrary again;  // remembered
        QTRY_VERIFY(again.find(goodName) && !again.find(goodName)->reading);
        fs::remove_all(good);
        again.refresh();
        QTRY_VERIFY(!again.find(goodName)->problem.isEmpty());
        QVERIFY2(again.find(goodName)->problem.contains("no longer there"),
                 qPrintable(again.find(goodName)->problem));
        copyStarter(good);
        again.refresh();
        QTRY_VERIFY(again.find(goodName)->problem.isEmpty());
        again.remove(goodName);
        QVERIFY(!again.find(goodName));
        ModelLibrary third;
        QVERIFY(!third.find(goodName) && third.find(brokenName));
        QVERIFY(fs::exists(good / "config.json"));
    }

    void filesThatAreNoModels_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("text") << QByteArray("hello");
        QTest::newRow("a GGUF's beginning")
            << QByteArray("GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f", 16);
    }
    void filesThatAreNoModels() {
        QFETCH(QByteArray, bytes);
        const auto path = m_home / "wrong.gguf";
        std::ofstream(path, std::ios::binary) << bytes.toStdString();
        ModelLibrary library;
        const auto name = library.add(path);
        QTRY_VERIFY(!library.find(name)->reading);
        QVERIFY(!library.find(name)->problem.isEmpty());
        library.remove(name);
    }
};

QTEST_GUILESS_MAIN(LibrariesTest)
#include "tst_libraries.moc"
