#include "core/formats/model_config.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace tessera {

namespace {

using Sliding = ModelFamily::Sliding;

constexpr const char *kSlidingType = "sliding_attention", *kFullType = "full_attention";

/// Keys that change what is computed where they are given and not false, 0 or 1.
constexpr const char* kForeignKeys[] = {"quantization_config",
                                        "rope_interleaved",
                                        "num_local_experts",
                                        "num_experts",
                                        "n_routed_experts",
                                        "clip_qkv",
                                        "qk_layernorm",
                                        "use_qk_norm",
                                        "alibi",
                                        "parallel_attn",
                                        "use_parallel_residual",
                                        "use_bidirectional_attention",
                                        "attention_chunk_size",
                                        "attn_temperature_tuning",
                                        "no_rope_layers",
                                        "no_rope_layer_interval",
                                        "num_kv_shared_layers",
                                        "altup_num_inputs",
                                        "scale_emb",
                                        "scale_depth",
                                        "dim_model_base",
                                        "logit_scale",
                                        "partial_rotary_factor"};
constexpr const char* kMultipliers[] = {"embedding_multiplier", "residual_multiplier", "attention_multiplier",
                                        "logits_scaling"};

/// Absent, or a value that leaves everything as it is.
bool neutral(const ConfigReader& config, const char* key) {
    const Json* value = config.find(key);
    return !value || *value == false || *value == 0 || *value == 1;
}

const ModelFamily& familyIn(const ConfigReader& config) {
    const auto* family = familyOf(config.text("model_type", ""));
    if (!family) config.unsupported("model_type");
    if (const Json* names = config.find("architectures"))
        if (!names->is_array() || names->size() != 1 || names->front() != family->architecture)
            config.unsupported("architectures");
    return *family;
}

void refuseUnsupported(const ConfigReader& config, const ModelFamily& family) {
    const auto refuseUnless = [&](bool read, const char* key) {
        if (!read && !neutral(config, key)) config.unsupported(key);
    };
    for (const char* key : kForeignKeys) refuseUnless(false, key);
    for (const char* key : kMultipliers) refuseUnless(family.readsMultipliers, key);
    refuseUnless(family.readsAttentionBias, "attention_bias");
    refuseUnless(family.readsMlpBias, "mlp_bias");
    refuseUnless(family.readsScoreCap, "attn_logit_softcapping");
    refuseUnless(family.readsLogitCap, "final_logit_softcapping");
    refuseUnless(family.readsLocalRope, "rope_local_base_freq");
    refuseUnless(family.readsQueryScalar, "query_pre_attn_scalar");
    refuseUnless(family.readsPattern, "sliding_window_pattern");
    refuseUnless(family.sliding == Sliding::Switched, "use_sliding_window");
    refuseUnless(family.sliding != Sliding::None, "sliding_window");
}

Activation activationIn(const ConfigReader& config, const ModelFamily& family) {
    const auto name = config.text(family.activationKey, "");
    if (name.empty()) return family.activation;
    if (name == "silu") return Activation::Silu;
    if (name == "gelu_pytorch_tanh") return Activation::GeluTanh;
    config.unsupported(family.activationKey);
}

void readRope(const ConfigReader& config, const ModelFamily& family, ModelConfig& result) {
    result.ropeTheta = config.number("rope_theta", family.ropeTheta);
    if (family.readsLocalRope) {
        result.slidingRopeTheta = config.number("rope_local_base_freq", 10000.0);
        if (result.slidingRopeTheta == 0) config.corrupt("rope_local_base_freq", "is zero");
    }
    const char* key = config.find("rope_parameters") ? "rope_parameters" : "rope_scaling";
    const Json* value = config.find(key);
    if (!value) return;
    // Newer files have an object for each kind of attention, or theta inside the only one.
    if (value->is_object() && value->contains(kFullType)) {
        const ConfigReader both(*value, config.where() + ", \"" + key + "\"");
        for (const auto& [name, ignored] : value->items())
            if (!family.readsLocalRope || (name != kFullType && name != kSlidingType))
                config.unsupported(key);
        if (!both.find(kFullType)) both.corrupt(kFullType, "is missing");
        result.ropeScaling = RopeScaling::fromJson(both, kFullType);
        result.ropeTheta =
            ConfigReader(*both.find(kFullType), both.where()).number("rope_theta", result.ropeTheta);
        if (both.find(kSlidingType)) {
            if (RopeScaling::fromJson(both, kSlidingType) != RopeScaling()) config.unsupported(key);
            result.slidingRopeTheta = ConfigReader(*both.find(kSlidingType), both.where())
                                          .number("rope_theta", result.slidingRopeTheta);
        }
    } else {
        result.ropeScaling = RopeScaling::fromJson(config, key);
        const ConfigReader rope(*value, config.where());
        result.ropeTheta = rope.number("rope_theta", result.ropeTheta);
        if (!neutral(rope, "partial_rotary_factor")) config.unsupported(key);
    }
    if (result.ropeScaling != RopeScaling() && !family.readsRopeScaling) config.unsupported(key);
}

void readSliding(const ConfigReader& config, const ModelFamily& family, ModelConfig& result) {
    const auto blocks = static_cast<std::size_t>(std::clamp<std::int64_t>(result.layers, 0, 4096));
    const bool switched = family.sliding == Sliding::Switched;
    const bool on =
        family.sliding != Sliding::None && (!switched || config.flag("use_sliding_window", false));
    const auto window =
        on && !config.isNull("sliding_window") ? config.integer("sliding_window", family.window) : 0;
    if (window < 0) config.corrupt("sliding_window", "is negative");
    std::vector<bool> slides(blocks, window > 0 && family.sliding == Sliding::All);
    if (window > 0 && switched) {
        const auto first = config.integer("max_window_layers", 28);
        for (std::size_t i = 0; i < blocks; ++i) slides[i] = static_cast<std::int64_t>(i) >= first;
    }
    if (window > 0 && family.sliding == Sliding::Layers) {
        const auto pattern =
            family.readsPattern ? config.integer("sliding_window_pattern", family.pattern) : family.pattern;
        if (pattern < 1) config.corrupt("sliding_window_pattern", "is not positive");
        for (std::size_t i = 0; i < blocks; ++i)
            slides[i] = (static_cast<std::int64_t>(i) + 1) % pattern != 0;
    }
    if (const Json* types = config.find("layer_types")) {
        if (!types->is_array() || types->size() != blocks)
            config.corrupt("layer_types", "does not name the kind of every block");
        std::vector<bool> named(blocks);
        for (std::size_t i = 0; i < blocks; ++i) {
            if ((*types)[i] != kFullType && (*types)[i] != kSlidingType) config.unsupported("layer_types");
            named[i] = (*types)[i] == kSlidingType;
        }
        // What is named is followed by those families whose code looks at it; with others it must agree.
        if (family.sliding == Sliding::Switched || family.sliding == Sliding::Layers)
            slides = named;
        else if (named != slides)
            config.unsupported("layer_types");
        if (window == 0 && std::count(named.begin(), named.end(), true) > 0)
            config.corrupt("sliding_window", "is missing, \"layer_types\" has blocks that slide");
    }
    if (std::count(slides.begin(), slides.end(), true) == 0) return;
    result.slidingWindow = window;
    result.slidingBlocks = std::move(slides);
}

}  // namespace

