#include "core/formats/model_config.h"

#include <cmath>
#include <initializer_list>

#include "core/base/error.h"

namespace tessera {

namespace {

const Json* valueOf(const Json& config, const char* key) {
    const auto found = config.find(key);
    return found == config.end() || found->is_null() ? nullptr : &*found;
}

[[noreturn]] void corrupt(const std::string& key, const std::string& what, const std::string& where) {
    throw Error(ErrorCode::Corrupt, "\"" + key + "\" " + what, where);
}

std::int64_t integer(const Json& value, const char* key, const std::string& where) {
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() >> 62 != 0))
        corrupt(key, "is not a whole number", where);
    return value.get<std::int64_t>();
}

std::int64_t required(const Json& config, const char* key, const std::string& where) {
    const Json* value = valueOf(config, key);
    if (!value) corrupt(key, "is missing", where);
    return integer(*value, key, where);
}

std::int64_t optional(const Json& config, const char* key, std::int64_t fallback, const std::string& where) {
    const Json* value = valueOf(config, key);
    return value ? integer(*value, key, where) : fallback;
}

double number(const Json& config, const char* key, double fallback, const std::string& where) {
    const Json* value = valueOf(config, key);
    if (!value) return fallback;
    if (!value->is_number()) corrupt(key, "is not a number", where);
    return value->get<double>();
}

bool flag(const Json& config, const char* key, const std::string& where) {
    const Json* value = valueOf(config, key);
    if (!value) return false;
    if (!value->is_boolean()) corrupt(key, "is neither true nor false", where);
    return value->get<bool>();
}

std::string text(const Json& config, const char* key, const std::string& fallback, const std::string& where) {
    const Json* value = valueOf(config, key);
    if (!value) return fallback;
    if (!value->is_string()) corrupt(key, "is not a text", where);
    return value->get<std::string>();
}

/// A token id, or the first of several.
std::int64_t token(const Json& config, const char* key, const std::string& where) {
    const Json* value = valueOf(config, key);
    if (!value) return -1;
    if (value->is_array()) return value->empty() ? -1 : integer(value->front(), key, where);
    return integer(*value, key, where);
}

[[noreturn]] void unsupported(const std::string& key, const std::string& value, const std::string& where) {
    throw Error(ErrorCode::UnsupportedVersion,
                "the model has \"" + key + "\": " + value + ", a computation that is not supported", where,
                {{"choose a plain Llama model, such as SmolLM2 or Llama-3.2 without rope_scaling", "", ""}});
}

void refuseUnsupported(const Json& config, const std::string& where) {
    const std::string type = text(config, "model_type", "", where);
    if (type != "llama") unsupported("model_type", "\"" + type + "\"", where);
    if (const Json* names = valueOf(config, "architectures")) {
        if (!names->is_array() || names->size() != 1 || names->front() != "LlamaForCausalLM")
            unsupported("architectures", dumpLine(*names), where);
    }
    const std::string activation = text(config, "hidden_act", "silu", where);
    if (activation != "silu") unsupported("hidden_act", "\"" + activation + "\"", where);
    for (const char* key : {"attention_bias", "mlp_bias", "rope_interleaved"})
        if (flag(config, key, where)) unsupported(key, "true", where);
    for (const char* key : {"rope_scaling", "rope_parameters"}) {
        const Json* value = valueOf(config, key);
        if (!value) continue;
        if (!value->is_object()) corrupt(key, "is not an object", where);
        const std::string kind = text(*value, "rope_type", text(*value, "type", "", where), where);
        if (kind != "default") unsupported(key, dumpLine(*value), where);
    }
    for (const char* key : {"quantization_config", "sliding_window", "num_local_experts", "layer_types"})
        if (const Json* value = valueOf(config, key)) unsupported(key, dumpLine(*value), where);
    for (const Json* holder : {&config, valueOf(config, "rope_parameters")})
        if (holder && number(*holder, "partial_rotary_factor", 1.0, where) != 1.0)
            unsupported("partial_rotary_factor", dumpLine(*valueOf(*holder, "partial_rotary_factor")), where);
}

}  // namespace

