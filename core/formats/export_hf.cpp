#include "core/formats/export_hf.h"

#include <unistd.h>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/formats/export_parts.h"
#include "core/formats/safetensors.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

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
        for (const auto& info : source.tensors())
            writer.declare(info.name, exportType(info.dtype), info.shape);
        int done = 0;
        bool half = false, full = false;
        for (const auto& info : source.tensors()) {
            const auto values = maskedValues(source, info, masks);
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
