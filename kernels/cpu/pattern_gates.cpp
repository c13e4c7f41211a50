// MaskLLM's gates and PATCH-Joint's (methods.md 7 and 8.2): a softmax over the ways to keep N of M weights, a
// vector holding as many groups; one pass over weights and logits forwards, one backwards.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pattern_gates.cpp"
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

/// What one weight of each of a chunk's groups is.
using Plane = float[kChunk];

/// 2:4, all loops of known length.
struct TwoFour {
    static constexpr int kPatterns = 6, kGroup = 4;
    static constexpr std::uint8_t kPlaces[6][2] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
    static constexpr int patterns() { return kPatterns; }
    static constexpr int group() { return kGroup; }
    static constexpr int keep() { return 2; }
    static constexpr int place(int pattern, int i) { return kPlaces[pattern][i]; }

    /// A chunk's weights to planes and back.
    template <typename W>
    static void split(const W* from, Plane* planes) {
        const FloatTag d;
        const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
        for (std::int64_t at = 0; at < kChunk; at += lanes) {
            alignas(64) float line[4 * kCounters];
            for (std::int64_t i = 0; i < 4; ++i)
                storeFloats(loadFloats(from + 4 * at + i * lanes), line + i * lanes);
            FloatVec a, b, c, e;
            hn::LoadInterleaved4(d, line, a, b, c, e);
            storeFloats(a, planes[0] + at);
            storeFloats(b, planes[1] + at);
            storeFloats(c, planes[2] + at);
            storeFloats(e, planes[3] + at);
        }
    }
    template <typename W>
    static void join(const Plane* planes, W* to) {
        const FloatTag d;
        const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
        for (std::int64_t at = 0; at < kChunk; at += lanes) {
            alignas(64) float line[4 * kCounters];
            hn::StoreInterleaved4(loadFloats(planes[0] + at), loadFloats(planes[1] + at),
                                  loadFloats(planes[2] + at), loadFloats(planes[3] + at), d, line);
            for (std::int64_t i = 0; i < 4; ++i)
                storeFloats(loadFloats(line + i * lanes), to + 4 * at + i * lanes);
        }
    }
};

/// Any N:M that has few enough patterns.
struct AnyPattern {
    static constexpr int kPatterns = kMostPatterns, kGroup = kMostGroup;
    PatternTable table;
    int size;
    explicit AnyPattern(const PatternGeometry& geometry)
        : table(patternTable(geometry.keep, geometry.group)), size(geometry.group) {}
    int patterns() const { return table.count; }
    int group() const { return size; }
    int keep() const { return table.keep; }
    int place(int pattern, int i) const {
        return table.places[static_cast<std::size_t>(pattern)][static_cast<std::size_t>(i)];
    }

    template <typename W>
    void split(const W* from, Plane* planes) const {
        const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
        float line[kChunk * kMostGroup];
        for (std::int64_t i = 0; i < kChunk * size; i += lanes) storeFloats(loadFloats(from + i), line + i);
        for (std::int64_t g = 0; g < kChunk; ++g)
            for (int i = 0; i < size; ++i) planes[i][g] = line[g * size + i];
    }
    template <typename W>
    void join(const Plane* planes, W* to) const {
        const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
        float line[kChunk * kMostGroup];
        for (std::int64_t g = 0; g < kChunk; ++g)
            for (int i = 0; i < size; ++i) line[g * size + i] = planes[i][g];
        for (std::int64_t i = 0; i < kChunk * size; i += lanes) storeFloats(loadFloats(line + i), to + i);
    }
};

/// The draw of a vector of groups.
template <typename Shape>
struct Shares {
    FloatVec soft[Shape::kPatterns];  ///< the softmax
    FloatVec likeliest;               ///< the number of its largest, the first of equals

