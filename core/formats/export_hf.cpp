#include "core/formats/export_hf.h"

#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/system_info.h"
#include "core/formats/safetensors.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

DType exportType(DType stored) {
    return stored == DType::F32 || stored == DType::F16 ? stored : DType::BF16;
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
        for (const auto& info : source.tensors())
            writer.declare(info.name, exportType(info.dtype), info.shape);
        int done = 0;
        bool half = false, full = false;
        for (const auto& info : source.tensors()) {
            std::vector<float> values(static_cast<std::size_t>(info.elements()));
            source.readF32(info, 0, values);
            if (masks)
                if (const auto found = masks->masks.find(info.name); found != masks->masks.end())
                    for (std::size_t i = 0; i < values.size(); ++i)
                        if (!found->second.keeps(static_cast<std::int64_t>(i))) values[i] = 0.0f;
            const auto type = exportType(info.dtype);
            half = half || (info.shape.size() == 2 && type == DType::F16);
            full = full || (info.shape.size() == 2 && type == DType::F32);
            std::vector<std::byte> stored(storedBytes(type, info.elements()));
            quantize(type, values, stored);
            writer.write(info.name, stored);
            source.release(info);
            progress(++done, static_cast<int>(source.tensors().size()));
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
