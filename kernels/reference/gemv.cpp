#include "kernels/reference/gemv.h"

#include <bit>
#include <cstring>

namespace tessera::kernels::reference {

namespace {

float widen(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

template <typename T>
T read(const std::uint8_t* bytes, std::int64_t index) {
    T value;
    std::memcpy(&value, bytes + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    return value;
}

void store(const float sums[kPanelRows], std::int64_t panel, std::int64_t rows, float* y) {
    for (std::int64_t r = 0; r < kPanelRows && panel * kPanelRows + r < rows; ++r)
        y[panel * kPanelRows + r] = sums[r];
}

/// The column in its block of value `v` of row `r`, by the block's metadata.
std::int64_t keptColumn(const std::uint8_t* block, std::int64_t r, std::int64_t v) {
    const auto bits = read<std::uint64_t>(block, r);
    return v / 2 * 4 + static_cast<std::int64_t>(bits >> (2 * v) & 3);
}

}  // namespace

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
        store(sums, panel, matrix.rows, y);
    }
}

void gemvPart(const BitmapPanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    const auto blocks = tilesOf(matrix.cols);
    for (std::int64_t panel = range.first / kPanelRows; panel * kPanelRows < range.last; ++panel) {
        float sums[kPanelRows] = {};
        const auto* values = matrix.values + matrix.panelStarts[panel];
        for (std::int64_t block = 0; block < blocks; ++block) {
            const auto& head = matrix.heads[panel * blocks + block];
            for (std::int64_t r = 0; r < kPanelRows; ++r) {
                std::int32_t sum = 0;
                for (auto next = head.masks[r]; next != 0; next &= next - 1)
                    sum += *values++ * x.values[block * kTileCols + std::countr_zero(next)];
                sums[r] += static_cast<float>(sum) * (widen(head.scales[r]) * x.scales[block]);
            }
        }
        store(sums, panel, matrix.rows, y);
    }
}

void gemvPart(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range) {
    for (std::int64_t panel = range.first / kPanelRows; panel * kPanelRows < range.last; ++panel) {
        float sums[kPanelRows] = {};
        const auto& tiles = matrix.panels[panel];
        const auto* columns = matrix.columns + tiles.columns;
        const auto* block = matrix.bytes + tiles.start;
        for (int i = 0; i < tiles.twoOfFour; ++i, block += tileBytes(true, WeightValues::Bf16)) {
            const auto* input = x + *columns++ * kTileCols;
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                for (std::int64_t v = 0; v < kTileCols / 2; ++v)
                    sums[r] += widen(read<std::uint16_t>(block + 64, r * kTileCols / 2 + v)) *
                               widen(input[keptColumn(block, r, v)]);
        }
        for (int i = 0; i < tiles.dense; ++i, block += tileBytes(false, WeightValues::Bf16)) {
            const auto* input = x + *columns++ * kTileCols;
            for (std::int64_t c = 0; c < kTileCols; ++c)
                for (std::int64_t r = 0; r < kPanelRows; ++r)
                    sums[r] += widen(read<std::uint16_t>(
                                   block, (c / kBlockCols * kPanelRows + r) * kBlockCols + c % kBlockCols)) *
                               widen(input[c]);
        }
        store(sums, panel, matrix.rows, y);
    }
}

void gemvPart(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range) {
    for (std::int64_t panel = range.first / kPanelRows; panel * kPanelRows < range.last; ++panel) {
        float sums[kPanelRows] = {};
        const auto& tiles = matrix.panels[panel];
        const auto* columns = matrix.columns + tiles.columns;
        const auto* scales = matrix.bytes + tiles.start;
        const auto* block = scales + tileScaleBytes(tiles.twoOfFour, tiles.dense);
        const auto scaled = [&](std::int32_t sum, std::int64_t r, std::int64_t column) {
            return static_cast<float>(sum) * (widen(read<std::uint16_t>(scales, r)) * x.scales[column]);
        };
        for (int i = 0; i < tiles.twoOfFour; ++i, block += tileBytes(true, WeightValues::Q8)) {
            const std::int64_t column = *columns++;
            for (std::int64_t r = 0; r < kPanelRows; ++r) {
                std::int32_t sum = 0;
                for (std::int64_t v = 0; v < kTileCols / 2; ++v)
                    sum += read<std::int8_t>(block + 64, r * kTileCols / 2 + v) *
                           x.values[column * kTileCols + keptColumn(block, r, v)];
                sums[r] += scaled(sum, r, column);
            }
            scales += 2 * kPanelRows;
        }
        for (int i = 0; i < 2 * tiles.dense; ++i, block += kPanelRows * kBlockCols) {
            const std::int64_t column = columns[i / 2];
            for (std::int64_t r = 0; r < kPanelRows; ++r) {
                std::int32_t sum = 0;
                for (std::int64_t c = 0; c < kBlockCols; ++c)
                    sum += read<std::int8_t>(block, r * kBlockCols + c) *
                           x.values[column * kTileCols + i % 2 * kBlockCols + c];
                sums[r] += scaled(sum, r, column);
            }
            scales += 2 * kPanelRows;
        }
        store(sums, panel, matrix.rows, y);
    }
}

}  // namespace tessera::kernels::reference
