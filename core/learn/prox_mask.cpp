#include "core/learn/prox_mask.h"

#include "core/learn/mask_arrays.h"
#include "core/prune/selection.h"
#include "kernels/cpu/prox_groups.h"

namespace tessera {

ProxMask::ProxMask(PrunableMatrix matrix, ProxSettings settings)
    : MaskParameters(matrix, 0, matrix.elements()), m_settings(settings) {
    requireGroups({0.5, 2, 4}, m_matrix.cols, m_matrix.name);
}

void ProxMask::begin(const torch::Tensor& weights) {
    m_logits.copy_(weights.reshape({-1}));
}

kernels::GateSums ProxMask::sample(const torch::Tensor& weights, const torch::Tensor& masked,
                                   const MaskStep&) {
    checkLayout(weights, masked, m_matrix);
    torch::NoGradGuard guard;
    masked.copy_(m_logits.view_as(masked));
    kernels::GateSums sums;
    sums.gate = static_cast<double>(torch::count_nonzero(m_logits).item<std::int64_t>());
    sums.squaredMasked = m_logits.square().sum(torch::kFloat64).item<double>();
    return sums;
}

kernels::GateSums ProxMask::backpropagate(const torch::Tensor& weights, const torch::Tensor& gradMasked,
                                          const MaskStep&) {
    checkLayout(weights, gradMasked, m_matrix);
    torch::NoGradGuard guard;
    auto& total = gradient();
    total.add_(gradMasked.reshape({-1}));
    if (m_settings.frozenLambda > 0) {
        // d/dw of r^2 with r = w / (w0 + eps sign(w0)) (w - w0), sign(0) being 1.
        const auto original = weights.reshape({-1}).to(torch::kFloat32);
        const auto scale =
            original + torch::where(original < 0, -m_settings.frozenEpsilon, m_settings.frozenEpsilon);
        const auto distance = m_logits - original;
        total.addcdiv_(m_logits * distance * (m_logits + distance), scale.square(),
                       2.0 * m_settings.frozenLambda);
    }
    return {};
}

kernels::GateSums ProxMask::backpropagateAndUpdate(const torch::Tensor& weights,
                                                   const torch::Tensor& gradMasked, const MaskStep& step) {
    discardGradient();
    auto sums = backpropagate(weights, gradMasked, step);
    sums.squaredGradient = squaredGradient();
    update(1.0, step);
    discardGradient();
    return sums;
}

void ProxMask::afterUpdate() {
    kernels::proxGroups(m_logits.data_ptr<float>(), m_logits.numel() / 4,
                        static_cast<float>(m_settings.lambda));
}

PackedMask ProxMask::harden(const GateCut&) const {
    return packMask(keepNM(m_logits.abs().view({m_matrix.rows, m_matrix.cols}), 2, 4));
}

}  // namespace tessera
