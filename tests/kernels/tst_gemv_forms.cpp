// Decoding products over tiles (2:4, dense, both) and with q8 values: each instruction set against the scalar
// version on the same bytes, and the bytes against f64 on the weights that they stand for.
#include <QTest>
#include <algorithm>

#include "gemv_case.h"
#include "kernels/reference/gemv.h"

using namespace tessera::kernels;
using namespace tessera::kernels::test;

namespace {

/// A product's greatest possible sum of magnitudes, row by row: what its rounding is measured against.
std::vector<double> magnitudes(const GemvCase& made) {
    std::vector<double> sums(static_cast<std::size_t>(made.rows));
    for (std::int64_t r = 0; r < made.rows; ++r)
        for (std::int64_t c = 0; c < made.cols; ++c)
            sums[static_cast<std::size_t>(r)] +=
                std::abs(double(widen(made.masked[static_cast<std::size_t>(r * made.cols + c)])) *
                         made.x[static_cast<std::size_t>(c)]);
    return sums;
}

/// Every instruction set of this machine and several numbers of threads: the scalar version's sums up to the
/// order of f32 additions, the same bits for every number of threads, nothing written beyond the rows.
template <typename Panels, typename Input>
std::vector<float> everywhere(const Panels& panels, Input x, const GemvCase& made) {
    const auto rows = static_cast<std::size_t>(made.rows);
    const auto sizes = magnitudes(made);
    std::vector<float> want(rows, NAN);
    reference::gemvPart(panels, x, want.data(), {0, made.rows});
    for (const auto target :
         {GemvTarget::Scalar, GemvTarget::Avx2, GemvTarget::Avx512Base, GemvTarget::Avx512}) {
        if (target > bestGemvTarget()) continue;
        setGemvTarget(target);
        std::vector<float> single;
        for (const int threads : {1, 2, 3, 5}) {
            std::vector<float> y(rows + 16, -7.0f);
            gemv(panels, x, y.data(), threads);
            if (std::any_of(y.begin() + made.rows, y.end(), [](float value) { return value != -7.0f; }))
                qFatal("rows behind the last are written");
            y.resize(rows);
            if (single.empty()) single = y;
            if (y != single) qFatal("%d threads give other bits", threads);
        }
        for (std::size_t r = 0; r < rows; ++r)
            if (!(std::abs(single[r] - want[r]) <= 4e-6 * sizes[r] + 1e-30))
                qFatal("%s, row %d: %g instead of %g", gemvTargetName(target), int(r), single[r], want[r]);
    }
    setGemvTarget(bestGemvTarget());
    return want;
}

}  // namespace

