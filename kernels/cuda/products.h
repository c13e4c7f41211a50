#pragma once

#include "kernels/cuda/product_layout.h"

/// Queues the products y = x W^T on a stream (cudaStream_t); all pointers, those within the matrices too, are
/// the device's. Return 0 or a cudaError_t. Same inputs and parts, same bits: parts are summed in order.
extern "C" {

/// x [inputs, cols] bf16 row-major into the words that tesseraCudaTileProduct reads (inputWords).
int tesseraCudaTileInputs(const std::uint16_t* x, std::int64_t inputs, std::int64_t cols,
                          std::uint32_t* words, void* stream);
/// y [inputs, rows]. Each row of tiles is cut into `parts`, 1 to 65535, to occupy the device; above 1,
/// `partial` holds parts * inputs * rows floats.
int tesseraCudaTileProduct(const tessera::kernels::cuda::TileMatrix* matrix, const std::uint32_t* words,
                           std::int64_t inputs, int parts, float* partial, float* y, void* stream);
/// y [inputs, rows] for 1 to 8 inputs; x [inputs, widthTiles(cols) * 64] padded with zeros.
int tesseraCudaBitmapProduct(const tessera::kernels::cuda::BitmapMatrix* matrix, const std::uint16_t* x,
                             std::int64_t inputs, float* y, void* stream);
}
