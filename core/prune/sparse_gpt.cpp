#include "core/prune/sparse_gpt.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tessera {

namespace {

/// One block of columns [begin, end) in all rows.
template <typename T>
struct Block {
    std::int64_t begin, width, rows, cols;
    T* weights;          ///< of the whole matrix
    std::uint8_t* keep;  ///< of the whole matrix
    T* scores;           ///< of the whole matrix
    const T* factor;     ///< U of the block, [width, width]
    T* errors;           ///< [rows, width]
};

/// Takes the block's columns of one row from left to right. Returns the sum of the squared errors.
template <typename T>
double eliminateRow(const Block<T>& block, std::int64_t row, const PatternTarget& target, bool choose) {
    T* w = block.weights + row * block.cols + block.begin;
    auto* keep = block.keep + row * block.cols + block.begin;
    T* scores = block.scores + row * block.cols + block.begin;
    T* errors = block.errors + row * block.width;
    double loss = 0;
    for (std::int64_t j = 0; j < block.width; ++j) {
        if (choose && j % target.group == 0) {
            for (std::int64_t i = j; i < j + target.group; ++i)
                scores[i] = std::abs(w[i]) / block.factor[i * block.width + i];
            keepHighest(scores + j, target.keep, target.group, keep + j);
        }
        if (keep[j]) {
            errors[j] = 0;
            continue;
        }
        const T* factor = block.factor + j * block.width;
        const T error = w[j] / factor[j];
        for (std::int64_t i = j + 1; i < block.width; ++i) w[i] -= error * factor[i];
        w[j] = 0;
        errors[j] = error;
        loss += static_cast<double>(error) * error;
    }
    return loss;
}

template <typename T>
UpdatedWeights run(const torch::Tensor& weights, const DampedGram& gram, const PatternTarget& target,
                   std::int64_t width, const torch::Tensor& fixed) {
    const auto rows = weights.size(0), cols = weights.size(1);
    UpdatedWeights result;
    // Dead inputs' weights are worth nothing: they go first.
    result.weights = weights.masked_fill(gram.dead, 0).contiguous();
    result.keep = fixed.defined() ? fixed.contiguous().clone() : torch::ones({rows, cols}, torch::kUInt8);
    result.scores = torch::empty_like(result.weights);
    const bool unstructured = !fixed.defined() && !target.isNM();
    std::int64_t removed = 0;
    for (std::int64_t begin = 0; begin < cols; begin += width) {
        const auto here = std::min(width, cols - begin), behind = cols - begin - here;
        const auto factor = gram.inverseFactor.narrow(0, begin, here).narrow(1, begin, here).contiguous();
        auto errors = torch::empty({rows, here}, weights.options());
        if (!target.isNM() || fixed.defined())
            result.scores.narrow(1, begin, here)
                .copy_(result.weights.narrow(1, begin, here).abs() / factor.diagonal());
        if (unstructured) {
            const auto scores = result.scores.narrow(1, begin, here).contiguous();
            const auto remove = target.removed(rows * (begin + here)) - removed;
            removed += remove;
            const auto cut = cutLowest(scores.data_ptr<T>(), scores.numel(), remove);
            result.keep.narrow(1, begin, here).copy_(keepAbove<T>(scores, cut));
            if (cut.value > 0) result.scores.narrow(1, begin, here).div_(cut.value);
        }
        const Block<T> block{begin,
                             here,
                             rows,
                             cols,
                             result.weights.data_ptr<T>(),
                             result.keep.data_ptr<std::uint8_t>(),
                             result.scores.data_ptr<T>(),
                             factor.data_ptr<T>(),
                             errors.data_ptr<T>()};
        // Each row's own sum, added in order: threads leave no trace.
        std::vector<double> losses(static_cast<std::size_t>(rows));
        const bool choose = target.isNM() && !fixed.defined();
#pragma omp parallel for
        for (std::int64_t row = 0; row < rows; ++row)
            losses[static_cast<std::size_t>(row)] = eliminateRow(block, row, target, choose);
        for (const double loss : losses) result.loss += loss;
        if (behind > 0)
            result.weights.narrow(1, begin + here, behind)
                .sub_(torch::mm(errors,
                                gram.inverseFactor.narrow(0, begin, here).narrow(1, begin + here, behind)));
    }
    return result;
}

}  // namespace

std::int64_t wholeGroups(std::int64_t block, std::int64_t cols, const PatternTarget& target) {
    block = std::clamp<std::int64_t>(block, 1, std::max<std::int64_t>(1, cols));
    return target.isNM() ? std::max<std::int64_t>(1, block / target.group) * target.group : block;
}

UpdatedWeights sparseGpt(const torch::Tensor& weights, const DampedGram& gram, const PatternTarget& target,
                         std::int64_t block, const torch::Tensor& fixed) {
    torch::NoGradGuard guard;
    return AT_DISPATCH_FLOATING_TYPES(weights.scalar_type(), "sparseGpt", [&] {
        return run<scalar_t>(weights, gram, target, wholeGroups(block, weights.size(1), target), fixed);
    });
}

}  // namespace tessera