class TestGemvForms : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void cases_data() {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("cols");
        QTest::addColumn<int>("pattern");
        const char* const names[] = {"whole", "half", "2:4", "at most 2:4", "tiles", "nothing"};
        for (const auto& [rows, cols] :
             {std::pair{1, 1}, {7, 31}, {8, 64}, {9, 66}, {33, 130}, {64, 576}, {100, 703}, {257, 1536}})
            for (int pattern = 0; pattern < 6; ++pattern)
                QTest::addRow("%dx%d %s", rows, cols, names[pattern]) << rows << cols << pattern;
    }

    void bf16Tiles_data() { cases_data(); }
    /// The sums are those of the masked weights and of x rounded to bf16, in f64.
    void bf16Tiles() {
        QFETCH(int, rows);
        QFETCH(int, cols);
        QFETCH(int, pattern);
        const GemvCase made(rows, cols, static_cast<Pattern>(pattern));
        const Inputs inputs(made.x);
        const PackedTiles tiles(made, true, WeightValues::Bf16);
        QCOMPARE(tiles.plan.twoOfFour + tiles.plan.dense + tiles.plan.empty, panelsOf(rows) * tilesOf(cols));
        const auto y = everywhere(tiles.bf16(), inputs.bf16(), made);
        const auto sizes = magnitudes(made);
        for (std::int64_t r = 0; r < rows; ++r) {
            double sum = 0;
            for (std::int64_t c = 0; c < cols; ++c)
                sum += double(widen(made.masked[static_cast<std::size_t>(r * cols + c)])) *
                       widen(inputs.bf16()[c]);
            const auto at = static_cast<std::size_t>(r);
            QVERIFY(std::abs(y[at] - sum) <= 4e-6 * sizes[at]);
        }
    }

    void q8_data() { cases_data(); }
    /// Against f64 on the unrounded weights and x: off by half a step of each at most.
    void q8() {
        QFETCH(int, rows);
        QFETCH(int, cols);
        QFETCH(int, pattern);
        const GemvCase made(rows, cols, static_cast<Pattern>(pattern));
        const Inputs inputs(made.x);
        const PackedTiles tiles(made, true, WeightValues::Q8);
        const PackedBitmapQ8 bitmap(made);
        QCOMPARE(bitmap.starts.back(), made.kept);
        const auto one = everywhere(tiles.q8(), inputs.q8(), made),
                   other = everywhere(bitmap.panels(), inputs.q8(), made);
        double error = 0, size = 0;
        for (std::int64_t r = 0; r < rows; ++r) {
            double sum = 0, bound = 0, magnitude = 0;
            for (std::int64_t first = 0; first < cols; first += kTileCols) {
                // A group's step is at most the greatest weight of the row's 64 / 127, a bf16 up.
                double weightStep = 0, inputStep = 0;
                const auto last = std::min<std::int64_t>(cols, first + kTileCols);
                const auto weight = [&](std::int64_t c) {
                    return double(widen(made.masked[static_cast<std::size_t>(r * cols + c)]));
                };
                const auto input = [&](std::int64_t c) {
                    return double(made.x[static_cast<std::size_t>(c)]);
                };
                for (auto c = first; c < last; ++c) {
                    weightStep = std::max(weightStep, std::abs(weight(c)) / 127 * (1 + 1.0 / 128));
                    inputStep = std::max(inputStep, std::abs(input(c)) / 32767 * (1 + 1e-6));
                }
                for (auto c = first; c < last; ++c) {
                    sum += weight(c) * input(c);
                    magnitude += std::abs(weight(c) * input(c));
                    if (!made.keeps(r, c)) continue;
                    bound += weightStep / 2 * (std::abs(input(c)) + inputStep / 2) +
                             std::abs(weight(c)) * inputStep / 2;
                }
            }
            const auto at = static_cast<std::size_t>(r);
            for (const auto value : {one[at], other[at]})
                QVERIFY2(std::abs(value - sum) <= bound + 1e-6 * magnitude,
                         qPrintable(QString("row %1: %2, off by %3, allowed %4")
                                        .arg(r)
                                        .arg(sum)
                                        .arg(value - sum)
                                        .arg(bound)));
            error += (one[at] - sum) * (one[at] - sum);
            size += sum * sum;
        }
        // Far better than the bound: roundings go either way.
        if (rows > 60 && made.kept > 0)
            QVERIFY2(std::sqrt(error / size) < 0.012, qPrintable(QString::number(std::sqrt(error / size))));
    }

    void denseQ8_data() { cases_data(); }
    /// Without a mask all blocks are dense, and hold the same as a mask that keeps everything.
    void denseQ8() {
        QFETCH(int, rows);
        QFETCH(int, cols);
        QFETCH(int, pattern);
        if (static_cast<Pattern>(pattern) != Pattern::Whole) return;
        const GemvCase made(rows, cols, Pattern::Whole);
        const Inputs inputs(made.x);
        const PackedTiles dense(made, false, WeightValues::Q8), kept(made, true, WeightValues::Q8);
        // At a panel's edges even whole rows are 2:4: one or two columns of the last four.
        QVERIFY(dense.plan.dense > 0 || cols < 3);
        QCOMPARE(dense.plan.bytes, kept.plan.bytes);
        QVERIFY(std::equal(dense.bytes.data.get(), dense.bytes.data.get() + dense.plan.bytes,
                           kept.bytes.data.get()));
        everywhere(dense.q8(), inputs.q8(), made);
    }

    /// What is packed can be read back: every kept weight at its place, nothing else.
    void tilesHoldTheMaskedWeights() {
        for (const auto pattern : {Pattern::Whole, Pattern::Half, Pattern::TwoOfFour, Pattern::AtMostTwo,
                                   Pattern::Tiles, Pattern::Nothing}) {
            const GemvCase made(53, 333, pattern);
            const PackedTiles tiles(made, true, WeightValues::Bf16);
            std::vector<std::uint16_t> found(made.masked.size());
            const auto put = [&](std::int64_t row, std::int64_t col, std::uint16_t value) {
                if (row < made.rows && col < made.cols)
                    found[static_cast<std::size_t>(row * made.cols + col)] = value;
                else
                    QCOMPARE(value, std::uint16_t(0));
            };
            for (std::int64_t p = 0; p < panelsOf(made.rows); ++p) {
                const auto& panel = tiles.plan.panels[static_cast<std::size_t>(p)];
                QCOMPARE(panel.start % 64, std::uint64_t(0));
                const auto* block = tiles.bytes.data.get() + panel.start;
                const auto* columns = tiles.plan.columns.data() + panel.columns;
                for (int i = 0; i < panel.twoOfFour; ++i, block += 576)
                    for (std::int64_t r = 0; r < 8; ++r)
                        for (std::int64_t group = 0; group < 16; ++group) {
                            const auto nibble = block[8 * r + group / 2] >> (4 * (group % 2)) & 15;
                            const auto first = nibble & 3, second = nibble >> 2;
                            QVERIFY(first < second);
                            std::uint16_t pair[2];
                            std::memcpy(pair, block + 64 + 64 * r + 4 * group, 4);
                            const auto col = columns[i] * 64 + 4 * group;
                            put(8 * p + r, col + first, pair[0]);
                            put(8 * p + r, col + second, pair[1]);
                        }
                columns += panel.twoOfFour;
                for (int i = 0; i < panel.dense; ++i, block += 1024)
                    for (std::int64_t r = 0; r < 8; ++r)
                        for (std::int64_t c = 0; c < 64; ++c) {
                            std::uint16_t value;
                            std::memcpy(&value, block + 512 * (c / 32) + 64 * r + 2 * (c % 32), 2);
                            put(8 * p + r, columns[i] * 64 + c, value);
                        }
                QCOMPARE(block - tiles.bytes.data.get(),
                         std::ptrdiff_t(tiles.plan.panels[static_cast<std::size_t>(p + 1)].start));
            }
            QVERIFY(found == made.masked);
        }
    }

    /// The bits are as documented: PTX's ordered metadata, the first group lowest, zeros filled in.
    void metadataToTheLetter() {
        const std::uint16_t weights[16] = {11, 12, 13, 14, 21, 22, 23, 24, 31, 32, 33, 34, 41, 42, 43, 44};
        // Kept: 0 and 2; 3 alone; none; 1 and 3.
        const std::uint8_t keep[2] = {0b10100001, 0b00000101};
        const auto plan = planTiles(keep, 1, 16, WeightValues::Bf16);
        QCOMPARE(plan.bytes, std::uint64_t(576));
        Aligned<std::uint8_t> bytes(576);
        packTiles(weights, keep, 1, 16, plan, bytes.data.get());
        QCOMPARE(bytes.data.get()[0], std::uint8_t(0b1110'1000));
        QCOMPARE(bytes.data.get()[1], std::uint8_t(0b1101'0100));
        std::uint16_t values[8];
        std::memcpy(values, bytes.data.get() + 64, sizeof values);
        const std::uint16_t want[8] = {11, 13, 0, 24, 0, 0, 42, 44};
        QVERIFY(std::equal(want, want + 8, values));
    }

    void scalesAreRoundedUp() {
        QCOMPARE(scaleQ8(0), std::uint16_t(0));
        QCOMPARE(scaleQ8(127), std::uint16_t(0x3f80));
        QCOMPARE(scaleQ8(127.01f), std::uint16_t(0x3f81));
        std::mt19937 random(3);
        for (int i = 0; i < 10000; ++i) {
            const float largest = widen(static_cast<std::uint16_t>(random() % 0x7f80));
            const double scale = widen(scaleQ8(largest));
            QVERIFY(scale * 127 >= largest);
            QVERIFY(scale * 127 <= largest * (1 + 1.0 / 128) + 127 * 1e-40);
        }
    }

    /// What is not a number stays one, in the rows that read it alone; the tiniest x is nothing.
    void inputsThatAreNotNumbers() {
        const GemvCase made(24, 192, Pattern::TwoOfFour);
        for (const float bad : {NAN, INFINITY, -INFINITY}) {
            auto x = made.x;
            x[70] = bad;
            const Inputs inputs(x);
            QVERIFY(std::isnan(inputs.q8().scales[1]));
            QVERIFY(std::isfinite(inputs.q8().scales[0]) && std::isfinite(inputs.q8().scales[2]));
            const PackedTiles tiles(made, true, WeightValues::Q8);
            std::vector<float> y(24);
            gemv(tiles.q8(), inputs.q8(), y.data(), 1);
            for (const float value : y) QVERIFY(std::isnan(value));
        }
        std::vector<float> tiny(64, 1e-42f);
        tiny[0] = -3e38f;
        QCOMPARE(Inputs(tiny).q8().values[0], std::int16_t(-32767));
        tiny[0] = 0;
        const Inputs nothing(tiny);
        QCOMPARE(nothing.q8().scales[0], 0.0f);
        QCOMPARE(nothing.q8().values[1], std::int16_t(0));
    }

    void partsAreSharedByBytes() {
        // The first half of the rows 2:4, the rest dense: 9 bits against 16.
        GemvCase made(512, 256, Pattern::Whole);
        for (std::size_t i = 0; i < made.keep.size() / 2; ++i) made.keep[i] = 0x55;
        for (const auto values : {WeightValues::Bf16, WeightValues::Q8}) {
            const PackedTiles tiles(made, true, values);
            for (const bool pairs : {false, true})
                for (int parts = 1; parts <= 9; ++parts) {
                    std::int64_t next = 0;
                    for (int part = 0; part < parts; ++part) {
                        const auto range = partRows(tiles.bf16(), part, parts, pairs);
                        QCOMPARE(range.first, next);
                        QVERIFY(range.first % (kPanelRows * (pairs ? 2 : 1)) == 0);
                        next = range.last;
                        const auto bytes =
                            tiles.plan.panels[static_cast<std::size_t>(panelsOf(range.last))].start -
                            tiles.plan.panels[static_cast<std::size_t>(range.first / kPanelRows)].start;
                        const auto fair = double(tiles.plan.bytes) / parts;
                        QVERIFY(std::abs(double(bytes) - fair) <= 4.0 * 256 * kPanelRows * 2);
                    }
                    QCOMPARE(next, made.rows);
                }
        }
    }
};

QTEST_APPLESS_MAIN(TestGemvForms)
#include "tst_gemv_forms.moc"
