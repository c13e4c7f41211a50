#pragma once

#include "core/prune/sparse_gpt.h"

namespace tessera {

struct ThanosSettings {
    std::int64_t block = 128;  ///< columns pruned together
    double outlierRows = 0;    ///< share of the rows, those of the largest outputs, that stay dense
};

/// Thanos (methods.md section 3): block by block of columns, Wanda scores on the current weights, the mask
/// chosen against all columns that remain so that exactly target.removed() go, and the error of all of a
/// row's removed weights of the block made good at once in everything from the block on. N:M: within each
/// group, in every row that is no outlier. `norms` [cols]: of the inputs over the calibration text.
/// Unstructured outlier rows leave the budget to the others; in N:M they leave more weights than N of M.
/// `fixed` as for sparseGpt. Throws Error{InvalidInput} where the other rows have fewer weights than are to
/// be removed.
UpdatedWeights thanos(const torch::Tensor& weights, const DampedGram& gram, const torch::Tensor& norms,
                      const PatternTarget& target, const ThanosSettings& settings,
                      const torch::Tensor& fixed = {});

}  // namespace tessera
