#pragma once

#include <memory>

#include "core/text/added_tokens.h"
#include "core/text/decoder.h"
#include "core/text/normalizer.h"
#include "core/text/piece_model.h"
#include "core/text/pretokenizer.h"
#include "core/text/tokenizer.h"

namespace tessera {

/// The way of a tokenizer.json: added tokens are cut out, the rest is normalized, cut into pieces, and every
/// piece becomes ids.
class PipelineTokenizer : public Tokenizer {
  public:
    /// Throws Error naming the token, merge or component that is wrong, and where. `where` names the file.
    PipelineTokenizer(TokenizerDefinition definition, const std::string& where);
    /// With a model that takes texts as they are, and the added tokens that it does not know itself.
    PipelineTokenizer(TokenizerDefinition definition, const std::string& where,
                      std::unique_ptr<const PieceModel> model, std::vector<AddedToken> cut);

    std::vector<std::int32_t> encode(std::string_view text) const override;
    std::string decode(std::span<const std::int32_t> ids, bool skipSpecial) const override;
    std::string piece(std::int32_t id) const override;
    std::int64_t vocabSize() const override { return static_cast<std::int64_t>(m_definition.tokens.size()); }
    std::int32_t bosToken() const override { return m_definition.bos; }
    std::int32_t eosToken() const override { return m_definition.eos; }
    bool addsBos() const override { return m_definition.addsBos; }
    bool addsEos() const override { return m_definition.addsEos; }
    Json toTokenizerJson() const override { return tokenizerJsonOf(m_definition); }
    Json toTokenizerConfig() const override { return tokenizerConfigOf(m_definition); }
    void writeGguf(std::int64_t vocabulary, GgufWriter& writer) const override {
        writeGgufTokenizer(m_definition, vocabulary, writer);
    }

  private:
    void readTokens(const std::string& where);
    void check(std::int32_t id) const;

    TokenizerDefinition m_definition;
    Normalizer m_normalizer;
    PreTokenizer m_preTokenizer;
    Decoder m_decoder;
    AddedTokens m_raw, m_normalized;  ///< looked for before and after the normalizer
    std::unique_ptr<const PieceModel> m_model;
    std::vector<std::string> m_texts;  ///< what each id decodes to within a text
    std::vector<bool> m_special, m_added;
};

}  // namespace tessera
