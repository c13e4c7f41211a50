// LEAP's gates (methods.md 8.2 to 8.5): one pass over weights and logits forwards, one backwards.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/bernoulli_gates.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
//
#include "kernels/cpu/gate_loops-inl.h"
#include "kernels/cpu/gate_math-inl.h"

#include <algorithm>

#include "kernels/cpu/mask_step.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

template <typename W>
HWY_INLINE void forwardChunk(const W* weights, const float* logits, W* out, std::int64_t chunk,
                             const GateConstants& gate, const NoiseKey& key, LaneSums& sumGate,
                             LaneSums& sumSquares) {
    const FloatTag d;
    const auto kappa = hn::Set(d, gate.kappa), shift = hn::Set(d, gate.shift),
               inverseTau = hn::Set(d, gate.inverseTau);
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (std::int64_t at = 0; at < kCounters; at += lanes) {
        WordVec noise[4];
        noiseAt(chunk, at, key, noise);
        auto gates = hn::Zero(d), squares = hn::Zero(d);
        for (int word = 0; word < 4; ++word) {
            const auto element = word * kCounters + at;
            const auto m = maskOf(gateOf(oddsAgainst(loadFloats(logits + element), logisticOf(noise[word]),
                                                     kappa, shift, inverseTau)),
                                  gate);
            const auto masked = hn::Mul(m, loadFloats(weights + element));
            storeFloats(masked, out + element);
            gates = hn::Add(gates, m);
            squares = hn::MulAdd(masked, masked, squares);
        }
        sumGate.add(at, gates);
        sumSquares.add(at, squares);
    }
}

/// `use(element, logits, gradient)` takes each vector of gradients.
template <typename W, typename G, typename Use>
HWY_INLINE void backwardChunk(const W* weights, const float* logits, const G* gradMasked, std::int64_t chunk,
                              const BackwardConstants& constants, const NoiseKey& key, LaneSums& sumGate,
                              LaneSums& sumSquares, LaneSums& sumGradient, const Use& use) {
    const FloatTag d;
    const auto kappa = hn::Set(d, constants.gate.kappa), shift = hn::Set(d, constants.gate.shift),
               inverseTau = hn::Set(d, constants.gate.inverseTau);
    const auto outer = hn::Set(d, constants.outer), density = hn::Set(d, constants.density),
               pull = hn::Set(d, constants.weight);
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (std::int64_t at = 0; at < kCounters; at += lanes) {
        WordVec noise[4];
        noiseAt(chunk, at, key, noise);
        auto gates = hn::Zero(d), squares = hn::Zero(d), gradients = hn::Zero(d);
        for (int word = 0; word < 4; ++word) {
            const auto element = word * kCounters + at;
            const auto p = loadFloats(logits + element), w = loadFloats(weights + element);
            const auto odds = oddsAgainst(p, logisticOf(noise[word]), kappa, shift, inverseTau),
                       soft = gateOf(odds), m = maskOf(soft, constants.gate);
            const auto masked = hn::Mul(m, w);
            auto inner = hn::MulAdd(loadFloats(gradMasked + element), w, density);
            inner = hn::MulAdd(hn::Mul(pull, masked), w, inner);
            const auto slope = hn::Mul(outer, slopeOf(odds, soft));
            const auto gradient = hn::Mul(slope, inner);
            use(element, p, gradient);
            gates = hn::Add(gates, m);
            squares = hn::MulAdd(masked, masked, squares);
            gradients = hn::MulAdd(gradient, gradient, gradients);
        }
        sumGate.add(at, gates);
        sumSquares.add(at, squares);
        sumGradient.add(at, gradients);
    }
}

/// A logit that shuts its gate: what stands behind the last element.
constexpr float kShut = -1e30f;

