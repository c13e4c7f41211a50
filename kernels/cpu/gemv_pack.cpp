// Layouts for the decoding products: see gemv.h.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "kernels/cpu/gemv.h"

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

/// A matrix under its mask, read in pieces of a row; beyond its edges all is pruned.
struct Masked {
    const std::uint16_t* weights;
    const std::uint8_t* keep;
    std::int64_t rows, cols;

    /// Bit c: column `col` + c of `count` is kept.
    std::uint64_t flags(std::int64_t row, std::int64_t col, std::int64_t count) const {
        if (row >= rows || col >= cols) return 0;
        count = std::min(count, cols - col);
        if (!keep) return ~std::uint64_t(0) >> (64 - count);
        const auto first = row * cols + col;
        if (count == 64 && first % 8 == 0 && std::endian::native == std::endian::little) {
            std::uint64_t bits;
            std::memcpy(&bits, keep + first / 8, 8);
            bits = (bits >> 4 & 0x0f0f0f0f0f0f0f0f) | (bits & 0x0f0f0f0f0f0f0f0f) << 4;
            bits = (bits >> 2 & 0x3333333333333333) | (bits & 0x3333333333333333) << 2;
            return (bits >> 1 & 0x5555555555555555) | (bits & 0x5555555555555555) << 1;
        }
        std::uint64_t bits = 0;
        for (std::int64_t c = 0; c < count; ++c)
            bits |= std::uint64_t(keep[(first + c) >> 3] >> (7 - ((first + c) & 7)) & 1) << c;
        return bits;
    }
    std::uint16_t at(std::int64_t row, std::int64_t col) const { return weights[row * cols + col]; }
};

constexpr std::uint64_t kFirstOfFour = 0x1111111111111111;

/// No four of the row's 64 columns keep more than two.
bool atMostTwoOfFour(std::uint64_t flags) {
    // The four bits of each group are counted where they stand.
    flags = (flags & 0x5555555555555555) + (flags >> 1 & 0x5555555555555555);
    const auto counts = (flags & 0x3333333333333333) + (flags >> 2 & 0x3333333333333333);
    return ((counts + kFirstOfFour) & 0x4444444444444444) == 0;
}

/// A row of a 2:4 block: its metadata, and its 32 weights, zeros filled in.
std::uint64_t twoOfFour(const Masked& matrix, std::int64_t row, std::int64_t col,
                        std::uint16_t weights[kTileCols / 2]) {
    const auto flags = matrix.flags(row, col, kTileCols);
    std::uint64_t metadata = 0;
    for (int group = 0; group < kTileCols / 4; ++group) {
        const auto four = static_cast<unsigned>(flags >> (4 * group) & 15);
        int first = 0, second = 1;
        if (four != 0) {
            first = std::countr_zero(four);
            const auto rest = four & (four - 1);
            second = rest != 0 ? std::countr_zero(rest) : first + 1;
            if (second == 4) first = 2, second = 3;
        }
        metadata |= std::uint64_t(first | second << 2) << (4 * group);
        const auto weight = [&](int place) -> std::uint16_t {
            return four >> place & 1 ? matrix.at(row, col + 4 * group + place) : std::uint16_t(0);
        };
        weights[2 * group] = weight(first);
        weights[2 * group + 1] = weight(second);
    }
    return metadata;
}

/// The kept ones of a row's 32 columns, zeros between them.
void half(const Masked& matrix, std::int64_t row, std::int64_t col, std::uint16_t weights[kBlockCols]) {
    const auto flags = matrix.flags(row, col, kBlockCols);
    for (std::int64_t c = 0; c < kBlockCols; ++c)
        weights[c] = flags >> c & 1 ? matrix.at(row, col + c) : std::uint16_t(0);
}

/// int8 values of a group; returns the scale.
std::uint16_t quantize(const std::uint16_t* weights, std::int64_t count, std::int8_t* values) {
    float largest = 0;
    for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(widen(weights[i])));
    const auto bits = scaleQ8(largest);
    const float scale = widen(bits);
    for (std::int64_t i = 0; i < count; ++i)
        values[i] = scale == 0 ? std::int8_t(0)
                               : static_cast<std::int8_t>(
                                     std::clamp(std::nearbyint(widen(weights[i]) / scale), -127.0f, 127.0f));
    return bits;
}

