// Panels that were stored: whether they may be read, and what weights they hold.
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/cpu/gemv.h"

namespace tessera::kernels {

namespace {

constexpr const char* kStartsDiffer = "a panel's first value stands elsewhere than the flags before it say";

/// `kept(panel)` counts a panel's flags.
template <typename Matrix, typename Kept>
const char* flawOfStarts(const Matrix& matrix, std::uint64_t values, const Kept& kept) {
    std::uint64_t count = 0;
    for (std::int64_t panel = 0; panel < panelsOf(matrix.rows); ++panel) {
        if (matrix.panelStarts[panel] != count) return kStartsDiffer;
        count += kept(panel);
    }
    if (matrix.panelStarts[panelsOf(matrix.rows)] != count) return kStartsDiffer;
    return count == values ? nullptr : "there are more or fewer values than flags";
}

template <typename Matrix>
const char* flawOfTiles(const Matrix& matrix, std::uint64_t columns, std::uint64_t bytes,
                        WeightValues values) {
    const auto tiles = tilesOf(matrix.cols);
    std::uint64_t start = 0;
    for (std::int64_t index = 0; index < panelsOf(matrix.rows); ++index) {
        const auto& panel = matrix.panels[index];
        const std::int64_t twoOfFour = panel.twoOfFour, dense = panel.dense;
        if (panel.start != start) return "a panel's blocks begin elsewhere than those before it end";
        const auto listed = static_cast<std::uint64_t>(twoOfFour + dense);
        if (listed > columns || panel.columns > columns - listed)
            return "a panel's list of columns is cut off";
        const auto* const list = matrix.columns + panel.columns;
        for (std::int64_t i = 0; i < twoOfFour + dense; ++i) {
            if (list[i] >= tiles) return "a block stands behind the last column";
            if (i > 0 && i != twoOfFour && list[i] <= list[i - 1]) return "a panel's blocks are out of order";
        }
        start += static_cast<std::uint64_t>(twoOfFour * tileBytes(true, values) +
                                            dense * tileBytes(false, values));
        if (values == WeightValues::Q8) start += static_cast<std::uint64_t>(tileScaleBytes(twoOfFour, dense));
        if (start > bytes) return "a panel's blocks are cut off";
    }
    const auto end = matrix.panels[panelsOf(matrix.rows)].start;
    return start == end && end == bytes ? nullptr : "the last panel's blocks end elsewhere than the section";
}

float widen(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

/// An int8 weight times its scale, as bf16.
std::uint16_t scaled(std::int8_t value, std::uint16_t scale) {
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value) * widen(scale));
    return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Puts weights where a matrix has them; what lies behind its last row or column is padding.
struct Unpacked {
    std::uint16_t* weights;
    std::int64_t rows, cols;

