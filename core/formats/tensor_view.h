#pragma once

#include <memory>
#include <vector>

#include "core/formats/tensor_source.h"

namespace tessera {

/// A file's bytes under other names and in other cuts; `tensors` say where each lies in `file`.
std::shared_ptr<const TensorSource> tensorView(std::shared_ptr<const TensorSource> file,
                                               std::vector<TensorInfo> tensors);

}  // namespace tessera
