#pragma once

#include <cstdint>

#include "kernels/cuda/gate_math.h"
#include "kernels/cuda/mask_steps.h"
#include "kernels/cuda/part_sums.h"

/// LEAP's gates and Adam: the kernels' bodies.
namespace tessera::kernels::cuda {

/// Counters of noise that a thread draws one after the other, each for four elements.
inline constexpr int kCountersOfThread = kElementsOfBlock / 4 / kThreads;

/// Calls `use(element, word)` for the elements of a thread that are below `count`.
template <typename Layout, typename Use>
TESSERA_HOST_DEVICE void overElements(Place at, std::int64_t count, const NoiseKey& noise, const Use& use) {
    for (int k = 0; k < kCountersOfThread; ++k) {
        const std::int64_t counter = (at.block * kCountersOfThread + k) * kThreads + at.thread;
        // A counter's later elements lie behind its first.
        if (Layout::element(counter, 0) >= count) return;
        const NoiseWords drawn = philox(static_cast<std::uint64_t>(counter), noise);
        TESSERA_UNROLL
        for (int word = 0; word < 4; ++word) {
            const std::int64_t element = Layout::element(counter, word);
            if (element < count) use(element, drawn.words[word]);
        }
    }
}

template <typename Layout = NoiseLayout>
struct BernoulliForward : LeavesPart {
    ElementsIn weights;
    const float* logits;
    ElementsOut out;
    std::int64_t count;
    GateConstants gate;
    NoiseKey noise;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        float gates = 0, squares = 0;
        overElements<Layout>(at, count, noise, [&](std::int64_t i, std::uint32_t word) {
            const float m = SoftGate(logits[i], word, gate).mask(gate.hard), masked = m * weights.at(i);
            out.put(i, masked);
            gates += m;
            squares = fusedMultiplyAdd(masked, masked, squares);
        });
        return {gates, squares, 0, 0};
    }
};

/// `Use` is AddGradient or StepAdam.
template <typename Use, typename Layout = NoiseLayout>
struct BernoulliBackward : LeavesPart {
    ElementsIn weights;
    const float* logits;
    ElementsIn gradMasked;
    std::int64_t count;
    BackwardConstants constants;
    NoiseKey noise;
    Use use;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        float gates = 0, squares = 0, gradients = 0;
        overElements<Layout>(at, count, noise, [&](std::int64_t i, std::uint32_t word) {
            const float p = logits[i], w = weights.at(i);
            const SoftGate soft(p, word, constants.gate);
            const float m = soft.mask(constants.gate.hard), masked = m * w;
            float inner = fusedMultiplyAdd(gradMasked.at(i), w, constants.density);
            inner = fusedMultiplyAdd(constants.weight * masked, w, inner);
            const float gradient = constants.outer * soft.slope() * inner;
            use(i, p, gradient);
            gates += m;
            squares = fusedMultiplyAdd(masked, masked, squares);
            gradients = fusedMultiplyAdd(gradient, gradient, gradients);
        });
        return {gates, squares, gradients, 0};
    }
};

/// The gates themselves.
template <typename Layout = NoiseLayout>
struct DrawGates {
    const float* logits;
    float* gates;
    std::int64_t count;
    GateConstants gate;
    NoiseKey noise;

    TESSERA_HOST_DEVICE void operator()(Place at) const {
        overElements<Layout>(at, count, noise, [&](std::int64_t i, std::uint32_t word) {
            gates[i] = SoftGate(logits[i], word, gate).mask(gate.hard);
        });
    }
};

/// Adam on an accumulated gradient.
struct AdamOnGradient {
    const float* gradient;
    std::int64_t count;
    float scale;
    StepAdam step;

    TESSERA_HOST_DEVICE void operator()(Place at) const {
        for (int k = 0; k < kElementsOfBlock / kThreads; ++k) {
            const std::int64_t i = at.block * kElementsOfBlock + k * kThreads + at.thread;
            if (i < count) step(i, step.parameters[i], scale * gradient[i]);
        }
    }
};

}  // namespace tessera::kernels::cuda
