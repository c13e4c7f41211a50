// Rows of any width in vectors: whole ones and a part of one at the end. Included by Highway's foreach_target
// sources only.
#if defined(TESSERA_ROW_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_ROW_VECTORS_INL_H_
#undef TESSERA_ROW_VECTORS_INL_H_
#else
#define TESSERA_ROW_VECTORS_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "kernels/cpu/gate_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

/// What a T holds of a value, as f32: bf16 rounds to nearest even.
template <typename T>
HWY_INLINE FloatVec rounded(FloatVec value) {
    if constexpr (sizeof(T) == sizeof(float)) {
        return value;
    } else {
        const WordTag words;
        const auto bits = hn::BitCast(words, value);
        const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1));
        const auto up = hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7fff)));
        return hn::BitCast(FloatTag(), hn::And(up, hn::Set(words, 0xffff0000u)));
    }
}

/// The elements of a row from `first` on, a vector of them.
struct WholeVector {
    std::int64_t first;

    template <typename T>
    HWY_INLINE FloatVec load(const T* row) const {
        return loadFloats(row + first);
    }
    template <typename T>
    HWY_INLINE void store(FloatVec value, T* row) const {
        storeFloats(value, row + first);
    }
    /// `value` where there are elements, `other` elsewhere.
    HWY_INLINE FloatVec orElse(FloatVec value, FloatVec) const { return value; }
};

/// The last `count` elements, fewer than a vector holds; the lanes behind them are loaded as 0.
struct PartVector {
    std::int64_t first, count;

    template <typename T>
    HWY_INLINE FloatVec load(const T* row) const {
        T lanes[kCounters] = {};
        std::copy_n(row + first, count, lanes);
        return loadFloats(lanes);
    }
    template <typename T>
    HWY_INLINE void store(FloatVec value, T* row) const {
        T lanes[kCounters];
        storeFloats(value, lanes);
        std::copy_n(lanes, count, row + first);
    }
    HWY_INLINE FloatVec orElse(FloatVec value, FloatVec other) const {
        return hn::IfThenElse(hn::FirstN(FloatTag(), static_cast<std::size_t>(count)), value, other);
    }
};

/// Calls `use` with a WholeVector for each whole vector of a row and with a PartVector for what is left.
template <typename Use>
HWY_INLINE void overVectors(std::int64_t width, const Use& use) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
    std::int64_t i = 0;
    for (; i + lanes <= width; i += lanes) use(WholeVector{i});
    if (i < width) use(PartVector{i, width - i});
}

/// Softmax of a row; a score that is not finite makes the whole row NaN, so that what is made of it shows it.
/// `weights` [width] is scratch; the row itself where that is f32.
template <typename T>
HWY_INLINE void softmaxRow(T* row, float* weights, std::int64_t width) {
    const FloatTag d;
    const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity()), zero = hn::Zero(d);
    auto most = lowest;
    overVectors(width, [&](auto at) { most = hn::Max(most, at.orElse(at.load(row), lowest)); });
    const auto top = hn::MaxOfLanes(d, most), least = hn::Set(d, -87.0f);
    auto sum = zero;
    overVectors(width, [&](auto at) {
        const auto score = at.load(row);
        const auto weight = hn::MulAdd(score, zero, expOf(hn::Max(hn::Sub(score, top), least)));
        at.store(weight, weights);
        sum = hn::Add(sum, at.orElse(weight, zero));
    });
    const auto share = hn::Div(hn::Set(d, 1.0f), hn::SumOfLanes(d, sum));
    overVectors(width, [&](auto at) { at.store(hn::Mul(at.load(weights), share), row); });
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#endif
