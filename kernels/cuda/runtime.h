#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera::kernels::cuda {

/// Raised whenever what libtessera_cuda exports changes: a library of another number is not used.
inline constexpr int kInterface = 1;

struct DeviceDescription {
    char name[256];
    int major, minor;           ///< the compute capability
    std::uint64_t memoryBytes;  ///< of the device, used or not
};

/// What the library exports as tesseraCudaRuntime. Functions return 0 or a code for errorText.
struct Runtime {
    const char* (*errorText)(int code);
    /// The CUDA version that the driver can run and that the library was built with, e.g. 13000; a driver of
    /// 0: there is none.
    int (*versions)(int* driver, int* library);
    int (*deviceCount)(int* count);
    int (*describe)(int device, DeviceDescription* description);
    /// What this thread's following calls are for.
    int (*useDevice)(int device);
    int (*allocate)(void** memory, std::size_t bytes);
    int (*release)(void* memory);
    int (*copyToDevice)(void* to, const void* from, std::size_t bytes, void* stream);
    int (*copyToHost)(void* to, const void* from, std::size_t bytes, void* stream);
    int (*synchronize)(void* stream);
};

}  // namespace tessera::kernels::cuda
