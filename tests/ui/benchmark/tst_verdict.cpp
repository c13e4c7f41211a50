// The first sentence of the page, for every kind of outcome, and the marks of values below 1.
#include <QTest>
#include <cmath>

#include "ui/benchmark/speed_tables.h"
#include "ui/benchmark/verdict.h"
#include "ui/theme/theme.h"

using namespace tessera;
using namespace tessera::ui;

namespace {

DecodeSpeed decode(int threads, double speedup, double low, double high) {
    DecodeSpeed made;
    made.threads = threads;
    made.speedup = speedup;
    made.low = low;
    made.high = high;
    made.denseTokens = 100;
    made.sparseTokens = 100 * speedup;
    made.limit = 2;
    return made;
}

SpeedRow row(int rows, int cols, double speedup, double low, double high, int threads = 2) {
    SpeedRow made;
    made.kernel = "bitmap-60";
    made.rows = rows;
    made.cols = cols;
    made.threads = threads;
    made.speedup = speedup;
    made.low = low;
    made.high = high;
    made.denseUs = 10;
    made.sparseUs = 10 / speedup;
    made.limit = 2.5;
    made.efficiency = speedup / 2.5;
    return made;
}

VerdictFacts facts(const SpeedMeasurement* speed) {
    VerdictFacts made;
    made.method = "LEAP";
    made.sparsity = 0.7;
    made.densePerplexity = 20;
    made.prunedPerplexity = 25;
    made.speed = speed;
    return made;
}

const QString kPrice =
    "LEAP removes 70.0 % of the prunable weights; perplexity rises from 20.00 to 25.00 (+25.0 %).";

}  // namespace

class VerdictTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void gainsNeedTheirWholeInterval() {
        QCOMPARE(int(gainOf(1.3, 1.2, 1.4)), int(Gain::Gain));
        QCOMPARE(int(gainOf(1.3, 0.9, 1.7)), int(Gain::None));
        QCOMPARE(int(gainOf(0.8, 0.5, 1.1)), int(Gain::None));
        QCOMPARE(int(gainOf(0.8, 0.7, 0.9)), int(Gain::Loss));
        QCOMPARE(int(gainOf(1.0, 1.0, 1.0)), int(Gain::None));
        QCOMPARE(int(gainOf(1.3, NAN, NAN)), int(Gain::Gain));
        QCOMPARE(int(gainOf(NAN, 1, 2)), int(Gain::Unknown));
        QCOMPARE(gainWord(1.3, 1.2, 1.4), QString());
        QCOMPARE(gainWord(0.8, 0.5, 1.1), QString("no gain"));
        QCOMPARE(gainWord(1.5, 0.9, 2.5), QString("uncertain"));
        QCOMPARE(gainWord(0.8, 0.7, 0.9), QString("slower"));
        // Below 1 there is always a word.
        for (const double high : {0.95, 1.5}) QVERIFY(!gainWord(0.9, 0.5, high).isEmpty());
    }

    void notMeasured() { QCOMPARE(verdictText(facts(nullptr)), kPrice + " Its speed is not measured yet."); }

    void aGain() {
        SpeedMeasurement speed;
        speed.decode = {decode(2, 1.31, 1.25, 1.37)};
        speed.sparse = {row(512, 256, 1.4, 1.3, 1.5), row(256, 256, 1.2, 1.1, 1.3)};
        QCOMPARE(
            verdictText(facts(&speed)),
            "Decoding is 1.31x as fast as dense (95 % interval 1.25x to 1.37x, 2 threads): 131 against 100 "
            "tokens a second. All 2 matrix shapes are faster. " +
                kPrice);
        QCOMPARE(int(verdictGain(speed)), int(Gain::Gain));
    }

    void noGain() {
        SpeedMeasurement speed;
        speed.decode = {decode(1, 1.02, 0.97, 1.07)};
        speed.sparse = {row(512, 256, 1.01, 0.9, 1.1)};
        QCOMPARE(
            verdictText(facts(&speed)),
            "Decoding gains nothing that can be told from chance: 1.02x (95 % interval 0.97x to 1.07x, 1 "
            "thread): 102 against 100 tokens a second. Its one matrix shape shows no gain. " +
                kPrice);
        QCOMPARE(int(verdictGain(speed)), int(Gain::None));
    }

    void aLoss() {
        SpeedMeasurement speed;
        speed.decode = {decode(4, 0.84, 0.8, 0.88)};
        speed.sparse = {row(512, 256, 0.9, 0.85, 0.95), row(256, 704, 0.7, 0.6, 0.8)};
        QCOMPARE(
            verdictText(facts(&speed)),
            "Decoding is slower than dense, 0.84x as fast (95 % interval 0.80x to 0.88x, 4 threads): 84.0 "
            "against 100 tokens a second. All 2 matrix shapes are slower, at worst 0.70x at 256 × 704. " +
                kPrice);
        QCOMPARE(int(verdictGain(speed)), int(Gain::Loss));
    }

    void mixed() {
        SpeedMeasurement speed;
        speed.decode = {decode(1, 1.31, 1.2, 1.4), decode(2, 1.02, 0.9, 1.1), decode(4, 0.9, 0.85, 0.95)};
        // The matrices at the number of threads that generates most; others are not counted as more shapes.
        speed.sparse = {row(512, 256, 1.4, 1.3, 1.5, 1), row(256, 256, 1.2, 0.8, 1.6, 1),
                        row(256, 704, 0.7, 0.6, 0.8, 1), row(512, 256, 0.4, 0.3, 0.5, 4)};
        QCOMPARE(fastest(speed)->threads, 1);
        QCOMPARE(verdictText(facts(&speed)),
                 "Decoding, held against dense, is faster (1.31x on 1 thread), without a gain (1.02x on 2 "
                 "threads), slower (0.90x on 4 threads). On 1 thread: of 3 matrix shapes 1 is faster, 1 "
                 "shows no gain, 1 is "
                 "slower, at worst 0.70x at 256 × 704. " +
                     kPrice);
        QCOMPARE(int(verdictGain(speed)), int(Gain::Loss));
        speed.sparse = {row(256, 256, 1.2, 0.8, 1.6, 1), row(256, 704, 0.7, 0.6, 0.8, 1)};
        QVERIFY(
            verdictText(facts(&speed))
                .contains("On 1 thread: of 2 matrix shapes none is faster, 1 shows no gain, 1 is slower"));
    }

    void perplexityInEveryDirection() {
        auto some = facts(nullptr);
        some.prunedPerplexity = 19;
        QVERIFY(verdictText(some).contains("perplexity falls from 20.00 to 19.00 (−5.0 %)"));
        some.prunedPerplexity = 20;
        QVERIFY(verdictText(some).contains("perplexity stays at 20.00"));
        some.prunedPerplexity = NAN;
        QCOMPARE(verdictText(some),
                 QString("LEAP removes 70.0 % of the prunable weights. Its speed is not measured yet."));
        QCOMPARE(verdictText({}), QString("Its speed is not measured yet."));
    }

    void valuesBelowOneAreMarked() {
        Theme::instance().setMode(ThemeMode::Dark);
        SpeedMeasurement speed;
        speed.sparse = {row(512, 256, 0.7, 0.6, 0.8), row(256, 256, 0.95, 0.8, 1.2),
                        row(4, 4, 1.2, 1.1, 1.3)};
        SpeedModel model;
        model.set(speed, "unstructured", Json());
        const auto at = [&](int line, int role) { return model.index(line, SpeedModel::Ratio).data(role); };
        QCOMPARE(at(0, Qt::DisplayRole).toString(), QString("0.70x slower"));
        QCOMPARE(at(1, Qt::DisplayRole).toString(), QString("0.95x no gain"));
        QCOMPARE(at(2, Qt::DisplayRole).toString(), QString("1.20x"));
        const auto warning = Theme::instance().tokens().warning;
        QCOMPARE(at(0, Qt::ForegroundRole).value<QBrush>().color(), warning);
        QCOMPARE(at(1, Qt::ForegroundRole).value<QBrush>().color(), warning);
        QVERIFY(!at(2, Qt::ForegroundRole).isValid());
        QCOMPARE(model.index(0, SpeedModel::Interval).data().toString(), QString("0.60x to 0.80x"));
        QCOMPARE(model.index(2, SpeedModel::Efficiency).data().toString(), QString("48 %"));
        QCOMPARE(model.index(2, SpeedModel::Torch).data().toString(), QString("–"));
        DecodeModel decodes;
        decodes.set({decode(2, 0.84, 0.8, 0.88)});
        QCOMPARE(decodes.index(0, DecodeModel::Ratio).data().toString(), QString("0.84x slower"));
        QCOMPARE(decodes.index(0, DecodeModel::Ratio).data(Qt::ForegroundRole).value<QBrush>().color(),
                 warning);
        QCOMPARE(decodes.index(0, DecodeModel::Efficiency).data().toString(), QString("42 %"));
        QCOMPARE(decodes.index(0, DecodeModel::Bytes).data().toString(), QString("–"));
    }

    void fusedMatricesHaveTheirNames() {
        const auto matrix = [](const char* name, int rows, int cols) {
            return Json{
                {"name", std::string("model.layers.0.") + name + ".weight"}, {"rows", rows}, {"cols", cols}};
        };
        const Json result{{"matrices",
                           {matrix("self_attn.q_proj", 256, 256), matrix("self_attn.k_proj", 128, 256),
                            matrix("self_attn.v_proj", 128, 256), matrix("self_attn.o_proj", 256, 256),
                            matrix("mlp.gate_proj", 704, 256), matrix("mlp.up_proj", 704, 256),
                            matrix("mlp.down_proj", 256, 704), Json(5)}}};
        QCOMPARE(matrixNames(result, 512, 256), QString("q, k, v"));
        QCOMPARE(matrixNames(result, 256, 256), QString("o"));
        QCOMPARE(matrixNames(result, 1408, 256), QString("gate, up"));
        QCOMPARE(matrixNames(result, 256, 704), QString("down"));
        QCOMPARE(matrixNames(result, 9, 9), QString());
        QCOMPARE(matrixNames(Json(), 512, 256), QString());
        QCOMPARE(matrixNames({{"matrices", 7}}, 512, 256), QString());
    }
};

QTEST_MAIN(VerdictTest)
#include "tst_verdict.moc"
