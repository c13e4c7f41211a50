#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/formats/gguf.h"
#include "core/formats/model_files.h"
#include "core/text/byte_level_bpe.h"

namespace tessera {

namespace {

/// GGUF names how text is cut before merging; the pieces are what the model's own tokenizer.json says.
Json preTokenizerNamed(const std::string& name, const std::string& where) {
    const Json byteLevel{
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
    const Json digits{{"type", "Digits"}, {"individual_digits", true}};
    const auto split = [](const char* pattern) {
        return Json{{"type", "Sequence"},
                    {"pretokenizers",
                     {{{"type", "Split"},
                       {"pattern", {{"Regex", pattern}}},
                       {"behavior", "Isolated"},
                       {"invert", false}},
                      {{"type", "ByteLevel"},
                       {"add_prefix_space", false},
                       {"trim_offsets", true},
                       {"use_regex", false}}}}};
    };
    // SmolLM's own tokenizer.json cuts at every digit, too. Its vocabulary has no merge across decimal
    // digits, so that this shows in numerals such as U+00BD alone, where `transformers`, our reference for
    // this file, reads it without.
    if (name == "gpt-2" || name == "default" || name == "smollm") return byteLevel;
    if (name == "starcoder" || name == "refact" || name == "command-r")
        return {{"type", "Sequence"}, {"pretokenizers", {digits, byteLevel}}};
    if (name == "llama-bpe" || name == "llama3")
        return split(
            R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
    if (name == "qwen2")
        return split(
            R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
    throw Error(ErrorCode::UnsupportedVersion,
                "the tokenizer cuts text the way '" + name + "' does, which is not known", where,
                {{"use the model's Hugging Face folder with its tokenizer.json", "model", ""}});
}

std::int32_t tokenId(const GgufFile& file, const char* key, std::size_t vocabulary) {
    if (!file.find(key)) return -1;
    const auto id = file.integer(key);
    if (id < 0 || static_cast<std::size_t>(id) >= vocabulary)
        throw Error(ErrorCode::Corrupt,
                    std::string(key) + " is " + std::to_string(id) + ", outside of the vocabulary",
                    file.path().string());
    return static_cast<std::int32_t>(id);
}

}  // namespace

std::shared_ptr<const Tokenizer> loadTokenizerGguf(const GgufFile& file) {
    const auto where = file.path().string();
    const auto kind = file.text("tokenizer.ggml.model");
    if (kind != "gpt2")
        throw Error(
            ErrorCode::UnsupportedVersion,
            "the file holds a tokenizer of the kind '" + kind + "'; only gpt2's byte-level BPE is supported",
            where, {{"choose a model with a byte-level BPE, such as SmolLM2", "", ""}});
    BpeDefinition definition;
    const auto& tokens = file.strings("tokenizer.ggml.tokens");
    definition.tokens.assign(tokens.begin(), tokens.end());
    if (!file.find("tokenizer.ggml.merges") || file.strings("tokenizer.ggml.merges").empty())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no merges", where,
                    {{"convert the model again with a current converter", "", ""}});
    for (const auto merge : file.strings("tokenizer.ggml.merges")) {
        const auto space = merge.find(' ', 1);
        if (space == std::string_view::npos || space + 1 == merge.size())
            throw Error(ErrorCode::Corrupt,
                        "the merge '" + std::string(merge) + "' is not two tokens with a space between",
                        where);
        definition.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
    }
    // Types: 3 control, 4 written by users; both stand in the text as they are.
    if (const auto* value = file.find("tokenizer.ggml.token_type"))
        if (const auto* types = std::get_if<GgufFile::Integers>(value))
            for (std::size_t i = 0; i < std::min(types->size(), tokens.size()); ++i)
                if ((*types)[i] == 3 || (*types)[i] == 4)
                    definition.added.push_back(
                        {static_cast<std::int32_t>(i), std::string(tokens[i]), (*types)[i] == 3});
    definition.preTokenizer = preTokenizerNamed(
        file.find("tokenizer.ggml.pre") ? file.text("tokenizer.ggml.pre") : "default", where);
    definition.bos = tokenId(file, "tokenizer.ggml.bos_token_id", tokens.size());
    definition.eos = tokenId(file, "tokenizer.ggml.eos_token_id", tokens.size());
    if (file.find("tokenizer.chat_template")) definition.chatTemplate = file.text("tokenizer.chat_template");
    if (const auto* adds = file.find("tokenizer.ggml.add_bos_token"))
        if (const auto* flag = std::get_if<bool>(adds)) definition.addsBos = *flag;
    return std::make_shared<ByteLevelBpe>(std::move(definition), where);
}

std::shared_ptr<const Tokenizer> loadTokenizer(const ModelFiles& model) {
    if (model.gguf()) return loadTokenizerGguf(*model.gguf());
    if (model.tokenizerJson().empty())
        throw Error(ErrorCode::NotFound, "the model's folder holds no tokenizer.json", model.path().string(),
                    {{"fetch the model's tokenizer.json", "", ""}});
    return loadTokenizerJson(model.tokenizerJson());
}

std::shared_ptr<const Tokenizer> loadTokenizerFrom(const std::filesystem::path& path) {
    if (path.extension() == ".gguf") return loadTokenizerGguf(*GgufFile::open(path));
    if (std::filesystem::is_regular_file(path) && path.extension() == ".json") return loadTokenizerJson(path);
    if (std::filesystem::exists(path / "tokenizer.json")) return loadTokenizerJson(path / "tokenizer.json");
    throw Error(ErrorCode::NotFound, "there is no tokenizer here", path.string(),
                {{"name a tokenizer.json, a .gguf file, or a Hugging Face folder with a tokenizer.json",
                  "model", ""}});
}

}  // namespace tessera
