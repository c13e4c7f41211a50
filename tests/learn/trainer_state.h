#pragma once

#include <torch/torch.h>

#include <cstring>
#include <vector>

#include "core/learn/trainer.h"

namespace tessera::test {

inline bool sameBits(const torch::Tensor& a, const torch::Tensor& b) {
    return a.numel() == b.numel() && a.nbytes() == b.nbytes() &&
           std::memcmp(a.contiguous().data_ptr(), b.contiguous().data_ptr(), a.nbytes()) == 0;
}

/// Logits and both moments of every mask.
inline std::vector<torch::Tensor> stateOf(const MaskTrainer& trainer) {
    std::vector<torch::Tensor> state;
    for (const auto& mask : trainer.masks())
        for (const auto* tensor : {&mask->logits(), &mask->moment1(), &mask->moment2()})
            state.push_back(tensor->clone());
    return state;
}

inline bool sameState(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!sameBits(a[i], b[i])) return false;
    return a.size() == b.size();
}

}  // namespace tessera::test
