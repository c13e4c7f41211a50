#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "core/formats/mask_set.h"

namespace tessera {

/// What a one-shot method may ask of its masks.
struct PatternTarget {
    double sparsity = 0.5;
    int keep = 0;   ///< N of N:M; 0: unstructured
    int group = 0;  ///< M
    bool isNM() const { return group > 0; }
    /// How many of `weights` are removed: floor(sparsity * weights), or M - N of every M.
    std::int64_t removed(std::int64_t weights) const;
};

/// "unstructured" or "N:M". Throws Error{InvalidInput}.
PatternTarget parsePattern(const std::string& pattern, double sparsity);

/// Where the lowest scores end: those below `value` are removed, and of those equal to it the first `ties` in
/// order of place.
template <typename T>
struct ScoreCut {
    T value = 0;
    std::int64_t ties = 0;
};
/// The cut that removes exactly `remove` (0..count) of `count` scores, none of them negative or no number.
/// T is float or double.
template <typename T>
ScoreCut<T> cutLowest(const T* scores, std::int64_t count, std::int64_t remove);

/// Marks the `keep` highest of a group of scores, of equal ones the later.
template <typename T>
void keepHighest(const T* scores, int keep, int group, std::uint8_t* kept);

/// Which weights are kept, 1 or 0 as uint8 [rows, cols], for scores [rows, cols] f32 or f64, contiguous:
/// what lies above a cut, T the scores' type.
/// Or, of whole matrices, rows and groups:
/// Exactly `remove` lowest of the whole matrix go, or of each row; or all but the `keep` highest of every
/// `group` consecutive inputs of a row. Ties go in order of place.
template <typename T>
torch::Tensor keepAbove(const torch::Tensor& scores, const ScoreCut<T>& cut);
torch::Tensor keepInMatrix(const torch::Tensor& scores, std::int64_t remove);
torch::Tensor keepInRows(const torch::Tensor& scores, std::int64_t remove);
torch::Tensor keepNM(const torch::Tensor& scores, int keep, int group);

/// Throws Error{InvalidInput} naming the matrix when the groups of N:M do not divide its inputs.
void requireGroups(const PatternTarget& target, std::int64_t cols, const std::string& name);

PackedMask packMask(const torch::Tensor& keep);
torch::Tensor unpackMask(const PackedMask& mask);

/// weights * mask, in place; [rows, cols].
void applyMask(const torch::Tensor& weights, const PackedMask& mask);

}  // namespace tessera
