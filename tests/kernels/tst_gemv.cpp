#include <QTest>

#include "gemv_case.h"

using namespace tessera::kernels;
using namespace tessera::kernels::test;

class TestGemv : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void matchesF64_data() {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("cols");
        QTest::addColumn<int>("percent");
        for (const auto& [rows, cols] :
             {std::pair{1, 1}, {7, 31}, {8, 32}, {9, 33}, {64, 576}, {100, 700}, {257, 1536}})
            for (const int percent : {0, 10, 50, 60, 99, 100})
                QTest::addRow("%dx%d at %d %%", rows, cols, percent) << rows << cols << percent;
    }

    void matchesF64() {
        QFETCH(int, rows);
        QFETCH(int, cols);
        QFETCH(int, percent);
        std::mt19937 random(static_cast<unsigned>(rows * 1000 + cols + percent));
        std::normal_distribution<float> normal;
        const auto count = static_cast<std::size_t>(rows * cols);
        std::vector<std::uint16_t> weights(count), masked(count);
        std::vector<std::uint8_t> keep((count + 7) / 8);
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const float value = normal(random);
            std::uint32_t bits;
            std::memcpy(&bits, &value, 4);
            weights[i] = static_cast<std::uint16_t>(bits >> 16);
            if (static_cast<int>(random() % 100) < percent) continue;
            keep[i / 8] |= static_cast<std::uint8_t>(0x80 >> (i % 8));
            masked[i] = weights[i];
            ++kept;
        }
        std::vector<float> x(static_cast<std::size_t>(cols));
        for (auto& value : x) value = normal(random);
        Aligned<std::uint16_t> rounded(inputBytes(cols) / 2),
            panels(static_cast<std::size_t>(densePanelElements(rows, cols)));
        roundVector(x.data(), cols, rounded.data.get());
        packDense(masked.data(), rows, cols, panels.data.get());
        std::vector<std::uint32_t> masks(static_cast<std::size_t>(bitmapWords(rows, cols)));
        std::vector<std::uint16_t> values(kept + static_cast<std::size_t>(kValuePadding));
        std::vector<std::uint64_t> starts(static_cast<std::size_t>(panelsOf(rows) + 1));
        packBitmap(weights.data(), keep.data(), rows, cols, masks.data(), values.data(), starts.data());
        QCOMPARE(starts.back(), kept);
        const DensePanels dense{rows, cols, panels.data.get()};
        const BitmapPanels bitmap{rows, cols, masks.data(), values.data(), starts.data()};

        for (const auto target :
             {GemvTarget::Scalar, GemvTarget::Avx2, GemvTarget::Avx512Base, GemvTarget::Avx512}) {
            if (target > bestGemvTarget()) continue;
            setGemvTarget(target);
            std::vector<float> single;
            for (const int threads : {1, 2, 3, 5}) {
                std::vector<float> a(static_cast<std::size_t>(rows), NAN), b = a;
                gemv(dense, rounded.data.get(), a.data(), threads);
                gemv(bitmap, rounded.data.get(), b.data(), threads);
                // The same weights in the same order: the same bits.
                QCOMPARE(a, b);
                if (threads == 1) single = a;
                QCOMPARE(a, single);
            }
            for (int r = 0; r < rows; ++r) {
                double sum = 0, size = 0;
                for (int c = 0; c < cols; ++c) {
                    const double product = double(widen(masked[static_cast<std::size_t>(r * cols + c)])) *
                                           widen(rounded.data.get()[c]);
                    sum += product;
                    size += std::abs(product);
                }
                QVERIFY(std::abs(single[static_cast<std::size_t>(r)] - sum) <= 2e-6 * size + 1e-30);
            }
        }
        setGemvTarget(bestGemvTarget());
    }

    void roundsToNearestEven() {
        const float x[] = {1.0f, 1.00390625f, 1.01171875f, -3.0e38f, 1e-40f};
        std::uint16_t rounded[64];
        roundVector(x, 5, rounded);
        QCOMPARE(rounded[0], std::uint16_t(0x3f80));
        QCOMPARE(rounded[1], std::uint16_t(0x3f80));  // halfway between 1 and 1 + 2^-7: to the even one
        QCOMPARE(rounded[2], std::uint16_t(0x3f82));
        for (int i = 5; i < 64; ++i) QCOMPARE(rounded[i], std::uint16_t(0));
    }

    void partsCoverAllRowsOnce() {
        std::vector<std::uint64_t> starts{0, 1000, 1000, 1001, 5000, 5000};
        const BitmapPanels uneven{37, 64, nullptr, nullptr, starts.data()};
        for (const bool pairs : {false, true})
            for (int parts = 1; parts <= 9; ++parts) {
                std::int64_t next = 0;
                for (int part = 0; part < parts; ++part) {
                    const auto range = partRows(uneven, part, parts, pairs);
                    QCOMPARE(range.first, next);
                    QVERIFY(range.last >= range.first);
                    if (pairs && range.first < uneven.rows)
                        QCOMPARE(range.first % (2 * kPanelRows), std::int64_t(0));
                    next = range.last;
                }
                QCOMPARE(next, uneven.rows);
            }
    }
};

QTEST_APPLESS_MAIN(TestGemv)
#include "tst_gemv.moc"
