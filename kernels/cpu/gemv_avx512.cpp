// Decoding products on AVX-512 with VBMI2 and BF16. Highway 1.0.3 has neither expand nor the bf16 dot
// product.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi2,avx512bf16,popcnt,bmi2")

// GCC 12's own header trips over its undefined source operands.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <algorithm>

#include "kernels/cpu/gemv_targets.h"

namespace tessera::kernels::avx512 {

namespace {

/// Bytes ahead of the reader that are asked for: beyond what the hardware's own prefetch covers at a panel's
/// end.
constexpr std::int64_t kAhead = 2048;

inline __m512bh asPairs(__m512i bits) {
    return (__m512bh)bits;
}

inline void store(const __m512 sums[kPanelRows], float* y, std::int64_t row, std::int64_t rows) {
    const auto count = std::min(kPanelRows, rows - row);
    for (std::int64_t r = 0; r < count; ++r) y[row + r] = _mm512_reduce_add_ps(sums[r]);
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
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                _mm_prefetch(reinterpret_cast<const char*>(weights + r * kBlockCols) + kAhead, _MM_HINT_T0);
                sums[r] =
                    _mm512_dpbf16_ps(sums[r], asPairs(_mm512_load_si512(weights + r * kBlockCols)), input);
            }
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
            _mm_prefetch(reinterpret_cast<const char*>(masks) + kAhead, _MM_HINT_T0);
#pragma GCC unroll 8
            for (int r = 0; r < kPanelRows; ++r) {
                const auto mask = masks[r];
                // vpexpandw with zeroing waits for its destination's old value: a zero that the compiler
                // cannot see through makes it a merge into a fresh register.
                auto zero = _mm512_setzero_si512();
                asm("" : "+v"(zero));
                const auto expanded = _mm512_mask_expand_epi16(zero, mask, _mm512_loadu_si512(values));
                _mm_prefetch(reinterpret_cast<const char*>(values) + kAhead, _MM_HINT_T0);
                sums[r] = _mm512_dpbf16_ps(sums[r], asPairs(expanded), input);
                values += _mm_popcnt_u32(mask);
            }
            masks += kPanelRows;
        }
        store(sums, y, row, matrix.rows);
    }
}

std::uint64_t readLines(const std::uint8_t* from, std::int64_t lines) {
    auto a = _mm512_setzero_si512(), b = a, c = a, d = a;
    std::int64_t i = 0;
    for (; i + 4 <= lines; i += 4) {
        _mm_prefetch(reinterpret_cast<const char*>(from + i * 64) + kAhead, _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(from + i * 64 + 64) + kAhead, _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(from + i * 64 + 128) + kAhead, _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(from + i * 64 + 192) + kAhead, _MM_HINT_T0);
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
