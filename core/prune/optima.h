#pragma once

#include "core/prune/gram.h"

namespace tessera {

struct OptimaSettings {
    std::int64_t exactColumns = 512;  ///< up to this many inputs every row is solved by a factorisation
    double tolerance = 1e-4;          ///< beyond: of the gradient, relative to the first, in every row
    int iterations = 500;             ///< at most
};

/// OPTIMA (methods.md section 6): the weights that lose least with a given mask. For each row, w' zero where
/// `keep` (uint8 [rows, cols]) is, minimises (w' - w) H (w' - w)^T with H = `gram.matrix`: by Cholesky
/// factorisation, or by conjugate gradients on all rows at once, preconditioned with H's diagonal. `weights`
/// are the dense ones, [rows, cols] f32 or f64 as `gram`. A row that keeps everything keeps its bits.
torch::Tensor optima(const torch::Tensor& weights, const torch::Tensor& keep, const DampedGram& gram,
                     const OptimaSettings& settings = {});

}  // namespace tessera
