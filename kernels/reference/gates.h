#pragma once

#include <array>
#include <cstdint>
#include <vector>

/// Scalar, obviously right versions of the mask kernels in f64, which tests compare against.
namespace tessera::kernels::reference {

/// Philox4x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key,
                                    int rounds);

/// The logistic noise of an element: ln u - ln(1 - u), u the middle of one of 2^23 intervals.
double logisticNoise(std::uint64_t seed, std::uint32_t step, std::uint32_t stream, std::uint64_t element);

struct Gate {
    double kappa, tau, shift;
};
/// sigmoid((kappa (p - shift) + noise) / tau).
double gate(double logit, double noise, const Gate& constants);
/// d gate / d logit.
double gateSlope(double logit, double noise, const Gate& constants);

/// The Gumbel noise of an element: -ln(-ln u).
double gumbelNoise(std::uint64_t seed, std::uint32_t step, std::uint32_t stream, std::uint64_t element);

/// All masks of `group` weights that keep `keep`, the first weights' kept ones first: 1100, 1010, ...
std::vector<std::vector<int>> patternMasks(int keep, int group);

/// The softmax of (kappa p + noise) / tau over a group's patterns.
std::vector<double> patternShares(const std::vector<double>& logits, const std::vector<double>& noise,
                                  const Gate& constants);

}  // namespace tessera::kernels::reference
