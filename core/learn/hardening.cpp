#include "core/learn/hardening.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace tessera {

namespace {

/// Total order on logits and their places: equal logits shut in order of place.
struct Candidate {
    std::uint32_t key;
    std::uint32_t mask;
    std::int64_t index;
    bool operator<(const Candidate& other) const {
        if (key != other.key) return key < other.key;
        return mask != other.mask ? mask < other.mask : index < other.index;
    }
};

std::int64_t weightsOf(const std::vector<MaskParameters*>& group) {
    std::int64_t total = 0;
    for (const auto* mask : group) total += mask->matrix().elements();
    return total;
}

/// How many keys of the group have each value of 16 bits: the upper ones, or the lower ones of those whose
/// upper ones are `upper`. Whole numbers, so that the threads' order leaves no trace.
std::vector<std::int64_t> histogram(const std::vector<MaskParameters*>& group, const std::uint32_t* upper) {
    std::vector<std::int64_t> counts(1 << 16, 0);
    for (const auto* mask : group) {
        const auto* logits = mask->logits().data_ptr<float>();
        const auto count = mask->gates();
#pragma omp parallel
        {
            std::vector<std::int64_t> own(1 << 16, 0);
#pragma omp for nowait
            for (std::int64_t i = 0; i < count; ++i) {
                const auto key = gateKey(logits[i]);
                if (!upper)
                    ++own[key >> 16];
                else if (key >> 16 == *upper)
                    ++own[key & 0xFFFF];
            }
#pragma omp critical
            for (std::size_t i = 0; i < own.size(); ++i) counts[i] += own[i];
        }
    }
    return counts;
}

/// The bin that holds number `rank` (from 0), which becomes the rank within it.
std::uint32_t binOf(const std::vector<std::int64_t>& counts, std::int64_t& rank) {
    std::uint32_t bin = 0;
    while (rank >= counts[bin]) rank -= counts[bin++];
    return bin;
}

/// Gates with one weight each: a selection by value, then by place among the equal ones.
std::vector<GateCut> cutWeights(const std::vector<MaskParameters*>& group, std::int64_t zeros) {
    std::vector<GateCut> cuts(group.size());
    if (zeros <= 0) return cuts;
    std::int64_t rank = zeros - 1;
    const auto upper = binOf(histogram(group, nullptr), rank);
    const auto key = upper << 16 | binOf(histogram(group, &upper), rank);
    std::int64_t ties = rank + 1;  // of those that equal the threshold, so many are shut
    for (std::size_t m = 0; m < group.size(); ++m) {
        const auto* logits = group[m]->logits().data_ptr<float>();
        const auto count = group[m]->gates();
        std::int64_t equal = 0;
#pragma omp parallel for reduction(+ : equal)
        for (std::int64_t i = 0; i < count; ++i) equal += gateKey(logits[i]) == key;
        cuts[m] = {key, std::min(equal, ties)};
        ties -= cuts[m].ties;
    }
    return cuts;
}

/// Gates with many weights each: shut from the lowest up while that comes nearer to the budget.
std::vector<GateCut> cutTiles(const std::vector<MaskParameters*>& group, double zeros) {
    std::vector<Candidate> order;
    for (std::size_t m = 0; m < group.size(); ++m) {
        const auto* logits = group[m]->logits().data_ptr<float>();
        for (std::int64_t i = 0; i < group[m]->gates(); ++i)
            order.push_back({gateKey(logits[i]), static_cast<std::uint32_t>(m), i});
    }
    std::sort(order.begin(), order.end());
    std::vector<GateCut> cuts(group.size());
    double made = 0;
    std::uint32_t key = 0;
    for (const auto& candidate : order) {
        const double more = static_cast<double>(group[candidate.mask]->zerosBehind(candidate.index));
        if (std::abs(made + more - zeros) > std::abs(made - zeros)) break;
        made += more;
        if (candidate.key != key) {
            key = candidate.key;
            for (auto& cut : cuts) cut = {key, 0};
        }
        ++cuts[candidate.mask].ties;
    }
    return cuts;
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
        const bool single =
            std::all_of(group.begin(), group.end(), [](const auto* mask) { return mask->gatesWeights(); });
        const double wanted = sparsity * static_cast<double>(weightsOf(group));
        const auto cuts = single ? cutWeights(group, static_cast<std::int64_t>(std::floor(wanted)))
                                 : cutTiles(group, wanted);
        for (std::size_t m = 0; m < group.size(); ++m)
            set.masks[group[m]->matrix().name] = group[m]->harden(cuts[m]);
    }
    return set;
}

float budgetQuantile(const std::vector<MaskParameters*>& group, double sparsity) {
    constexpr std::int64_t kSample = std::int64_t(1) << 20;
    std::int64_t logits = 0;
    for (const auto* mask : group) logits += mask->gates();
    const std::int64_t stride = std::max<std::int64_t>(1, logits / kSample);
    std::vector<std::pair<float, double>> sample;
    double total = 0;
    std::int64_t offset = 0;  // carried over, so that the stride runs through all matrices evenly
    for (const auto* mask : group) {
        const auto* values = mask->logits().data_ptr<float>();
        const auto count = mask->gates();
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
        if (mask->gatesWeights())
            zerosPossible += static_cast<double>(mask->matrix().elements());
        else
            for (std::int64_t i = 0; i < mask->gates(); ++i)
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
