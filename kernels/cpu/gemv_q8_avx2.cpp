// Decoding products with q8 weights on AVX2 with FMA: int8 weights are widened to words, and pairs of
// products with x's words are added in whole numbers; a group's sum becomes f32 once.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,popcnt,bmi2")

#include "kernels/cpu/gemv_avx2-inl.h"

namespace tessera::kernels::avx2 {

namespace {

constexpr ExpandTable<1> kExpand;

/// A row's scale, times x's.
inline __m256 scaleOf(const std::uint8_t* halves, int row, float x) {
    std::uint16_t half;
    __builtin_memcpy(&half, halves + 2 * row, 2);
    return _mm256_set1_ps(_mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(half << 16))) * x);
}
inline __m256 scaled(__m256i sums, __m256 scale, __m256 before) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scale, before);
}
inline __m128i eightBytes(const void* from) {
    return _mm_loadl_epi64(static_cast<const __m128i*>(from));
}

/// Adds the products of eight rows of 32 columns.
inline void addDense(const std::uint8_t* weights, const std::int16_t* x, const std::uint8_t* scales,
                     float scale, __m256 sums[kPanelRows]) {
    prefetch(weights, kPanelRows * kBlockCols);
    const auto low = loadInput(x), high = loadInput(x + 16);
    for (int r = 0; r < kPanelRows; ++r) {
        const auto* row = reinterpret_cast<const __m128i*>(weights + r * kBlockCols);
        const auto products =
            _mm256_add_epi32(_mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_load_si128(row)), low),
                             _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_load_si128(row + 1)), high));
        sums[r] = scaled(products, scaleOf(scales, r, scale), sums[r]);
    }
}

}  // namespace

void gemvPart(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        const auto& tiles = matrix.panels[row / kPanelRows];
        const auto* columns = matrix.columns + tiles.columns;
        const auto* scales = matrix.bytes + tiles.start;
        const auto* block = scales + tileScaleBytes(tiles.twoOfFour, tiles.dense);
        __m256 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm256_setzero_ps();
        for (int i = tiles.twoOfFour; i > 0; --i) {
            const std::int64_t column = *columns++;
            const auto* input = x.values + column * kTileCols;
            prefetch(block, tileBytes(true, WeightValues::Q8));
            for (int r = 0; r < kPanelRows; ++r) {
                auto products = _mm256_setzero_si256();
                for (int part = 0; part < 4; ++part) {
                    // The other half of each double word holds the weight's sign against a zero.
                    const auto kept =
                        _mm256_srli_epi32(keptOf(loadInput(input + part * 16), block + 8 * r + 2 * part), 16);
                    const auto weights =
                        _mm256_cvtepi8_epi32(eightBytes(block + 64 + r * kTileCols / 2 + part * 8));
                    products = _mm256_add_epi32(products, _mm256_madd_epi16(weights, kept));
                }
                sums[r] = scaled(products, scaleOf(scales, r, x.scales[column]), sums[r]);
            }
            scales += 2 * kPanelRows;
            block += tileBytes(true, WeightValues::Q8);
        }
        for (int i = tiles.dense; i > 0; --i) {
            const std::int64_t column = *columns++;
            const auto* input = x.values + column * kTileCols;
            addDense(block, input, scales, x.scales[column], sums);
            addDense(block + kPanelRows * kBlockCols, input + kBlockCols, scales + 2 * kPanelRows,
                     x.scales[column], sums);
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
        __m256 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm256_setzero_ps();
        for (std::int64_t block = 0; block < blocks; ++block, ++head) {
            const auto* input = x.values + block * kTileCols;
            prefetch(head, sizeof *head);
            for (int r = 0; r < kPanelRows; ++r) {
                // Two rows have about a line of values.
                if (r % 2 == 0) prefetch(values, 64);
                auto products = _mm256_setzero_si256();
                auto mask = head->masks[r];
                const auto next = [&] {
                    const auto flags = mask & 0xff;
                    const auto eight =
                        _mm_shuffle_epi8(eightBytes(values), eightBytes(kExpand.shuffles[flags].data()));
                    values += _mm_popcnt_u32(static_cast<unsigned>(flags));
                    mask >>= 8;
                    return eight;
                };
                for (int part = 0; part < 4; ++part) {
                    const auto first = next(), second = next();
                    const auto weights = _mm256_cvtepi8_epi16(_mm_unpacklo_epi64(first, second));
                    products =
                        _mm256_add_epi32(products, _mm256_madd_epi16(weights, loadInput(input + part * 16)));
                }
                sums[r] =
                    scaled(products,
                           scaleOf(reinterpret_cast<const std::uint8_t*>(head->scales), r, x.scales[block]),
                           sums[r]);
            }
        }
        store(sums, y, row, matrix.rows);
    }
}

}  // namespace tessera::kernels::avx2
#endif
