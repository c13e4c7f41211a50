#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/mask_step.h"
#include "kernels/cuda/host_device.h"
#include "kernels/cuda/part_sums.h"

/// The mask steps of libtessera_cuda: what kernels/cpu/mask_step.h does, on a device. The noise is the same
/// to the bit, and so are masks and gradients where the processor has a fused multiply-add. Every pointer is
/// to memory of the current device, but for structures handed over by reference; every call is queued on
/// `stream` (a cudaStream_t, null: the default one) and returns 0 or a code for Runtime::errorText.
namespace tessera::kernels::cuda {

/// Elements of a block of the passes over weights.
inline constexpr std::int64_t kElementsOfBlock = 4096;
/// Groups of a block of the passes over patterns: four a thread.
inline constexpr std::int64_t kGroupsOfBlock = 4 * kThreads;
/// Elements of a tile that one block takes, in whole rows.
inline constexpr std::int64_t kElementsOfStrip = 16384;

constexpr std::int64_t elementBlocks(std::int64_t count) {
    return (count + kElementsOfBlock - 1) / kElementsOfBlock;
}
constexpr std::int64_t groupBlocks(std::int64_t groups) {
    return (groups + kGroupsOfBlock - 1) / kGroupsOfBlock;
}
inline std::int64_t rowsOfStrip(const TileGeometry& geometry) {
    return std::max<std::int64_t>(1, kElementsOfStrip / std::min(geometry.tileCols, geometry.cols));
}
inline std::int64_t stripsOf(const TileGeometry& geometry) {
    const auto rows = rowsOfStrip(geometry);
    return (std::min(geometry.tileRows, geometry.rows) + rows - 1) / rows;
}
inline std::int64_t stripBlocks(const TileGeometry& geometry) {
    return geometry.tiles() * stripsOf(geometry);
}
inline std::int64_t tileBlocks(const TileGeometry& geometry) {
    return (geometry.tiles() + kThreads - 1) / kThreads;
}
/// The same tiles over groups of weights instead of weights.
inline TileGeometry groupTiles(const TileGeometry& geometry, int group) {
    return {geometry.rows, geometry.cols / group, geometry.tileRows, geometry.tileCols / group};
}

/// Where a call leaves its sums: `sums` one, `parts` room for as many as the call names.
struct SumsOut {
    PartSums* parts;
    GateSums* sums;
};

/// What the library exports as tesseraCudaMaskSteps.
struct MaskSteps {
    /// elementBlocks(count) parts.
    int (*bernoulliForward)(const ElementsIn& weights, const float* logits, const ElementsOut& out,
                            std::int64_t count, const GateParameters& gate, const NoiseKey& noise,
                            const SumsOut& sums, void* stream);
    int (*bernoulliBackward)(const ElementsIn& weights, const float* logits, const ElementsIn& gradMasked,
                             float* gradLogits, std::int64_t count, const GateParameters& gate,
                             const GateRegularisers& regularisers, const NoiseKey& noise, const SumsOut& sums,
                             void* stream);
    int (*bernoulliBackwardAdam)(const ElementsIn& weights, float* logits, const ElementsIn& gradMasked,
                                 float* moment1, float* moment2, std::int64_t count,
                                 const GateParameters& gate, const GateRegularisers& regularisers,
                                 const NoiseKey& noise, const AdamParameters& adam, const SumsOut& sums,
                                 void* stream);
    int (*adamStep)(float* parameters, const float* gradient, float* moment1, float* moment2,
                    std::int64_t count, float gradientScale, const AdamParameters& adam, void* stream);
    int (*gateValues)(const float* logits, float* gates, std::int64_t count, const GateParameters& gate,
                      const NoiseKey& noise, void* stream);

    /// stripBlocks(geometry) parts; `gates` [tiles] receives the gates.
    int (*tileForward)(const ElementsIn& weights, const std::uint8_t* inner, const float* logits,
                       float* gates, const ElementsOut& out, const TileGeometry& geometry,
                       const GateParameters& gate, const NoiseKey& noise, const SumsOut& sums, void* stream);
    /// stripBlocks(geometry) + tileBlocks(geometry) parts; `gates` [tiles] receives the soft gates.
    int (*tileBackward)(const ElementsIn& weights, const std::uint8_t* inner, const float* logits,
                        float* gates, const ElementsIn& gradMasked, float* gradLogits,
                        const TileGeometry& geometry, const GateParameters& gate,
                        const GateRegularisers& regularisers, const NoiseKey& noise, const SumsOut& sums,
                        void* stream);
    /// stripBlocks + tileBlocks of groupTiles(geometry, group) parts; sums.squaredGradient alone says
    /// something.
    int (*tileGradients)(const float* tileSlopes, const float* tileGates, float* gradLogits,
                         const TileGeometry& geometry, int group, const GateParameters& gate,
                         const SumsOut& sums, void* stream);

    /// groupBlocks(groups) parts; gates.tileGates, where there are any, lie on the device.
    int (*patternForward)(const ElementsIn& weights, const float* logits, const ElementsOut& out,
                          const PatternGates& gates, const SumsOut& sums, void* stream);
    int (*patternBackward)(const ElementsIn& weights, const float* logits, const ElementsIn& gradMasked,
                           float* gradLogits, const PatternGates& gates, const GateRegularisers& regularisers,
                           float* tileSlopes, const SumsOut& sums, void* stream);
    int (*patternBackwardAdam)(const ElementsIn& weights, float* logits, const ElementsIn& gradMasked,
                               float* moment1, float* moment2, const PatternGates& gates,
                               const GateRegularisers& regularisers, const AdamParameters& adam,
                               float* tileSlopes, const SumsOut& sums, void* stream);
};

}  // namespace tessera::kernels::cuda
