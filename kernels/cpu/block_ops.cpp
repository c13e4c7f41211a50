// A row of a block's activations at a time: read once or twice, the second time from cache.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/block_ops.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
//
#include "kernels/cpu/row_vectors-inl.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/block_ops.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

template <typename T, typename W>
void normRow(const T* x, const W* weight, T* y, float* scale, std::int64_t width, float eps) {
    const FloatTag d;
    auto sum = hn::Zero(d);
    overVectors(width, [&](auto at) {
        const auto value = at.load(x);
        sum = hn::MulAdd(value, value, sum);
    });
    const float mean = hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(width);
    const float factor = 1.0f / std::sqrt(mean + eps);
    if (scale) *scale = factor;
    const auto times = hn::Set(d, factor);
    overVectors(width, [&](auto at) {
        auto value = hn::Mul(at.load(x), times);
        if constexpr (sizeof(T) == sizeof(W)) value = rounded<T>(value);
        at.store(hn::Mul(at.load(weight), value), y);
    });
}

template <typename T, typename W>
void normGradientRow(const T* x, const W* weight, float scale, const T* gradY, T* gradX, std::int64_t width) {
    const FloatTag d;
    auto sum = hn::Zero(d);
    overVectors(
        width, [&](auto at) { sum = hn::MulAdd(hn::Mul(at.load(weight), at.load(gradY)), at.load(x), sum); });
    const float mean = hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(width);
    const auto along = hn::Set(d, scale * scale * mean), times = hn::Set(d, scale);
    overVectors(width, [&](auto at) {
        const auto own = hn::Mul(at.load(weight), at.load(gradY));
        at.store(hn::Mul(times, hn::NegMulAdd(at.load(x), along, own)), gradX);
    });
}

template <typename T, typename W>
void normRows(const T* x, const W* weight, T* y, float* scales, std::int64_t rows, std::int64_t width,
              float eps) {
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < rows; ++r)
        normRow(x + r * width, weight, y + r * width, scales ? scales + r : nullptr, width, eps);
}

template <typename T, typename W>
void normGradientRows(const T* x, const W* weight, const float* scales, const T* gradY, T* gradX,
                      std::int64_t rows, std::int64_t width) {
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < rows; ++r)
        normGradientRow(x + r * width, weight, scales[r], gradY + r * width, gradX + r * width, width);
}

/// 1 / (1 + e^-x), e^-x bounded.
HWY_INLINE FloatVec sigmoidOf(FloatVec x) {
    const FloatTag d;
    const auto one = hn::Set(d, 1.0f), most = hn::Set(d, 87.0f);
    return hn::Div(one, hn::Add(one, expOf(hn::Max(hn::Min(hn::Neg(x), most), hn::Neg(most)))));
}

/// An activation and its slope at x.
struct Opened {
    FloatVec value, slope;
};
template <Gating gating>
HWY_INLINE Opened opened(FloatVec x) {
    const FloatTag d;
    const auto one = hn::Set(d, 1.0f);
    if constexpr (gating == Gating::Silu) {
        const auto s = sigmoidOf(x);
        return {hn::Mul(x, s), hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one))};
    } else {
        // x (1 + tanh z) / 2 with z = sqrt(2 / pi) (x + 0.044715 x^3); (1 + tanh z) / 2 is the sigmoid of 2
        // z.
        const auto square = hn::Mul(x, x);
        const auto root = hn::Set(d, 1.5957691216057308f);
        const auto twice = hn::Mul(hn::Mul(root, x), hn::MulAdd(hn::Set(d, 0.044715f), square, one));
        const auto s = sigmoidOf(twice);
        const auto inner = hn::Mul(root, hn::MulAdd(hn::Set(d, 0.134145f), square, one));
        return {hn::Mul(x, s), hn::MulAdd(hn::Mul(hn::Mul(x, s), hn::Sub(one, s)), inner, s)};
    }
}

