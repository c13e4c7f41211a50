// ProxSparse's proximal step, a vector of groups at a time: each lane is a group of four.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/prox_groups.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
//
#include "kernels/cpu/gate_math-inl.h"

#include <algorithm>
#include <initializer_list>

#include "kernels/cpu/prox_groups.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

using Tag = FloatTag;
using Vec = FloatVec;

constexpr int kMostSweeps = 100;
constexpr float kStill = 1e-6f;

/// The magnitudes of a group, the largest first.
struct Sorted {
    Vec v1, v2, v3, v4;
};

HWY_INLINE void order(Vec& larger, Vec& smaller) {
    const Vec most = hn::Max(larger, smaller);
    smaller = hn::Min(larger, smaller);
    larger = most;
}

HWY_INLINE Sorted sorted(Vec a, Vec b, Vec c, Vec d) {
    order(a, b);
    order(c, d);
    order(a, c);
    order(b, d);
    order(b, c);
    return {a, b, c, d};
}

/// max(z - lambda * slope, 0)
HWY_INLINE Vec shrunk(Vec z, Vec lambda, Vec slope) {
    return hn::Max(hn::Sub(z, hn::Mul(lambda, slope)), hn::Zero(Tag()));
}

HWY_INLINE Vec moved(Vec from, Vec to, Vec sum) {
    return hn::Add(sum, hn::Abs(hn::Sub(to, from)));
}

/// A lane that has come to rest keeps what it has: its result is its own, whatever lies beside it.
template <bool kFour>
HWY_INLINE Sorted alternating(const Sorted& z, Vec lambda) {
    const Tag d;
    Sorted w{hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    const Vec enough = hn::Mul(hn::Set(d, kStill), z.v1);
    auto going = hn::Ge(z.v1, hn::Zero(d));
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
        Sorted next = w;
        Vec change = hn::Zero(d);
        if constexpr (kFour) {
            const Vec pairs12 = hn::Mul(next.v1, next.v2);
            next.v4 = shrunk(z.v4, lambda, hn::MulAdd(next.v3, hn::Add(next.v1, next.v2), pairs12));
            change = moved(w.v4, next.v4, change);
            next.v3 = shrunk(z.v3, lambda, hn::MulAdd(next.v4, hn::Add(next.v1, next.v2), pairs12));
            change = moved(w.v3, next.v3, change);
            const Vec pairs34 = hn::Mul(next.v3, next.v4), sum34 = hn::Add(next.v3, next.v4);
            next.v2 = shrunk(z.v2, lambda, hn::MulAdd(next.v1, sum34, pairs34));
            change = moved(w.v2, next.v2, change);
            next.v1 = shrunk(z.v1, lambda, hn::MulAdd(next.v2, sum34, pairs34));
        } else {
            next.v3 = shrunk(z.v3, lambda, hn::Mul(next.v1, next.v2));
            change = moved(w.v3, next.v3, change);
            next.v2 = shrunk(z.v2, lambda, hn::Mul(next.v1, next.v3));
            change = moved(w.v2, next.v2, change);
            next.v1 = shrunk(z.v1, lambda, hn::Mul(next.v2, next.v3));
        }
        change = moved(w.v1, next.v1, change);
        w = {hn::IfThenElse(going, next.v1, w.v1), hn::IfThenElse(going, next.v2, w.v2),
             hn::IfThenElse(going, next.v3, w.v3), hn::IfThenElse(going, next.v4, w.v4)};
        going = hn::And(going, hn::Gt(change, enough));
        if (hn::AllFalse(d, going)) break;
    }
    return w;
}

HWY_INLINE Vec squaredDistance(const Sorted& w, const Sorted& z) {
    const auto square = [](Vec a, Vec b) {
        const Vec difference = hn::Sub(a, b);
        return hn::Mul(difference, difference);
    };
    return hn::Add(hn::Add(square(w.v1, z.v1), square(w.v2, z.v2)),
                   hn::Add(square(w.v3, z.v3), square(w.v4, z.v4)));
}

