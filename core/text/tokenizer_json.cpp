#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/text/pipeline_tokenizer.h"

namespace tessera {

namespace {

/// Ids are trusted up to this many; the largest published vocabularies have a quarter of it.
constexpr std::int64_t kMostTokens = 1 << 20;
constexpr std::size_t kLargestFile = std::size_t(1) << 28;
constexpr int kDeepest = 200;

/// The library's objects with sorted keys: its ordered ones look through all keys for each that is added.
using Document = nlohmann::json;

Document readDocument(const std::filesystem::path& path) {
    const auto content = readFile(path, kLargestFile);
    const auto where = path.string();
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

void readBpe(const Document& model, TokenizerDefinition& definition, const std::string& where) {
    if (!model.contains("vocab") || !model["vocab"].is_object())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no vocab", where);
    if (!model.contains("merges") || !model["merges"].is_array() || model["merges"].empty())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no merges", where,
                    {{"use the tokenizer.json that belongs to the model", "", ""}});
    for (const auto* field : {"continuing_subword_prefix", "end_of_word_suffix"})
        if (model.contains(field) && !model[field].is_null() && model[field] != "")
            throw Error(ErrorCode::UnsupportedVersion,
                        std::string("a BPE with ") + field + " " + model[field].dump() + " is not supported",
                        where + "/" + field);
    if (model.contains("dropout") && !model["dropout"].is_null() && model["dropout"] != 0.0)
        throw Error(ErrorCode::UnsupportedVersion, "a BPE with dropout is not supported", where + "/dropout");
    for (const auto& [token, id] : model["vocab"].items())
        placeToken(definition, checkedId(id, where + "/vocab"), token, where + "/vocab");
    readMerges(model["merges"], definition, where + "/merges");
    definition.ignoreMerges = model.value("ignore_merges", false);
    definition.fuseUnknown = model.value("fuse_unk", false);
    if (model.contains("unk_token") && model["unk_token"].is_string()) {
        const auto unknown = model["unk_token"].get<std::string>();
        const auto found = model["vocab"].find(unknown);
        if (found != model["vocab"].end()) definition.unknown = found->get<std::int32_t>();
    }
}

void readUnigram(const Document& model, TokenizerDefinition& definition, const std::string& where) {
    definition.model = TokenizerDefinition::Model::Unigram;
    if (!model.contains("vocab") || !model["vocab"].is_array() || model["vocab"].empty())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no vocab", where);
    if (model["vocab"].size() > static_cast<std::size_t>(kMostTokens))
        throw Error(ErrorCode::Corrupt, "the tokenizer has more tokens than a vocabulary can hold", where);
    for (const auto& entry : model["vocab"]) {
        definition.tokens.push_back(entry.at(0).get<std::string>());
        definition.scores.push_back(entry.at(1).get<double>());
    }
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

std::shared_ptr<const Tokenizer> loadTokenizerJson(const std::filesystem::path& tokenizerJson) {
    const auto where = tokenizerJson.string();
    auto json = readDocument(tokenizerJson);
    try {
        if (!json.is_object() || !json.contains("model") || !json["model"].is_object())
            throw Error(ErrorCode::Corrupt, "this tokenizer.json has no model", where);
        auto& model = json["model"];
        TokenizerDefinition definition;
        const auto type = model.value("type", std::string("BPE"));
        const auto place = where + ": /model";
        definition.byteFallback = model.value("byte_fallback", false);
        if (type == "BPE")
            readBpe(model, definition, place);
        else if (type == "Unigram")
            readUnigram(model, definition, place);
        else
            throw Error(
                ErrorCode::UnsupportedVersion,
                "the tokenizer model '" + type + "' is not supported, only BPE and Unigram", place + "/type",
                {{"choose a model whose tokenizer is a BPE such as those of Llama, Qwen or SmolLM", "", ""}});
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
        readTokenizerConfig(tokenizerJson.parent_path(), definition);
        readSpecialTokens(where, definition);
        return std::make_shared<PipelineTokenizer>(std::move(definition), where);
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::Corrupt,
                    std::string("a field of the tokenizer has the wrong type: ") + error.what(), where);
    }
}

}  // namespace tessera