template <typename W>
GateSums forward(const W* weights, const float* logits, W* out, std::int64_t count,
                 const GateParameters& parameters, const NoiseKey& key) {
    const GateConstants gate(parameters);
    return overBlocks(count, [&](std::int64_t first, std::int64_t size, GateSums& sums) {
        LaneSums gates, squares;
        std::int64_t i = first;
        for (; i + kChunk <= first + size; i += kChunk)
            forwardChunk(weights + i, logits + i, out + i, i / kChunk, gate, key, gates, squares);
        if (const auto rest = first + size - i; rest > 0) {
            W w[kChunk] = {}, o[kChunk];
            float p[kChunk];
            std::fill(p, p + kChunk, kShut);
            std::copy(weights + i, weights + i + rest, w);
            std::copy(logits + i, logits + i + rest, p);
            forwardChunk(w, p, o, i / kChunk, gate, key, gates, squares);
            std::copy(o, o + rest, out + i);
        }
        sums.gate += gates.total();
        sums.squaredMasked += squares.total();
    });
}

/// A tail's inputs, copied to the length of a chunk.
template <typename W, typename G>
struct Tail {
    W weights[kChunk] = {};
    G gradMasked[kChunk] = {};
    float logits[kChunk];
    Tail(const W* w, const G* g, const float* p, std::int64_t rest) {
        std::fill(logits, logits + kChunk, kShut);
        std::copy(w, w + rest, weights);
        std::copy(g, g + rest, gradMasked);
        std::copy(p, p + rest, logits);
    }
};

template <typename W, typename G>
GateSums backward(const W* weights, const float* logits, const G* gradMasked, float* gradLogits,
                  std::int64_t count, const GateParameters& gate, const GateRegularisers& regularisers,
                  const NoiseKey& key) {
    const BackwardConstants constants(gate, regularisers);
    return overBlocks(count, [&](std::int64_t first, std::int64_t size, GateSums& sums) {
        LaneSums gates, squares, gradients;
        const auto chunk = [&](const W* w, const float* p, const G* g, float* to, std::int64_t index) {
            backwardChunk(w, p, g, index, constants, key, gates, squares, gradients,
                          [&](std::int64_t at, FloatVec, FloatVec gradient) {
                              storeFloats(hn::Add(loadFloats(to + at), gradient), to + at);
                          });
        };
        std::int64_t i = first;
        for (; i + kChunk <= first + size; i += kChunk)
            chunk(weights + i, logits + i, gradMasked + i, gradLogits + i, i / kChunk);
        if (const auto rest = first + size - i; rest > 0) {
            const Tail<W, G> tail(weights + i, gradMasked + i, logits + i, rest);
            float to[kChunk] = {};
            std::copy(gradLogits + i, gradLogits + i + rest, to);
            chunk(tail.weights, tail.logits, tail.gradMasked, to, i / kChunk);
            std::copy(to, to + rest, gradLogits + i);
        }
        sums.gate += gates.total();
        sums.squaredMasked += squares.total();
        sums.squaredGradient += gradients.total();
    });
}

template <typename W, typename G, typename M>
GateSums backwardAdam(const W* weights, float* logits, const G* gradMasked, M* moment1, M* moment2,
                      std::int64_t count, const GateParameters& gate, const GateRegularisers& regularisers,
                      const NoiseKey& key, const AdamParameters& parameters) {
    const BackwardConstants constants(gate, regularisers);
    const AdamConstants adam(parameters);
    return overBlocks(count, [&](std::int64_t first, std::int64_t size, GateSums& sums) {
        LaneSums gates, squares, gradients;
        const auto chunk = [&](const W* w, float* p, const G* g, M* m1, M* m2, std::int64_t index) {
            backwardChunk(w, p, g, index, constants, key, gates, squares, gradients,
                          [&](std::int64_t at, FloatVec logit, FloatVec gradient) {
                              adamAt(logit, gradient, adam, p + at, m1 + at, m2 + at);
                          });
        };
        std::int64_t i = first;
        for (; i + kChunk <= first + size; i += kChunk)
            chunk(weights + i, logits + i, gradMasked + i, moment1 + i, moment2 + i, i / kChunk);
        if (const auto rest = first + size - i; rest > 0) {
            Tail<W, G> tail(weights + i, gradMasked + i, logits + i, rest);
            M m1[kChunk] = {}, m2[kChunk] = {};
            std::copy(moment1 + i, moment1 + i + rest, m1);
            std::copy(moment2 + i, moment2 + i + rest, m2);
            chunk(tail.weights, tail.logits, tail.gradMasked, m1, m2, i / kChunk);
            std::copy(m1, m1 + rest, moment1 + i);
            std::copy(m2, m2 + rest, moment2 + i);
            std::copy(tail.logits, tail.logits + rest, logits + i);
        }
        sums.gate += gates.total();
        sums.squaredMasked += squares.total();
        sums.squaredGradient += gradients.total();
    });
}

