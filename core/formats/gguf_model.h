#pragma once

#include <memory>

#include "core/formats/gguf.h"
#include "core/formats/model_config.h"

namespace tessera {

/// The configuration of a GGUF of the architectures llama, qwen2, qwen3, gemma2, gemma3, olmo2 and granite.
/// Throws Error naming the metadata key.
ModelConfig configFromGguf(const GgufFile& file);

/// The file's tensors under Hugging Face names, with Hugging Face's values: where llama.cpp keeps the two
/// rotary halves of each head of q_proj and k_proj interleaved and adds one to the weights of norms, readF32
/// undoes it (raw() gives what is stored).
std::shared_ptr<const TensorSource> tensorsFromGguf(std::shared_ptr<const GgufFile> file,
                                                    const ModelConfig& config);

}  // namespace tessera
