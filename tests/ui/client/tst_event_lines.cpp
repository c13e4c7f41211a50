// Lines of events.jsonl, the quick reader against the whole one.
#include <QTest>
#include <random>

#include "client_support.h"
#include "ui/client/event_lines.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;

namespace {

bool same(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b));
}

bool same(const StepRow& a, const StepRow& b) {
    return same(a.step, b.step) && same(a.steps, b.steps) && same(a.loss, b.loss) &&
           same(a.crossEntropy, b.crossEntropy) && same(a.divergence, b.divergence) &&
           same(a.density, b.density) && same(a.kappa, b.kappa) && same(a.tau, b.tau) &&
           same(a.learningRate, b.learningRate) && same(a.seconds, b.seconds) && same(a.tokens, b.tokens);
}

}  // namespace

class EventLinesTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void theQuickReaderAgreesWithTheWholeOne() {
        std::mt19937_64 random(3);
        for (int i = 0; i < 5000; ++i) {
            auto event = stepEvent(i, 5000, std::ldexp(static_cast<double>(random()), -40 - i % 60));
            if (i % 5 == 0) event["kl"] = nullptr;
            if (i % 7 == 0) event["loss"] = -1e-300;
            if (i % 11 == 0) event.erase("tau");
            const auto line = dumpLine(event);
            const auto quick = readStepLine(line);
            const auto whole = stepRow(readEventLine(line)->json);
            QVERIFY2(quick && whole && same(*quick, *whole), line.c_str());
        }
    }

    void whatTheQuickReaderDoesNotKnowIsLeftToTheWholeOne_data() {
        QTest::addColumn<QByteArray>("line");
        QTest::addColumn<bool>("row");
        QTest::newRow("escape") << QByteArray(
                                       "{\"type\":\"step\",\"unit\":\"step\",\"step\":3,\"note\":\"a\\\"b\"}")
                                << true;
        QTest::newRow("nested") << QByteArray(R"({"type":"step","unit":"step","step":3,"more":{"a":[1]}})")
                                << true;
        QTest::newRow("other order") << QByteArray(R"({"step":3,"unit":"step","type":"step"})") << true;
        QTest::newRow("spaces") << QByteArray(R"({ "type" : "step" , "unit":"step", "step": 3 })") << true;
        QTest::newRow("a block") << QByteArray(R"({"type":"step","unit":"block","step":3,"steps":8})")
                                 << false;
        QTest::newRow("no step") << QByteArray(R"({"type":"step","unit":"step"})") << false;
        QTest::newRow("step below 0") << QByteArray(R"({"type":"step","unit":"step","step":-4})") << false;
        QTest::newRow("a word") << QByteArray(R"({"type":"step","unit":"step","step":"three"})") << false;
        QTest::newRow("infinite") << QByteArray(R"({"type":"step","unit":"step","step":1e999})") << false;
    }
    void whatTheQuickReaderDoesNotKnowIsLeftToTheWholeOne() {
        QFETCH(QByteArray, line);
        QFETCH(bool, row);
        EventLines lines;
        EventPortion portion;
        lines.take(line.toStdString() + "\n", portion);
        QCOMPARE(portion.rows.size(), row ? std::size_t(1) : std::size_t(0));
        if (row) QCOMPARE(portion.rows.step[0], 3.0);
    }

    void noNumberIsMadeUp_data() {
        QTest::addColumn<QByteArray>("line");
        QTest::newRow("torn") << QByteArray(R"({"type":"step","unit":"step","step":3,"loss":2.)");
        QTest::newRow("torn number") << QByteArray(R"({"type":"step","unit":"step","step":3,"loss":2.5)");
        QTest::newRow("trailing") << QByteArray(R"({"type":"step","unit":"step","step":3}x)");
        QTest::newRow("inf") << QByteArray(R"({"type":"step","unit":"step","step":inf})");
        QTest::newRow("nan") << QByteArray(R"({"type":"step","unit":"step","step":3,"loss":nan})");
        QTest::newRow("empty object") << QByteArray("{}");
        QTest::newRow("an array") << QByteArray("[1,2]");
        QTest::newRow("binary") << QByteArray("\0\xff\xfe{\"type\":1}", 14);
        QTest::newRow("deep") << QByteArray(5000, '[');
    }
    void noNumberIsMadeUp() {
        QFETCH(QByteArray, line);
        EventLines lines;
        EventPortion portion;
        lines.take(line.toStdString() + "\n", portion);
        QCOMPARE(portion.rows.size(), std::size_t(0));
        QCOMPARE(portion.others.size(), std::size_t(0));
        QCOMPARE(portion.unreadable, std::uint64_t(1));
    }

    void piecesOfAnyLengthMakeTheSameLines() {
        std::string all;
        for (int i = 1; i <= 20; ++i) {
            all += dumpLine(stepEvent(i, 20, 3.0 / i)) + (i % 3 == 0 ? "\r\n" : "\n");
            if (i % 4 == 0) all += dumpLine(stateEvent("paused")) + "\n";
        }
        for (const std::size_t length : {1, 2, 7, 100, 1000}) {
            EventLines lines;
            EventPortion portion;
            for (std::size_t at = 0; at < all.size(); at += length)
                lines.take(std::string_view(all).substr(at, length), portion);
            QCOMPARE(portion.rows.size(), std::size_t(20));
            QCOMPARE(portion.rows.loss[19], 3.0 / 20);
            QCOMPARE(portion.others.size(), std::size_t(5));
            QCOMPARE(portion.others[0].row, std::size_t(4));
            QCOMPARE(portion.unreadable, std::uint64_t(0));
            QCOMPARE(lines.unfinished(), std::size_t(0));
        }
    }

    void aLineWithoutEndIsPassedOver() {
        EventLines lines;
        EventPortion portion;
        const std::string piece(std::size_t(1) << 20, 'x');
        for (int i = 0; i < 40; ++i) {
            lines.take(piece, portion);
            QVERIFY(lines.unfinished() <= EventLines::kLongestLine);
        }
        lines.take("\n" + dumpLine(stepEvent(1, 2, 3)) + "\n", portion);
        QCOMPARE(portion.rows.size(), std::size_t(1));
        QCOMPARE(portion.unreadable, std::uint64_t(1));
    }
};

QTEST_GUILESS_MAIN(EventLinesTest)
#include "tst_event_lines.moc"