ModelConfig ModelConfig::of(const ModelFamily& family) {
    ModelConfig config;
    config.modelType = family.modelType;
    config.architecture = family.architecture;
    config.preNorms = family.preNorms;
    config.postNorms = family.postNorms;
    config.normOffset = family.normOffset;
    config.wideNorms = family.wideNorms;
    config.queryKeyNorm = family.queryKeyNorm;
    config.queryKeyValueBias = family.queryKeyValueBias;
    config.activation = family.activation;
    config.roundsEmbeddingScale = family.sizedEmbedding;
    config.fusedTensors = family.fused;
    return config;
}

ModelConfig ModelConfig::fromJson(const Json& json, const std::string& where) {
    const ConfigReader config(json, where);
    const auto& family = familyIn(config);
    refuseUnsupported(config, family);
    auto result = of(family);
    result.vocabSize = config.integer("vocab_size");
    result.hiddenSize = config.integer("hidden_size");
    result.intermediateSize = config.integer("intermediate_size");
    result.layers = config.integer("num_hidden_layers");
    result.heads = config.integer("num_attention_heads");
    result.kvHeads =
        config.integer("num_key_value_heads", family.kvHeads > 0 ? family.kvHeads : result.heads);
    if (result.heads <= 0) config.corrupt("num_attention_heads", "is not positive");
    if (!config.find("head_dim") && family.headDim == 0 && result.hiddenSize % result.heads != 0)
        config.corrupt("hidden_size", "is not a multiple of \"num_attention_heads\"");
    result.headDim =
        config.integer("head_dim", family.headDim > 0 ? family.headDim : result.hiddenSize / result.heads);
    result.maxPositions = config.integer("max_position_embeddings", family.maxPositions);
    result.rmsEps = config.number("rms_norm_eps", family.rmsEps);
    result.tiedHead = config.flag("tie_word_embeddings", family.tiedHead);
    result.bosToken = config.token("bos_token_id");
    result.eosToken = config.token("eos_token_id");
    readRope(config, family, result);
    readSliding(config, family, result);

    const bool bias = family.readsAttentionBias && config.flag("attention_bias", false);
    result.queryKeyValueBias = result.queryKeyValueBias || bias;
    result.outputBias = bias;
    result.feedForwardBias = family.readsMlpBias && config.flag("mlp_bias", false);
    result.activation = activationIn(config, family);
    if (family.readsQueryScalar) {
        const double scalar = config.number("query_pre_attn_scalar", 256);
        if (!std::isfinite(scalar) || scalar <= 0)
            config.corrupt("query_pre_attn_scalar", "is not a finite positive number");
        result.scoreScale = 1.0 / std::sqrt(scalar);
    }
    // A cap that is absent has a default; null turns it off.
    if (family.readsScoreCap && !config.isNull("attn_logit_softcapping"))
        result.scoreCap = config.number("attn_logit_softcapping", family.scoreCap);
    if (family.readsLogitCap && !config.isNull("final_logit_softcapping"))
        result.logitCap = config.number("final_logit_softcapping", family.logitCap);
    if (family.sizedEmbedding)
        result.embeddingScale = std::sqrt(static_cast<double>(std::max<std::int64_t>(0, result.hiddenSize)));
    if (family.readsMultipliers) {
        result.embeddingScale = config.number("embedding_multiplier", 1.0);
        result.residualScale = config.number("residual_multiplier", 1.0);
        result.scoreScale = config.number("attention_multiplier", 1.0);
        result.logitDivisor = config.number("logits_scaling", 1.0);
    }
    result.validate(where);
    return result;
}

