#pragma once

#include <memory>
#include <string>

#include "core/text/tokenizer.h"

namespace tessera {

/// A tokenizer in the parts of a packed container: what is long in a tokenizer.json is binary, so that it
/// starts in a fraction of the time that parsing takes. Numbers have their lowest byte first.
struct TokenizerParts {
    std::string json;    ///< the tokenizer.json without model.vocab and model.merges
    std::string config;  ///< the tokenizer_config.json
    std::string tokens;  ///< u32 count, u32 length of each, then their bytes by id; length 0: no such id
    std::string merges;  ///< BPE: u32 ids of left and right token, in order of rank
    std::string scores;  ///< Unigram: f64 by id
};

/// Of what Tokenizer::toTokenizerJson and toTokenizerConfig give.
TokenizerParts tokenizerParts(const Tokenizer& tokenizer);
/// Makes the same ids as the tokenizer that the parts are of. `where` names the file. Throws Error as
/// loadTokenizerJson does.
std::shared_ptr<const Tokenizer> loadTokenizerParts(const TokenizerParts& parts, const std::string& where);

}  // namespace tessera
