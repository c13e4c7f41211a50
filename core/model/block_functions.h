#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "core/formats/model_config.h"

namespace tessera {

// What stands between a block's matrix products, each one pass over its rows forward and one backward
// (kernels/cpu/block_ops.h). Tensors are f32 or bf16; differentiable through the first argument.

/// RMSNorm over the last dimension, statistics in f32. A weight of the input's type multiplies what has been
/// rounded to it (as Hugging Face's LlamaRMSNorm); an f32 one before rounding (as its Gemma's). The weight is
/// frozen.
torch::Tensor rmsNorm(const torch::Tensor& input, const torch::Tensor& weight, double eps);

/// gateUp [.., 2 width], gate before up -> act(gate) * up [.., width].
torch::Tensor gatedUnit(const torch::Tensor& gateUp, Activation activation);

/// cos and sin of the rotary embedding for positions 0..length-1: [length, headDim], in the model's type.
struct Turns {
    torch::Tensor cos;
    torch::Tensor sin;
};

struct Heads {
    torch::Tensor query;  ///< [batch, heads, tokens, dim]
    torch::Tensor key;    ///< [batch, kvHeads, tokens, dim]
    torch::Tensor value;  ///< the same
};
/// The projection [batch, tokens, (heads + 2 kvHeads) dim] taken apart, queries and keys turned by the first
/// rows of `turns`.
Heads turnHeads(const torch::Tensor& projected, const Turns& turns, std::int64_t heads, std::int64_t kvHeads);

}  // namespace tessera
