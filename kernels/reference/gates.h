#pragma once

#include <array>
#include <cstdint>

#include "kernels/cpu/mask_step.h"

/// Gates, one element at a time in f64: what the vector kernels of kernels/cpu/mask_step.h are checked
/// against. Written for reading, not for speed, and sharing no code with them.
namespace tessera::kernels::reference {

/// Philox4x32 (Salmon et al., SC 2011) of `rounds` rounds.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key, int rounds);

/// ln u - ln(1 - u) of element `element`'s uniform number u, the middle of one of 2^23 intervals of (0, 1).
double logisticNoise(std::int64_t element, const NoiseKey& key);

/// m of element `element`.
double gate(double logit, std::int64_t element, const GateParameters& parameters, const NoiseKey& key);

/// dm / dlogit.
double gateSlope(double logit, std::int64_t element, const GateParameters& parameters, const NoiseKey& key);

/// One element of Adam.
struct AdamState {
    double parameter = 0, moment1 = 0, moment2 = 0;
};
AdamState adam(AdamState state, double gradient, const AdamParameters& parameters);

/// The nearest bf16, ties to even.
std::uint16_t toBf16(float value);
float fromBf16(std::uint16_t bits);

}  // namespace tessera::kernels::reference
