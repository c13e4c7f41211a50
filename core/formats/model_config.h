#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/formats/model_family.h"
#include "core/formats/rope_scaling.h"

namespace tessera {

/// One decoder described as data: RMSNorm, RoPE, grouped-query attention, a gated feed-forward part, and what
/// families have besides. What is configured here decides what is computed; the family's name does not.
/// Plain Llama is what the defaults say.
struct ModelConfig {
    std::string architecture = "LlamaForCausalLM";  ///< as config.json names it
    std::string modelType = "llama";
    std::int64_t vocabSize = 0;
    std::int64_t hiddenSize = 0;
    std::int64_t intermediateSize = 0;
    std::int64_t layers = 0;
    std::int64_t heads = 0;
    std::int64_t kvHeads = 0;
    std::int64_t headDim = 0;
    std::int64_t maxPositions = 2048;
    double rmsEps = 1e-5;
    double ropeTheta = 10000.0;
    bool tiedHead = false;
    std::int64_t bosToken = -1;  ///< -1: none
    std::int64_t eosToken = -1;

    RopeScaling ropeScaling;
    double slidingRopeTheta = 0;  ///< of the blocks that slide, unscaled; 0: as the others turn
    /// In these blocks a token sees itself and the `slidingWindow` - 1 tokens before it. Empty: none.
    std::vector<bool> slidingBlocks;
    std::int64_t slidingWindow = 0;

    bool preNorms = true;    ///< RMSNorm of what enters attention and the feed-forward part
    bool postNorms = false;  ///< and of what leaves them, before it is added
    double normOffset = 0;   ///< added to the weights of all norms
    bool wideNorms = false;  ///< norms' products are taken in f32 and rounded afterwards
    QueryKeyNorm queryKeyNorm = QueryKeyNorm::None;
    bool queryKeyValueBias = false, outputBias = false, feedForwardBias = false;
    Activation activation = Activation::Silu;

    double scoreScale = 0;  ///< of attention's scores; 0: 1 / sqrt(headDim)
    double scoreCap = 0;    ///< c tanh(score / c) where not 0
    double logitCap = 0;
    double logitDivisor = 1;  ///< before the cap
    double embeddingScale = 1;
    bool roundsEmbeddingScale = false;  ///< to the weights' type
    double residualScale = 1;           ///< of what a half of a block adds

    bool fusedTensors = false;  ///< the file holds q k v in one tensor, gate and up in another

    bool operator==(const ModelConfig&) const = default;

    bool slides(std::int64_t block) const {
        return block < static_cast<std::int64_t>(slidingBlocks.size()) &&
               slidingBlocks[static_cast<std::size_t>(block)];
    }
    bool slidesAnywhere() const;
    double attentionScale() const;
    double rotaryTheta(bool sliding) const {
        return sliding && slidingRopeTheta > 0 ? slidingRopeTheta : ropeTheta;
    }
    /// RopeScaling::multipliers of the blocks that slide or of the others.
    std::vector<double> rotaryMultipliers(bool sliding, std::int64_t length) const;

    /// What a family means by itself, without sizes.
    static ModelConfig of(const ModelFamily& family);
    /// From a Hugging Face config.json. Throws Error naming the key: Corrupt on missing or impossible
    /// values, UnsupportedVersion on a key that changes the mathematics and that we do not support (a
    /// rope_type, a hidden_act or a model_type that is unknown, quantization_config, ...).
    static ModelConfig fromJson(const Json& config, const std::string& where);
    /// As config.json that `transformers` opens.
    Json toJson(const std::string& dtype) const;
    /// Throws Error{Corrupt} when the sizes contradict each other.
    void validate(const std::string& where) const;

    /// All parameters, the head counted once where it is tied.
    std::int64_t parameters() const;
};

/// A weight matrix that pruning may touch: every linear layer inside the decoder blocks.
struct PrunableMatrix {
    std::string name;        ///< the parameter's name, "model.layers.0.self_attn.q_proj.weight"
    std::string projection;  ///< "q", "k", "v", "o", "gate", "up" or "down"
    int block = 0;
    std::int64_t rows = 0;  ///< outputs
    std::int64_t cols = 0;  ///< inputs

    std::int64_t elements() const { return rows * cols; }
};

/// In model order: blocks ascending, q k v o gate up down within a block.
std::vector<PrunableMatrix> prunableMatrices(const ModelConfig& config);

/// What a block holds beside its matrices. Biases stand in the order of the matrices.
enum class BlockVector {
    InputNorm,
    AttentionOutputNorm,
    FeedForwardNorm,
    FeedForwardOutputNorm,
    QueryNorm,
    KeyNorm,
    QueryBias,
    KeyBias,
    ValueBias,
    OutputBias,
    GateBias,
    UpBias,
    DownBias
};
inline constexpr int kBlockVectors = 13;

/// A vector's parameter; `size` is 0 where the model has it not.
struct VectorParameter {
    std::string name;  ///< "model.layers.0.input_layernorm.weight"
    std::int64_t size = 0;
};
VectorParameter blockVector(const ModelConfig& config, std::int64_t block, BlockVector vector);

}  // namespace tessera
