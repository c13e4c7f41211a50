// What the AVX2 products share; included behind their target pragma.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <array>

#include "kernels/cpu/gemv_targets.h"

namespace tessera::kernels::avx2 {
namespace {

/// Asks for what lies kAhead behind a block, so that block after block all is asked for once.
inline void prefetch(const void* block, std::int64_t bytes) {
    for (std::int64_t line = 0; line < bytes; line += 64)
        _mm_prefetch(static_cast<const char*>(block) + kAhead + line, _MM_HINT_T0);
}

/// For each eight flags, the shuffle that moves packed elements of `Size` bytes to the flagged places and
/// zeros to the others.
template <int Size>
struct ExpandTable {
    alignas(16) std::array<std::array<std::uint8_t, 8 * Size>, 256> shuffles;
    constexpr ExpandTable() : shuffles{} {
        for (std::size_t flags = 0; flags < 256; ++flags)
            for (std::size_t place = 0, next = 0; place < 8; ++place) {
                const bool kept = flags >> place & 1;
                for (std::size_t byte = 0; byte < Size; ++byte)
                    shuffles[flags][Size * place + byte] =
                        kept ? static_cast<std::uint8_t>(Size * next + byte) : 0x80;
                next += kept;
            }
    }
};

/// For each byte of 2:4 metadata (two groups), the shuffle that moves the four kept ones of eight words to
/// the upper halves of four double words.
struct KeptTable {
    alignas(16) std::array<std::array<std::uint8_t, 16>, 256> shuffles;
    constexpr KeptTable() : shuffles{} {
        for (std::size_t bits = 0; bits < 256; ++bits)
            for (std::size_t value = 0; value < 4; ++value) {
                const auto word = value / 2 * 4 + (bits >> (2 * value) & 3);
                auto* to = &shuffles[bits][4 * value];
                to[0] = to[1] = 0x80;
                to[2] = static_cast<std::uint8_t>(2 * word);
                to[3] = static_cast<std::uint8_t>(2 * word + 1);
            }
    }
};
constexpr KeptTable kKept;

template <typename T>
inline __m256i loadInput(const T* x) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
}

/// The eight words that two bytes of metadata keep of sixteen, each in the upper half of a double word.
inline __m256i keptOf(__m256i words, const std::uint8_t* metadata) {
    const auto shuffle = [&](int i) {
        return _mm_load_si128(reinterpret_cast<const __m128i*>(kKept.shuffles[metadata[i]].data()));
    };
    return _mm256_shuffle_epi8(words,
                               _mm256_inserti128_si256(_mm256_castsi128_si256(shuffle(0)), shuffle(1), 1));
}

inline float sumOf(__m256 value) {
    const auto half = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    const auto quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
}

inline void store(const __m256 sums[kPanelRows], float* y, std::int64_t row, std::int64_t rows) {
    const auto count = std::min(kPanelRows, rows - row);
    for (std::int64_t r = 0; r < count; ++r) y[row + r] = sumOf(sums[r]);
}

}  // namespace
}  // namespace tessera::kernels::avx2
