#pragma once

#include <string_view>

#include "core/base/json.h"

namespace tessera {

/// Learns a byte-level BPE of `vocabulary` tokens: id 0 is <|endoftext|>, then the 256 bytes, then merges of
/// the most frequent pairs (ties: the pair of smaller ids), pieces cut by GPT-2's pattern. Deterministic.
/// Returns a tokenizer.json. Throws Error{InvalidInput} on a vocabulary below 300.
Json trainByteLevelBpe(std::string_view text, int vocabulary);

}  // namespace tessera
