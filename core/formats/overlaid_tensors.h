#pragma once

#include <filesystem>
#include <memory>

#include "core/formats/tensor_source.h"

namespace tessera {

/// `base` with the tensors of `changed` in place of those of the same names. Throws Error{Corrupt} naming the
/// tensor (and `file`, where `changed` comes from) on one that the base has not, or in another shape.
std::shared_ptr<const TensorSource> overlaidTensors(std::shared_ptr<const TensorSource> base,
                                                    std::shared_ptr<const TensorSource> changed,
                                                    const std::filesystem::path& file);

}  // namespace tessera
