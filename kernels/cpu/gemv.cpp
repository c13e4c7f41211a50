#include "kernels/cpu/gemv.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "kernels/cpu/gemv_targets.h"

namespace tessera::kernels {

namespace {

float widen(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

/// The masks are walked in the order that the products walk them.
template <typename Visit>
void overPanels(std::int64_t rows, std::int64_t cols, const Visit& visit) {
    for (std::int64_t panel = 0; panel < panelsOf(rows); ++panel)
        for (std::int64_t block = 0; block < blocksOf(cols); ++block)
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                visit(panel, block, r, panel * kPanelRows + r, block * kBlockCols);
}

std::atomic<int> chosenTarget{-1};

int threadsFor(int threads) {
    return threads > 0 ? threads : omp_get_max_threads();
}

/// Shares panels out so that every part reads about as many bytes. `bytesBefore(panel)` counts those of
/// earlier panels.
template <typename Bytes>
RowRange share(std::int64_t rows, int part, int parts, bool pairPanels, const Bytes& bytesBefore) {
    const auto panels = panelsOf(rows);
    const auto begin = [&](int p) {
        if (p <= 0) return std::int64_t(0);
        if (p >= parts) return panels;
        const auto goal =
            bytesBefore(panels) / static_cast<std::uint64_t>(parts) * static_cast<std::uint64_t>(p);
        std::int64_t low = 0, high = panels;
        while (low < high) {
            const auto middle = (low + high) / 2;
            if (bytesBefore(middle) < goal)
                low = middle + 1;
            else
                high = middle;
        }
        return pairPanels ? std::min(panels, (low + 1) / 2 * 2) : low;
    };
    return {std::min(rows, begin(part) * kPanelRows), std::min(rows, begin(part + 1) * kPanelRows)};
}

}  // namespace

void packDense(const std::uint16_t* weights, std::int64_t rows, std::int64_t cols, std::uint16_t* panels) {
    overPanels(rows, cols, [&](std::int64_t, std::int64_t, std::int64_t, std::int64_t row, std::int64_t col) {
        for (std::int64_t c = col; c < col + kBlockCols; ++c)
            *panels++ = row < rows && c < cols ? weights[row * cols + c] : 0;
    });
}

void packBitmap(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows, std::int64_t cols,
                std::uint32_t* masks, std::uint16_t* values, std::uint64_t* panelStarts) {
    std::uint64_t count = 0;
    overPanels(
        rows, cols,
        [&](std::int64_t panel, std::int64_t block, std::int64_t r, std::int64_t row, std::int64_t col) {
            if (block == 0 && r == 0) panelStarts[panel] = count;
            std::uint32_t word = 0;
            for (std::int64_t c = col; c < std::min(col + kBlockCols, cols) && row < rows; ++c) {
                const auto index = row * cols + c;
                if (!(keep[index >> 3] >> (7 - (index & 7)) & 1)) continue;
                word |= 1u << (c - col);
                values[count++] = weights[index];
            }
            *masks++ = word;
        });
    panelStarts[panelsOf(rows)] = count;
    std::fill(values + count, values + count + kValuePadding, std::uint16_t(0));
}

void roundVector(const float* x, std::int64_t cols, std::uint16_t* rounded) {
    for (std::int64_t i = 0; i < cols; ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(x[i]);
        rounded[i] = static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
    std::fill(rounded + cols, rounded + blocksOf(cols) * kBlockCols, std::uint16_t(0));
}

RowRange partRows(const DensePanels& matrix, int part, int parts, bool pairPanels) {
    return share(matrix.rows, part, parts, pairPanels,
                 [](std::int64_t panel) { return static_cast<std::uint64_t>(panel); });
}

RowRange partRows(const BitmapPanels& matrix, int part, int parts, bool pairPanels) {
    const auto maskBytes = static_cast<std::uint64_t>(blocksOf(matrix.cols) * kPanelRows) * 4;
    return share(matrix.rows, part, parts, pairPanels, [&](std::int64_t panel) {
        return static_cast<std::uint64_t>(panel) * maskBytes + 2 * matrix.panelStarts[panel];
    });
}

namespace scalar {

void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    for (std::int64_t row = range.first; row < range.last; ++row) {
        float sum = 0;
        for (std::int64_t block = 0; block < blocks; ++block) {
            const auto* w =
                matrix.weights +
                ((row / kPanelRows * blocks + block) * kPanelRows + row % kPanelRows) * kBlockCols;
            for (std::int64_t c = 0; c < kBlockCols; ++c)
                sum += widen(w[c]) * widen(x[block * kBlockCols + c]);
        }
        y[row] = sum;
    }
}

void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    const auto blocks = blocksOf(matrix.cols);
    for (std::int64_t panel = range.first / kPanelRows; panel * kPanelRows < range.last; ++panel) {
        float sums[kPanelRows] = {};
        const auto* values = matrix.values + matrix.panelStarts[panel];
        const auto* masks = matrix.masks + panel * blocks * kPanelRows;
        for (std::int64_t block = 0; block < blocks; ++block)
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                for (auto next = *masks++; next != 0; next &= next - 1)
                    sums[r] += widen(*values++) * widen(x[block * kBlockCols + std::countr_zero(next)]);
        for (std::int64_t r = 0; r < kPanelRows && panel * kPanelRows + r < matrix.rows; ++r)
            y[panel * kPanelRows + r] = sums[r];
    }
}

}  // namespace scalar

GemvTarget bestGemvTarget() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vbmi2") &&
        __builtin_cpu_supports("avx512vl"))
        return GemvTarget::Avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return GemvTarget::Avx2;
