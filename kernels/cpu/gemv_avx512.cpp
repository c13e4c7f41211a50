// Decoding products on AVX-512 with VBMI2 and BF16. Highway 1.0.3 has neither expand nor the bf16 dot
// product.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512bf16,popcnt,bmi2")

#include "kernels/cpu/gemv_avx512-inl.h"

namespace tessera::kernels::avx512 {

namespace {

inline __m512bh asPairs(__m512i bits) {
    return (__m512bh)bits;
}

/// Adds the products of a panel's block of 32 columns.
inline void addDense(const std::uint16_t* weights, __m512bh input, __m512 sums[kPanelRows]) {
#pragma GCC unroll 8
    for (int r = 0; r < kPanelRows; ++r) {
        prefetch(weights + r * kBlockCols);
        sums[r] = _mm512_dpbf16_ps(sums[r], asPairs(_mm512_load_si512(weights + r * kBlockCols)), input);
    }
}

}  // namespace

void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    const auto* weights = matrix.weights + range.first / kPanelRows * blocks * kPanelRows * kBlockCols;
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        __m512 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm512_setzero_ps();
        for (std::int64_t block = 0; block < blocks; ++block) {
            const auto input = asPairs(_mm512_loadu_si512(x + block * kBlockCols));
            addDense(weights, input, sums);
            weights += kPanelRows * kBlockCols;
        }
        store(sums, y, row, matrix.rows);
    }
}

void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    const auto firstPanel = range.first / kPanelRows;
    const auto* masks = matrix.masks + firstPanel * blocks * kPanelRows;
    const auto* values = matrix.values + matrix.panelStarts[firstPanel];
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        __m512 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm512_setzero_ps();
        for (std::int64_t block = 0; block < blocks; ++block) {
            const auto input = asPairs(_mm512_loadu_si512(x + block * kBlockCols));
            prefetch(masks);
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                const auto mask = masks[r];
                const auto expanded =
                    _mm512_mask_expand_epi16(opaqueZero(), mask, _mm512_loadu_si512(values));
                prefetch(values);
                sums[r] = _mm512_dpbf16_ps(sums[r], asPairs(expanded), input);
                values += _mm_popcnt_u32(mask);
            }
            masks += kPanelRows;
        }
        store(sums, y, row, matrix.rows);
    }
}

void gemvPart(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const KeptColumns keptColumns;
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        const auto& tiles = matrix.panels[row / kPanelRows];
        const auto* columns = matrix.columns + tiles.columns;
        const auto* block = matrix.bytes + tiles.start;
        __m512 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm512_setzero_ps();
        for (int i = tiles.twoOfFour; i > 0; --i) {
            const auto* input = x + *columns++ * kTileCols;
            const auto low = _mm512_loadu_si512(input), high = _mm512_loadu_si512(input + kBlockCols);
            prefetch(block);
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                const auto* values = block + 64 + r * kTileCols;
                prefetch(values);
                const auto kept = _mm512_permutex2var_epi16(low, keptColumns(block + 8 * r), high);
                sums[r] = _mm512_dpbf16_ps(sums[r], asPairs(_mm512_load_si512(values)), asPairs(kept));
            }
            block += tileBytes(true, WeightValues::Bf16);
        }
        for (int i = tiles.dense; i > 0; --i) {
            const auto* input = x + *columns++ * kTileCols;
            const auto* weights = reinterpret_cast<const std::uint16_t*>(block);
            addDense(weights, asPairs(_mm512_loadu_si512(input)), sums);
            addDense(weights + kPanelRows * kBlockCols, asPairs(_mm512_loadu_si512(input + kBlockCols)),
                     sums);
            block += tileBytes(false, WeightValues::Bf16);
        }
        store(sums, y, row, matrix.rows);
    }
}

std::uint64_t readLines(const std::uint8_t* from, std::int64_t lines) {
    auto a = _mm512_setzero_si512(), b = a, c = a, d = a;
    std::int64_t i = 0;
    for (; i + 4 <= lines; i += 4) {
        prefetch(from + i * 64);
        prefetch(from + i * 64 + 64);
        prefetch(from + i * 64 + 128);
        prefetch(from + i * 64 + 192);
        a = _mm512_add_epi64(a, _mm512_loadu_si512(from + i * 64));
        b = _mm512_add_epi64(b, _mm512_loadu_si512(from + i * 64 + 64));
        c = _mm512_add_epi64(c, _mm512_loadu_si512(from + i * 64 + 128));
        d = _mm512_add_epi64(d, _mm512_loadu_si512(from + i * 64 + 192));
    }
    for (; i < lines; ++i) a = _mm512_add_epi64(a, _mm512_loadu_si512(from + i * 64));
    return static_cast<std::uint64_t>(
        _mm512_reduce_add_epi64(_mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(c, d))));
}

}  // namespace tessera::kernels::avx512
#endif
