#include "core/formats/pruned_weights.h"

#include "core/base/error.h"
#include "core/base/system_info.h"

namespace tessera {

void requireAbsent(const std::filesystem::path& out, const char* kind) {
    if (std::filesystem::exists(out))
        throw Error(ErrorCode::InvalidInput, "there is something here already", out.string(),
                    {{std::string("name another ") + kind + " with --out", "out", ""}});
}

void requireFittingMasks(const TensorSource& source, const MaskSet* masks) {
    if (!masks) return;
    for (const auto& [name, mask] : masks->masks)
        if (source.at(name).shape != std::vector<std::int64_t>{mask.rows, mask.cols})
            throw Error(ErrorCode::InvalidInput,
                        "the mask is " + std::to_string(mask.rows) + " x " + std::to_string(mask.cols) +
                            ", its matrix is not",
                        name, {{"use the mask that was made for this model", "", ""}});
}

void requireDisk(std::uint64_t bytes, const std::filesystem::path& out) {
    if (const auto free = freeDiskBytes(out); free < bytes)
        throw Error(ErrorCode::DiskFull,
                    "the model needs " + std::to_string(bytes >> 20) + " MiB, " + std::to_string(free >> 20) +
                        " MiB are free",
                    out.string(), {{"free some space or name a place on another disk", "out", ""}});
}

DType exportType(DType stored) {
    return stored == DType::F32 || stored == DType::F16 ? stored : DType::BF16;
}

std::vector<float> maskedValues(const TensorSource& source, const TensorInfo& info, const MaskSet* masks) {
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    source.readF32(info, 0, values);
    if (masks)
        if (const auto found = masks->masks.find(info.name); found != masks->masks.end())
            for (std::size_t i = 0; i < values.size(); ++i)
                if (!found->second.keeps(static_cast<std::int64_t>(i))) values[i] = 0.0f;
    return values;
}

}  // namespace tessera