    /// `logits` of the first pattern, the next one's `stride` behind it; `noise[p][word]`.
    HWY_INLINE Shares(const Shape& shape, const float* logits, std::int64_t stride, const WordVec (*noise)[4],
                      int word, const GateConstants& gate) {
        const FloatTag d;
        const auto kappa = hn::Set(d, gate.kappa), inverseTau = hn::Set(d, gate.inverseTau);
        auto most = hn::Set(d, -2 * kMostScore);
        likeliest = hn::Zero(d);
        for (int p = 0; p < shape.patterns(); ++p) {
            auto score = hn::MulAdd(kappa, loadFloats(logits + p * stride), gumbelOf(noise[p][word]));
            score = hn::Min(hn::Max(score, hn::Set(d, -kMostScore)), hn::Set(d, kMostScore));
            likeliest = hn::IfThenElse(hn::Gt(score, most), hn::Set(d, static_cast<float>(p)), likeliest);
            most = hn::Max(most, score);
            soft[p] = score;
        }
        auto sum = hn::Zero(d);
        for (int p = 0; p < shape.patterns(); ++p) {
            const auto argument = hn::Mul(hn::Sub(soft[p], most), inverseTau);
            soft[p] = expOf(hn::Max(argument, hn::Set(d, -kMostArgument)));
            sum = hn::Add(sum, soft[p]);
        }
        const auto scale = hn::Div(hn::Set(d, 1.0f), sum);
        for (int p = 0; p < shape.patterns(); ++p) soft[p] = hn::Mul(soft[p], scale);
    }

    /// 1 where the pattern is the likeliest, else 0.
    HWY_INLINE FloatVec isLikeliest(int pattern) const {
        const FloatTag d;
        return hn::IfThenElseZero(hn::Eq(likeliest, hn::Set(d, static_cast<float>(pattern))),
                                  hn::Set(d, 1.0f));
    }
    /// What the patterns make of each weight.
    HWY_INLINE void masks(const Shape& shape, bool hard, FloatVec* mask) const {
        for (int i = 0; i < shape.group(); ++i) mask[i] = hn::Zero(FloatTag());
        for (int p = 0; p < shape.patterns(); ++p) {
            const auto share = hard ? isLikeliest(p) : soft[p];
            for (int i = 0; i < shape.keep(); ++i) {
                auto& of = mask[shape.place(p, i)];
                of = hn::Add(of, share);
            }
        }
    }
};

/// The gates of a chunk's groups' tiles; none are zeros.
void tilesOfChunk(const PatternGates& gates, std::int64_t first, std::int64_t count, float* to) {
    std::fill(to, to + kChunk, 0.0f);
    if (!gates.tileGates) return;
    const auto& tiles = gates.tiles;
    for (std::int64_t i = 0; i < count;) {
        const auto element = (first + i) * gates.geometry.group, row = element / tiles.cols,
                   col = element % tiles.cols, tile = col / tiles.tileCols;
        // Up to the tile's edge, or to the row's.
        const auto right = std::min((tile + 1) * tiles.tileCols, tiles.cols);
        const auto run = std::min(count - i, (right - col) / gates.geometry.group);
        std::fill(to + i, to + i + run, gates.tileGates[row / tiles.tileRows * tiles.gridCols() + tile]);
        i += run;
    }
}

/// The noise of all patterns for the chunk's groups 16 k + at and the following, k = 0..3.
template <typename Shape>
HWY_INLINE void noiseOf(const Shape& shape, std::int64_t chunk, std::int64_t at, const NoiseKey& key,
                        WordVec (*noise)[4]) {
    for (int p = 0; p < shape.patterns(); ++p) noiseAt(chunk * shape.patterns() + p, at, key, noise[p]);
}

struct BlockSums {
    LaneSums masks, squares, gradients;
    void addTo(GateSums& sums) const {
        sums.gate += masks.total();
        sums.squaredMasked += squares.total();
        sums.squaredGradient += gradients.total();
    }
};

