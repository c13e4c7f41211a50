#include "core/formats/model_files.h"

#include <algorithm>
#include <functional>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/formats/container.h"
#include "core/formats/fused_tensors.h"
#include "core/formats/gguf_model.h"
#include "core/formats/overlaid_tensors.h"
#include "core/formats/safetensors.h"
#include "core/formats/text_part.h"

namespace tessera {

namespace {

void checkTensors(const ModelConfig& config, const TensorSource& tensors, const std::string& where) {
    const auto check = [&](const std::string& name, std::vector<std::int64_t> shape) {
        const auto* info = tensors.find(name);
        if (!info)
            throw Error(ErrorCode::Corrupt, "the model lacks the tensor " + name, where,
                        {{"fetch or copy all of the model's files", "", ""}});
        if (info->shape == shape) return;
        const auto text = [](const std::vector<std::int64_t>& sizes) {
            std::string list;
            for (const auto size : sizes) list += (list.empty() ? "" : " x ") + std::to_string(size);
            return list;
        };
        throw Error(
            ErrorCode::Corrupt,
            "the tensor " + name + " is " + text(info->shape) + ", the configuration says " + text(shape),
            where, {{"use the config.json that belongs to these weights", "", ""}});
    };
    check("model.embed_tokens.weight", {config.vocabSize, config.hiddenSize});
    check("model.norm.weight", {config.hiddenSize});
    if (!config.tiedHead) check("lm_head.weight", {config.vocabSize, config.hiddenSize});
    for (std::int64_t i = 0; i < config.layers; ++i)
        for (int v = 0; v < kBlockVectors; ++v)
            if (const auto vector = blockVector(config, i, static_cast<BlockVector>(v)); vector.size > 0)
                check(vector.name, {vector.size});
    for (const auto& matrix : prunableMatrices(config)) check(matrix.name, {matrix.rows, matrix.cols});
}

}  // namespace

ModelFiles ModelFiles::open(const std::filesystem::path& path,
                            const std::optional<std::filesystem::path>& changed) {
    namespace fs = std::filesystem;
    ModelFiles model;
    model.m_path = path;
    if (!fs::exists(path))
        throw Error(ErrorCode::NotFound, "there is no model here", path.string(),
                    {{"name a Hugging Face folder, a .gguf file, or a model that 'tessera-cli models' lists",
                      "model", ""}});
    if (!fs::is_directory(path)) {
        if (path.extension() == ".safetensors" && fs::exists(path.parent_path() / "config.json"))
            return open(path.parent_path(), changed);
        if (ContainerFile::is(path))
            throw Error(
                ErrorCode::InvalidInput,
                "a packed container is for 'generate', 'bench model' and 'info': its weights are laid "
                "out for decoding alone",
                path.string(),
                {{"name the run that it was exported from, or that run's model", "model", ""}});
        const auto file = GgufFile::open(path);
        model.m_gguf = file;
        model.m_config = configFromGguf(*file);
        model.m_tensors = tensorsFromGguf(file, model.m_config);
        model.m_fileBytes = file->fileBytes();
    } else {
        if (!fs::exists(path / "config.json"))
            throw Error(
                ErrorCode::NotFound, "the folder holds no config.json", path.string(),
                {{"name a folder with config.json, tokenizer.json and safetensors weights", "model", ""}});
        model.m_config = ModelConfig::fromJson(textPartOf(readJsonFile(path / "config.json")),
                                               (path / "config.json").string());
        const auto index = path / "model.safetensors.index.json", single = path / "model.safetensors";
        if (!fs::exists(index) && !fs::exists(single))
            throw Error(
                ErrorCode::NotFound,
                "the folder holds neither model.safetensors nor model.safetensors.index.json", path.string(),
                {{"fetch the model's safetensors weights (pickled .bin files are not read)", "", ""}});
        const auto file = SafetensorsFile::open(fs::exists(single) ? single : index);
        model.m_tensors = splitFusedTensors(textPartOf(file, path.string()), model.m_config);
        model.m_fileBytes = file->fileBytes();
    }
    if (changed)
        model.m_tensors = overlaidTensors(model.m_tensors, SafetensorsFile::open(*changed), *changed);
    checkTensors(model.m_config, *model.m_tensors, path.string());
    return model;
}

std::string ModelFiles::fingerprint() const {
    std::vector<const TensorInfo*> sorted;
    for (const auto& info : m_tensors->tensors()) sorted.push_back(&info);
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->name < b->name; });
    Sha256 hash;
    for (const auto* info : sorted) {
        std::string line = info->name + " " + dtypeName(info->dtype) + " " + std::to_string(info->bytes);
        for (const auto size : info->shape) line += " " + std::to_string(size);
        hash.add(line + "\n");
        const auto bytes = m_tensors->raw(*info);
        const auto part = std::min<std::size_t>(bytes.size(), 4096);
        for (const auto piece : {bytes.first(part), bytes.last(part)}) hash.add(piece);
    }
    return hash.hex();
}

}  // namespace tessera
