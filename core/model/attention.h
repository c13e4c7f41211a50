#pragma once

#include <torch/torch.h>

namespace tessera {

/// Causal scaled dot-product attention, differentiable: query [batch, heads, tokens, headDim], key and value
/// [batch, kvHeads, tokens, headDim] (kvHeads divides heads) -> [batch, heads, tokens, headDim]. Softmax in
/// f32. Keys after a block of queries are never touched, so about half of the square is computed.
torch::Tensor causalAttention(const torch::Tensor& query, const torch::Tensor& key,
                              const torch::Tensor& value);

}  // namespace tessera