#endif
    return GemvTarget::Scalar;
}

GemvTarget gemvTarget() {
    const int chosen = chosenTarget.load(std::memory_order_relaxed);
    if (chosen >= 0) return static_cast<GemvTarget>(chosen);
    const auto best = bestGemvTarget();
    chosenTarget.store(static_cast<int>(best), std::memory_order_relaxed);
    return best;
}

void setGemvTarget(GemvTarget target) {
    chosenTarget.store(static_cast<int>(std::min(target, bestGemvTarget())));
}

const char* gemvTargetName(GemvTarget target) {
    return target == GemvTarget::Avx512 ? "AVX-512 VBMI2+BF16"
           : target == GemvTarget::Avx2 ? "AVX2"
                                        : "scalar";
}

namespace {

template <typename Matrix>
void dispatch(const Matrix& matrix, const std::uint16_t* x, float* y, RowRange range) {
    if (range.first >= range.last) return;
#if defined(__x86_64__)
    if (gemvTarget() == GemvTarget::Avx512) return avx512::gemvPart(matrix, x, y, range);
    if (gemvTarget() == GemvTarget::Avx2) return avx2::gemvPart(matrix, x, y, range);
#endif
    scalar::gemvPart(matrix, x, y, range);
}

template <typename Matrix>
void whole(const Matrix& matrix, const std::uint16_t* x, float* y, int threads) {
    const int count = threadsFor(threads);
#pragma omp parallel num_threads(count)
    dispatch(matrix, x, y, partRows(matrix, omp_get_thread_num(), omp_get_num_threads()));
}

}  // namespace

void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    dispatch(matrix, x, y, range);
}
void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    dispatch(matrix, x, y, range);
}
void gemv(const DensePanels& matrix, const std::uint16_t* x, float* y, int threads) {
    whole(matrix, x, y, threads);
}
void gemv(const BitmapPanels& matrix, const std::uint16_t* x, float* y, int threads) {
    whole(matrix, x, y, threads);
}

std::uint64_t readBytes(const void* data, std::int64_t bytes, int threads) {
    const auto* from = static_cast<const std::uint8_t*>(data);
    const std::int64_t lines = bytes / 64;
    std::uint64_t sum = 0;
    const int count = threadsFor(threads);
#pragma omp parallel num_threads(count) reduction(+ : sum)
    {
        const auto part = omp_get_thread_num(), parts = omp_get_num_threads();
        const auto first = lines * part / parts, last = lines * (part + 1) / parts;
#if defined(__x86_64__)
        if (gemvTarget() == GemvTarget::Avx512)
            sum += avx512::readLines(from + first * 64, last - first);
        else if (gemvTarget() == GemvTarget::Avx2)
            sum += avx2::readLines(from + first * 64, last - first);
        else
#endif
            for (auto line = first; line < last; ++line)
                for (int i = 0; i < 8; ++i) {
                    std::uint64_t word;
                    std::memcpy(&word, from + line * 64 + i * 8, 8);
                    sum += word;
                }
    }
    return sum;
}

}  // namespace tessera::kernels
