// Attention of one token over keys and values that are kept. A key is read once for all heads that share it;
// of the values a vector's width is read at a time, so that what is summed stays in registers.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/cached_attention.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
//
#include "kernels/cpu/row_vectors-inl.h"

#include <cmath>

#include "kernels/cpu/cached_attention.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

template <typename T>
void scoreKeys(const float* query, const T* keys, float* scores, const CachedShape& shape) {
    const FloatTag d;
    for (std::int64_t t = 0; t < shape.keys; ++t) {
        const T* key = keys + t * shape.stride;
        for (std::int64_t head = 0; head < shape.heads; ++head) {
            const float* own = query + head * shape.dim;
            auto sum = hn::Zero(d);
            overVectors(shape.dim, [&](auto at) { sum = hn::MulAdd(at.load(own), at.load(key), sum); });
            float score = shape.scale * hn::GetLane(hn::SumOfLanes(d, sum));
            if (shape.cap != 0) score = shape.cap * std::tanh(score / shape.cap);
            scores[head * shape.keys + t] = score;
        }
    }
}

template <typename T>
void sumValues(const float* shares, const T* values, float* out, const CachedShape& shape) {
    const FloatTag d;
    overVectors(shape.dim, [&](auto at) {
        std::int64_t head = 0;
        for (; head + 3 <= shape.heads; head += 3) {
            const float* share = shares + head * shape.keys;
            auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d);
            for (std::int64_t t = 0; t < shape.keys; ++t) {
                const auto value = at.load(values + t * shape.stride);
                a = hn::MulAdd(hn::Set(d, share[t]), value, a);
                b = hn::MulAdd(hn::Set(d, share[shape.keys + t]), value, b);
                c = hn::MulAdd(hn::Set(d, share[2 * shape.keys + t]), value, c);
            }
            at.store(a, out + head * shape.dim);
            at.store(b, out + (head + 1) * shape.dim);
            at.store(c, out + (head + 2) * shape.dim);
        }
        for (; head < shape.heads; ++head) {
            const float* share = shares + head * shape.keys;
            auto sum = hn::Zero(d);
            for (std::int64_t t = 0; t < shape.keys; ++t)
                sum = hn::MulAdd(hn::Set(d, share[t]), at.load(values + t * shape.stride), sum);
            at.store(sum, out + head * shape.dim);
        }
    });
}

template <typename T>
void attend(const float* query, const T* keys, const T* values, float* scores, float* out,
            const CachedShape& shape) {
    scoreKeys(query, keys, scores, shape);
    for (std::int64_t head = 0; head < shape.heads; ++head) {
        float* row = scores + head * shape.keys;
        softmaxRow(row, row, shape.keys);
    }
    sumValues(scores, values, out, shape);
}

using H = std::uint16_t;
void attendFull(const float* query, const float* keys, const float* values, float* scores, float* out,
                const CachedShape& shape) {
    attend(query, keys, values, scores, out, shape);
}
void attendHalf(const float* query, const H* keys, const H* values, float* scores, float* out,
                const CachedShape& shape) {
    attend(query, keys, values, scores, out, shape);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(attendFull);
HWY_EXPORT(attendHalf);

void cachedAttention(const float* query, const float* keys, const float* values, float* scores, float* out,
                     const CachedShape& shape) {
    HWY_DYNAMIC_DISPATCH(attendFull)(query, keys, values, scores, out, shape);
}
void cachedAttention(const float* query, const std::uint16_t* keys, const std::uint16_t* values,
                     float* scores, float* out, const CachedShape& shape) {
    HWY_DYNAMIC_DISPATCH(attendHalf)(query, keys, values, scores, out, shape);
}

}  // namespace tessera::kernels
#endif
