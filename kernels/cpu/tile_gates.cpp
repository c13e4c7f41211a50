// PATCH's tile gates over a fixed N:M mask (methods.md 8.2): one gate a tile, one pass over the weights.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/tile_gates.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
//
#include "kernels/cpu/gate_math-inl.h"

#include <algorithm>

#include "kernels/cpu/mask_step.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels {
namespace HWY_NAMESPACE {

/// A row's part of one tile: at most this many weights are summed in f32.
constexpr std::int64_t kRun = 1024;

HWY_INLINE FloatVec loadFlags(const std::uint8_t* from) {
    const hn::Rebind<std::uint8_t, FloatTag> bytes;
    return hn::ConvertTo(FloatTag(), hn::BitCast(IntTag(), hn::PromoteTo(WordTag(), hn::LoadU(bytes, from))));
}

template <typename W>
HWY_INLINE void forwardAt(const W* weights, const std::uint8_t* inner, float gate, W* out, std::int64_t at,
                          LaneSums& masks, LaneSums& squares) {
    const FloatTag d;
    const auto g = hn::Set(d, gate);
    const auto mask = hn::IfThenElse(hn::Gt(loadFlags(inner), hn::Zero(d)), hn::Set(d, 1.0f), g);
    const auto masked = hn::Mul(loadFloats(weights), mask);
    storeFloats(masked, out);
    masks.add(at, mask);
    squares.add(at, hn::Mul(masked, masked));
}

template <typename W, typename G>
HWY_INLINE void backwardAt(const W* weights, const std::uint8_t* inner, float gate, const G* gradMasked,
                           const GateRegularisers& regularisers, std::int64_t at, LaneSums& gradients,
                           LaneSums& masks, LaneSums& squares) {
    const FloatTag d;
    const auto g = hn::Set(d, gate), w = loadFloats(weights);
    const auto kept = hn::Gt(loadFlags(inner), hn::Zero(d));
    const auto mask = hn::IfThenElse(kept, hn::Set(d, 1.0f), g);
    const auto masked = hn::Mul(w, mask);
    auto slope = hn::MulAdd(loadFloats(gradMasked), w, hn::Set(d, regularisers.density));
    slope = hn::MulAdd(hn::Mul(hn::Set(d, regularisers.weight), masked), w, slope);
    gradients.add(at, hn::IfThenElse(kept, hn::Zero(d), slope));
    masks.add(at, mask);
    squares.add(at, hn::Mul(masked, masked));
}

/// Runs `vector(offset, lane)` over whole vectors of [0, size) and `rest(offset, count)` over what is left.
template <typename Vector, typename Rest>
HWY_INLINE void overRun(std::int64_t size, const Vector& vector, const Rest& rest) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
    std::int64_t i = 0;
    for (; i + kCounters <= size; i += kCounters)
        for (std::int64_t at = 0; at < kCounters; at += lanes) vector(i + at, at);
    if (i < size) rest(i, size - i);
}

template <typename W>
void forwardRun(const W* weights, const std::uint8_t* inner, float gate, W* out, std::int64_t size,
                GateSums& sums) {
    LaneSums masks, squares;
    overRun(
        size,
        [&](std::int64_t i, std::int64_t at) {
            forwardAt(weights + i, inner + i, gate, out + i, at, masks, squares);
        },
        [&](std::int64_t i, std::int64_t count) {
            W w[kCounters] = {}, o[kCounters];
            std::uint8_t k[kCounters] = {};
            std::copy(weights + i, weights + i + count, w);
            std::copy(inner + i, inner + i + count, k);
            LaneSums tail, tailSquares;
            const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
            for (std::int64_t at = 0; at < kCounters; at += lanes)
                forwardAt(w + at, k + at, gate, o + at, at, tail, tailSquares);
            std::copy(o, o + count, out + i);
            for (std::int64_t j = 0; j < count; ++j) sums.gate += tail.lanes[j];
            sums.squaredMasked += tailSquares.total();
        });
    sums.gate += masks.total();
    sums.squaredMasked += squares.total();
}

