#include <openssl/evp.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/text/pipeline_tokenizer.h"
#include "core/text/scored_merges.h"
#include "core/text/sentencepiece_proto.h"
#include "core/text/unicode.h"

namespace tessera {

namespace {

constexpr std::size_t kLargestFile = std::size_t(1) << 28;
constexpr std::int64_t kMostTokens = 1 << 20;
using Proto = SentencePieceProto;

constexpr std::string_view kSpace = "\xe2\x96\x81";  // U+2581

/// The library itself. It adds the scores of a whole text up in f32, which are too coarse to choose by after
/// some ten thousand words, and its work grows faster than the text: long texts are cut between words, where
/// no piece reaches across and the library itself puts a space before what follows.
class SentencePiece : public PieceModel {
  public:
    SentencePiece(std::string_view bytes, const Proto& proto, const std::string& where) : m_cuts(true) {
        bool space = false;
        for (const auto& piece : proto.pieces) {
            space = space || (piece.text == kSpace && piece.type == Proto::Normal);
            if (piece.type == Proto::UserDefined) m_cuts = false;
            for (auto at = piece.text.find(kSpace, 1); at != std::string::npos;
                 at = piece.text.find(kSpace, at + 1))
                if (at < kSpace.size() || piece.text.compare(at - kSpace.size(), kSpace.size(), kSpace) != 0)
                    m_cuts = false;
        }
        m_cuts = m_cuts && space && proto.prefix;
        const auto status = m_processor.LoadFromSerializedProto({bytes.data(), bytes.size()});
        if (!status.ok())
            throw Error(
                ErrorCode::Corrupt, "SentencePiece refuses the model: " + status.ToString(), where,
                {{"use the tokenizer.model or the tokenizer.json that belongs to the model", "", ""}});
    }
    void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override {
        for (auto cut = nextCut(piece); cut != std::string_view::npos; cut = nextCut(piece)) {
            encodeWhole(piece.substr(0, cut), ids);
            piece.remove_prefix(cut + 1);
        }
        encodeWhole(piece, ids);
    }
    const sentencepiece::SentencePieceProcessor& processor() const { return m_processor; }

  private:
    static constexpr std::size_t kLong = 2000;  ///< bytes

    /// A lone space between letters or digits, which no map of characters joins with it.
    std::size_t nextCut(std::string_view text) const {
        if (!m_cuts || text.size() < 2 * kLong) return std::string_view::npos;
        const auto plain = [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        };
        auto at = text.find(' ', kLong);
        while (at != std::string_view::npos &&
               !(at + 2 < text.size() && plain(text[at - 1]) && plain(text[at + 1]) &&
                 static_cast<unsigned char>(text[at + 2]) < 0x80))
            at = text.find(' ', at + 1);
        return at;
    }
    void encodeWhole(std::string_view piece, std::vector<std::int32_t>& ids) const {
        std::vector<int> made;
        const auto status = m_processor.Encode({piece.data(), piece.size()}, &made);
        if (!status.ok())
            throw Error(ErrorCode::InvalidInput,
                        "SentencePiece cannot encode the text: " + status.ToString());
        ids.insert(ids.end(), made.begin(), made.end());
    }

