#pragma once

#include <torch/torch.h>

#include "core/model/decoder.h"

namespace tessera {

struct HeadLossWeights {
    double crossEntropy = 1.0;
    double divergence = 0.0;  ///< KL(dense || masked)
};

/// What one forward's loss is made of, means over its tokens in nats.
struct HeadLossParts {
    double crossEntropy = 0.0;
    double divergence = 0.0;
};

/// The head and the loss in one: logits exist for a few hundred tokens at a time, never for all, and the
/// gradient to `hidden` is made on the way. Differentiable in `hidden` only.
///   hidden [tokens, hidden]; teacherHidden the same shape or undefined (then the divergence is left out);
///   head [vocabulary, hidden]; shape what its logits go through; targets [tokens] int64.
/// Returns the scalar crossEntropy * CE + divergence * KL, means over tokens; `parts` receives both.
torch::Tensor headLoss(const torch::Tensor& hidden, const torch::Tensor& teacherHidden,
                       const torch::Tensor& head, const LogitShape& shape, const torch::Tensor& targets,
                       const HeadLossWeights& weights, HeadLossParts& parts);

/// Sum of the cross-entropies of [tokens, hidden] against targets [tokens], in nats.
double headCrossEntropy(const torch::Tensor& hidden, const torch::Tensor& head, const LogitShape& shape,
                        const torch::Tensor& targets);

}  // namespace tessera
