// `eval --task` and `tasks` as a program: documents, what is kept beside a run, comparisons, bad input.
#include <QTest>
#include <fstream>

#include "child.h"
#include "core/session/measurement.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;

class TasksTest : public QObject {
    Q_OBJECT

    Scratch m_scratch;
    QString m_run;

    struct Outcome {
        int status = -1;
        Json document;
        std::string errors;
    };
    Outcome outcome(const QStringList& arguments) {
        Child child(arguments + QStringList{"--json"}, m_scratch / "home");
        Outcome got;
        got.status = child.wait();
        const auto output = child.process().readAllStandardOutput().toStdString();
        if (!output.empty()) got.document = Json::parse(output);
        got.errors = child.errors();
        return got;
    }
    static QString task(const char* name) {
        return QString(name) + "=" TESSERA_SOURCE_DIR "/tests/data/tasks/" + name;
    }

  private Q_SLOTS:
    void initTestCase() {
        m_run = QString::fromStdString((m_scratch / "run").string());
        Child child({"run", "--model", "starter", "--method", "magnitude", "--sparsity", "0.6", "--text",
                     TESSERA_SOURCE_DIR "/LICENSE", "--set", "eval_window=64", "--set", "eval_windows=2",
                     "--out", m_run, "--json"},
                    m_scratch / "home");
        QVERIFY2(child.wait() == 0, child.errors().c_str());
    }

    void resultBesideTheRun() {
        const auto got =
            outcome({"eval", m_run, "--task", task("piqa"), "--task", task("lambada_openai"), "--dense"});
        QVERIFY2(got.status == 0, got.errors.c_str());
        // Tasks alone were asked for.
        QVERIFY(!got.document.contains("perplexity"));
        const auto& piqa = got.document["tasks"]["piqa"];
        for (const auto* name : {"acc", "acc_stderr", "acc_norm", "acc_norm_stderr", "path"})
            QVERIFY2(piqa.contains(name), name);
        QCOMPARE(piqa["n"].get<int>(), 3);
        QCOMPARE(piqa["choices"].size(), std::size_t(3));
        QVERIFY(got.document["tasks"]["lambada_openai"]["perplexity"].get<double>() > 1);
        QVERIFY2(got.errors.find("\"type\":\"progress\"") != std::string::npos, got.errors.c_str());
        const auto kept = measurementFiles(m_run.toStdString(), "tasks");
        QCOMPARE(kept.size(), std::size_t(1));
        QCOMPARE(readJsonFile(kept[0]).dump(), got.document.dump());
        QVERIFY(measurementFiles(m_run.toStdString(), "eval").empty());
    }

    void comparesTwo() {
        const auto other = outcome({"eval", "starter", "--task", task("piqa")});
        QVERIFY2(other.status == 0, other.errors.c_str());
        const auto path = m_scratch / "dense.json";
        std::ofstream(path) << other.document.dump();
        const auto two = outcome({"tasks", "compare", QString::fromStdString(path.string()), m_run});
        QVERIFY2(two.status == 0, two.errors.c_str());
        const auto& acc = two.document["tasks"]["piqa"]["acc"];
        QCOMPARE(acc["ci95"].size(), std::size_t(2));
        QVERIFY(std::abs(acc["difference"].get<double>() -
                         (double(acc["won"].size()) - double(acc["lost"].size())) / 3) < 1e-9);
        // The run's own dense model is the same one.
        const auto own = outcome({"tasks", "compare", m_run});
        QVERIFY2(own.status == 0, own.errors.c_str());
        QCOMPARE(own.document["tasks"]["piqa"].dump(), two.document["tasks"]["piqa"].dump());
        // It was kept with the results.
        const auto kept = readJsonFile(measurementFiles(m_run.toStdString(), "tasks")[0]);
        QCOMPARE(kept["comparison"]["tasks"].dump(), own.document["tasks"].dump());
        QCOMPARE(kept["comparison"]["mean"].dump(), own.document["mean"].dump());
        QVERIFY(own.document["tasks"].contains("lambada_openai"));
    }

