#pragma once

#include <memory>

#include "core/formats/gguf.h"
#include "core/formats/model_config.h"

namespace tessera {

/// The configuration of a GGUF of the llama architecture. Throws Error naming the metadata key.
ModelConfig configFromGguf(const GgufFile& file);

/// The file's tensors under Hugging Face names, in Hugging Face's row order: llama.cpp keeps the two rotary
/// halves of each head of q_proj and k_proj interleaved, readF32 undoes it (raw() gives the stored order).
std::shared_ptr<const TensorSource> tensorsFromGguf(std::shared_ptr<const GgufFile> file,
                                                    const ModelConfig& config);

}  // namespace tessera