template <typename W, typename G>
double backwardRun(const W* weights, const std::uint8_t* inner, float gate, const G* gradMasked,
                   std::int64_t size, const GateRegularisers& regularisers, GateSums& sums) {
    LaneSums gradients, masks, squares;
    double rest = 0;
    overRun(
        size,
        [&](std::int64_t i, std::int64_t at) {
            backwardAt(weights + i, inner + i, gate, gradMasked + i, regularisers, at, gradients, masks,
                       squares);
        },
        [&](std::int64_t i, std::int64_t count) {
            W w[kCounters] = {};
            G g[kCounters] = {};
            std::uint8_t k[kCounters] = {};
            std::copy(weights + i, weights + i + count, w);
            std::copy(gradMasked + i, gradMasked + i + count, g);
            std::copy(inner + i, inner + i + count, k);
            LaneSums tail, tailMasks, tailSquares;
            const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
            for (std::int64_t at = 0; at < kCounters; at += lanes)
                backwardAt(w + at, k + at, gate, g + at, regularisers, at, tail, tailMasks, tailSquares);
            for (std::int64_t j = 0; j < count; ++j) {
                rest += tail.lanes[j];
                sums.gate += tailMasks.lanes[j];
            }
            sums.squaredMasked += tailSquares.total();
        });
    sums.gate += masks.total();
    sums.squaredMasked += squares.total();
    return gradients.total() + rest;
}

/// Calls `run(offset, size)` for the rows of a tile, in pieces that f32 sums stay exact enough over.
template <typename Run>
HWY_INLINE void overTile(const TileGeometry& geometry, std::int64_t tile, const Run& run) {
    const auto top = tile / geometry.gridCols() * geometry.tileRows,
               left = tile % geometry.gridCols() * geometry.tileCols;
    const auto bottom = std::min(top + geometry.tileRows, geometry.rows),
               right = std::min(left + geometry.tileCols, geometry.cols);
    for (auto row = top; row < bottom; ++row)
        for (auto col = left; col < right; col += kRun)
            run(row * geometry.cols + col, std::min(kRun, right - col));
}

/// At most this many tiles have their sums in memory at a time; sums are added in the tiles' order.
constexpr std::int64_t kTilesAtOnce = 512;

template <typename Tile>
GateSums overTiles(const TileGeometry& geometry, const Tile& tile) {
    GateSums all;
    for (std::int64_t first = 0; first < geometry.tiles(); first += kTilesAtOnce) {
        GateSums sums[kTilesAtOnce];
        const auto count = std::min(kTilesAtOnce, geometry.tiles() - first);
#pragma omp parallel for schedule(static)
        for (std::int64_t i = 0; i < count; ++i) tile(first + i, sums[i]);
        for (std::int64_t i = 0; i < count; ++i) {
            all.gate += sums[i].gate;
            all.squaredMasked += sums[i].squaredMasked;
            all.squaredGradient += sums[i].squaredGradient;
        }
    }
    return all;
}

template <typename W>
GateSums tilesForward(const W* weights, const std::uint8_t* inner, const float* gates, W* out,
                      const TileGeometry& geometry) {
    return overTiles(geometry, [&](std::int64_t tile, GateSums& sums) {
        overTile(geometry, tile, [&](std::int64_t at, std::int64_t size) {
            forwardRun(weights + at, inner + at, gates[tile], out + at, size, sums);
        });
    });
}

