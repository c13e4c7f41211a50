#include "core/formats/model_family.h"

namespace tessera {

namespace {

using Sliding = ModelFamily::Sliding;

constexpr ModelFamily kFamilies[] = {
    {.modelType = "llama",
     .architecture = "LlamaForCausalLM",
     .readsAttentionBias = true,
     .readsMlpBias = true},
    {.modelType = "mistral",
     .architecture = "MistralForCausalLM",
     .sliding = Sliding::All,
     .window = 4096,
     .kvHeads = 8,
     .maxPositions = 4096 * 32},
    {.modelType = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .queryKeyValueBias = true,
     .sliding = Sliding::Switched,
     .window = 4096,
     .kvHeads = 32,
     .maxPositions = 32768},
    {.modelType = "qwen3",
     .architecture = "Qwen3ForCausalLM",
     .queryKeyNorm = QueryKeyNorm::Head,
     .sliding = Sliding::Switched,
     .window = 4096,
     .readsAttentionBias = true,
     .headDim = 128,
     .kvHeads = 32,
     .maxPositions = 32768},
    {.modelType = "gemma2",
     .architecture = "Gemma2ForCausalLM",
     .postNorms = true,
     .normOffset = 1,
     .wideNorms = true,
     .sizedEmbedding = true,
     .sliding = Sliding::Layers,
     .window = 4096,
     .pattern = 2,
     .readsAttentionBias = true,
     .readsQueryScalar = true,
     .readsScoreCap = true,
     .readsLogitCap = true,
     .scoreCap = 50,
     .logitCap = 30,
     .activationKey = "hidden_activation",
     .activation = Activation::GeluTanh,
     .headDim = 256,
     .kvHeads = 4,
     .maxPositions = 8192,
     .tiedHead = true},
    // transformers reads attn_logit_softcapping of this one and does nothing with it.
    {.modelType = "gemma3_text",
     .architecture = "Gemma3ForCausalLM",
     .postNorms = true,
     .normOffset = 1,
     .wideNorms = true,
     .queryKeyNorm = QueryKeyNorm::Head,
     .sizedEmbedding = true,
     .sliding = Sliding::Layers,
     .window = 4096,
     .pattern = 6,
     .readsPattern = true,
     .readsAttentionBias = true,
     .readsLocalRope = true,
     .readsQueryScalar = true,
     .readsLogitCap = true,
     .activationKey = "hidden_activation",
     .activation = Activation::GeluTanh,
     .headDim = 256,
     .kvHeads = 4,
     .maxPositions = 131072,
     .ropeTheta = 1e6,
     .tiedHead = true},
    {.modelType = "olmo2",
     .architecture = "Olmo2ForCausalLM",
     .preNorms = false,
     .postNorms = true,
     .wideNorms = true,
     .queryKeyNorm = QueryKeyNorm::Width,
     .readsAttentionBias = true,
     .readsRopeScaling = false,
     .rmsEps = 1e-5},
    {.modelType = "granite",
     .architecture = "GraniteForCausalLM",
     .readsAttentionBias = true,
     .readsMlpBias = true,
     .readsMultipliers = true},
    {.modelType = "phi3",
     .architecture = "Phi3ForCausalLM",
     .fused = true,
     .sliding = Sliding::All,
     .readsRopeScaling = false,
     .maxPositions = 4096,
     .rmsEps = 1e-5},
};

}  // namespace

std::span<const ModelFamily> modelFamilies() {
    return kFamilies;
}

const ModelFamily* familyOf(const std::string& modelType) {
    for (const auto& family : kFamilies)
        if (modelType == family.modelType) return &family;
    return nullptr;
}

std::string familyNames() {
    std::string names;
    for (const auto& family : kFamilies) names += (names.empty() ? "" : ", ") + std::string(family.modelType);
    return names;
}

}  // namespace tessera