template <Gating gating, typename T>
void gatedRows(const T* gateUp, T* y, std::int64_t rows, std::int64_t width) {
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < rows; ++r) {
        const T *gate = gateUp + r * 2 * width, *up = gate + width;
        overVectors(width, [&](auto at) {
            at.store(hn::Mul(rounded<T>(opened<gating>(at.load(gate)).value), at.load(up)), y + r * width);
        });
    }
}

template <Gating gating, typename T>
void gatedGradientRows(const T* gateUp, const T* gradY, T* gradGateUp, std::int64_t rows,
                       std::int64_t width) {
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < rows; ++r) {
        const T *gate = gateUp + r * 2 * width, *up = gate + width, *grad = gradY + r * width;
        T *gradGate = gradGateUp + r * 2 * width, *gradUp = gradGate + width;
        overVectors(width, [&](auto at) {
            const auto open = opened<gating>(at.load(gate));
            const auto g = at.load(grad);
            at.store(hn::Mul(hn::Mul(g, at.load(up)), open.slope), gradGate);
            at.store(hn::Mul(g, rounded<T>(open.value)), gradUp);
        });
    }
}

/// One head of one token, turned; `sign` -1 turns it back.
template <typename T>
HWY_INLINE void turnHead(const T* from, const T* cos, const T* sin, T* to, std::int64_t dim, float sign) {
    const auto half = dim / 2;
    const auto way = hn::Set(FloatTag(), sign);
    // The tables repeat themselves in their second half.
    overVectors(half, [&](auto at) {
        const auto first = at.load(from), second = at.load(from + half);
        const auto c = at.load(cos), s = hn::Mul(at.load(sin), way);
        at.store(hn::Sub(rounded<T>(hn::Mul(first, c)), rounded<T>(hn::Mul(second, s))), to);
        at.store(hn::Add(rounded<T>(hn::Mul(second, c)), rounded<T>(hn::Mul(first, s))), to + half);
    });
}

/// Calls `use(joined, apart, token, kind)` for each head of each token: where it begins in the projection and
/// in its own array.
template <typename Use>
void overHeads(const HeadShape& shape, const Use& use) {
    const auto all = shape.heads + 2 * shape.kvHeads;
#pragma omp parallel for schedule(static)
    for (std::int64_t row = 0; row < shape.batch * shape.tokens; ++row) {
        const auto batch = row / shape.tokens, token = row % shape.tokens;
        const auto apart = [&](std::int64_t head, std::int64_t count) {
            return ((batch * count + head) * shape.tokens + token) * shape.dim;
        };
        for (std::int64_t head = 0; head < all; ++head) {
            const auto joined = (row * all + head) * shape.dim;
            if (head < shape.heads)
                use(joined, apart(head, shape.heads), token, 0);
            else if (head < shape.heads + shape.kvHeads)
                use(joined, apart(head - shape.heads, shape.kvHeads), token, 1);
            else
                use(joined, apart(head - shape.heads - shape.kvHeads, shape.kvHeads), token, 2);
        }
    }
}

template <typename T>
void turn(const T* projected, const T* cos, const T* sin, T* query, T* key, T* value,
          const HeadShape& shape) {
    T* const arrays[3] = {query, key, value};
    overHeads(shape, [&](std::int64_t joined, std::int64_t apart, std::int64_t token, int kind) {
        if (kind == 2)
            std::copy_n(projected + joined, shape.dim, value + apart);
        else
            turnHead(projected + joined, cos + token * shape.dim, sin + token * shape.dim,
                     arrays[kind] + apart, shape.dim, 1.0f);
    });
}

template <typename T>
void turnBack(const T* gradQuery, const T* gradKey, const T* gradValue, const T* cos, const T* sin,
              T* gradProjected, const HeadShape& shape) {
    const T* const arrays[3] = {gradQuery, gradKey, gradValue};
    overHeads(shape, [&](std::int64_t joined, std::int64_t apart, std::int64_t token, int kind) {
        if (kind == 2)
            std::copy_n(gradValue + apart, shape.dim, gradProjected + joined);
        else
            turnHead(arrays[kind] + apart, cos + token * shape.dim, sin + token * shape.dim,
                     gradProjected + joined, shape.dim, -1.0f);
    });
}

