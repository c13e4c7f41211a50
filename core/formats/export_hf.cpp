#include "core/formats/export_hf.h"

#include <unistd.h>

#include <map>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/formats/fused_tensors.h"
#include "core/formats/pruned_weights.h"
#include "core/formats/safetensors.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

/// A tensor of the file to be written and what it is made of.
struct Written {
    std::string name;
    std::vector<const TensorInfo*> parts;  ///< their rows one below the other

    DType type() const { return exportType(parts.front()->dtype); }
    std::vector<std::int64_t> shape() const {
        auto shape = parts.front()->shape;
        for (std::size_t i = 1; i < parts.size(); ++i) shape[0] += parts[i]->shape[0];
        return shape;
    }
};

/// The model's tensors, those together that the family keeps in one.
std::vector<Written> tensorsToWrite(const ModelFiles& model) {
    std::map<std::string, FusedTensor> fusedBy;
    for (const auto& fused : fusedTensors(model.config()))
        for (const auto& part : fused.parts) fusedBy.emplace(part, fused);
    std::vector<Written> list;
    for (const auto& info : model.tensors().tensors()) {
        const auto found = fusedBy.find(info.name);
        if (found == fusedBy.end()) {
            list.push_back({info.name, {&info}});
        } else if (info.name == found->second.parts.front()) {
            list.push_back({found->second.name, {}});
            for (const auto& part : found->second.parts)
                list.back().parts.push_back(&model.tensors().at(part));
        }
    }
    return list;
}

/// Removes the folder unless it was kept.
struct Scratch {
    fs::path path;
    ~Scratch() {
        std::error_code none;
        if (!path.empty()) fs::remove_all(path, none);
    }
};

}  // namespace

void exportHuggingFace(const ModelFiles& model, const MaskSet* masks, const TokenizerFiles& tokenizer,
                       const fs::path& path, const std::function<void(int, int)>& progress) {
    // "out/" is the folder "out".
    const auto out = path.has_filename() ? path : path.parent_path();
    requireAbsent(out, "folder");
    const auto& source = model.tensors();
    requireFittingMasks(source, masks);
    std::uint64_t total = 0;
    for (const auto& info : source.tensors()) total += storedBytes(exportType(info.dtype), info.elements());
    requireDisk(total, out);

    // With the process's number, so that it is no folder of the person's.
    Scratch scratch{out.string() + ".part-" + std::to_string(::getpid())};
    std::error_code failed;
    fs::remove_all(scratch.path, failed);
    fs::create_directories(scratch.path, failed);
    if (failed) throwIoError("make the folder", scratch.path, failed.value());
    writeFileAtomically(scratch.path / "tokenizer.json", tokenizer.tokenizer.dump() + "\n");
    writeFileAtomically(scratch.path / "tokenizer_config.json", tokenizer.config.dump(2) + "\n");
    {
        SafetensorsWriter writer(scratch.path / "model.safetensors");
        writer.setMetadata("format", "pt");
        const auto list = tensorsToWrite(model);
        for (const auto& tensor : list) writer.declare(tensor.name, tensor.type(), tensor.shape());
        int done = 0;
        bool half = false, full = false;
        for (const auto& tensor : list) {
            const auto type = tensor.type();
            std::vector<std::byte> stored;
            for (const auto* info : tensor.parts) {
                const auto values = maskedValues(source, *info, masks);
                const auto before = stored.size();
                stored.resize(before + storedBytes(type, info->elements()));
                quantize(type, values, std::span(stored).subspan(before));
                source.release(*info);
            }
            half = half || (tensor.shape().size() == 2 && type == DType::F16);
            full = full || (tensor.shape().size() == 2 && type == DType::F32);
            writer.write(tensor.name, stored);
            progress(++done, static_cast<int>(list.size()));
        }
        writer.commit();
        writeFileAtomically(scratch.path / "config.json", model.config()
                                                                  .toJson(full   ? "float32"
                                                                          : half ? "float16"
                                                                                 : "bfloat16")
                                                                  .dump(2) +
                                                              "\n");
    }
    syncDirectory(scratch.path);
    fs::rename(scratch.path, out, failed);
    if (failed) throwIoError("name the folder", out, failed.value());
    scratch.path.clear();
}

}  // namespace tessera
