#pragma once

#include "core/prune/sparse_gpt.h"

namespace tessera {

struct AdmmSettings {
    int steps = 20;          ///< of the alternating updates
    int sparsifySteps = 15;  ///< the first of them choose the mask anew, ever sparser; then it stands
    double penalty = 1.0;    ///< rho
    /// The released code's unstructured count: the final sparsity from the first step on.
    bool imitateRelease = false;
};

/// The input's side of the problem, features scaled to norm 1: of one Gram matrix for all that read it.
struct AdmmInput {
    torch::Tensor norms;    ///< [cols]; 1 for an input that was always zero
    torch::Tensor gram;     ///< damped, [cols, cols]
    torch::Tensor inverse;  ///< (gram + rho I)^-1
    torch::Tensor dead;     ///< [cols] bool
};
/// `damping` as in dampGram, of the scaled Gram matrix.
AdmmInput admmInput(const torch::Tensor& gram, double damping, double penalty, const LogLine& log,
                    const std::string& where);

/// The share removed at step `t` (from 0) of `steps`: p - p (1 - (t + 1) / steps)^3.
double admmSparsity(double sparsity, int t, int steps);

/// ADMM (methods.md section 4; Boza 2024): V + Y is pruned, V drawn back to the least squares of the dense
/// outputs. Masks compare the whole matrix; N:M: the N highest of each group are never removed on the way.
/// `fixed` as for sparseGpt. Scores are |V + Y| of the last choice. A target that removes nothing returns the
/// weights as they are.
UpdatedWeights admm(const torch::Tensor& weights, const AdmmInput& input, const PatternTarget& target,
                    const AdmmSettings& settings, const torch::Tensor& fixed = {});

}  // namespace tessera
