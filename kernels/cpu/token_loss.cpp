// The loss at the head and its gradient, a row of logits at a time: the row stays in cache between its
// passes.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/token_loss.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
//
#include "kernels/cpu/gate_math-inl.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/token_loss.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

/// Logits whose exponentials are added up in f32 before they go into f64.
constexpr std::int64_t kPiece = 2048;
/// Differences from the row's maximum below this add nothing to a sum in f32.
constexpr float kLeast = -87.0f;

/// Calls `use(offset)` for whole groups of 16 logits in [first, first + size) and returns where the rest
/// begins.
template <typename Use>
HWY_INLINE std::int64_t overGroups(std::int64_t first, std::int64_t size, const Use& use) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
    std::int64_t i = first;
    for (; i + kCounters <= first + size; i += kCounters)
        for (std::int64_t at = 0; at < kCounters; at += lanes) use(i + at, at);
    return i;
}

inline float scalarOf(float value) {
    return value;
}
inline float scalarOf(std::uint16_t bits) {
    const std::uint32_t wide = std::uint32_t(bits) << 16;
    float value;
    __builtin_memcpy(&value, &wide, 4);
    return value;
}
inline void putScalar(float value, float* to) {
    *to = value;
}
inline void putScalar(float value, std::uint16_t* to) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, 4);
    *to = static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <typename T>
float greatest(const T* row, std::int64_t size) {
    const FloatTag d;
    alignas(64) float lanes[kCounters];
    std::fill(lanes, lanes + kCounters, -std::numeric_limits<float>::infinity());
    auto i = overGroups(0, size, [&](std::int64_t at, std::int64_t lane) {
        hn::Store(hn::Max(hn::Load(d, lanes + lane), loadFloats(row + at)), d, lanes + lane);
    });
    float best = *std::max_element(lanes, lanes + kCounters);
    for (; i < size; ++i) best = std::max(best, scalarOf(row[i]));
    return best;
}

HWY_INLINE FloatVec shiftedExp(FloatVec value, FloatVec top) {
    return expOf(hn::Max(hn::Sub(value, top), hn::Set(FloatTag(), kLeast)));
}

/// Sum of e^(x - top).
template <typename T>
double sumOfExponentials(const T* row, std::int64_t size, float top) {
    double sum = 0;
    const auto peak = hn::Set(FloatTag(), top);
    for (std::int64_t first = 0; first < size; first += kPiece) {
        LaneSums lanes;
        const auto piece = std::min(kPiece, size - first);
        auto i = overGroups(first, piece, [&](std::int64_t at, std::int64_t lane) {
            lanes.add(lane, shiftedExp(loadFloats(row + at), peak));
        });
        sum += lanes.total();
        for (; i < first + piece; ++i) sum += std::exp(std::max(scalarOf(row[i]) - top, kLeast));
    }
    return sum;
}

/// Sums of e^(t - top) and of e^(t - top) (t - s).
template <typename T>
void teacherSums(const T* teacher, const T* student, std::int64_t size, float top, double& sum,
                 double& weighted) {
    sum = weighted = 0;
    const auto peak = hn::Set(FloatTag(), top);
    for (std::int64_t first = 0; first < size; first += kPiece) {
        LaneSums plain, products;
        const auto piece = std::min(kPiece, size - first);
        auto i = overGroups(first, piece, [&](std::int64_t at, std::int64_t lane) {
            const auto t = loadFloats(teacher + at), e = shiftedExp(t, peak);
            const auto counts = hn::Gt(hn::Sub(t, peak), hn::Set(FloatTag(), kLeast));
            plain.add(lane, e);
            products.add(lane, hn::IfThenElseZero(counts, hn::Mul(e, hn::Sub(t, loadFloats(student + at)))));
        });
        sum += plain.total();
        weighted += products.total();
        for (; i < first + piece; ++i) {
            const float t = scalarOf(teacher[i]), e = std::exp(std::max(t - top, kLeast));
            sum += e;
            if (t - top > kLeast) weighted += static_cast<double>(e) * (t - scalarOf(student[i]));
        }
    }
}

struct RowWeights {
    float ownTop, ownScale, otherTop, otherScale;  ///< scale e^(s - top) minus scale e^(t - top)
};

template <typename T>
void writeGradient(const T* student, const T* teacher, T* gradient, std::int64_t size,
                   const RowWeights& weights) {
    const FloatTag d;
    const auto ownTop = hn::Set(d, weights.ownTop), ownScale = hn::Set(d, weights.ownScale);
    const auto otherTop = hn::Set(d, weights.otherTop), otherScale = hn::Set(d, weights.otherScale);
    auto i = overGroups(0, size, [&](std::int64_t at, std::int64_t) {
        auto value = hn::Mul(ownScale, shiftedExp(loadFloats(student + at), ownTop));
        // Not fused: a teacher equal to the student must leave exactly nothing.
        if (teacher)
            value = hn::Sub(value, hn::Mul(otherScale, shiftedExp(loadFloats(teacher + at), otherTop)));
        storeFloats(value, gradient + at);
    });
    for (; i < size; ++i) {
        float value = weights.ownScale * std::exp(std::max(scalarOf(student[i]) - weights.ownTop, kLeast));
        if (teacher)
            value -= weights.otherScale * std::exp(std::max(scalarOf(teacher[i]) - weights.otherTop, kLeast));
        putScalar(value, gradient + i);
    }
}