Json ModelConfig::toJson(const std::string& dtype) const {
    const auto* family = familyOf(modelType);
    if (!family) throw Error(ErrorCode::Internal, "a model of no family", modelType);
    Json json = Json::object();
    json["architectures"] = Json::array({architecture});
    json["attention_dropout"] = 0.0;
    json["bos_token_id"] = bosToken < 0 ? Json() : Json(bosToken);
    json["eos_token_id"] = eosToken < 0 ? Json() : Json(eosToken);
    json["head_dim"] = headDim;
    json[family->activationKey] = activation == Activation::Silu ? "silu" : "gelu_pytorch_tanh";
    json["hidden_size"] = hiddenSize;
    json["initializer_range"] = 0.02;
    json["intermediate_size"] = intermediateSize;
    json["max_position_embeddings"] = maxPositions;
    json["model_type"] = modelType;
    json["num_attention_heads"] = heads;
    json["num_hidden_layers"] = layers;
    json["num_key_value_heads"] = kvHeads;
    json["rms_norm_eps"] = rmsEps;
    json["rope_scaling"] = ropeScaling.toJson();
    json["rope_theta"] = ropeTheta;
    json["tie_word_embeddings"] = tiedHead;
    json["torch_dtype"] = dtype;
    json["use_cache"] = true;
    json["vocab_size"] = vocabSize;
    const auto cap = [](double value) { return value == 0 ? Json() : Json(value); };
    if (family->readsAttentionBias) json["attention_bias"] = outputBias;
    if (family->readsMlpBias) json["mlp_bias"] = feedForwardBias;
    if (family->readsLocalRope) json["rope_local_base_freq"] = slidingRopeTheta;
    if (family->readsQueryScalar) {
        // As a whole number where it is one, which it is in the files that we know.
        const double scalar = 1.0 / (attentionScale() * attentionScale()), whole = std::round(scalar);
        json["query_pre_attn_scalar"] = 1.0 / std::sqrt(whole) == attentionScale()
                                            ? Json(static_cast<std::int64_t>(whole))
                                            : Json(scalar);
    }
    if (family->readsScoreCap) json["attn_logit_softcapping"] = cap(scoreCap);
    if (family->readsLogitCap) json["final_logit_softcapping"] = cap(logitCap);
    if (family->readsMultipliers) {
        json["embedding_multiplier"] = embeddingScale;
        json["residual_multiplier"] = residualScale;
        json["attention_multiplier"] = attentionScale();
        json["logits_scaling"] = logitDivisor;
    }
    // Code that reads layer_types wants a window even where no block slides.
    if (slidesAnywhere())
        json["sliding_window"] = slidingWindow;
    else if (family->sliding != Sliding::None)
        json["sliding_window"] = family->sliding == Sliding::Layers ? Json(family->window) : Json();
    if (family->sliding == Sliding::Switched) {
        const auto first = std::find(slidingBlocks.begin(), slidingBlocks.end(), true);
        json["use_sliding_window"] = slidesAnywhere();
        json["max_window_layers"] = slidesAnywhere() ? first - slidingBlocks.begin() : layers;
    }
    if (family->sliding == Sliding::Switched || family->sliding == Sliding::Layers) {
        json["layer_types"] = Json::array();
        for (std::int64_t i = 0; i < layers; ++i)
            json["layer_types"].push_back(slides(i) ? kSlidingType : kFullType);
    }
    // Its own default lies outside of small vocabularies.
    if (family->fused) json["pad_token_id"] = nullptr;
    return json;
}

