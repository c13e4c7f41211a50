// The AVX-512 products, over operations that two instruction sets give in their own ways. Included behind a
// target pragma, with `Ops` that hold:
//     dot(sums, a, b)                 adds the products of 32 bf16 pairs to 16 sums
//     Input, input(x)                 32 bf16 of x, as the next two want them
//     addWhole(sums, weights, input)  adds the products with 32 bf16
//     addExpanded(sums, mask, values, input)  the same with those that `mask` keeps, from `values` on: the
//                                     same bits as addWhole with zeros between them
//     Words, words(x)                 64 int16 of x, as the next wants them
//     expandedProducts(mask, values, input)   products with the int8 that `mask` keeps, in 16 whole sums
//     KeptColumns                     (metadata of a row) -> the columns in the block of its 32 values, a
//                                     word each, of which the lowest six bits hold
#pragma once

// GCC 12's own header trips over its undefined source operands.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <algorithm>

#include "kernels/cpu/gemv_targets.h"

namespace tessera::kernels {
namespace {

inline void prefetch(const void* reader) {
    _mm_prefetch(static_cast<const char*>(reader) + kAhead, _MM_HINT_T0);
}

/// A zero that the compiler cannot see through. An expand with zeroing waits for its destination's old value;
/// as a merge into this it gets a fresh register.
inline __m512i opaqueZero() {
    auto zero = _mm512_setzero_si512();
    asm("" : "+v"(zero));
    return zero;
}

/// The sums of eight registers, in order.
inline __m256 sumsOf(const __m512 rows[kPanelRows]) {
    __m512 pairs[4], fours[2];
    for (int i = 0; i < 4; ++i)
        pairs[i] = _mm512_add_ps(_mm512_unpacklo_ps(rows[2 * i], rows[2 * i + 1]),
                                 _mm512_unpackhi_ps(rows[2 * i], rows[2 * i + 1]));
    for (int i = 0; i < 2; ++i) {
        const auto a = _mm512_castps_pd(pairs[2 * i]), b = _mm512_castps_pd(pairs[2 * i + 1]);
        fours[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                                 _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    }
    // Each quarter of fours[0] holds sums of rows 0 to 3, of fours[1] those of 4 to 7.
    const auto halves = _mm512_add_ps(_mm512_shuffle_f32x4(fours[0], fours[1], 0x88),
                                      _mm512_shuffle_f32x4(fours[0], fours[1], 0xdd));
    const auto both = _mm512_add_ps(halves, _mm512_shuffle_f32x4(halves, halves, 0xb1));
    return _mm512_castps512_ps256(_mm512_shuffle_f32x4(both, both, 0x08));
}

/// What a panel's eight rows add up to.
struct PanelSums {
    __m512 rows[kPanelRows];

    PanelSums() {
        for (auto& row : rows) row = _mm512_setzero_ps();
    }
    void store(float* y, std::int64_t row, std::int64_t count) const {
        const auto left = std::min(kPanelRows, count - row);
        _mm256_mask_storeu_ps(y + row, static_cast<__mmask8>((1u << left) - 1), sumsOf(rows));
    }
};

/// Adds the products of a panel's block of 32 columns.
template <typename Ops>
inline void addDense(const std::uint16_t* weights, const std::uint16_t* x, PanelSums& sums) {
    const auto input = Ops::input(x);
#pragma GCC unroll 8
    for (int r = 0; r < kPanelRows; ++r) {
        prefetch(weights + r * kBlockCols);
        sums.rows[r] = Ops::addWhole(sums.rows[r], weights + r * kBlockCols, input);
    }
}

template <typename Ops>
void product(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    const auto* weights = matrix.weights + range.first / kPanelRows * blocks * kPanelRows * kBlockCols;
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        PanelSums sums;
        for (std::int64_t block = 0; block < blocks; ++block, weights += kPanelRows * kBlockCols)
            addDense<Ops>(weights, x + block * kBlockCols, sums);
        sums.store(y, row, matrix.rows);
    }
}

template <typename Ops>
void product(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    const auto firstPanel = range.first / kPanelRows;
    const auto* masks = matrix.masks + firstPanel * blocks * kPanelRows;
    const auto* values = matrix.values + matrix.panelStarts[firstPanel];
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        PanelSums sums;
        for (std::int64_t block = 0; block < blocks; ++block, masks += kPanelRows) {
            const auto input = Ops::input(x + block * kBlockCols);
            prefetch(masks);
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                prefetch(values);
                sums.rows[r] = Ops::addExpanded(sums.rows[r], masks[r], values, input);
                values += _mm_popcnt_u32(masks[r]);
            }
        }
        sums.store(y, row, matrix.rows);
    }
}

