#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cuda/host_device.h"

/// How the device's products store their matrices. Weights and x are bf16, sums f32. Rows are padded with
/// zeros to 16, columns to 64.
namespace tessera::kernels::cuda {

inline constexpr std::int64_t kTileHeight = 16;
inline constexpr std::int64_t kTileWidth = 64;
/// Words of a 2:4 tile: 32 of metadata, then 2 steps of 32 columns, each 32 lanes with 4 words of A.
inline constexpr std::int64_t kSparseTileWords = 32 + 2 * 32 * 4;
/// Words of a dense tile: 4 steps of 16 columns, each 32 lanes with 4 words of A.
inline constexpr std::int64_t kDenseTileWords = 4 * 32 * 4;
/// Words of x for a tile's columns and eight inputs: 2 steps of 32 columns, each 32 lanes with 4 words of B.
inline constexpr std::int64_t kInputTileWords = 2 * 32 * 4;

/// One bit a weight, and the kept weights row by row.
struct BitmapMatrix {
    std::int64_t rows = 0, cols = 0;
    const std::uint64_t* masks = nullptr;   ///< [rows][widthTiles(cols)], bit c: column c of the 64 is kept
    const std::uint16_t* values = nullptr;  ///< [rowStarts[rows]]
    const std::uint64_t* rowStarts = nullptr;  ///< [rows + 1], in `values`
};

/// A row of tiles. Its 2:4 tiles come first, then its dense ones, each kind by column; empty ones are left
/// out.
struct TileRow {
    std::uint64_t start = 0;    ///< of its tiles in `words`, a multiple of 4
    std::uint32_t columns = 0;  ///< of its tiles' columns / 64 in `columns`
    std::uint32_t twoOfFour = 0, dense = 0;
};

/// 2:4, dense and empty tiles of 16 rows and 64 columns, in the order in which a warp's lanes read them for
/// PTX's mma.sp::ordered_metadata.m16n8k32 and mma.m16n8k16 (warp_products.h).
struct TileMatrix {
    std::int64_t rows = 0, cols = 0;
    const TileRow* tileRows = nullptr;       ///< [heightTiles(rows)]
    const std::uint32_t* columns = nullptr;  ///< one a stored tile
    const std::uint32_t* words = nullptr;    ///< 16-byte aligned
};

TESSERA_HOST_DEVICE constexpr std::int64_t heightTiles(std::int64_t rows) {
    return (rows + kTileHeight - 1) / kTileHeight;
}
TESSERA_HOST_DEVICE constexpr std::int64_t widthTiles(std::int64_t cols) {
    return (cols + kTileWidth - 1) / kTileWidth;
}
/// Words of x [inputs, cols] in the order of the lanes: for each 64 columns, for each eight inputs, one tile.
TESSERA_HOST_DEVICE constexpr std::int64_t inputWords(std::int64_t inputs, std::int64_t cols) {
    return widthTiles(cols) * ((inputs + 7) / 8) * kInputTileWords;
}

struct PackedBitmap {
    std::int64_t rows = 0, cols = 0;
    std::vector<std::uint64_t> masks, rowStarts;
    std::vector<std::uint16_t> values;
    BitmapMatrix matrix() const { return {rows, cols, masks.data(), values.data(), rowStarts.data()}; }
};
/// `weights` [rows, cols] row-major, `keep` numpy.packbits of the row-major mask. Kept zeros are stored.
PackedBitmap packDeviceBitmap(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows,
                              std::int64_t cols);

struct PackedTileMatrix {
    std::int64_t rows = 0, cols = 0;
    std::vector<TileRow> tileRows;
    std::vector<std::uint32_t> columns, words;
    std::int64_t twoOfFour = 0, dense = 0, empty = 0;  ///< tiles
    TileMatrix matrix() const { return {rows, cols, tileRows.data(), columns.data(), words.data()}; }
};
/// As packDeviceBitmap. A tile is 2:4 where no aligned four of a row keeps more than two. Without `keep` all
/// is kept, which is the dense product's layout.
PackedTileMatrix packDeviceTiles(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows,
                                 std::int64_t cols);

}  // namespace tessera::kernels::cuda