ModelConfig ModelConfig::fromJson(const Json& config, const std::string& where) {
    if (!config.is_object()) throw Error(ErrorCode::Corrupt, "this is not a model's configuration", where);
    refuseUnsupported(config, where);
    ModelConfig result;
    result.vocabSize = required(config, "vocab_size", where);
    result.hiddenSize = required(config, "hidden_size", where);
    result.intermediateSize = required(config, "intermediate_size", where);
    result.layers = required(config, "num_hidden_layers", where);
    result.heads = required(config, "num_attention_heads", where);
    result.kvHeads = optional(config, "num_key_value_heads", result.heads, where);
    if (result.heads <= 0) corrupt("num_attention_heads", "is not positive", where);
    if (!valueOf(config, "head_dim") && result.hiddenSize % result.heads != 0)
        corrupt("hidden_size", "is not a multiple of \"num_attention_heads\"", where);
    result.headDim = optional(config, "head_dim", result.hiddenSize / result.heads, where);
    result.maxPositions = optional(config, "max_position_embeddings", 2048, where);
    // transformers' own defaults
    result.rmsEps = number(config, "rms_norm_eps", 1e-6, where);
    result.ropeTheta = number(config, "rope_theta", 10000.0, where);
    if (const Json* rope = valueOf(config, "rope_parameters"))
        result.ropeTheta = number(*rope, "rope_theta", result.ropeTheta, where);
    result.tiedHead = flag(config, "tie_word_embeddings", where);
    result.bosToken = token(config, "bos_token_id", where);
    result.eosToken = token(config, "eos_token_id", where);
    result.validate(where);
    return result;
}

Json ModelConfig::toJson(const std::string& dtype) const {
    Json json = Json::object();
    json["architectures"] = Json::array({architecture});
    json["attention_bias"] = false;
    json["attention_dropout"] = 0.0;
    json["bos_token_id"] = bosToken < 0 ? Json() : Json(bosToken);
    json["eos_token_id"] = eosToken < 0 ? Json() : Json(eosToken);
    json["head_dim"] = headDim;
    json["hidden_act"] = "silu";
    json["hidden_size"] = hiddenSize;
    json["initializer_range"] = 0.02;
    json["intermediate_size"] = intermediateSize;
    json["max_position_embeddings"] = maxPositions;
    json["mlp_bias"] = false;
    json["model_type"] = modelType;
    json["num_attention_heads"] = heads;
    json["num_hidden_layers"] = layers;
    json["num_key_value_heads"] = kvHeads;
    json["rms_norm_eps"] = rmsEps;
    json["rope_scaling"] = nullptr;
    json["rope_theta"] = ropeTheta;
    json["tie_word_embeddings"] = tiedHead;
    json["torch_dtype"] = dtype;
    json["use_cache"] = true;
    json["vocab_size"] = vocabSize;
    return json;
}

void ModelConfig::validate(const std::string& where) const {
    const auto within = [&](const char* key, std::int64_t value, std::int64_t limit) {
        if (value <= 0 || value > limit)
            corrupt(key, "is " + std::to_string(value) + ", outside 1 to " + std::to_string(limit), where);
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
    if (heads % kvHeads != 0)
        corrupt("num_key_value_heads", "does not divide \"num_attention_heads\"", where);
    if (headDim % 2 != 0) corrupt("head_dim", "is odd, but rotary positions turn pairs", where);
    if (!std::isfinite(rmsEps) || rmsEps < 0)
        corrupt("rms_norm_eps", "is not a finite number of zero or more", where);
    if (!std::isfinite(ropeTheta) || ropeTheta <= 0)
        corrupt("rope_theta", "is not a finite positive number", where);
    for (const auto& [key, id] : {std::pair{"bos_token_id", bosToken}, std::pair{"eos_token_id", eosToken}})
        if (id < -1 || id >= vocabSize) corrupt(key, "is outside the vocabulary", where);
}

std::int64_t ModelConfig::parameters() const {
    const std::int64_t embedding = vocabSize * hiddenSize;
    const std::int64_t attention = hiddenSize * headDim * (2 * heads + 2 * kvHeads);
    const std::int64_t block = attention + 3 * hiddenSize * intermediateSize + 2 * hiddenSize;
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

}  // namespace tessera
