// Decoding products on AVX2 with FMA: bf16 is widened to f32 by a shift; kept weights are moved to their
// columns by a table of byte shuffles, eight at a time.
#if defined(__x86_64__)
#pragma GCC target("avx2,fma,popcnt,bmi2")

#include <immintrin.h>

#include <algorithm>
#include <array>

#include "kernels/cpu/gemv_targets.h"

namespace tessera::kernels::avx2 {

namespace {

/// For each eight flags, the shuffle that moves packed 16-bit values to the flagged places and zeros to the
/// others.
struct ExpandTable {
    alignas(16) std::array<std::array<std::uint8_t, 16>, 256> shuffles;
    constexpr ExpandTable() : shuffles{} {
        for (int flags = 0; flags < 256; ++flags)
            for (int place = 0, next = 0; place < 8; ++place) {
                const bool kept = flags >> place & 1;
                shuffles[static_cast<std::size_t>(flags)][static_cast<std::size_t>(2 * place)] =
                    kept ? static_cast<std::uint8_t>(2 * next) : 0x80;
                shuffles[static_cast<std::size_t>(flags)][static_cast<std::size_t>(2 * place + 1)] =
                    kept ? static_cast<std::uint8_t>(2 * next + 1) : 0x80;
                next += kept;
            }
    }
};
constexpr ExpandTable kExpand;

inline __m256 widen(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}
inline __m128i loadHalves(const std::uint16_t* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
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

void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    const auto* weights = matrix.weights + range.first / kPanelRows * blocks * kPanelRows * kBlockCols;
    for (auto row = range.first; row < range.last; row += kPanelRows) {
        __m256 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm256_setzero_ps();
        for (std::int64_t block = 0; block < blocks; ++block, weights += kPanelRows * kBlockCols)
            for (int part = 0; part < 4; ++part) {
                const auto input = widen(loadHalves(x + block * kBlockCols + part * 8));
                for (int r = 0; r < kPanelRows; ++r)
                    sums[r] = _mm256_fmadd_ps(widen(loadHalves(weights + r * kBlockCols + part * 8)), input,
                                              sums[r]);
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
        __m256 sums[kPanelRows];
        for (auto& sum : sums) sum = _mm256_setzero_ps();
        for (std::int64_t block = 0; block < blocks; ++block, masks += kPanelRows) {
            __m256 input[4];
            for (int part = 0; part < 4; ++part)
                input[part] = widen(loadHalves(x + block * kBlockCols + part * 8));
            for (int r = 0; r < kPanelRows; ++r)
                for (int part = 0; part < 4; ++part) {
                    const auto flags = masks[r] >> (8 * part) & 0xff;
                    const auto shuffle =
                        _mm_load_si128(reinterpret_cast<const __m128i*>(kExpand.shuffles[flags].data()));
                    sums[r] = _mm256_fmadd_ps(widen(_mm_shuffle_epi8(loadHalves(values), shuffle)),
                                              input[part], sums[r]);
                    values += _mm_popcnt_u32(flags);
                }
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
