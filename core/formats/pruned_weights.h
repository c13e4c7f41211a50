#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "core/formats/mask_set.h"
#include "core/formats/tensor_source.h"

// What everything that writes or packs a pruned model has in common.

namespace tessera {

/// Throws Error{InvalidInput} where `out` is there already.
void requireAbsent(const std::filesystem::path& out, const char* kind);
/// Throws Error{InvalidInput, NotFound} naming the matrix whose mask is of another shape, or that is not
/// there.
void requireFittingMasks(const TensorSource& source, const MaskSet* masks);
/// Throws Error{DiskFull} naming both figures.
void requireDisk(std::uint64_t bytes, const std::filesystem::path& out);

/// Floating-point types stay, what is quantised becomes BF16.
DType exportType(DType stored);
/// A tensor's values, zero where its mask prunes.
std::vector<float> maskedValues(const TensorSource& source, const TensorInfo& info, const MaskSet* masks);

}  // namespace tessera
