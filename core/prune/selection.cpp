#include "core/prune/selection.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"

namespace tessera {

namespace {

/// Sets the bits of everything but the `remove` lowest of `count` scores that begin at `first`.
void keepHighest(const float* scores, std::int64_t first, std::int64_t count, std::int64_t remove,
                 PackedMask& mask, std::vector<float>& scratch) {
    if (remove <= 0) {
        for (std::int64_t i = 0; i < count; ++i) mask.keep(first + i);
        return;
    }
    scratch.assign(scores, scores + count);
    const auto nth = scratch.begin() + static_cast<std::ptrdiff_t>(remove - 1);
    std::nth_element(scratch.begin(), nth, scratch.end());
    const float threshold = *nth;
    std::int64_t equal =
        remove - std::count_if(scores, scores + count, [&](float s) { return s < threshold; });
    for (std::int64_t i = 0; i < count; ++i) {
        if (scores[i] < threshold) continue;
        if (scores[i] == threshold && equal > 0)
            --equal;
        else
            mask.keep(first + i);
    }
}

}  // namespace

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

PackedMask selectInMatrix(const torch::Tensor& scores, double sparsity) {
    PackedMask mask(scores.size(0), scores.size(1));
    std::vector<float> scratch;
    const auto count = scores.numel();
    keepHighest(scores.data_ptr<float>(), 0, count,
                static_cast<std::int64_t>(std::floor(sparsity * static_cast<double>(count))), mask, scratch);
    return mask;
}

PackedMask selectInRows(const torch::Tensor& scores, double sparsity) {
    PackedMask mask(scores.size(0), scores.size(1));
    std::vector<float> scratch;
    const auto cols = scores.size(1);
    const auto remove = static_cast<std::int64_t>(std::floor(sparsity * static_cast<double>(cols)));
    for (std::int64_t row = 0; row < scores.size(0); ++row)
        keepHighest(scores.data_ptr<float>() + row * cols, row * cols, cols, remove, mask, scratch);
    return mask;
}

PackedMask selectNM(const torch::Tensor& scores, int keep, int group, const std::string& name) {
    const auto cols = scores.size(1);
    if (cols % group != 0)
        throw Error(ErrorCode::InvalidInput,
                    "the pattern's groups of " + std::to_string(group) + " do not divide the " +
                        std::to_string(cols) + " inputs",
                    name,
                    {{"choose an M that divides the inputs of every matrix, or exclude the matrix with --set "
                      "exclude=" +
                          name,
                      "exclude", name}});
    PackedMask mask(scores.size(0), cols);
    std::vector<float> scratch;
    const auto* data = scores.data_ptr<float>();
    for (std::int64_t first = 0; first < scores.numel(); first += group)
        keepHighest(data + first, first, group, group - keep, mask, scratch);
    return mask;
}

void applyMask(const torch::Tensor& weights, const PackedMask& mask) {
    auto keep = torch::empty({mask.rows, mask.cols}, torch::kUInt8);
    auto* out = keep.data_ptr<std::uint8_t>();
    for (std::int64_t i = 0; i < keep.numel(); ++i) out[i] = mask.keeps(i);
    weights.masked_fill_(keep.eq(0), 0);
}

}  // namespace tessera
