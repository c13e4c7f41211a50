#include "core/prune/admm.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera {

namespace {

/// The mask of one choice: `remove` lowest scores of the matrix, the best of each group spared.
torch::Tensor choose(const torch::Tensor& scores, const PatternTarget& target, std::int64_t remove) {
    if (!target.isNM()) return keepInMatrix(scores, remove);
    const auto spared = keepNM(scores, target.keep, target.group).to(torch::kBool);
    return keepInMatrix(scores.masked_fill(spared, std::numeric_limits<double>::infinity()), remove);
}

/// With S = V + Y: Y becomes S - mask S, S becomes A + rho (mask S - Y) = A +- rho S.
template <typename T>
void split(torch::Tensor& sum, torch::Tensor& dual, const torch::Tensor& target, const torch::Tensor& keep,
           double penalty) {
    auto *s = sum.data_ptr<T>(), *y = dual.data_ptr<T>();
    const auto* a = target.data_ptr<T>();
    const auto* kept = keep.data_ptr<std::uint8_t>();
    const auto count = sum.numel();
    const auto rho = static_cast<T>(penalty);
#pragma omp parallel for
    for (std::int64_t i = 0; i < count; ++i) {
        const T value = s[i];
        y[i] = kept[i] ? T(0) : value;
        s[i] = a[i] + (kept[i] ? rho : -rho) * value;
    }
}

}  // namespace

AdmmInput admmInput(const torch::Tensor& gram, double damping, double penalty, const LogLine& log,
                    const std::string& where) {
    torch::NoGradGuard guard;
    AdmmInput input;
    input.dead = gram.diagonal().le(0);
    input.norms = gram.diagonal().sqrt().masked_fill(input.dead, 1);
    const auto damped =
        dampGram(gram / torch::outer(input.norms, input.norms), damping, log, where, GramNeed::Matrix);
    input.gram = damped.matrix;
    // Well conditioned by rho: the feature's norm is 1.
    auto shifted = damped.matrix.clone();
    shifted.diagonal().add_(penalty);
    input.inverse = torch::cholesky_inverse(at::linalg_cholesky(shifted));
    return input;
}

double admmSparsity(double sparsity, int t, int steps) {
    const double left = 1.0 - static_cast<double>(t + 1) / steps;
    return sparsity - sparsity * left * left * left;
}

UpdatedWeights admm(const torch::Tensor& weights, const AdmmInput& input, const PatternTarget& target,
                    const AdmmSettings& settings, const torch::Tensor& fixed) {
    torch::NoGradGuard guard;
    const auto count = weights.numel();
    UpdatedWeights result;
    // V + Y between the steps.
    auto sum = (weights * input.norms).masked_fill_(input.dead, 0).contiguous();
    result.scores = sum.abs();
    result.keep = fixed.defined() ? fixed.contiguous() : torch::ones(weights.sizes(), torch::kUInt8);
    if (!fixed.defined() && target.removed(count) == 0) {
        result.weights = weights.clone();
        return result;
    }
    const auto products = torch::mm(sum, input.gram);
    auto dual = torch::zeros_like(sum);
    const int choices = std::min(settings.sparsifySteps, settings.steps);
    if (!fixed.defined() && settings.steps == 0)
        result.keep = choose(result.scores, target, target.removed(count));
    for (int t = 0; t < settings.steps; ++t) {
        if (!fixed.defined() && t < choices) {
            const bool last = t + 1 == choices || (settings.imitateRelease && !target.isNM());
            const auto remove =
                last ? target.removed(count)
                     : static_cast<std::int64_t>(std::floor(admmSparsity(target.sparsity, t, choices) *
                                                            static_cast<double>(count)));
            result.scores = sum.abs();
            result.keep = choose(result.scores, target, remove);
        }
        AT_DISPATCH_FLOATING_TYPES(sum.scalar_type(), "admm", [&] {
            split<scalar_t>(sum, dual, products, result.keep, settings.penalty);
        });
        // sum holds the right side now; what comes is V + Y again.
        sum = torch::addmm(dual, sum, input.inverse);
    }
    result.weights = (sum * result.keep).div_(input.norms);
    return result;
}

}  // namespace tessera
