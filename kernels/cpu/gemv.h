#pragma once

#include <cstdint>

/// Matrix-vector products for decoding: y = W x with bf16 weights, x rounded to bf16, sums in f32. Both
/// layouts store panels of eight rows, cut into blocks of 32 columns, in the order in which they are read:
/// one stream of weights, no jumps. Rows and columns are padded with zeros to whole panels and blocks.
namespace tessera::kernels {

inline constexpr std::int64_t kPanelRows = 8;
inline constexpr std::int64_t kBlockCols = 32;

inline std::int64_t panelsOf(std::int64_t rows) {
    return (rows + kPanelRows - 1) / kPanelRows;
}
inline std::int64_t blocksOf(std::int64_t cols) {
    return (cols + kBlockCols - 1) / kBlockCols;
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

/// Rounds x [cols] to bf16 (nearest even) and pads it with zeros to whole blocks.
void roundVector(const float* x, std::int64_t cols, std::uint16_t* rounded);

/// Part `part` of `parts` of y = W x: rows [rowsBegin(part), rowsBegin(part + 1)), shared out by bytes.
/// Different parts write different rows. `x` is what roundVector gave. With `pairPanels`, parts begin at even
/// panels.
struct RowRange {
    std::int64_t first = 0, last = 0;
};
RowRange partRows(const DensePanels& matrix, int part, int parts, bool pairPanels = false);
RowRange partRows(const BitmapPanels& matrix, int part, int parts, bool pairPanels = false);
void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range);
void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range);

/// The whole product on `threads` threads (0: OpenMP's own number).
void gemv(const DensePanels& matrix, const std::uint16_t* x, float* y, int threads = 0);
void gemv(const BitmapPanels& matrix, const std::uint16_t* x, float* y, int threads = 0);

/// Reads the bytes and nothing else, 64 at a time: what a product's weights cost at least. Returns their sum
/// as words.
std::uint64_t readBytes(const void* data, std::int64_t bytes, int threads = 0);

/// Instruction sets that the products are written for.
enum class GemvTarget { Scalar, Avx2, Avx512 };
/// The best that this machine has; what is used unless setGemvTarget names a lower one (for tests).
GemvTarget bestGemvTarget();
GemvTarget gemvTarget();
void setGemvTarget(GemvTarget target);
const char* gemvTargetName(GemvTarget target);

}  // namespace tessera::kernels
