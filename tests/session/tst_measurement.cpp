// Measurements beside a run: which come first, what is read of them, what a damaged one says.
#include <QTest>
#include <cmath>
#include <fstream>

#include "core/session/measurement.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;
namespace fs = std::filesystem;

class MeasurementTest : public QObject {
    Q_OBJECT

    Scratch m_scratch;

    fs::path write(const std::string& name, const std::string& text) {
        const auto path = m_scratch / name;
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

  private Q_SLOTS:
    void newestFirst() {
        const auto folder = m_scratch / "run";
        fs::create_directories(folder);
        // Written in one second, the tenth after the second; and what is no measurement of this kind.
        for (const char* name :
             {"result-bench-2026-01-31T120000Z.json", "result-bench-2026-01-31T120000Z-2.json",
              "result-bench-2026-01-31T120000Z-10.json", "result-bench-2025-12-31T235959Z.json",
              "result-bench-2026-02-01T000000Z.json", "result-eval-2026-03-01T000000Z.json", "result.json",
              "result-bench-.json", "result-bench-2026.txt"})
            std::ofstream(folder / name) << "{}";
        std::vector<std::string> names;
        for (const auto& file : measurementFiles(folder, "bench")) names.push_back(file.filename().string());
        QCOMPARE(names, (std::vector<std::string>{
                            "result-bench-2026-02-01T000000Z.json", "result-bench-2026-01-31T120000Z-10.json",
                            "result-bench-2026-01-31T120000Z-2.json", "result-bench-2026-01-31T120000Z.json",
                            "result-bench-2025-12-31T235959Z.json"}));
        QVERIFY(measurementFiles(m_scratch / "nowhere", "bench").empty());
    }

    void tasksAreRead() {
        const auto file = write("result-tasks-2026-01-31T120304Z.json", R"({
            "limit": 200,
            "tasks": {"piqa": {"acc":0.5,"acc_stderr":0.1,"acc_norm":0.75,"n":4},
                      "boolq": {"acc":0.25,"n":8}},
            "dense": {"tasks": {"piqa": {"acc":0.75,"acc_norm":1,"n":4}, "boolq": {"acc":0.5,"n":8}}},
            "comparison": {"tasks": {"piqa": {"acc": {"difference":-0.25,"ci95":[-0.5,0.1],"won":[2],"lost":[0,3]}}},
                           "mean": {"difference":-0.25,"ci95":[-0.4,-0.1]}}})");
        const auto found = readTaskMeasurement(file);
        QCOMPARE(found.time, std::string("2026-01-31T12:03:04Z"));
        QCOMPARE(found.limit, std::int64_t(200));
        QCOMPARE(found.tasks.size(), std::size_t(2));
        const auto& piqa = found.tasks[1].name == "piqa" ? found.tasks[1] : found.tasks[0];
        const auto& boolq = found.tasks[1].name == "piqa" ? found.tasks[0] : found.tasks[1];
        QCOMPARE(piqa.pruned, 0.5);
        QCOMPARE(piqa.dense, 0.75);
        QCOMPARE(piqa.prunedNormalised, 0.75);
        QCOMPARE(piqa.high, 0.1);
        QCOMPARE(piqa.lost, (std::vector<std::int64_t>{0, 3}));
        QVERIFY(std::isnan(boolq.difference) && std::isnan(boolq.prunedError));
        QCOMPARE(found.pruned, 0.375);
        QCOMPARE(found.dense, 0.625);
        QCOMPARE(found.low, -0.4);
        // Without the dense model its numbers are not known, rather than none.
        const auto alone =
            readTaskMeasurement(write("alone.json", R"({"tasks":{"piqa":{"acc":0.5,"n":4}}})"));
        QVERIFY(std::isnan(alone.dense) && std::isnan(alone.tasks[0].dense));
        for (const char* wrong :
             {R"({"tasks":{}})", R"({"tasks":{"piqa":{"n":4}}})", R"({"tasks":3})", "[]", "{"})
            QVERIFY_EXCEPTION_THROWN(readTaskMeasurement(write("wrong.json", wrong)), Error);
    }