bool ModelConfig::slidesAnywhere() const {
    return std::find(slidingBlocks.begin(), slidingBlocks.end(), true) != slidingBlocks.end();
}

double ModelConfig::attentionScale() const {
    return scoreScale != 0 ? scoreScale : 1.0 / std::sqrt(static_cast<double>(headDim));
}

std::vector<double> ModelConfig::rotaryMultipliers(bool sliding, std::int64_t length) const {
    if (sliding && slidingRopeTheta > 0) return {};
    return ropeScaling.multipliers(ropeTheta, headDim, length, maxPositions);
}

void ModelConfig::validate(const std::string& where) const {
    const auto corrupt = [&](const std::string& key, const std::string& what) {
        throw Error(ErrorCode::Corrupt, "\"" + key + "\" " + what, where);
    };
    const auto within = [&](const char* key, std::int64_t value, std::int64_t limit) {
        if (value <= 0 || value > limit)
            corrupt(key, "is " + std::to_string(value) + ", outside 1 to " + std::to_string(limit));
    };
    // No model comes near these; they keep every product of sizes within 63 bits.
    within("vocab_size", vocabSize, 1 << 28);
    within("hidden_size", hiddenSize, 1 << 20);
    within("intermediate_size", intermediateSize, 1 << 22);
    within("num_hidden_layers", layers, 4096);
    within("num_attention_heads", heads, 1 << 14);
    within("num_key_value_heads", kvHeads, 1 << 14);
    within("head_dim", headDim, 1 << 14);
    within("max_position_embeddings", maxPositions, std::int64_t(1) << 32);
    if (heads % kvHeads != 0) corrupt("num_key_value_heads", "does not divide \"num_attention_heads\"");
    if (headDim % 2 != 0) corrupt("head_dim", "is odd, but rotary positions turn pairs");
    if (!std::isfinite(rmsEps) || rmsEps < 0)
        corrupt("rms_norm_eps", "is not a finite number of zero or more");
    if (!std::isfinite(ropeTheta) || ropeTheta <= 0) corrupt("rope_theta", "is not a finite positive number");
    if (!std::isfinite(slidingRopeTheta) || slidingRopeTheta < 0)
        corrupt("rope_local_base_freq", "is not a finite positive number");
    if (slidesAnywhere()) within("sliding_window", slidingWindow, std::int64_t(1) << 32);
    for (const auto& [key, value] :
         {std::pair{"attn_logit_softcapping", scoreCap}, std::pair{"final_logit_softcapping", logitCap}})
        if (!std::isfinite(value) || value < 0) corrupt(key, "is not a finite positive number");
    for (const auto& [key, value] :
         {std::pair{"embedding_multiplier", embeddingScale}, std::pair{"residual_multiplier", residualScale},
          std::pair{"attention_multiplier", attentionScale()}, std::pair{"logits_scaling", logitDivisor}})
        if (!std::isfinite(value) || value == 0) corrupt(key, "is not a finite number other than zero");
    for (const auto& [key, id] : {std::pair{"bos_token_id", bosToken}, std::pair{"eos_token_id", eosToken}})
        if (id < -1 || id >= vocabSize) corrupt(key, "is outside the vocabulary");
}

