#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tessera {

/// What the gate of the feed-forward part goes through: "silu" or "gelu_pytorch_tanh".
enum class Activation { Silu, GeluTanh };

/// RMSNorm of queries and keys before they turn: of each head, or over all heads together.
enum class QueryKeyNorm { None, Head, Width };

/// What a model_type of transformers means without config.json's saying so, and which of config.json's keys
/// its code looks at: the source for ModelConfig, which alone decides what is computed. Defaults are those of
/// transformers' configuration classes.
struct ModelFamily {
    const char* modelType;
    const char* architecture;

    bool preNorms = true, postNorms = false;  ///< RMSNorm before, and behind, each half of a block
    double normOffset = 0;                    ///< added to the weights of norms
    bool wideNorms = false;                   ///< their product in f32, rounded afterwards
    QueryKeyNorm queryKeyNorm = QueryKeyNorm::None;
    bool queryKeyValueBias = false;
    bool sizedEmbedding = false;  ///< embeddings times sqrt(hidden), a number of the weights' type
    bool fused = false;           ///< q k v in one tensor, gate and up in another

    /// Which blocks' attention slides: none; all where sliding_window is given; those from max_window_layers
    /// on where use_sliding_window says so; as layer_types or a pattern says.
    enum class Sliding { None, All, Switched, Layers } sliding = Sliding::None;
    std::int64_t window = 0;   ///< where sliding_window is absent
    std::int64_t pattern = 0;  ///< every so many blocks one that does not slide
    bool readsPattern = false;
    bool readsAttentionBias = false, readsMlpBias = false;
    bool readsRopeScaling = true;
    bool readsLocalRope = false;  ///< rope_local_base_freq, for the blocks that slide
    bool readsQueryScalar = false;
    bool readsScoreCap = false, readsLogitCap = false;
    double scoreCap = 0, logitCap = 0;  ///< where attn_ and final_logit_softcapping are absent
    bool readsMultipliers = false;

    const char* activationKey = "hidden_act";
    Activation activation = Activation::Silu;
    std::int64_t headDim = 0;  ///< 0: hidden / heads
    std::int64_t kvHeads = 0;  ///< 0: as many as heads
    std::int64_t maxPositions = 2048;
    double rmsEps = 1e-6, ropeTheta = 10000.0;
    bool tiedHead = false;
};

std::span<const ModelFamily> modelFamilies();
/// Null where there is none of this model_type.
const ModelFamily* familyOf(const std::string& modelType);
/// "llama, mistral, ...": for messages.
std::string familyNames();

}  // namespace tessera
