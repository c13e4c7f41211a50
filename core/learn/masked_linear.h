#pragma once

#include <torch/torch.h>

#include <functional>

#include "core/learn/mask_parameters.h"

namespace tessera {

/// One group of a block during a learning step: its frozen weights, the buffer that receives the masked ones,
/// and the masks of its matrices (null where a matrix is excluded and stays dense).
struct MaskedGroup {
    torch::Tensor weights;  ///< [rows, cols], frozen
    torch::Tensor masked;   ///< the same shape, perhaps another block's as well; rewritten by sampleGroup()
    struct Member {
        MaskParameters* mask = nullptr;
        std::int64_t firstRow = 0;
        std::int64_t rows = 0;
        MaskStep step;
        kernels::GateSums forward;
        kernels::GateSums backward;
    };
    std::vector<Member> members;
    bool updateAtOnce = true;             ///< Adam inside backward; else the gradient is accumulated
    std::function<void()> afterBackward;  ///< called when the members have their gradient, where it is set
};

/// Samples the group's masks into `masked`; a matrix without one is copied. Call before maskedLinear in each
/// forward.
void sampleGroup(MaskedGroup& group);

/// input [.., cols] x masked^T. Backward computes the weights' gradient and hands it to each member's mask at
/// once, so that it never exists for more than one group. `group` must outlive backward.
torch::Tensor maskedLinear(const torch::Tensor& input, MaskedGroup& group);

}  // namespace tessera
