#pragma once

#include <cstdint>

namespace tessera {

/// Microseconds of LibTorch's linear on one bf16 row [1, cols] with weights [rows, cols] beyond cache: the
/// median of several passes.
double torchLinearMicroseconds(std::int64_t rows, std::int64_t cols, int threads);

}  // namespace tessera
