// The vector mathematics of gates, compiled once for each instruction set: Philox noise, logarithm,
// exponential, bf16. Included by Highway's foreach_target sources only.
#if defined(TESSERA_GATE_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_GATE_MATH_INL_H_
#undef TESSERA_GATE_MATH_INL_H_
#else
#define TESSERA_GATE_MATH_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "kernels/cpu/mask_step.h"
#include "kernels/gate_constants.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// At most 16 lanes, the counters of a chunk.
using FloatTag = hn::CappedTag<float, 16>;
using WordTag = hn::RebindToUnsigned<FloatTag>;
using IntTag = hn::RebindToSigned<FloatTag>;
using HalfWordTag = hn::Rebind<std::uint16_t, FloatTag>;
using FloatVec = hn::Vec<FloatTag>;
using WordVec = hn::Vec<WordTag>;

HWY_INLINE FloatVec loadFloats(const float* from) {
    return hn::LoadU(FloatTag(), from);
}
HWY_INLINE FloatVec loadFloats(const std::uint16_t* from) {
    const auto wide = hn::PromoteTo(WordTag(), hn::LoadU(HalfWordTag(), from));
    return hn::BitCast(FloatTag(), hn::ShiftLeft<16>(wide));
}
HWY_INLINE void storeFloats(FloatVec value, float* to) {
    hn::StoreU(value, FloatTag(), to);
}
/// Rounds to nearest even.
HWY_INLINE void storeFloats(FloatVec value, std::uint16_t* to) {
    const WordTag words;
    const auto bits = hn::BitCast(words, value);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7fff))));
    hn::StoreU(hn::DemoteTo(HalfWordTag(), hn::BitCast(IntTag(), rounded)), HalfWordTag(), to);
}

/// Philox4x32 of seven rounds (Salmon et al., SC 2011) of the counters whose words stand in the even lanes;
/// what the odd lanes hold does not matter. A product's low word is already in place then, its high word one
/// shift away.
HWY_INLINE void philoxEven(WordVec& c0, WordVec& c1, WordVec& c2, WordVec& c3, std::uint64_t seed) {
    const WordTag words;
    const hn::Repartition<std::uint64_t, WordTag> wide;
    const auto m0 = hn::Set(words, 0xD2511F53u), m1 = hn::Set(words, 0xCD9E8D57u);
    auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 7; ++round) {
        const auto first = hn::BitCast(wide, hn::MulEven(c0, m0));
        const auto second = hn::BitCast(wide, hn::MulEven(c2, m1));
        c0 = hn::Xor(hn::Xor(hn::BitCast(words, hn::ShiftRight<32>(second)), c1), hn::Set(words, k0));
        c1 = hn::BitCast(words, second);
        c2 = hn::Xor(hn::Xor(hn::BitCast(words, hn::ShiftRight<32>(first)), c3), hn::Set(words, k1));
        c3 = hn::BitCast(words, first);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/// Even lanes of `even`, and the even lanes of `odd` in the odd ones.
HWY_INLINE WordVec interleaveEven(WordVec even, WordVec odd) {
    const WordTag words;
    const hn::Repartition<std::uint64_t, WordTag> wide;
    return hn::OddEven(hn::BitCast(words, hn::ShiftLeft<32>(hn::BitCast(wide, odd))), even);
}

/// ln x of a positive normal number: Cephes' polynomial for the mantissa in [sqrt 1/2, sqrt 2).
HWY_INLINE FloatVec logOf(FloatVec x) {
    const FloatTag d;
    const IntTag di;
    // Subtracting the bits of sqrt(1/2) splits exponent and mantissa at it.
    const auto shifted = hn::Sub(hn::BitCast(di, x), hn::Set(di, 0x3f3504f3));
    const auto exponent = hn::ConvertTo(d, hn::ShiftRight<23>(shifted));
    const auto mantissa =
        hn::BitCast(d, hn::Add(hn::And(shifted, hn::Set(di, 0x007fffff)), hn::Set(di, 0x3f3504f3)));
    const auto f = hn::Sub(mantissa, hn::Set(d, 1.0f));
    const auto square = hn::Mul(f, f);
    auto p = hn::MulAdd(hn::Set(d, 7.0376836292e-2f), f, hn::Set(d, -1.1514610310e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, 1.1676998740e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, -1.2420140846e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, 1.4249322787e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, -1.6668057665e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, 2.0000714765e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, -2.4999993993e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, 3.3333331174e-1f));
    p = hn::Mul(hn::Mul(p, f), square);
    p = hn::MulAdd(exponent, hn::Set(d, -2.12194440e-4f), p);
    p = hn::NegMulAdd(hn::Set(d, 0.5f), square, p);
    return hn::MulAdd(exponent, hn::Set(d, 0.693359375f), hn::Add(f, p));
}

/// e^x for |x| <= 87.
HWY_INLINE FloatVec expOf(FloatVec x) {
    const FloatTag d;
    const IntTag di;
    const auto n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504088896341f)));
    auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
    r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
    auto p = hn::MulAdd(hn::Set(d, 1.9875691500e-4f), r, hn::Set(d, 1.3981999507e-3f));
    p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
    p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
    p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
    p = hn::Add(hn::MulAdd(hn::Mul(p, r), r, r), hn::Set(d, 1.0f));
    const auto scale = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
    return hn::Mul(p, hn::BitCast(d, scale));
}

