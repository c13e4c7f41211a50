#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/host_device.h"
#include "kernels/gate_constants.h"

/// The mathematics of gates, one number at a time: operation by operation what kernels/cpu/gate_math-inl.h
/// does with vectors where these have a fused multiply-add, so that results are equal to the bit.
namespace tessera::kernels::cuda {

/// a b + c, rounded once.
TESSERA_HOST_DEVICE inline float fusedMultiplyAdd(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
    return __fmaf_rn(a, b, c);
#else
    return std::fma(a, b, c);
#endif
}

/// `value` within [low, high]; what is no number is `low`.
TESSERA_HOST_DEVICE inline float clamped(float value, float low, float high) {
    const float above = value > low ? value : low;
    return above < high ? above : high;
}

struct NoiseWords {
    std::uint32_t words[4];
};

/// Philox4x32 of seven rounds (Salmon et al., SC 2011).
TESSERA_HOST_DEVICE inline NoiseWords philox(std::uint64_t counter, const NoiseKey& key) {
    auto c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32),
         c2 = key.step, c3 = key.stream;
    auto k0 = static_cast<std::uint32_t>(key.seed), k1 = static_cast<std::uint32_t>(key.seed >> 32);
    TESSERA_UNROLL
    for (int round = 0; round < 7; ++round) {
        const std::uint64_t first = std::uint64_t(c0) * 0xD2511F53u, second = std::uint64_t(c2) * 0xCD9E8D57u;
        c0 = static_cast<std::uint32_t>(second >> 32) ^ c1 ^ k0;
        c1 = static_cast<std::uint32_t>(second);
        c2 = static_cast<std::uint32_t>(first >> 32) ^ c3 ^ k1;
        c3 = static_cast<std::uint32_t>(first);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

/// Which element each word of a counter is the noise of.
struct NoiseLayout {
    static TESSERA_HOST_DEVICE std::int64_t element(std::int64_t counter, int word) {
        return counter / kCounters * kChunk + word * kCounters + counter % kCounters;
    }
};

/// ln x of a positive normal number: Cephes' polynomial for the mantissa in [sqrt 1/2, sqrt 2).
TESSERA_HOST_DEVICE inline float logOf(float x) {
    const auto shifted = static_cast<std::int32_t>(bitsOf(x)) - 0x3f3504f3;
    const auto exponent = static_cast<float>(shifted >> 23);
    const float f = floatOf(static_cast<std::uint32_t>((shifted & 0x007fffff) + 0x3f3504f3)) - 1.0f;
    const float square = f * f;
    float p = fusedMultiplyAdd(7.0376836292e-2f, f, -1.1514610310e-1f);
    p = fusedMultiplyAdd(p, f, 1.1676998740e-1f);
    p = fusedMultiplyAdd(p, f, -1.2420140846e-1f);
    p = fusedMultiplyAdd(p, f, 1.4249322787e-1f);
    p = fusedMultiplyAdd(p, f, -1.6668057665e-1f);
    p = fusedMultiplyAdd(p, f, 2.0000714765e-1f);
    p = fusedMultiplyAdd(p, f, -2.4999993993e-1f);
    p = fusedMultiplyAdd(p, f, 3.3333331174e-1f);
    p = (p * f) * square;
    p = fusedMultiplyAdd(exponent, -2.12194440e-4f, p);
    p = fusedMultiplyAdd(-0.5f, square, p);
    return fusedMultiplyAdd(exponent, 0.693359375f, f + p);
}

/// e^x for |x| <= 87.
TESSERA_HOST_DEVICE inline float expOf(float x) {
    const float n = rintf(x * 1.44269504088896341f);
    float r = fusedMultiplyAdd(-n, 0.693359375f, x);
    r = fusedMultiplyAdd(-n, -2.12194440e-4f, r);
    float p = fusedMultiplyAdd(1.9875691500e-4f, r, 1.3981999507e-3f);
    p = fusedMultiplyAdd(p, r, 8.3334519073e-3f);
    p = fusedMultiplyAdd(p, r, 4.1665795894e-2f);
    p = fusedMultiplyAdd(p, r, 1.6666665459e-1f);
    p = fusedMultiplyAdd(p, r, 5.0000001201e-1f);
    p = fusedMultiplyAdd(p * r, r, r) + 1.0f;
    return p * floatOf(static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23);
}

/// The uniform number u in the middle of one of 2^23 intervals.
TESSERA_HOST_DEVICE inline float uniformOf(std::uint32_t word) {
    return floatOf(word >> 9 | 0x3f800000u) - (1.0f - 0x1p-24f);
}

/// ln u - ln(1 - u).
TESSERA_HOST_DEVICE inline float logisticOf(std::uint32_t word) {
    const float u = uniformOf(word);
    return logOf(u / (1.0f - u));
}

/// -ln(-ln u).
TESSERA_HOST_DEVICE inline float gumbelOf(std::uint32_t word) {
    return -logOf(-logOf(uniformOf(word)));
}

/// A gate's draw: e^-x of x = (kappa (p - shift) + noise) / tau, x clamped, and 1 / (1 + e^-x).
struct SoftGate {
    float odds, gate;
    TESSERA_HOST_DEVICE SoftGate(float logit, std::uint32_t word, const GateConstants& constants) {
        const float argument = fusedMultiplyAdd(constants.kappa, logit - constants.shift, logisticOf(word)) *
                               constants.inverseTau;
        odds = expOf(-clamped(argument, -kMostArgument, kMostArgument));
        gate = 1.0f / (1.0f + odds);
    }
    /// What the mask takes of it: the gate itself or, where it is hard, 0 or 1.
    TESSERA_HOST_DEVICE float mask(bool hard) const {
        if (!hard) return gate;
        return gate >= 0.5f ? 1.0f : 0.0f;
    }
    /// gate (1 - gate), to the last bits however near the gate is to one.
    TESSERA_HOST_DEVICE float slope() const { return (odds * gate) * gate; }
};

/// What is done with the gradient of logit number i: added to those that are there ...
struct AddGradient {
    float* gradLogits;
    TESSERA_HOST_DEVICE void operator()(std::int64_t i, float, float gradient) const {
        gradLogits[i] += gradient;
    }
};

/// ... or a step of Adam at once.
struct StepAdam {
    float *parameters, *moment1, *moment2;
    AdamConstants adam;
    TESSERA_HOST_DEVICE void operator()(std::int64_t i, float p, float gradient) const {
        const float m1 = fusedMultiplyAdd(adam.beta1, moment1[i], adam.rest1 * gradient),
                    m2 = fusedMultiplyAdd(adam.beta2, moment2[i], adam.rest2 * (gradient * gradient));
        moment1[i] = m1;
        moment2[i] = m2;
        const float root = sqrtf(m2 * adam.inverse2) + adam.epsilon;
        const float update = m1 * (adam.rate * adam.inverse1) / root;
        parameters[i] = fusedMultiplyAdd(-adam.decay, p, p) - update;
    }
};

}  // namespace tessera::kernels::cuda
