#pragma once

#include <cstdint>

namespace tessera {

constexpr std::uint64_t kSplitMixStep = 0x9E3779B97F4A7C15ull;

/// SplitMix64 (Steele, Lea, Flood 2014): what its generator gives in state `x`; every bit of the input moves
/// every bit of the output. The state after is x + kSplitMixStep.
inline std::uint64_t splitMix64(std::uint64_t x) {
    x += kSplitMixStep;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

}  // namespace tessera
