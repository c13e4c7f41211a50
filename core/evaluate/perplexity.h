#pragma once

#include <functional>

#include "core/base/cancellation.h"
#include "core/formats/mask_set.h"
#include "core/model/decoder.h"

namespace tessera {

struct Perplexity {
    double value = 0.0;
    std::int64_t window = 0;
    std::int64_t windows = 0;
    std::int64_t tokens = 0;             ///< windows * window
    std::vector<double> crossEntropies;  ///< mean of each window, nats
};

struct PerplexityRequest {
    std::int64_t window = 2048;
    std::int64_t windows = 0;  ///< 0: all
    std::function<void(std::int64_t done, std::int64_t windows, double soFar)> progress;
    const Cancellation* cancellation = nullptr;
};

/// exp of the mean over non-overlapping windows of each window's mean cross-entropy over its window - 1
/// predictions; the tail is dropped (methods.md section 0). Throws Error{InvalidInput} when the text is
/// shorter than one window, Error{Numerical} when a loss is not finite.
Perplexity measurePerplexity(const Decoder& decoder, const std::vector<std::int32_t>& ids,
                             const PerplexityRequest& request);

/// The same of a model that is never whole in memory: all windows go through a block before the next one is
/// there. The same numbers to the bit. What is in memory are the windows' activations, [windows, window,
/// hidden] of the model's dtype, and what the caller holds.
class BlockwisePerplexity {
  public:
    /// `request.progress` is not called: no window is done before the last block. Throws as
    /// measurePerplexity.
    BlockwisePerplexity(const ModelConfig& config, const torch::Tensor& embedding,
                        const std::vector<std::int32_t>& ids, const PerplexityRequest& request);

    /// Through the next block of the model.
    void advance(const BlockWeights& block);
    /// Behind the last block.
    Perplexity finish(const OuterWeights& outer) const;

  private:
    ModelConfig m_config;
    const Cancellation* m_cancellation;
    torch::Tensor m_windows;  ///< [windows, window] int64
    torch::Tensor m_activations;
    RotaryTable m_rotary;
};

/// The block with its matrices masked; what the masks do not name is shared. Throws Error{InvalidInput} where
/// a mask is not of its matrix's shape.
BlockWeights maskedBlock(const ModelConfig& config, const BlockWeights& dense, int block,
                         const MaskSet& masks);

/// A copy of the decoder whose blocks are masked; what the masks do not name is shared. Throws
/// Error{InvalidInput} where a mask is of another model.
Decoder maskedDecoder(const Decoder& dense, const MaskSet& masks);

}  // namespace tessera
