#pragma once

#include <bit>
#include <cstdint>

#include "kernels/cuda/gate_math.h"
#include "kernels/cuda/mask_steps.h"
#include "kernels/cuda/part_sums.h"

/// MaskLLM's gates and PATCH-Joint's: a thread draws for four groups of a chunk of 64.
namespace tessera::kernels::cuda {

/// 2:4, all loops of known length.
struct TwoFour {
    static constexpr int kPatterns = 6, kGroup = 4;
    explicit TwoFour(const PatternGeometry&) {}
    static TESSERA_HOST_DEVICE constexpr int patterns() { return kPatterns; }
    static TESSERA_HOST_DEVICE constexpr int group() { return kGroup; }
    static TESSERA_HOST_DEVICE constexpr int keep() { return 2; }

    /// Calls `use(place)` for the weights that a pattern keeps: four bits a pattern, 1100 first.
    template <typename Use>
    TESSERA_HOST_DEVICE void overKept(int pattern, const Use& use) const {
        TESSERA_UNROLL
        for (int i = 0; i < kGroup; ++i)
            if (0xCA6953u >> (4 * pattern + i) & 1u) use(i);
    }
};

/// Any N:M that has few enough patterns.
struct AnyPattern {
    static constexpr int kPatterns = kMostPatterns, kGroup = kMostGroup;
    int count, size, kept;
    std::uint64_t bits[kPatterns];  ///< bit i: the pattern keeps weight i

    explicit AnyPattern(const PatternGeometry& geometry)
        : count(geometry.patterns()), size(geometry.group), kept(geometry.keep), bits{} {
        const auto table = patternTable(kept, size);
        for (int p = 0; p < count; ++p)
            for (int i = 0; i < kept; ++i)
                bits[p] |= std::uint64_t(1)
                           << table.places[static_cast<std::size_t>(p)][static_cast<std::size_t>(i)];
    }
    TESSERA_HOST_DEVICE int patterns() const { return count; }
    TESSERA_HOST_DEVICE int group() const { return size; }
    TESSERA_HOST_DEVICE int keep() const { return kept; }

    template <typename Use>
    TESSERA_HOST_DEVICE void overKept(int pattern, const Use& use) const {
        for (std::uint64_t left = bits[pattern]; left; left &= left - 1) {
#if defined(__CUDA_ARCH__)
            use(__ffsll(static_cast<long long>(left)) - 1);
#else
            use(std::countr_zero(left));
#endif
        }
    }
};

/// Which group of a chunk of 64, and which word of which counter, belong together.
struct GroupLayout {
    /// The group that `word` of a thread is for.
    static TESSERA_HOST_DEVICE std::int64_t group(std::int64_t thread, int word) {
        return NoiseLayout::element(thread, word);
    }
    /// The counter of one pattern of these groups.
    static TESSERA_HOST_DEVICE std::int64_t counter(std::int64_t thread, int pattern, int patterns) {
        return (thread / kCounters * patterns + pattern) * kCounters + thread % kCounters;
    }
};

/// The gate of each group's tile.
struct TileOfGroup {
    const float* gates;
    std::int64_t cols, tileRows, tileCols, gridCols;
    int group;
    explicit TileOfGroup(const PatternGates& of)
        : gates(of.tileGates),
          cols(of.tiles.cols),
          tileRows(of.tiles.tileRows),
          tileCols(of.tiles.tileCols),
          gridCols(of.tileGates ? of.tiles.gridCols() : 0),
          group(of.geometry.group) {}
    TESSERA_HOST_DEVICE float of(std::int64_t g) const {
        if (!gates) return 0.0f;
        const std::int64_t element = g * group;
        return gates[element / cols / tileRows * gridCols + element % cols / tileCols];
    }
};

/// The draw of one group.
template <typename Shape>
struct Shares {
    float soft[Shape::kPatterns];  ///< the softmax
    int likeliest = 0;             ///< the number of its largest, the first of equals

