#include "kernels/reference/gates.h"

#include <algorithm>
#include <cmath>

namespace tessera::kernels::reference {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key,
                                    int rounds) {
    for (int round = 0; round < rounds; ++round) {
        const std::uint64_t a = std::uint64_t(0xD2511F53u) * counter[0],
                            b = std::uint64_t(0xCD9E8D57u) * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return counter;
}

namespace {

/// The element's number in (0, 1), the middle of one of 2^23 intervals.
double uniform(std::uint64_t seed, std::uint32_t step, std::uint32_t stream, std::uint64_t element) {
    const std::uint64_t chunk = element / 64, within = element % 64, counter = chunk * 16 + within % 16;
    const auto words =
        philox({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), step, stream},
               {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, 7);
    return (static_cast<double>(words[within / 16] >> 9) + 0.5) * 0x1p-23;
}

}  // namespace

double logisticNoise(std::uint64_t seed, std::uint32_t step, std::uint32_t stream, std::uint64_t element) {
    const double u = uniform(seed, step, stream, element);
    return std::log(u) - std::log1p(-u);
}

double gate(double logit, double noise, const Gate& constants) {
    return 1.0 / (1.0 + std::exp(-(constants.kappa * (logit - constants.shift) + noise) / constants.tau));
}

double gateSlope(double logit, double noise, const Gate& constants) {
    const double m = gate(logit, noise, constants);
    return constants.kappa / constants.tau * m * (1.0 - m);
}

double gumbelNoise(std::uint64_t seed, std::uint32_t step, std::uint32_t stream, std::uint64_t element) {
    return -std::log(-std::log(uniform(seed, step, stream, element)));
}

std::vector<std::vector<int>> patternMasks(int keep, int group) {
    std::vector<std::vector<int>> masks;
    std::vector<int> mask(static_cast<std::size_t>(group), 0);
    std::fill(mask.begin(), mask.begin() + keep, 1);
    do masks.push_back(mask);
    while (std::prev_permutation(mask.begin(), mask.end()));
    return masks;
}

std::vector<double> patternShares(const std::vector<double>& logits, const std::vector<double>& noise,
                                  const Gate& constants) {
    std::vector<double> shares;
    for (std::size_t i = 0; i < logits.size(); ++i)
        shares.push_back((constants.kappa * logits[i] + noise[i]) / constants.tau);
    const double most = *std::max_element(shares.begin(), shares.end());
    double sum = 0;
    for (auto& share : shares) sum += share = std::exp(share - most);
    for (auto& share : shares) share /= sum;
    return shares;
}

}  // namespace tessera::kernels::reference
