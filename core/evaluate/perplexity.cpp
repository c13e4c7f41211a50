#include "core/evaluate/perplexity.h"

#include <cmath>

#include "core/base/error.h"
#include "core/learn/head_loss.h"
#include "core/prune/selection.h"

namespace tessera {

Perplexity measurePerplexity(const Decoder& decoder, const std::vector<std::int32_t>& ids,
                             const PerplexityRequest& request) {
    torch::NoGradGuard guard;
    const auto window = request.window;
    const auto available = static_cast<std::int64_t>(ids.size()) / window;
    if (available == 0)
        throw Error(ErrorCode::InvalidInput,
                    "the text has " + std::to_string(ids.size()) + " tokens, one window needs " +
                        std::to_string(window),
                    "evaluation text",
                    {{"give a longer text with --text or a shorter --window", "eval_window", "512"}});
    Perplexity result;
    result.window = window;
    result.windows = request.windows > 0 ? std::min(request.windows, available) : available;
    double sum = 0;
    for (std::int64_t w = 0; w < result.windows; ++w) {
        if (request.cancellation) request.cancellation->throwIfRequested();
        auto batch = torch::empty({1, window}, torch::kInt64);
        for (std::int64_t i = 0; i < window; ++i)
            batch.data_ptr<std::int64_t>()[i] = ids[static_cast<std::size_t>(w * window + i)];
        const auto hidden = decoder.hidden(batch).view({window, -1}).narrow(0, 0, window - 1);
        const double mean = headCrossEntropy(hidden, decoder.outer.head, LogitShape(decoder.config),
                                             batch.view({-1}).narrow(0, 1, window - 1)) /
                            static_cast<double>(window - 1);
        if (!std::isfinite(mean))
            throw Error(ErrorCode::Numerical, "the cross-entropy is not a finite number",
                        "window " + std::to_string(w));
        sum += mean;
        result.crossEntropies.push_back(mean);
        if (request.progress)
            request.progress(w + 1, result.windows, std::exp(sum / static_cast<double>(w + 1)));
    }
    result.tokens = result.windows * window;
    result.value = std::exp(sum / static_cast<double>(result.windows));
    return result;
}

Decoder maskedDecoder(const Decoder& dense, const MaskSet& masks) {
    torch::NoGradGuard guard;
    Decoder copy = dense;
    for (auto& block : copy.blocks)
        for (auto& group : block.groups) group = group.clone();
    const auto matrices = prunableMatrices(dense.config);
    std::size_t used = 0;
    for (std::size_t i = 0; i < matrices.size(); ++i) {
        const auto found = masks.masks.find(matrices[i].name);
        if (found == masks.masks.end()) continue;
        ++used;
        if (found->second.rows != matrices[i].rows || found->second.cols != matrices[i].cols)
            throw Error(ErrorCode::InvalidInput,
                        "the mask is " + std::to_string(found->second.rows) + " x " +
                            std::to_string(found->second.cols) + ", the matrix is " +
                            std::to_string(matrices[i].rows) + " x " + std::to_string(matrices[i].cols),
                        matrices[i].name, {{"give a mask file made for this model", "", ""}});
        applyMask(copy.blocks[i / 7].matrix(dense.config, static_cast<int>(i % 7)), found->second);
    }
    if (used < masks.masks.size())
        throw Error(ErrorCode::InvalidInput,
                    "the mask file has " + std::to_string(masks.masks.size()) + " masks, " +
                        std::to_string(masks.masks.size() - used) +
                        " of them for matrices this model has not",
                    "masks", {{"give a mask file made for this model", "", ""}});
    return copy;
}

}  // namespace tessera