template <typename Ops>
void product(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const typename Ops::KeptColumns keptColumns;
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        const auto& tiles = matrix.panels[row / kPanelRows];
        const auto* columns = matrix.columns + tiles.columns;
        const auto* block = matrix.bytes + tiles.start;
        PanelSums sums;
        for (int i = tiles.twoOfFour; i > 0; --i) {
            const auto* input = x + *columns++ * kTileCols;
            const auto low = _mm512_loadu_si512(input), high = _mm512_loadu_si512(input + kBlockCols);
            prefetch(block);
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                const auto* values = block + 64 + r * kTileCols;
                prefetch(values);
                const auto kept = _mm512_permutex2var_epi16(low, keptColumns(block + 8 * r), high);
                sums.rows[r] = Ops::dot(sums.rows[r], _mm512_load_si512(values), kept);
            }
            block += tileBytes(true, WeightValues::Bf16);
        }
        for (int i = tiles.dense; i > 0; --i) {
            const auto* input = x + *columns++ * kTileCols;
            const auto* weights = reinterpret_cast<const std::uint16_t*>(block);
            addDense<Ops>(weights, input, sums);
            addDense<Ops>(weights + kPanelRows * kBlockCols, input + kBlockCols, sums);
            block += tileBytes(false, WeightValues::Bf16);
        }
        sums.store(y, row, matrix.rows);
    }
}

/// With q8, int8 weights are widened to words, and pairs of products with x's words are added in whole
/// numbers; a group's sum becomes f32 once.
inline __m512i words(const void* bytes) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(static_cast<const __m256i*>(bytes)));
}
inline __m512 scaled(__m512i sums, float scale, __m512 before) {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(scale), before);
}

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

/// Adds the products of eight rows of 32 columns.
inline void addDenseQ8(const std::uint8_t* weights, const std::int16_t* x, const RowScales& scales,
                       PanelSums& sums) {
    const auto input = _mm512_loadu_si512(x);
#pragma GCC unroll 8
    for (int r = 0; r < kPanelRows; ++r) {
        if (r % 2 == 0) prefetch(weights + r * kBlockCols);
        sums.rows[r] =
            scaled(_mm512_madd_epi16(words(weights + r * kBlockCols), input), scales.rows[r], sums.rows[r]);
    }
}

template <typename Ops>
void product(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    const typename Ops::KeptColumns keptColumns;
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        const auto& tiles = matrix.panels[row / kPanelRows];
        const auto* columns = matrix.columns + tiles.columns;
        const auto* scales = matrix.bytes + tiles.start;
        const auto* block = scales + tileScaleBytes(tiles.twoOfFour, tiles.dense);
        PanelSums sums;
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
                sums.rows[r] =
                    scaled(_mm512_madd_epi16(words(values), kept), rowScales.rows[r], sums.rows[r]);
            }
            scales += 2 * kPanelRows;
            block += tileBytes(true, WeightValues::Q8);
        }
        for (int i = tiles.dense; i > 0; --i) {
            const std::int64_t column = *columns++;
            const auto* input = x.values + column * kTileCols;
            addDenseQ8(block, input, RowScales(scales, x.scales[column]), sums);
            addDenseQ8(block + kPanelRows * kBlockCols, input + kBlockCols,
                       RowScales(scales + 2 * kPanelRows, x.scales[column]), sums);
            scales += 4 * kPanelRows;
            block += tileBytes(false, WeightValues::Q8);
        }
        sums.store(y, row, matrix.rows);
    }
}

template <typename Ops>
void product(const BitmapPanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    const auto blocks = tilesOf(matrix.cols);
    const auto firstPanel = range.first / kPanelRows;
    const auto* head = matrix.heads + firstPanel * blocks;
    const auto* values = matrix.values + matrix.panelStarts[firstPanel];
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        PanelSums sums;
        for (std::int64_t block = 0; block < blocks; ++block, ++head) {
            const auto input = Ops::words(x.values + block * kTileCols);
            const RowScales rowScales(head->scales, x.scales[block]);
            prefetch(head);
            prefetch(head->scales);
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                // Two rows have about a line of values.
                if (r % 2 == 0) prefetch(values);
                const auto products = Ops::expandedProducts(head->masks[r], values, input);
                sums.rows[r] = scaled(products, rowScales.rows[r], sums.rows[r]);
                values += _mm_popcnt_u64(head->masks[r]);
            }
        }
        sums.store(y, row, matrix.rows);
    }
}

inline std::uint64_t sumOfLines(const std::uint8_t* from, std::int64_t lines) {
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

}  // namespace
}  // namespace tessera::kernels

/// The target's own functions (gemv_targets.h), to stand in its namespace.
#define TESSERA_GEMV_PRODUCTS(OPS)                                                                \
    void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {  \
        product<OPS>(matrix, x, y, range);                                                        \
    }                                                                                             \
    void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range) { \
        product<OPS>(matrix, x, y, range);                                                        \
    }                                                                                             \
    void gemvPart(const BitmapPanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {            \
        product<OPS>(matrix, x, y, range);                                                        \
    }                                                                                             \
    void gemvPart(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {   \
        product<OPS>(matrix, x, y, range);                                                        \
    }                                                                                             \
    void gemvPart(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {              \
        product<OPS>(matrix, x, y, range);                                                        \
    }                                                                                             \
    std::uint64_t readLines(const std::uint8_t* from, std::int64_t lines) {                       \
        return sumOfLines(from, lines);                                                           \
    }