using H = std::uint16_t;
void normHalf(const H* x, const H* w, H* y, float* s, std::int64_t rows, std::int64_t width, float eps) {
    normRows(x, w, y, s, rows, width, eps);
}
void normWide(const H* x, const float* w, H* y, float* s, std::int64_t rows, std::int64_t width, float eps) {
    normRows(x, w, y, s, rows, width, eps);
}
void normFull(const float* x, const float* w, float* y, float* s, std::int64_t rows, std::int64_t width,
              float eps) {
    normRows(x, w, y, s, rows, width, eps);
}
void normGradientHalf(const H* x, const H* w, const float* s, const H* gy, H* gx, std::int64_t rows,
                      std::int64_t width) {
    normGradientRows(x, w, s, gy, gx, rows, width);
}
void normGradientWide(const H* x, const float* w, const float* s, const H* gy, H* gx, std::int64_t rows,
                      std::int64_t width) {
    normGradientRows(x, w, s, gy, gx, rows, width);
}
void normGradientFull(const float* x, const float* w, const float* s, const float* gy, float* gx,
                      std::int64_t rows, std::int64_t width) {
    normGradientRows(x, w, s, gy, gx, rows, width);
}
template <typename T>
void gatedOf(const T* gateUp, T* y, std::int64_t rows, std::int64_t width, Gating gating) {
    if (gating == Gating::Silu)
        gatedRows<Gating::Silu>(gateUp, y, rows, width);
    else
        gatedRows<Gating::GeluTanh>(gateUp, y, rows, width);
}
template <typename T>
void gatedGradientOf(const T* gateUp, const T* gy, T* gx, std::int64_t rows, std::int64_t width,
                     Gating gating) {
    if (gating == Gating::Silu)
        gatedGradientRows<Gating::Silu>(gateUp, gy, gx, rows, width);
    else
        gatedGradientRows<Gating::GeluTanh>(gateUp, gy, gx, rows, width);
}
void gatedHalf(const H* x, H* y, std::int64_t rows, std::int64_t width, Gating gating) {
    gatedOf(x, y, rows, width, gating);
}
void gatedFull(const float* x, float* y, std::int64_t rows, std::int64_t width, Gating gating) {
    gatedOf(x, y, rows, width, gating);
}
void gatedGradientHalf(const H* x, const H* gy, H* gx, std::int64_t rows, std::int64_t width, Gating gating) {
    gatedGradientOf(x, gy, gx, rows, width, gating);
}
void gatedGradientFull(const float* x, const float* gy, float* gx, std::int64_t rows, std::int64_t width,
                       Gating gating) {
    gatedGradientOf(x, gy, gx, rows, width, gating);
}
void turnHalf(const H* p, const H* c, const H* s, H* q, H* k, H* v, const HeadShape& shape) {
    turn(p, c, s, q, k, v, shape);
}
void turnFull(const float* p, const float* c, const float* s, float* q, float* k, float* v,
              const HeadShape& shape) {
    turn(p, c, s, q, k, v, shape);
}
void turnBackHalf(const H* q, const H* k, const H* v, const H* c, const H* s, H* p, const HeadShape& shape) {
    turnBack(q, k, v, c, s, p, shape);
}
void turnBackFull(const float* q, const float* k, const float* v, const float* c, const float* s, float* p,
                  const HeadShape& shape) {
    turnBack(q, k, v, c, s, p, shape);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(normHalf);
HWY_EXPORT(normWide);
HWY_EXPORT(normFull);
HWY_EXPORT(normGradientHalf);
HWY_EXPORT(normGradientWide);
HWY_EXPORT(normGradientFull);
HWY_EXPORT(gatedHalf);
HWY_EXPORT(gatedFull);
HWY_EXPORT(gatedGradientHalf);
HWY_EXPORT(gatedGradientFull);
HWY_EXPORT(turnHalf);
HWY_EXPORT(turnFull);
HWY_EXPORT(turnBackHalf);
HWY_EXPORT(turnBackFull);

using H = std::uint16_t;

void rmsNorm(const H* x, const H* weight, H* y, float* scales, std::int64_t rows, std::int64_t width,
             float eps) {
    HWY_DYNAMIC_DISPATCH(normHalf)(x, weight, y, scales, rows, width, eps);
}
void rmsNorm(const float* x, const float* weight, float* y, float* scales, std::int64_t rows,
             std::int64_t width, float eps) {
    HWY_DYNAMIC_DISPATCH(normFull)(x, weight, y, scales, rows, width, eps);
}
void rmsNorm(const H* x, const float* weight, H* y, float* scales, std::int64_t rows, std::int64_t width,
             float eps) {
    HWY_DYNAMIC_DISPATCH(normWide)(x, weight, y, scales, rows, width, eps);
}
void rmsNormGradient(const H* x, const H* weight, const float* scales, const H* gradY, H* gradX,
                     std::int64_t rows, std::int64_t width) {
    HWY_DYNAMIC_DISPATCH(normGradientHalf)(x, weight, scales, gradY, gradX, rows, width);
}
void rmsNormGradient(const float* x, const float* weight, const float* scales, const float* gradY,
                     float* gradX, std::int64_t rows, std::int64_t width) {
    HWY_DYNAMIC_DISPATCH(normGradientFull)(x, weight, scales, gradY, gradX, rows, width);
}
void rmsNormGradient(const H* x, const float* weight, const float* scales, const H* gradY, H* gradX,
                     std::int64_t rows, std::int64_t width) {
    HWY_DYNAMIC_DISPATCH(normGradientWide)(x, weight, scales, gradY, gradX, rows, width);
}
void gatedUnit(const H* gateUp, H* y, std::int64_t rows, std::int64_t width, Gating gating) {
    HWY_DYNAMIC_DISPATCH(gatedHalf)(gateUp, y, rows, width, gating);
}
void gatedUnit(const float* gateUp, float* y, std::int64_t rows, std::int64_t width, Gating gating) {
    HWY_DYNAMIC_DISPATCH(gatedFull)(gateUp, y, rows, width, gating);
}
void gatedUnitGradient(const H* gateUp, const H* gradY, H* gradGateUp, std::int64_t rows, std::int64_t width,
                       Gating gating) {
    HWY_DYNAMIC_DISPATCH(gatedGradientHalf)(gateUp, gradY, gradGateUp, rows, width, gating);
}
void gatedUnitGradient(const float* gateUp, const float* gradY, float* gradGateUp, std::int64_t rows,
                       std::int64_t width, Gating gating) {
    HWY_DYNAMIC_DISPATCH(gatedGradientFull)(gateUp, gradY, gradGateUp, rows, width, gating);
}
void turnHeads(const H* projected, const H* cos, const H* sin, H* query, H* key, H* value,
               const HeadShape& shape) {
    HWY_DYNAMIC_DISPATCH(turnHalf)(projected, cos, sin, query, key, value, shape);
}
void turnHeads(const float* projected, const float* cos, const float* sin, float* query, float* key,
               float* value, const HeadShape& shape) {
    HWY_DYNAMIC_DISPATCH(turnFull)(projected, cos, sin, query, key, value, shape);
}
void turnHeadsGradient(const H* gradQuery, const H* gradKey, const H* gradValue, const H* cos, const H* sin,
                       H* gradProjected, const HeadShape& shape) {
    HWY_DYNAMIC_DISPATCH(turnBackHalf)(gradQuery, gradKey, gradValue, cos, sin, gradProjected, shape);
}
void turnHeadsGradient(const float* gradQuery, const float* gradKey, const float* gradValue, const float* cos,
                       const float* sin, float* gradProjected, const HeadShape& shape) {
    HWY_DYNAMIC_DISPATCH(turnBackFull)(gradQuery, gradKey, gradValue, cos, sin, gradProjected, shape);
}

}  // namespace tessera::kernels
#endif
