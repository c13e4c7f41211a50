#pragma once

#include <torch/torch.h>

#include <bit>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/formats/mask_set.h"
#include "core/formats/model_config.h"
#include "kernels/cpu/mask_step.h"

namespace tessera {

/// Everything that one optimiser step tells every matrix.
struct MaskStep {
    kernels::GateParameters gate;  ///< of weights or tiles
    kernels::AdamParameters adam;
    kernels::GateParameters patternGate;  ///< of logits that choose patterns
    kernels::AdamParameters patternAdam;
    kernels::NoiseKey noise;  ///< `stream` is the matrix's own, below 2^31
    kernels::GateRegularisers regularisers;
};

/// Logits in an order of whole numbers: a < b exactly where gateKey(a) < gateKey(b), and both zeros are one.
inline std::uint32_t gateKey(float logit) {
    const auto bits = std::bit_cast<std::uint32_t>(logit + 0.0f);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/// Which gates of a matrix are shut: those below `key`, and the first `ties` of those that equal it.
struct GateCut {
    std::uint32_t key = 0;
    std::int64_t ties = 0;
};

/// The learnable mask of one weight matrix: owns its logits, their Adam moments and, where gradients are
/// accumulated, their gradient. Its first gates() logits open and shut what competes for the budget, those
/// behind them choose patterns that all keep as much. Weights and masked weights are contiguous [rows, cols],
/// f32 or bf16.
class MaskParameters {
  public:
    MaskParameters(PrunableMatrix matrix, std::int64_t gates, std::int64_t patternLogits = 0);
    virtual ~MaskParameters() = default;

    const PrunableMatrix& matrix() const { return m_matrix; }
    std::int64_t gates() const { return m_gates; }
    torch::Tensor& logits() { return m_logits; }
    torch::Tensor& moment1() { return m_moment1; }
    torch::Tensor& moment2() { return m_moment2; }
    const torch::Tensor& logits() const { return m_logits; }
    const torch::Tensor& moment1() const { return m_moment1; }
    const torch::Tensor& moment2() const { return m_moment2; }

    /// Draws a soft mask and writes weights * mask. GateSums.gate sums the mask over the weights.
    virtual kernels::GateSums sample(const torch::Tensor& weights, const torch::Tensor& masked,
                                     const MaskStep& step) = 0;
    /// Adds the gradient that `gradMasked` (dL/d masked weight) and the regularisers give to the accumulated
    /// one.
    virtual kernels::GateSums backpropagate(const torch::Tensor& weights, const torch::Tensor& gradMasked,
                                            const MaskStep& step) = 0;
    /// Backward and the Adam step together; where the form allows it the gradient is never stored.
    virtual kernels::GateSums backpropagateAndUpdate(const torch::Tensor& weights,
                                                     const torch::Tensor& gradMasked,
                                                     const MaskStep& step) = 0;
    /// Adam on the accumulated gradient times `scale`; clears it.
    void update(double scale, const MaskStep& step);
    void discardGradient();
    /// Moments in bf16 from now on, as zeros: half of their memory.
    void narrowMoments();
    /// Logits, moments and what is accumulated live in files under `folder` from now on (spilledTensor).
    void spill(const std::filesystem::path& folder);
    /// Zeros in memory, or on disk where the mask is spilled.
    torch::Tensor newGradient(std::int64_t values) const;
    /// The accumulated gradient lies in `place` from now on, zeros of the logits' length.
    void placeGradient(torch::Tensor place);
    /// Sum of squares of the accumulated gradient.
    double squaredGradient() const;

    /// The zeros that gate number `gate` makes when it is shut.
    virtual std::int64_t zerosBehind(std::int64_t gate) const = 0;
    /// The tiles whose gates the first logits are; null where gates are of something else.
    virtual const kernels::TileGeometry* tiles() const { return nullptr; }
    /// Whether every gate is of one weight, its own.
    virtual bool gatesWeights() const { return false; }
    /// The hard mask with exactly these gates shut.
    virtual PackedMask harden(const GateCut& cut) const = 0;

  protected:
    torch::Tensor& gradient();
    /// Called by update() when Adam has moved the logits.
    virtual void afterUpdate() {}
    /// Whether each gate is shut under `cut`.
    std::vector<std::uint8_t> shutGates(const GateCut& cut) const;

    PrunableMatrix m_matrix;
    std::int64_t m_gates;
    torch::Tensor m_logits, m_moment1, m_moment2, m_gradient;
    bool m_gradientPlaced = false;  ///< it is a part of something else and stays
    std::filesystem::path m_spillFolder;
};

/// Throws Error{InvalidInput} when a base mask is not of the matrix's shape.
void requireShape(const PackedMask& base, const PrunableMatrix& matrix);

/// LEAP: one gate a weight.
class BernoulliMask : public MaskParameters {
  public:
    explicit BernoulliMask(PrunableMatrix matrix);
    kernels::GateSums sample(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagate(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagateAndUpdate(const torch::Tensor&, const torch::Tensor&,
                                             const MaskStep&) override;
    std::int64_t zerosBehind(std::int64_t) const override { return 1; }
    bool gatesWeights() const override { return true; }
    PackedMask harden(const GateCut& cut) const override;
};

/// PATCH-Tile: one gate a tile over a frozen N:M mask; an open tile is dense, a shut one is N:M.
class TileMask : public MaskParameters {
  public:
    /// `inner` has the matrix's shape. Tiles at the right and lower edge may be ragged.
    TileMask(PrunableMatrix matrix, const PackedMask& inner, std::int64_t tileRows, std::int64_t tileCols);
    kernels::GateSums sample(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagate(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagateAndUpdate(const torch::Tensor&, const torch::Tensor&,
                                             const MaskStep&) override;
    std::int64_t zerosBehind(std::int64_t gate) const override {
        return m_zeros[static_cast<std::size_t>(gate)];
    }
    PackedMask harden(const GateCut& cut) const override;

    const kernels::TileGeometry* tiles() const override { return &m_geometry; }

  private:
    kernels::TileGeometry m_geometry;
    std::vector<std::uint8_t> m_inner;  ///< one byte a weight
    std::vector<std::int64_t> m_zeros;  ///< zeros of the inner mask in each tile
    std::vector<float> m_drawn;         ///< the gates of the last draw
};

}  // namespace tessera
