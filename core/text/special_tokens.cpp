// What stands around a text: post-processors and tokenizer_config.json.
#include <algorithm>

#include "core/text/component.h"
#include "core/text/tokenizer_definition.h"

namespace tessera {

namespace {

struct Around {
    std::vector<std::int32_t> before, after;
};

std::int32_t idOfSpecial(const TokenizerDefinition& definition, const Component& processor,
                         const Component& special) {
    const auto name = special.text("id");
    if (processor.has("special_tokens")) {
        const auto known = processor.at("special_tokens");
        if (known.has(name.c_str())) {
            const auto& ids = known.at(name.c_str()).json();
            if (!ids.contains("ids") || !ids["ids"].is_array() || ids["ids"].size() != 1 ||
                !ids["ids"][0].is_number_integer())
                special.refuse("a special token of other than one id");
            const auto id = ids["ids"][0].get<std::int64_t>();
            if (id < 0 || id >= static_cast<std::int64_t>(definition.tokens.size()))
                throw Error(ErrorCode::Corrupt,
                            "the special token '" + name + "' has the id " + std::to_string(id) +
                                ", outside of the vocabulary",
                            known.where());
            return static_cast<std::int32_t>(id);
        }
    }
    const auto id = tokenNamed(definition, name);
    if (id < 0)
        throw Error(ErrorCode::Corrupt, "the special token '" + name + "' is not in the vocabulary",
                    special.where());
    return id;
}

void collect(const TokenizerDefinition& definition, const Component& processor, Around& around) {
    const auto type = processor.type();
    if (type == "Sequence") {
        for (const auto& inner : processor.list("processors")) collect(definition, inner, around);
    } else if (type == "TemplateProcessing") {
        bool seen = false;
        for (const auto& part : processor.list("single")) {
            if (part.has("Sequence"))
                seen = true;
            else
                (seen ? around.after : around.before)
                    .push_back(idOfSpecial(definition, processor, part.at("SpecialToken")));
        }
    } else if (type != "ByteLevel") {  // which only moves offsets
        processor.refuse("the post-processor '" + type + "'");
    }
}

}  // namespace

std::int32_t tokenNamed(const TokenizerDefinition& definition, const std::string& text) {
    if (text.empty()) return -1;
    for (const auto& added : definition.added)
        if (added.text == text) return added.id;
    const auto found = std::find(definition.tokens.begin(), definition.tokens.end(), text);
    return found == definition.tokens.end() ? -1
                                            : static_cast<std::int32_t>(found - definition.tokens.begin());
}

Json readTokenizerConfig(const std::filesystem::path& folder) {
    const auto path = folder / "tokenizer_config.json";
    if (!std::filesystem::exists(path)) return nullptr;
    auto config = readJsonFile(path);
    if (!config.is_object()) throw Error(ErrorCode::Corrupt, "this is not a JSON object", path.string());
    return config;
}

void readSpecialTokens(const std::string& where, TokenizerDefinition& definition) {
    const auto named = [&](const Json& token) {
        return tokenNamed(definition, token.is_object()   ? token.value("content", std::string())
                                      : token.is_string() ? token.get<std::string>()
                                                          : std::string());
    };
    Around around;
    if (!definition.postProcessor.is_null())
        collect(definition, Component(definition.postProcessor, where + ": /post_processor"), around);
    if (around.before.size() > 1 || around.after.size() > 1)
        throw Error(ErrorCode::UnsupportedVersion,
                    "a post-processor that puts more than one token before or behind a text is not supported",
                    where + ": /post_processor");
    if (definition.config.is_object()) {
        const auto& config = definition.config;
        if (config.contains("bos_token")) definition.bos = named(config["bos_token"]);
        if (config.contains("eos_token")) definition.eos = named(config["eos_token"]);
    } else {
        for (const auto* name : {"<|endoftext|>", "<s>", "<bos>", "<|begin_of_text|>"})
            if (definition.bos < 0) definition.bos = tokenNamed(definition, name);
        for (const auto* name : {"<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>"})
            if (definition.eos < 0) definition.eos = tokenNamed(definition, name);
    }
    const auto adds = [&](const char* key, const std::vector<std::int32_t>& ids, std::int32_t& token,
                          bool& flag) {
        const auto& config = definition.config;
        if (config.is_object() && config.contains(key) && config[key].is_boolean()) {
            flag = config[key].get<bool>();
        } else if (!ids.empty()) {
            token = ids.front();
            flag = true;
        }
    };
    adds("add_bos_token", around.before, definition.bos, definition.addsBos);
    adds("add_eos_token", around.after, definition.eos, definition.addsEos);
}

}  // namespace tessera
