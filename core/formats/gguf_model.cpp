#include "core/formats/gguf_model.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/error.h"

namespace tessera {

namespace {

/// What llama.cpp's converter makes of a family, beyond the names.
struct GgufArchitecture {
    const char* name;          ///< general.architecture
    const char* modelType;     ///< of transformers
    bool interleaved = false;  ///< the two rotary halves of each head of q and k in turn
    /// Scores are scaled by headDim, but in the model of so many blocks by hidden / heads: the file does not
    /// say it, llama.cpp knows.
    std::int64_t widerScoreBlocks = 0;
};
constexpr GgufArchitecture kArchitectures[] = {{"llama", "llama", true},
                                               {"qwen2", "qwen2"},
                                               {"qwen3", "qwen3"},
                                               {"gemma2", "gemma2", false, 46},
                                               {"gemma3", "gemma3_text", false, 62},
                                               {"olmo2", "olmo2"},
                                               {"granite", "granite", true}};

bool isQueryOrKey(const std::string& name) {
    return name.find(".q_proj.") != std::string::npos || name.find(".k_proj.") != std::string::npos;
}

const GgufArchitecture* architectureOf(const std::string& modelType) {
    for (const auto& architecture : kArchitectures)
        if (modelType == architecture.modelType) return &architecture;
    return nullptr;
}

using Names = std::map<std::string, std::string>;  ///< of llama.cpp -> of Hugging Face

const Names& outerNames() {
    static const Names names{{"token_embd.weight", "model.embed_tokens.weight"},
                             {"output_norm.weight", "model.norm.weight"},
                             {"output.weight", "lm_head.weight"}};
    return names;
}

/// Behind "blk.3." and "model.layers.3.".
const Names& matrixNames() {
    static const Names names{
        {"attn_q.weight", "self_attn.q_proj.weight"}, {"attn_k.weight", "self_attn.k_proj.weight"},
        {"attn_v.weight", "self_attn.v_proj.weight"}, {"attn_output.weight", "self_attn.o_proj.weight"},
        {"ffn_gate.weight", "mlp.gate_proj.weight"},  {"ffn_up.weight", "mlp.up_proj.weight"},
        {"ffn_down.weight", "mlp.down_proj.weight"}};
    return names;
}

const std::map<std::string, BlockVector>& vectorNames() {
    static const std::map<std::string, BlockVector> names{
        {"attn_norm.weight", BlockVector::InputNorm},
        {"post_attention_norm.weight", BlockVector::AttentionOutputNorm},
        {"ffn_norm.weight", BlockVector::FeedForwardNorm},
        {"post_ffw_norm.weight", BlockVector::FeedForwardOutputNorm},
        {"attn_q_norm.weight", BlockVector::QueryNorm},
        {"attn_k_norm.weight", BlockVector::KeyNorm},
        {"attn_q.bias", BlockVector::QueryBias},
        {"attn_k.bias", BlockVector::KeyBias},
        {"attn_v.bias", BlockVector::ValueBias},
        {"attn_output.bias", BlockVector::OutputBias},
        {"ffn_gate.bias", BlockVector::GateBias},
        {"ffn_up.bias", BlockVector::UpBias},
        {"ffn_down.bias", BlockVector::DownBias}};
    return names;
}

/// The name within a block, the same in all of them; empty where the model has no such vector.
std::string innerName(const ModelConfig& config, BlockVector vector) {
    const auto parameter = blockVector(config, 0, vector);
    return parameter.size == 0 ? std::string() : parameter.name.substr(std::string("model.layers.0.").size());
}

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; empty: no part of the decoder.
std::string huggingFaceName(const std::string& name, const ModelConfig& config) {
    const auto &outer = outerNames(), &matrices = matrixNames();
    const auto& vectors = vectorNames();
    if (const auto found = outer.find(name); found != outer.end()) return found->second;
    if (!name.starts_with("blk.")) return {};
    const auto dot = name.find('.', 4);
    if (dot == std::string::npos) return {};
    const auto inner = name.substr(dot + 1);
    const auto prefix = "model.layers." + name.substr(4, dot - 4) + ".";
    if (const auto found = matrices.find(inner); found != matrices.end()) return prefix + found->second;
    const auto found = vectors.find(inner);
    if (found == vectors.end()) return {};
    const auto own = innerName(config, found->second);
    return own.empty() ? own : prefix + own;
}

class GgufModelTensors : public TensorSource {
  public:
    GgufModelTensors(std::shared_ptr<const GgufFile> file, const ModelConfig& config)
        : m_file(std::move(file)),
          m_headDim(config.headDim),
          m_interleaved(architectureOf(config.modelType)->interleaved),
          m_normOffset(static_cast<float>(config.normOffset)) {
        for (const auto& stored : m_file->tensors()) {
            if (stored.name == kGgufRopeFrequencies) continue;
            auto info = stored;
            info.name = huggingFaceName(stored.name, config);
            if (info.name.empty())
                throw Error(ErrorCode::UnsupportedVersion,
                            "the model has the tensor " + stored.name + ", which a " + config.modelType +
                                " of its configuration has not",
                            m_file->path().string(),
                            {{"choose another model of the families " + familyNames(), "", ""}});
            m_tensors.push_back(std::move(info));
        }
    }
    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
    std::span<const std::byte> raw(const TensorInfo& tensor) const override { return m_file->raw(tensor); }
    void release(const TensorInfo& tensor) const override { m_file->release(tensor); }

