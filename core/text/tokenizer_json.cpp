#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <unordered_map>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/text/pipeline_tokenizer.h"
#include "core/text/tokenizer_parts.h"

namespace tessera {

namespace {

/// Ids are trusted up to this many; the largest published vocabularies have a quarter of it.
constexpr std::int64_t kMostTokens = 1 << 20;
constexpr std::size_t kLargestFile = std::size_t(1) << 28;
constexpr int kDeepest = 200;

/// The library's objects with sorted keys: its ordered ones look through all keys for each that is added.
using Document = nlohmann::json;

Document parseDocument(const std::string& content, const std::string& where) {
    try {
        return Document::parse(content, [&](int depth, Document::parse_event_t, Document&) {
            if (depth > kDeepest)
                throw Error(ErrorCode::Corrupt,
                            "the JSON is nested deeper than " + std::to_string(kDeepest) + " levels", where);
            return true;
        });
    } catch (const Document::parse_error& error) {
        throw Error(ErrorCode::Corrupt, "this is not valid JSON",
                    where + ", byte " + std::to_string(error.byte));
    }
}

std::int64_t checkedId(const Document& id, const std::string& where) {
    if (!id.is_number_integer()) throw Error(ErrorCode::Corrupt, "a token's id is not a whole number", where);
    const auto value = id.get<std::int64_t>();
    if (value < 0 || value >= kMostTokens)
        throw Error(ErrorCode::Corrupt,
                    "a token has the id " + std::to_string(value) + ", more than a vocabulary can hold",
                    where);
    return value;
}

void readMerges(const Document& merges, TokenizerDefinition& definition, const std::string& where) {
    definition.merges.reserve(merges.size());
    for (const auto& merge : merges) {
        if (merge.is_array() && merge.size() == 2) {
            definition.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
            continue;
        }
        const auto& text = merge.get_ref<const std::string&>();
        if (text.starts_with("#version")) continue;
        const auto space = text.find(' ');
        if (space == std::string::npos || space == 0 || space + 1 == text.size() ||
            text.find(' ', space + 1) != std::string::npos)
            throw Error(ErrorCode::Corrupt, "the merge '" + text + "' is not two tokens with a space between",
                        where);
        definition.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
}

void readBpeVocabulary(const Document& model, TokenizerDefinition& definition, const std::string& where) {
    if (!model.contains("vocab") || !model["vocab"].is_object())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no vocab", where);
    if (!model.contains("merges") || !model["merges"].is_array() || model["merges"].empty())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no merges", where,
                    {{"use the tokenizer.json that belongs to the model", "", ""}});
    for (const auto& [token, id] : model["vocab"].items())
        placeToken(definition, checkedId(id, where + "/vocab"), token, where + "/vocab");
    readMerges(model["merges"], definition, where + "/merges");
}

void readBpe(const Document& model, TokenizerDefinition& definition, const std::string& where) {
    for (const auto* field : {"continuing_subword_prefix", "end_of_word_suffix"})
        if (model.contains(field) && !model[field].is_null() && model[field] != "")
            throw Error(ErrorCode::UnsupportedVersion,
                        std::string("a BPE with ") + field + " " + model[field].dump() + " is not supported",
                        where + "/" + field);
    if (model.contains("dropout") && !model["dropout"].is_null() && model["dropout"] != 0.0)
        throw Error(ErrorCode::UnsupportedVersion, "a BPE with dropout is not supported", where + "/dropout");
    definition.ignoreMerges = model.value("ignore_merges", false);
    definition.fuseUnknown = model.value("fuse_unk", false);
    if (model.contains("unk_token") && model["unk_token"].is_string()) {
        const auto unknown = model["unk_token"].get<std::string>();
        const auto found = std::find(definition.tokens.begin(), definition.tokens.end(), unknown);
        if (!unknown.empty() && found != definition.tokens.end())
            definition.unknown = static_cast<std::int32_t>(found - definition.tokens.begin());
    }
}

void readUnigramVocabulary(const Document& model, TokenizerDefinition& definition, const std::string& where) {
    if (!model.contains("vocab") || !model["vocab"].is_array() || model["vocab"].empty())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no vocab", where);
    if (model["vocab"].size() > static_cast<std::size_t>(kMostTokens))
        throw Error(ErrorCode::Corrupt, "the tokenizer has more tokens than a vocabulary can hold", where);
    for (const auto& entry : model["vocab"]) {
        definition.tokens.push_back(entry.at(0).get<std::string>());
        definition.scores.push_back(entry.at(1).get<double>());
    }
}

void readUnigram(const Document& model, TokenizerDefinition& definition, const std::string& where) {
    definition.fuseUnknown = true;
    if (model.contains("unk_id") && !model["unk_id"].is_null()) {
        const auto id = checkedId(model["unk_id"], where + "/unk_id");
        if (id >= static_cast<std::int64_t>(definition.tokens.size()))
            throw Error(ErrorCode::Corrupt,
                        "the unknown token's id " + std::to_string(id) + " is outside of the vocabulary",
                        where + "/unk_id");
        definition.unknown = static_cast<std::int32_t>(id);
    }
}

void readAdded(const Document& list, TokenizerDefinition& definition, const std::string& where) {
    for (const auto& added : list) {
        const auto id = checkedId(added.at("id"), where);
        AddedToken token;
        token.id = static_cast<std::int32_t>(id);
        token.text = added.at("content").get<std::string>();
        placeToken(definition, id, token.text, where);
        token.special = added.value("special", true);
        token.singleWord = added.value("single_word", false);
        token.leftStrip = added.value("lstrip", false);
        token.rightStrip = added.value("rstrip", false);
        token.normalized = added.value("normalized", !token.special);
        definition.added.push_back(std::move(token));
    }
    if (definition.model == TokenizerDefinition::Model::Unigram)
        for (std::size_t id = 0; id < definition.tokens.size(); ++id)
            if (definition.tokens[id].empty())
                throw Error(ErrorCode::Corrupt, "the vocabulary has no token " + std::to_string(id), where);
}

}  // namespace

void placeToken(TokenizerDefinition& definition, std::int64_t id, const std::string& token,
                const std::string& where) {
    if (static_cast<std::size_t>(id) >= definition.tokens.size())
        definition.tokens.resize(static_cast<std::size_t>(id) + 1);
    auto& slot = definition.tokens[static_cast<std::size_t>(id)];
    if (!slot.empty() && slot != token)
        throw Error(ErrorCode::Corrupt,
                    "the tokens '" + slot + "' and '" + token + "' have the same id " + std::to_string(id),
                    where);
    slot = token;
}

namespace {

/// Fills in tokens and merges (or scores) of the kind of model that the definition says; gets the JSON's
/// model.
using ReadVocabulary = std::function<void(const Document&, TokenizerDefinition&, const std::string& where)>;

/// `config` is the tokenizer_config.json, null where there is none.
std::shared_ptr<const Tokenizer> tokenizerOf(Document json, Json config, const ReadVocabulary& readVocabulary,
                                             const std::string& where) {
    try {
        if (!json.is_object() || !json.contains("model") || !json["model"].is_object())
            throw Error(ErrorCode::Corrupt, "this tokenizer.json has no model", where);
        auto& model = json["model"];
        TokenizerDefinition definition;
        const auto type = model.value("type", std::string("BPE"));
        const auto place = where + ": /model";
        definition.byteFallback = model.value("byte_fallback", false);
        if (type == "Unigram")
            definition.model = TokenizerDefinition::Model::Unigram;
        else if (type != "BPE")
            throw Error(
                ErrorCode::UnsupportedVersion,
                "the tokenizer model '" + type + "' is not supported, only BPE and Unigram", place + "/type",
                {{"choose a model whose tokenizer is a BPE such as those of Llama, Qwen or SmolLM", "", ""}});
        readVocabulary(model, definition, place);
        (type == "BPE" ? readBpe : readUnigram)(model, definition, place);
        const auto kept = definition.tokens.size();
        if (json.contains("added_tokens"))
            readAdded(json["added_tokens"], definition, where + ": /added_tokens");
        // A Unigram's tokens that are only added have no score of their own; they are never made of pieces.
        if (definition.model == TokenizerDefinition::Model::Unigram && definition.tokens.size() > kept)
            throw Error(ErrorCode::UnsupportedVersion,
                        "a Unigram tokenizer with added tokens outside of its vocabulary is not supported",
                        where + ": /added_tokens");
        model.erase("vocab");
        model.erase("merges");
        definition.rest = Json(json);
        for (const auto& [key, part] : {std::pair{"normalizer", &definition.normalizer},
                                        {"pre_tokenizer", &definition.preTokenizer},
                                        {"post_processor", &definition.postProcessor},
                                        {"decoder", &definition.decoder}})
            if (definition.rest.contains(key)) *part = definition.rest[key];
        definition.config = std::move(config);
        readSpecialTokens(where, definition);
        return std::make_shared<PipelineTokenizer>(std::move(definition), where);
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::Corrupt,
                    std::string("a field of the tokenizer has the wrong type: ") + error.what(), where);
    }
}

// The binary parts: whole numbers of 32 bits, lowest byte first.

template <typename T>
void append(std::string& bytes, const std::vector<T>& values) {
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

/// Throws Error{Corrupt} where `bytes` is no whole number of them.
template <typename T>
std::vector<T> valuesIn(std::string_view bytes, const std::string& where) {
    if (bytes.size() % sizeof(T) != 0)
        throw Error(ErrorCode::Corrupt, "the part ends within a number", where);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

void readTokens(const std::string& part, TokenizerDefinition& definition, const std::string& where) {
    const auto corrupt = [&](const std::string& what) { throw Error(ErrorCode::Corrupt, what, where); };
    std::uint32_t count = 0;
    if (part.size() < sizeof count) corrupt("the part ends before its number of tokens");
    std::memcpy(&count, part.data(), sizeof count);
    if (count > kMostTokens || part.size() / sizeof count - 1 < count)
        corrupt("the part cannot hold " + std::to_string(count) + " tokens");
    const auto lengths =
        valuesIn<std::uint32_t>(std::string_view(part).substr(sizeof count, count * sizeof count), where);
    auto rest = std::string_view(part).substr((count + std::size_t(1)) * sizeof count);
    definition.tokens.reserve(count);
    for (const auto length : lengths) {
        if (length > rest.size()) corrupt("the tokens are longer than the part");
        definition.tokens.emplace_back(rest.substr(0, length));
        rest.remove_prefix(length);
    }
    if (!rest.empty()) corrupt("something stands behind the last token");
}

}  // namespace

std::shared_ptr<const Tokenizer> loadTokenizerJson(const std::filesystem::path& tokenizerJson) {
    const auto where = tokenizerJson.string();
    auto json = parseDocument(readFile(tokenizerJson, kLargestFile), where);
    return tokenizerOf(
        std::move(json), readTokenizerConfig(tokenizerJson.parent_path()),
        [](const Document& model, TokenizerDefinition& definition, const std::string& place) {
            definition.model == TokenizerDefinition::Model::Bpe
                ? readBpeVocabulary(model, definition, place)
                : readUnigramVocabulary(model, definition, place);
        },
        where);
}

TokenizerParts tokenizerParts(const Tokenizer& tokenizer) {
    auto json = tokenizer.toTokenizerJson();
    auto& model = json["model"];
    TokenizerParts parts;
    std::vector<std::string> tokens;
    if (model.value("type", "BPE") == "Unigram") {
        std::vector<double> scores;
        for (const auto& entry : model["vocab"]) {
            tokens.push_back(entry.at(0).get<std::string>());
            scores.push_back(entry.at(1).get<double>());
        }
        append(parts.scores, scores);
    } else {
        std::unordered_map<std::string, std::uint32_t> ids;
        for (const auto& [token, id] : model["vocab"].items()) {
            const auto place = id.get<std::uint32_t>();
            if (place >= tokens.size()) tokens.resize(place + std::size_t(1));
            tokens[place] = token;
            ids.emplace(token, place);
        }
        std::vector<std::uint32_t> merges;
        for (const auto& merge : model["merges"]) {
            std::string left, right;
            if (merge.is_array()) {
                left = merge.at(0).get<std::string>();
                right = merge.at(1).get<std::string>();
            } else {
                const auto& text = merge.get_ref<const std::string&>();
                const auto space = text.find(' ');
                left = text.substr(0, space);
                right = text.substr(space + 1);
            }
            merges.push_back(ids.at(left));
            merges.push_back(ids.at(right));
        }
        append(parts.merges, merges);
    }
    std::vector<std::uint32_t> lengths{static_cast<std::uint32_t>(tokens.size())};
    for (const auto& token : tokens) lengths.push_back(static_cast<std::uint32_t>(token.size()));
    append(parts.tokens, lengths);
    for (const auto& token : tokens) parts.tokens += token;
    model.erase("vocab");
    model.erase("merges");
    parts.json = json.dump();
    parts.config = tokenizer.toTokenizerConfig().dump();
    return parts;
}

std::shared_ptr<const Tokenizer> loadTokenizerParts(const TokenizerParts& parts, const std::string& where) {
    const auto readVocabulary = [&](const Document&, TokenizerDefinition& definition, const std::string&) {
        readTokens(parts.tokens, definition, where + ", tokens");
        const auto count = definition.tokens.size();
        if (definition.model == TokenizerDefinition::Model::Unigram) {
            definition.scores = valuesIn<double>(parts.scores, where + ", scores");
            return;
        }
        const auto merges = valuesIn<std::uint32_t>(parts.merges, where + ", merges");
        if (merges.size() % 2 != 0)
            throw Error(ErrorCode::Corrupt, "the last merge has one token", where + ", merges");
        definition.merges.reserve(merges.size() / 2);
        for (std::size_t i = 0; i < merges.size(); i += 2) {
            if (merges[i] >= count || merges[i + 1] >= count)
                throw Error(ErrorCode::Corrupt,
                            "merge " + std::to_string(i / 2) + " is of tokens that are not in the vocabulary",
                            where + ", merges");
            definition.merges.emplace_back(definition.tokens[merges[i]], definition.tokens[merges[i + 1]]);
        }
    };
    return tokenizerOf(parseDocument(parts.json, where), parseJson(parts.config, where + ", config"),
                       readVocabulary, where);
}

}  // namespace tessera
