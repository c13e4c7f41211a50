#pragma once

#include <algorithm>

#include "core/base/json.h"
#include "core/formats/model_files.h"
#include "support/gguf_writer.h"

namespace tessera::test {

inline std::vector<float> valuesOf(const TensorSource& source, const std::string& name) {
    const auto& info = source.at(name);
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    source.readF32(info, 0, values);
    return values;
}

/// A tokenizer.json as a GGUF holds it.
inline void putTokenizer(GgufWriter& writer, const Json& json, std::int64_t eos) {
    const auto& vocabulary = json["model"]["vocab"];
    std::size_t count = vocabulary.size();
    for (const auto& added : json["added_tokens"])
        count = std::max(count, added["id"].get<std::size_t>() + 1);
    std::vector<std::string> tokens(count), merges;
    std::vector<std::int32_t> types(count, 1);
    for (const auto& [token, id] : vocabulary.items()) tokens.at(id.get<std::size_t>()) = token;
    for (const auto& added : json["added_tokens"]) {
        tokens.at(added["id"].get<std::size_t>()) = added["content"].get<std::string>();
        types.at(added["id"].get<std::size_t>()) = added["special"].get<bool>() ? 3 : 4;
    }
    for (const auto& merge : json["model"]["merges"])
        merges.push_back(merge.is_string() ? merge.get<std::string>()
                                           : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", "gpt-2");
    writer.texts("tokenizer.ggml.tokens", tokens);
    writer.i32s("tokenizer.ggml.token_type", types);
    writer.texts("tokenizer.ggml.merges", merges);
    writer.u32("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(eos));
    writer.boolean("tokenizer.ggml.add_bos_token", false);
    writer.text("tokenizer.chat_template", "{{ messages }}");
}

/// A Hugging Face folder's model as llama.cpp's converter writes it, all in f32: the rotary halves of every
/// head of q and k in turn for the architectures llama and granite, one added to the norms' weights of
/// Gemmas.
inline void putModel(GgufWriter& writer, const ModelFiles& model) {
    const auto& config = model.config();
    const auto architecture = config.modelType == "gemma3_text" ? std::string("gemma3") : config.modelType;
    const bool interleaved = architecture == "llama" || architecture == "granite";
    const float offset = architecture.starts_with("gemma") ? 1.0f : 0.0f;
    const auto number = [&](const char* key, std::int64_t value) {
        writer.u32(architecture + "." + key, static_cast<std::uint32_t>(value));
    };
    const auto real = [&](const char* key, double value) {
        writer.f32(architecture + "." + key, static_cast<float>(value));
    };
    writer.text("general.architecture", architecture);
    number("block_count", config.layers);
    number("context_length", config.maxPositions);
    number("embedding_length", config.hiddenSize);
    number("feed_forward_length", config.intermediateSize);
    number("attention.head_count", config.heads);
    number("attention.head_count_kv", config.kvHeads);
    number("attention.key_length", config.headDim);
    real("attention.layer_norm_rms_epsilon", config.rmsEps);
    real("rope.freq_base", config.ropeTheta);
    if (config.slidesAnywhere()) number("attention.sliding_window", config.slidingWindow);
    if (config.scoreCap != 0) real("attn_logit_softcapping", config.scoreCap);
    if (config.logitCap != 0) real("final_logit_softcapping", config.logitCap);
    if (architecture == "granite") {
        real("embedding_scale", config.embeddingScale);
        real("residual_scale", config.residualScale);
        real("attention.scale", config.attentionScale());
        real("logit_scale", config.logitDivisor);
    }
    if (config.ropeScaling.kind == RopeScaling::Kind::Linear) {
        writer.text(architecture + ".rope.scaling.type", "linear");
        real("rope.scaling.factor", config.ropeScaling.factor);
    }
    if (config.ropeScaling.kind == RopeScaling::Kind::Llama3) {
        std::vector<float> divisors;
        for (const double kept : config.rotaryMultipliers(false, config.maxPositions))
            divisors.push_back(static_cast<float>(1 / kept));
        writer.tensor("rope_freqs.weight", {static_cast<std::int64_t>(divisors.size())}, 0,
                      {reinterpret_cast<const char*>(divisors.data()), divisors.size() * 4});
    }
    const auto put = [&](const std::string& to, const std::string& from) {
        if (!model.tensors().find(from)) return;
        auto values = valuesOf(model.tensors(), from);
        const auto& shape = model.tensors().at(from).shape;
        const auto isOf = [&](const char* part) { return from.find(part) != std::string::npos; };
        if (interleaved && (isOf(".q_proj.") || isOf(".k_proj."))) {
            const auto halves = values;
            const auto dim = config.headDim, cols = shape.size() == 2 ? shape[1] : 1;
            for (std::int64_t head = 0; head < shape[0] / dim; ++head)
                for (std::int64_t part = 0; part < 2; ++part)
                    for (std::int64_t i = 0; i < dim / 2; ++i)
                        std::copy_n(halves.begin() + (head * dim + part * (dim / 2) + i) * cols, cols,
                                    values.begin() + (head * dim + 2 * i + part) * cols);
        }
        if (from.ends_with("norm.weight"))
            for (auto& value : values) value += offset;
        writer.tensor(to, shape, 0, {reinterpret_cast<const char*>(values.data()), values.size() * 4});
    };
    put("token_embd.weight", "model.embed_tokens.weight");
    put("output_norm.weight", "model.norm.weight");
    if (!config.tiedHead) put("output.weight", "lm_head.weight");
    for (std::int64_t i = 0; i < config.layers; ++i) {
        const auto to = "blk." + std::to_string(i) + ".", from = "model.layers." + std::to_string(i) + ".";
        put(to + "attn_norm.weight", from + "input_layernorm.weight");
        if (config.postNorms) {
            put(to + "post_attention_norm.weight", from + "post_attention_layernorm.weight");
            put(to + "ffn_norm.weight", from + "pre_feedforward_layernorm.weight");
            put(to + "post_ffw_norm.weight", from + "post_feedforward_layernorm.weight");
        } else {
            put(to + "ffn_norm.weight", from + "post_attention_layernorm.weight");
        }
        put(to + "attn_q_norm.weight", from + "self_attn.q_norm.weight");
        put(to + "attn_k_norm.weight", from + "self_attn.k_norm.weight");
        for (const auto& [ours, theirs] : {std::pair{"attn_q", "self_attn.q_proj"},
                                           {"attn_k", "self_attn.k_proj"},
                                           {"attn_v", "self_attn.v_proj"},
                                           {"attn_output", "self_attn.o_proj"},
                                           {"ffn_gate", "mlp.gate_proj"},
                                           {"ffn_up", "mlp.up_proj"},
                                           {"ffn_down", "mlp.down_proj"}})
            for (const char* kind : {".weight", ".bias"}) put(to + ours + kind, from + theirs + kind);
    }
}

}  // namespace tessera::test