/// `planes` are the weights before, the masked weights after.
template <typename Shape>
void forwardChunk(const Shape& shape, Plane* planes, const float* logits, std::int64_t stride,
                  std::int64_t chunk, std::int64_t count, const PatternGates& gates, BlockSums& sums) {
    const FloatTag d;
    const GateConstants gate(gates.gate);
    alignas(64) float tiles[kChunk];
    tilesOfChunk(gates, chunk * kChunk, count, tiles);
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (std::int64_t at = 0; at < kCounters; at += lanes) {
        WordVec noise[Shape::kPatterns][4];
        noiseOf(shape, chunk, at, gates.noise, noise);
        for (int word = 0; word < 4; ++word) {
            const auto group = word * kCounters + at;
            FloatVec soft[Shape::kGroup];
            Shares<Shape>(shape, logits + group, stride, noise, word, gate).masks(shape, gate.hard, soft);
            const auto tile = loadFloats(tiles + group), shut = hn::Sub(hn::Set(d, 1.0f), tile);
            const auto inside =
                hn::Lt(hn::Iota(d, static_cast<float>(group)), hn::Set(d, static_cast<float>(count)));
            auto masks = hn::Zero(d), squares = hn::Zero(d);
            for (int i = 0; i < shape.group(); ++i) {
                const auto mask = hn::MulAdd(shut, soft[i], tile);
                const auto masked = hn::Mul(mask, loadFloats(planes[i] + group));
                storeFloats(masked, planes[i] + group);
                masks = hn::Add(masks, mask);
                squares = hn::MulAdd(masked, masked, squares);
            }
            sums.masks.add(at, hn::IfThenElseZero(inside, masks));
            sums.squares.add(at, squares);
        }
    }
}

/// `use(pattern, group, logits, gradient)` takes each vector of gradients; the groups' shares of their tiles'
/// go to `slopes`, where there are any.
template <typename Shape, typename Use>
void backwardChunk(const Shape& shape, const Plane* weights, const Plane* gradMasked, const float* logits,
                   std::int64_t stride, std::int64_t chunk, std::int64_t count, const PatternGates& gates,
                   const GateRegularisers& regularisers, float* slopes, BlockSums& sums, const Use& use) {
    const FloatTag d;
    const GateConstants gate(gates.gate);
    const auto outer = hn::Set(d, gates.gate.kappa / gates.gate.tau), pull = hn::Set(d, regularisers.weight);
    // A group's soft masks sum to N: the density's gradient goes to its tile alone.
    const auto density = hn::Set(d, regularisers.density * static_cast<float>(shape.group() - shape.keep()));
    alignas(64) float tiles[kChunk];
    tilesOfChunk(gates, chunk * kChunk, count, tiles);
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (std::int64_t at = 0; at < kCounters; at += lanes) {
        WordVec noise[Shape::kPatterns][4];
        noiseOf(shape, chunk, at, gates.noise, noise);
        for (int word = 0; word < 4; ++word) {
            const auto group = word * kCounters + at;
            const Shares<Shape> shares(shape, logits + group, stride, noise, word, gate);
            FloatVec soft[Shape::kGroup], slope[Shape::kGroup];
            shares.masks(shape, gate.hard, soft);
            const auto tile = loadFloats(tiles + group), shut = hn::Sub(hn::Set(d, 1.0f), tile);
            const auto inside =
                hn::Lt(hn::Iota(d, static_cast<float>(group)), hn::Set(d, static_cast<float>(count)));
            auto masks = hn::Zero(d), squares = hn::Zero(d), ofTile = density;
            for (int i = 0; i < shape.group(); ++i) {
                const auto w = loadFloats(weights[i] + group), mask = hn::MulAdd(shut, soft[i], tile),
                           masked = hn::Mul(mask, w);
                slope[i] = hn::Mul(hn::MulAdd(pull, masked, loadFloats(gradMasked[i] + group)), w);
                ofTile = hn::MulAdd(hn::Sub(hn::Set(d, 1.0f), soft[i]), slope[i], ofTile);
                masks = hn::Add(masks, mask);
                squares = hn::MulAdd(masked, masked, squares);
            }
            sums.masks.add(at, hn::IfThenElseZero(inside, masks));
            sums.squares.add(at, squares);
            if (slopes) storeFloats(ofTile, slopes + group);

            // Every pattern is compared with the likeliest: what is left is small where that is nearly
            // certain, and no difference of large numbers.
            FloatVec gain[Shape::kPatterns];
            auto best = hn::Zero(d), mean = hn::Zero(d);
            for (int p = 0; p < shape.patterns(); ++p) {
                gain[p] = slope[shape.place(p, 0)];
                for (int i = 1; i < shape.keep(); ++i) gain[p] = hn::Add(gain[p], slope[shape.place(p, i)]);
                best = hn::MulAdd(shares.isLikeliest(p), gain[p], best);
            }
            for (int p = 0; p < shape.patterns(); ++p) {
                gain[p] = hn::Sub(gain[p], best);
                mean = hn::MulAdd(shares.soft[p], gain[p], mean);
            }
            auto gradients = hn::Zero(d);
            const auto scale = hn::Mul(outer, shut);
            for (int p = 0; p < shape.patterns(); ++p) {
                const auto gradient = hn::Mul(hn::Mul(scale, shares.soft[p]), hn::Sub(gain[p], mean));
                use(p, group, loadFloats(logits + p * stride + group), gradient);
                gradients = hn::MulAdd(gradient, gradient, gradients);
            }
            sums.gradients.add(at, gradients);
        }
    }
}