    void perplexityToo() {
        const auto got =
            outcome({"eval", "starter", "--task", task("boolq"), "--text", TESSERA_SOURCE_DIR "/LICENSE",
                     "--window", "64", "--windows", "1", "--limit", "1", "--dtype", "bf16"});
        QVERIFY2(got.status == 0, got.errors.c_str());
        QCOMPARE(got.document["perplexity"]["windows"].get<int>(), 1);
        QCOMPARE(got.document["tasks"]["boolq"]["n"].get<int>(), 1);
        QVERIFY(got.document["tasks"]["boolq"]["acc_stderr"].is_null());
    }

    void list() {
        const auto got = outcome({"tasks", "list"});
        QCOMPARE(got.status, 0);
        QCOMPARE(got.document["tasks"].size(), std::size_t(10));
    }

    void listOfAFolder() {
        const auto got = outcome({"tasks", "list", TESSERA_SOURCE_DIR "/tests/data/tasks"});
        QVERIFY2(got.status == 0, got.errors.c_str());
        QCOMPARE(got.document["tasks"].size(), std::size_t(10));
        for (const auto& found : got.document["tasks"]) {
            QVERIFY2(found.contains("items"), found.dump().c_str());
            // What is found is what `eval --task` takes.
            const auto name = QString::fromStdString(found["name"].get<std::string>());
            QVERIFY(found["items"].get<int>() > 0);
            QVERIFY(found["path"].get<std::string>().find(name.toStdString()) != std::string::npos);
        }
        // Folders as their authors call them, a file that only one task has, and one that cannot be read.
        const auto folder = m_scratch / "tasks";
        const auto data = std::filesystem::path(TESSERA_SOURCE_DIR "/tests/data/tasks");
        std::filesystem::create_directories(folder / "PIQA");
        std::filesystem::copy(data / "arc_easy", folder / "ARC-Easy");
        for (const auto& file : std::filesystem::directory_iterator(data / "hellaswag"))
            std::filesystem::copy(file.path(), folder / file.path().filename());
        const auto few = outcome({"tasks", "list", QString::fromStdString(folder.string())});
        QVERIFY2(few.status == 0, few.errors.c_str());
        QCOMPARE(few.document["tasks"].size(), std::size_t(3));
        QVERIFY(few.document["tasks"][0].contains("problem"));
        QCOMPARE(few.document["tasks"][1]["name"].get<std::string>(), std::string("arc_easy"));
        QCOMPARE(few.document["tasks"][2]["name"].get<std::string>(), std::string("hellaswag"));
        const auto nowhere = outcome({"tasks", "list", "/nowhere"});
        QVERIFY(nowhere.status != 0);
        QVERIFY2(nowhere.errors.find("/nowhere") != std::string::npos, nowhere.errors.c_str());
    }

    void badInput_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("part");
        QTest::addRow("no such task") << QStringList{"eval", "starter", "--task", "squad=x"} << "name one of";
        QTest::addRow("no path") << QStringList{"eval", "starter", "--task", "piqa"} << "NAME=PATH";
        QTest::addRow("no file") << QStringList{"eval", "starter", "--task", "piqa=/nowhere"} << "/nowhere";
        QTest::addRow("another task's file")
            << QStringList{"eval", "starter", "--task",
                           QString("race=%1/tests/data/tasks/piqa/valid.jsonl").arg(TESSERA_SOURCE_DIR)}
            << "valid.jsonl";
        QTest::addRow("twice") << QStringList{"eval",       "starter", "--task",
                                              task("piqa"), "--task",  task("piqa")}
                               << "given twice";
        QTest::addRow("one wrong of two")
            << QStringList{"eval", "starter", "--task", task("piqa"), "--task", "boolq=/nowhere"}
            << "/nowhere";
        QTest::addRow("nothing measured")
            << QStringList{"tasks", "compare", "/nowhere.json", "/nowhere.json"} << "/nowhere.json";
    }
    void badInput() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, part);
        const auto got = outcome(arguments);
        QCOMPARE(got.status, 1);
        QVERIFY(got.document.is_null());
        QVERIFY2(got.errors.find(part.toStdString()) != std::string::npos, got.errors.c_str());
        QCOMPARE(std::count(got.errors.begin(), got.errors.end(), '\n'), 1);
    }
};

QTEST_GUILESS_MAIN(TasksTest)
#include "tst_tasks.moc"
