#pragma once

#include <cstdint>

#include "kernels/cpu/mask_step.h"
#include "kernels/cuda/host_device.h"

/// Sums that do not depend on which thread is first: each thread's own in f32, a block's by halving in f64,
/// the blocks' by a last block in a fixed order; no atomics.
namespace tessera::kernels::cuda {

/// What a thread, a block or a whole call adds up.
struct PartSums {
    double gate = 0.0;             ///< sum of m
    double squaredMasked = 0.0;    ///< sum of (m w)^2
    double squaredGradient = 0.0;  ///< sum of squares of gradients to logits
    double slope = 0.0;            ///< sum of dL/dg of a tile's gate
};
inline constexpr int kSums = 4;

/// A block's sums meet in kSums * kThreads numbers that its threads share: each puts its own, then
/// fold with strides kThreads / 2, ..., 1, all threads at a time, leaves the totals in front.
TESSERA_HOST_DEVICE inline void putSums(double* shared, int thread, const PartSums& own) {
    shared[thread] = own.gate;
    shared[kThreads + thread] = own.squaredMasked;
    shared[2 * kThreads + thread] = own.squaredGradient;
    shared[3 * kThreads + thread] = own.slope;
}
TESSERA_HOST_DEVICE inline void foldSums(double* shared, int thread, int stride) {
    if (thread >= stride) return;
    for (int sum = 0; sum < kSums; ++sum)
        shared[sum * kThreads + thread] += shared[sum * kThreads + thread + stride];
}
TESSERA_HOST_DEVICE inline PartSums takeSums(const double* shared) {
    return {shared[0], shared[kThreads], shared[2 * kThreads], shared[3 * kThreads]};
}

/// Bodies whose blocks leave their sums as parts.
struct LeavesPart {
    PartSums* parts;
    TESSERA_HOST_DEVICE void finish(std::int64_t block, const PartSums& total) const { parts[block] = total; }
};

/// The last block: adds up all parts.
struct AddParts {
    const PartSums* parts;
    std::int64_t count;
    GateSums* sums;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        PartSums own;
        for (std::int64_t i = at.thread; i < count; i += kThreads) {
            own.gate += parts[i].gate;
            own.squaredMasked += parts[i].squaredMasked;
            own.squaredGradient += parts[i].squaredGradient;
        }
        return own;
    }
    TESSERA_HOST_DEVICE void finish(std::int64_t, const PartSums& total) const {
        sums->gate = total.gate;
        sums->squaredMasked = total.squaredMasked;
        sums->squaredGradient = total.squaredGradient;
    }
};

}  // namespace tessera::kernels::cuda
