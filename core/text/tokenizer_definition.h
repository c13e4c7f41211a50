#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"

namespace tessera {

class GgufWriter;

/// A token that is cut out of a text before anything else is done to it.
struct AddedToken {
    std::int32_t id = 0;
    std::string text;
    bool special = true;      ///< left out of decoded text where that is asked for
    bool singleWord = false;  ///< not inside of a word
    bool leftStrip = false;   ///< takes the white space before it along
    bool rightStrip = false;
    bool normalized = false;  ///< looked for in the normalized text, in its own normalized form
};

/// What a tokenizer is made of, whatever file it came from, in the terms of a tokenizer.json.
struct TokenizerDefinition {
    enum class Model { Bpe, Unigram };
    Model model = Model::Bpe;
    std::vector<std::string> tokens;  ///< by id; empty: no such id
    std::vector<AddedToken> added;

    // BPE
    std::vector<std::pair<std::string, std::string>> merges;  ///< in order of rank
    std::vector<std::int32_t> ranks;                          ///< of each merge; empty: its place in the list
    bool ignoreMerges = false;                                ///< a piece that is a token is taken whole
    // Unigram
    std::vector<double> scores;  ///< by id

    std::int32_t unknown = -1;
    bool fuseUnknown = false;   ///< one unknown token for a run of unknown characters
    bool byteFallback = false;  ///< characters without a token become <0xNN>

    Json normalizer, preTokenizer, postProcessor, decoder;  ///< as in a tokenizer.json; null: none
    std::int32_t bos = -1, eos = -1;
    bool addsBos = false, addsEos = false;

    Json rest;                 ///< the tokenizer.json it came from, without vocabulary and merges; null: none
    Json config;               ///< the tokenizer_config.json it came with; null: none
    std::string chatTemplate;  ///< how a conversation becomes a text; empty: none
};

/// Gives the token its id. Throws Error{Corrupt} where another token has it.
void placeToken(TokenizerDefinition& definition, std::int64_t id, const std::string& token,
                const std::string& where);

/// -1: there is no such token.
std::int32_t tokenNamed(const TokenizerDefinition& definition, const std::string& text);

/// The tokenizer_config.json in `folder`; null where there is none.
Json readTokenizerConfig(const std::filesystem::path& folder);
/// Takes bos, eos and whether they are put around a text from the configuration and, where that does not say,
/// from the post-processor. `where` names the tokenizer's file.
void readSpecialTokens(const std::string& where, TokenizerDefinition& definition);

/// As a tokenizer.json and a tokenizer_config.json that `transformers` opens and that encode the same.
Json tokenizerJsonOf(const TokenizerDefinition& definition);
Json tokenizerConfigOf(const TokenizerDefinition& definition);
/// As a GGUF's metadata for a model of so many tokens; see Tokenizer::writeGguf.
void writeGgufTokenizer(const TokenizerDefinition& definition, std::int64_t vocabulary, GgufWriter& writer);

}  // namespace tessera
