#pragma once

#include <cstdint>
#include <cstring>

/// What code that both nvcc and the host's compiler read begins with. A kernel's body is an object whose
/// operator() is called with a Place; on a device that is where the thread stands, in a host's loop every
/// place in turn: the same code, and the same bits, as long as no product and sum are contracted but by
/// fusedMultiplyAdd (nvcc's -fmad=false, which the mask steps are compiled with).
#if defined(__CUDACC__)
#define TESSERA_HOST_DEVICE __host__ __device__
#else
#define TESSERA_HOST_DEVICE
#endif
#if defined(__CUDA_ARCH__)
#define TESSERA_UNROLL _Pragma("unroll")
#else
#define TESSERA_UNROLL
#endif

namespace tessera::kernels::cuda {

/// Threads of a block of the mask steps.
inline constexpr int kThreads = 256;

/// Where a thread stands.
struct Place {
    std::int64_t block = 0;
    int thread = 0;
};

TESSERA_HOST_DEVICE inline std::uint32_t bitsOf(float value) {
#if defined(__CUDA_ARCH__)
    return __float_as_uint(value);
#else
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
#endif
}
TESSERA_HOST_DEVICE inline float floatOf(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
    return __uint_as_float(bits);
#else
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
#endif
}

enum class ElementType : std::int32_t { F32, Bf16 };

/// Numbers that are read, whatever their type.
struct ElementsIn {
    const void* data = nullptr;
    ElementType type = ElementType::F32;

    ElementsIn() = default;
    ElementsIn(const float* from) : data(from) {}
    ElementsIn(const std::uint16_t* from) : data(from), type(ElementType::Bf16) {}

    TESSERA_HOST_DEVICE float at(std::int64_t i) const {
        if (type == ElementType::F32) return static_cast<const float*>(data)[i];
        return floatOf(std::uint32_t(static_cast<const std::uint16_t*>(data)[i]) << 16);
    }
};

/// Numbers that are written; bf16 rounds to nearest even.
struct ElementsOut {
    void* data = nullptr;
    ElementType type = ElementType::F32;

    ElementsOut() = default;
    ElementsOut(float* to) : data(to) {}
    ElementsOut(std::uint16_t* to) : data(to), type(ElementType::Bf16) {}

    TESSERA_HOST_DEVICE void put(std::int64_t i, float value) const {
        if (type == ElementType::F32) {
            static_cast<float*>(data)[i] = value;
        } else {
            const std::uint32_t bits = bitsOf(value);
            static_cast<std::uint16_t*>(data)[i] =
                static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
        }
    }
};

}  // namespace tessera::kernels::cuda
