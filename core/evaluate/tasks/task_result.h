#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/evaluate/tasks/task.h"

namespace tessera {

/// What a model gave a request.
struct RequestScore {
    double logLikelihood = 0.0;  ///< sum over the continuation's tokens, nats
    bool greedy = false;         ///< whether each of them was the likeliest; of last-word tasks alone
};

/// The index of the largest, the first of several.
std::size_t pick(const std::vector<double>& scores);

/// Whether an item counts for "acc"; `scores` are its requests', in order.
bool answersRight(const Task& task, const TaskItem& item, const RequestScore* scores);

/// What `eval --json` says of a task, from the scores of all its items' requests, in order:
///   {"acc","acc_stderr","n","choices":[index an item],"correct":[0 or 1 an item],"targets":[index an item],
///    "log_likelihoods":[[one a choice] an item],"items":"SHA-256 of what was asked"}
/// multiple choice with a normalised score: "acc_norm", "acc_norm_stderr", "choices_norm", "correct_norm"
/// (the score per character of the choice, the space before it left out); MMLU:
/// "subjects":{name:{"acc","n"}}, its `acc_stderr` the pooled one of the subjects; a last-word task: no
/// choices or targets, "perplexity" = exp(-mean log-likelihood) with "perplexity_stderr" (to first order),
/// and an item is right where the model's greedy word is it. Standard errors: the sample's, with n - 1; null
/// for a single item.
Json taskResult(const Task& task, const std::vector<RequestScore>& scores);

}  // namespace tessera
