#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/bernoulli_gates.h"
#include "kernels/cuda/mask_steps.h"
#include "kernels/cuda/pattern_gates.h"
#include "kernels/cuda/tile_gates.h"

namespace tessera::kernels::cuda {

/// The mask steps by way of a launcher, which is made from the stream of each call. It has each(body,
/// blocks), which calls body(Place) for every thread; sums(body, blocks), which also adds up what the calls
/// return and hands each block's total to body.finish; and error(), what the call returns. The layouts say
/// which thread does what; those that stand here are the right ones.
template <typename Launcher, typename Noise = NoiseLayout, typename Strip = StripLayout,
          typename Group = GroupLayout>
struct StepsOf {
    static int bernoulliForward(const ElementsIn& weights, const float* logits, const ElementsOut& out,
                                std::int64_t count, const GateParameters& gate, const NoiseKey& noise,
                                const SumsOut& sums, void* stream) {
        const Launcher launch(stream);
        const auto blocks = elementBlocks(count);
        launch.sums(
            BernoulliForward<Noise>{{sums.parts}, weights, logits, out, count, GateConstants(gate), noise},
            blocks);
        launch.sums(AddParts{sums.parts, blocks, sums.sums}, 1);
        return launch.error();
    }

    static int bernoulliBackward(const ElementsIn& weights, const float* logits, const ElementsIn& gradMasked,
                                 float* gradLogits, std::int64_t count, const GateParameters& gate,
                                 const GateRegularisers& regularisers, const NoiseKey& noise,
                                 const SumsOut& sums, void* stream) {
        return bernoulliBackwardInto(AddGradient{gradLogits}, weights, logits, gradMasked, count, gate,
                                     regularisers, noise, sums, stream);
    }

    static int bernoulliBackwardAdam(const ElementsIn& weights, float* logits, const ElementsIn& gradMasked,
                                     float* moment1, float* moment2, std::int64_t count,
                                     const GateParameters& gate, const GateRegularisers& regularisers,
                                     const NoiseKey& noise, const AdamParameters& adam, const SumsOut& sums,
                                     void* stream) {
        return bernoulliBackwardInto(StepAdam{logits, moment1, moment2, AdamConstants(adam)}, weights, logits,
                                     gradMasked, count, gate, regularisers, noise, sums, stream);
    }

    static int adamStep(float* parameters, const float* gradient, float* moment1, float* moment2,
                        std::int64_t count, float gradientScale, const AdamParameters& adam, void* stream) {
        const Launcher launch(stream);
        launch.each(AdamOnGradient{gradient, count, gradientScale,
                                   StepAdam{parameters, moment1, moment2, AdamConstants(adam)}},
                    elementBlocks(count));
        return launch.error();
    }

    static int gateValues(const float* logits, float* gates, std::int64_t count, const GateParameters& gate,
                          const NoiseKey& noise, void* stream) {
        const Launcher launch(stream);
        drawGates(launch, logits, gates, count, gate, noise);
        return launch.error();
    }

    static int tileForward(const ElementsIn& weights, const std::uint8_t* inner, const float* logits,
                           float* gates, const ElementsOut& out, const TileGeometry& geometry,
                           const GateParameters& gate, const NoiseKey& noise, const SumsOut& sums,
                           void* stream) {
        const Launcher launch(stream);
        drawGates(launch, logits, gates, geometry.tiles(), gate, noise);
        launch.sums(TileForward<Strip>{{sums.parts}, TileStrips(geometry), weights, inner, gates, out},
                    stripBlocks(geometry));
        launch.sums(AddParts{sums.parts, stripBlocks(geometry), sums.sums}, 1);
        return launch.error();
    }

    static int tileBackward(const ElementsIn& weights, const std::uint8_t* inner, const float* logits,
                            float* gates, const ElementsIn& gradMasked, float* gradLogits,
                            const TileGeometry& geometry, const GateParameters& gate,
                            const GateRegularisers& regularisers, const NoiseKey& noise, const SumsOut& sums,
                            void* stream) {
        const Launcher launch(stream);
        auto soft = gate;
        soft.hard = false;
        drawGates(launch, logits, gates, geometry.tiles(), soft, noise);
        launch.sums(TileSlopes<Strip>{{sums.parts},
                                      TileStrips(geometry),
                                      weights,
                                      inner,
                                      gates,
                                      gradMasked,
                                      gate.hard,
                                      regularisers},
                    stripBlocks(geometry));
        gradientsOfTiles(launch, gates, gradLogits, geometry, gate, sums);
        return launch.error();
    }

    static int tileGradients(const float* tileSlopes, const float* tileGates, float* gradLogits,
                             const TileGeometry& geometry, int group, const GateParameters& gate,
                             const SumsOut& sums, void* stream) {
        const Launcher launch(stream);
        const auto groups = groupTiles(geometry, group);
        launch.sums(AddStrips<Strip>{{sums.parts}, TileStrips(groups), tileSlopes}, stripBlocks(groups));
        gradientsOfTiles(launch, tileGates, gradLogits, groups, gate, sums);
        return launch.error();
    }

