#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/formats/mask_set.h"

namespace tessera {

enum class TileKind : std::uint8_t { Unstructured, Dense, TwoFour, Empty };

/// Density and kind of every tile of one matrix; the last tiles of a row and column may be ragged.
struct MatrixTiles {
    std::string name;
    std::int64_t rows = 0, cols = 0;
    std::int64_t tileRows = 0, tileCols = 0;
    std::vector<float> density;  ///< kept share of each tile, row-major
    std::vector<TileKind> kind;

    std::int64_t gridRows() const { return (rows + tileRows - 1) / tileRows; }
    std::int64_t gridCols() const { return (cols + tileCols - 1) / tileCols; }
};

struct TileMap {
    std::vector<MatrixTiles> matrices;
};

MatrixTiles tilesOf(const std::string& name, const PackedMask& mask, std::int64_t tileRows,
                    std::int64_t tileCols);

/// maps/step-N.bin: "TESSMAP1", then little-endian u32 count, and for each matrix u32 name length, name, four
/// u32 (rows, cols, tile rows, tile cols), then a u16 (density in 65535ths) and a u8 (kind) a tile.
void writeTileMap(const std::filesystem::path& path, const TileMap& map);
/// Throws Error{Corrupt}.
TileMap readTileMap(const std::filesystem::path& path);

}  // namespace tessera
