#include "core/prune/selection.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "core/base/error.h"

namespace tessera {

namespace {

/// The upper sixteen bits: of numbers that are not negative they order as the numbers do.
inline std::uint32_t binOf(float value) {
    return std::bit_cast<std::uint32_t>(value) >> 16;
}
inline std::uint32_t binOf(double value) {
    return static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(value) >> 48);
}

/// From this many scores on counting bins beats moving them about.
constexpr std::int64_t kManyScores = 1 << 14;

template <typename T>
ScoreCut<T> cutAmong(std::vector<T>& scores, std::int64_t remove) {
    const auto nth = scores.begin() + static_cast<std::ptrdiff_t>(remove - 1);
    std::nth_element(scores.begin(), nth, scores.end());
    // What stands before it is no greater, what is equal to it may stand behind, too.
    const auto below = std::count_if(scores.begin(), nth, [&](T s) { return s < *nth; });
    return {*nth, remove - below};
}

/// Marks what one run of scores keeps under its cut.
template <typename T>
void markKept(const T* scores, std::int64_t count, ScoreCut<T> cut, std::uint8_t* keep) {
    for (std::int64_t i = 0; i < count; ++i) {
        if (scores[i] == cut.value && cut.ties > 0) {
            --cut.ties;
            keep[i] = 0;
        } else {
            keep[i] = scores[i] >= cut.value;
        }
    }
}

template <typename T>
void markRows(const T* scores, std::int64_t rows, std::int64_t cols, std::int64_t remove,
              std::uint8_t* keep) {
#pragma omp parallel for
    for (std::int64_t row = 0; row < rows; ++row) {
        const T* of = scores + row * cols;
        markKept(of, cols, cutLowest(of, cols, remove), keep + row * cols);
    }
}

template <typename T>
void markGroups(const T* scores, std::int64_t groups, int keep, int group, std::uint8_t* kept) {
#pragma omp parallel for
    for (std::int64_t g = 0; g < groups; ++g) keepHighest(scores + g * group, keep, group, kept + g * group);
}

torch::Tensor emptyKeep(const torch::Tensor& scores) {
    return torch::empty({scores.size(0), scores.size(1)}, torch::kUInt8);
}

}  // namespace

template <typename T>
ScoreCut<T> cutLowest(const T* scores, std::int64_t count, std::int64_t remove) {
    if (remove <= 0) return {};
    std::vector<T> candidates;
    if (count < kManyScores) {
        candidates.assign(scores, scores + count);
        return cutAmong(candidates, remove);
    }
    std::vector<std::int64_t> bins(1 << 16, 0);
    for (std::int64_t i = 0; i < count; ++i) ++bins[binOf(scores[i])];
    std::uint32_t bin = 0;
    while (remove > bins[bin]) remove -= bins[bin++];
    candidates.reserve(static_cast<std::size_t>(bins[bin]));
    for (std::int64_t i = 0; i < count; ++i)
        if (binOf(scores[i]) == bin) candidates.push_back(scores[i]);
    return cutAmong(candidates, remove);
}

template <typename T>
void keepHighest(const T* scores, int keep, int group, std::uint8_t* kept) {
    // Kept: fewer than `keep` others are higher, or equal and later.
    for (int i = 0; i < group; ++i) {
        int ahead = 0;
        for (int j = 0; j < group; ++j) ahead += scores[j] > scores[i] || (scores[j] == scores[i] && j > i);
        kept[i] = ahead < keep;
    }
}
template void keepHighest(const float*, int, int, std::uint8_t*);
template void keepHighest(const double*, int, int, std::uint8_t*);

template ScoreCut<float> cutLowest(const float*, std::int64_t, std::int64_t);
template ScoreCut<double> cutLowest(const double*, std::int64_t, std::int64_t);

std::int64_t PatternTarget::removed(std::int64_t weights) const {
    return isNM() ? weights / group * (group - keep)
                  : static_cast<std::int64_t>(std::floor(sparsity * static_cast<double>(weights)));
}