    void readF32(const TensorInfo& tensor, std::int64_t first, std::span<float> out) const override {
        if (m_interleaved && isQueryOrKey(tensor.name)) return readHalvesApart(tensor, first, out);
        TensorSource::readF32(tensor, first, out);
        // The file has the offset in.
        if (m_normOffset != 0 && tensor.name.ends_with("norm.weight"))
            for (auto& value : out) value -= m_normOffset;
    }

  private:
    void readHalvesApart(const TensorInfo& tensor, std::int64_t first, std::span<float> out) const {
        const std::int64_t cols = tensor.shape.size() == 2 ? tensor.shape[1] : 1;
        while (!out.empty()) {
            const std::int64_t row = first / cols, col = first % cols;
            const std::int64_t count =
                std::min<std::int64_t>(cols - col, static_cast<std::int64_t>(out.size()));
            const std::int64_t stored = ggufInterleavedRow(row, m_headDim);
            TensorSource::readF32(tensor, stored * cols + col, out.first(static_cast<std::size_t>(count)));
            out = out.subspan(static_cast<std::size_t>(count));
            first += count;
        }
    }

    std::shared_ptr<const GgufFile> m_file;
    std::int64_t m_headDim;
    bool m_interleaved;
    float m_normOffset;
    std::vector<TensorInfo> m_tensors;
};

/// A model's metadata under its architecture's name.
class Metadata {
  public:
    Metadata(const GgufFile& file, std::string architecture)
        : m_file(file), m_prefix(std::move(architecture) + ".") {}

    bool has(const char* key) const { return m_file.find(m_prefix + key) != nullptr; }
    std::int64_t integer(const char* key) const { return m_file.integer(m_prefix + key); }
    std::int64_t integer(const char* key, std::int64_t fallback) const {
        return has(key) ? integer(key) : fallback;
    }
    double real(const char* key) const { return m_file.real(m_prefix + key); }
    double real(const char* key, double fallback) const { return has(key) ? real(key) : fallback; }
    std::string text(const char* key) const { return m_file.text(m_prefix + key); }

    [[noreturn]] void refuse(const char* key, const std::string& value) const {
        refuseIn(m_file, m_prefix + key + " " + value);
    }
    [[noreturn]] static void refuseIn(const GgufFile& file, const std::string& what) {
        throw Error(ErrorCode::UnsupportedVersion, "the model has " + what + ", which is not supported",
                    file.path().string(),
                    {{"choose another model of the families " + familyNames(), "", ""}});
    }