/// Twice the objective, all magnitudes.
HWY_INLINE Vec objective(const Sorted& w, const Sorted& z, Vec lambda) {
    const Vec pairs12 = hn::Mul(w.v1, w.v2), pairs34 = hn::Mul(w.v3, w.v4);
    const Vec penalty = hn::MulAdd(pairs12, hn::Add(w.v3, w.v4), hn::Mul(pairs34, hn::Add(w.v1, w.v2)));
    return hn::MulAdd(hn::Add(lambda, lambda), penalty, squaredDistance(w, z));
}

HWY_INLINE Sorted least(const Sorted& z, Vec lambda) {
    const Tag d;
    const auto instead = [](auto where, const Sorted& yes, const Sorted& no) {
        return Sorted{hn::IfThenElse(where, yes.v1, no.v1), hn::IfThenElse(where, yes.v2, no.v2),
                      hn::IfThenElse(where, yes.v3, no.v3), hn::IfThenElse(where, yes.v4, no.v4)};
    };
    Sorted best{z.v1, z.v2, hn::Zero(d), hn::Zero(d)};
    Vec bestValue = objective(best, z, lambda);
    const Sorted three = alternating<false>(z, lambda);
    const Vec threeValue = objective(three, z, lambda);
    const auto better = hn::Lt(threeValue, bestValue);
    best = instead(better, three, best);
    bestValue = hn::IfThenElse(better, threeValue, bestValue);
    const Sorted four = alternating<true>(z, lambda);
    return instead(hn::Lt(objective(four, z, lambda), bestValue), four, best);
}

/// How many of the others come before a magnitude: the larger ones, and equal ones of a lower place.
HWY_INLINE Vec rank(Vec self, std::initializer_list<Vec> before, std::initializer_list<Vec> behind) {
    const Tag d;
    const Vec one = hn::Set(d, 1.0f);
    Vec count = hn::Zero(d);
    for (const Vec& other : before) count = hn::Add(count, hn::IfThenElseZero(hn::Ge(other, self), one));
    for (const Vec& other : behind) count = hn::Add(count, hn::IfThenElseZero(hn::Gt(other, self), one));
    return count;
}

HWY_INLINE Vec atRank(const Sorted& w, Vec rank) {
    const Tag d;
    return hn::IfThenElse(hn::Lt(rank, hn::Set(d, 1.5f)),
                          hn::IfThenElse(hn::Lt(rank, hn::Set(d, 0.5f)), w.v1, w.v2),
                          hn::IfThenElse(hn::Lt(rank, hn::Set(d, 2.5f)), w.v3, w.v4));
}

void proxVector(float* weights, float lambda) {
    const Tag d;
    Vec x0, x1, x2, x3;
    hn::LoadInterleaved4(d, weights, x0, x1, x2, x3);
    const Vec a = hn::Abs(x0), b = hn::Abs(x1), c = hn::Abs(x2), e = hn::Abs(x3);
    const Sorted w = least(sorted(a, b, c, e), hn::Set(d, lambda));
    const Vec y0 = atRank(w, rank(a, {}, {b, c, e})), y1 = atRank(w, rank(b, {a}, {c, e})),
              y2 = atRank(w, rank(c, {a, b}, {e})), y3 = atRank(w, rank(e, {a, b, c}, {}));
    hn::StoreInterleaved4(hn::CopySign(y0, x0), hn::CopySign(y1, x1), hn::CopySign(y2, x2),
                          hn::CopySign(y3, x3), d, weights);
}

void proxAll(float* weights, std::int64_t groups, float lambda) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(Tag()));
    const auto whole = groups / lanes;
#pragma omp parallel for schedule(static) if (whole > 256)
    for (std::int64_t i = 0; i < whole; ++i) proxVector(weights + 4 * lanes * i, lambda);
    if (const auto rest = groups - whole * lanes; rest > 0) {
        float padded[64] = {};
        std::copy(weights + 4 * lanes * whole, weights + 4 * groups, padded);
        proxVector(padded, lambda);
        std::copy(padded, padded + 4 * rest, weights + 4 * lanes * whole);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(proxAll);

void proxGroups(float* weights, std::int64_t groups, float lambda) {
    HWY_DYNAMIC_DISPATCH(proxAll)(weights, groups, lambda);
}

}  // namespace tessera::kernels
#endif
