#include "kernels/reference/gates.h"

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

double logisticNoise(std::uint64_t seed, std::uint32_t step, std::uint32_t stream, std::uint64_t element) {
    const std::uint64_t chunk = element / 64, within = element % 64, counter = chunk * 16 + within % 16;
    const auto words =
        philox({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), step, stream},
               {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, 7);
    const double u = (static_cast<double>(words[within / 16] >> 9) + 0.5) * 0x1p-23;
    return std::log(u) - std::log1p(-u);
}

double gate(double logit, double noise, const Gate& constants) {
    return 1.0 / (1.0 + std::exp(-(constants.kappa * (logit - constants.shift) + noise) / constants.tau));
}

double gateSlope(double logit, double noise, const Gate& constants) {
    const double m = gate(logit, noise, constants);
    return constants.kappa / constants.tau * m * (1.0 - m);
}

}  // namespace tessera::kernels::reference