  private:
    const GgufFile& m_file;
    std::string m_prefix;
};

RopeScaling ropeScalingIn(const GgufFile& file, const Metadata& metadata, const ModelConfig& config) {
    RopeScaling scaling;
    const auto kind = metadata.has("rope.scaling.type") ? metadata.text("rope.scaling.type") : "linear";
    if (kind == "linear") {
        const double factor = metadata.real("rope.scaling.factor", metadata.real("rope.scale_linear", 1.0));
        if (factor != 1.0) scaling = {RopeScaling::Kind::Linear, factor};
    } else if (kind != "none") {
        metadata.refuse("rope.scaling.type", "'" + kind + "'");
    }
    const TensorSource& tensors = file;
    const auto* stored = tensors.find(kGgufRopeFrequencies);
    if (!stored) return scaling;
    // What the frequencies are divided by. The numbers behind them are Llama 3.1's and later; others that
    // give the same would do, but there is no telling them from the file.
    std::vector<float> divisors(static_cast<std::size_t>(stored->elements()));
    tensors.readF32(*stored, 0, divisors);
    const double factor = divisors.empty() ? 1.0 : *std::max_element(divisors.begin(), divisors.end());
    const RopeScaling llama3{RopeScaling::Kind::Llama3, factor, 1.0, 4.0, 8192};
    const auto multipliers =
        llama3.multipliers(config.ropeTheta, config.headDim, config.maxPositions, config.maxPositions);
    bool same = scaling == RopeScaling() && multipliers.size() == divisors.size();
    for (std::size_t i = 0; same && i < divisors.size(); ++i)
        same = std::abs(divisors[i] * multipliers[i] - 1) < 1e-4;
    if (!same) Metadata::refuseIn(file, std::string(kGgufRopeFrequencies) + " other than Llama 3's");
    return llama3;
}

void readSliding(const Metadata& metadata, const ModelFamily& family, ModelConfig& config) {
    const auto window = metadata.integer("attention.sliding_window", 0);
    if (window == 0) return;
    if (family.sliding != ModelFamily::Sliding::Layers)
        metadata.refuse("attention.sliding_window", std::to_string(window));
    const auto pattern = metadata.integer("attention.sliding_window_pattern", family.pattern);
    if (pattern < 1) metadata.refuse("attention.sliding_window_pattern", std::to_string(pattern));
    config.slidingWindow = window;
    for (std::int64_t i = 0; i < std::clamp<std::int64_t>(config.layers, 0, 4096); ++i)
        config.slidingBlocks.push_back((i + 1) % pattern != 0);
    if (!config.slidesAnywhere()) config.slidingBlocks.clear(), config.slidingWindow = 0;
}

}  // namespace

ModelConfig configFromGguf(const GgufFile& file) {
    const auto where = file.path().string();
    const auto name = file.text("general.architecture");
    const auto* architecture = std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                                            [&](const auto& one) { return name == one.name; });
    if (architecture == std::end(kArchitectures)) Metadata::refuseIn(file, "the architecture '" + name + "'");
    const auto& family = *familyOf(architecture->modelType);
    const Metadata metadata(file, name);
    if (metadata.integer("expert_count", 0) != 0)
        metadata.refuse("expert_count", std::to_string(metadata.integer("expert_count")));

    auto config = ModelConfig::of(family);
    config.layers = metadata.integer("block_count");
    config.hiddenSize = metadata.integer("embedding_length");
    config.intermediateSize = metadata.integer("feed_forward_length");
    config.heads = metadata.integer("attention.head_count");
    config.kvHeads = metadata.integer("attention.head_count_kv", config.heads);
    config.rmsEps = metadata.real("attention.layer_norm_rms_epsilon");
    config.ropeTheta = metadata.real("rope.freq_base", 10000.0);
    config.maxPositions = metadata.integer("context_length");
    if (config.heads < 1 || config.hiddenSize < 1)
        throw Error(ErrorCode::Corrupt,
                    "the model claims " + std::to_string(config.heads) + " heads and a width of " +
                        std::to_string(config.hiddenSize),
                    where);
    config.headDim = metadata.integer("attention.key_length", config.hiddenSize / config.heads);
    for (const char* key : {"rope.dimension_count", "attention.value_length"})
        if (const auto size = metadata.integer(key, config.headDim); size != config.headDim)
            metadata.refuse(key, std::to_string(size));
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

