#pragma once

#include <cstdint>

namespace tessera::kernels {

/// Which keys the queries of a block of attention see: query i of `queries` sees those in
/// [max(0, i + offset - window + 1), i + offset] of a row's `keys`; window 0: all up to there.
struct CausalShape {
    std::int64_t rows = 0;  ///< groups * queries; row r belongs to query r % queries
    std::int64_t queries = 0;
    std::int64_t keys = 0;
    std::int64_t offset = 0;
    std::int64_t window = 0;
};
/// Softmax of each row of scores [rows, keys] over the keys that its query sees, in place; the others become
/// 0.
void causalSoftmax(std::uint16_t* scores, const CausalShape& shape);
void causalSoftmax(float* scores, const CausalShape& shape);
/// Gradient of the scores, p (gp - sum(gp p)), in place of that of the probabilities [rows, keys].
void causalSoftmaxGradient(const std::uint16_t* probabilities, std::uint16_t* gradient,
                           const CausalShape& shape);
void causalSoftmaxGradient(const float* probabilities, float* gradient, const CausalShape& shape);

}  // namespace tessera::kernels