/// A chunk's part of [patterns, groups] arrays: in place or, where the chunk is not whole, a copy.
template <typename Shape, typename T = float>
class ChunkOf {
  public:
    ChunkOf(const Shape& shape, const T* whole, std::int64_t groups, std::int64_t first)
        : m_patterns(shape.patterns()),
          m_groups(groups),
          m_first(first),
          m_count(std::min(kChunk, groups - first)) {
        if (m_count == kChunk || !whole) {
            m_at = whole ? whole + first : nullptr;
            return;
        }
        for (int p = 0; p < m_patterns; ++p)
            std::copy(whole + p * groups + first, whole + p * groups + groups, m_copy[p]);
        m_at = m_copy[0];
    }
    const T* data() const { return m_at; }
    T* data(T* whole) { return m_count == kChunk ? whole + m_first : m_copy[0]; }
    std::int64_t stride() const { return m_count == kChunk ? m_groups : kChunk; }
    /// What was written to a copy, to where it belongs.
    void store(T* whole) const {
        if (m_count == kChunk) return;
        for (int p = 0; p < m_patterns; ++p)
            std::copy(m_copy[p], m_copy[p] + m_count, whole + p * m_groups + m_first);
    }

  private:
    int m_patterns;
    std::int64_t m_groups, m_first, m_count;
    const T* m_at = nullptr;
    T m_copy[Shape::kPatterns][kChunk] = {};
};

/// A chunk's weights as planes, zeros behind the last group.
template <typename Shape, typename W>
void splitChunk(const Shape& shape, const W* from, std::int64_t count, Plane* planes) {
    if (count == kChunk) return shape.split(from, planes);
    W whole[kChunk * Shape::kGroup] = {};
    std::copy(from, from + count * shape.group(), whole);
    shape.split(whole, planes);
}

template <typename Shape, typename W>
GateSums forward(const Shape& shape, const W* weights, const float* logits, W* out,
                 const PatternGates& gates) {
    const auto groups = gates.geometry.groups;
    return overBlocks(groups, [&](std::int64_t first, std::int64_t size, GateSums& all) {
        BlockSums sums;
        for (auto g = first; g < first + size; g += kChunk) {
            const auto count = std::min(kChunk, groups - g);
            const ChunkOf<Shape> chunk(shape, logits, groups, g);
            Plane planes[Shape::kGroup];
            splitChunk(shape, weights + g * shape.group(), count, planes);
            forwardChunk(shape, planes, chunk.data(), chunk.stride(), g / kChunk, count, gates, sums);
            if (count == kChunk) {
                shape.join(planes, out + g * shape.group());
            } else {
                W whole[kChunk * Shape::kGroup];
                shape.join(planes, whole);
                std::copy(whole, whole + count * shape.group(), out + g * shape.group());
            }
        }
        sums.addTo(all);
    });
}

