#include "core/learn/hardening.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace tessera {

namespace {

/// Total order on logits and their places: equal logits shut in order of place.
struct Candidate {
    float logit;
    std::uint32_t mask;
    std::int64_t index;
    bool operator<(const Candidate& other) const {
        if (logit != other.logit) return logit < other.logit;
        return mask != other.mask ? mask < other.mask : index < other.index;
    }
};

std::int64_t weightsOf(const std::vector<MaskParameters*>& group) {
    std::int64_t total = 0;
    for (const auto* mask : group) total += mask->matrix().elements();
    return total;
}

/// Gates with one weight each: a selection by value, then by place among the equal ones.
void shutWeights(const std::vector<MaskParameters*>& group, std::int64_t zeros,
                 std::vector<std::vector<std::uint8_t>>& shut) {
    if (zeros <= 0) return;
    std::vector<float> all;
    all.reserve(static_cast<std::size_t>(weightsOf(group)));
    for (const auto* mask : group) {
        const auto* logits = mask->logits().data_ptr<float>();
        all.insert(all.end(), logits, logits + mask->logits().numel());
    }
    const auto nth = all.begin() + static_cast<std::ptrdiff_t>(zeros - 1);
    std::nth_element(all.begin(), nth, all.end());
    const float threshold = *nth;
    std::int64_t below = 0;
    for (auto it = all.begin(); it != all.end(); ++it) below += *it < threshold;
    std::int64_t equal = zeros - below;
    for (std::size_t m = 0; m < group.size(); ++m) {
        const auto* logits = group[m]->logits().data_ptr<float>();
        for (std::size_t i = 0; i < shut[m].size(); ++i) {
            if (logits[i] < threshold)
                shut[m][i] = 1;
            else if (logits[i] == threshold && equal > 0)
                shut[m][i] = 1, --equal;
        }
    }
}

/// Gates with many weights each: shut from the lowest up while that comes nearer to the budget.
void shutTiles(const std::vector<MaskParameters*>& group, double zeros,
               std::vector<std::vector<std::uint8_t>>& shut) {
    std::vector<Candidate> order;
    for (std::size_t m = 0; m < group.size(); ++m) {
        const auto* logits = group[m]->logits().data_ptr<float>();
        for (std::int64_t i = 0; i < group[m]->logits().numel(); ++i)
            order.push_back({logits[i], static_cast<std::uint32_t>(m), i});
    }
    std::sort(order.begin(), order.end());
    double made = 0;
    for (const auto& candidate : order) {
        const double more = static_cast<double>(group[candidate.mask]->zerosBehind(candidate.index));
        if (std::abs(made + more - zeros) > std::abs(made - zeros)) break;
        shut[candidate.mask][static_cast<std::size_t>(candidate.index)] = 1;
        made += more;
    }
}

}  // namespace

std::vector<std::vector<MaskParameters*>> targetGroups(const MaskList& masks, TargetScope scope) {
    std::map<int, std::vector<MaskParameters*>> groups;
    for (std::size_t i = 0; i < masks.size(); ++i) {
        const int key = scope == TargetScope::Global  ? 0
                        : scope == TargetScope::Block ? masks[i]->matrix().block
                                                      : static_cast<int>(i);
        groups[key].push_back(masks[i].get());
    }
    std::vector<std::vector<MaskParameters*>> list;
    for (auto& [key, group] : groups) list.push_back(std::move(group));
    return list;
}

MaskSet hardenToBudget(const MaskList& masks, double sparsity, TargetScope scope) {
    MaskSet set;
    for (const auto& group : targetGroups(masks, scope)) {
        std::vector<std::vector<std::uint8_t>> shut;
        bool single = true;
        for (const auto* mask : group) {
            shut.emplace_back(static_cast<std::size_t>(mask->logits().numel()), 0);
            single = single && mask->logits().numel() == mask->matrix().elements();
        }
        const double wanted = sparsity * static_cast<double>(weightsOf(group));
        if (single)
            shutWeights(group, static_cast<std::int64_t>(std::floor(wanted)), shut);
        else
            shutTiles(group, wanted, shut);
        for (std::size_t m = 0; m < group.size(); ++m)
            set.masks[group[m]->matrix().name] = group[m]->harden(shut[m]);
    }
    return set;
}

float budgetQuantile(const std::vector<MaskParameters*>& group, double sparsity) {
    constexpr std::int64_t kSample = std::int64_t(1) << 20;
    std::int64_t logits = 0;
    for (const auto* mask : group) logits += mask->logits().numel();
    const std::int64_t stride = std::max<std::int64_t>(1, logits / kSample);
    std::vector<std::pair<float, double>> sample;
    double total = 0;
    std::int64_t offset = 0;  // carried over, so that the stride runs through all matrices evenly
    for (const auto* mask : group) {
        const auto* values = mask->logits().data_ptr<float>();
        const auto count = mask->logits().numel();
        std::int64_t i = offset;
        for (; i < count; i += stride) {
            const double zeros = static_cast<double>(mask->zerosBehind(i));
            sample.emplace_back(values[i], zeros);
            total += zeros;
        }
        offset = i - count;
    }
    // The budget counts weights; what a shut gate contributes are the zeros behind it.
    double zerosPossible = 0;
    for (const auto* mask : group) {
        if (mask->logits().numel() == mask->matrix().elements())
            zerosPossible += static_cast<double>(mask->matrix().elements());
        else
            for (std::int64_t i = 0; i < mask->logits().numel(); ++i)
                zerosPossible += static_cast<double>(mask->zerosBehind(i));
    }
    const double share =
        std::min(1.0, sparsity * static_cast<double>(weightsOf(group)) / std::max(1.0, zerosPossible));
    if (stride > 1) {
        const auto nth = sample.begin() + static_cast<std::ptrdiff_t>(
                                              std::min<double>(share * sample.size(), sample.size() - 1.0));
        std::nth_element(sample.begin(), nth, sample.end());
        return nth->first;
    }
    std::sort(sample.begin(), sample.end());
    double below = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
        below += sample[i].second;
        if (below >= share * total)
            return i + 1 < sample.size() ? 0.5f * (sample[i].first + sample[i + 1].first) : sample[i].first;
    }
    return sample.empty() ? 0.0f : sample.back().first;
}

}  // namespace tessera
