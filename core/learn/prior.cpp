#include "core/learn/prior.h"

#include <algorithm>
#include <cmath>

namespace tessera {

namespace {

/// The value below which `share` of the sample lies.
float quantile(std::vector<float> sample, double share) {
    if (sample.empty()) return 0.0f;
    const auto place = static_cast<std::size_t>(
        std::clamp(share * static_cast<double>(sample.size()), 0.0, static_cast<double>(sample.size() - 1)));
    std::nth_element(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(place), sample.end());
    return sample[place];
}

/// value -> units of strength on either side of the threshold.
float units(float value, float threshold, double width, const PriorSettings& settings) {
    if (!settings.graded) return value >= threshold ? 1.0f : -1.0f;
    // A dead feature's or a zero weight's score is 0, its logarithm -infinity: the clamp makes it the lowest
    // unit. Where zeros are so many that the threshold is one of them, the difference would be no number.
    if (value == threshold) return 0.0f;
    return static_cast<float>(
        std::clamp((static_cast<double>(value) - threshold) / width, -settings.clamp, settings.clamp));
}

void shape(float* values, std::int64_t count, float threshold, double width, const PriorSettings& settings) {
    const auto scale = static_cast<float>(settings.strength * settings.sigma);
#pragma omp parallel for
    for (std::int64_t i = 0; i < count; ++i) values[i] = scale * units(values[i], threshold, width, settings);
}

TargetScope scopeOf(PriorThreshold threshold) {
    switch (threshold) {
        case PriorThreshold::Global:
            return TargetScope::Global;
        case PriorThreshold::Block:
            return TargetScope::Block;
        default:
            return TargetScope::Matrix;
    }
}

bool isTiled(const MaskParameters& mask) {
    return mask.logits().numel() != mask.matrix().elements();
}

void shapeByRow(MaskParameters& mask, const PriorSettings& settings) {
    auto* values = mask.logits().data_ptr<float>();
    const auto cols = mask.matrix().cols;
    for (std::int64_t row = 0; row < mask.matrix().rows; ++row) {
        auto* begin = values + row * cols;
        shape(begin, cols, quantile({begin, begin + cols}, settings.sparsity), settings.width, settings);
    }
}

void shapeGroup(const std::vector<MaskParameters*>& group, const PriorSettings& settings) {
    std::vector<float> sample;
    double sum = 0, squares = 0, zeros = 0, weights = 0;
    const bool tiled =
        std::any_of(group.begin(), group.end(), [](const auto* mask) { return isTiled(*mask); });
    std::int64_t logits = 0;
    for (const auto* mask : group) logits += mask->logits().numel();
    const std::int64_t stride = std::max<std::int64_t>(1, logits / (std::int64_t(1) << 22));
    for (const auto* mask : group) {
        const auto* values = mask->logits().data_ptr<float>();
        for (std::int64_t i = 0; i < mask->logits().numel(); i += stride) {
            sample.push_back(values[i]);
            sum += values[i];
            squares += static_cast<double>(values[i]) * values[i];
        }
        weights += static_cast<double>(mask->matrix().elements());
        if (tiled)
            for (std::int64_t i = 0; i < mask->logits().numel(); ++i)
                zeros += static_cast<double>(mask->zerosBehind(i));
    }
    // The share of gates that the budget shuts: of tiles, those that would be N:M.
    const double share =
        tiled ? std::min(1.0, settings.sparsity * weights / std::max(1.0, zeros)) : settings.sparsity;
    double width = settings.width;
    if (tiled) {
        const double mean = sum / static_cast<double>(sample.size());
        width = std::max(
            1e-6, std::sqrt(std::max(0.0, squares / static_cast<double>(sample.size()) - mean * mean)));
    }
    const float threshold = quantile(std::move(sample), share);
    for (auto* mask : group)
        shape(mask->logits().data_ptr<float>(), mask->logits().numel(), threshold, width, settings);
}

}  // namespace

void takeScores(BernoulliMask& mask, const torch::Tensor& scores) {
    mask.logits().copy_(scores.reshape({-1}).log());
}

void takeTileScores(TileMask& mask, const PackedMask& unstructured) {
    const auto& geometry = mask.geometry();
    std::vector<std::int64_t> kept(static_cast<std::size_t>(geometry.tiles())), area(kept.size());
    for (std::int64_t row = 0; row < geometry.rows; ++row)
        for (std::int64_t col = 0; col < geometry.cols; ++col) {
            const auto tile = static_cast<std::size_t>((row / geometry.tileRows) * geometry.gridCols() +
                                                       col / geometry.tileCols);
            ++area[tile];
            kept[tile] += unstructured.keeps(row * geometry.cols + col);
        }
    auto* logits = mask.logits().data_ptr<float>();
    for (std::size_t i = 0; i < kept.size(); ++i)
        logits[i] = static_cast<float>(kept[i]) / static_cast<float>(area[i]);
}

void finishPrior(const MaskList& masks, const PriorSettings& settings) {
    if (settings.strength <= 0) {
        for (const auto& mask : masks) mask->logits().zero_();
    } else {
        for (const auto& group : targetGroups(masks, scopeOf(settings.threshold))) {
            if (settings.threshold == PriorThreshold::Row && !isTiled(*group[0]))
                shapeByRow(*group[0], settings);
            else
                shapeGroup(group, settings);
        }
    }
    if (!settings.noise) return;
    auto generator = at::detail::createCPUGenerator(settings.seed);
    for (const auto& mask : masks)
        mask->logits().add_(torch::randn(mask->logits().sizes(), generator, torch::kFloat32), settings.sigma);
}

}  // namespace tessera
