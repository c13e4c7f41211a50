#include "core/formats/export_gguf.h"

#include <algorithm>
#include <span>

#include "core/base/error.h"
#include "core/formats/gguf_model.h"
#include "core/formats/pruned_weights.h"

namespace tessera {

namespace {

// llama.cpp's numbers of what most of a file is stored as.
constexpr std::uint32_t kMostlyF32 = 0, kMostlyF16 = 1, kMostlyBF16 = 32;

DType storedType(const TensorInfo& info) {
    return info.shape.size() == 1 ? DType::F32 : exportType(info.dtype);
}

std::uint32_t fileType(const TensorSource& source) {
    std::int64_t f32 = 0, f16 = 0, bf16 = 0;
    for (const auto& info : source.tensors()) {
        if (info.shape.size() < 2) continue;
        auto& count = storedType(info) == DType::F32 ? f32 : storedType(info) == DType::F16 ? f16 : bf16;
        count += info.elements();
    }
    return bf16 >= std::max(f32, f16) ? kMostlyBF16 : f16 >= f32 ? kMostlyF16 : kMostlyF32;
}

/// The blocks that slide are told by a pattern that llama.cpp knows: others cannot be written.
void requireKnownPattern(const ModelConfig& config, const std::filesystem::path& where) {
    if (!config.slidesAnywhere()) return;
    const auto pattern = familyOf(config.modelType)->pattern;
    for (std::int64_t i = 0; i < config.layers; ++i)
        if (pattern < 1 || config.slides(i) != ((i + 1) % pattern != 0))
            throw Error(ErrorCode::UnsupportedVersion,
                        "the model's blocks slide in a pattern that GGUF has no words for", where.string(),
                        {{"export with --format hf", "format", "hf"}});
}

void writeConfig(const ModelFiles& model, const GgufLayout& layout, GgufWriter& writer) {
    const auto& config = model.config();
    const auto u32 = [&](const char* key, std::int64_t value) {
        writer.u32(layout.architecture() + "." + key, static_cast<std::uint32_t>(value));
    };
    const auto f32 = [&](const char* key, double value) {
        writer.f32(layout.architecture() + "." + key, static_cast<float>(value));
    };
    writer.text("general.architecture", layout.architecture());
    writer.text("general.name", model.path().stem().string());
    writer.u32("general.file_type", fileType(model.tensors()));
    u32("block_count", config.layers);
    u32("context_length", std::min<std::int64_t>(config.maxPositions, 0xffffffff));
    u32("embedding_length", config.hiddenSize);
    u32("feed_forward_length", config.intermediateSize);
    u32("attention.head_count", config.heads);
    u32("attention.head_count_kv", config.kvHeads);
    u32("attention.key_length", config.headDim);
    u32("attention.value_length", config.headDim);
    u32("rope.dimension_count", config.headDim);
    u32("vocab_size", config.vocabSize);
    f32("attention.layer_norm_rms_epsilon", config.rmsEps);
    f32("rope.freq_base", config.ropeTheta);
    if (config.slidesAnywhere()) u32("attention.sliding_window", config.slidingWindow);
    if (config.slidingRopeTheta > 0) f32("rope.freq_base_swa", config.slidingRopeTheta);
    if (config.scoreCap != 0) f32("attn_logit_softcapping", config.scoreCap);
    if (config.logitCap != 0) f32("final_logit_softcapping", config.logitCap);
    if (familyOf(config.modelType)->readsMultipliers) {
        f32("embedding_scale", config.embeddingScale);
        f32("residual_scale", config.residualScale);
        f32("attention.scale", config.attentionScale());
        f32("logit_scale", config.logitDivisor);
    }
    using Kind = RopeScaling::Kind;
    if (config.ropeScaling.kind == Kind::Linear) {
        writer.text(layout.architecture() + ".rope.scaling.type", "linear");
        f32("rope.scaling.factor", config.ropeScaling.factor);
    } else if (config.ropeScaling.kind == Kind::Dynamic) {
        throw Error(ErrorCode::UnsupportedVersion, "GGUF has no words for the rope_scaling \"dynamic\"",
                    model.path().string(), {{"export with --format hf", "format", "hf"}});
    }
}

/// Llama 3's scaling: what each frequency is divided by.
std::vector<float> ropeDivisors(const ModelConfig& config) {
    std::vector<float> divisors;
    if (config.ropeScaling.kind == RopeScaling::Kind::Llama3)
        for (const double kept : config.rotaryMultipliers(false, config.maxPositions))
            divisors.push_back(static_cast<float>(1 / kept));
    return divisors;
}

/// Rows in the order in which llama.cpp keeps them.
std::vector<float> interleaved(const std::vector<float>& values, std::int64_t cols, std::int64_t headDim) {
    std::vector<float> moved(values.size());
    const auto width = static_cast<std::size_t>(cols);
    for (std::size_t row = 0; row < values.size() / width; ++row)
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(row * width), width,
                    moved.begin() + static_cast<std::ptrdiff_t>(
                                        ggufInterleavedRow(static_cast<std::int64_t>(row), headDim)) *
                                        static_cast<std::ptrdiff_t>(cols));
    return moved;
}

}  // namespace

void exportGguf(const ModelFiles& model, const MaskSet* masks,
                const std::function<void(GgufWriter&)>& tokenizer, const std::filesystem::path& out,
                const std::function<void(int, int)>& progress) {
    requireAbsent(out, "file");
    const auto& config = model.config();
    const GgufLayout layout(config);
    requireKnownPattern(config, model.path());
    const auto& source = model.tensors();
    requireFittingMasks(source, masks);
    std::uint64_t total = 0;
    for (const auto& info : source.tensors()) total += storedBytes(storedType(info), info.elements());
    requireDisk(total, out);

    GgufWriter writer(out);
    writeConfig(model, layout, writer);
    tokenizer(writer);
    // A head of its own that is the embedding all the same is left out, as the configuration says.
    std::vector<const TensorInfo*> written;
    for (const auto& info : source.tensors())
        if (!config.tiedHead || info.name != "lm_head.weight") written.push_back(&info);
    const auto divisors = ropeDivisors(config);
    if (!divisors.empty())
        writer.declare(kGgufRopeFrequencies, DType::F32, {static_cast<std::int64_t>(divisors.size())});
    for (const auto* info : written)
        writer.declare(layout.nameOf(info->name), storedType(*info), info->shape);
    if (!divisors.empty()) writer.write(kGgufRopeFrequencies, std::as_bytes(std::span(divisors)));
    int done = 0;
    for (const auto* info : written) {
        auto values = maskedValues(source, *info, masks);
        if (const float offset = layout.offsetOf(info->name); offset != 0)
            for (auto& value : values) value += offset;
        if (layout.interleaves(info->name))
            values = interleaved(values, info->shape.size() == 2 ? info->shape[1] : 1, config.headDim);
        std::vector<std::byte> stored(storedBytes(storedType(*info), info->elements()));
        quantize(storedType(*info), values, stored);
        writer.write(layout.nameOf(info->name), stored);
        source.release(*info);
        progress(++done, static_cast<int>(written.size()));
    }
    writer.commit();
}

}  // namespace tessera
