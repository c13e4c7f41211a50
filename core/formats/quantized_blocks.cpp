#include "core/formats/quantized_blocks.h"

namespace tessera::blocks {

// A scale of a block has 11 significant bits, one of a superblock's part at most 8 more, a code the rest of a
// float's 24: products are exact, so that a fused multiply-add could not round differently.

namespace {

float half(const std::byte* from) {
    return widenF16(load<std::uint16_t>(from));
}
int code(std::byte byte) {
    return static_cast<int>(byte);
}

/// Of the 32 codes of a block's 16 bytes, the first 16 are the low halves.
int nibble(const std::byte* codes, int j) {
    return j < 16 ? code(codes[j]) & 15 : code(codes[j - 16]) >> 4;
}

/// The 6-bit scales and minima of the eight parts of a Q4_K or Q5_K superblock: of the first four whole, of
/// the others the upper two bits above those.
struct Scales {
    float scale[8], minimum[8];

    Scales(const std::byte* block) {
        const float d = half(block), m = half(block + 2);
        const std::byte* packed = block + 4;
        for (int j = 0; j < 4; ++j) {
            const int low = code(packed[j]), middle = code(packed[j + 4]), high = code(packed[j + 8]);
            scale[j] = d * static_cast<float>(low & 63);
            minimum[j] = m * static_cast<float>(middle & 63);
            scale[j + 4] = d * static_cast<float>((high & 15) | (low >> 2 & 48));
            minimum[j + 4] = m * static_cast<float>(high >> 4 | (middle >> 2 & 48));
        }
    }
};

}  // namespace

void q4_0(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 32, from += 18) {
        const float scale = half(from);
        for (int j = 0; j < 32; ++j) out[i + j] = scale * static_cast<float>(nibble(from + 2, j) - 8);
    }
}

void q4_1(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 32, from += 20) {
        const float scale = half(from), minimum = half(from + 2);
        for (int j = 0; j < 32; ++j) out[i + j] = scale * static_cast<float>(nibble(from + 4, j)) + minimum;
    }
}

void q5_0(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 32, from += 22) {
        const float scale = half(from);
        const auto fifth = load<std::uint32_t>(from + 2);
        for (int j = 0; j < 32; ++j) {
            const int value = nibble(from + 6, j) | static_cast<int>(fifth >> j & 1) << 4;
            out[i + j] = scale * static_cast<float>(value - 16);
        }
    }
}

void q5_1(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 32, from += 24) {
        const float scale = half(from), minimum = half(from + 2);
        const auto fifth = load<std::uint32_t>(from + 4);
        for (int j = 0; j < 32; ++j) {
            const int value = nibble(from + 8, j) | static_cast<int>(fifth >> j & 1) << 4;
            out[i + j] = scale * static_cast<float>(value) + minimum;
        }
    }
}

void q8_0(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 32, from += 34) {
        const float scale = half(from);
        for (int j = 0; j < 32; ++j)
            out[i + j] = scale * static_cast<float>(static_cast<std::int8_t>(from[2 + j]));
    }
}

// A superblock's element e lies in the half e / 128; within it, codes of two bits stand in 32 bytes, four
// groups of 32 elements one above the other.

void q2_k(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 256, from += 84) {
        const float d = half(from + 80), m = half(from + 82);
        for (int e = 0; e < 256; ++e) {
            const int packed = code(from[e / 16]);
            const float scale = d * static_cast<float>(packed & 15),
                        minimum = m * static_cast<float>(packed >> 4);
            const int value = code(from[16 + e / 128 * 32 + e % 32]) >> (e / 32 % 4 * 2) & 3;
            out[i + e] = scale * static_cast<float>(value) - minimum;
        }
    }
}

void q3_k(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 256, from += 110) {
        const float d = half(from + 108);
        const std::byte* packed = from + 96;
        for (int e = 0; e < 256; ++e) {
            const int part = e / 16;
            const int low = code(packed[part % 8]) >> (part / 8 * 4) & 15;
            const int high = code(packed[8 + part % 4]) >> (part / 4 * 2) & 3;
            const float scale = d * static_cast<float>((low | high << 4) - 32);
            const int value = code(from[32 + e / 128 * 32 + e % 32]) >> (e / 32 % 4 * 2) & 3;
            const int third = code(from[e % 32]) >> (e / 32) & 1;  // set: nothing is taken away
            out[i + e] = scale * static_cast<float>(value - (third ? 0 : 4));
        }
    }
}

void q4_k(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 256, from += 144) {
        const Scales scales(from);
        for (int part = 0; part < 8; ++part)
            for (int j = 0; j < 32; ++j) {
                const int value = code(from[16 + part / 2 * 32 + j]) >> (part % 2 * 4) & 15;
                out[i + part * 32 + j] =
                    scales.scale[part] * static_cast<float>(value) - scales.minimum[part];
            }
    }
}

void q5_k(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 256, from += 176) {
        const Scales scales(from);
        for (int part = 0; part < 8; ++part)
            for (int j = 0; j < 32; ++j) {
                const int value = (code(from[48 + part / 2 * 32 + j]) >> (part % 2 * 4) & 15) |
                                  (code(from[16 + j]) >> part & 1) << 4;
                out[i + part * 32 + j] =
                    scales.scale[part] * static_cast<float>(value) - scales.minimum[part];
            }
    }
}

void q6_k(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 256, from += 210) {
        const float d = half(from + 208);
        for (int e = 0; e < 256; ++e) {
            const float scale = d * static_cast<float>(static_cast<std::int8_t>(from[192 + e / 16]));
            const int low = code(from[e / 128 * 64 + e % 64]) >> (e / 64 % 2 * 4) & 15;
            const int high = code(from[128 + e / 128 * 32 + e % 32]) >> (e / 32 % 4 * 2) & 3;
            out[i + e] = scale * static_cast<float>((low | high << 4) - 32);
        }
    }
}

void q8_k(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); i += 256, from += 292) {
        const float scale = load<float>(from);
        for (int e = 0; e < 256; ++e)
            out[i + e] = scale * static_cast<float>(static_cast<std::int8_t>(from[4 + e]));
    }
}

}  // namespace tessera::blocks