template <typename Nibbles, typename Half>
void overTiles(const TilePlan& plan, std::int64_t panels, WeightValues values, std::uint8_t* bytes,
               const Nibbles& nibbles, const Half& half) {
    for (std::int64_t panel = 0; panel < panels; ++panel) {
        const auto& tiles = plan.panels[static_cast<std::size_t>(panel)];
        const auto* columns = plan.columns.data() + tiles.columns;
        auto* scales = bytes + tiles.start;
        auto* block = scales;
        if (values == WeightValues::Q8) {
            const auto size = tileScaleBytes(tiles.twoOfFour, tiles.dense);
            std::memset(scales, 0, static_cast<std::size_t>(size));
            block += size;
        }
        for (int i = 0; i < tiles.twoOfFour; ++i, block += tileBytes(true, values), scales += 2 * kPanelRows)
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                nibbles(panel * kPanelRows + r, *(columns + i) * kTileCols, block, r, scales + 2 * r);
        columns += tiles.twoOfFour;
        for (int i = 0; i < 2 * tiles.dense;
             ++i, block += tileBytes(false, values) / 2, scales += 2 * kPanelRows)
            for (std::int64_t r = 0; r < kPanelRows; ++r)
                half(panel * kPanelRows + r, columns[i / 2] * kTileCols + i % 2 * kBlockCols, block, r,
                     scales + 2 * r);
    }
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

void packBitmapQ8(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows,
                  std::int64_t cols, BitmapHeadQ8* heads, std::int8_t* values, std::uint64_t* panelStarts) {
    const Masked matrix{weights, keep, rows, cols};
    std::uint64_t count = 0;
    for (std::int64_t panel = 0; panel < panelsOf(rows); ++panel) {
        panelStarts[panel] = count;
        for (std::int64_t block = 0; block < tilesOf(cols); ++block, ++heads)
            for (std::int64_t r = 0; r < kPanelRows; ++r) {
                const auto row = panel * kPanelRows + r, col = block * kTileCols;
                const auto flags = matrix.flags(row, col, kTileCols);
                std::uint16_t kept[kTileCols];
                std::int64_t size = 0;
                for (auto next = flags; next != 0; next &= next - 1)
                    kept[size++] = matrix.at(row, col + std::countr_zero(next));
                heads->masks[r] = flags;
                heads->scales[r] = quantize(kept, size, values + count);
                count += static_cast<std::uint64_t>(size);
            }
    }
    panelStarts[panelsOf(rows)] = count;
    std::fill(values + count, values + count + kValuePadding, std::int8_t(0));
}

TilePlan planTiles(const std::uint8_t* keep, std::int64_t rows, std::int64_t cols, WeightValues values) {
    const Masked matrix{nullptr, keep, rows, cols};
    TilePlan plan;
    std::map<std::vector<std::uint16_t>, std::uint32_t> lists;
    for (std::int64_t panel = 0; panel < panelsOf(rows); ++panel) {
        std::vector<std::uint16_t> twoOfFour, dense;
        for (std::int64_t block = 0; block < tilesOf(cols); ++block) {
            std::uint64_t any = 0;
            bool few = true;
            for (std::int64_t r = 0; r < kPanelRows; ++r) {
                const auto flags = matrix.flags(panel * kPanelRows + r, block * kTileCols, kTileCols);
                any |= flags;
                few = few && atMostTwoOfFour(flags);
            }
            if (any == 0)
                ++plan.empty;
            else
                (few ? twoOfFour : dense).push_back(static_cast<std::uint16_t>(block));
        }
        TilePanel tiles;
        tiles.start = plan.bytes;
        tiles.twoOfFour = static_cast<std::uint16_t>(twoOfFour.size());
        tiles.dense = static_cast<std::uint16_t>(dense.size());
        plan.twoOfFour += tiles.twoOfFour;
        plan.dense += tiles.dense;
        plan.bytes += static_cast<std::uint64_t>(tiles.twoOfFour * tileBytes(true, values) +
                                                 tiles.dense * tileBytes(false, values));
        if (values == WeightValues::Q8)
            plan.bytes += static_cast<std::uint64_t>(tileScaleBytes(tiles.twoOfFour, tiles.dense));
        twoOfFour.insert(twoOfFour.end(), dense.begin(), dense.end());
        const auto [list, added] =
            lists.try_emplace(std::move(twoOfFour), static_cast<std::uint32_t>(plan.columns.size()));
        if (added) plan.columns.insert(plan.columns.end(), list->first.begin(), list->first.end());
        tiles.columns = list->second;
        plan.panels.push_back(tiles);
    }
    TilePanel end;
    end.start = plan.bytes;
    plan.panels.push_back(end);
    return plan;
}

void packTiles(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows, std::int64_t cols,
               const TilePlan& plan, std::uint8_t* bytes) {
    const Masked matrix{weights, keep, rows, cols};
    overTiles(
        plan, panelsOf(rows), WeightValues::Bf16, bytes,
        [&](std::int64_t row, std::int64_t col, std::uint8_t* block, std::int64_t r, std::uint8_t*) {
            std::uint16_t kept[kTileCols / 2];
            const auto metadata = twoOfFour(matrix, row, col, kept);
            std::memcpy(block + 8 * r, &metadata, 8);
            std::memcpy(block + 64 + r * static_cast<std::int64_t>(sizeof kept), kept, sizeof kept);
        },
        [&](std::int64_t row, std::int64_t col, std::uint8_t* block, std::int64_t r, std::uint8_t*) {
            std::uint16_t kept[kBlockCols];
            half(matrix, row, col, kept);
            std::memcpy(block + r * static_cast<std::int64_t>(sizeof kept), kept, sizeof kept);
        });
}

void packTilesQ8(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows, std::int64_t cols,
                 const TilePlan& plan, std::uint8_t* bytes) {
    const Masked matrix{weights, keep, rows, cols};
    const auto put = [](const std::uint16_t kept[kBlockCols], std::uint8_t* values, std::uint8_t* scale) {
        std::int8_t rounded[kBlockCols];
        const auto bits = quantize(kept, kBlockCols, rounded);
        std::memcpy(values, rounded, sizeof rounded);
        std::memcpy(scale, &bits, 2);
    };
    overTiles(
        plan, panelsOf(rows), WeightValues::Q8, bytes,
        [&](std::int64_t row, std::int64_t col, std::uint8_t* block, std::int64_t r, std::uint8_t* scale) {
            std::uint16_t kept[kTileCols / 2];
            const auto metadata = twoOfFour(matrix, row, col, kept);
            std::memcpy(block + 8 * r, &metadata, 8);
            put(kept, block + 64 + r * kTileCols / 2, scale);
        },
        [&](std::int64_t row, std::int64_t col, std::uint8_t* block, std::int64_t r, std::uint8_t* scale) {
            std::uint16_t kept[kBlockCols];
            half(matrix, row, col, kept);
            put(kept, block + r * kBlockCols, scale);
        });
}

std::uint16_t scaleQ8(float largest) {
    // In f64, so that the division's own rounding cannot end below the quotient.
    const double quotient = static_cast<double>(largest) / 127;
    auto bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(quotient)) >> 16);
    if (static_cast<double>(widen(bits)) < quotient) ++bits;
    return bits;
}

