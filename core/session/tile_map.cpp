#include "core/session/tile_map.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/base/file_io.h"

namespace tessera {

namespace {

constexpr std::string_view kMagic = "TESSMAP1";

void putU32(std::string& out, std::uint64_t value) {
    for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
}

class Reader {
  public:
    Reader(const std::string& bytes, std::string where) : m_bytes(bytes), m_where(std::move(where)) {}
    std::string_view take(std::size_t count) {
        if (count > left()) endsTooEarly();
        const auto piece = std::string_view(m_bytes).substr(m_at, count);
        m_at += count;
        return piece;
    }
    std::size_t left() const { return m_bytes.size() - m_at; }
    [[noreturn]] void endsTooEarly() const {
        throw Error(ErrorCode::Corrupt, "the tile map ends too early",
                    m_where + ", byte " + std::to_string(m_at));
    }
    std::uint64_t u32() {
        const auto piece = take(4);
        std::uint64_t value = 0;
        for (int i = 3; i >= 0; --i)
            value = value << 8 | static_cast<std::uint8_t>(piece[static_cast<std::size_t>(i)]);
        return value;
    }
    const std::string& where() const { return m_where; }

  private:
    const std::string& m_bytes;
    std::string m_where;
    std::size_t m_at = 0;
};

}  // namespace

MatrixTiles tilesOf(const std::string& name, const PackedMask& mask, std::int64_t tileRows,
                    std::int64_t tileCols) {
    MatrixTiles tiles{name, mask.rows, mask.cols, tileRows, tileCols, {}, {}};
    for (std::int64_t top = 0; top < mask.rows; top += tileRows)
        for (std::int64_t left = 0; left < mask.cols; left += tileCols) {
            const auto bottom = std::min(top + tileRows, mask.rows),
                       right = std::min(left + tileCols, mask.cols);
            std::int64_t kept = 0;
            bool twoFour = (right - left) % 4 == 0 && left % 4 == 0;
            for (std::int64_t r = top; r < bottom; ++r)
                for (std::int64_t c = left; c < right; c += 4) {
                    int group = 0;
                    for (std::int64_t i = c; i < std::min(c + 4, right); ++i)
                        group += mask.keeps(r * mask.cols + i);
                    kept += group;
                    twoFour = twoFour && group == 2;
                }
            const auto size = (bottom - top) * (right - left);
            tiles.density.push_back(static_cast<float>(kept) / static_cast<float>(size));
            tiles.kind.push_back(kept == size ? TileKind::Dense
                                 : kept == 0  ? TileKind::Empty
                                 : twoFour    ? TileKind::TwoFour
                                              : TileKind::Unstructured);
        }
    return tiles;
}

void writeTileMap(const std::filesystem::path& path, const TileMap& map) {
    std::string out(kMagic);
    putU32(out, map.matrices.size());
    for (const auto& matrix : map.matrices) {
        putU32(out, matrix.name.size());
        out += matrix.name;
        for (const auto value : {matrix.rows, matrix.cols, matrix.tileRows, matrix.tileCols})
            putU32(out, static_cast<std::uint64_t>(value));
        for (std::size_t i = 0; i < matrix.density.size(); ++i) {
            const auto level = static_cast<unsigned>(std::lround(matrix.density[i] * 65535.0f));
            out += static_cast<char>(level & 0xff);
            out += static_cast<char>(level >> 8);
            out += static_cast<char>(matrix.kind[i]);
        }
    }
    writeFileAtomically(path, out);
}

TileMap readTileMap(const std::filesystem::path& path) {
    const auto bytes = readFile(path, std::size_t(1) << 30);
    Reader reader(bytes, path.string());
    if (bytes.size() < kMagic.size() || reader.take(kMagic.size()) != kMagic)
        throw Error(ErrorCode::Corrupt, "this is no tile map", path.string());
    TileMap map;
    for (auto count = reader.u32(); count > 0; --count) {
        MatrixTiles matrix;
        matrix.name = std::string(reader.take(reader.u32()));
        for (auto* value : {&matrix.rows, &matrix.cols, &matrix.tileRows, &matrix.tileCols}) {
            *value = static_cast<std::int64_t>(reader.u32());
            if (*value == 0)
                throw Error(ErrorCode::Corrupt, "a size in the tile map is zero", reader.where());
        }
        // Both are below 2^32, their product need not be a number that three times fits.
        const auto gridRows = static_cast<std::size_t>(matrix.gridRows());
        if (static_cast<std::size_t>(matrix.gridCols()) > reader.left() / 3 / gridRows) reader.endsTooEarly();
        const auto tiles = gridRows * static_cast<std::size_t>(matrix.gridCols());
        const auto data = reader.take(tiles * 3);
        for (std::size_t i = 0; i < tiles; ++i) {
            const auto level =
                static_cast<std::uint8_t>(data[3 * i]) | static_cast<std::uint8_t>(data[3 * i + 1]) << 8;
            const auto kind = static_cast<std::uint8_t>(data[3 * i + 2]);
            if (kind > 3) throw Error(ErrorCode::Corrupt, "a tile has an unknown kind", reader.where());
            matrix.density.push_back(static_cast<float>(level) / 65535.0f);
            matrix.kind.push_back(static_cast<TileKind>(kind));
        }
        map.matrices.push_back(std::move(matrix));
    }
    return map;
}

}  // namespace tessera
