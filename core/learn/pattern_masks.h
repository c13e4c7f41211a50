#pragma once

#include "core/learn/mask_parameters.h"

namespace tessera {

/// MaskLLM: of every M inputs N are kept, in one of the ways to do so, each of which has a logit. The logits
/// are [patterns, groups] as kernels::PatternGeometry says, groups counted along the rows.
class PatternMask : public MaskParameters {
  public:
    /// Throws Error{InvalidInput} where M does not divide the matrix's inputs or N:M has more than
    /// kernels::kMostPatterns patterns.
    PatternMask(PrunableMatrix matrix, int keep, int group);
    kernels::GateSums sample(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagate(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagateAndUpdate(const torch::Tensor&, const torch::Tensor&,
                                             const MaskStep&) override;
    std::int64_t zerosBehind(std::int64_t) const override { return 0; }
    /// Each group's likeliest pattern, of equal ones the first; there is nothing to cut.
    PackedMask harden(const GateCut& cut) const override;

    const kernels::PatternGeometry& patterns() const { return m_patterns; }
    /// A view, [patterns, groups].
    torch::Tensor patternLogits() const;

  protected:
    PatternMask(PrunableMatrix matrix, int keep, int group, std::int64_t gates);
    /// The part behind the gates.
    float* patternPart(torch::Tensor& tensor) const { return tensor.data_ptr<float>() + m_gates; }
    kernels::PatternGates patternGates(const MaskStep& step) const;
    /// Each group's likeliest pattern, and everything of the groups in whose tile `open` is.
    PackedMask hardPatterns(const std::vector<std::uint8_t>* open, const kernels::TileGeometry& tiles) const;

    kernels::PatternGeometry m_patterns;
};

/// PATCH-Joint: a gate a tile over 2:4 patterns that are learned, too; an open tile is dense. The gates'
/// logits stand first. M = g + (1 - g) soft.
class JointMask : public PatternMask {
  public:
    /// Tiles at the right and lower edge may be ragged; their columns are a multiple of four.
    JointMask(PrunableMatrix matrix, std::int64_t tileRows, std::int64_t tileCols);
    kernels::GateSums sample(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagate(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagateAndUpdate(const torch::Tensor&, const torch::Tensor&,
                                             const MaskStep&) override;
    std::int64_t zerosBehind(std::int64_t gate) const override;
    PackedMask harden(const GateCut& cut) const override;

    const kernels::TileGeometry* tiles() const override { return &m_geometry; }

  private:
    std::vector<float> tileGates(const MaskStep& step, bool hard) const;
    kernels::PatternGates jointGates(const MaskStep& step, const std::vector<float>& tileGates) const;

    kernels::TileGeometry m_geometry;
};

}  // namespace tessera
