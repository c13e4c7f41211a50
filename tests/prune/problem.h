#pragma once

#include <torch/torch.h>

#include <cstring>

#include "core/formats/npz.h"
#include "core/prune/gram.h"
#include "support/support.h"

namespace tessera::test {

/// A small layer: weights [rows, cols] and the Gram matrix of correlated inputs, a few of them far larger
/// than the others, as activations of language models are. All f64.
struct Problem {
    torch::Tensor weights, inputs, gram;

    explicit Problem(std::uint64_t seed, std::int64_t rows = 32, std::int64_t cols = 64,
                     std::int64_t tokens = 400) {
        torch::manual_seed(seed);
        weights = torch::randn({rows, cols}, torch::kFloat64);
        inputs =
            torch::mm(torch::randn({tokens, cols}, torch::kFloat64),
                      torch::eye(cols, torch::kFloat64) + 0.1 * torch::randn({cols, cols}, torch::kFloat64));
        inputs.narrow(1, 5, 2).mul_(10);
        addToGram(gram, inputs);
        symmetriseGram(gram);
    }
    torch::Tensor norms() const { return gram.diagonal().sqrt(); }
    DampedGram damped(double damping = 0.01) const { return dampGram(gram, damping, {}, "input"); }
};

/// Sum over rows of (changed - weights) H (changed - weights)^T.
inline double energy(const torch::Tensor& changed, const torch::Tensor& weights,
                     const torch::Tensor& hessian) {
    const auto delta = changed - weights;
    return (torch::mm(delta, hessian) * delta).sum().item<double>();
}

/// The greatest difference relative to the greatest value.
inline double distance(const torch::Tensor& a, const torch::Tensor& b) {
    return ((a - b).abs().max() / b.abs().max()).item<double>();
}

/// An array of tests/data/one_shot/golden.npz, which tests/reference/one_shot.py makes.
inline torch::Tensor golden(const std::string& name) {
    static const NpzReader reader(data("one_shot/golden.npz"));
    const auto array = reader.read(name);
    auto tensor = torch::empty(array.shape, array.type == "u1" ? torch::kUInt8 : torch::kFloat64);
    std::memcpy(tensor.data_ptr(), array.data.data(), array.data.size());
    return tensor;
}

}  // namespace tessera::test
