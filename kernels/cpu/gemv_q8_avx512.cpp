// Decoding products with q8 weights on AVX-512 with VBMI2 and VNNI: int8 weights are widened to words, and
// pairs of products with x's words are added in whole numbers; a group's sum becomes f32 once.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512vnni,popcnt,bmi2")

#include "kernels/cpu/gemv_avx512-inl.h"

namespace tessera::kernels::avx512 {

namespace {

/// The scales of eight rows, times x's. They go through memory: a broadcast from there costs no shuffle.
struct RowScales {
    alignas(32) float rows[kPanelRows];

    RowScales(const void* halves, float x) {
        const auto bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(halves)));
        _mm256_store_ps(rows,
                        _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(bits, 16)), _mm256_set1_ps(x)));
        asm("" : "+m"(rows));
    }
};

inline __m512i words(const void* bytes) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(static_cast<const __m256i*>(bytes)));
}
inline __m512 scaled(__m512i sums, float scale, __m512 before) {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(scale), before);
}

/// Adds the products of eight rows of 32 columns.
inline void addDense(const std::uint8_t* weights, __m512i input, const RowScales& scales,
                     __m512 sums[kPanelRows]) {
#pragma GCC unroll 8
    for (int r = 0; r < kPanelRows; ++r) {
        if (r % 2 == 0) prefetch(weights + r * kBlockCols);
        sums[r] = scaled(_mm512_madd_epi16(words(weights + r * kBlockCols), input), scales.rows[r], sums[r]);
    }
}

}  // namespace

void gemvPart(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    const KeptColumns keptColumns;
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        const auto& tiles = matrix.panels[row / kPanelRows];
        const auto* columns = matrix.columns + tiles.columns;
        const auto* scales = matrix.bytes + tiles.start;
        const auto* block = scales + tileScaleBytes(tiles.twoOfFour, tiles.dense);
        __m512 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm512_setzero_ps();
        for (int i = tiles.twoOfFour; i > 0; --i) {
            const std::int64_t column = *columns++;
            const auto* input = x.values + column * kTileCols;
            const auto low = _mm512_loadu_si512(input), high = _mm512_loadu_si512(input + kBlockCols);
            const RowScales rowScales(scales, x.scales[column]);
            prefetch(block);
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                const auto* values = block + 64 + r * kTileCols / 2;
                if (r % 2 == 0) prefetch(values);
                const auto kept = _mm512_permutex2var_epi16(low, keptColumns(block + 8 * r), high);
                sums[r] = scaled(_mm512_madd_epi16(words(values), kept), rowScales.rows[r], sums[r]);
            }
            scales += 2 * kPanelRows;
            block += tileBytes(true, WeightValues::Q8);
        }
        for (int i = tiles.dense; i > 0; --i) {
            const std::int64_t column = *columns++;
            const auto* input = x.values + column * kTileCols;
            addDense(block, _mm512_loadu_si512(input), RowScales(scales, x.scales[column]), sums);
            addDense(block + kPanelRows * kBlockCols, _mm512_loadu_si512(input + kBlockCols),
                     RowScales(scales + 2 * kPanelRows, x.scales[column]), sums);
            scales += 4 * kPanelRows;
            block += tileBytes(false, WeightValues::Q8);
        }
        store(sums, y, row, matrix.rows);
    }
}

void gemvPart(const BitmapPanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    const auto blocks = tilesOf(matrix.cols);
    const auto firstPanel = range.first / kPanelRows;
    const auto* head = matrix.heads + firstPanel * blocks;
    const auto* values = matrix.values + matrix.panelStarts[firstPanel];
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        __m512 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm512_setzero_ps();
        for (std::int64_t block = 0; block < blocks; ++block, ++head) {
            const auto* input = x.values + block * kTileCols;
            const auto low = _mm512_loadu_si512(input), high = _mm512_loadu_si512(input + kBlockCols);
            const RowScales rowScales(head->scales, x.scales[block]);
            prefetch(head);
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                const auto mask = head->masks[r];
                const auto expanded = _mm512_mask_expand_epi8(opaqueZero(), mask, _mm512_loadu_si512(values));
                // About half a line of values a row.
                if (r % 2 == 0) prefetch(values);
                const auto products = _mm512_dpwssd_epi32(
                    _mm512_madd_epi16(_mm512_cvtepi8_epi16(_mm512_castsi512_si256(expanded)), low),
                    _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(expanded, 1)), high);
                sums[r] = scaled(products, rowScales.rows[r], sums[r]);
                values += _mm_popcnt_u64(mask);
            }
        }
        store(sums, y, row, matrix.rows);
    }
}

}  // namespace tessera::kernels::avx512
#endif
