#include "core/evaluate/zero_shot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/evaluate/tasks/encoded_task.h"
#include "core/model/attention.h"
#include "core/model/torch_runtime.h"
#include "kernels/cpu/token_loss.h"

namespace tessera {

namespace {

/// A trunk at least this long is worth causal attention of its own: half of its square.
constexpr std::size_t kLongTrunk = 192;
/// Items are put into one tree up to this many tokens: the masks grow with the square.
constexpr std::size_t kTreeTokens = 256;
/// Rows whose logits exist at once.
constexpr std::int64_t kHeadRows = 512;

/// A tree's place in the batch and what its attention needs.
struct Placed {
    std::int64_t begin = 0, size = 0;
    std::int64_t trunk = 0;  ///< tokens that causal attention serves
    /// Of the others, over all: 0 or -infinity, [1, size - trunk, size]; for attention with a window apart.
    torch::Tensor mask, slidingMask;
};

/// `window` 0: no block of the model slides.
Placed place(const TokenTree& tree, std::int64_t begin, torch::ScalarType dtype, std::int64_t window) {
    Placed placed;
    placed.begin = begin;
    placed.size = static_cast<std::int64_t>(tree.size());
    if (tree.trunk() >= kLongTrunk) placed.trunk = static_cast<std::int64_t>(tree.trunk());
    const auto rows = placed.size - placed.trunk;
    const auto maskOf = [&](std::int64_t ancestors) {
        auto mask =
            torch::full({1, rows, placed.size}, -std::numeric_limits<float>::infinity(), torch::kFloat32);
        auto* values = mask.data_ptr<float>();
        for (std::int64_t row = 0; row < rows; ++row) {
            auto left = ancestors;
            for (auto node = placed.trunk + row; node >= 0 && left > 0;
                 node = tree.parents()[static_cast<std::size_t>(node)], --left)
                values[row * placed.size + node] = 0;
        }
        return mask.to(dtype);
    };
    placed.mask = maskOf(placed.size);
    placed.slidingMask = window > 0 && window < placed.size ? maskOf(window) : placed.mask;
    return placed;
}

/// Every node attends to its ancestors: query [heads, tokens, dim], key and value [kvHeads, tokens, dim] ->
/// [heads, tokens, dim].
torch::Tensor treeAttention(const Placed& tree, const torch::Tensor& query, const torch::Tensor& key,
                            const torch::Tensor& value, const AttentionSettings& settings) {
    const auto rows = tree.size - tree.trunk;
    std::vector<torch::Tensor> parts;
    if (tree.trunk > 0)
        parts.push_back(causalAttention(query.narrow(1, 0, tree.trunk).unsqueeze(0),
                                        key.narrow(1, 0, tree.trunk).unsqueeze(0),
                                        value.narrow(1, 0, tree.trunk).unsqueeze(0), settings)[0]);
    if (rows > 0)
        parts.push_back(maskedAttention(query.narrow(1, tree.trunk, rows), key, value,
                                        settings.window > 0 ? tree.slidingMask : tree.mask, settings));
    return parts.size() == 1 ? parts[0] : torch::cat(parts, 1);
}

/// The attention of trees that lie one behind the other: query [1, heads, tokens, dim] and so on.
torch::Tensor forestAttention(const std::vector<Placed>& trees, const torch::Tensor& query,
                              const torch::Tensor& key, const torch::Tensor& value,
                              const AttentionSettings& settings) {
    auto attended = torch::empty_like(query);
    // Products this small are not worth sharing out: each thread takes trees of its own.
    at::parallel_for(
        0, static_cast<std::int64_t>(trees.size()), 1, [&](std::int64_t begin, std::int64_t end) {
            const torch::NoGradGuard guard;
            for (auto i = begin; i < end; ++i) {
                const auto& tree = trees[static_cast<std::size_t>(i)];
                const auto own = [&](const torch::Tensor& all) {
                    return all[0].narrow(1, tree.begin, tree.size);
                };
                own(attended).copy_(treeAttention(tree, own(query), own(key), own(value), settings));
            }
        });
    return attended;
}

/// A row of the head's input and what is predicted from it.
struct HeadRow {
    std::int64_t row = 0;
    std::vector<std::pair<std::size_t, std::size_t>> predictions;  ///< (tree, prediction)
    std::vector<std::int32_t> targets;
};

/// Logits of some rows at a time; each row's softmax is summed once for all its targets.
void scoreRows(const Decoder& decoder, const torch::Tensor& hidden, const std::vector<HeadRow>& rows,
               bool greedy, std::vector<TreeScores>& scores) {
    const auto count = static_cast<std::int64_t>(rows.size());
    for (std::int64_t begin = 0; begin < count; begin += kHeadRows) {
        const auto chunk = std::min(kHeadRows, count - begin);
        auto index = torch::empty({chunk}, torch::kInt64);
        std::vector<std::int64_t> first(static_cast<std::size_t>(chunk));
        for (std::int64_t i = 0; i < chunk; ++i) {
            index.data_ptr<std::int64_t>()[i] = rows[static_cast<std::size_t>(begin + i)].row;
            first[static_cast<std::size_t>(i)] = rows[static_cast<std::size_t>(begin + i)].targets[0];
        }
        const auto logits = decoder.logits(hidden.index_select(0, index)).to(torch::kFloat32).contiguous();
        const auto* values = logits.data_ptr<float>();
        const auto vocabulary = logits.size(1);
        std::vector<float> losses(static_cast<std::size_t>(chunk));
        kernels::tokenCrossEntropy(values, first.data(), losses.data(), chunk, vocabulary);
        torch::Tensor likeliest;
        if (greedy) likeliest = logits.argmax(-1);
        for (std::int64_t i = 0; i < chunk; ++i) {
            const auto& row = rows[static_cast<std::size_t>(begin + i)];
            const auto* own = values + i * vocabulary;
            const double logSum =
                static_cast<double>(losses[static_cast<std::size_t>(i)]) + own[row.targets[0]];
            for (std::size_t p = 0; p < row.targets.size(); ++p) {
                const auto [tree, prediction] = row.predictions[p];
                scores[tree].logLikelihoods[prediction] = own[row.targets[p]] - logSum;
                if (greedy)
                    scores[tree].greedy[prediction] = likeliest.data_ptr<std::int64_t>()[i] == row.targets[p];
            }
        }
    }
}

}  // namespace

std::vector<TreeScores> scoreTrees(const Decoder& decoder, const std::vector<const TokenTree*>& trees,
                                   bool greedy) {
    torch::NoGradGuard guard;
    std::int64_t tokens = 0, longest = 0;
    std::vector<Placed> placed;
    for (const auto* tree : trees) {
        placed.push_back(place(*tree, tokens, decoder.dtype(),
                               decoder.config.slidesAnywhere() ? decoder.config.slidingWindow : 0));
        tokens += placed.back().size;
        for (const auto position : tree->positions())
            longest = std::max(longest, static_cast<std::int64_t>(position) + 1);
    }
    auto ids = torch::empty({tokens}, torch::kInt64), positions = torch::empty({tokens}, torch::kInt64);
    std::vector<TreeScores> scores(trees.size());
    std::vector<HeadRow> rows;
    for (std::size_t t = 0; t < trees.size(); ++t) {
        const auto& tree = *trees[t];
        std::copy(tree.tokens().begin(), tree.tokens().end(), ids.data_ptr<std::int64_t>() + placed[t].begin);
        std::copy(tree.positions().begin(), tree.positions().end(),
                  positions.data_ptr<std::int64_t>() + placed[t].begin);
        const auto count = tree.predictions().size();
        scores[t].logLikelihoods.resize(count);
        scores[t].greedy.resize(greedy ? count : 0);
        std::vector<std::size_t> rowOfNode(tree.size(), std::numeric_limits<std::size_t>::max());
        for (std::size_t p = 0; p < count; ++p) {
            const auto& prediction = tree.predictions()[p];
            auto& own = rowOfNode[prediction.node];
            if (own == std::numeric_limits<std::size_t>::max()) {
                own = rows.size();
                rows.push_back({placed[t].begin + static_cast<std::int64_t>(prediction.node), {}, {}});
            }
            rows[own].predictions.emplace_back(t, p);
            rows[own].targets.push_back(prediction.target);
        }
    }
    const auto rotary = rotaryTable(decoder.config, longest, decoder.dtype()).at(positions);
    const auto attention = [&](const torch::Tensor& query, const torch::Tensor& key,
                               const torch::Tensor& value, const AttentionSettings& settings) {
        return forestAttention(placed, query, key, value, settings);
    };
    auto state = embed(decoder.config, decoder.outer.embedding, ids).unsqueeze(0);
    for (const auto& block : decoder.blocks)
        state = decoderBlock(decoder.config, block, rotary, state, attention);
    scoreRows(decoder, rmsNorm(state[0], decoder.outer.finalNorm, decoder.config.rmsEps), rows, greedy,
              scores);
    return scores;
}

std::vector<RequestScore> scoreTask(const Decoder& decoder, const Tokenizer& tokenizer, const Task& task,
                                    const ZeroShotRequest& request) {
    const EncodeSettings settings{request.bos, decoder.config.maxPositions};
    std::vector<std::vector<EncodedRequest>> items;
    std::vector<std::size_t> itemOf, firstRequest;
    for (std::size_t i = 0; i < task.items.size(); ++i) {
        if (request.cancellation) request.cancellation->throwIfRequested();
        items.emplace_back();
        firstRequest.push_back(itemOf.size());
        for (const auto& one : task.items[i].requests) {
            items.back().push_back(encodeRequest(tokenizer, one, settings));
            itemOf.push_back(i);
        }
    }
    const auto trees = growTrees(items, kTreeTokens);
    std::vector<RequestScore> scores(itemOf.size(), {0.0, !task.multipleChoice});
    std::size_t done = 0, right = 0;
    for (std::size_t begin = 0; begin < trees.size();) {
        if (request.cancellation) request.cancellation->throwIfRequested();
        std::vector<const TokenTree*> batch;
        std::size_t tokens = 0;
        while (begin < trees.size() && (batch.empty() || tokens + trees[begin].size() <=
                                                             static_cast<std::size_t>(request.batchTokens))) {
            tokens += trees[begin].size();
            batch.push_back(&trees[begin++]);
        }
        const auto batchScores = scoreTrees(decoder, batch, !task.multipleChoice);
        std::vector<std::size_t> finished;
        for (std::size_t t = 0; t < batch.size(); ++t) {
            const auto& predictions = batch[t]->predictions();
            for (std::size_t p = 0; p < predictions.size(); ++p) {
                auto& score = scores[predictions[p].request];
                score.logLikelihood += batchScores[t].logLikelihoods[p];
                if (!task.multipleChoice && !batchScores[t].greedy[p]) score.greedy = false;
                finished.push_back(itemOf[predictions[p].request]);
            }
        }
        // An item lies in one tree whole.
        std::sort(finished.begin(), finished.end());
        finished.erase(std::unique(finished.begin(), finished.end()), finished.end());
        done += finished.size();
        for (const auto item : finished)
            right += answersRight(task, task.items[item], &scores[firstRequest[item]]) ? 1 : 0;
        if (request.progress) request.progress(done, task.items.size(), right);
    }
    return scores;
}

}  // namespace tessera
