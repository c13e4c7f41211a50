#include "core/session/memory_needs.h"

#include <algorithm>
#include <cstdint>

#include "core/base/system_info.h"

namespace tessera {

namespace {

std::string mebibytes(std::uint64_t bytes) {
    return std::to_string(bytes >> 20) + " MiB";
}

}  // namespace

void requireFree(const std::string& what, double bytes, const std::string& where,
                 std::vector<Remedy> remedies) {
    const auto free = systemInfo().memoryAvailable;
    if (free == 0 || bytes <= static_cast<double>(free)) return;
    remedies.push_back({"choose a smaller model, or close other programs", "", ""});
    throw Error(ErrorCode::OutOfMemory,
                what + " needs about " + mebibytes(static_cast<std::uint64_t>(bytes)) + " of memory, " +
                    mebibytes(free) + " are free",
                where, std::move(remedies));
}

void requireMemoryToRead(const std::string& command, const ModelConfig& config, double elementBytes,
                         const std::string& model) {
    double largest = static_cast<double>(config.vocabSize * config.hiddenSize);
    for (const auto& matrix : prunableMatrices(config))
        largest = std::max(largest, static_cast<double>(matrix.elements()));
    // A tensor is widened to f32 on its way in.
    requireFree(command + " on this model",
                static_cast<double>(config.parameters()) * elementBytes + largest * 4, model, {});
}

}  // namespace tessera
