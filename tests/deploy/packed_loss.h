#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "core/deploy/decode.h"

namespace tessera::test {

/// Mean cross-entropy, nats, of the tokens behind the first, decoded one at a time from where the session
/// begins.
inline double packedLoss(DecodeSession& session, std::span<const std::int32_t> ids) {
    session.reset();
    double sum = 0;
    for (std::size_t t = 0; t + 1 < ids.size(); ++t) {
        const auto& logits = session.step(ids[t]);
        const double top = *std::max_element(logits.begin(), logits.end());
        double all = 0;
        for (const float logit : logits) all += std::exp(logit - top);
        sum += top + std::log(all) - logits[static_cast<std::size_t>(ids[t + 1])];
    }
    return sum / static_cast<double>(ids.size() - 1);
}

}  // namespace tessera::test