template <typename W, typename G>
GateSums tilesBackward(const W* weights, const std::uint8_t* inner, const float* logits, const G* gradMasked,
                       float* gradLogits, const TileGeometry& geometry, const GateParameters& gate,
                       const GateRegularisers& regularisers, const NoiseKey& noise) {
    return overTiles(geometry, [&](std::int64_t tile, GateSums& sums) {
        // The gate of one tile again, from its counter: the chunk of 64 that holds it is drawn anew. Its
        // slope is the soft one's.
        auto soft = gate;
        soft.hard = false;
        float chunk[kChunk], values[kChunk];
        const auto base = tile / kChunk * kChunk;
        for (std::int64_t i = 0; i < kChunk; ++i)
            chunk[i] = base + i < geometry.tiles() ? logits[base + i] : 0.0f;
        gateChunk(chunk, values, tile / kChunk, soft, noise);
        const float g = values[tile - base], mask = gate.hard ? static_cast<float>(g >= 0.5f) : g;
        double sum = 0;
        overTile(geometry, tile, [&](std::int64_t at, std::int64_t size) {
            sum += backwardRun(weights + at, inner + at, mask, gradMasked + at, size, regularisers, sums);
        });
        const double gradient = static_cast<double>(gate.kappa / gate.tau) * g * (1.0 - g) * sum;
        sums.squaredGradient += gradient * gradient;
        gradLogits[tile] += static_cast<float>(gradient);
    });
}

using H = std::uint16_t;
GateSums tileForwardHalf(const H* w, const std::uint8_t* k, const float* g, H* o, const TileGeometry& t) {
    return tilesForward(w, k, g, o, t);
}
GateSums tileForwardFull(const float* w, const std::uint8_t* k, const float* g, float* o,
                         const TileGeometry& t) {
    return tilesForward(w, k, g, o, t);
}
#define TESSERA_BACKWARD(NAME, W, G)                                                                       \
    GateSums tileBackward##NAME(const W* w, const std::uint8_t* k, const float* p, const G* d, float* o,   \
                                const TileGeometry& t, const GateParameters& g, const GateRegularisers& r, \
                                const NoiseKey& n) {                                                       \
        return tilesBackward(w, k, p, d, o, t, g, r, n);                                                   \
    }
TESSERA_BACKWARD(HalfFull, H, float)
TESSERA_BACKWARD(HalfHalf, H, H)
TESSERA_BACKWARD(FullFull, float, float)
#undef TESSERA_BACKWARD

}  // namespace HWY_NAMESPACE
}  // namespace tessera::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(tileForwardHalf);
HWY_EXPORT(tileForwardFull);
HWY_EXPORT(tileBackwardHalfFull);
HWY_EXPORT(tileBackwardHalfHalf);
HWY_EXPORT(tileBackwardFullFull);

using H = std::uint16_t;

GateSums tileForward(const H* weights, const std::uint8_t* inner, const float* logits, float* gates, H* out,
                     const TileGeometry& geometry, const GateParameters& gate, const NoiseKey& noise) {
    gateValues(logits, gates, geometry.tiles(), gate, noise);
    return HWY_DYNAMIC_DISPATCH(tileForwardHalf)(weights, inner, gates, out, geometry);
}
GateSums tileForward(const float* weights, const std::uint8_t* inner, const float* logits, float* gates,
                     float* out, const TileGeometry& geometry, const GateParameters& gate,
                     const NoiseKey& noise) {
    gateValues(logits, gates, geometry.tiles(), gate, noise);
    return HWY_DYNAMIC_DISPATCH(tileForwardFull)(weights, inner, gates, out, geometry);
}
#define TESSERA_BACKWARD(NAME, W, G)                                                                 \
    GateSums tileBackward(const W* w, const std::uint8_t* k, const float* p, const G* d, float* o,   \
                          const TileGeometry& t, const GateParameters& g, const GateRegularisers& r, \
                          const NoiseKey& n) {                                                       \
        return HWY_DYNAMIC_DISPATCH(tileBackward##NAME)(w, k, p, d, o, t, g, r, n);                  \
    }
TESSERA_BACKWARD(HalfFull, H, float)
TESSERA_BACKWARD(HalfHalf, H, H)
TESSERA_BACKWARD(FullFull, float, float)
#undef TESSERA_BACKWARD

}  // namespace tessera::kernels
#endif
