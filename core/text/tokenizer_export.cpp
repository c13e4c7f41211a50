// A tokenizer's definition as Hugging Face's files.
#include <algorithm>

#include "core/text/tokenizer_definition.h"

namespace tessera {

namespace {

/// An object of many members: the library's own insertion looks through all that are there.
template <typename T>
void append(Json& object, const std::string& key, T&& value) {
    object.get_ref<Json::object_t&>().emplace_back(key, Json(std::forward<T>(value)));
}

Json vocabularyOf(const TokenizerDefinition& definition) {
    if (definition.model == TokenizerDefinition::Model::Unigram) {
        Json list = Json::array();
        for (std::size_t id = 0; id < definition.tokens.size(); ++id)
            list.push_back(Json::array({definition.tokens[id], definition.scores[id]}));
        return list;
    }
    Json vocabulary = Json::object();
    for (std::size_t id = 0; id < definition.tokens.size(); ++id)
        if (!definition.tokens[id].empty()) append(vocabulary, definition.tokens[id], id);
    return vocabulary;
}

Json mergesOf(const TokenizerDefinition& definition) {
    // The older way of one text a merge cannot hold tokens with spaces.
    const bool spaces = std::any_of(
        definition.merges.begin(), definition.merges.end(),
        [](const auto& merge) { return (merge.first + merge.second).find(' ') != std::string::npos; });
    Json list = Json::array();
    for (const auto& [left, right] : definition.merges)
        list.push_back(spaces ? Json::array({left, right}) : Json(left + " " + right));
    return list;
}

/// A post-processor that puts bos and eos around a text as the tokenizer does.
Json templateOf(const TokenizerDefinition& definition) {
    Json single = Json::array(), pair = Json::array(), specials = Json::object();
    const auto put = [&](std::int32_t id, int sequence) {
        const auto& text = definition.tokens[std::size_t(id)];
        const Json part{{"SpecialToken", {{"id", text}, {"type_id", sequence}}}};
        if (sequence == 0) single.push_back(part);
        pair.push_back(part);
        specials[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
    };
    for (int sequence = 0; sequence < 2; ++sequence) {
        if (definition.addsBos && definition.bos >= 0) put(definition.bos, sequence);
        const Json part{{"Sequence", {{"id", sequence == 0 ? "A" : "B"}, {"type_id", sequence}}}};
        if (sequence == 0) single.push_back(part);
        pair.push_back(part);
        if (definition.addsEos && definition.eos >= 0) put(definition.eos, sequence);
    }
    return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", specials}};
}

}  // namespace

Json tokenizerJsonOf(const TokenizerDefinition& definition) {
    if (definition.rest.is_object()) {
        auto json = definition.rest;
        json["model"]["vocab"] = vocabularyOf(definition);
        if (definition.model == TokenizerDefinition::Model::Bpe)
            json["model"]["merges"] = mergesOf(definition);
        return json;
    }
    Json added = Json::array();
    auto sorted = definition.added;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    for (const auto& token : sorted)
        added.push_back({{"id", token.id},
                         {"content", token.text},
                         {"single_word", token.singleWord},
                         {"lstrip", token.leftStrip},
                         {"rstrip", token.rightStrip},
                         {"normalized", token.normalized},
                         {"special", token.special}});
    Json model;
    if (definition.model == TokenizerDefinition::Model::Unigram) {
        model = {{"type", "Unigram"},
                 {"unk_id", definition.unknown < 0 ? Json() : Json(definition.unknown)},
                 {"byte_fallback", definition.byteFallback},
                 {"vocab", vocabularyOf(definition)}};
    } else {
        const auto unknown =
            definition.unknown < 0 ? Json() : Json(definition.tokens[std::size_t(definition.unknown)]);
        model = {{"type", "BPE"},
                 {"dropout", nullptr},
                 {"unk_token", unknown},
                 {"continuing_subword_prefix", nullptr},
                 {"end_of_word_suffix", nullptr},
                 {"fuse_unk", definition.fuseUnknown},
                 {"byte_fallback", definition.byteFallback},
                 {"ignore_merges", definition.ignoreMerges},
                 {"vocab", vocabularyOf(definition)},
                 {"merges", mergesOf(definition)}};
    }
    const bool surrounds =
        (definition.addsBos && definition.bos >= 0) || (definition.addsEos && definition.eos >= 0);
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added},
            {"normalizer", definition.normalizer},
            {"pre_tokenizer", definition.preTokenizer},
            {"post_processor", surrounds ? templateOf(definition) : definition.postProcessor},
            {"decoder", definition.decoder},
            {"model", std::move(model)}};
}

Json tokenizerConfigOf(const TokenizerDefinition& definition) {
    auto config = definition.config;
    if (!config.is_object()) {
        config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                  {"clean_up_tokenization_spaces", false},
                  {"add_bos_token", definition.addsBos}};
        if (definition.addsEos) config["add_eos_token"] = true;
        const auto name = [&](std::int32_t id) { return definition.tokens.at(static_cast<std::size_t>(id)); };
        if (definition.bos >= 0) config["bos_token"] = name(definition.bos);
        if (definition.eos >= 0) config["eos_token"] = name(definition.eos);
        if (!definition.chatTemplate.empty()) config["chat_template"] = definition.chatTemplate;
    }
    // The class's own default holds token_type_ids, which no Llama takes.
    if (config.value("tokenizer_class", Json()) == "PreTrainedTokenizerFast" &&
        !config.contains("model_input_names"))
        config["model_input_names"] = {"input_ids", "attention_mask"};
    return config;
}

}  // namespace tessera
