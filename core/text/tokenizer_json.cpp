#include <algorithm>

#include "core/base/error.h"
#include "core/text/byte_level_bpe.h"

namespace tessera {

namespace {

/// Ids are trusted up to this many; the largest published vocabularies have a quarter of it.
constexpr std::int64_t kMostTokens = 1 << 20;

std::int64_t checkedId(const Json& id, const std::string& where) {
    if (!id.is_number_integer()) throw Error(ErrorCode::Corrupt, "a token's id is not a whole number", where);
    const auto value = id.get<std::int64_t>();
    if (value < 0 || value >= kMostTokens)
        throw Error(ErrorCode::Corrupt,
                    "a token has the id " + std::to_string(value) + ", more than a vocabulary can hold",
                    where);
    return value;
}

void place(BpeDefinition& definition, std::int64_t id, const std::string& token, const std::string& where) {
    if (static_cast<std::size_t>(id) >= definition.tokens.size())
        definition.tokens.resize(static_cast<std::size_t>(id) + 1);
    auto& slot = definition.tokens[static_cast<std::size_t>(id)];
    if (!slot.empty() && slot != token)
        throw Error(ErrorCode::Corrupt,
                    "the tokens '" + slot + "' and '" + token + "' have the same id " + std::to_string(id),
                    where);
    slot = token;
}

void readMerges(const Json& merges, BpeDefinition& definition, const std::string& where) {
    for (const auto& merge : merges) {
        if (merge.is_array() && merge.size() == 2) {
            definition.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
            continue;
        }
        const auto text = merge.get<std::string>();
        const auto space = text.find(' ');
        if (space == std::string::npos || space == 0 || space + 1 == text.size())
            throw Error(ErrorCode::Corrupt, "the merge '" + text + "' is not two tokens with a space between",
                        where);
        definition.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
}

/// The token that a post-processor of the kind TemplateProcessing puts before a text; empty: none.
std::string templateBegin(const Json& processor) {
    if (!processor.is_object()) return {};
    if (processor.value("type", std::string()) == "Sequence" && processor.contains("processors")) {
        for (const auto& inner : processor["processors"])
            if (auto begin = templateBegin(inner); !begin.empty()) return begin;
        return {};
    }
    if (processor.value("type", std::string()) != "TemplateProcessing" || !processor.contains("single") ||
        !processor["single"].is_array() || processor["single"].empty())
        return {};
    const auto& first = processor["single"].front();
    return first.is_object() && first.contains("SpecialToken")
               ? first["SpecialToken"].value("id", std::string())
               : std::string();
}

/// bos, eos and whether bos is put first, from the tokenizer_config.json beside the file and, where that does
/// not say, from the tokenizer's own post-processor.
void readSpecials(const std::filesystem::path& folder, const Json& tokenizer, BpeDefinition& definition) {
    const auto idOf = [&](const Json& token) -> std::int32_t {
        const auto text = token.is_object()   ? token.value("content", std::string())
                          : token.is_string() ? token.get<std::string>()
                                              : std::string();
        for (const auto& added : definition.added)
            if (added.text == text) return added.id;
        const auto found = std::find(definition.tokens.begin(), definition.tokens.end(), text);
        return text.empty() || found == definition.tokens.end()
                   ? -1
                   : static_cast<std::int32_t>(found - definition.tokens.begin());
    };
    const auto path = folder / "tokenizer_config.json";
    if (std::filesystem::exists(path)) {
        definition.config = readJsonFile(path);
        const auto& config = definition.config;
        if (config.contains("bos_token")) definition.bos = idOf(config["bos_token"]);
        if (config.contains("eos_token")) definition.eos = idOf(config["eos_token"]);
        if (config.contains("add_bos_token") && config["add_bos_token"].is_boolean()) {
            definition.addsBos = config["add_bos_token"].get<bool>();
            return;
        }
    } else {
        definition.eos = idOf("<|endoftext|>");
        definition.bos = definition.eos;
    }
    if (!tokenizer.contains("post_processor")) return;
    if (const auto begin = idOf(templateBegin(tokenizer["post_processor"])); begin >= 0) {
        definition.bos = begin;
        definition.addsBos = true;
    }
}

}  // namespace

std::shared_ptr<const Tokenizer> loadTokenizerJson(const std::filesystem::path& tokenizerJson) {
    const auto where = tokenizerJson.string();
    auto json = readJsonFile(tokenizerJson);
    try {
        if (!json.is_object() || !json.contains("model") || !json["model"].is_object())
            throw Error(ErrorCode::Corrupt, "this tokenizer.json has no model", where);
        const auto& model = json["model"];
        if (model.contains("type") && model["type"] != "BPE")
            throw Error(ErrorCode::UnsupportedVersion,
                        "the tokenizer model '" + model["type"].dump() + "' is not supported, only BPE",
                        where);
        if (model.value("byte_fallback", false))
            throw Error(ErrorCode::UnsupportedVersion, "BPE with byte_fallback is not supported", where);
        if (json.contains("normalizer") && !json["normalizer"].is_null())
            throw Error(
                ErrorCode::UnsupportedVersion,
                "the normalizer " + json["normalizer"].value("type", std::string("?")) + " is not supported",
                where);
        if (!model.contains("vocab") || !model["vocab"].is_object())
            throw Error(ErrorCode::Corrupt, "the tokenizer has no vocab", where);
        if (!model.contains("merges") || !model["merges"].is_array() || model["merges"].empty())
            throw Error(ErrorCode::Corrupt, "the tokenizer has no merges", where,
                        {{"use the tokenizer.json that belongs to the model", "", ""}});
        BpeDefinition definition;
        for (const auto& [token, id] : model["vocab"].items())
            place(definition, checkedId(id, where), token, where);
        readMerges(model["merges"], definition, where);
        definition.ignoreMerges = model.value("ignore_merges", false);
        if (json.contains("added_tokens"))
            for (const auto& added : json["added_tokens"]) {
                const auto id = checkedId(added.at("id"), where);
                const auto text = added.at("content").get<std::string>();
                place(definition, id, text, where);
                definition.added.push_back(
                    {static_cast<std::int32_t>(id), text, added.value("special", true)});
            }
        definition.preTokenizer = json.contains("pre_tokenizer") ? json["pre_tokenizer"] : Json();
        readSpecials(tokenizerJson.parent_path(), json, definition);
        return std::make_shared<ByteLevelBpe>(std::move(definition), where, std::move(json));
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::Corrupt,
                    std::string("a field of the tokenizer has the wrong type: ") + error.what(), where);
    }
}

}  // namespace tessera
