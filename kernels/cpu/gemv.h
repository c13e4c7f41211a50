#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// Matrix-vector products for decoding: y = W x, sums in f32. Weights are bf16 with x rounded to bf16, or q8:
/// int8 values with a bf16 scale a group of 32, and x in int16 with an f32 scale a group of 64. All layouts
/// store panels of eight rows, cut into blocks of columns, in the order in which they are read: no jumps.
/// Rows and columns are padded with zeros to whole panels and blocks.
namespace tessera::kernels {

inline constexpr std::int64_t kPanelRows = 8;
inline constexpr std::int64_t kBlockCols = 32;
inline constexpr std::int64_t kTileCols = 64;  ///< columns of a block of tiles, and of q8 bitmaps

inline std::int64_t panelsOf(std::int64_t rows) {
    return (rows + kPanelRows - 1) / kPanelRows;
}
inline std::int64_t blocksOf(std::int64_t cols) {
    return (cols + kBlockCols - 1) / kBlockCols;
}
inline std::int64_t tilesOf(std::int64_t cols) {
    return (cols + kTileCols - 1) / kTileCols;
}

/// Dense: for each panel, for each block, 8 rows of 32 weights.
struct DensePanels {
    std::int64_t rows = 0, cols = 0;
    const std::uint16_t* weights =
        nullptr;  ///< panelsOf(rows) * blocksOf(cols) * 256 elements, 64-byte aligned
};
inline std::int64_t densePanelElements(std::int64_t rows, std::int64_t cols) {
    return panelsOf(rows) * blocksOf(cols) * kPanelRows * kBlockCols;
}
/// `weights` [rows, cols] bf16, row-major.
void packDense(const std::uint16_t* weights, std::int64_t rows, std::int64_t cols, std::uint16_t* panels);

/// Bitmap: for each panel, for each block, 8 words of 32 flags (bit c: column c of the block is kept) in
/// `masks`, and the kept weights in the same order in `values`.
struct BitmapPanels {
    std::int64_t rows = 0, cols = 0;
    const std::uint32_t* masks = nullptr;   ///< panelsOf(rows) * blocksOf(cols) * 8
    const std::uint16_t* values = nullptr;  ///< the kept weights, and kValuePadding more that may be read
    const std::uint64_t* panelStarts = nullptr;  ///< panelsOf(rows) + 1: where in `values` each panel begins
};
inline constexpr std::int64_t kValuePadding = 64;
inline std::int64_t bitmapWords(std::int64_t rows, std::int64_t cols) {
    return panelsOf(rows) * blocksOf(cols) * kPanelRows;
}
/// `keep` is numpy.packbits of the row-major mask. Kept zeros are stored. `values` has room for the kept
/// weights and the padding.
void packBitmap(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows, std::int64_t cols,
                std::uint32_t* masks, std::uint16_t* values, std::uint64_t* panelStarts);

/// Bitmap with q8 values: for each panel, for each block of 64 columns, a head, and the kept weights as int8
/// in the same order in `values`. A row's weights in a block (32 at half density) share a scale.
struct BitmapHeadQ8 {
    std::uint64_t masks[kPanelRows];   ///< bit c: column c of the block is kept
    std::uint16_t scales[kPanelRows];  ///< bf16
};
static_assert(sizeof(BitmapHeadQ8) == 80);
struct BitmapPanelsQ8 {
    std::int64_t rows = 0, cols = 0;
    const BitmapHeadQ8* heads = nullptr;         ///< panelsOf(rows) * tilesOf(cols)
    const std::int8_t* values = nullptr;         ///< and kValuePadding more that may be read
    const std::uint64_t* panelStarts = nullptr;  ///< as in BitmapPanels
};
void packBitmapQ8(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows,
                  std::int64_t cols, BitmapHeadQ8* heads, std::int8_t* values, std::uint64_t* panelStarts);

/// Tiles: every block of 8 rows and 64 columns is dense, 2:4 (no aligned four of a row keeps more than two),
/// or empty and left out. A panel holds its 2:4 blocks first, then its dense ones, each kind by column.
///
/// A 2:4 block, 8 rows one below the other in each part:
///     64 bytes     metadata, 8 a row: four bits a group of four columns, the first group in the lowest bits.
///                  Bits 0-1 are the first kept column in the group, bits 2-3 the second, first < second, as
///                  in PTX's mma.sp::ordered_metadata. Groups that keep fewer are filled up with zeros.
///     8 x 32       values in the order of the metadata
/// A dense block:
///     2 x 8 x 32   weights: the rows' first 32 columns, then the rows' other 32
/// Values are bf16, two bytes. With q8 they are int8, and the panel begins with the bf16 scales of its blocks
/// in their order (2:4: one a row; dense: one a row for each half), padded to 32 bytes.
struct TilePanel {
    std::uint64_t start = 0;      ///< in `bytes`; a multiple of 64, with q8 of 32
    std::uint32_t columns = 0;    ///< in `columns`: the 2:4 blocks' columns / 64, then the dense blocks'
    std::uint16_t twoOfFour = 0;  ///< how many blocks of each kind
    std::uint16_t dense = 0;
};
struct TilePanels {
    std::int64_t rows = 0, cols = 0;
    const TilePanel* panels = nullptr;  ///< panelsOf(rows) + 1, the last one only with the end of `bytes`
    const std::uint16_t* columns = nullptr;  ///< shared by panels of the same pattern
    const std::uint8_t* bytes = nullptr;     ///< 64-byte aligned
};
struct TilePanelsQ8 {
    std::int64_t rows = 0, cols = 0;
    const TilePanel* panels = nullptr;
    const std::uint16_t* columns = nullptr;
    const std::uint8_t* bytes = nullptr;
};
inline constexpr std::int64_t kMostTileCols = kTileCols * 65535;

enum class WeightValues { Bf16, Q8 };

/// Bytes of one block without its scales, and of its scales (in q8).
constexpr std::int64_t tileBytes(bool twoOfFour, WeightValues values) {
    const std::int64_t size = values == WeightValues::Q8 ? 1 : 2;
    return twoOfFour ? kPanelRows * (kTileCols / 8 + kTileCols / 2 * size) : kPanelRows * kTileCols * size;
}
constexpr std::int64_t tileScaleBytes(std::int64_t twoOfFour, std::int64_t dense) {
    return ((twoOfFour + 2 * dense) * kPanelRows * 2 + 31) / 32 * 32;
}

/// The blocks of a matrix, found from its mask.
struct TilePlan {
    std::vector<TilePanel> panels;
    std::vector<std::uint16_t> columns;
    std::int64_t twoOfFour = 0, dense = 0, empty = 0;  ///< blocks
    std::uint64_t bytes = 0;                           ///< of the packed blocks
};
/// `keep` as in packBitmap; null: all is kept. `cols` is kMostTileCols at most.
TilePlan planTiles(const std::uint8_t* keep, std::int64_t rows, std::int64_t cols, WeightValues values);
/// Fills `bytes` [plan.bytes] by a plan for the same mask and the same values.
void packTiles(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows, std::int64_t cols,
               const TilePlan& plan, std::uint8_t* bytes);
void packTilesQ8(const std::uint16_t* weights, const std::uint8_t* keep, std::int64_t rows, std::int64_t cols,
                 const TilePlan& plan, std::uint8_t* bytes);

/// What in the index arrays of panels from elsewhere would lead a product outside of them or past its
/// columns; null: nothing. `rows` and `cols` are positive, `cols` is kMostTileCols at most, and the arrays
/// have the lengths that those ask for; of the others the sizes are given: `values` without the padding,
/// elements of `columns`, `bytes` of the blocks. Reads flags, starts and lists, not the weights.
const char* flawOf(const BitmapPanels& matrix, std::uint64_t values);
const char* flawOf(const BitmapPanelsQ8& matrix, std::uint64_t values);
const char* flawOf(const TilePanels& matrix, std::uint64_t columns, std::uint64_t bytes);
const char* flawOf(const TilePanelsQ8& matrix, std::uint64_t columns, std::uint64_t bytes);

/// The weights [rows, cols] bf16, row-major, zeros where nothing is stored; q8 values times their scales,
/// rounded to bf16 (nearest even).
void unpack(const DensePanels& matrix, std::uint16_t* weights);
void unpack(const BitmapPanels& matrix, std::uint16_t* weights);
void unpack(const BitmapPanelsQ8& matrix, std::uint16_t* weights);
void unpack(const TilePanels& matrix, std::uint16_t* weights);
void unpack(const TilePanelsQ8& matrix, std::uint16_t* weights);

/// A group's scale: its greatest magnitude / 127, rounded up to bf16, so that no value is cut off; a value is
/// off by half a scale at most. 0 where all are 0. `largest` is finite.
std::uint16_t scaleQ8(float largest);

/// Bytes that x takes once it is prepared, as bf16 or as int16 with its scales. 64-byte aligned.
std::size_t inputBytes(std::int64_t cols);
/// Rounds x [cols] to bf16 (nearest even) and pads it with zeros to a multiple of 64.
void roundVector(const float* x, std::int64_t cols, std::uint16_t* rounded);

/// x for q8 weights: every 64 columns share a scale, their greatest magnitude / 32767.
struct InputQ8 {
    const std::int16_t* values = nullptr;  ///< [tilesOf(cols) * 64], padded with zeros
    const float* scales = nullptr;         ///< [tilesOf(cols)]
};
/// What quantizeVector left in `prepared` [inputBytes(cols)].
InputQ8 inputQ8(const void* prepared, std::int64_t cols);
/// A group with a value that is not finite gets a scale that is not a number, and so do all rows that use it.
void quantizeVector(const float* x, std::int64_t cols, void* prepared);

/// Part `part` of `parts` of y = W x: rows [rowsBegin(part), rowsBegin(part + 1)), shared out by bytes.
/// Different parts write different rows. `x` is what roundVector or quantizeVector gave. With `pairPanels`,
/// parts begin at even panels.
struct RowRange {
    std::int64_t first = 0, last = 0;
};
RowRange partRows(const DensePanels& matrix, int part, int parts, bool pairPanels = false);
RowRange partRows(const BitmapPanels& matrix, int part, int parts, bool pairPanels = false);
RowRange partRows(const BitmapPanelsQ8& matrix, int part, int parts, bool pairPanels = false);
RowRange partRows(const TilePanels& matrix, int part, int parts, bool pairPanels = false);
RowRange partRows(const TilePanelsQ8& matrix, int part, int parts, bool pairPanels = false);
void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range);
void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range);
void gemvPart(const BitmapPanelsQ8& matrix, InputQ8 x, float* y, RowRange range);
void gemvPart(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range);
void gemvPart(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range);

/// Reads whole lines of 64 bytes and nothing else, on the calling thread: what a product's weights cost at
/// least. Returns their sum as words.
std::uint64_t readLines(const void* data, std::int64_t lines);

/// Instruction sets that the products are written for, each a superset of those before it.
enum class GemvTarget { Scalar, Avx2, Avx512Base, Avx512 };
/// The best that this machine has; what is used unless setGemvTarget names a lower one (for tests).
GemvTarget bestGemvTarget();
GemvTarget gemvTarget();
void setGemvTarget(GemvTarget target);
const char* gemvTargetName(GemvTarget target);

}  // namespace tessera::kernels
