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
class ModelFiles;

/// Text to token ids and back. Byte-level BPE (GPT-2's family) from tokenizer.json or from a GGUF.
/// Thread-safe after construction.
class Tokenizer {
  public:
    virtual ~Tokenizer() = default;

    /// Without special tokens around the text; special tokens written out in the text are recognised.
    virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
    /// Exact bytes of the tokens (may cut a UTF-8 sequence); skips special tokens when asked.
    virtual std::string decode(std::span<const std::int32_t> ids, bool skipSpecial = false) const = 0;

    virtual std::int64_t vocabSize() const = 0;
    virtual std::int32_t bosToken() const = 0;  ///< -1: none
    virtual std::int32_t eosToken() const = 0;  ///< -1: none
    virtual bool addsBos() const = 0;           ///< whether the tokenizer's own setting puts BOS first
    /// As a tokenizer.json and tokenizer_config.json that `transformers` opens and that encode the same.
    virtual Json toTokenizerJson() const = 0;
    virtual Json toTokenizerConfig() const = 0;
};

/// Throws Error naming file and field.
std::shared_ptr<const Tokenizer> loadTokenizerJson(const std::filesystem::path& tokenizerJson);
std::shared_ptr<const Tokenizer> loadTokenizerGguf(const GgufFile& file);
std::shared_ptr<const Tokenizer> loadTokenizer(const ModelFiles& model);
/// `path` is a bare tokenizer.json, a vocabulary-only .gguf, or a model as ModelFiles opens it.
std::shared_ptr<const Tokenizer> loadTokenizerFrom(const std::filesystem::path& path);

}  // namespace tessera
