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

/// A copy of the decoder whose blocks are masked; what the masks do not name is shared.
Decoder maskedDecoder(const Decoder& dense, const MaskSet& masks);

}  // namespace tessera
