#include "core/formats/export_gguf.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/formats/export_parts.h"
#include "core/formats/gguf_model.h"

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

void writeConfig(const ModelFiles& model, GgufWriter& writer) {
    const auto& config = model.config();
    const auto u32 = [&](const char* key, std::int64_t value) {
        writer.u32(std::string("llama.") + key, static_cast<std::uint32_t>(value));
    };
    writer.text("general.architecture", "llama");
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
    writer.f32("llama.attention.layer_norm_rms_epsilon", static_cast<float>(config.rmsEps));
    writer.f32("llama.rope.freq_base", static_cast<float>(config.ropeTheta));
}

/// Rows in the order in which llama.cpp keeps them.
std::vector<float> interleaved(const std::vector<float>& values, std::int64_t cols, std::int64_t headDim) {
    std::vector<float> moved(values.size());
    const auto width = static_cast<std::size_t>(cols);
    for (std::size_t row = 0; row < values.size() / width; ++row)
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(row * width), width,
                    moved.begin() +
                        static_cast<std::ptrdiff_t>(ggufRotaryRow(static_cast<std::int64_t>(row), headDim)) *
                            static_cast<std::ptrdiff_t>(cols));
    return moved;
}

}  // namespace

void exportGguf(const ModelFiles& model, const MaskSet* masks,
                const std::function<void(GgufWriter&)>& tokenizer, const std::filesystem::path& out,
                const std::function<void(int, int)>& progress) {
    requireAbsent(out, "file");
    const auto& config = model.config();
    if (config.modelType != "llama")
        throw Error(
            ErrorCode::UnsupportedVersion,
            "a model of the type \"" + config.modelType + "\" is not written as GGUF", model.path().string(),
            {{"export with --format hf, and convert that with llama.cpp's own converter", "format", "hf"}});
    const auto& source = model.tensors();
    requireFittingMasks(source, masks);
    std::uint64_t total = 0;
    for (const auto& info : source.tensors()) total += storedBytes(storedType(info), info.elements());
    requireDisk(total, out);

    GgufWriter writer(out);
    writeConfig(model, writer);
    tokenizer(writer);
    // A head of its own that is the embedding all the same is left out, as the configuration says.
    std::vector<const TensorInfo*> written;
    for (const auto& info : source.tensors())
        if (!config.tiedHead || info.name != "lm_head.weight") written.push_back(&info);
    for (const auto* info : written)
        writer.declare(ggufTensorName(info->name), storedType(*info), info->shape);
    int done = 0;
    for (const auto* info : written) {
        auto values = maskedValues(source, *info, masks);
        if (info->shape.size() == 2 && isRotaryMatrix(info->name))
            values = interleaved(values, info->shape[1], config.headDim);
        std::vector<std::byte> stored(storedBytes(storedType(*info), info->elements()));
        quantize(storedType(*info), values, stored);
        writer.write(ggufTensorName(info->name), stored);
        source.release(*info);
        progress(++done, static_cast<int>(written.size()));
    }
    writer.commit();
}

}  // namespace tessera