std::int64_t ModelConfig::parameters() const {
    const std::int64_t embedding = vocabSize * hiddenSize;
    const std::int64_t attention = hiddenSize * headDim * (2 * heads + 2 * kvHeads);
    std::int64_t block = attention + 3 * hiddenSize * intermediateSize;
    for (int i = 0; i < kBlockVectors; ++i) block += blockVector(*this, 0, static_cast<BlockVector>(i)).size;
    return embedding * (tiedHead ? 1 : 2) + layers * block + hiddenSize;
}

std::vector<PrunableMatrix> prunableMatrices(const ModelConfig& config) {
    const std::int64_t queries = config.heads * config.headDim;
    const std::int64_t keys = config.kvHeads * config.headDim;
    const std::int64_t hidden = config.hiddenSize;
    const std::int64_t inner = config.intermediateSize;
    std::vector<PrunableMatrix> matrices;
    matrices.reserve(static_cast<std::size_t>(7 * config.layers));
    for (int block = 0; block < config.layers; ++block) {
        const std::string prefix = "model.layers." + std::to_string(block) + ".";
        const auto add = [&](const char* part, const char* projection, std::int64_t rows, std::int64_t cols) {
            matrices.push_back(
                {prefix + part + "." + projection + "_proj.weight", projection, block, rows, cols});
        };
        add("self_attn", "q", queries, hidden);
        add("self_attn", "k", keys, hidden);
        add("self_attn", "v", keys, hidden);
        add("self_attn", "o", hidden, queries);
        add("mlp", "gate", inner, hidden);
        add("mlp", "up", inner, hidden);
        add("mlp", "down", hidden, inner);
    }
    return matrices;
}

VectorParameter blockVector(const ModelConfig& config, std::int64_t block, BlockVector vector) {
    const auto queries = config.heads * config.headDim, keys = config.kvHeads * config.headDim;
    const bool byHead = config.queryKeyNorm == QueryKeyNorm::Head;
    const auto named = [&](const char* name, bool exists, std::int64_t size) {
        return VectorParameter{"model.layers." + std::to_string(block) + "." + name, exists ? size : 0};
    };
    switch (vector) {
        case BlockVector::InputNorm:
            return named("input_layernorm.weight", config.preNorms, config.hiddenSize);
        case BlockVector::AttentionOutputNorm:
            return named("post_attention_layernorm.weight", config.postNorms, config.hiddenSize);
        case BlockVector::FeedForwardNorm:
            // Llama's name for it tells where it stands, behind attention; with norms behind attention, too,
            // those have it.
            return named(
                config.postNorms ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight",
                config.preNorms, config.hiddenSize);
        case BlockVector::FeedForwardOutputNorm:
            return named("post_feedforward_layernorm.weight", config.postNorms, config.hiddenSize);
        case BlockVector::QueryNorm:
            return named("self_attn.q_norm.weight", config.queryKeyNorm != QueryKeyNorm::None,
                         byHead ? config.headDim : queries);
        case BlockVector::KeyNorm:
            return named("self_attn.k_norm.weight", config.queryKeyNorm != QueryKeyNorm::None,
                         byHead ? config.headDim : keys);
        case BlockVector::QueryBias:
            return named("self_attn.q_proj.bias", config.queryKeyValueBias, queries);
        case BlockVector::KeyBias:
            return named("self_attn.k_proj.bias", config.queryKeyValueBias, keys);
        case BlockVector::ValueBias:
            return named("self_attn.v_proj.bias", config.queryKeyValueBias, keys);
        case BlockVector::OutputBias:
            return named("self_attn.o_proj.bias", config.outputBias, config.hiddenSize);
        case BlockVector::GateBias:
            return named("mlp.gate_proj.bias", config.feedForwardBias, config.intermediateSize);
        case BlockVector::UpBias:
            return named("mlp.up_proj.bias", config.feedForwardBias, config.intermediateSize);
        case BlockVector::DownBias:
            return named("mlp.down_proj.bias", config.feedForwardBias, config.hiddenSize);
    }
    return {};
}

}  // namespace tessera