std::size_t inputBytes(std::int64_t cols) {
    const auto tiles = static_cast<std::size_t>(tilesOf(cols));
    return (tiles * (kTileCols * 2 + sizeof(float)) + 63) / 64 * 64;
}

void roundVector(const float* x, std::int64_t cols, std::uint16_t* rounded) {
    for (std::int64_t i = 0; i < cols; ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(x[i]);
        rounded[i] = static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
    std::fill(rounded + cols, rounded + tilesOf(cols) * kTileCols, std::uint16_t(0));
}

InputQ8 inputQ8(const void* prepared, std::int64_t cols) {
    const auto* values = static_cast<const std::int16_t*>(prepared);
    return {values, reinterpret_cast<const float*>(values + tilesOf(cols) * kTileCols)};
}

void quantizeVector(const float* x, std::int64_t cols, void* prepared) {
    auto* values = static_cast<std::int16_t*>(prepared);
    auto* scales = reinterpret_cast<float*>(values + tilesOf(cols) * kTileCols);
    float edge[kTileCols] = {};
    for (std::int64_t block = 0; block < tilesOf(cols); ++block, x += kTileCols, values += kTileCols) {
        const auto left = cols - block * kTileCols;
        const float* group = x;
        if (left < kTileCols) {
            std::copy(x, x + left, edge);
            group = edge;
        }
        std::uint32_t largest = 0;
        for (std::int64_t i = 0; i < kTileCols; ++i)
            largest = std::max(largest, std::bit_cast<std::uint32_t>(group[i]) & 0x7fffffff);
        const float magnitude = std::bit_cast<float>(largest);
        const bool finite = largest < 0x7f800000;
        // Smaller groups would divide by what f32 cannot hold; they are nothing.
        const bool anything = finite && magnitude > 1e-30f;
        scales[block] = !finite ? std::numeric_limits<float>::quiet_NaN() : anything ? magnitude / 32767 : 0;
        const float inverse = anything ? 32767 / magnitude : 0;
        // Added to 1.5 * 2^23, a number is rounded to a whole one (nearest even) that stands in the lowest
        // bits.
        for (std::int64_t i = 0; i < kTileCols; ++i)
            values[i] =
                static_cast<std::int16_t>(std::bit_cast<std::uint32_t>(group[i] * inverse + 12582912.0f));
    }
}

}  // namespace tessera::kernels