    if (family.sizedEmbedding) config.embeddingScale = std::sqrt(static_cast<double>(config.hiddenSize));
    if (family.readsQueryScalar)
        config.scoreScale =
            1.0 / std::sqrt(static_cast<double>(config.layers == architecture->widerScoreBlocks
                                                    ? config.hiddenSize / config.heads
                                                    : config.headDim));
    if (family.readsScoreCap) config.scoreCap = metadata.real("attn_logit_softcapping", family.scoreCap);
    if (family.readsLogitCap) config.logitCap = metadata.real("final_logit_softcapping", family.logitCap);
    if (family.readsMultipliers) {
        config.embeddingScale = metadata.real("embedding_scale", 1.0);
        config.residualScale = metadata.real("residual_scale", 1.0);
        config.scoreScale = metadata.real("attention.scale", 1.0);
        config.logitDivisor = metadata.real("logit_scale", 1.0);
    }
    if (family.readsLocalRope) config.slidingRopeTheta = metadata.real("rope.freq_base_swa", 10000.0);
    readSliding(metadata, family, config);
    if (family.readsAttentionBias)
        config.queryKeyValueBias = config.outputBias = tensors.find("blk.0.attn_output.bias") != nullptr;
    if (family.readsMlpBias) config.feedForwardBias = tensors.find("blk.0.ffn_down.bias") != nullptr;
    // Pairs are counted below.
    config.validate(where);
    config.ropeScaling = ropeScalingIn(file, metadata, config);
    if (config.ropeScaling != RopeScaling() && !family.readsRopeScaling)
        metadata.refuse("rope.scaling.type", "other than none");
    return config;
}

GgufLayout::GgufLayout(const ModelConfig& config) : m_normOffset(static_cast<float>(config.normOffset)) {
    // What a Mistral has besides is its window.
    const bool plain = config.modelType == "mistral" && !config.slidesAnywhere();
    const auto* architecture = architectureOf(plain ? "llama" : config.modelType);
    if (!architecture)
        throw Error(
            ErrorCode::UnsupportedVersion,
            "a model of the type \"" + config.modelType + "\" is not written as GGUF", "",
            {{"export with --format hf, and convert that with llama.cpp's own converter", "format", "hf"}});
    const auto width =
        config.layers == architecture->widerScoreBlocks ? config.hiddenSize / config.heads : config.headDim;
    if (familyOf(config.modelType)->readsQueryScalar &&
        std::abs(config.attentionScale() * std::sqrt(static_cast<double>(width)) - 1) > 1e-6)
        throw Error(
            ErrorCode::UnsupportedVersion,
            "GGUF has no word for the model's query_pre_attn_scalar, and llama.cpp takes another for granted",
            "", {{"export with --format hf", "format", "hf"}});
    m_architecture = architecture->name;
    m_interleaved = architecture->interleaved;
    for (const auto& [stored, own] : outerNames()) m_outer.emplace(own, stored);
    for (const auto& [stored, own] : matrixNames()) m_inner.emplace(own, stored);
    for (const auto& [stored, vector] : vectorNames())
        if (const auto own = innerName(config, vector); !own.empty()) m_inner.emplace(own, stored);
}

std::string GgufLayout::nameOf(const std::string& name) const {
    if (const auto found = m_outer.find(name); found != m_outer.end()) return found->second;
    constexpr std::string_view kLayers = "model.layers.";
    if (const auto dot = name.find('.', kLayers.size());
        name.starts_with(kLayers) && dot != std::string::npos)
        if (const auto found = m_inner.find(name.substr(dot + 1)); found != m_inner.end())
            return "blk." + name.substr(kLayers.size(), dot - kLayers.size()) + "." + found->second;
    throw Error(ErrorCode::UnsupportedVersion,
                "llama.cpp's " + m_architecture + " has no tensor like this one", name,
                {{"export with --format hf", "format", "hf"}});
}

bool GgufLayout::interleaves(const std::string& name) const {
    return m_interleaved && isQueryOrKey(name);
}

float GgufLayout::offsetOf(const std::string& name) const {
    return name.ends_with("norm.weight") ? m_normOffset : 0.0f;
}

std::shared_ptr<const TensorSource> tensorsFromGguf(std::shared_ptr<const GgufFile> file,
                                                    const ModelConfig& config) {
    return std::make_shared<GgufModelTensors>(std::move(file), config);
}

}  // namespace tessera
