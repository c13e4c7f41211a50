#include "kernels/cpu/gemv.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/cpu/gemv_targets.h"
#include "kernels/reference/gemv.h"

namespace tessera::kernels {

namespace {

std::atomic<int> chosenTarget{-1};

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

RowRange partRows(const BitmapPanelsQ8& matrix, int part, int parts, bool pairPanels) {
    const auto headBytes = static_cast<std::uint64_t>(tilesOf(matrix.cols)) * sizeof(BitmapHeadQ8);
    return share(matrix.rows, part, parts, pairPanels, [&](std::int64_t panel) {
        return static_cast<std::uint64_t>(panel) * headBytes + matrix.panelStarts[panel];
    });
}

RowRange partRows(const TilePanels& matrix, int part, int parts, bool pairPanels) {
    return share(matrix.rows, part, parts, pairPanels,
                 [&](std::int64_t panel) { return matrix.panels[panel].start; });
}

RowRange partRows(const TilePanelsQ8& matrix, int part, int parts, bool pairPanels) {
    return share(matrix.rows, part, parts, pairPanels,
                 [&](std::int64_t panel) { return matrix.panels[panel].start; });
}

GemvTarget bestGemvTarget() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq") ||
            !__builtin_cpu_supports("avx512vl"))
            return GemvTarget::Avx2;
        return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
                       __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni")
                   ? GemvTarget::Avx512
                   : GemvTarget::Avx512Base;
    }
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
    return target == GemvTarget::Avx512       ? "AVX-512 VBMI2+BF16"
           : target == GemvTarget::Avx512Base ? "AVX-512"
           : target == GemvTarget::Avx2       ? "AVX2"
                                              : "scalar";
}

namespace {

std::uint64_t scalarReadLines(const std::uint8_t* from, std::int64_t lines) {
    std::uint64_t sum = 0;
    for (std::int64_t i = 0; i < lines * 8; ++i) {
        std::uint64_t word;
        std::memcpy(&word, from + i * 8, 8);
        sum += word;
    }
    return sum;
}

template <typename Matrix, typename Input>
void dispatch(const Matrix& matrix, Input x, float* y, RowRange range) {
    if (range.first >= range.last) return;
#if defined(__x86_64__)
    if (gemvTarget() == GemvTarget::Avx512) return avx512::gemvPart(matrix, x, y, range);
    if (gemvTarget() == GemvTarget::Avx512Base) return avx512base::gemvPart(matrix, x, y, range);
    if (gemvTarget() == GemvTarget::Avx2) return avx2::gemvPart(matrix, x, y, range);
#endif
    reference::gemvPart(matrix, x, y, range);
}

}  // namespace

void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    dispatch(matrix, x, y, range);
}
void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    dispatch(matrix, x, y, range);
}
void gemvPart(const BitmapPanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    dispatch(matrix, x, y, range);
}
void gemvPart(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    dispatch(matrix, x, y, range);
}
void gemvPart(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    dispatch(matrix, x, y, range);
}
std::uint64_t readLines(const void* data, std::int64_t lines) {
    const auto* from = static_cast<const std::uint8_t*>(data);
#if defined(__x86_64__)
    if (gemvTarget() == GemvTarget::Avx512) return avx512::readLines(from, lines);
    if (gemvTarget() == GemvTarget::Avx512Base) return avx512base::readLines(from, lines);
    if (gemvTarget() == GemvTarget::Avx2) return avx2::readLines(from, lines);
#endif
    return scalarReadLines(from, lines);
}

}  // namespace tessera::kernels
