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
        std::any_of(group.begin(), group.end(), [](const auto* mask) { return !mask->gatesWeights(); });
    std::int64_t logits = 0;
    for (const auto* mask : group) logits += mask->gates();
    const std::int64_t stride = std::max<std::int64_t>(1, logits / (std::int64_t(1) << 22));
    for (const auto* mask : group) {
        const auto* values = mask->logits().data_ptr<float>();
        for (std::int64_t i = 0; i < mask->gates(); i += stride) {
            sample.push_back(values[i]);
            sum += values[i];
            squares += static_cast<double>(values[i]) * values[i];
        }
        weights += static_cast<double>(mask->matrix().elements());
        if (tiled)
            for (std::int64_t i = 0; i < mask->gates(); ++i)
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
        shape(mask->logits().data_ptr<float>(), mask->gates(), threshold, width, settings);
}

}  // namespace

void takeScores(MaskParameters& mask, const torch::Tensor& scores) {
    mask.logits().copy_(scores.reshape({-1}).log());
}

namespace {

/// The share of each tile's weights that `unstructured` keeps.
void takeShares(float* shares, const kernels::TileGeometry& geometry, const PackedMask& unstructured) {
    std::vector<std::int64_t> kept(static_cast<std::size_t>(geometry.tiles())), area(kept.size());
    for (std::int64_t row = 0; row < geometry.rows; ++row)
        for (std::int64_t col = 0; col < geometry.cols; ++col) {
            const auto tile = static_cast<std::size_t>((row / geometry.tileRows) * geometry.gridCols() +
                                                       col / geometry.tileCols);
            ++area[tile];
            kept[tile] += unstructured.keeps(row * geometry.cols + col);
        }
    for (std::size_t i = 0; i < kept.size(); ++i)
        shares[i] = static_cast<float>(kept[i]) / static_cast<float>(area[i]);
}

/// Units of strength of a group's weights, of which `kept` says which the prior mask keeps.
void unitsOf(const float* scores, const std::uint8_t* kept, int group, const PriorSettings& settings,
             float* units) {
    if (!scores || !settings.graded) {
        for (int i = 0; i < group; ++i) units[i] = kept[i] ? 1.0f : -1.0f;
        return;
    }
    // A score of 0 counts as the least of all; the clamp makes what is far away alike.
    const auto log = [&](int i) { return std::log(std::max(static_cast<double>(scores[i]), 1e-30)); };
    double least = 1e30, greatest = -1e30;
    for (int i = 0; i < group; ++i) {
        if (kept[i])
            least = std::min(least, log(i));
        else
            greatest = std::max(greatest, log(i));
    }
    const double threshold = 0.5 * (least + greatest);
    for (int i = 0; i < group; ++i) {
        // Methods that choose as they update keep some weights of lower scores: the mask has the last word.
        constexpr double kLeast = 0.01;
        const double side = kept[i] ? 1.0 : -1.0, unit = side * (log(i) - threshold) / settings.width;
        units[i] = static_cast<float>(side * std::clamp(unit, kLeast, std::max(kLeast, settings.clamp)));
    }
}

}  // namespace

void takeTileScores(MaskParameters& mask, const PackedMask& unstructured) {
    takeShares(mask.logits().data_ptr<float>(), *mask.tiles(), unstructured);
}

void startPatterns(PatternMask& mask, const PackedMask& start, const torch::Tensor& scores,
                   const PriorSettings& settings) {
    requireShape(start, mask.matrix());
    auto logits = mask.patternLogits();
    if (settings.strength <= 0) {
        logits.zero_();
        return;
    }
    const auto& geometry = mask.patterns();
    const auto table = kernels::patternTable(geometry.keep, geometry.group);
    const auto held = scores.defined() ? scores.to(torch::kFloat32).contiguous() : torch::Tensor();
    const float* values = held.defined() ? held.data_ptr<float>() : nullptr;
    auto* out = logits.data_ptr<float>();
    const auto scale = settings.strength * settings.sigma / 2;
#pragma omp parallel for
    for (std::int64_t g = 0; g < geometry.groups; ++g) {
        float units[kernels::kMostGroup];
        std::uint8_t kept[kernels::kMostGroup];
        double mean = 0;
        for (int i = 0; i < geometry.group; ++i) kept[i] = start.keeps(g * geometry.group + i);
        unitsOf(values ? values + g * geometry.group : nullptr, kept, geometry.group, settings, units);
        // A weight is in N of M patterns.
        for (int i = 0; i < geometry.group; ++i) mean += units[i] * geometry.keep / geometry.group;
        for (int p = 0; p < table.count; ++p) {
            double sum = -mean;
            for (int i = 0; i < geometry.keep; ++i)
                sum += units[table.places[static_cast<std::size_t>(p)][static_cast<std::size_t>(i)]];
            out[p * geometry.groups + g] = static_cast<float>(scale * sum);
        }
    }
}

void finishPrior(const MaskList& masks, const PriorSettings& settings) {
    if (settings.strength <= 0) {
        for (const auto& mask : masks) mask->logits().slice(0, 0, mask->gates()).zero_();
    } else {
        for (const auto& group : targetGroups(masks, scopeOf(settings.threshold))) {
            if (std::all_of(group.begin(), group.end(), [](const auto* mask) { return mask->gates() == 0; }))
                continue;
            if (settings.threshold == PriorThreshold::Row && group[0]->gatesWeights())
                shapeByRow(*group[0], settings);
            else
                shapeGroup(group, settings);
        }
    }
    if (!settings.noise) return;
    auto generator = at::detail::createCPUGenerator(settings.seed);
    for (const auto& mask : masks) {
        const auto noisy = mask->gates() > 0 ? mask->gates() : mask->logits().numel();
        mask->logits()
            .slice(0, 0, noisy)
            .add_(torch::randn({noisy}, generator, torch::kFloat32), settings.sigma);
    }
}

}  // namespace tessera