PatternTarget parsePattern(const std::string& pattern, double sparsity) {
    PatternTarget target;
    target.sparsity = sparsity;
    if (pattern.empty() || pattern == "unstructured") return target;
    const auto colon = pattern.find(':');
    try {
        target.keep = std::stoi(pattern.substr(0, colon));
        target.group = colon == std::string::npos ? 0 : std::stoi(pattern.substr(colon + 1));
    } catch (const std::exception&) {
        target.group = 0;
    }
    if (target.group < 2 || target.keep < 1 || target.keep >= target.group || target.group > 64)
        throw Error(ErrorCode::InvalidInput,
                    "the pattern '" + pattern + "' is neither unstructured nor N:M with 1 <= N < M <= 64",
                    "pattern", {{"use --pattern unstructured or --pattern 2:4", "pattern", "2:4"}});
    target.sparsity = 1.0 - static_cast<double>(target.keep) / target.group;
    return target;
}

template <typename T>
torch::Tensor keepAbove(const torch::Tensor& scores, const ScoreCut<T>& cut) {
    auto keep = emptyKeep(scores);
    markKept(scores.data_ptr<T>(), scores.numel(), cut, keep.data_ptr<std::uint8_t>());
    return keep;
}
template torch::Tensor keepAbove(const torch::Tensor&, const ScoreCut<float>&);
template torch::Tensor keepAbove(const torch::Tensor&, const ScoreCut<double>&);

torch::Tensor keepInMatrix(const torch::Tensor& scores, std::int64_t remove) {
    return AT_DISPATCH_FLOATING_TYPES(scores.scalar_type(), "keepInMatrix", [&] {
        return keepAbove<scalar_t>(scores, cutLowest(scores.data_ptr<scalar_t>(), scores.numel(), remove));
    });
}

torch::Tensor keepInRows(const torch::Tensor& scores, std::int64_t remove) {
    auto keep = emptyKeep(scores);
    AT_DISPATCH_FLOATING_TYPES(scores.scalar_type(), "keepInRows", [&] {
        markRows(scores.data_ptr<scalar_t>(), scores.size(0), scores.size(1), remove,
                 keep.data_ptr<std::uint8_t>());
    });
    return keep;
}

torch::Tensor keepNM(const torch::Tensor& scores, int keep, int group) {
    auto kept = emptyKeep(scores);
    AT_DISPATCH_FLOATING_TYPES(scores.scalar_type(), "keepNM", [&] {
        markGroups(scores.data_ptr<scalar_t>(), scores.numel() / group, keep, group,
                   kept.data_ptr<std::uint8_t>());
    });
    return kept;
}

void requireGroups(const PatternTarget& target, std::int64_t cols, const std::string& name) {
    if (!target.isNM() || cols % target.group == 0) return;
    throw Error(ErrorCode::InvalidInput,
                "the pattern's groups of " + std::to_string(target.group) + " do not divide the " +
                    std::to_string(cols) + " inputs",
                name,
                {{"choose an M that divides the inputs of every matrix, or exclude the matrix with --set "
                  "exclude=" +
                      name,
                  "exclude", name}});
}

PackedMask packMask(const torch::Tensor& keep) {
    PackedMask mask(keep.size(0), keep.size(1));
    const auto* data = keep.data_ptr<std::uint8_t>();
    const auto count = keep.numel();
#pragma omp parallel for
    for (std::int64_t byte = 0; byte < (count + 7) / 8; ++byte) {
        unsigned bits = 0;
        for (std::int64_t i = byte * 8; i < std::min(count, byte * 8 + 8); ++i)
            bits |= unsigned(data[i] != 0) << (7 - (i & 7));
        mask.bits[static_cast<std::size_t>(byte)] = static_cast<std::uint8_t>(bits);
    }
    return mask;
}

torch::Tensor unpackMask(const PackedMask& mask) {
    auto keep = torch::empty({mask.rows, mask.cols}, torch::kUInt8);
    auto* out = keep.data_ptr<std::uint8_t>();
#pragma omp parallel for
    for (std::int64_t i = 0; i < mask.rows * mask.cols; ++i) out[i] = mask.keeps(i);
    return keep;
}

void applyMask(const torch::Tensor& weights, const PackedMask& mask) {
    weights.masked_fill_(unpackMask(mask).eq(0), 0);
}

}  // namespace tessera