template <typename M>
void adam(float* parameters, const float* gradient, M* moment1, M* moment2, std::int64_t count, float scale,
          const AdamParameters& settings) {
    const FloatTag d;
    const AdamConstants constants(settings);
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto factor = hn::Set(d, scale);
    const std::int64_t blocks = (count + kBlock - 1) / kBlock;
#pragma omp parallel for schedule(static) if (blocks > 4)
    for (std::int64_t b = 0; b < blocks; ++b) {
        std::int64_t i = b * kBlock;
        const auto end = std::min(count, i + kBlock);
        for (; i + lanes <= end; i += lanes)
            adamAt(loadFloats(parameters + i), hn::Mul(factor, loadFloats(gradient + i)), constants,
                   parameters + i, moment1 + i, moment2 + i);
        if (i < end) {
            float p[kCounters] = {}, g[kCounters] = {};
            M m1[kCounters] = {}, m2[kCounters] = {};
            const auto rest = end - i;
            std::copy(parameters + i, parameters + end, p);
            std::copy(gradient + i, gradient + end, g);
            std::copy(moment1 + i, moment1 + end, m1);
            std::copy(moment2 + i, moment2 + end, m2);
            adamAt(loadFloats(p), hn::Mul(factor, loadFloats(g)), constants, p, m1, m2);
            std::copy(p, p + rest, parameters + i);
            std::copy(m1, m1 + rest, moment1 + i);
            std::copy(m2, m2 + rest, moment2 + i);
        }
    }
}

/// Gates of single elements 0..count-1, for tiles.
void gates(const float* logits, float* out, std::int64_t count, const GateParameters& parameters,
           const NoiseKey& key) {
    for (std::int64_t i = 0; i < count; i += kChunk) {
        float p[kChunk] = {}, o[kChunk];
        const auto size = std::min(kChunk, count - i);
        std::copy(logits + i, logits + i + size, p);
        gateChunk(p, o, i / kChunk, parameters, key);
        std::copy(o, o + size, out + i);
    }
}

// Plain functions for the dispatch table.
using H = std::uint16_t;
GateSums forwardHalf(const H* w, const float* p, H* o, std::int64_t n, const GateParameters& g,
                     const NoiseKey& k) {
    return forward(w, p, o, n, g, k);
}
GateSums forwardFull(const float* w, const float* p, float* o, std::int64_t n, const GateParameters& g,
                     const NoiseKey& k) {
    return forward(w, p, o, n, g, k);
}
#define TESSERA_BACKWARD(NAME, W, G)                                                                 \
    GateSums backward##NAME(const W* w, const float* p, const G* d, float* o, std::int64_t n,        \
                            const GateParameters& g, const GateRegularisers& r, const NoiseKey& k) { \
        return backward(w, p, d, o, n, g, r, k);                                                     \
    }
#define TESSERA_ADAM(NAME, W, G, M)                                                                    \
    GateSums backwardAdam##NAME(const W* w, float* p, const G* d, M* m1, M* m2, std::int64_t n,        \
                                const GateParameters& g, const GateRegularisers& r, const NoiseKey& k, \
                                const AdamParameters& a) {                                             \
        return backwardAdam(w, p, d, m1, m2, n, g, r, k, a);                                           \
    }
