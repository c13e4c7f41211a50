#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/block_ops.h"
#include "kernels/cpu/cached_attention.h"
#include "kernels/cpu/causal_softmax.h"

namespace tessera::kernels::reference {

// Twins in f64, nothing rounded, of the kernels of the same names: one row, or one head, at a time.

std::vector<double> rmsNorm(const std::vector<double>& x, const std::vector<double>& weight, double eps);
std::vector<double> gatedUnit(const std::vector<double>& gateUp, Gating gating);
/// A head of one token, turned by the angle of each pair, [dim / 2] radians.
std::vector<double> turned(const std::vector<double>& head, const std::vector<double>& angles);
/// Probabilities of the keys [first, first + count) of a row of scores, 0 elsewhere.
std::vector<double> softmax(const std::vector<double>& scores, std::int64_t first, std::int64_t count);
/// One head: query [dim], `keys` keys and values of dim elements, the next `stride` behind -> [dim].
std::vector<double> cachedAttention(const std::vector<double>& query, const std::vector<double>& keys,
                                    const std::vector<double>& values, const CachedShape& shape);

}  // namespace tessera::kernels::reference
