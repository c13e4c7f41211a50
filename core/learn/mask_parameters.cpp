#include "core/learn/mask_parameters.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/model/torch_runtime.h"

namespace tessera {

namespace {

/// The kernels take raw arrays of the two element types that weights have here.
bool isBf16(const torch::Tensor& tensor) {
    return tensor.scalar_type() == torch::kBFloat16;
}
const float* f32(const torch::Tensor& tensor) {
    return tensor.data_ptr<float>();
}
const std::uint16_t* bf16(const torch::Tensor& tensor) {
    return bf16Data(tensor);
}

void checkLayout(const torch::Tensor& weights, const torch::Tensor& other, const PrunableMatrix& matrix) {
    if (!weights.is_contiguous() || !other.is_contiguous() || weights.numel() != matrix.elements() ||
        other.numel() != matrix.elements())
        throw Error(ErrorCode::Internal, "a mask step needs contiguous matrices of the mask's shape",
                    matrix.name);
}

}  // namespace

MaskParameters::MaskParameters(PrunableMatrix matrix, std::int64_t logits)
    : m_matrix(std::move(matrix)),
      m_logits(torch::zeros({logits}, torch::kFloat32)),
      m_moment1(torch::zeros({logits}, torch::kFloat32)),
      m_moment2(torch::zeros({logits}, torch::kFloat32)) {}

torch::Tensor& MaskParameters::gradient() {
    if (!m_gradient.defined()) m_gradient = torch::zeros_like(m_logits);
    return m_gradient;
}

void MaskParameters::update(double scale, const kernels::AdamParameters& adam) {
    kernels::adamStep(m_logits.data_ptr<float>(), gradient().data_ptr<float>(), m_moment1.data_ptr<float>(),
                      m_moment2.data_ptr<float>(), m_logits.numel(), static_cast<float>(scale), adam);
    m_gradient.zero_();
}

double MaskParameters::squaredGradient() const {
    return m_gradient.defined() ? m_gradient.to(torch::kFloat64).square().sum().item<double>() : 0.0;
}

BernoulliMask::BernoulliMask(PrunableMatrix matrix) : MaskParameters(matrix, matrix.elements()) {}

kernels::GateSums BernoulliMask::sample(const torch::Tensor& weights, const torch::Tensor& masked,
                                        const MaskStep& step) {
    checkLayout(weights, masked, m_matrix);
    const auto* logits = m_logits.data_ptr<float>();
    const auto count = m_logits.numel();
    if (isBf16(weights))
        return kernels::bernoulliForward(bf16(weights), logits, bf16Data(masked), count, step.gate,
                                         step.noise);
    return kernels::bernoulliForward(f32(weights), logits, masked.data_ptr<float>(), count, step.gate,
                                     step.noise);
}

kernels::GateSums BernoulliMask::backpropagate(const torch::Tensor& weights, const torch::Tensor& gradMasked,
                                               const MaskStep& step) {
    checkLayout(weights, gradMasked, m_matrix);
    const auto* logits = m_logits.data_ptr<float>();
    auto* out = gradient().data_ptr<float>();
    const auto count = m_logits.numel();
    if (!isBf16(weights))
        return kernels::bernoulliBackward(f32(weights), logits, f32(gradMasked), out, count, step.gate,
                                          step.regularisers, step.noise);
    if (isBf16(gradMasked))
        return kernels::bernoulliBackward(bf16(weights), logits, bf16(gradMasked), out, count, step.gate,
                                          step.regularisers, step.noise);
    return kernels::bernoulliBackward(bf16(weights), logits, f32(gradMasked), out, count, step.gate,
                                      step.regularisers, step.noise);
}

kernels::GateSums BernoulliMask::backpropagateAndUpdate(const torch::Tensor& weights,
                                                        const torch::Tensor& gradMasked,
                                                        const MaskStep& step) {
    checkLayout(weights, gradMasked, m_matrix);
    auto *logits = m_logits.data_ptr<float>(), *first = m_moment1.data_ptr<float>(),
         *second = m_moment2.data_ptr<float>();
    const auto count = m_logits.numel();
    if (!isBf16(weights))
        return kernels::bernoulliBackwardAdam(f32(weights), logits, f32(gradMasked), first, second, count,
                                              step.gate, step.regularisers, step.noise, step.adam);
    if (isBf16(gradMasked))
        return kernels::bernoulliBackwardAdam(bf16(weights), logits, bf16(gradMasked), first, second, count,
                                              step.gate, step.regularisers, step.noise, step.adam);
    return kernels::bernoulliBackwardAdam(bf16(weights), logits, f32(gradMasked), first, second, count,
                                          step.gate, step.regularisers, step.noise, step.adam);
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
      m_gates(static_cast<std::size_t>(m_geometry.tiles())) {
    if (inner.rows != matrix.rows || inner.cols != matrix.cols)
        throw Error(
            ErrorCode::InvalidInput,
            "the base mask is " + std::to_string(inner.rows) + " x " + std::to_string(inner.cols) +
                ", the matrix is " + std::to_string(matrix.rows) + " x " + std::to_string(matrix.cols),
            matrix.name, {{"give a mask file made for this model with --set base=FILE.npz", "base", ""}});
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
    checkLayout(weights, masked, m_matrix);
    const auto* logits = m_logits.data_ptr<float>();
    if (isBf16(weights))
        return kernels::tileForward(bf16(weights), m_inner.data(), logits, m_gates.data(), bf16Data(masked),
                                    m_geometry, step.gate, step.noise);
    return kernels::tileForward(f32(weights), m_inner.data(), logits, m_gates.data(),
                                masked.data_ptr<float>(), m_geometry, step.gate, step.noise);
}

kernels::GateSums TileMask::backpropagate(const torch::Tensor& weights, const torch::Tensor& gradMasked,
                                          const MaskStep& step) {
    checkLayout(weights, gradMasked, m_matrix);
    const auto* logits = m_logits.data_ptr<float>();
    auto* out = gradient().data_ptr<float>();
    if (!isBf16(weights))
        return kernels::tileBackward(f32(weights), m_inner.data(), logits, f32(gradMasked), out, m_geometry,
                                     step.gate, step.regularisers, step.noise);
    if (isBf16(gradMasked))
        return kernels::tileBackward(bf16(weights), m_inner.data(), logits, bf16(gradMasked), out, m_geometry,
                                     step.gate, step.regularisers, step.noise);
    return kernels::tileBackward(bf16(weights), m_inner.data(), logits, f32(gradMasked), out, m_geometry,
                                 step.gate, step.regularisers, step.noise);
}

kernels::GateSums TileMask::backpropagateAndUpdate(const torch::Tensor& weights,
                                                   const torch::Tensor& gradMasked, const MaskStep& step) {
    const auto sums = backpropagate(weights, gradMasked, step);
    update(1.0, step.adam);
    return sums;
}

PackedMask TileMask::harden(const GateCut& cut) const {
    PackedMask mask(m_matrix.rows, m_matrix.cols);
    const auto columns = m_geometry.gridCols();
    const auto* logits = m_logits.data_ptr<float>();
    std::vector<std::uint8_t> shut(static_cast<std::size_t>(m_geometry.tiles()));
    auto left = cut.ties;
    for (std::size_t tile = 0; tile < shut.size(); ++tile) {
        const auto key = gateKey(logits[tile]);
        shut[tile] = key < cut.key || (key == cut.key && left-- > 0);
    }
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
