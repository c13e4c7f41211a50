// The softmax of attention's rows, in place: only what a query sees is read.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/causal_softmax.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
//
#include "kernels/cpu/row_vectors-inl.h"

#include <algorithm>
#include <vector>

#include "kernels/cpu/causal_softmax.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

/// Calls `use(row, first, count)` for each row: where it begins, and the keys that its query sees.
template <typename Use>
void overRows(const CausalShape& shape, const Use& use) {
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < shape.rows; ++r) {
        const auto last = r % shape.queries + shape.offset;
        const auto first = shape.window > 0 ? std::max<std::int64_t>(0, last - shape.window + 1) : 0;
        use(r * shape.keys, first, last - first + 1);
    }
}

template <typename T>
void softmaxRows(T* scores, const CausalShape& shape) {
    overRows(shape, [&](std::int64_t at, std::int64_t first, std::int64_t count) {
        thread_local std::vector<float> weights;
        if (static_cast<std::int64_t>(weights.size()) < count)
            weights.resize(static_cast<std::size_t>(shape.keys));
        T* row = scores + at;
        std::fill(row, row + first, T(0));
        softmaxRow(row + first, weights.data(), count);
        std::fill(row + first + count, row + shape.keys, T(0));
    });
}

template <typename T>
void gradientRows(const T* probabilities, T* gradient, const CausalShape& shape) {
    const FloatTag d;
    overRows(shape, [&](std::int64_t at, std::int64_t first, std::int64_t count) {
        const T* p = probabilities + at + first;
        T* g = gradient + at + first;
        auto sum = hn::Zero(d);
        overVectors(count, [&](auto part) { sum = hn::MulAdd(part.load(p), part.load(g), sum); });
        const auto mean = hn::SumOfLanes(d, sum);
        overVectors(count,
                    [&](auto part) { part.store(hn::Mul(part.load(p), hn::Sub(part.load(g), mean)), g); });
        std::fill(gradient + at, g, T(0));
        std::fill(g + count, gradient + at + shape.keys, T(0));
    });
}

using H = std::uint16_t;
void softmaxHalf(H* scores, const CausalShape& shape) {
    softmaxRows(scores, shape);
}
void softmaxFull(float* scores, const CausalShape& shape) {
    softmaxRows(scores, shape);
}
void gradientHalf(const H* probabilities, H* gradient, const CausalShape& shape) {
    gradientRows(probabilities, gradient, shape);
}
void gradientFull(const float* probabilities, float* gradient, const CausalShape& shape) {
    gradientRows(probabilities, gradient, shape);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(softmaxHalf);
HWY_EXPORT(softmaxFull);
HWY_EXPORT(gradientHalf);
HWY_EXPORT(gradientFull);

void causalSoftmax(std::uint16_t* scores, const CausalShape& shape) {
    HWY_DYNAMIC_DISPATCH(softmaxHalf)(scores, shape);
}
void causalSoftmax(float* scores, const CausalShape& shape) {
    HWY_DYNAMIC_DISPATCH(softmaxFull)(scores, shape);
}
void causalSoftmaxGradient(const std::uint16_t* probabilities, std::uint16_t* gradient,
                           const CausalShape& shape) {
    HWY_DYNAMIC_DISPATCH(gradientHalf)(probabilities, gradient, shape);
}
void causalSoftmaxGradient(const float* probabilities, float* gradient, const CausalShape& shape) {
    HWY_DYNAMIC_DISPATCH(gradientFull)(probabilities, gradient, shape);
}

}  // namespace tessera::kernels
#endif
