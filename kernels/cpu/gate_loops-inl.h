// What the passes over gates of every kind share, compiled once for each instruction set: Adam on a vector of
// logits, and blocks shared out to threads so that sums do not depend on how many there are. Included by
// Highway's foreach_target sources only.
#if defined(TESSERA_GATE_LOOPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_GATE_LOOPS_INL_H_
#undef TESSERA_GATE_LOOPS_INL_H_
#else
#define TESSERA_GATE_LOOPS_INL_H_
#endif

#include <algorithm>

#include "hwy/highway.h"
#include "kernels/cpu/gate_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

/// Elements whose sums are kept in f32 before they go into f64.
constexpr std::int64_t kBlock = 4096;
/// Parts that threads share out; fixed, so that sums do not depend on how many threads there are.
constexpr std::int64_t kParts = 256;

/// Moments are f32 or bf16; what moves the parameters is what has not been rounded yet.
template <typename M>
HWY_INLINE void adamAt(FloatVec p, FloatVec gradient, const AdamConstants& adam, float* parameters,
                       M* moment1, M* moment2) {
    const FloatTag d;
    const auto m1 =
        hn::MulAdd(hn::Set(d, adam.beta1), loadFloats(moment1), hn::Mul(hn::Set(d, adam.rest1), gradient));
    const auto m2 = hn::MulAdd(hn::Set(d, adam.beta2), loadFloats(moment2),
                               hn::Mul(hn::Set(d, adam.rest2), hn::Mul(gradient, gradient)));
    storeFloats(m1, moment1);
    storeFloats(m2, moment2);
    const auto root = hn::Add(hn::Sqrt(hn::Mul(m2, hn::Set(d, adam.inverse2))), hn::Set(d, adam.epsilon));
    const auto update = hn::Div(hn::Mul(m1, hn::Set(d, adam.rate * adam.inverse1)), root);
    storeFloats(hn::Sub(hn::NegMulAdd(hn::Set(d, adam.decay), p, p), update), parameters);
}

/// Shares [0, count) out in whole blocks and adds up what `block(first, count, sums)` gives, in order.
template <typename Block>
GateSums overBlocks(std::int64_t count, const Block& block) {
    const std::int64_t blocks = (count + kBlock - 1) / kBlock;
    GateSums parts[kParts];
#pragma omp parallel for schedule(static) if (blocks > 4)
    for (std::int64_t part = 0; part < kParts; ++part)
        for (std::int64_t b = part * blocks / kParts; b < (part + 1) * blocks / kParts; ++b)
            block(b * kBlock, std::min(kBlock, count - b * kBlock), parts[part]);
    GateSums sums;
    for (const auto& part : parts) {
        sums.gate += part.gate;
        sums.squaredMasked += part.squaredMasked;
        sums.squaredGradient += part.squaredGradient;
    }
    return sums;
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#endif
