#include <QTest>

#include "emulated_warp.h"

using namespace tessera::kernels;
using namespace tessera::kernels::test;

namespace {

/// Small whole numbers: exact in bf16, and their sums in f32, in any order.
std::uint32_t bf16Of(int value) {
    const auto wide = static_cast<float>(value);
    std::uint32_t bits;
    std::memcpy(&bits, &wide, 4);
    return bits >> 16;
}

/// Where the words of a fragment take their elements from: the manual's figures, read word by word. For A:
/// the words' corners in the matrix in quadrants; a lane holds two neighbours of one row.
struct Corner {
    int row, col;
};
constexpr Corner kQuadrantsOfA[4] = {{0, 0}, {8, 0}, {0, 8}, {8, 8}};

}  // namespace

class TestCudaWarpEmulation : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void mmaIsAMatrixProduct() {
        std::mt19937 random(1);
        int a[16][16], b[16][8], c[16][8];
        for (auto& row : a)
            for (auto& value : row) value = static_cast<int>(random() % 15) - 7;
        for (auto& row : b)
            for (auto& value : row) value = static_cast<int>(random() % 15) - 7;
        for (auto& row : c)
            for (auto& value : row) value = static_cast<int>(random() % 100);
        EmulatedWarp warp;
        EmulatedWarp::Words left, right;
        EmulatedWarp::Sums sums;
        for (int group = 0; group < 8; ++group)
            for (int t = 0; t < 4; ++t) {
                const int lane = 4 * group + t;
                for (int word = 0; word < 4; ++word) {
                    const auto [row, col] = kQuadrantsOfA[word];
                    left[lane].of[word] =
                        bf16Of(a[row + group][col + 2 * t]) | bf16Of(a[row + group][col + 2 * t + 1]) << 16;
                }
                // B's two registers as the third and fourth: the loop's second step uses them so.
                for (int word = 0; word < 2; ++word)
                    right[lane].of[2 + word] =
                        bf16Of(b[8 * word + 2 * t][group]) | bf16Of(b[8 * word + 2 * t + 1][group]) << 16;
                sums[lane] = {{float(c[group][2 * t]), float(c[group][2 * t + 1]), float(c[group + 8][2 * t]),
                               float(c[group + 8][2 * t + 1])}};
            }
        warp.mma(sums, left, right, 2);
        for (int row = 0; row < 16; ++row)
            for (int col = 0; col < 8; ++col) {
                int expected = c[row][col];
                for (int k = 0; k < 16; ++k) expected += a[row][k] * b[k][col];
                QCOMPARE(sums[row % 8 * 4 + col / 2].of[row / 8 * 2 + col % 2], float(expected));
            }
    }

    void sparseMmaIsAMatrixProduct() {
        check<0>();
        check<1>();
    }

  private:
    template <int selector>
    void check() {
        std::mt19937 random(2 + selector);
        int a[16][32] = {}, b[32][8];
        EmulatedWarp warp;
        EmulatedWarp::Words left, right;
        EmulatedWarp::Sums sums;
        EmulatedWarp::Register<std::uint32_t> metadata;
        // The lanes that the selector does not name hold what must not be read.
        for (auto& word : metadata.lanes) word = static_cast<std::uint32_t>(random());
        for (int group = 0; group < 8; ++group)
            for (int half = 0; half < 2; ++half) metadata[4 * group + 2 * selector + half] = 0;
        for (int row = 0; row < 16; ++row)
            for (int four = 0; four < 8; ++four) {
                const auto first = random() % 3, second = first + 1 + random() % (3 - first);
                const int low = static_cast<int>(random() % 15) - 7,
                          high = static_cast<int>(random() % 15) - 7;
                a[row][4 * four + first] = low;
                a[row][4 * four + second] = high;
                // Registers 0 and 1 hold the first 16 columns, 2 and 3 the others; the odd ones rows 8 to 15.
                left[row % 8 * 4 + four % 4].of[four / 4 * 2 + row / 8] = bf16Of(low) | bf16Of(high) << 16;
                metadata[row % 8 * 4 + 2 * selector + four / 4] |=
                    static_cast<std::uint32_t>(first | second << 2) << (row / 8 * 16 + four % 4 * 4);
            }
        for (auto& row : b)
            for (auto& value : row) value = static_cast<int>(random() % 15) - 7;
        for (int group = 0; group < 8; ++group)
            for (int t = 0; t < 4; ++t)
                for (int word = 0; word < 4; ++word)
                    right[4 * group + t].of[word] =
                        bf16Of(b[8 * word + 2 * t][group]) | bf16Of(b[8 * word + 2 * t + 1][group]) << 16;
        warp.mmaSparse<selector>(sums, left, right, metadata);
        for (int row = 0; row < 16; ++row)
            for (int col = 0; col < 8; ++col) {
                int expected = 0;
                for (int k = 0; k < 32; ++k) expected += a[row][k] * b[k][col];
                QCOMPARE(sums[row % 8 * 4 + col / 2].of[row / 8 * 2 + col % 2], float(expected));
            }
    }
};

QTEST_APPLESS_MAIN(TestCudaWarpEmulation)
#include "tst_cuda_warp_emulation.moc"