/// Calls `chunk(first, weights, gradMasked, slopes, sums)` for every chunk of groups.
template <typename Shape, typename W, typename G, typename Chunk>
GateSums overChunks(const Shape& shape, const W* weights, const G* gradMasked, float* tileSlopes,
                    std::int64_t groups, const Chunk& chunk) {
    return overBlocks(groups, [&](std::int64_t first, std::int64_t size, GateSums& all) {
        BlockSums sums;
        for (auto g = first; g < first + size; g += kChunk) {
            const auto count = std::min(kChunk, groups - g);
            Plane w[Shape::kGroup], gradients[Shape::kGroup];
            float slopes[kChunk];
            splitChunk(shape, weights + g * shape.group(), count, w);
            splitChunk(shape, gradMasked + g * shape.group(), count, gradients);
            chunk(g, count, w, gradients, tileSlopes ? slopes : nullptr, sums);
            if (tileSlopes) std::copy(slopes, slopes + count, tileSlopes + g);
        }
        sums.addTo(all);
    });
}

template <typename Shape, typename W, typename G>
GateSums backward(const Shape& shape, const W* weights, const float* logits, const G* gradMasked,
                  float* gradLogits, const PatternGates& gates, const GateRegularisers& regularisers,
                  float* tileSlopes) {
    const auto groups = gates.geometry.groups;
    return overChunks(shape, weights, gradMasked, tileSlopes, groups,
                      [&](std::int64_t g, std::int64_t count, const Plane* w, const Plane* d, float* slopes,
                          BlockSums& sums) {
                          const ChunkOf<Shape> p(shape, logits, groups, g);
                          ChunkOf<Shape> out(shape, gradLogits, groups, g);
                          float* to = out.data(gradLogits);
                          backwardChunk(shape, w, d, p.data(), p.stride(), g / kChunk, count, gates,
                                        regularisers, slopes, sums,
                                        [&](int pattern, std::int64_t at, FloatVec, FloatVec gradient) {
                                            float* place = to + pattern * p.stride() + at;
                                            storeFloats(hn::Add(loadFloats(place), gradient), place);
                                        });
                          out.store(gradLogits);
                      });
}

template <typename Shape, typename W, typename G, typename M>
GateSums backwardAdam(const Shape& shape, const W* weights, float* logits, const G* gradMasked, M* moment1,
                      M* moment2, const PatternGates& gates, const GateRegularisers& regularisers,
                      const AdamParameters& parameters, float* tileSlopes) {
    const AdamConstants adam(parameters);
    const auto groups = gates.geometry.groups;
    return overChunks(
        shape, weights, gradMasked, tileSlopes, groups,
        [&](std::int64_t g, std::int64_t count, const Plane* w, const Plane* d, float* slopes,
            BlockSums& sums) {
            ChunkOf<Shape> p(shape, logits, groups, g);
            ChunkOf<Shape, M> first(shape, moment1, groups, g), second(shape, moment2, groups, g);
            float* to = p.data(logits);
            M *m1 = first.data(moment1), *m2 = second.data(moment2);
            backwardChunk(shape, w, d, to, p.stride(), g / kChunk, count, gates, regularisers, slopes, sums,
                          [&](int pattern, std::int64_t at, FloatVec logit, FloatVec gradient) {
                              const auto place = pattern * p.stride() + at;
                              adamAt(logit, gradient, adam, to + place, m1 + place, m2 + place);
                          });
            p.store(logits);
            first.store(moment1);
            second.store(moment2);
        });
}

/// Calls `with(shape)` with what fits the geometry.
template <typename With>
GateSums withShape(const PatternGeometry& geometry, const With& with) {
    if (geometry.keep == 2 && geometry.group == 4) return with(TwoFour());
    return with(AnyPattern(geometry));
}