template <typename T>
TokenLossSums rowLoss(const T* student, const T* teacher, std::int64_t target, T* gradient, float* perToken,
                      std::int64_t vocabulary, float ceWeight, float klWeight, float scale) {
    TokenLossSums sums;
    const float top = greatest(student, vocabulary);
    const double sum = sumOfExponentials(student, vocabulary, top), logSum = top + std::log(sum);
    if (target < 0) ceWeight = 0.0f;
    const float atTarget = target < 0 ? 0.0f : scalarOf(student[target]);
    if (target >= 0) sums.crossEntropy = logSum - atTarget;
    if (perToken) *perToken = static_cast<float>(sums.crossEntropy);
    if (!teacher) klWeight = 0.0f;
    RowWeights weights{top, static_cast<float>(scale * (ceWeight + klWeight) / sum), 0.0f, 0.0f};
    if (teacher) {
        const float teacherTop = greatest(teacher, vocabulary);
        double teacherSum = 0, weighted = 0;
        teacherSums(teacher, student, vocabulary, teacherTop, teacherSum, weighted);
        sums.divergence = weighted / teacherSum - (teacherTop + std::log(teacherSum)) + logSum;
        weights.otherTop = teacherTop;
        weights.otherScale = static_cast<float>(scale * klWeight / teacherSum);
    }
    if (gradient) {
        const double ownAtTarget = weights.ownScale * std::exp(static_cast<double>(atTarget) - top);
        const double otherAtTarget =
            teacher && target >= 0
                ? weights.otherScale *
                      std::exp(static_cast<double>(scalarOf(teacher[target])) - weights.otherTop)
                : 0.0;
        writeGradient(student, teacher, gradient, vocabulary, weights);
        if (target >= 0)
            putScalar(static_cast<float>(ownAtTarget - otherAtTarget - static_cast<double>(scale) * ceWeight),
                      gradient + target);
    }
    return sums;
}

/// Rows whose sums are in memory at a time; they are added in order, whatever the threads.
constexpr std::int64_t kRowsAtOnce = 512;

template <typename T>
TokenLossSums loss(const T* student, const T* teacher, const std::int64_t* targets, T* gradient,
                   float* perToken, std::int64_t tokens, std::int64_t vocabulary, float ceWeight,
                   float klWeight, float scale) {
    TokenLossSums all;
    for (std::int64_t first = 0; first < tokens; first += kRowsAtOnce) {
        TokenLossSums sums[kRowsAtOnce];
        const auto count = std::min(kRowsAtOnce, tokens - first);
#pragma omp parallel for schedule(static)
        for (std::int64_t i = 0; i < count; ++i) {
            const auto token = first + i, at = token * vocabulary;
            sums[i] = rowLoss(student + at, teacher ? teacher + at : nullptr, targets[token],
                              gradient ? gradient + at : nullptr, perToken ? perToken + token : nullptr,
                              vocabulary, ceWeight, klWeight, scale);
        }
        for (std::int64_t i = 0; i < count; ++i) {
            all.crossEntropy += sums[i].crossEntropy;
            all.divergence += sums[i].divergence;
        }
    }
    return all;
}

using H = std::uint16_t;
TokenLossSums lossHalf(const H* s, const H* t, const std::int64_t* y, H* g, float* p, std::int64_t n,
                       std::int64_t v, float c, float k, float f) {
    return loss(s, t, y, g, p, n, v, c, k, f);
}
TokenLossSums lossFull(const float* s, const float* t, const std::int64_t* y, float* g, float* p,
                       std::int64_t n, std::int64_t v, float c, float k, float f) {
    return loss(s, t, y, g, p, n, v, c, k, f);
}

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(lossHalf);
HWY_EXPORT(lossFull);

using H = std::uint16_t;

TokenLossSums tokenLoss(const H* s, const H* t, const std::int64_t* y, H* g, float* p, std::int64_t n,
                        std::int64_t v, float c, float k, float f) {
    return HWY_DYNAMIC_DISPATCH(lossHalf)(s, t, y, g, p, n, v, c, k, f);
}
TokenLossSums tokenLoss(const float* s, const float* t, const std::int64_t* y, float* g, float* p,
                        std::int64_t n, std::int64_t v, float c, float k, float f) {
    return HWY_DYNAMIC_DISPATCH(lossFull)(s, t, y, g, p, n, v, c, k, f);
}
TokenLossSums tokenCrossEntropy(const H* s, const std::int64_t* y, float* p, std::int64_t n, std::int64_t v) {
    return HWY_DYNAMIC_DISPATCH(lossHalf)(s, nullptr, y, nullptr, p, n, v, 1.0f, 0.0f, 1.0f);
}
TokenLossSums tokenCrossEntropy(const float* s, const std::int64_t* y, float* p, std::int64_t n,
                                std::int64_t v) {
    return HWY_DYNAMIC_DISPATCH(lossFull)(s, nullptr, y, nullptr, p, n, v, 1.0f, 0.0f, 1.0f);
}

}  // namespace tessera::kernels
#endif
