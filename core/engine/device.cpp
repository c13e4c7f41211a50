#include "core/engine/device.h"

#include "core/base/error.h"
#include "core/base/system_info.h"
#include "kernels/cuda/library.h"

namespace tessera {

Json describeDevices() {
    const auto system = systemInfo();
    const auto& cuda = kernels::cuda::Library::ofProcess();
    Json devices = Json::array();
    for (const auto& device : cuda.devices())
        devices.push_back({{"number", device.number},
                           {"name", device.name},
                           {"capability", std::to_string(device.major) + "." + std::to_string(device.minor)},
                           {"memory_bytes", device.memoryBytes}});
    const bool usable = cuda.usable();
    return {{"cpu",
             {{"name", system.cpu},
              {"features", system.features},
              {"cores", system.cores},
              {"memory_bytes", system.memoryTotal}}},
            {"cuda",
             {{"devices", devices},
              {"why", usable ? Json(nullptr) : Json(cuda.why())},
              {"remedy", usable ? Json(nullptr) : Json(cuda.remedy())}}}};
}

void requireDevice(const ExperimentSpec& spec) {
    if (spec.device == "cpu") return;
    const auto& cuda = kernels::cuda::Library::ofProcess();
    std::vector<Remedy> remedies;
    if (!cuda.usable()) remedies.push_back({cuda.remedy(), "", ""});
    remedies.push_back({"leave --device out", "device", "cpu"});
    throw Error(ErrorCode::UnsupportedVersion,
                cuda.usable()
                    ? "runs are computed on the cpu alone, though there is a " + cuda.devices().front().name
                    : "there is no CUDA device to compute on: " + cuda.why(),
                "device", std::move(remedies));
}

}  // namespace tessera
