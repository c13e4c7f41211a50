#include "core/evaluate/perplexity.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/learn/head_loss.h"
#include "core/prune/selection.h"

namespace tessera {

namespace {

/// The text's windows, one behind the other: [windows, window] int64.
torch::Tensor windowsOf(const std::vector<std::int32_t>& ids, const PerplexityRequest& request) {
    const auto window = request.window;
    const auto available = static_cast<std::int64_t>(ids.size()) / window;
    if (available == 0)
        throw Error(ErrorCode::InvalidInput,
                    "the text has " + std::to_string(ids.size()) + " tokens, one window needs " +
                        std::to_string(window),
                    "evaluation text",
                    {{"give a longer text with --text or a shorter --window", "eval_window", "512"}});
    const auto windows = request.windows > 0 ? std::min(request.windows, available) : available;
    auto all = torch::empty({windows, window}, torch::kInt64);
    std::copy_n(ids.begin(), windows * window, all.data_ptr<std::int64_t>());
    return all;
}

/// Mean cross-entropy of a window's predictions: `hidden` [window, hidden] normed, `ids` [window].
double meanCrossEntropy(const ModelConfig& config, const torch::Tensor& hidden, const torch::Tensor& head,
                        const torch::Tensor& ids, std::int64_t number) {
    const auto predictions = ids.size(0) - 1;
    const double mean = headCrossEntropy(hidden.narrow(0, 0, predictions), head, LogitShape(config),
                                         ids.narrow(0, 1, predictions)) /
                        static_cast<double>(predictions);
    if (!std::isfinite(mean))
        throw Error(ErrorCode::Numerical, "the cross-entropy is not a finite number",
                    "window " + std::to_string(number));
    return mean;
}

/// Measures window after window of `windows`, whose hidden states `hiddenOf` gives, [1, window, hidden].
template <typename HiddenOf>
Perplexity overWindows(const ModelConfig& config, const torch::Tensor& windows, const torch::Tensor& head,
                       const Cancellation* cancellation, const HiddenOf& hiddenOf,
                       const std::function<void(std::int64_t, std::int64_t, double)>& progress) {
    Perplexity result;
    result.windows = windows.size(0);
    result.window = windows.size(1);
    double sum = 0;
    for (std::int64_t w = 0; w < result.windows; ++w) {
        if (cancellation) cancellation->throwIfRequested();
        const double mean =
            meanCrossEntropy(config, hiddenOf(w).view({result.window, -1}), head, windows[w], w);
        sum += mean;
        result.crossEntropies.push_back(mean);
        if (progress) progress(w + 1, result.windows, std::exp(sum / static_cast<double>(w + 1)));
    }
    result.tokens = result.windows * result.window;
    result.value = std::exp(sum / static_cast<double>(result.windows));
    return result;
}

}  // namespace

Perplexity measurePerplexity(const Decoder& decoder, const std::vector<std::int32_t>& ids,
                             const PerplexityRequest& request) {
    torch::NoGradGuard guard;
    const auto windows = windowsOf(ids, request);
    return overWindows(
        decoder.config, windows, decoder.outer.head, request.cancellation,
        [&](std::int64_t w) { return decoder.hidden(windows.narrow(0, w, 1)); }, request.progress);
}

BlockwisePerplexity::BlockwisePerplexity(const ModelConfig& config, const torch::Tensor& embedding,
                                         const std::vector<std::int32_t>& ids,
                                         const PerplexityRequest& request)
    : m_config(config),
      m_cancellation(request.cancellation),
      m_windows(windowsOf(ids, request)),
      m_rotary(rotaryTable(config, request.window, embedding.scalar_type())) {
    torch::NoGradGuard guard;
    m_activations = embed(config, embedding, m_windows);
}

void BlockwisePerplexity::advance(const BlockWeights& block) {
    torch::NoGradGuard guard;
    // One window at a time: another number of rows would add in another order.
    for (std::int64_t w = 0; w < m_windows.size(0); ++w) {
        if (m_cancellation) m_cancellation->throwIfRequested();
        auto window = m_activations.narrow(0, w, 1);
        window.copy_(decoderBlock(m_config, block, m_rotary, window));
    }
}

Perplexity BlockwisePerplexity::finish(const OuterWeights& outer) const {
    torch::NoGradGuard guard;
    return overWindows(m_config, m_windows, outer.head, m_cancellation,
                       [&](std::int64_t w) {
                           return rmsNorm(m_activations.narrow(0, w, 1), outer.finalNorm, m_config.rmsEps);
                       },
                       {});
}

BlockWeights maskedBlock(const ModelConfig& config, const BlockWeights& dense, int block,
                         const MaskSet& masks) {
    torch::NoGradGuard guard;
    auto masked = dense;
    const auto matrices = prunableMatrices(config);
    for (int g = 0; g < kGroups; ++g) {
        const auto members = groupMembers(static_cast<Group>(g));
        bool own = false;
        for (int i = members.first; i < members.first + members.count; ++i) {
            const auto& matrix = matrices[static_cast<std::size_t>(block * 7 + i)];
            const auto found = masks.masks.find(matrix.name);
            if (found == masks.masks.end()) continue;
            const auto& mask = found->second;
            if (mask.rows != matrix.rows || mask.cols != matrix.cols)
                throw Error(ErrorCode::InvalidInput,
                            "the mask is " + std::to_string(mask.rows) + " x " + std::to_string(mask.cols) +
                                ", the matrix is " + std::to_string(matrix.rows) + " x " +
                                std::to_string(matrix.cols),
                            matrix.name, {{"give a mask file made for this model", "", ""}});
            auto& weights = masked.groups[static_cast<std::size_t>(g)];
            if (!std::exchange(own, true)) weights = weights.clone();
            applyMask(masked.matrix(config, i), mask);
        }
    }
    return masked;
}

Decoder maskedDecoder(const Decoder& dense, const MaskSet& masks) {
    Decoder copy = dense;
    for (std::size_t block = 0; block < copy.blocks.size(); ++block)
        copy.blocks[block] = maskedBlock(dense.config, dense.blocks[block], static_cast<int>(block), masks);
    std::size_t used = 0;
    for (const auto& matrix : prunableMatrices(dense.config)) used += masks.masks.count(matrix.name);
    if (used < masks.masks.size())
        throw Error(ErrorCode::InvalidInput,
                    "the mask file has " + std::to_string(masks.masks.size()) + " masks, " +
                        std::to_string(masks.masks.size() - used) +
                        " of them for matrices this model has not",
                    "masks", {{"give a mask file made for this model", "", ""}});
    return copy;
}

}  // namespace tessera
