#include "core/learn/mask_parameters.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/learn/mask_arrays.h"
#include "core/model/spilled_tensor.h"

namespace tessera {

void requireShape(const PackedMask& base, const PrunableMatrix& matrix) {
    if (base.rows == matrix.rows && base.cols == matrix.cols) return;
    throw Error(ErrorCode::InvalidInput,
                "the base mask is " + std::to_string(base.rows) + " x " + std::to_string(base.cols) +
                    ", the matrix is " + std::to_string(matrix.rows) + " x " + std::to_string(matrix.cols),
                matrix.name, {{"give a mask file made for this model with --set base=FILE.npz", "base", ""}});
}

MaskParameters::MaskParameters(PrunableMatrix matrix, std::int64_t gates, std::int64_t patternLogits)
    : m_matrix(std::move(matrix)),
      m_gates(gates),
      m_logits(torch::zeros({gates + patternLogits}, torch::kFloat32)),
      m_moment1(torch::zeros_like(m_logits)),
      m_moment2(torch::zeros_like(m_logits)) {}

torch::Tensor& MaskParameters::gradient() {
    if (!m_gradient.defined()) m_gradient = newGradient(m_logits.numel());
    return m_gradient;
}

torch::Tensor MaskParameters::newGradient(std::int64_t values) const {
    return m_spillFolder.empty() ? torch::zeros({values}, torch::kFloat32)
                                 : spilledTensor({values}, torch::kFloat32, m_spillFolder);
}

void MaskParameters::narrowMoments() {
    m_moment1 = torch::zeros_like(m_logits, torch::kBFloat16);
    m_moment2 = torch::zeros_like(m_moment1);
}

void MaskParameters::spill(const std::filesystem::path& folder) {
    m_spillFolder = folder;
    for (auto* tensor : {&m_logits, &m_moment1, &m_moment2}) {
        const auto spilled = spilledTensor(tensor->sizes(), tensor->scalar_type(), folder);
        // Fresh moments are zeros, and so is the file: no page of it need be touched.
        if (tensor == &m_logits) spilled.copy_(*tensor);
        *tensor = spilled;
    }
}

void MaskParameters::placeGradient(torch::Tensor place) {
    m_gradient = std::move(place);
    m_gradientPlaced = true;
}

void MaskParameters::discardGradient() {
    if (m_gradientPlaced || (m_gradient.defined() && !m_spillFolder.empty()))
        m_gradient.zero_();
    else
        m_gradient.reset();
}

void MaskParameters::update(double scale, const MaskStep& step) {
    auto* of = gradient().data_ptr<float>();
    const auto part = [&](std::int64_t first, std::int64_t count, const kernels::AdamParameters& adam) {
        onPayload(
            [&](auto* m1, auto* m2) {
                kernels::adamStep(m_logits.data_ptr<float>() + first, of + first, m1 + first, m2 + first,
                                  count, static_cast<float>(scale), adam);
            },
            m_moment1, m_moment2);
    };
    part(0, m_gates, step.adam);
    part(m_gates, m_logits.numel() - m_gates, step.patternAdam);
    m_gradient.zero_();
    afterUpdate();
}

double MaskParameters::squaredGradient() const {
    return m_gradient.defined() ? m_gradient.to(torch::kFloat64).square().sum().item<double>() : 0.0;
}

std::vector<std::uint8_t> MaskParameters::shutGates(const GateCut& cut) const {
    std::vector<std::uint8_t> shut(static_cast<std::size_t>(m_gates));
    const auto* logits = m_logits.data_ptr<float>();
    auto left = cut.ties;
    for (std::size_t gate = 0; gate < shut.size(); ++gate) {
        const auto key = gateKey(logits[gate]);
        shut[gate] = key < cut.key || (key == cut.key && left-- > 0);
    }
    return shut;
}

BernoulliMask::BernoulliMask(PrunableMatrix matrix) : MaskParameters(matrix, matrix.elements()) {}

kernels::GateSums BernoulliMask::sample(const torch::Tensor& weights, const torch::Tensor& masked,
                                        const MaskStep& step) {
    return withMasked(m_matrix, weights, masked, [&](const auto* from, auto* to) {
        return kernels::bernoulliForward(from, m_logits.data_ptr<float>(), to, m_gates, step.gate,
                                         step.noise);
    });
}

kernels::GateSums BernoulliMask::backpropagate(const torch::Tensor& weights, const torch::Tensor& gradMasked,
                                               const MaskStep& step) {
    return withGradient(m_matrix, weights, gradMasked, [&](const auto* from, const auto* grad) {
        return kernels::bernoulliBackward(from, m_logits.data_ptr<float>(), grad,
                                          gradient().data_ptr<float>(), m_gates, step.gate, step.regularisers,
                                          step.noise);
    });
}

kernels::GateSums BernoulliMask::backpropagateAndUpdate(const torch::Tensor& weights,
                                                        const torch::Tensor& gradMasked,
                                                        const MaskStep& step) {
    return withGradient(m_matrix, weights, gradMasked, [&](const auto* from, const auto* grad) {
        return onPayload(
            [&](auto* m1, auto* m2) {
                return kernels::bernoulliBackwardAdam(from, m_logits.data_ptr<float>(), grad, m1, m2, m_gates,
                                                      step.gate, step.regularisers, step.noise, step.adam);
            },
            m_moment1, m_moment2);
    });
}

PackedMask BernoulliMask::harden(const GateCut& cut) const {
    PackedMask mask(m_matrix.rows, m_matrix.cols);
    const auto* logits = m_logits.data_ptr<float>();
    const auto count = m_matrix.elements();
    // Above the threshold by whole bytes; the few that equal it in their order afterwards.
#pragma omp parallel for
    for (std::int64_t byte = 0; byte < (count + 7) / 8; ++byte) {
        std::uint8_t bits = 0;
        for (std::int64_t i = byte * 8; i < std::min(count, byte * 8 + 8); ++i)
            bits |= static_cast<std::uint8_t>((gateKey(logits[i]) >= cut.key) << (7 - (i & 7)));
        mask.bits[static_cast<std::size_t>(byte)] = bits;
    }
    auto left = cut.ties;
    for (std::int64_t i = 0; left > 0 && i < count; ++i)
        if (gateKey(logits[i]) == cut.key) {
            mask.bits[static_cast<std::size_t>(i >> 3)] &= static_cast<std::uint8_t>(~(0x80 >> (i & 7)));
            --left;
        }
    return mask;
}

TileMask::TileMask(PrunableMatrix matrix, const PackedMask& inner, std::int64_t tileRows,
                   std::int64_t tileCols)
    : MaskParameters(matrix, kernels::TileGeometry{matrix.rows, matrix.cols, tileRows, tileCols}.tiles()),
      m_geometry{matrix.rows, matrix.cols, tileRows, tileCols},
      m_inner(static_cast<std::size_t>(matrix.elements())),
      m_zeros(static_cast<std::size_t>(m_geometry.tiles())),
      m_drawn(static_cast<std::size_t>(m_geometry.tiles())) {
    requireShape(inner, matrix);
    const auto columns = m_geometry.gridCols();
    for (std::int64_t row = 0; row < matrix.rows; ++row)
        for (std::int64_t col = 0; col < matrix.cols; ++col) {
            const auto index = row * matrix.cols + col;
            const bool keep = inner.keeps(index);
            m_inner[static_cast<std::size_t>(index)] = keep;
            if (!keep) ++m_zeros[static_cast<std::size_t>((row / tileRows) * columns + col / tileCols)];
        }
}

kernels::GateSums TileMask::sample(const torch::Tensor& weights, const torch::Tensor& masked,
                                   const MaskStep& step) {
    return withMasked(m_matrix, weights, masked, [&](const auto* from, auto* to) {
        return kernels::tileForward(from, m_inner.data(), m_logits.data_ptr<float>(), m_drawn.data(), to,
                                    m_geometry, step.gate, step.noise);
    });
}

kernels::GateSums TileMask::backpropagate(const torch::Tensor& weights, const torch::Tensor& gradMasked,
                                          const MaskStep& step) {
    return withGradient(m_matrix, weights, gradMasked, [&](const auto* from, const auto* grad) {
        return kernels::tileBackward(from, m_inner.data(), m_logits.data_ptr<float>(), grad,
                                     gradient().data_ptr<float>(), m_geometry, step.gate, step.regularisers,
                                     step.noise);
    });
}

kernels::GateSums TileMask::backpropagateAndUpdate(const torch::Tensor& weights,
                                                   const torch::Tensor& gradMasked, const MaskStep& step) {
    const auto sums = backpropagate(weights, gradMasked, step);
    update(1.0, step);
    return sums;
}

PackedMask TileMask::harden(const GateCut& cut) const {
    PackedMask mask(m_matrix.rows, m_matrix.cols);
    const auto columns = m_geometry.gridCols();
    const auto shut = shutGates(cut);
    for (std::int64_t row = 0; row < m_matrix.rows; ++row)
        for (std::int64_t col = 0; col < m_matrix.cols; ++col) {
            const auto index = row * m_matrix.cols + col;
            const auto tile = (row / m_geometry.tileRows) * columns + col / m_geometry.tileCols;
            if (!shut[static_cast<std::size_t>(tile)] || m_inner[static_cast<std::size_t>(index)])
                mask.keep(index);
        }
    return mask;
}

}  // namespace tessera