/// The uniform number u in the middle of one of 2^23 intervals. It and 1 - u are exact: 24 bits hold
/// (k + 1/2) / 2^23.
HWY_INLINE FloatVec uniformOf(WordVec word) {
    const FloatTag d;
    const auto fraction = hn::Or(hn::ShiftRight<9>(word), hn::Set(WordTag(), 0x3f800000u));
    return hn::Sub(hn::BitCast(d, fraction), hn::Set(d, 1.0f - 0x1p-24f));
}

/// ln u - ln(1 - u).
HWY_INLINE FloatVec logisticOf(WordVec word) {
    const auto u = uniformOf(word);
    return logOf(hn::Div(u, hn::Sub(hn::Set(FloatTag(), 1.0f), u)));
}

/// -ln(-ln u).
HWY_INLINE FloatVec gumbelOf(WordVec word) {
    return hn::Neg(logOf(hn::Neg(logOf(uniformOf(word)))));
}

/// e^-x of x = (kappa (p - shift) + noise) / tau, x clamped.
HWY_INLINE FloatVec oddsAgainst(FloatVec p, FloatVec noise, FloatVec kappa, FloatVec shift,
                                FloatVec inverseTau) {
    const FloatTag d;
    auto argument = hn::Mul(hn::MulAdd(kappa, hn::Sub(p, shift), noise), inverseTau);
    argument = hn::Min(hn::Max(argument, hn::Set(d, -kMostArgument)), hn::Set(d, kMostArgument));
    return expOf(hn::Neg(argument));
}

/// m = 1 / (1 + e^-x).
HWY_INLINE FloatVec gateOf(FloatVec odds) {
    const auto one = hn::Set(FloatTag(), 1.0f);
    return hn::Div(one, hn::Add(one, odds));
}

/// What the mask takes of a gate: the gate itself or, where it is hard, 0 or 1.
HWY_INLINE FloatVec maskOf(FloatVec gate, const GateConstants& constants) {
    const FloatTag d;
    if (!constants.hard) return gate;
    return hn::IfThenElseZero(hn::Ge(gate, hn::Set(d, 0.5f)), hn::Set(d, 1.0f));
}

/// m (1 - m) as (e^-x m) m: to the last bits however near m is to one.
HWY_INLINE FloatVec slopeOf(FloatVec odds, FloatVec gate) {
    return hn::Mul(hn::Mul(odds, gate), gate);
}

/// The noise words of a chunk's lanes from `at` on: noise[k] is for elements 16 k + at and the following.
HWY_INLINE void noiseAt(std::int64_t chunk, std::int64_t at, const NoiseKey& key, WordVec noise[4]) {
    const WordTag words;
    const auto counter = static_cast<std::uint64_t>(chunk) * kCounters + static_cast<std::uint64_t>(at);
    const auto high = hn::Set(words, static_cast<std::uint32_t>(counter >> 32));
    const auto step = hn::Set(words, key.step), stream = hn::Set(words, key.stream);
    auto e0 = hn::Add(hn::Iota(words, 0), hn::Set(words, static_cast<std::uint32_t>(counter)));
    auto e1 = high, e2 = step, e3 = stream;
    auto o0 = hn::Add(e0, hn::Set(words, 1)), o1 = high, o2 = step, o3 = stream;
    philoxEven(e0, e1, e2, e3, key.seed);
    philoxEven(o0, o1, o2, o3, key.seed);
    noise[0] = interleaveEven(e0, o0);
    noise[1] = interleaveEven(e1, o1);
    noise[2] = interleaveEven(e2, o2);
    noise[3] = interleaveEven(e3, o3);
}

/// The gates of one chunk of 64 elements.
HWY_INLINE void gateChunk(const float* logits, float* gates, std::int64_t chunk,
                          const GateParameters& parameters, const NoiseKey& key) {
    const FloatTag d;
    const GateConstants gate(parameters);
    const auto kappa = hn::Set(d, gate.kappa), shift = hn::Set(d, gate.shift),
               inverseTau = hn::Set(d, gate.inverseTau);
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (std::int64_t at = 0; at < kCounters; at += lanes) {
        WordVec noise[4];
        noiseAt(chunk, at, key, noise);
        for (int word = 0; word < 4; ++word) {
            const auto element = word * kCounters + at;
            const auto odds =
                oddsAgainst(loadFloats(logits + element), logisticOf(noise[word]), kappa, shift, inverseTau);
            storeFloats(maskOf(gateOf(odds), gate), gates + element);
        }
    }
}

/// Sums of 16 lanes kept in memory, so that they do not depend on the vectors' width.
struct LaneSums {
    alignas(64) float lanes[kCounters] = {};
    HWY_INLINE void add(std::int64_t at, FloatVec value) {
        hn::Store(hn::Add(hn::Load(FloatTag(), lanes + at), value), FloatTag(), lanes + at);
    }
    double total() const {
        double sum = 0;
        for (const float lane : lanes) sum += lane;
        return sum;
    }
};

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#endif
