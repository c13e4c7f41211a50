#include "core/prune/optima.h"

#include <atomic>
#include <vector>

#include "core/base/error.h"
#include "core/prune/small_spd.h"

namespace tessera {

namespace {

/// delta[K] with H[K, K] delta[K] = right[K], K the kept columns of the row; zero elsewhere.
template <typename T, typename Work>
bool solveRow(const T* gram, const T* right, const std::uint8_t* keep, std::int64_t cols, T* delta) {
    std::vector<std::int64_t> kept;
    for (std::int64_t j = 0; j < cols; ++j)
        if (keep[j]) kept.push_back(j);
    std::fill(delta, delta + cols, T(0));
    const auto n = static_cast<std::int64_t>(kept.size());
    std::vector<Work> system(static_cast<std::size_t>(n * n)), side(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j <= i; ++j)
            system[i * n + j] = static_cast<Work>(gram[kept[i] * cols + kept[j]]);
        side[i] = static_cast<Work>(right[kept[i]]);
    }
    if (!solveSpd(system.data(), side.data(), n)) return false;
    for (std::int64_t i = 0; i < n; ++i) delta[kept[i]] = static_cast<T>(side[i]);
    return true;
}

template <typename T>
torch::Tensor solveExactly(const torch::Tensor& gram, const torch::Tensor& right, const torch::Tensor& keep) {
    auto delta = torch::empty_like(right);
    const auto rows = right.size(0), cols = right.size(1);
    std::atomic<bool> solved{true};
    const auto *h = gram.data_ptr<T>(), *b = right.data_ptr<T>();
    const auto* kept = keep.data_ptr<std::uint8_t>();
    auto* out = delta.data_ptr<T>();
#pragma omp parallel for schedule(dynamic, 4)
    for (std::int64_t row = 0; row < rows; ++row)
        if (const auto at = row * cols; !solveRow<T, T>(h, b + at, kept + at, cols, out + at) &&
                                        !solveRow<T, double>(h, b + at, kept + at, cols, out + at))
            solved = false;
    if (!solved)
        throw Error(ErrorCode::Numerical, "the least squares of a row cannot be solved", "finish",
                    {{"raise the damping, for example --set finish_damping=0.1", "finish_damping", "0.1"}});
    return delta;
}

torch::Tensor solveByGradients(const torch::Tensor& gram, const torch::Tensor& right,
                               const torch::Tensor& mask, const OptimaSettings& settings) {
    auto residual = right * mask;
    auto delta = torch::zeros_like(residual);
    const auto diagonal = gram.diagonal().contiguous();
    auto scaled = residual / diagonal;
    auto direction = scaled.clone();
    auto square = (residual * scaled).sum(1, true);
    const auto enough = square * (settings.tolerance * settings.tolerance);
    for (int i = 0; i < settings.iterations; ++i) {
        // A row that is done, or had nothing to do, stands still.
        const auto going = square.gt(enough).logical_and(square.gt(0));
        if (!going.any().item<bool>()) break;
        const auto product = torch::mm(direction, gram).mul_(mask);
        const auto curvature = (direction * product).sum(1, true);
        const auto step =
            torch::where(going.logical_and(curvature.gt(0)), square / curvature, torch::zeros_like(square));
        delta.addcmul_(step, direction);
        residual.addcmul_(step, product, -1);
        scaled = residual / diagonal;
        const auto next = (residual * scaled).sum(1, true);
        direction.mul_(torch::where(going, next / square, torch::zeros_like(square))).add_(scaled);
        square = torch::where(going, next, square);
    }
    return delta;
}

}  // namespace

torch::Tensor optima(const torch::Tensor& weights, const torch::Tensor& keep, const DampedGram& gram,
                     const OptimaSettings& settings) {
    torch::NoGradGuard guard;
    const auto mask = keep.to(weights.scalar_type());
    // Removing W_S leaves the gradient W_S H on the kept ones, which delta has to undo.
    const auto right = torch::mm(weights * (1 - mask), gram.matrix).contiguous();
    torch::Tensor delta;
    if (weights.size(1) <= settings.exactColumns)
        AT_DISPATCH_FLOATING_TYPES(weights.scalar_type(), "optima", [&] {
            delta = solveExactly<scalar_t>(gram.matrix.contiguous(), right, keep.contiguous());
        });
    else
        delta = solveByGradients(gram.matrix, right, mask, settings);
    return (weights + delta) * mask;
}

}  // namespace tessera
