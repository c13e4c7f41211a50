#include "core/formats/export_hf.h"

#include <unistd.h>

#include <map>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/system_info.h"
#include "core/formats/fused_tensors.h"
#include "core/formats/safetensors.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

DType exportType(DType stored) {
    return stored == DType::F32 || stored == DType::F16 ? stored : DType::BF16;
}

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
    if (fs::exists(out))
        throw Error(ErrorCode::InvalidInput, "there is something here already", out.string(),
                    {{"name another folder with --out", "out", ""}});
    const auto& source = model.tensors();
    if (masks)
        for (const auto& [name, mask] : masks->masks) {
            const auto& info = source.at(name);
            if (info.shape != std::vector<std::int64_t>{mask.rows, mask.cols})
                throw Error(ErrorCode::InvalidInput,
                            "the mask is " + std::to_string(mask.rows) + " x " + std::to_string(mask.cols) +
                                ", its matrix is not",
                            name, {{"use the mask that was made for this model", "", ""}});
        }
    std::uint64_t total = 0;
    for (const auto& info : source.tensors()) total += storedBytes(exportType(info.dtype), info.elements());
    if (const auto free = freeDiskBytes(out); free < total)
        throw Error(ErrorCode::DiskFull,
                    "the model needs " + std::to_string(total >> 20) + " MiB, " + std::to_string(free >> 20) +
                        " MiB are free",
                    out.string(), {{"free some space or name a folder on another disk", "out", ""}});

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
                std::vector<float> values(static_cast<std::size_t>(info->elements()));
                source.readF32(*info, 0, values);
                if (masks)
                    if (const auto found = masks->masks.find(info->name); found != masks->masks.end())
                        for (std::size_t i = 0; i < values.size(); ++i)
                            if (!found->second.keeps(static_cast<std::int64_t>(i))) values[i] = 0.0f;
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
