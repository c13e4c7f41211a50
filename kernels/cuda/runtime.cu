// Devices, memory and errors behind the library's own interface: its users need no CUDA header.

#include "kernels/cuda/runtime.h"

#include <cuda_runtime_api.h>

#include <cstring>

namespace {

using tessera::kernels::cuda::DeviceDescription;
using tessera::kernels::cuda::Runtime;

const char* errorText(int code) {
    return cudaGetErrorString(static_cast<cudaError_t>(code));
}

int versions(int* driver, int* library) {
    if (const auto error = cudaDriverGetVersion(driver); error != cudaSuccess) return error;
    return cudaRuntimeGetVersion(library);
}

int deviceCount(int* count) {
    return cudaGetDeviceCount(count);
}

int describe(int device, DeviceDescription* description) {
    cudaDeviceProp properties;
    const auto error = cudaGetDeviceProperties(&properties, device);
    if (error != cudaSuccess) return error;
    static_assert(sizeof properties.name == sizeof description->name);
    std::memcpy(description->name, properties.name, sizeof properties.name);
    description->major = properties.major;
    description->minor = properties.minor;
    description->memoryBytes = properties.totalGlobalMem;
    return cudaSuccess;
}

int useDevice(int device) {
    return cudaSetDevice(device);
}

int allocate(void** memory, std::size_t bytes) {
    return cudaMalloc(memory, bytes);
}

int release(void* memory) {
    return cudaFree(memory);
}

int copyToDevice(void* to, const void* from, std::size_t bytes, void* stream) {
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream));
}

int copyToHost(void* to, const void* from, std::size_t bytes, void* stream) {
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream));
}

int synchronize(void* stream) {
    return cudaStreamSynchronize(static_cast<cudaStream_t>(stream));
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int tesseraCudaInterface() {
    return tessera::kernels::cuda::kInterface;
}

extern "C" __attribute__((visibility("default"))) const Runtime* tesseraCudaRuntime() {
    static const Runtime runtime{errorText, versions, deviceCount,  describe,   useDevice,
                                 allocate,  release,  copyToDevice, copyToHost, synchronize};
    return &runtime;
}
