#include "core/formats/gguf_model.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/base/error.h"

namespace tessera {

namespace {

using Names = std::map<std::string, std::string>;  ///< of llama.cpp, of Hugging Face

const Names& outerNames() {
    static const Names outer{{"token_embd.weight", "model.embed_tokens.weight"},
                             {"output_norm.weight", "model.norm.weight"},
                             {"output.weight", "lm_head.weight"}};
    return outer;
}

/// Behind "blk.N." and "model.layers.N.".
const Names& innerNames() {
    static const Names inner{{"attn_norm.weight", "input_layernorm.weight"},
                             {"ffn_norm.weight", "post_attention_layernorm.weight"},
                             {"attn_q.weight", "self_attn.q_proj.weight"},
                             {"attn_k.weight", "self_attn.k_proj.weight"},
                             {"attn_v.weight", "self_attn.v_proj.weight"},
                             {"attn_output.weight", "self_attn.o_proj.weight"},
                             {"ffn_gate.weight", "mlp.gate_proj.weight"},
                             {"ffn_up.weight", "mlp.up_proj.weight"},
                             {"ffn_down.weight", "mlp.down_proj.weight"}};
    return inner;
}

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; empty: no part of the decoder.
std::string huggingFaceName(const std::string& name) {
    const auto &outer = outerNames(), &inner = innerNames();
    if (const auto found = outer.find(name); found != outer.end()) return found->second;
    if (!name.starts_with("blk.")) return {};
    const auto dot = name.find('.', 4);
    if (dot == std::string::npos) return {};
    const auto found = inner.find(name.substr(dot + 1));
    return found == inner.end() ? std::string()
                                : "model.layers." + name.substr(4, dot - 4) + "." + found->second;
}

class GgufModelTensors : public TensorSource {
  public:
    GgufModelTensors(std::shared_ptr<const GgufFile> file, const ModelConfig& config)
        : m_file(std::move(file)), m_headDim(config.headDim) {
        for (const auto& stored : m_file->tensors()) {
            auto info = stored;
            info.name = huggingFaceName(stored.name);
            if (info.name.empty())
                throw Error(ErrorCode::UnsupportedVersion,
                            "the model has the tensor " + stored.name + ", which a plain Llama has not",
                            m_file->path().string(),
                            {{"choose a plain Llama model, such as SmolLM2", "", ""}});
            m_tensors.push_back(std::move(info));
        }
    }
    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
    std::span<const std::byte> raw(const TensorInfo& tensor) const override { return m_file->raw(tensor); }
    void release(const TensorInfo& tensor) const override { m_file->release(tensor); }

    void readF32(const TensorInfo& tensor, std::int64_t first, std::span<float> out) const override {
        if (tensor.shape.size() != 2 || !isRotaryMatrix(tensor.name))
            return TensorSource::readF32(tensor, first, out);
        const std::int64_t cols = tensor.shape[1];
        while (!out.empty()) {
            const std::int64_t row = first / cols, col = first % cols;
            const std::int64_t count =
                std::min<std::int64_t>(cols - col, static_cast<std::int64_t>(out.size()));
            const std::int64_t stored = ggufRotaryRow(row, m_headDim);
            TensorSource::readF32(tensor, stored * cols + col, out.first(static_cast<std::size_t>(count)));
            out = out.subspan(static_cast<std::size_t>(count));
            first += count;
        }
    }

  private:
    std::shared_ptr<const GgufFile> m_file;
    std::int64_t m_headDim;
    std::vector<TensorInfo> m_tensors;
};

}  // namespace

std::string ggufTensorName(const std::string& name) {
    const auto named = [](const Names& names, const std::string& own) {
        const auto found =
            std::find_if(names.begin(), names.end(), [&](const auto& pair) { return pair.second == own; });
        return found == names.end() ? std::string() : found->first;
    };
    if (auto outer = named(outerNames(), name); !outer.empty()) return outer;
    constexpr std::string_view kLayers = "model.layers.";
    if (const auto dot = name.find('.', kLayers.size());
        name.starts_with(kLayers) && dot != std::string::npos)
        if (const auto inner = named(innerNames(), name.substr(dot + 1)); !inner.empty())
            return "blk." + name.substr(kLayers.size(), dot - kLayers.size()) + "." + inner;
    throw Error(ErrorCode::UnsupportedVersion, "llama.cpp's Llama has no tensor like this one", name,
                {{"export with --format hf", "format", "hf"}});
}

bool isRotaryMatrix(const std::string& name) {
    return name.ends_with("q_proj.weight") || name.ends_with("k_proj.weight");
}

ModelConfig configFromGguf(const GgufFile& file) {
    const auto where = file.path().string();
    const auto refuse = [&](const std::string& what) {
        throw Error(ErrorCode::UnsupportedVersion, "the model has " + what + ", which is not supported",
                    where, {{"choose a plain Llama model, such as SmolLM2", "", ""}});
    };
    const auto architecture = file.text("general.architecture");
    if (architecture != "llama") refuse("the architecture '" + architecture + "'");
    if (file.find("llama.rope.scaling.type") && file.text("llama.rope.scaling.type") != "none")
        refuse("llama.rope.scaling.type '" + file.text("llama.rope.scaling.type") + "'");
    if (file.find("llama.expert_count") && file.integer("llama.expert_count") != 0)
        refuse("llama.expert_count");

    ModelConfig config;
    config.layers = file.integer("llama.block_count");
    config.hiddenSize = file.integer("llama.embedding_length");
    config.intermediateSize = file.integer("llama.feed_forward_length");
    config.heads = file.integer("llama.attention.head_count");
    config.kvHeads = file.find("llama.attention.head_count_kv")
                         ? file.integer("llama.attention.head_count_kv")
                         : config.heads;
    config.rmsEps = file.real("llama.attention.layer_norm_rms_epsilon");
    config.ropeTheta = file.find("llama.rope.freq_base") ? file.real("llama.rope.freq_base") : 10000.0;
    config.maxPositions = file.integer("llama.context_length");
    if (config.heads < 1 || config.hiddenSize < 1)
        throw Error(ErrorCode::Corrupt,
                    "the model claims " + std::to_string(config.heads) + " heads and a width of " +
                        std::to_string(config.hiddenSize),
                    where);
    config.headDim = file.find("llama.attention.key_length") ? file.integer("llama.attention.key_length")
                                                             : config.hiddenSize / config.heads;
    if (file.find("llama.rope.dimension_count") &&
        file.integer("llama.rope.dimension_count") != config.headDim)
        refuse("llama.rope.dimension_count " + std::to_string(file.integer("llama.rope.dimension_count")));
    const TensorSource& tensors = file;
    const auto* embedding = tensors.find("token_embd.weight");
    if (!embedding || embedding->shape.size() != 2)
        throw Error(ErrorCode::Corrupt,
                    "the file holds a vocabulary but no weights: token_embd.weight is missing", where,
                    {{"use the GGUF that holds the model", "", ""}});
    config.vocabSize = embedding->shape[0];
    config.tiedHead = tensors.find("output.weight") == nullptr;
    if (file.find("tokenizer.ggml.bos_token_id"))
        config.bosToken = file.integer("tokenizer.ggml.bos_token_id");
    if (file.find("tokenizer.ggml.eos_token_id"))
        config.eosToken = file.integer("tokenizer.ggml.eos_token_id");
    config.validate(where);
    return config;
}

std::shared_ptr<const TensorSource> tensorsFromGguf(std::shared_ptr<const GgufFile> file,
                                                    const ModelConfig& config) {
    return std::make_shared<GgufModelTensors>(std::move(file), config);
}

}  // namespace tessera
