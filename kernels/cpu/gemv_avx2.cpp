// Decoding products on AVX2 with FMA: bf16 is widened to f32 by a shift; kept weights are moved to their
// columns by a table of byte shuffles, eight at a time.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,popcnt,bmi2")

#include "kernels/cpu/gemv_avx2-inl.h"

namespace tessera::kernels::avx2 {

namespace {

constexpr ExpandTable<2> kExpand;

inline __m256 widen(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}
inline __m128i loadHalves(const void* from) {
    return _mm_loadu_si128(static_cast<const __m128i*>(from));
}

/// Adds the products of a panel's block of 32 columns.
inline void addDense(const std::uint16_t* weights, const std::uint16_t* x, __m256 sums[kPanelRows]) {
    prefetch(weights, kPanelRows * kBlockCols * 2);
    for (int part = 0; part < 4; ++part) {
        const auto input = widen(loadHalves(x + part * 8));
        for (int r = 0; r < kPanelRows; ++r)
            sums[r] = _mm256_fmadd_ps(widen(loadHalves(weights + r * kBlockCols + part * 8)), input, sums[r]);
    }
}

}  // namespace

void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    const auto* weights = matrix.weights + range.first / kPanelRows * blocks * kPanelRows * kBlockCols;
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        __m256 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm256_setzero_ps();
        for (std::int64_t block = 0; block < blocks; ++block, weights += kPanelRows * kBlockCols)
            addDense(weights, x + block * kBlockCols, sums);
        store(sums, y, row, matrix.rows);
    }
}

void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    const auto firstPanel = range.first / kPanelRows;
    const auto* masks = matrix.masks + firstPanel * blocks * kPanelRows;
    const auto* values = matrix.values + matrix.panelStarts[firstPanel];
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        __m256 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm256_setzero_ps();
        for (std::int64_t block = 0; block < blocks; ++block, masks += kPanelRows) {
            __m256 input[4];
            for (int part = 0; part < 4; ++part)
                input[part] = widen(loadHalves(x + block * kBlockCols + part * 8));
            prefetch(masks, kPanelRows * 4);
            for (int r = 0; r < kPanelRows; ++r) {
                prefetch(values, 64);
                for (int part = 0; part < 4; ++part) {
                    const auto flags = masks[r] >> (8 * part) & 0xff;
                    const auto shuffle = loadHalves(kExpand.shuffles[flags].data());
                    sums[r] = _mm256_fmadd_ps(widen(_mm_shuffle_epi8(loadHalves(values), shuffle)),
                                              input[part], sums[r]);
                    values += _mm_popcnt_u32(flags);
                }
            }
        }
        store(sums, y, row, matrix.rows);
    }
}

void gemvPart(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        const auto& tiles = matrix.panels[row / kPanelRows];
        const auto* columns = matrix.columns + tiles.columns;
        const auto* block = matrix.bytes + tiles.start;
        __m256 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm256_setzero_ps();
        for (int i = tiles.twoOfFour; i > 0; --i) {
            const auto* input = x + *columns++ * kTileCols;
            prefetch(block, tileBytes(true, WeightValues::Bf16));
            for (int part = 0; part < 4; ++part) {
                const auto sixteen = loadInput(input + part * 16);
                for (int r = 0; r < kPanelRows; ++r)
                    sums[r] = _mm256_fmadd_ps(widen(loadHalves(block + 64 + r * kTileCols + part * 16)),
                                              _mm256_castsi256_ps(keptOf(sixteen, block + 8 * r + 2 * part)),
                                              sums[r]);
            }
            block += tileBytes(true, WeightValues::Bf16);
        }
        for (int i = tiles.dense; i > 0; --i) {
            const auto* input = x + *columns++ * kTileCols;
            const auto* weights = reinterpret_cast<const std::uint16_t*>(block);
            addDense(weights, input, sums);
            addDense(weights + kPanelRows * kBlockCols, input + kBlockCols, sums);
            block += tileBytes(false, WeightValues::Bf16);
        }
        store(sums, y, row, matrix.rows);
    }
}

std::uint64_t readLines(const std::uint8_t* from, std::int64_t lines) {
    auto a = _mm256_setzero_si256(), b = a;
    for (std::int64_t i = 0; i < lines; ++i) {
        a = _mm256_add_epi64(a, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i * 64)));
        b = _mm256_add_epi64(b, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i * 64 + 32)));
    }
    a = _mm256_add_epi64(a, b);
    alignas(32) std::uint64_t words[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(words), a);
    return words[0] + words[1] + words[2] + words[3];
}

}  // namespace tessera::kernels::avx2
#endif
