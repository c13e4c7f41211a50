#pragma once

#include <torch/torch.h>

#include <filesystem>

namespace tessera {

/// Zeros in a file of their own under `folder`: the system writes them there when memory is short, and reads
/// them back. The file is reserved whole (a full disk shows here, not as a fault on a page later) and has no
/// name once it is mapped: nothing is left of it, however the process ends. Throws Error{DiskFull} or
/// Error{Io} with its path.
torch::Tensor spilledTensor(torch::IntArrayRef shape, torch::ScalarType dtype,
                            const std::filesystem::path& folder);

}  // namespace tessera
