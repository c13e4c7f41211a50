#pragma once

#include <torch/torch.h>

namespace tessera {

/// How scores are made and whom a token sees.
struct AttentionSettings {
    double scale = 0;         ///< of the products of queries and keys; 0: 1 / sqrt(headDim)
    double cap = 0;           ///< c tanh(score / c) where not 0
    std::int64_t window = 0;  ///< a token sees itself and window - 1 before it; 0: all before it
};

/// What scores of heads of `dim` elements are scaled by.
double attentionScale(const AttentionSettings& settings, std::int64_t dim);

/// Causal scaled dot-product attention, differentiable: query [batch, heads, tokens, headDim], key and value
/// [batch, kvHeads, tokens, headDim] (kvHeads divides heads) -> [batch, heads, tokens, headDim]. Softmax in
/// f32. Keys after a block of queries are never touched, nor those before its window, so that about half of
/// the square is computed, or less.
torch::Tensor causalAttention(const torch::Tensor& query, const torch::Tensor& key,
                              const torch::Tensor& value, const AttentionSettings& settings = {});

/// Every query with every key under a mask of 0 and -infinity, not differentiable: query [heads, rows,
/// headDim], key and value [kvHeads, tokens, headDim], mask [1, rows, tokens] -> [heads, rows, headDim]. The
/// window is the mask's business.
torch::Tensor maskedAttention(const torch::Tensor& query, const torch::Tensor& key,
                              const torch::Tensor& value, const torch::Tensor& mask,
                              const AttentionSettings& settings = {});

}  // namespace tessera
