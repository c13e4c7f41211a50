#include "core/learn/pattern_masks.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/learn/mask_arrays.h"

namespace tessera {

namespace {

kernels::PatternGeometry geometryOf(const PrunableMatrix& matrix, int keep, int group) {
    const auto name = std::to_string(keep) + ":" + std::to_string(group);
    if (matrix.cols % group != 0)
        throw Error(ErrorCode::InvalidInput,
                    "the groups of " + name + " do not divide the " + std::to_string(matrix.cols) + " inputs",
                    matrix.name, {{"choose an M that divides them, or exclude the matrix", "pattern", ""}});
    if (kernels::patternCount(keep, group) > kernels::kMostPatterns)
        throw Error(ErrorCode::InvalidInput,
                    name + " has more than the " + std::to_string(kernels::kMostPatterns) +
                        " patterns that logits are held for",
                    matrix.name, {{"choose fewer, for example 2:4 or 4:8", "pattern", "2:4"}});
    return {matrix.elements() / group, keep, group};
}

}  // namespace

PatternMask::PatternMask(PrunableMatrix matrix, int keep, int group)
    : PatternMask(std::move(matrix), keep, group, 0) {}

PatternMask::PatternMask(PrunableMatrix matrix, int keep, int group, std::int64_t gates)
    : MaskParameters(matrix, gates, geometryOf(matrix, keep, group).logits()),
      m_patterns(geometryOf(matrix, keep, group)) {}

torch::Tensor PatternMask::patternLogits() const {
    return m_logits.slice(0, m_gates).view({m_patterns.patterns(), m_patterns.groups});
}

kernels::PatternGates PatternMask::patternGates(const MaskStep& step) const {
    return {m_patterns, step.patternGate, step.noise, nullptr, {}};
}

kernels::GateSums PatternMask::sample(const torch::Tensor& weights, const torch::Tensor& masked,
                                      const MaskStep& step) {
    return withMasked(m_matrix, weights, masked, [&](const auto* from, auto* to) {
        return kernels::patternForward(from, patternPart(m_logits), to, patternGates(step));
    });
}

kernels::GateSums PatternMask::backpropagate(const torch::Tensor& weights, const torch::Tensor& gradMasked,
                                             const MaskStep& step) {
    return withGradient(m_matrix, weights, gradMasked, [&](const auto* from, const auto* grad) {
        return kernels::patternBackward(from, patternPart(m_logits), grad, patternPart(gradient()),
                                        patternGates(step), step.regularisers);
    });
}

kernels::GateSums PatternMask::backpropagateAndUpdate(const torch::Tensor& weights,
                                                      const torch::Tensor& gradMasked, const MaskStep& step) {
    return withGradient(m_matrix, weights, gradMasked, [&](const auto* from, const auto* grad) {
        return onPayload(
            [&](auto* m1, auto* m2) {
                return kernels::patternBackwardAdam(from, patternPart(m_logits), grad, m1 + m_gates,
                                                    m2 + m_gates, patternGates(step), step.regularisers,
                                                    step.patternAdam);
            },
            m_moment1, m_moment2);
    });
}

PackedMask PatternMask::hardPatterns(const std::vector<std::uint8_t>* open,
                                     const kernels::TileGeometry& tiles) const {
    PackedMask mask(m_matrix.rows, m_matrix.cols);
    const auto table = kernels::patternTable(m_patterns.keep, m_patterns.group);
    const auto* logits = m_logits.data_ptr<float>() + m_gates;
    const auto groups = m_patterns.groups;
    const auto group = m_patterns.group;
    // Eight groups end with a byte, whatever their size: threads write to no byte in common.
#pragma omp parallel for
    for (std::int64_t eighth = 0; eighth < (groups + 7) / 8; ++eighth)
        for (auto g = eighth * 8; g < std::min(groups, eighth * 8 + 8); ++g) {
            const auto first = g * group;
            if (open) {
                const auto tile = first / m_matrix.cols / tiles.tileRows * tiles.gridCols() +
                                  first % m_matrix.cols / tiles.tileCols;
                if ((*open)[static_cast<std::size_t>(tile)]) {
                    for (int i = 0; i < group; ++i) mask.keep(first + i);
                    continue;
                }
            }
            int best = 0;
            for (int p = 1; p < table.count; ++p)
                if (logits[p * groups + g] > logits[best * groups + g]) best = p;
            for (int i = 0; i < m_patterns.keep; ++i)
                mask.keep(first + table.places[static_cast<std::size_t>(best)][static_cast<std::size_t>(i)]);
        }
    return mask;
}

PackedMask PatternMask::harden(const GateCut&) const {
    return hardPatterns(nullptr, {});
}

JointMask::JointMask(PrunableMatrix matrix, std::int64_t tileRows, std::int64_t tileCols)
    : PatternMask(matrix, 2, 4, kernels::TileGeometry{matrix.rows, matrix.cols, tileRows, tileCols}.tiles()),
      m_geometry{matrix.rows, matrix.cols, tileRows, tileCols} {
    if (tileCols % m_patterns.group != 0)
        throw Error(ErrorCode::Internal, "tiles cut groups of 2:4 apart", m_matrix.name);
}

std::vector<float> JointMask::tileGates(const MaskStep& step, bool hard) const {
    std::vector<float> gates(static_cast<std::size_t>(m_gates));
    auto noise = step.noise;
    noise.stream |= 0x80000000u;  // the patterns have the lower half of the streams
    auto gate = step.gate;
    gate.hard = hard;
    kernels::gateValues(m_logits.data_ptr<float>(), gates.data(), m_gates, gate, noise);
    return gates;
}

kernels::PatternGates JointMask::jointGates(const MaskStep& step, const std::vector<float>& tileGates) const {
    auto gates = patternGates(step);
    gates.tileGates = tileGates.data();
    gates.tiles = m_geometry;
    return gates;
}

kernels::GateSums JointMask::sample(const torch::Tensor& weights, const torch::Tensor& masked,
                                    const MaskStep& step) {
    const auto gates = tileGates(step, step.gate.hard);
    return withMasked(m_matrix, weights, masked, [&](const auto* from, auto* to) {
        return kernels::patternForward(from, patternPart(m_logits), to, jointGates(step, gates));
    });
}

kernels::GateSums JointMask::backpropagate(const torch::Tensor& weights, const torch::Tensor& gradMasked,
                                           const MaskStep& step) {
    const auto gates = tileGates(step, step.gate.hard);
    std::vector<float> slopes(static_cast<std::size_t>(m_patterns.groups));
    auto sums = withGradient(m_matrix, weights, gradMasked, [&](const auto* from, const auto* grad) {
        return kernels::patternBackward(from, patternPart(m_logits), grad, patternPart(gradient()),
                                        jointGates(step, gates), step.regularisers, slopes.data());
    });
    sums.squaredGradient +=
        kernels::tileGradients(slopes.data(), tileGates(step, false).data(), gradient().data_ptr<float>(),
                               m_geometry, m_patterns.group, step.gate);
    return sums;
}

kernels::GateSums JointMask::backpropagateAndUpdate(const torch::Tensor& weights,
                                                    const torch::Tensor& gradMasked, const MaskStep& step) {
    const auto gates = tileGates(step, step.gate.hard), soft = tileGates(step, false);
    std::vector<float> slopes(static_cast<std::size_t>(m_patterns.groups)),
        tileGradient(static_cast<std::size_t>(m_gates));
    auto sums = withGradient(m_matrix, weights, gradMasked, [&](const auto* from, const auto* grad) {
        return onPayload(
            [&](auto* m1, auto* m2) {
                return kernels::patternBackwardAdam(from, patternPart(m_logits), grad, m1 + m_gates,
                                                    m2 + m_gates, jointGates(step, gates), step.regularisers,
                                                    step.patternAdam, slopes.data());
            },
            m_moment1, m_moment2);
    });
    sums.squaredGradient += kernels::tileGradients(slopes.data(), soft.data(), tileGradient.data(),
                                                   m_geometry, m_patterns.group, step.gate);
    onPayload(
        [&](auto* m1, auto* m2) {
            kernels::adamStep(m_logits.data_ptr<float>(), tileGradient.data(), m1, m2, m_gates, 1.0f,
                              step.adam);
        },
        m_moment1, m_moment2);
    return sums;
}

std::int64_t JointMask::zerosBehind(std::int64_t gate) const {
    const auto top = gate / m_geometry.gridCols() * m_geometry.tileRows,
               left = gate % m_geometry.gridCols() * m_geometry.tileCols;
    const auto rows = std::min(m_geometry.tileRows, m_geometry.rows - top),
               cols = std::min(m_geometry.tileCols, m_geometry.cols - left);
    return rows * cols / m_patterns.group * (m_patterns.group - m_patterns.keep);
}

PackedMask JointMask::harden(const GateCut& cut) const {
    auto open = shutGates(cut);
    for (auto& tile : open) tile = !tile;
    return hardPatterns(&open, m_geometry);
}

}  // namespace tessera
