// What the AVX-512 products share; included behind their target pragma.
#pragma once

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

inline void store(const __m512 sums[kPanelRows], float* y, std::int64_t row, std::int64_t rows) {
    const auto count = std::min(kPanelRows, rows - row);
    _mm256_mask_storeu_ps(y + row, static_cast<__mmask8>((1u << count) - 1), sumsOf(sums));
}

/// For a row's 64 bits of 2:4 metadata: the columns in the block of its 32 values, a word each, of which the
/// lowest six bits hold.
struct KeptColumns {
    __m512i shifts, low = _mm512_set1_epi16(3), groups;

    KeptColumns() {
        alignas(64) std::uint16_t shift[32], group[32];
        for (int value = 0; value < 32; ++value) {
            shift[value] = static_cast<std::uint16_t>(2 * value);
            group[value] = static_cast<std::uint16_t>(value / 2 * 4);
        }
        shifts = _mm512_load_si512(shift);
        groups = _mm512_load_si512(group);
    }
    __m512i operator()(const std::uint8_t* metadata) const {
        long long bits;
        __builtin_memcpy(&bits, metadata, 8);
        const auto moved = _mm512_multishift_epi64_epi8(shifts, _mm512_set1_epi64(bits));
        return _mm512_ternarylogic_epi32(moved, low, groups, 0xea);  // moved & low | groups
    }
};

}  // namespace
}  // namespace tessera::kernels::avx512
