#include "kernels/reference/gates.h"

#include <cmath>
#include <cstring>

namespace tessera::kernels::reference {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key, int rounds) {
    for (int round = 0; round < rounds; ++round) {
        const std::uint64_t first = std::uint64_t{0xD2511F53u} * counter[0];
        const std::uint64_t second = std::uint64_t{0xCD9E8D57u} * counter[2];
        counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0],
                   static_cast<std::uint32_t>(second),
                   static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1],
                   static_cast<std::uint32_t>(first)};
        key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
    }
    return counter;
}

double logisticNoise(std::int64_t element, const NoiseKey& key) {
    // 64 elements share 16 counters: element e of them is word e / 16 of counter e % 16.
    const auto counter = static_cast<std::uint64_t>(element / 64 * 16 + element % 16);
    const auto words =
        philox4x32({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), key.step,
                    key.stream},
                   {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)}, 7);
    const double u = ((words[static_cast<std::size_t>(element % 64 / 16)] >> 9) + 0.5) / 8388608.0;
    return std::log(u) - std::log1p(-u);
}

namespace {

double argument(double logit, std::int64_t element, const GateParameters& parameters, const NoiseKey& key) {
    return (parameters.kappa * (logit - parameters.shift) + logisticNoise(element, key)) / parameters.tau;
}

}  // namespace

double gate(double logit, std::int64_t element, const GateParameters& parameters, const NoiseKey& key) {
    return 1.0 / (1.0 + std::exp(-argument(logit, element, parameters, key)));
}

double gateSlope(double logit, std::int64_t element, const GateParameters& parameters, const NoiseKey& key) {
    const double half = std::cosh(argument(logit, element, parameters, key) / 2);
    return parameters.kappa / parameters.tau / (4 * half * half);
}

AdamState adam(AdamState state, double gradient, const AdamParameters& parameters) {
    const double beta1 = parameters.beta1, beta2 = parameters.beta2;
    state.moment1 = beta1 * state.moment1 + (1 - beta1) * gradient;
    state.moment2 = beta2 * state.moment2 + (1 - beta2) * gradient * gradient;
    const double mean = state.moment1 / (1 - std::pow(beta1, static_cast<double>(parameters.step)));
    const double square = state.moment2 / (1 - std::pow(beta2, static_cast<double>(parameters.step)));
    state.parameter -= parameters.learningRate * (mean / (std::sqrt(square) + parameters.epsilon) +
                                                  parameters.weightDecay * state.parameter);
    return state;
}

std::uint16_t toBf16(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const std::uint32_t rest = bits & 0xffff, half = 0x8000;
    std::uint32_t top = bits >> 16;
    if (rest > half || (rest == half && (top & 1) != 0)) ++top;
    return static_cast<std::uint16_t>(top);
}

float fromBf16(std::uint16_t bits) {
    const std::uint32_t wide = std::uint32_t{bits} << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
}

}  // namespace tessera::kernels::reference
