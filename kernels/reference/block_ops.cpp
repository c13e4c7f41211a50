#include "kernels/reference/block_ops.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera::kernels::reference {

std::vector<double> rmsNorm(const std::vector<double>& x, const std::vector<double>& weight, double eps) {
    double squares = 0;
    for (const double value : x) squares += value * value;
    const double scale = 1.0 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
    std::vector<double> y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = weight[i] * x[i] * scale;
    return y;
}

std::vector<double> gatedUnit(const std::vector<double>& gateUp, Gating gating) {
    const auto width = gateUp.size() / 2;
    std::vector<double> y(width);
    for (std::size_t i = 0; i < width; ++i) {
        const double x = gateUp[i];
        const double open =
            gating == Gating::Silu
                ? x / (1.0 + std::exp(-x))
                : 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
        y[i] = open * gateUp[width + i];
    }
    return y;
}

std::vector<double> turned(const std::vector<double>& head, const std::vector<double>& angles) {
    const auto half = head.size() / 2;
    std::vector<double> y(head.size());
    for (std::size_t i = 0; i < half; ++i) {
        const double c = std::cos(angles[i]), s = std::sin(angles[i]);
        y[i] = head[i] * c - head[half + i] * s;
        y[half + i] = head[half + i] * c + head[i] * s;
    }
    return y;
}

std::vector<double> softmax(const std::vector<double>& scores, std::int64_t first, std::int64_t count) {
    std::vector<double> y(scores.size(), 0.0);
    const auto begin = scores.begin() + first;
    const double top = *std::max_element(begin, begin + count);
    double sum = 0;
    for (auto i = first; i < first + count; ++i) sum += y[i] = std::exp(scores[i] - top);
    for (auto i = first; i < first + count; ++i) y[i] /= sum;
    return y;
}

std::vector<double> cachedAttention(const std::vector<double>& query, const std::vector<double>& keys,
                                    const std::vector<double>& values, const CachedShape& shape) {
    std::vector<double> scores, out(query.size(), 0.0);
    for (std::int64_t t = 0; t < shape.keys; ++t) {
        double sum = 0;
        for (std::int64_t i = 0; i < shape.dim; ++i)
            sum += query[static_cast<std::size_t>(i)] * keys[static_cast<std::size_t>(t * shape.stride + i)];
        sum *= shape.scale;
        scores.push_back(shape.cap != 0 ? shape.cap * std::tanh(sum / shape.cap) : sum);
    }
    const auto shares = softmax(scores, 0, shape.keys);
    for (std::int64_t t = 0; t < shape.keys; ++t)
        for (std::int64_t i = 0; i < shape.dim; ++i)
            out[static_cast<std::size_t>(i)] +=
                shares[static_cast<std::size_t>(t)] * values[static_cast<std::size_t>(t * shape.stride + i)];
    return out;
}

}  // namespace tessera::kernels::reference
