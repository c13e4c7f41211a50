#pragma once

#include <torch/torch.h>

#include "core/prune/gram.h"
#include "core/prune/selection.h"

namespace tessera {

/// What a method that changes weights makes of one matrix; all [rows, cols].
struct UpdatedWeights {
    torch::Tensor weights;  ///< zero where not kept
    torch::Tensor keep;     ///< uint8
    /// Importance at the time of the choice; unstructured: in units of the threshold that decided, so that
    /// the kept ones are those above 1 (ties at 1 aside).
    torch::Tensor scores;
    double loss = 0;  ///< SparseGPT: sum of (w / U_jj)^2 over what was removed = tr(dW H dW^T)
};

/// SparseGPT (methods.md section 2): columns from left to right, the error of each removed weight made good
/// in the columns behind it. Scores are |w| / U_jj on the weights as updated so far, compared over all rows
/// of `block` columns; the removed of the first blocks together are exactly target.removed() of their
/// weights. N:M: chosen in each row when its group is reached. `weights` [rows, cols] f32 or f64 as `gram`;
/// `fixed` (uint8 [rows, cols]): this mask instead of a choice. The target's groups divide the columns.
UpdatedWeights sparseGpt(const torch::Tensor& weights, const DampedGram& gram, const PatternTarget& target,
                         std::int64_t block, const torch::Tensor& fixed = {});

/// `block` cut to the columns there are and rounded down to whole groups of N:M.
std::int64_t wholeGroups(std::int64_t block, std::int64_t cols, const PatternTarget& target);

}  // namespace tessera
