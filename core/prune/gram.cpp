#include "core/prune/gram.h"

#include <algorithm>
#include <cstdio>

#include "core/base/error.h"

namespace tessera {

namespace {

/// More than this times the mean diagonal and nothing of the Gram matrix is left.
constexpr double kMostDamping = 1e3;
/// Where the first raise starts from when none was asked for.
constexpr double kLeastDamping = 1e-6;

/// U of H in H's type; undefined where H is not positive definite to that precision.
torch::Tensor inverseFactorOf(const torch::Tensor& matrix) {
    const auto [lower, info] = at::linalg_cholesky_ex(matrix.flip({0, 1}));
    if (info.item<int>() != 0) return {};
    const auto inverse =
        at::linalg_solve_triangular(lower, torch::eye(matrix.size(0), matrix.options()), /*upper=*/false);
    const auto factor = inverse.flip({0, 1}).contiguous();
    return torch::isfinite(factor).all().item<bool>() ? factor : torch::Tensor();
}

/// U in H's type, by way of f64 where H's own is too narrow; undefined where neither does.
torch::Tensor factorOf(const torch::Tensor& matrix) {
    auto factor = inverseFactorOf(matrix);
    if (factor.defined() || matrix.scalar_type() == torch::kFloat64) return factor;
    factor = inverseFactorOf(matrix.to(torch::kFloat64));
    if (factor.defined()) factor = factor.to(matrix.scalar_type());
    return factor.defined() && torch::isfinite(factor).all().item<bool>() ? factor : torch::Tensor();
}

bool isDefinite(const torch::Tensor& matrix) {
    const auto factors = [](const torch::Tensor& m) {
        return std::get<1>(at::linalg_cholesky_ex(m)).item<int>() == 0;
    };
    return factors(matrix) ||
           (matrix.scalar_type() != torch::kFloat64 && factors(matrix.to(torch::kFloat64)));
}

}  // namespace

void addToGram(torch::Tensor& gram, const torch::Tensor& input) {
    const auto cols = input.size(1);
    if (!gram.defined()) gram = torch::zeros({cols, cols}, input.options());
    // Panels of rows, each from its diagonal on: little more than half of the products.
    const auto panel = std::clamp<std::int64_t>(cols / 6, 128, 512);
    for (std::int64_t begin = 0; begin < cols; begin += panel) {
        const auto rows = std::min(panel, cols - begin), rest = cols - begin;
        gram.narrow(0, begin, rows)
            .narrow(1, begin, rest)
            .addmm_(input.narrow(1, begin, rows).t(), input.narrow(1, begin, rest));
    }
}

void symmetriseGram(torch::Tensor& gram) {
    gram = gram.triu() + gram.triu(1).t();
}

DampedGram dampGram(const torch::Tensor& gram, double damping, const LogLine& log, const std::string& where,
                    GramNeed need) {
    if (!torch::isfinite(gram).all().item<bool>())
        throw Error(ErrorCode::Numerical, "the model's activations are not finite numbers", where,
                    {{"use --dtype f32, or an intact copy of the model", "dtype", "f32"}});
    DampedGram damped;
    const auto diagonal = gram.diagonal();
    damped.dead = diagonal.le(0);
    const auto alive = damped.dead.logical_not().sum().item<std::int64_t>();
    const double mean = alive > 0 ? diagonal.sum().item<double>() / static_cast<double>(alive) : 1.0;
    while (true) {
        damped.matrix = gram.clone();
        damped.matrix.diagonal().masked_fill_(damped.dead, mean);
        damped.matrix.diagonal().add_(damping * mean);
        if (need == GramNeed::Matrix) {
            if (isDefinite(damped.matrix)) return damped;
        } else {
            damped.inverseFactor = factorOf(damped.matrix);
            if (damped.inverseFactor.defined()) return damped;
        }
        damping = std::max(damping * 10, kLeastDamping);
        if (damping > kMostDamping)
            throw Error(ErrorCode::Numerical, "the inputs' Gram matrix cannot be factored, however damped",
                        where, {{"calibrate on another or a longer text", "", ""}});
        char text[96];
        std::snprintf(text, sizeof text, ": the Gram matrix is singular; damping raised to %g", damping);
        if (log) log(where + text);
    }
}

}  // namespace tessera
