#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/cancellation.h"
#include "core/evaluate/tasks/task.h"
#include "core/evaluate/tasks/task_result.h"
#include "core/evaluate/tasks/token_tree.h"
#include "core/model/decoder.h"
#include "core/text/tokenizer.h"

namespace tessera {

/// Scores of a tree's predictions, in their order: log p(target | path to the node) in nats, softmax in f32,
/// and where `greedy` is asked for whether the target was the likeliest token.
struct TreeScores {
    std::vector<double> logLikelihoods;
    std::vector<bool> greedy;
};

/// Several trees in one forward: their tokens stand one behind the other without padding, a token attends to
/// its ancestors alone. The same as each request on its own, but for the order of additions.
std::vector<TreeScores> scoreTrees(const Decoder& decoder, const std::vector<const TokenTree*>& trees,
                                   bool greedy);

struct ZeroShotRequest {
    bool bos = false;                 ///< the beginning-of-sequence token before every context
    std::int64_t batchTokens = 4096;  ///< computed at once; a longer tree goes alone
    /// After each batch: items that are scored, of all, and how many of them are right.
    std::function<void(std::size_t done, std::size_t items, std::size_t right)> progress;
    const Cancellation* cancellation = nullptr;
};

/// The score of every request of every item of a task, in order, for taskResult. Throws as encodeRequest
/// does, and Error{Cancelled}.
std::vector<RequestScore> scoreTask(const Decoder& decoder, const Tokenizer& tokenizer, const Task& task,
                                    const ZeroShotRequest& request);

}  // namespace tessera
