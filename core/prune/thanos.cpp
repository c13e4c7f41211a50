#include "core/prune/thanos.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/error.h"
#include "core/prune/small_spd.h"

namespace tessera {

namespace {

/// lambda with (H^-1)[S, S] lambda = w[S] for one row, S its removed columns of the block, spread over the
/// block's width with zeros elsewhere. In f64 where T is too narrow. false where that fails, too.
template <typename T, typename Work>
bool solveRow(const T* weights, const std::uint8_t* keep, const T* inverse, std::int64_t stride,
              std::int64_t width, T* lambda) {
    std::vector<std::int64_t> removed;
    for (std::int64_t j = 0; j < width; ++j)
        if (!keep[j]) removed.push_back(j);
    std::fill(lambda, lambda + width, T(0));
    const auto n = static_cast<std::int64_t>(removed.size());
    std::vector<Work> system(static_cast<std::size_t>(n * n)), right(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
        const T* row = inverse + removed[i] * stride;
        for (std::int64_t j = 0; j < n; ++j) system[i * n + j] = static_cast<Work>(row[removed[j]]);
        right[i] = static_cast<Work>(weights[removed[i]]);
    }
    if (!solveSpd(system.data(), right.data(), n)) return false;
    for (std::int64_t i = 0; i < n; ++i) lambda[removed[i]] = static_cast<T>(right[i]);
    return true;
}

/// The rows of the largest outputs, w H w^T; uint8 [rows].
torch::Tensor outliers(const torch::Tensor& weights, const DampedGram& gram, double share) {
    const auto rows = weights.size(0);
    auto marked = torch::zeros({rows}, torch::kUInt8);
    const auto count = static_cast<std::int64_t>(std::floor(share * static_cast<double>(rows) + 1e-9));
    if (count > 0) {
        const auto energy = (torch::mm(weights, gram.matrix) * weights).sum(1);
        marked.index_fill_(0, std::get<1>(energy.topk(count)), 1);
    }
    return marked;
}

template <typename T>
UpdatedWeights run(const torch::Tensor& weights, const DampedGram& gram, const torch::Tensor& norms,
                   const PatternTarget& target, const ThanosSettings& settings, const torch::Tensor& fixed) {
    const auto rows = weights.size(0), cols = weights.size(1);
    const auto width = wholeGroups(settings.block, cols, target);
    UpdatedWeights result;
    result.weights = weights.masked_fill(gram.dead, 0).contiguous();
    result.keep = fixed.defined() ? fixed.contiguous().clone() : torch::ones({rows, cols}, torch::kUInt8);
    result.scores = torch::empty_like(result.weights);
    const auto exempt =
        outliers(result.weights, gram, fixed.defined() ? 0.0 : settings.outlierRows).to(torch::kBool);
    const auto budget = target.removed(rows * cols);
    const auto open = (rows - exempt.sum().item<std::int64_t>()) * cols;
    if (!fixed.defined() && !target.isNM() && budget > open)
        throw Error(ErrorCode::InvalidInput,
                    "with the outlier rows dense, " + std::to_string(open) + " weights are left of which " +
                        std::to_string(budget) + " are to be removed",
                    "outlier_rows", {{"exempt fewer rows", "outlier_rows", "0"}});
    std::int64_t removed = 0;
    for (std::int64_t begin = 0; begin < cols; begin += width) {
        const auto here = std::min(width, cols - begin);
        const auto rest = result.weights.narrow(1, begin, cols - begin);
        auto scores = (rest.abs() * norms.narrow(0, begin, cols - begin)).contiguous();
        result.scores.narrow(1, begin, here).copy_(scores.narrow(1, 0, here));
        scores.masked_fill_(exempt.unsqueeze(1), std::numeric_limits<double>::infinity());
        auto keep = result.keep.narrow(1, begin, here);
        if (!fixed.defined() && target.isNM()) {
            keep.copy_(keepNM(scores.narrow(1, 0, here).contiguous(), target.keep, target.group));
            keep.masked_fill_(exempt.unsqueeze(1), 1);
        } else if (!fixed.defined()) {
            const auto cut = cutLowest(scores.data_ptr<T>(), scores.numel(), budget - removed);
            keep.copy_(keepAbove<T>(scores, cut).narrow(1, 0, here));
            removed += keep.eq(0).sum().template item<std::int64_t>();
            if (cut.value > 0) result.scores.narrow(1, begin, here).div_(cut.value);
        }
        // The first rows of the inverse of H[begin:, begin:], from the factor of H alone.
        const auto factor = gram.inverseFactor.narrow(0, begin, here).narrow(1, begin, cols - begin);
        const auto inverse = torch::mm(factor.narrow(1, 0, here).t(), factor).contiguous();
        auto lambda = torch::empty({rows, here}, weights.options());
        std::atomic<bool> solved{true};
        const auto* w = result.weights.data_ptr<T>() + begin;
        const auto* kept = result.keep.data_ptr<std::uint8_t>() + begin;
        const auto* block = inverse.data_ptr<T>();
        auto* out = lambda.data_ptr<T>();
#pragma omp parallel for schedule(dynamic, 8)
        for (std::int64_t row = 0; row < rows; ++row)
            if (!solveRow<T, T>(w + row * cols, kept + row * cols, block, cols - begin, here,
                                out + row * here) &&
                !solveRow<T, double>(w + row * cols, kept + row * cols, block, cols - begin, here,
                                     out + row * here))
                solved = false;
        if (!solved)
            throw Error(ErrorCode::Numerical, "a row's removed weights cannot be made good for",
                        "columns " + std::to_string(begin) + " to " + std::to_string(begin + here),
                        {{"raise the damping, for example --set damping=0.1", "damping", "0.1"}});
        rest.sub_(torch::mm(lambda, inverse));
        result.weights.narrow(1, begin, here).mul_(keep);
    }
    return result;
}

}  // namespace

UpdatedWeights thanos(const torch::Tensor& weights, const DampedGram& gram, const torch::Tensor& norms,
                      const PatternTarget& target, const ThanosSettings& settings,
                      const torch::Tensor& fixed) {
    torch::NoGradGuard guard;
    return AT_DISPATCH_FLOATING_TYPES(weights.scalar_type(), "thanos", [&] {
        return run<scalar_t>(weights, gram, norms, target, settings, fixed);
    });
}

}  // namespace tessera
