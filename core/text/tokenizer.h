#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace tessera {

class GgufFile;
class GgufWriter;
class ModelFiles;

/// Text to token ids and back, the same ids as the `tokenizers` and `sentencepiece` libraries make: BPE of
/// bytes (GPT-2's family) or of characters with bytes to fall back on (SentencePiece's), and Unigram.
/// Characters are classified as the installed ICU and PCRE2 do. Thread-safe after construction.
class Tokenizer {
  public:
    virtual ~Tokenizer() = default;

    /// Without special tokens around the text; special tokens written out in the text are recognised.
    virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
    /// The text of the tokens as the tokenizer's decoder makes it, the space that SentencePiece puts before a
    /// text taken away. Bytes are exact: they may cut a UTF-8 sequence. Skips special tokens when asked.
    virtual std::string decode(std::span<const std::int32_t> ids, bool skipSpecial = false) const = 0;

    /// What a token adds to a text that others have begun: for a text that appears token by token.
    virtual std::string piece(std::int32_t id) const = 0;

    virtual std::int64_t vocabSize() const = 0;
    virtual std::int32_t bosToken() const = 0;  ///< -1: none
    virtual std::int32_t eosToken() const = 0;  ///< -1: none
    virtual bool addsBos() const = 0;           ///< whether the tokenizer's own setting puts BOS first
    virtual bool addsEos() const = 0;           ///< whether it puts EOS last
    /// As a tokenizer.json and tokenizer_config.json that `transformers` opens and that encode the same.
    virtual Json toTokenizerJson() const = 0;
    virtual Json toTokenizerConfig() const = 0;
    /// As the tokenizer of a GGUF whose model has `vocabulary` rows in its embedding. A BPE of bytes only:
    /// throws Error{UnsupportedVersion} for one that cuts text in a way that llama.cpp has no name for.
    virtual void writeGguf(std::int64_t vocabulary, GgufWriter& writer) const = 0;
};

/// Each throws Error naming the file and the field. What would change ids and is not known is refused by
/// name.
std::shared_ptr<const Tokenizer> loadTokenizerJson(const std::filesystem::path& tokenizerJson);
/// SentencePiece's tokenizer.model. Control tokens written out in the text are recognised, which
/// SentencePiece itself leaves to others; what follows one is encoded as a text of its own.
std::shared_ptr<const Tokenizer> loadSentencePiece(const std::filesystem::path& tokenizerModel);
std::shared_ptr<const Tokenizer> loadTokenizerGguf(const GgufFile& file);
/// The tokenizer that a GGUF holds, key by key into another one.
void copyGgufTokenizer(const GgufFile& file, GgufWriter& writer);
std::shared_ptr<const Tokenizer> loadTokenizer(const ModelFiles& model);
/// `path` is a bare tokenizer.json, a tokenizer.model, a .gguf (of a vocabulary alone, too), or a folder with
/// one of the first two.
std::shared_ptr<const Tokenizer> loadTokenizerFrom(const std::filesystem::path& path);

}  // namespace tessera
