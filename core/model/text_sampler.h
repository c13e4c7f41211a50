#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "core/model/decoder.h"

namespace tessera {

/// Texts that a model writes itself, drawn token by token from its own distribution (temperature 1), several
/// at once. The random numbers are counter-based: text number `first + i` of a seed is drawn with the same
/// ones whatever stands beside it.
struct SamplingRequest {
    std::vector<std::int32_t> beginning;  ///< tokens that every text begins with, before `openings`
    std::vector<std::int32_t> openings;   ///< each text's next token: one text an entry
    std::int64_t length = 512;            ///< tokens a text, beginning and opening included
    std::int64_t vocabulary = 0;  ///< only tokens below are drawn: a model may have rows without one; 0: all
    std::uint64_t seed = 0;
    std::int64_t first = 0;  ///< number of the first text
    /// Before every token, with its position; what it throws ends the sampling.
    std::function<void(std::int64_t position)> progress;
};

/// ids [texts, length] int64, without gradients. Keys and values of all texts are in memory:
/// samplingBytes. Throws Error{Numerical} where the model's logits are not finite.
torch::Tensor sampleTexts(const Decoder& decoder, const SamplingRequest& request);

/// Bytes that sampling so many texts at once takes beside the model.
double samplingBytes(const ModelConfig& config, std::int64_t texts, std::int64_t length, double element);

/// The uniform number in [0, 1) that token `position` of text `text` is drawn with.
double samplingNoise(std::uint64_t seed, std::int64_t text, std::int64_t position);

}  // namespace tessera