    /// `logits` of the first pattern, the next one's `stride` behind it.
    TESSERA_HOST_DEVICE Shares(const Shape& shape, const float* logits, std::int64_t stride,
                               const NoiseWords* noise, int word, const GateConstants& gate) {
        float most = -2 * kMostScore;
        TESSERA_UNROLL
        for (int p = 0; p < shape.patterns(); ++p) {
            const float score =
                clamped(fusedMultiplyAdd(gate.kappa, logits[p * stride], gumbelOf(noise[p].words[word])),
                        -kMostScore, kMostScore);
            if (score > most) {
                likeliest = p;
                most = score;
            }
            soft[p] = score;
        }
        float sum = 0;
        TESSERA_UNROLL
        for (int p = 0; p < shape.patterns(); ++p) {
            const float argument = (soft[p] - most) * gate.inverseTau;
            soft[p] = expOf(argument > -kMostArgument ? argument : -kMostArgument);
            sum += soft[p];
        }
        const float scale = 1.0f / sum;
        TESSERA_UNROLL
        for (int p = 0; p < shape.patterns(); ++p) soft[p] *= scale;
    }
    /// What the patterns make of each weight.
    TESSERA_HOST_DEVICE void masks(const Shape& shape, bool hard, float* mask) const {
        TESSERA_UNROLL
        for (int i = 0; i < shape.group(); ++i) mask[i] = 0;
        TESSERA_UNROLL
        for (int p = 0; p < shape.patterns(); ++p) {
            const float share = !hard ? soft[p] : p == likeliest ? 1.0f : 0.0f;
            shape.overKept(p, [&](int i) { mask[i] += share; });
        }
    }
};

/// Calls `use(group, noise, word)` for the groups of a thread.
template <typename Layout, typename Shape, typename Use>
TESSERA_HOST_DEVICE void overGroups(Place at, const Shape& shape, std::int64_t groups, const NoiseKey& key,
                                    const Use& use) {
    const std::int64_t thread = at.block * kThreads + at.thread;
    if (Layout::group(thread, 0) >= groups) return;
    NoiseWords noise[Shape::kPatterns];
    TESSERA_UNROLL
    for (int p = 0; p < shape.patterns(); ++p)
        noise[p] = philox(static_cast<std::uint64_t>(Layout::counter(thread, p, shape.patterns())), key);
    TESSERA_UNROLL
    for (int word = 0; word < 4; ++word) {
        const std::int64_t g = Layout::group(thread, word);
        if (g < groups) use(g, noise, word);
    }
}

template <typename Shape, typename Layout = GroupLayout>
struct PatternForward : LeavesPart {
    Shape shape;
    ElementsIn weights;
    const float* logits;
    ElementsOut out;
    std::int64_t groups;
    GateConstants gate;
    NoiseKey noise;
    TileOfGroup tiles;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        float masks = 0, squares = 0;
        overGroups<Layout>(at, shape, groups, noise, [&](std::int64_t g, const NoiseWords* drawn, int word) {
            float soft[Shape::kGroup];
            Shares<Shape>(shape, logits + g, groups, drawn, word, gate).masks(shape, gate.hard, soft);
            const float tile = tiles.of(g), shut = 1.0f - tile;
            TESSERA_UNROLL
            for (int i = 0; i < shape.group(); ++i) {
                const std::int64_t element = g * shape.group() + i;
                const float mask = fusedMultiplyAdd(shut, soft[i], tile), masked = mask * weights.at(element);
                out.put(element, masked);
                masks += mask;
                squares = fusedMultiplyAdd(masked, masked, squares);
            }
        });
        return {masks, squares, 0, 0};
    }
};

/// `Use` is AddGradient or StepAdam; `tileSlopes` may be null.
template <typename Shape, typename Use, typename Layout = GroupLayout>
struct PatternBackward : LeavesPart {
    Shape shape;
    ElementsIn weights;
    const float* logits;
    ElementsIn gradMasked;
    float* tileSlopes;
    std::int64_t groups;
    BackwardConstants constants;
    NoiseKey noise;
    TileOfGroup tiles;
    Use use;

    TESSERA_HOST_DEVICE PartSums operator()(Place at) const {
        float masks = 0, squares = 0, gradients = 0;
        overGroups<Layout>(at, shape, groups, noise, [&](std::int64_t g, const NoiseWords* drawn, int word) {
            const Shares<Shape> shares(shape, logits + g, groups, drawn, word, constants.gate);
            float soft[Shape::kGroup], slope[Shape::kGroup];
            shares.masks(shape, constants.gate.hard, soft);
            const float tile = tiles.of(g), shut = 1.0f - tile;
            // A group's soft masks sum to N: the density's gradient goes to its tile alone.
            float ofTile = constants.density * static_cast<float>(shape.group() - shape.keep());
            TESSERA_UNROLL
            for (int i = 0; i < shape.group(); ++i) {
                const std::int64_t element = g * shape.group() + i;
                const float w = weights.at(element), mask = fusedMultiplyAdd(shut, soft[i], tile),
                            masked = mask * w;
                slope[i] = fusedMultiplyAdd(constants.weight, masked, gradMasked.at(element)) * w;
                ofTile = fusedMultiplyAdd(1.0f - soft[i], slope[i], ofTile);
                masks += mask;
                squares = fusedMultiplyAdd(masked, masked, squares);
            }
            if (tileSlopes) tileSlopes[g] = ofTile;

            // Every pattern is compared with the likeliest: what is left is small where that is nearly
            // certain, and no difference of large numbers.
            float gain[Shape::kPatterns], best = 0, mean = 0;
            TESSERA_UNROLL
            for (int p = 0; p < shape.patterns(); ++p) {
                float sum = 0;
                shape.overKept(p, [&](int i) { sum += slope[i]; });
                if (p == shares.likeliest) best = sum;
                gain[p] = sum;
            }
            TESSERA_UNROLL
            for (int p = 0; p < shape.patterns(); ++p) {
                gain[p] -= best;
                mean = fusedMultiplyAdd(shares.soft[p], gain[p], mean);
            }
            const float scale = constants.outer * shut;
            TESSERA_UNROLL
            for (int p = 0; p < shape.patterns(); ++p) {
                const float gradient = scale * shares.soft[p] * (gain[p] - mean);
                const std::int64_t place = p * groups + g;
                use(place, logits[place], gradient);
                gradients = fusedMultiplyAdd(gradient, gradient, gradients);
            }
        });
        return {masks, squares, gradients, 0};
    }
};

/// Calls `with(shape)` with what fits the geometry.
template <typename With>
void withShape(const PatternGeometry& geometry, const With& with) {
    if (geometry.keep == 2 && geometry.group == 4)
        with(TwoFour(geometry));
    else
        with(AnyPattern(geometry));
}

}  // namespace tessera::kernels::cuda