// Plain functions for the dispatch table.
using H = std::uint16_t;
GateSums patternForwardHalf(const H* w, const float* p, H* o, const PatternGates& g) {
    return withShape(g.geometry, [&](const auto& shape) { return forward(shape, w, p, o, g); });
}
GateSums patternForwardFull(const float* w, const float* p, float* o, const PatternGates& g) {
    return withShape(g.geometry, [&](const auto& shape) { return forward(shape, w, p, o, g); });
}
#define TESSERA_BACKWARD(NAME, W, G)                                                                        \
    GateSums patternBackward##NAME(const W* w, const float* p, const G* d, float* o, const PatternGates& g, \
                                   const GateRegularisers& r, float* t) {                                   \
        return withShape(g.geometry,                                                                        \
                         [&](const auto& shape) { return backward(shape, w, p, d, o, g, r, t); });          \
    }
#define TESSERA_ADAM(NAME, W, G, M)                                                      \
    GateSums patternBackwardAdam##NAME(const W* w, float* p, const G* d, M* m1, M* m2,   \
                                       const PatternGates& g, const GateRegularisers& r, \
                                       const AdamParameters& a, float* t) {              \
        return withShape(g.geometry, [&](const auto& shape) {                            \
            return backwardAdam(shape, w, p, d, m1, m2, g, r, a, t);                     \
        });                                                                              \
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

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(patternForwardHalf);
HWY_EXPORT(patternForwardFull);
HWY_EXPORT(patternBackwardHalfFull);
HWY_EXPORT(patternBackwardHalfHalf);
HWY_EXPORT(patternBackwardFullFull);
HWY_EXPORT(patternBackwardAdamHalfFull);
HWY_EXPORT(patternBackwardAdamHalfHalf);
HWY_EXPORT(patternBackwardAdamFullFull);
HWY_EXPORT(patternBackwardAdamHalfFullNarrow);
HWY_EXPORT(patternBackwardAdamHalfHalfNarrow);
HWY_EXPORT(patternBackwardAdamFullFullNarrow);

using H = std::uint16_t;

GateSums patternForward(const H* weights, const float* logits, H* out, const PatternGates& gates) {
    return HWY_DYNAMIC_DISPATCH(patternForwardHalf)(weights, logits, out, gates);
}
GateSums patternForward(const float* weights, const float* logits, float* out, const PatternGates& gates) {
    return HWY_DYNAMIC_DISPATCH(patternForwardFull)(weights, logits, out, gates);
}
#define TESSERA_BACKWARD(NAME, W, G)                                                                  \
    GateSums patternBackward(const W* w, const float* p, const G* d, float* o, const PatternGates& g, \
                             const GateRegularisers& r, float* t) {                                   \
        return HWY_DYNAMIC_DISPATCH(patternBackward##NAME)(w, p, d, o, g, r, t);                      \
    }
#define TESSERA_ADAM(NAME, W, G, M)                                                                     \
    GateSums patternBackwardAdam(const W* w, float* p, const G* d, M* m1, M* m2, const PatternGates& g, \
                                 const GateRegularisers& r, const AdamParameters& a, float* t) {        \
        return HWY_DYNAMIC_DISPATCH(patternBackwardAdam##NAME)(w, p, d, m1, m2, g, r, a, t);            \
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

double tileGradients(const float* tileSlopes, const float* tileGates, float* gradLogits,
                     const TileGeometry& geometry, int group, const GateParameters& gate) {
    const auto columns = geometry.cols / group, grid = geometry.gridCols();
    double squares = 0;
    // In order of tiles: few additions beside the pass over the weights.
    for (std::int64_t tile = 0; tile < geometry.tiles(); ++tile) {
        const auto top = tile / grid * geometry.tileRows, left = tile % grid * geometry.tileCols / group;
        const auto bottom = std::min(top + geometry.tileRows, geometry.rows),
                   right = std::min(left + geometry.tileCols / group, columns);
        double sum = 0;
        for (auto row = top; row < bottom; ++row)
            for (auto at = row * columns + left; at < row * columns + right; ++at) sum += tileSlopes[at];
        const double g = tileGates[tile];
        const double gradient = static_cast<double>(gate.kappa / gate.tau) * g * (1.0 - g) * sum;
        squares += gradient * gradient;
        gradLogits[tile] += static_cast<float>(gradient);
    }
    return squares;
}

}  // namespace tessera::kernels
#endif
