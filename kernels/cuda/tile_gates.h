#pragma once

#include <cstdint>

#include "kernels/cuda/gate_math.h"
#include "kernels/cuda/mask_steps.h"
#include "kernels/cuda/part_sums.h"

/// PATCH's tile gates over a fixed N:M mask: a block a strip of a tile, then a thread a tile.
namespace tessera::kernels::cuda {

/// A matrix of tiles cut into strips of whole rows, so that a large tile does not keep one block waiting.
struct TileStrips {
    std::int64_t rows, cols, tileRows, tileCols, gridCols, stripRows, stripsOfTile;

    explicit TileStrips(const TileGeometry& geometry)
        : rows(geometry.rows),
          cols(geometry.cols),
          tileRows(geometry.tileRows),
          tileCols(geometry.tileCols),
          gridCols(geometry.gridCols()),
          stripRows(rowsOfStrip(geometry)),
          stripsOfTile(stripsOf(geometry)) {}

    struct Area {
        std::int64_t top, left, width, size;
    };
    TESSERA_HOST_DEVICE std::int64_t tileOf(std::int64_t block) const { return block / stripsOfTile; }
    /// What a block covers; the strips below a ragged tile's last row are empty.
    TESSERA_HOST_DEVICE Area area(std::int64_t block) const {
        const std::int64_t tile = tileOf(block), i = tile / gridCols, j = tile % gridCols;
        std::int64_t top = i * tileRows + block % stripsOfTile * stripRows, bottom = (i + 1) * tileRows;
        if (bottom > rows) bottom = rows;
        if (bottom > top + stripRows) bottom = top + stripRows;
        const std::int64_t left = j * tileCols, right = left + tileCols < cols ? left + tileCols : cols;
        const std::int64_t height = bottom > top ? bottom - top : 0;
        return {top, left, right - left, height * (right - left)};
    }
};

/// Which element of the matrix number `i` of a strip is.
struct StripLayout {
    static TESSERA_HOST_DEVICE std::int64_t element(const TileStrips::Area& area, std::int64_t cols,
                                                    std::uint32_t i) {
        const auto width = static_cast<std::uint32_t>(area.width);
        return (area.top + i / width) * cols + area.left + i % width;
    }
};

/// M = g + (1 - g) inner; out = w M.
template <typename Layout = StripLayout>
struct TileForward : LeavesPart {
    TileStrips strips;
    ElementsIn weights;
    const std::uint8_t* inner;
    const float* gates;
    ElementsOut out;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        const auto area = strips.area(at.block);
        const float g = gates[strips.tileOf(at.block)];
        float masks = 0, squares = 0;
        for (auto i = static_cast<std::uint32_t>(at.thread); i < area.size; i += kThreads) {
            const std::int64_t element = Layout::element(area, strips.cols, i);
            const float mask = inner[element] ? 1.0f : g, masked = weights.at(element) * mask;
            out.put(element, masked);
            masks += mask;
            squares = fusedMultiplyAdd(masked, masked, squares);
        }
        return {masks, squares, 0, 0};
    }
};

/// The sum over a strip's pruned-by-inner weights of dL/dM. `gates` are soft, whatever the mask is.
template <typename Layout = StripLayout>
struct TileSlopes : LeavesPart {
    TileStrips strips;
    ElementsIn weights;
    const std::uint8_t* inner;
    const float* gates;
    ElementsIn gradMasked;
    bool hard;
    GateRegularisers regularisers;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        const auto area = strips.area(at.block);
        const float soft = gates[strips.tileOf(at.block)];
        const float g = !hard ? soft : soft >= 0.5f ? 1.0f : 0.0f;
        float masks = 0, squares = 0, slopes = 0;
        for (auto i = static_cast<std::uint32_t>(at.thread); i < area.size; i += kThreads) {
            const std::int64_t element = Layout::element(area, strips.cols, i);
            const bool kept = inner[element];
            const float w = weights.at(element), mask = kept ? 1.0f : g, masked = w * mask;
            float slope = fusedMultiplyAdd(gradMasked.at(element), w, regularisers.density);
            slope = fusedMultiplyAdd(regularisers.weight * masked, w, slope);
            if (!kept) slopes += slope;
            masks += mask;
            squares = fusedMultiplyAdd(masked, masked, squares);
        }
        return {masks, squares, 0, slopes};
    }
};

/// The sum of a strip of numbers, one a group of weights.
template <typename Layout = StripLayout>
struct AddStrips : LeavesPart {
    TileStrips strips;
    const float* slopes;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        const auto area = strips.area(at.block);
        float sum = 0;
        for (auto i = static_cast<std::uint32_t>(at.thread); i < area.size; i += kThreads)
            sum += slopes[Layout::element(area, strips.cols, i)];
        return {0, 0, 0, sum};
    }
};

/// A thread a tile: adds (kappa / tau) g (1 - g) times its strips' slopes to the gradient of its logit.
struct TileGradient : LeavesPart {
    const PartSums* strips;
    std::int64_t stripsOfTile;
    const float* gates;
    float* gradLogits;
    std::int64_t tiles;
    float outer;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        const std::int64_t tile = at.block * kThreads + at.thread;
        if (tile >= tiles) return {};
        double sum = 0;
        for (std::int64_t i = 0; i < stripsOfTile; ++i) sum += strips[tile * stripsOfTile + i].slope;
        const double g = gates[tile], gradient = static_cast<double>(outer) * g * (1.0 - g) * sum;
        gradLogits[tile] += static_cast<float>(gradient);
        return {0, 0, gradient * gradient, 0};
    }
};

}  // namespace tessera::kernels::cuda