    void speedIsRead() {
        const auto file = write("result-bench-2026-01-31T120304Z.json", R"({
            "machine": {"cpu": "A", "system": "S", "kernels": "K"}, "note": "N",
            "rows": [
              {"kernel":"dense","shape":[8,4],"threads":1,"dense_us":10,"sparse_us":null,"speedup":1,"ci95":null,"limit":1},
              {"kernel":"bitmap-60","shape":[8,4],"batch":1,"threads":1,"dense_us":10,"torch_us":20.5,"sparse_us":5,
               "speedup":2,"ci95":[1.5,2.5],"limit":2.5,"efficiency":0.8}],
            "end_to_end": {"threads":1,"dense_tokens_per_second":100,"sparse_tokens_per_second":150,"speedup":1.5,
                           "ci95":[1.4,1.6],"limit":2,"dense_bytes_per_token":1000,"sparse_bytes_per_token":500}})");
        const auto speed = readSpeed(file);
        QCOMPARE(speed.time,
                 std::string("2026-01-31T12:03:04Z"));  // of the name, where the document has none
        QCOMPARE(speed.cpu, std::string("A"));
        QCOMPARE(speed.dense.size(), std::size_t(1));
        QCOMPARE(speed.sparse.size(), std::size_t(1));
        const auto& row = speed.sparse[0];
        QCOMPARE(row.rows, std::int64_t(8));
        QCOMPARE(row.torchUs, 20.5);
        QCOMPARE(row.low, 1.5);
        QCOMPARE(row.high, 2.5);
        QCOMPARE(row.efficiency, 0.8);
        QVERIFY(std::isnan(speed.dense[0].sparseUs));
        QVERIFY(std::isnan(speed.dense[0].low));
        QCOMPARE(speed.decode.size(), std::size_t(1));
        QCOMPARE(speed.decode[0].sparseTokens, 150.0);
        QCOMPARE(speed.decode[0].denseBytes, 1000.0);
    }

    void everyNumberOfThreads() {
        const auto file = write("threads.json", R"({"time":"2026-05-05T05:05:05Z","rows":[],
            "end_to_end":{"threads":4,"speedup":2},
            "end_to_end_by_threads":[{"threads":1,"speedup":1.5},{"threads":4,"speedup":2}]})");
        const auto speed = readSpeed(file);
        QCOMPARE(speed.decode.size(), std::size_t(2));
        QCOMPARE(speed.decode[0].threads, 1);
        QCOMPARE(speed.time, std::string("2026-05-05T05:05:05Z"));
    }

    void qualityIsRead() {
        const auto file = write("result-eval-2026-01-31T120304Z-2.json", R"({
            "perplexity":{"value":21.5,"window":256,"windows":7},"dense":{"value":20},"text":"a.txt"})");
        const auto quality = readQuality(file);
        QCOMPARE(quality.pruned, 21.5);
        QCOMPARE(quality.dense, 20.0);
        QCOMPARE(quality.window, std::int64_t(256));
        QCOMPARE(quality.windows, std::int64_t(7));
        QCOMPARE(quality.text, std::string("a.txt"));
        QCOMPARE(quality.time, std::string("2026-01-31T12:03:04Z"));
    }

    void damagedFilesSayWhatIsWrong_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QString>("part");
        QTest::newRow("empty") << QByteArray() << QString("damaged.json");
        QTest::newRow("torn") << QByteArray(R"({"rows":[{"kernel")") << QString("damaged.json");
        QTest::newRow("array") << QByteArray("[1,2]") << QString("no JSON object");
        QTest::newRow("no rows") << QByteArray("{}") << QString("no rows");
        QTest::newRow("rows") << QByteArray(R"({"rows":{"a":1}})") << QString("no rows");
        QTest::newRow("row") << QByteArray(R"({"rows":[5]})") << QString("no object");
        QTest::newRow("shape") << QByteArray(R"({"rows":[{"kernel":"x","shape":[1]}]})")
                               << QString("no shape");
        QTest::newRow("shape of words")
            << QByteArray(R"({"rows":[{"kernel":"x","shape":["a","b"]}]})") << QString("no shape");
        QTest::newRow("nothing") << QByteArray(R"({"rows":[]})") << QString("compares nothing");
        QTest::newRow("bytes") << QByteArray("\xff\xfe{}") << QString("damaged.json");
    }
    void damagedFilesSayWhatIsWrong() {
        QFETCH(QByteArray, text);
        QFETCH(QString, part);
        const auto file = write("damaged.json", text.toStdString());
        EXPECT_ERROR(readSpeed(file), Corrupt, part.toStdString());
        EXPECT_ERROR(readQuality(file), Corrupt, "damaged.json");
    }

    void aFileThatIsNotThere() { EXPECT_ERROR(readSpeed(m_scratch / "gone.json"), NotFound, "gone.json"); }
};

QTEST_MAIN(MeasurementTest)
#include "tst_measurement.moc"