    bool m_cuts;
    sentencepiece::SentencePieceProcessor m_processor;
};

/// Whether our own merges, which are ten times as fast, are those of the library by necessity: no map of
/// characters and no tokens to cut out, no pieces that are taken apart again, and no merges of characters
/// that are no pieces themselves.
bool mergesAreTheLibrarys(const Proto& proto) {
    if (proto.kind != Proto::Bpe || !proto.characterMap.empty() || proto.removesExtraSpaces) return false;
    std::unordered_set<std::string_view> normal;
    for (const auto& piece : proto.pieces) {
        if (piece.type == Proto::UserDefined || piece.type == Proto::Unused) return false;
        if (piece.type == Proto::Normal) normal.insert(piece.text);
    }
    return std::all_of(normal.begin(), normal.end(), [&](std::string_view text) {
        for (std::size_t at = 0; at < text.size();) {
            const auto begin = at;
            unicode::next(text, at);
            if (!normal.contains(text.substr(begin, at - begin))) return false;
        }
        return true;
    });
}

std::string base64(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const auto length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

/// The tokens that tokenizer_config.json adds to those of the model.
void addConfigured(TokenizerDefinition& definition, std::vector<AddedToken>& cut, const std::string& where) {
    const auto& config = definition.config;
    if (!config.is_object() || !config.contains("added_tokens_decoder")) return;
    if (!config["added_tokens_decoder"].is_object())
        throw Error(ErrorCode::Corrupt, "added_tokens_decoder is not an object", where);
    for (const auto& [key, value] : config["added_tokens_decoder"].items()) {
        const Component component(value, where + ": /added_tokens_decoder/" + key);
        const bool number =
            !key.empty() && key.size() < 8 && key.find_first_not_of("0123456789") == std::string::npos;
        const std::int64_t id = number ? std::stoll(key) : -1;
        if (id < 0 || id >= kMostTokens)
            throw Error(ErrorCode::Corrupt, "an added token has the id '" + key + "'", component.where());
        if (id < static_cast<std::int64_t>(definition.tokens.size())) continue;
        AddedToken token{static_cast<std::int32_t>(id), component.text("content"),
                         component.flag("special", false)};
        token.singleWord = component.flag("single_word", false);
        token.leftStrip = component.flag("lstrip", false);
        token.rightStrip = component.flag("rstrip", false);
        cut.push_back(token);
    }
    for (const auto& token : cut)
        if (static_cast<std::size_t>(token.id) >= definition.tokens.size() ||
            definition.tokens[std::size_t(token.id)].empty()) {
            placeToken(definition, token.id, token.text, where);
            definition.added.push_back(token);
        }
}

/// How a tokenizer.json says what the library does to a text: the same but for a text that begins with a
/// token of the user, which has no space before it.
void addNormalizer(const Proto& proto, bool userDefined, TokenizerDefinition& definition) {
    addSpaceEscapes(definition, proto.prefix);
    auto steps = Json::array();
    const auto replace = [](const char* kind, const char* from, const char* to) {
        return Json{{"type", "Replace"}, {"pattern", {{kind, from}}}, {"content", to}};
    };
    if (!proto.characterMap.empty())
        steps.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", base64(proto.characterMap)}});
    if (proto.removesExtraSpaces) {
        steps.push_back(replace("Regex", "\\A +| +\\z", ""));
        steps.push_back(replace("Regex", " {2,}", " "));
    }
    // Behind the tokens that it cuts out itself the library puts no space: there the text has begun.
    const bool first = proto.prefix && userDefined;
    for (auto& step : definition.normalizer["normalizers"])
        if (!first || step["type"] != "Prepend") steps.push_back(step);
    if (first)
        definition.preTokenizer = {{"type", "Metaspace"},
                                   {"replacement", "\xe2\x96\x81"},
                                   {"prepend_scheme", "first"},
                                   {"split", false}};
    definition.normalizer = {{"type", "Sequence"}, {"normalizers", steps}};
}

}  // namespace

std::shared_ptr<const Tokenizer> loadSentencePiece(const std::filesystem::path& tokenizerModel) {
    const auto where = tokenizerModel.string();
    const auto bytes = readFile(tokenizerModel, kLargestFile);
    const auto proto = readSentencePieceProto(bytes, where);
    const auto refuse = [&](const std::string& what) {
        throw Error(
            ErrorCode::UnsupportedVersion, "a SentencePiece model " + what + " is not supported", where,
            {{"choose a model whose tokenizer is a BPE such as those of Llama, Qwen or SmolLM", "", ""}});
    };
    if (proto.kind == Proto::Word) refuse("of the kind WORD");
    if (proto.kind == Proto::Char) refuse("of the kind CHAR");
    if (proto.kind != Proto::Bpe && proto.kind != Proto::Unigram)
        refuse("of the kind " + std::to_string(proto.kind));
    if (proto.spaceBehind) refuse("with treat_whitespace_as_suffix");
    if (!proto.escapesSpaces) refuse("without escape_whitespaces");
    auto model = std::make_unique<SentencePiece>(bytes, proto, where);

    TokenizerDefinition definition;
    std::vector<AddedToken> cut;
    std::vector<double> scores;
    std::vector<bool> merges;
    bool userDefined = false;
    for (std::size_t i = 0; i < proto.pieces.size(); ++i) {
        const auto& piece = proto.pieces[i];
        const auto id = static_cast<std::int32_t>(i);
        definition.tokens.push_back(piece.text);
        scores.push_back(piece.score);
        merges.push_back(piece.type == Proto::Normal || piece.type == Proto::UserDefined ||
                         piece.type == Proto::Unused);
        userDefined = userDefined || piece.type == Proto::UserDefined;
        if (piece.type == Proto::Unknown) definition.unknown = id;
        if (piece.type == Proto::Unknown || piece.type == Proto::Control) cut.push_back({id, piece.text});
        if (piece.type == Proto::UserDefined) {
            // The library finds these in the text as it has become by then, spaces escaped.
            definition.added.push_back({id, piece.text, false});
            definition.added.back().normalized = true;
        }
    }
    definition.added.insert(definition.added.end(), cut.begin(), cut.end());
    definition.byteFallback = proto.byteFallback;
    definition.fuseUnknown = true;
    if (proto.kind == Proto::Bpe) {
        addScoredMerges(definition, scores, merges, where);
    } else {
        definition.model = TokenizerDefinition::Model::Unigram;
        definition.scores = scores;
    }
    addNormalizer(proto, userDefined, definition);
    definition.bos = model->processor().bos_id();
    definition.eos = model->processor().eos_id();
    definition.addsBos = definition.bos >= 0;
    const auto count = definition.tokens.size();
    definition.config = readTokenizerConfig(tokenizerModel.parent_path());
    addConfigured(definition, cut, (tokenizerModel.parent_path() / "tokenizer_config.json").string());
    readSpecialTokens(where, definition);
    if (mergesAreTheLibrarys(proto)) return std::make_shared<PipelineTokenizer>(std::move(definition), where);
    if (definition.tokens.size() > count && definition.model == TokenizerDefinition::Model::Unigram)
        definition.scores.resize(definition.tokens.size(), 0.0);
    return std::make_shared<PipelineTokenizer>(std::move(definition), where, std::move(model),
                                               std::move(cut));
}

}  // namespace tessera
