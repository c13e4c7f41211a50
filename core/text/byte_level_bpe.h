#pragma once

#include <optional>
#include <unordered_map>

#include "core/text/pretokenizer.h"
#include "core/text/tokenizer.h"

namespace tessera {

/// What a byte-level BPE is made of, whatever file it came from. Token strings are in GPT-2's alphabet, those
/// of added tokens are plain text.
struct BpeDefinition {
    std::vector<std::string> tokens;                          ///< by id; empty: no such id
    std::vector<std::pair<std::string, std::string>> merges;  ///< in order of rank
    struct Added {
        std::int32_t id = 0;
        std::string text;
        bool special = true;
    };
    std::vector<Added> added;
    Json preTokenizer;
    std::int32_t bos = -1, eos = -1;
    bool addsBos = false;
    bool ignoreMerges = false;  ///< a piece that is a token is taken whole
    Json config;                ///< the tokenizer_config.json it came with; null: none
    std::string chatTemplate;   ///< how a conversation becomes a text; empty: none
};

class ByteLevelBpe : public Tokenizer {
  public:
    /// Throws Error{Corrupt} naming the token or merge that is wrong. `where` names the file. `original`,
    /// where given, is the tokenizer.json this came from.
    ByteLevelBpe(BpeDefinition definition, const std::string& where, Json original = nullptr);

    std::vector<std::int32_t> encode(std::string_view text) const override;
    std::string decode(std::span<const std::int32_t> ids, bool skipSpecial) const override;
    std::int64_t vocabSize() const override { return static_cast<std::int64_t>(m_bytes.size()); }
    std::int32_t bosToken() const override { return m_definition.bos; }
    std::int32_t eosToken() const override { return m_definition.eos; }
    bool addsBos() const override { return m_definition.addsBos; }
    Json toTokenizerJson() const override;
    Json toTokenizerConfig() const override;

  private:
    struct Merge {
        std::int32_t rank, result;
    };
    void encodePlain(std::string_view text, std::vector<std::int32_t>& ids) const;
    void mergePiece(std::string_view piece, std::vector<std::int32_t>& ids) const;

    BpeDefinition m_definition;
    Json m_original;
    PreTokenizer m_preTokenizer;
    std::vector<std::string> m_bytes;  ///< what each id decodes to
    std::vector<bool> m_special;
    std::vector<std::int32_t> m_byteIds;  ///< id of each single byte
    std::unordered_map<std::uint64_t, Merge> m_merges;
    std::unordered_map<std::string, std::int32_t>
        m_whole;                               ///< bytes -> id, where merges are ignored for whole tokens
    std::vector<std::size_t> m_addedByLength;  ///< longest first
};

}  // namespace tessera
