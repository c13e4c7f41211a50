#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "hwy/targets.h"

/// What the tests of the gates' kernels share.
namespace tessera::test {

inline float widen(std::uint16_t bits) {
    const std::uint32_t wide = std::uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

/// Weights, logits and gradients of `count` elements, the same in bf16 and f32.
struct Inputs {
    std::vector<std::uint16_t> weights, gradHalf;
    std::vector<float> logits, grad, weightsFull;
    explicit Inputs(std::int64_t count) {
        std::mt19937 random(static_cast<unsigned>(count));
        std::normal_distribution<float> normal;
        for (std::int64_t i = 0; i < count; ++i) {
            const float w = 0.02f * normal(random), g = 1e-3f * normal(random);
            std::uint32_t bits;
            std::memcpy(&bits, &w, 4);
            weights.push_back(static_cast<std::uint16_t>(bits >> 16));
            weightsFull.push_back(widen(weights.back()));
            std::memcpy(&bits, &g, 4);
            gradHalf.push_back(static_cast<std::uint16_t>(bits >> 16));
            grad.push_back(widen(gradHalf.back()));
            logits.push_back(0.02f * normal(random));
        }
    }
};

/// Runs `body` with every instruction set that this machine has.
template <typename Body>
void onEveryTarget(const Body& body) {
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
        body();
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace tessera::test
