// Stands in for libtessera_cuda on machines that are not at hand: $TESSERA_STUB_CUDA says which.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/cuda/runtime.h"

namespace {

using tessera::kernels::cuda::DeviceDescription;
using tessera::kernels::cuda::Runtime;

bool is(const char* machine) {
    const char* asked = std::getenv("TESSERA_STUB_CUDA");
    return asked && std::string(asked) == machine;
}

const Runtime kRuntime{
    [](int) { return "the stub's error"; },
    [](int* driver, int* library) {
        *driver = is("no driver") ? 0 : is("old driver") ? 12020 : 13000;
        *library = 13000;
        return 0;
    },
    // cudaErrorInsufficientDriver, cudaErrorNoDevice, cudaErrorUnknown.
    [](int* count) {
        *count = 2;
        return is("no driver") || is("old driver") ? 35 : is("no device") ? 100 : is("broken") ? 999 : 0;
    },
    [](int device, DeviceDescription* description) {
        const bool old = is("old device") || device == 0;
        std::snprintf(description->name, sizeof description->name, "%s", old ? "Old" : "New");
        description->major = old ? 7 : 9;
        description->minor = old ? 5 : 0;
        description->memoryBytes = 1u << 30;
        return 0;
    },
    nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

extern "C" int tesseraCudaInterface() {
    return tessera::kernels::cuda::kInterface + is("other interface");
}
extern "C" const Runtime* tesseraCudaRuntime() {
    return &kRuntime;
}
