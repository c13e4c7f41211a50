#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cpu/mask_step.h"

/// What the passes over gates share on every kind of processor: the layout of the noise, limits, and the
/// constants of one call made of its parameters.
namespace tessera::kernels {

/// Noise is laid out in chunks of 64 elements: four words of 16 counters.
inline constexpr std::int64_t kChunk = 64;
inline constexpr std::int64_t kCounters = 16;

/// Beyond this a gate is shut or open to the last bit of f32.
inline constexpr float kMostArgument = 60.0f;
/// Scores of patterns beyond this are all alike: no pattern is likelier than certain.
inline constexpr float kMostScore = 1e30f;

struct GateConstants {
    float kappa, shift, inverseTau;
    bool hard;
    explicit GateConstants(const GateParameters& gate)
        : kappa(gate.kappa), shift(gate.shift), inverseTau(1.0f / gate.tau), hard(gate.hard) {}
};

struct BackwardConstants {
    GateConstants gate;
    float outer, density, weight;
    BackwardConstants(const GateParameters& g, const GateRegularisers& r)
        : gate(g), outer(g.kappa / g.tau), density(r.density), weight(r.weight) {}
};

struct AdamConstants {
    float rate, decay, beta1, beta2, rest1, rest2, inverse1, inverse2, epsilon;
    explicit AdamConstants(const AdamParameters& adam)
        : rate(adam.learningRate),
          decay(adam.learningRate * adam.weightDecay),
          beta1(adam.beta1),
          beta2(adam.beta2),
          rest1(1.0f - adam.beta1),
          rest2(1.0f - adam.beta2),
          inverse1(static_cast<float>(
              1.0 / (1.0 - std::pow(static_cast<double>(adam.beta1), static_cast<double>(adam.step))))),
          inverse2(static_cast<float>(
              1.0 / (1.0 - std::pow(static_cast<double>(adam.beta2), static_cast<double>(adam.step))))),
          epsilon(adam.epsilon) {}
};

}  // namespace tessera::kernels
