#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace tessera {

/// One pre-norm decoder described as data: RMSNorm, RoPE, grouped-query attention, SwiGLU.
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

    /// From a Hugging Face config.json. Throws Error naming the key: Corrupt on missing or impossible
    /// values, UnsupportedVersion on a key that changes the mathematics and that we do not support
    /// (rope_scaling, attention_bias, mlp_bias, another hidden_act, another model_type, ...).
    static ModelConfig fromJson(const Json& config, const std::string& where);
    /// As config.json of LlamaForCausalLM that `transformers` opens.
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

}  // namespace tessera
