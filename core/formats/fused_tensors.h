#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/formats/model_config.h"
#include "core/formats/tensor_source.h"

namespace tessera {

/// A tensor of the file that holds several of the model's matrices, their rows one below the other.
struct FusedTensor {
    std::string name;                ///< "model.layers.0.self_attn.qkv_proj.weight"
    std::vector<std::string> parts;  ///< names of the matrices
};

/// Those of a model whose configuration says that it has them; else none.
std::vector<FusedTensor> fusedTensors(const ModelConfig& config);

/// `file` with every fused tensor as its parts, of which nothing is copied. Throws Error{Corrupt} naming the
/// tensor where one has not the rows of its parts together.
std::shared_ptr<const TensorSource> splitFusedTensors(std::shared_ptr<const TensorSource> file,
                                                      const ModelConfig& config);

}  // namespace tessera
