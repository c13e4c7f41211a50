#include <bit>
#include <utility>

#include "kernels/cuda/product_layout.h"

namespace tessera::kernels::cuda {

namespace {

/// A matrix with zeros around it.
struct Source {
    const std::uint16_t* weights;
    const std::uint8_t* keep;
    std::int64_t rows, cols;

    bool keeps(std::int64_t row, std::int64_t col) const {
        if (row >= rows || col >= cols) return false;
        const auto index = row * cols + col;
        return !keep || (keep[index / 8] >> (7 - index % 8) & 1);
    }
    std::uint32_t at(std::int64_t row, std::int64_t col) const {
        return keeps(row, col) ? weights[row * cols + col] : 0u;
    }
    unsigned flags(std::int64_t row, std::int64_t col) const {
        unsigned four = 0;
        for (int i = 0; i < 4; ++i) four |= unsigned(keeps(row, col + i)) << i;
        return four;
    }
};

/// The two places of a group that are stored: those kept, filled up in increasing order.
std::pair<unsigned, unsigned> storedPair(unsigned flags) {
    for (unsigned place = 0; std::popcount(flags) < 2; ++place) flags |= 1u << place;
    return {static_cast<unsigned>(std::countr_zero(flags)), static_cast<unsigned>(std::bit_width(flags)) - 1};
}

enum class Kind { Empty, TwoOfFour, Dense };

Kind kindOf(const Source& source, std::int64_t top, std::int64_t left) {
    auto kind = Kind::Empty;
    for (auto row = top; row < top + kTileHeight; ++row)
        for (auto col = left; col < left + kTileWidth; col += 4) {
            const auto kept = std::popcount(source.flags(row, col));
            if (kept > 2) return Kind::Dense;
            if (kept > 0) kind = Kind::TwoOfFour;
        }
    return kind;
}

void packSparse(const Source& source, std::int64_t top, std::int64_t left, std::uint32_t* words) {
    for (std::int64_t lane = 0; lane < 32; ++lane) {
        const auto row = top + lane / 4, inFour = lane % 4;
        std::uint32_t metadata = 0;
        for (int nibble = 0; nibble < 8; ++nibble) {
            const auto [first, second] =
                storedPair(source.flags(row + nibble / 4 * 8, left + inFour * 16 + nibble % 4 * 4));
            metadata |= (first | second << 2) << (4 * nibble);
        }
        words[lane] = metadata;
        for (int step = 0; step < 2; ++step)
            for (int i = 0; i < 4; ++i) {
                const auto r = row + i % 2 * 8, col = left + step * 32 + (inFour + i / 2 * 4) * 4;
                const auto [first, second] = storedPair(source.flags(r, col));
                words[32 + (step * 32 + lane) * 4 + i] =
                    source.at(r, col + first) | source.at(r, col + second) << 16;
            }
    }
}

void packDense(const Source& source, std::int64_t top, std::int64_t left, std::uint32_t* words) {
    for (std::int64_t step = 0; step < 4; ++step)
        for (std::int64_t lane = 0; lane < 32; ++lane)
            for (int i = 0; i < 4; ++i) {
                const auto row = top + lane / 4 + i % 2 * 8;
                const auto col = left + step * 16 + lane % 4 * 2 + i / 2 * 8;
                words[(step * 32 + lane) * 4 + i] = source.at(row, col) | source.at(row, col + 1) << 16;
            }
}

}  // namespace

PackedBitmap packDeviceBitmap(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows,
                              std::int64_t cols) {
    const Source source{weights, keep, rows, cols};
    PackedBitmap packed{rows, cols, {}, {0}, {}};
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t left = 0; left < cols; left += kTileWidth) {
            std::uint64_t mask = 0;
            for (std::int64_t c = 0; c < kTileWidth; ++c)
                if (source.keeps(row, left + c)) {
                    mask |= std::uint64_t(1) << c;
                    packed.values.push_back(weights[row * cols + left + c]);
                }
            packed.masks.push_back(mask);
        }
        packed.rowStarts.push_back(packed.values.size());
    }
    return packed;
}

PackedTileMatrix packDeviceTiles(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows,
                                 std::int64_t cols) {
    const Source source{weights, keep, rows, cols};
    PackedTileMatrix packed{rows, cols, {}, {}, {}};
    for (std::int64_t top = 0; top < rows; top += kTileHeight) {
        TileRow tiles{packed.words.size(), static_cast<std::uint32_t>(packed.columns.size()), 0, 0};
        std::vector<Kind> kinds;
        for (std::int64_t left = 0; left < cols; left += kTileWidth)
            kinds.push_back(kindOf(source, top, left));
        for (const auto kind : {Kind::TwoOfFour, Kind::Dense})
            for (std::size_t column = 0; column < kinds.size(); ++column) {
                if (kinds[column] != kind) continue;
                const bool sparse = kind == Kind::TwoOfFour;
                const auto size = packed.words.size();
                packed.words.resize(size +
                                    static_cast<std::size_t>(sparse ? kSparseTileWords : kDenseTileWords));
                packed.columns.push_back(static_cast<std::uint32_t>(column));
                (sparse ? packSparse : packDense)(source, top, static_cast<std::int64_t>(column) * kTileWidth,
                                                  packed.words.data() + size);
                ++(sparse ? tiles.twoOfFour : tiles.dense);
            }
        packed.twoOfFour += tiles.twoOfFour;
        packed.dense += tiles.dense;
        packed.empty += static_cast<std::int64_t>(kinds.size()) - tiles.twoOfFour - tiles.dense;
        packed.tileRows.push_back(tiles);
    }
    return packed;
}

}  // namespace tessera::kernels::cuda
