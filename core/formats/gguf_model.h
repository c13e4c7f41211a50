#pragma once

#include <memory>

#include "core/formats/gguf.h"
#include "core/formats/model_config.h"

namespace tessera {

/// The configuration of a GGUF of the llama architecture. Throws Error naming the metadata key.
ModelConfig configFromGguf(const GgufFile& file);

/// "model.layers.3.self_attn.q_proj.weight" as llama.cpp names it, "blk.3.attn_q.weight". Throws Error{
/// UnsupportedVersion} for a tensor that a Llama has not.
std::string ggufTensorName(const std::string& huggingFaceName);
/// llama.cpp keeps the two rotary halves of each head interleaved in these matrices.
bool isRotaryMatrix(const std::string& huggingFaceName);
/// Where the file has a row of theirs.
inline std::int64_t ggufRotaryRow(std::int64_t row, std::int64_t headDim) {
    const auto within = row % headDim, half = headDim / 2;
    return row - within + within % half * 2 + within / half;
}

/// The file's tensors under Hugging Face names, in Hugging Face's row order: llama.cpp keeps the two rotary
/// halves of each head of q_proj and k_proj interleaved, readF32 undoes it (raw() gives the stored order).
std::shared_ptr<const TensorSource> tensorsFromGguf(std::shared_ptr<const GgufFile> file,
                                                    const ModelConfig& config);

}  // namespace tessera
