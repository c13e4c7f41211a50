#pragma once

#include <cstdint>
#include <vector>

#include "core/engine/run_context.h"

namespace tessera {

/// Learning text that the model writes itself (options own_samples, own_tokens): no data is needed but the
/// model. A text begins with a token drawn evenly from the vocabulary, special ones left out, as in
/// arXiv 2305.17888, and goes on by the model's own probabilities.
///
/// A phase of the run, after load and tokenise: loads the model, writes what is missing of
/// RUN/own_samples.jsonl (a line a text: {"text", "ids"}; a learning text for other runs, too), and mixes
/// them into context.learn. A batch of texts is kept as soon as it is there, so that a killed run goes on.
/// Nothing where own_samples is 0.
void writeOwnSamples(RunContext& context);
/// On a process that is not rank 0: those that rank 0 has written; none where own_samples is 0.
void useOwnSamples(RunContext& context, std::vector<std::int32_t> ids);

/// Own ids before the share of the read ones that leaves them `own` of the whole: windows of `length` tokens,
/// evenly spread over the text; all of the text where it is too short for that.
std::vector<std::int32_t> mixedText(const std::vector<std::int32_t>& own,
                                    const std::vector<std::int32_t>& read, double share, std::int64_t length);

/// How many texts are written at once: as many as 1 GiB of keys and values holds, 64 at most.
std::int64_t textsAtOnce(const ModelConfig& config, const ExperimentSpec& spec);
/// Tokens of each: those of a window that is learned from, or calibrated on.
std::int64_t ownTextLength(const ModelConfig& config, const ExperimentSpec& spec);
/// How many there are.
std::int64_t ownTexts(const ModelConfig& config, const ExperimentSpec& spec);

}  // namespace tessera
