#include "core/text/pipeline_tokenizer.h"

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace tessera {

namespace {

/// Longer pieces do not repeat.
constexpr std::size_t kLongestRemembered = 256;

AddedTokens tokensToFind(const TokenizerDefinition& definition, const Normalizer* normalizer) {
    std::vector<AddedToken> tokens;
    for (auto token : definition.added) {
        if (token.normalized != (normalizer != nullptr)) continue;
        if (normalizer) token.text = normalizer->apply(token.text);
        tokens.push_back(std::move(token));
    }
    return AddedTokens(std::move(tokens));
}

}  // namespace

PipelineTokenizer::PipelineTokenizer(TokenizerDefinition definition, const std::string& where)
    : m_definition(std::move(definition)),
      m_normalizer(Normalizer::fromJson(m_definition.normalizer, where + ": /normalizer")),
      m_preTokenizer(PreTokenizer::fromJson(m_definition.preTokenizer, where + ": /pre_tokenizer")),
      m_decoder(Decoder::fromJson(m_definition.decoder, m_preTokenizer.byteLevel(), where + ": /decoder")),
      m_raw(tokensToFind(m_definition, nullptr)),
      m_normalized(tokensToFind(m_definition, &m_normalizer)) {
    readTokens(where);
    m_model = m_definition.model == TokenizerDefinition::Model::Bpe
                  ? makeBpe(m_definition, m_preTokenizer.byteLevel(), where)
                  : makeUnigram(m_definition, where);
}

PipelineTokenizer::PipelineTokenizer(TokenizerDefinition definition, const std::string& where,
                                     std::unique_ptr<const PieceModel> model, std::vector<AddedToken> cut)
    : m_definition(std::move(definition)),
      m_decoder(Decoder::fromJson(m_definition.decoder, false, where + ": /decoder")),
      m_raw(std::move(cut)),
      m_normalized(std::vector<AddedToken>()),
      m_model(std::move(model)) {
    readTokens(where);
}

void PipelineTokenizer::readTokens(const std::string& where) {
    const auto& tokens = m_definition.tokens;
    m_special.assign(tokens.size(), false);
    m_added.assign(tokens.size(), false);
    for (const auto& added : m_definition.added) {
        if (added.id < 0 || static_cast<std::size_t>(added.id) >= tokens.size())
            throw Error(ErrorCode::Corrupt,
                        "an added token has the id " + std::to_string(added.id) +
                            ", the vocabulary ends at " + std::to_string(tokens.size()),
                        where);
        if (added.text.empty()) throw Error(ErrorCode::Corrupt, "an added token is empty", where);
        m_added[std::size_t(added.id)] = true;
        m_special[std::size_t(added.id)] = added.special;
    }
    m_texts.reserve(tokens.size());
    for (std::size_t id = 0; id < tokens.size(); ++id)
        m_texts.push_back(m_decoder.token(tokens[id], m_added[id], false));
}

std::vector<std::int32_t> PipelineTokenizer::encode(std::string_view text) const {
    if (const auto bad = firstInvalidUtf8(text); bad != std::string_view::npos)
        throw Error(ErrorCode::InvalidInput, "the text is not valid UTF-8", "byte " + std::to_string(bad));
    std::vector<std::int32_t> ids;
    // Words repeat: what one became is looked up in what was made already.
    std::unordered_map<std::string_view, std::pair<std::size_t, std::size_t>> seen;
    Pieces pieces;
    const auto encodePlain = [&](std::string_view plain, bool begins) {
        m_preTokenizer.split(plain, begins, pieces);
        for (const auto& piece : pieces.list) {
            if (piece.text.size() > kLongestRemembered) {
                m_model->encode(piece.text, ids);
                continue;
            }
            const auto [entry, fresh] = seen.try_emplace(piece.text, ids.size(), 0);
            if (fresh) {
                m_model->encode(piece.text, ids);
                entry->second.second = ids.size() - entry->second.first;
            } else {
                const auto [first, count] = entry->second;
                for (std::size_t i = 0; i < count; ++i) ids.push_back(ids[first + i]);
            }
        }
    };
    std::vector<AddedTokens::Part> parts, inner;
    m_raw.split(text, parts);
    for (const auto& part : parts) {
        if (part.id >= 0) {
            ids.push_back(part.id);
            continue;
        }
        const auto plain = m_normalizer.empty() ? part.text : pieces.keep(m_normalizer.apply(part.text));
        inner.clear();
        m_normalized.split(plain, inner);
        for (const auto& within : inner) {
            if (within.id >= 0)
                ids.push_back(within.id);
            else
                encodePlain(within.text,
                            part.text.data() == text.data() && within.text.data() == plain.data());
        }
    }
    return ids;
}

void PipelineTokenizer::check(std::int32_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= m_texts.size())
        throw Error(ErrorCode::InvalidInput,
                    "there is no token " + std::to_string(id) + "; the vocabulary has " +
                        std::to_string(m_texts.size()),
                    "decode");
}

std::string PipelineTokenizer::decode(std::span<const std::int32_t> ids, bool skipSpecial) const {
    std::string text;
    bool first = true;
    for (const auto id : ids) {
        check(id);
        const auto index = static_cast<std::size_t>(id);
        if (skipSpecial && m_special[index]) continue;
        if (!first) text += m_decoder.between();
        if (first && m_decoder.mindsFirst())
            text += m_decoder.token(m_definition.tokens[index], m_added[index], true);
        else
            text += m_texts[index];
        first = false;
    }
    return m_decoder.whole(std::move(text));
}

std::string PipelineTokenizer::piece(std::int32_t id) const {
    check(id);
    return m_texts[static_cast<std::size_t>(id)];
}

}  // namespace tessera
