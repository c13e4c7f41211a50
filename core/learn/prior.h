#pragma once

#include <torch/torch.h>

#include "core/learn/hardening.h"
#include "core/learn/pattern_masks.h"

namespace tessera {

/// Within which set of weights a prior's threshold is taken.
enum class PriorThreshold { Row, Matrix, Block, Global };

/// How logits begin (methods.md 8.1 and 8.13).
struct PriorSettings {
    double sparsity = 0.5;
    bool graded = true;     ///< by distance from the threshold; else +-1 on its two sides
    double strength = 3.0;  ///< in units of sigma; 0 or less: no prior
    double sigma = 0.014;
    bool noise = false;  ///< adds N(0, sigma^2), as the released code does
    double width = 0.7;  ///< graded: log-score distance that makes one unit of strength
    double clamp = 1.5;  ///< graded: most units
    PriorThreshold threshold = PriorThreshold::Row;
    std::uint64_t seed = 0;
};

/// LEAP: takes the scores of one matrix ([rows, cols] f32, not negative) into its logits as logarithms, to be
/// turned into a prior by finishPrior when those of all matrices are there.
void takeScores(MaskParameters& mask, const torch::Tensor& scores);

/// PATCH: takes the share of weights that an unstructured mask at the final sparsity keeps in each of the
/// mask's tiles.
void takeTileScores(MaskParameters& mask, const PackedMask& unstructured);

/// MaskLLM and PATCH-Joint: the patterns' logits from a one-shot N:M mask, whose pattern is then the
/// likeliest. A pattern's logit is strength * sigma / 2 times the sum of its weights' units, less the
/// patterns' mean. A unit is +-1 by the mask (the released "similarity" prior of 2:4; methods.md 7) or,
/// graded, the clamped (ln s - ln t) / width, t halfway between the group's least kept and greatest removed
/// score. Without `scores`
/// ([rows, cols] f32, not negative) there are no grades.
void startPatterns(PatternMask& mask, const PackedMask& start, const torch::Tensor& scores,
                   const PriorSettings& settings);

/// Turns what was taken into logits: strength * sigma * clamp((ln s - ln threshold) / width) or
/// +-strength * sigma, the threshold being the budget's quantile within `threshold`. Tiles are compared
/// within their matrix, block or everything, in units of the tile scores' deviation there. The noise goes to
/// gates and to MaskLLM's patterns; PATCH-Joint's have none, as its release has it.
void finishPrior(const MaskList& masks, const PriorSettings& settings);

}  // namespace tessera