    static int patternForward(const ElementsIn& weights, const float* logits, const ElementsOut& out,
                              const PatternGates& gates, const SumsOut& sums, void* stream) {
        const Launcher launch(stream);
        const auto groups = gates.geometry.groups, blocks = groupBlocks(groups);
        withShape(gates.geometry, [&](const auto& shape) {
            using Shape = std::decay_t<decltype(shape)>;
            launch.sums(PatternForward<Shape, Group>{{sums.parts},
                                                     shape,
                                                     weights,
                                                     logits,
                                                     out,
                                                     groups,
                                                     GateConstants(gates.gate),
                                                     gates.noise,
                                                     TileOfGroup(gates)},
                        blocks);
        });
        launch.sums(AddParts{sums.parts, blocks, sums.sums}, 1);
        return launch.error();
    }

    static int patternBackward(const ElementsIn& weights, const float* logits, const ElementsIn& gradMasked,
                               float* gradLogits, const PatternGates& gates,
                               const GateRegularisers& regularisers, float* tileSlopes, const SumsOut& sums,
                               void* stream) {
        return patternBackwardInto(AddGradient{gradLogits}, weights, logits, gradMasked, gates, regularisers,
                                   tileSlopes, sums, stream);
    }

    static int patternBackwardAdam(const ElementsIn& weights, float* logits, const ElementsIn& gradMasked,
                                   float* moment1, float* moment2, const PatternGates& gates,
                                   const GateRegularisers& regularisers, const AdamParameters& adam,
                                   float* tileSlopes, const SumsOut& sums, void* stream) {
        return patternBackwardInto(StepAdam{logits, moment1, moment2, AdamConstants(adam)}, weights, logits,
                                   gradMasked, gates, regularisers, tileSlopes, sums, stream);
    }

    static constexpr MaskSteps kTable{bernoulliForward, bernoulliBackward,  bernoulliBackwardAdam,
                                      adamStep,         gateValues,         tileForward,
                                      tileBackward,     tileGradients,      patternForward,
                                      patternBackward,  patternBackwardAdam};

  private:
    template <typename Use>
    static int bernoulliBackwardInto(const Use& use, const ElementsIn& weights, const float* logits,
                                     const ElementsIn& gradMasked, std::int64_t count,
                                     const GateParameters& gate, const GateRegularisers& regularisers,
                                     const NoiseKey& noise, const SumsOut& sums, void* stream) {
        const Launcher launch(stream);
        const auto blocks = elementBlocks(count);
        launch.sums(BernoulliBackward<Use, Noise>{{sums.parts},
                                                  weights,
                                                  logits,
                                                  gradMasked,
                                                  count,
                                                  BackwardConstants(gate, regularisers),
                                                  noise,
                                                  use},
                    blocks);
        launch.sums(AddParts{sums.parts, blocks, sums.sums}, 1);
        return launch.error();
    }

    template <typename Use>
    static int patternBackwardInto(const Use& use, const ElementsIn& weights, const float* logits,
                                   const ElementsIn& gradMasked, const PatternGates& gates,
                                   const GateRegularisers& regularisers, float* tileSlopes,
                                   const SumsOut& sums, void* stream) {
        const Launcher launch(stream);
        const auto groups = gates.geometry.groups, blocks = groupBlocks(groups);
        withShape(gates.geometry, [&](const auto& shape) {
            using Shape = std::decay_t<decltype(shape)>;
            launch.sums(PatternBackward<Shape, Use, Group>{{sums.parts},
                                                           shape,
                                                           weights,
                                                           logits,
                                                           gradMasked,
                                                           tileSlopes,
                                                           groups,
                                                           BackwardConstants(gates.gate, regularisers),
                                                           gates.noise,
                                                           TileOfGroup(gates),
                                                           use},
                        blocks);
        });
        launch.sums(AddParts{sums.parts, blocks, sums.sums}, 1);
        return launch.error();
    }

    static void drawGates(const Launcher& launch, const float* logits, float* gates, std::int64_t count,
                          const GateParameters& gate, const NoiseKey& noise) {
        launch.each(DrawGates<Noise>{logits, gates, count, GateConstants(gate), noise}, elementBlocks(count));
    }

    /// From the strips' slopes, the first parts, to the logits' gradients.
    static void gradientsOfTiles(const Launcher& launch, const float* gates, float* gradLogits,
                                 const TileGeometry& geometry, const GateParameters& gate,
                                 const SumsOut& sums) {
        const auto strips = stripBlocks(geometry), blocks = tileBlocks(geometry);
        launch.sums(TileGradient{{sums.parts + strips},
                                 sums.parts,
                                 stripsOf(geometry),
                                 gates,
                                 gradLogits,
                                 geometry.tiles(),
                                 gate.kappa / gate.tau},
                    blocks);
        launch.sums(AddParts{sums.parts, strips + blocks, sums.sums}, 1);
    }
};

}  // namespace tessera::kernels::cuda
