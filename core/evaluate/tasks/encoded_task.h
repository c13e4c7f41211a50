#pragma once

#include <cstdint>
#include <vector>

#include "core/evaluate/tasks/task.h"
#include "core/text/tokenizer.h"

namespace tessera {

/// A request in tokens: the model reads `input`, whose last `targets.size()` positions predict `targets`.
struct EncodedRequest {
    std::vector<std::int32_t> input;
    std::vector<std::int32_t> targets;
};

struct EncodeSettings {
    bool bos = false;                  ///< the beginning-of-sequence token first
    std::int64_t maxPositions = 2048;  ///< longer inputs lose their beginning
};

/// As the harness cuts a text into context and continuation: white space at the context's end goes to the
/// continuation, both are encoded in one piece, and what is behind the context's own encoding is scored. An
/// empty context is the BOS token (the EOS token where there is none). Throws Error{InvalidInput} for a
/// continuation without a token or longer than the model reads, or a BOS token that is asked for and not
/// there.
EncodedRequest encodeRequest(const Tokenizer& tokenizer, const TaskRequest& request,
                             const EncodeSettings& settings);

}  // namespace tessera
