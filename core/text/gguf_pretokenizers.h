#pragma once

#include <cstdint>
#include <string>

#include "core/base/json.h"

namespace tessera {

/// GGUF's kinds of tokens, which are SentencePiece's.
enum class GgufToken : std::int32_t {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6
};

/// What a GGUF's tokenizer.ggml.pre stands for: how the model's own tokenizer.json cuts text.
struct GgufPreTokenizer {
    Json preTokenizer;
    bool ignoreMerges = false;
    bool addsBos = false;  ///< where the file does not say
};

/// Throws Error{UnsupportedVersion} with the names that are known.
GgufPreTokenizer ggufPreTokenizer(const std::string& name, const std::string& where);

/// The name of what cuts text so and treats merges so; empty: there is none.
std::string ggufPreTokenizerName(const Json& preTokenizer, bool ignoreMerges);

}  // namespace tessera
