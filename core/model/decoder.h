#pragma once

#include <torch/torch.h>

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "core/formats/model_config.h"
#include "core/formats/model_files.h"
#include "core/model/attention.h"

namespace tessera {

/// The linear layers of a block, those that read the same input stored and multiplied as one matrix:
/// their rows stand one below the other.
enum class Group { QueryKeyValue, Output, GateUp, Down };
inline constexpr int kGroups = 4;

/// Which prunable matrices (indices into a block's seven: q k v o gate up down) a group holds.
struct GroupMembers {
    int first = 0;
    int count = 0;
};
GroupMembers groupMembers(Group group);

/// Weights of one decoder block, all of one dtype (norms included).
struct BlockWeights {
    torch::Tensor inputNorm;                    ///< [hidden]
    torch::Tensor postNorm;                     ///< [hidden]
    std::array<torch::Tensor, kGroups> groups;  ///< [sum of rows, cols]

    torch::Tensor& group(Group g) { return groups[static_cast<int>(g)]; }
    const torch::Tensor& group(Group g) const { return groups[static_cast<int>(g)]; }
    /// The matrix with index 0..6 (q k v o gate up down), a view of its group's rows: [rows, cols].
    torch::Tensor matrix(const ModelConfig& config, int index) const;
};

/// The weights outside the blocks.
struct OuterWeights {
    torch::Tensor embedding;  ///< [vocabulary, hidden]
    torch::Tensor finalNorm;  ///< [hidden]
    torch::Tensor head;       ///< [vocabulary, hidden]; the same tensor as `embedding` where tied
};

/// Reading from files; each throws Error{Numerical} on a weight that is not finite.
BlockWeights loadBlock(const ModelFiles& files, int block, torch::ScalarType dtype);
OuterWeights loadOuter(const ModelFiles& files, torch::ScalarType dtype);

/// cos and sin of the rotary embedding for positions 0..length-1: [length, headDim], in `dtype`.
struct RotaryTable {
    torch::Tensor cos;
    torch::Tensor sin;
};
RotaryTable rotaryTable(const ModelConfig& config, std::int64_t length, torch::ScalarType dtype);

/// Multiplies the input [batch, tokens, cols] by a group's matrix: [batch, tokens, rows].
using GroupLinear = std::function<torch::Tensor(const torch::Tensor& input, Group group)>;

/// What a token takes from others: query [batch, heads, tokens, dim], key and value [batch, kvHeads, tokens,
/// dim], queries and keys turned -> [batch, heads, tokens, dim].
using Attention = std::function<torch::Tensor(const torch::Tensor& query, const torch::Tensor& key,
                                              const torch::Tensor& value)>;

/// One pre-norm block over [batch, tokens, hidden]; `rotary` holds the turn of each token's position in its
/// first rows. Causal where no other attention is given. Differentiable through `linear` and `hidden`.
torch::Tensor decoderBlock(const ModelConfig& config, const BlockWeights& weights, const RotaryTable& rotary,
                           const torch::Tensor& hidden, const GroupLinear& linear,
                           const Attention& attention = causalAttention);
/// With the block's own weights.
torch::Tensor decoderBlock(const ModelConfig& config, const BlockWeights& weights, const RotaryTable& rotary,
                           const torch::Tensor& hidden, const Attention& attention = causalAttention);

/// RMSNorm over the last dimension, statistics in f32 (as Hugging Face's LlamaRMSNorm).
torch::Tensor rmsNorm(const torch::Tensor& input, const torch::Tensor& weight, double eps);

/// A whole model in memory.
struct Decoder {
    ModelConfig config;
    OuterWeights outer;
    std::vector<BlockWeights> blocks;

    static Decoder load(const ModelFiles& files, torch::ScalarType dtype);
    torch::ScalarType dtype() const { return outer.embedding.scalar_type(); }

    /// ids [batch, tokens] int64 -> final normed hidden states [batch, tokens, hidden], without gradients
    /// unless weights ask for them.
    torch::Tensor hidden(const torch::Tensor& ids) const;
    /// [.., hidden] -> [.., vocabulary].
    torch::Tensor logits(const torch::Tensor& hidden) const;
};

}  // namespace tessera