TESSERA_BACKWARD(HalfFull, H, float)
TESSERA_BACKWARD(HalfHalf, H, H)
TESSERA_BACKWARD(FullFull, float, float)
TESSERA_ADAM(HalfFull, H, float, float)
TESSERA_ADAM(HalfHalf, H, H, float)
TESSERA_ADAM(FullFull, float, float, float)
TESSERA_ADAM(HalfFullNarrow, H, float, H)
TESSERA_ADAM(HalfHalfNarrow, H, H, H)
TESSERA_ADAM(FullFullNarrow, float, float, H)
#undef TESSERA_BACKWARD
#undef TESSERA_ADAM
void adamFull(float* p, const float* g, float* m1, float* m2, std::int64_t n, float scale,
              const AdamParameters& a) {
    adam(p, g, m1, m2, n, scale, a);
}
void adamNarrow(float* p, const float* g, H* m1, H* m2, std::int64_t n, float scale,
                const AdamParameters& a) {
    adam(p, g, m1, m2, n, scale, a);
}
const char* targetName() {
    return hwy::TargetName(HWY_TARGET);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(forwardHalf);
HWY_EXPORT(forwardFull);
HWY_EXPORT(backwardHalfFull);
HWY_EXPORT(backwardHalfHalf);
HWY_EXPORT(backwardFullFull);
HWY_EXPORT(backwardAdamHalfFull);
HWY_EXPORT(backwardAdamHalfHalf);
HWY_EXPORT(backwardAdamFullFull);
HWY_EXPORT(backwardAdamHalfFullNarrow);
HWY_EXPORT(backwardAdamHalfHalfNarrow);
HWY_EXPORT(backwardAdamFullFullNarrow);
HWY_EXPORT(adamFull);
HWY_EXPORT(adamNarrow);
HWY_EXPORT(gates);
HWY_EXPORT(targetName);

using H = std::uint16_t;

GateSums bernoulliForward(const H* w, const float* p, H* o, std::int64_t n, const GateParameters& g,
                          const NoiseKey& k) {
    return HWY_DYNAMIC_DISPATCH(forwardHalf)(w, p, o, n, g, k);
}
GateSums bernoulliForward(const float* w, const float* p, float* o, std::int64_t n, const GateParameters& g,
                          const NoiseKey& k) {
    return HWY_DYNAMIC_DISPATCH(forwardFull)(w, p, o, n, g, k);
}
#define TESSERA_BACKWARD(NAME, W, G)                                                                    \
    GateSums bernoulliBackward(const W* w, const float* p, const G* d, float* o, std::int64_t n,        \
                               const GateParameters& g, const GateRegularisers& r, const NoiseKey& k) { \
        return HWY_DYNAMIC_DISPATCH(backward##NAME)(w, p, d, o, n, g, r, k);                            \
    }
#define TESSERA_ADAM(NAME, W, G, M)                                                                       \
    GateSums bernoulliBackwardAdam(const W* w, float* p, const G* d, M* m1, M* m2, std::int64_t n,        \
                                   const GateParameters& g, const GateRegularisers& r, const NoiseKey& k, \
                                   const AdamParameters& a) {                                             \
        return HWY_DYNAMIC_DISPATCH(backwardAdam##NAME)(w, p, d, m1, m2, n, g, r, k, a);                  \
    }
TESSERA_BACKWARD(HalfFull, H, float)
TESSERA_BACKWARD(HalfHalf, H, H)
TESSERA_BACKWARD(FullFull, float, float)
TESSERA_ADAM(HalfFull, H, float, float)
TESSERA_ADAM(HalfHalf, H, H, float)
TESSERA_ADAM(FullFull, float, float, float)
TESSERA_ADAM(HalfFullNarrow, H, float, H)
TESSERA_ADAM(HalfHalfNarrow, H, H, H)
TESSERA_ADAM(FullFullNarrow, float, float, H)
#undef TESSERA_BACKWARD
#undef TESSERA_ADAM

void adamStep(float* p, const float* g, float* m1, float* m2, std::int64_t n, float scale,
              const AdamParameters& a) {
    HWY_DYNAMIC_DISPATCH(adamFull)(p, g, m1, m2, n, scale, a);
}
void adamStep(float* p, const float* g, H* m1, H* m2, std::int64_t n, float scale, const AdamParameters& a) {
    HWY_DYNAMIC_DISPATCH(adamNarrow)(p, g, m1, m2, n, scale, a);
}

void gateValues(const float* logits, float* out, std::int64_t count, const GateParameters& gate,
                const NoiseKey& noise) {
    HWY_DYNAMIC_DISPATCH(gates)(logits, out, count, gate, noise);
}

const char* maskKernelTarget() {
    return HWY_DYNAMIC_DISPATCH(targetName)();
}

}  // namespace tessera::kernels
#endif
