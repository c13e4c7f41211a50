#pragma once

#include <torch/torch.h>

#include "core/formats/mask_set.h"

namespace tessera {

/// What a one-shot method may ask of its masks.
struct PatternTarget {
    double sparsity = 0.5;
    int keep = 0;   ///< N of N:M; 0: unstructured
    int group = 0;  ///< M
    bool isNM() const { return group > 0; }
};

/// "unstructured" or "N:M". Throws Error{InvalidInput}.
PatternTarget parsePattern(const std::string& pattern, double sparsity);

/// Removes exactly floor(sparsity * n) lowest scores of the whole matrix; ties in order of place.
/// scores [rows, cols] f32.
PackedMask selectInMatrix(const torch::Tensor& scores, double sparsity);
/// The same within each row.
PackedMask selectInRows(const torch::Tensor& scores, double sparsity);
/// Keeps the `keep` highest of every `group` consecutive inputs of a row; of equal ones the later is kept, as
/// in the selections above. Throws Error{InvalidInput} when `group` does not divide the columns.
PackedMask selectNM(const torch::Tensor& scores, int keep, int group, const std::string& name);

/// weights * mask, in place; [rows, cols].
void applyMask(const torch::Tensor& weights, const PackedMask& mask);

}  // namespace tessera
