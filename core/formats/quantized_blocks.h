#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

/// GGUF's quantised blocks to f32, in the order of operations of the `gguf` package's `dequantize`. `from`
/// holds exactly the blocks of out.size() elements and needs no alignment.
namespace tessera::blocks {

template <typename T>
T load(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// Without branches, so that the compiler vectorises the loops over it.
inline float widenF16(std::uint16_t bits) {
    const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16;
    const std::uint32_t magnitude = bits & 0x7fff;
    const float subnormal = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24f;
    const std::uint32_t bias = magnitude >= 0x7c00 ? 224u << 23 : 112u << 23;
    const std::uint32_t normal = (magnitude << 13) + bias;
    return std::bit_cast<float>(sign |
                                (magnitude < 0x0400 ? std::bit_cast<std::uint32_t>(subnormal) : normal));
}

void q4_0(const std::byte* from, std::span<float> out);
void q4_1(const std::byte* from, std::span<float> out);
void q5_0(const std::byte* from, std::span<float> out);
void q5_1(const std::byte* from, std::span<float> out);
void q8_0(const std::byte* from, std::span<float> out);
void q2_k(const std::byte* from, std::span<float> out);
void q3_k(const std::byte* from, std::span<float> out);
void q4_k(const std::byte* from, std::span<float> out);
void q5_k(const std::byte* from, std::span<float> out);
void q6_k(const std::byte* from, std::span<float> out);
void q8_k(const std::byte* from, std::span<float> out);

}  // namespace tessera::blocks
