#pragma once

#include "core/learn/mask_parameters.h"

namespace tessera {

/// The constants of ProxSparse's penalties (methods.md 5).
struct ProxSettings {
    double lambda = 0.25;     ///< of the proximal step, not multiplied by the learning rate
    double frozenLambda = 0;  ///< weight of ||w / (w0 + eps sign(w0)) (w - w0)||^2, element by element
    double frozenEpsilon = 0.1;
};

/// ProxSparse: what is learned are the weights themselves, which after each step of Adam a proximal step
/// pulls towards two of every four. Only the mask is kept in the end, the two largest of each group, over the
/// original weights. The "logits" are the learned weights, all behind the gates, of which there are none.
class ProxMask : public MaskParameters {
  public:
    /// Throws Error{InvalidInput} where 4 does not divide the matrix's inputs.
    ProxMask(PrunableMatrix matrix, ProxSettings settings);
    /// Begins at these weights, [rows, cols] of any type.
    void begin(const torch::Tensor& weights);

    /// GateSums.gate counts the learned weights that are not zero.
    kernels::GateSums sample(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagate(const torch::Tensor&, const torch::Tensor&, const MaskStep&) override;
    kernels::GateSums backpropagateAndUpdate(const torch::Tensor&, const torch::Tensor&,
                                             const MaskStep&) override;
    std::int64_t zerosBehind(std::int64_t) const override { return 0; }
    /// The two largest learned weights of each group (keepNM); there is nothing to cut.
    PackedMask harden(const GateCut& cut) const override;

  protected:
    void afterUpdate() override;

  private:
    ProxSettings m_settings;
};

}  // namespace tessera
