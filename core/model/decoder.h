#pragma once

#include <torch/torch.h>

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "core/formats/model_config.h"
#include "core/formats/model_files.h"
#include "core/model/attention.h"
#include "core/model/block_functions.h"

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

/// Weights of one decoder block, all of one dtype; norms of a model with wide norms in f32. Norms are as they
/// are multiplied with, the configuration's offset added. Undefined is what the model has not.
struct BlockWeights {
    torch::Tensor inputNorm;                    ///< [hidden], of what enters attention
    torch::Tensor postNorm;                     ///< [hidden], of what enters the feed-forward part
    torch::Tensor attentionOutputNorm;          ///< [hidden]
    torch::Tensor feedForwardOutputNorm;        ///< [hidden]
    torch::Tensor queryNorm, keyNorm;           ///< [headDim], or [heads * headDim] and [kvHeads * headDim]
    std::array<torch::Tensor, kGroups> groups;  ///< [sum of rows, cols]
    std::array<torch::Tensor, kGroups> biases;  ///< [sum of rows]
    bool slides = false;                        ///< its attention has a window

    torch::Tensor& group(Group g) { return groups[static_cast<int>(g)]; }
    const torch::Tensor& group(Group g) const { return groups[static_cast<int>(g)]; }
    const torch::Tensor& bias(Group g) const { return biases[static_cast<int>(g)]; }
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

/// Of the blocks that see everything and of those that slide; the same tensors where they turn alike.
struct RotaryTable {
    Turns full, sliding;

    const Turns& of(const BlockWeights& block) const { return block.slides ? sliding : full; }
    /// The rows of these positions.
    RotaryTable at(const torch::Tensor& positions) const;
};
/// Turns of positions 0..length-1, in `dtype`.
RotaryTable rotaryTable(const ModelConfig& config, std::int64_t length, torch::ScalarType dtype);

/// What enters the first block: ids int64 of any shape -> [.., hidden].
torch::Tensor embed(const ModelConfig& config, const torch::Tensor& embedding, const torch::Tensor& ids);

/// What a model's logits go through behind the head: divided, then bent towards a cap.
struct LogitShape {
    double divisor = 1;
    double cap = 0;  ///< c tanh(logit / c); 0: none

    explicit LogitShape(const ModelConfig& config) : divisor(config.logitDivisor), cap(config.logitCap) {}
    LogitShape() = default;
    bool plain() const { return divisor == 1 && cap == 0; }
    /// In place, no gradient.
    void apply(torch::Tensor& logits) const;
    /// Gradient of the shaped logits -> gradient of the head's, in place. `shaped` is what apply() gave.
    void backpropagate(torch::Tensor& gradient, const torch::Tensor& shaped) const;
};

/// Multiplies the input [batch, tokens, cols] by a group's matrix: [batch, tokens, rows].
using GroupLinear = std::function<torch::Tensor(const torch::Tensor& input, Group group)>;

/// What a token takes from others: query [batch, heads, tokens, dim], key and value [batch, kvHeads, tokens,
/// dim], queries and keys turned -> [batch, heads, tokens, dim].
using Attention = std::function<torch::Tensor(const torch::Tensor& query, const torch::Tensor& key,
                                              const torch::Tensor& value, const AttentionSettings& settings)>;
/// Those of the blocks that slide or of the others.
AttentionSettings attentionSettings(const ModelConfig& config, bool sliding);

/// One block over [batch, tokens, hidden]; `rotary` holds the turn of each token's position in its first
/// rows. Causal where no other attention is given. Differentiable through `linear` and `hidden`.
torch::Tensor decoderBlock(const ModelConfig& config, const BlockWeights& weights, const RotaryTable& rotary,
                           const torch::Tensor& hidden, const GroupLinear& linear,
                           const Attention& attention = causalAttention);
/// With the block's own weights.
torch::Tensor decoderBlock(const ModelConfig& config, const BlockWeights& weights, const RotaryTable& rotary,
                           const torch::Tensor& hidden, const Attention& attention = causalAttention);

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
    /// [.., hidden] -> [.., vocabulary]. Differentiable where nothing is done behind the head.
    torch::Tensor logits(const torch::Tensor& hidden) const;
};

}  // namespace tessera