    Unpacked(std::uint16_t* weights, std::int64_t rows, std::int64_t cols)
        : weights(weights), rows(rows), cols(cols) {
        std::fill(weights, weights + rows * cols, std::uint16_t(0));
    }
    void put(std::int64_t row, std::int64_t col, std::uint16_t weight) const {
        if (row < rows && col < cols) weights[row * cols + col] = weight;
    }
};

/// Calls value(row, column, panel's scales, index of the row's scale, panel's blocks, index of the value in
/// them) for every value of tiles, in the order of the bytes.
template <typename Matrix, typename Value>
void overTiles(const Matrix& matrix, WeightValues values, const Value& value) {
    const std::int64_t size = values == WeightValues::Q8 ? 1 : 2;
    for (std::int64_t index = 0; index < panelsOf(matrix.rows); ++index) {
        const auto& panel = matrix.panels[index];
        const auto* columns = matrix.columns + panel.columns;
        const auto* const scales = matrix.bytes + panel.start;
        const auto* block = scales;
        if (values == WeightValues::Q8) block += tileScaleBytes(panel.twoOfFour, panel.dense);
        const auto row = index * kPanelRows;
        std::int64_t scale = 0;
        for (int i = 0; i < panel.twoOfFour; ++i, ++columns, scale += kPanelRows) {
            for (std::int64_t r = 0; r < kPanelRows; ++r) {
                std::uint64_t metadata;
                std::memcpy(&metadata, block + 8 * r, 8);
                for (std::int64_t v = 0; v < kTileCols / 2; ++v) {
                    const auto col =
                        *columns * kTileCols + v / 2 * 4 + static_cast<std::int64_t>(metadata >> (2 * v) & 3);
                    value(row + r, col, scales, scale + r, block + 64, r * kTileCols / 2 + v);
                }
            }
            block += tileBytes(true, values);
        }
        for (int i = 0; i < 2 * panel.dense; ++i, scale += kPanelRows) {
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                for (std::int64_t c = 0; c < kBlockCols; ++c)
                    value(row + r, columns[i / 2] * kTileCols + i % 2 * kBlockCols + c, scales, scale + r,
                          block, r * kBlockCols + c);
            block += kPanelRows * kBlockCols * size;
        }
    }
}

std::uint16_t halfAt(const std::uint8_t* bytes, std::int64_t index) {
    std::uint16_t half;
    std::memcpy(&half, bytes + 2 * index, 2);
    return half;
}

}  // namespace

const char* flawOf(const BitmapPanels& matrix, std::uint64_t values) {
    const auto words = blocksOf(matrix.cols) * kPanelRows;
    return flawOfStarts(matrix, values, [&](std::int64_t panel) {
        const auto* const masks = matrix.masks + panel * words;
        std::uint64_t count = 0;
        for (std::int64_t i = 0; i < words; ++i) count += static_cast<unsigned>(std::popcount(masks[i]));
        return count;
    });
}

const char* flawOf(const BitmapPanelsQ8& matrix, std::uint64_t values) {
    const auto blocks = tilesOf(matrix.cols);
    return flawOfStarts(matrix, values, [&](std::int64_t panel) {
        std::uint64_t count = 0;
        for (std::int64_t i = 0; i < blocks; ++i)
            for (const auto mask : matrix.heads[panel * blocks + i].masks)
                count += static_cast<unsigned>(std::popcount(mask));
        return count;
    });
}

const char* flawOf(const TilePanels& matrix, std::uint64_t columns, std::uint64_t bytes) {
    return flawOfTiles(matrix, columns, bytes, WeightValues::Bf16);
}

const char* flawOf(const TilePanelsQ8& matrix, std::uint64_t columns, std::uint64_t bytes) {
    return flawOfTiles(matrix, columns, bytes, WeightValues::Q8);
}

void unpack(const DensePanels& matrix, std::uint16_t* weights) {
    const Unpacked to(weights, matrix.rows, matrix.cols);
    const auto* from = matrix.weights;
    for (std::int64_t panel = 0; panel < panelsOf(matrix.rows); ++panel)
        for (std::int64_t block = 0; block < blocksOf(matrix.cols); ++block)
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                for (std::int64_t c = 0; c < kBlockCols; ++c)
                    to.put(panel * kPanelRows + r, block * kBlockCols + c, *from++);
}

void unpack(const BitmapPanels& matrix, std::uint16_t* weights) {
    const Unpacked to(weights, matrix.rows, matrix.cols);
    const auto* masks = matrix.masks;
    const auto* values = matrix.values;
    for (std::int64_t panel = 0; panel < panelsOf(matrix.rows); ++panel)
        for (std::int64_t block = 0; block < blocksOf(matrix.cols); ++block)
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                for (auto next = *masks++; next != 0; next &= next - 1)
                    to.put(panel * kPanelRows + r, block * kBlockCols + std::countr_zero(next), *values++);
}

void unpack(const BitmapPanelsQ8& matrix, std::uint16_t* weights) {
    const Unpacked to(weights, matrix.rows, matrix.cols);
    const auto* head = matrix.heads;
    const auto* values = matrix.values;
    for (std::int64_t panel = 0; panel < panelsOf(matrix.rows); ++panel)
        for (std::int64_t block = 0; block < tilesOf(matrix.cols); ++block, ++head)
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                for (auto next = head->masks[r]; next != 0; next &= next - 1)
                    to.put(panel * kPanelRows + r, block * kTileCols + std::countr_zero(next),
                           scaled(*values++, head->scales[r]));
}

void unpack(const TilePanels& matrix, std::uint16_t* weights) {
    const Unpacked to(weights, matrix.rows, matrix.cols);
    overTiles(matrix, WeightValues::Bf16,
              [&](std::int64_t row, std::int64_t col, const std::uint8_t*, std::int64_t,
                  const std::uint8_t* block, std::int64_t index) { to.put(row, col, halfAt(block, index)); });
}

void unpack(const TilePanelsQ8& matrix, std::uint16_t* weights) {
    const Unpacked to(weights, matrix.rows, matrix.cols);
    overTiles(matrix, WeightValues::Q8,
              [&](std::int64_t row, std::int64_t col, const std::uint8_t* scales, std::int64_t scale,
                  const std::uint8_t* block, std::int64_t index) {
                  to.put(row, col, scaled(static_cast<std::int8_t>(block[index]), halfAt(scales, scale)));
              });
}

}  // namespace tessera::kernels
