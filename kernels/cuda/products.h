#pragma once

#include "kernels/cuda/product_layout.h"

namespace tessera::kernels::cuda {

/// The products y = x W^T of libtessera_cuda, what it exports as tesseraCudaProducts. Every pointer, those
/// within the matrices too, is to memory of the current device; every call is queued on `stream` (a
/// cudaStream_t, null: the default one) and returns 0 or a code for Runtime::errorText. Same inputs and
/// parts, same bits: parts are summed in order.
struct Products {
    /// x [inputs, cols] bf16 row-major into the words that tileProduct reads (inputWords).
    int (*tileInputs)(const std::uint16_t* x, std::int64_t inputs, std::int64_t cols, std::uint32_t* words,
                      void* stream);
    /// y [inputs, rows]. Each row of tiles is cut into `parts`, 1 to 65535, to occupy the device; above 1,
    /// `partial` holds parts * inputs * rows floats.
    int (*tileProduct)(const TileMatrix& matrix, const std::uint32_t* words, std::int64_t inputs, int parts,
                       float* partial, float* y, void* stream);
    /// y [inputs, rows] for 1 to 8 inputs; x [inputs, widthTiles(cols) * 64] padded with zeros.
    int (*bitmapProduct)(const BitmapMatrix& matrix, const std::uint16_t* x, std::int64_t inputs, float* y,
                         void* stream);
};

}  // namespace tessera::kernels::cuda

extern "C" const tessera::kernels::cuda::Products* tesseraCudaProducts();
