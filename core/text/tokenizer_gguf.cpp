#include <algorithm>
#include <initializer_list>
#include <unordered_set>

#include "core/base/error.h"
#include "core/formats/gguf.h"
#include "core/formats/model_files.h"
#include "core/text/gguf_pretokenizers.h"
#include "core/text/pipeline_tokenizer.h"
#include "core/text/scored_merges.h"

namespace tessera {

namespace {

bool isOneOf(std::int64_t stored, std::initializer_list<GgufToken> kinds) {
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](GgufToken kind) { return stored == static_cast<std::int64_t>(kind); });
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

bool flag(const GgufFile& file, const char* key, bool fallback) {
    const auto* value = file.find(key);
    const auto* found = value ? std::get_if<bool>(value) : nullptr;
    return found ? *found : fallback;
}

std::vector<std::int64_t> tokenTypes(const GgufFile& file, std::size_t vocabulary) {
    std::vector<std::int64_t> types(vocabulary, static_cast<std::int64_t>(GgufToken::Normal));
    const auto* value = file.find("tokenizer.ggml.token_type");
    const auto* stored = value ? std::get_if<GgufFile::Integers>(value) : nullptr;
    if (!stored) return types;
    if (stored->size() != vocabulary)
        throw Error(ErrorCode::Corrupt,
                    "the vocabulary has " + std::to_string(vocabulary) + " tokens and " +
                        std::to_string(stored->size()) + " types of tokens",
                    file.path().string() + ": tokenizer.ggml.token_type");
    return *stored;
}

/// The merges of a byte-level BPE; of the same pair, the first one counts.
void readMerges(const GgufFile& file, TokenizerDefinition& definition, const std::string& where) {
    if (!file.find("tokenizer.ggml.merges") || file.strings("tokenizer.ggml.merges").empty())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no merges", where,
                    {{"convert the model again with a current converter", "", ""}});
    std::unordered_set<std::string_view> seen;
    for (const auto merge : file.strings("tokenizer.ggml.merges")) {
        if (!seen.insert(merge).second) continue;
        const auto space = merge.find(' ', 1);
        if (space == std::string_view::npos || space + 1 == merge.size())
            throw Error(ErrorCode::Corrupt,
                        "the merge '" + std::string(merge) + "' is not two tokens with a space between",
                        where);
        definition.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
    }
}

void readScores(const GgufFile& file, const std::vector<std::int64_t>& types, TokenizerDefinition& definition,
                const std::string& where) {
    const auto* value = file.find("tokenizer.ggml.scores");
    const auto* scores = value ? std::get_if<GgufFile::Reals>(value) : nullptr;
    if (!scores)
        throw Error(ErrorCode::Corrupt, "the tokenizer has no scores", where + ": tokenizer.ggml.scores",
                    {{"convert the model again with a current converter", "", ""}});
    std::vector<bool> merges;
    for (const auto type : types)
        merges.push_back(isOneOf(type, {GgufToken::Normal, GgufToken::UserDefined, GgufToken::Unused}));
    addScoredMerges(definition, *scores, merges, where);
    addSpaceEscapes(definition, flag(file, "tokenizer.ggml.add_space_prefix", true));
    definition.byteFallback = definition.fuseUnknown = true;
    definition.unknown = tokenId(file, "tokenizer.ggml.unknown_token_id", types.size());
}

}  // namespace

std::shared_ptr<const Tokenizer> loadTokenizerGguf(const GgufFile& file) {
    const auto where = file.path().string();
    const auto kind = file.text("tokenizer.ggml.model");
    if (kind != "gpt2" && kind != "llama")
        throw Error(
            ErrorCode::UnsupportedVersion,
            "the file holds a tokenizer of the kind '" + kind +
                "'; only 'gpt2', a BPE of bytes, and 'llama', SentencePiece's, are supported",
            where + ": tokenizer.ggml.model",
            {{"choose a model whose tokenizer is a BPE such as those of Llama, Qwen or SmolLM", "", ""}});
    TokenizerDefinition definition;
    const auto& tokens = file.strings("tokenizer.ggml.tokens");
    definition.tokens.assign(tokens.begin(), tokens.end());
    const auto types = tokenTypes(file, tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i)
        if (isOneOf(types[i], {GgufToken::Unknown, GgufToken::Control, GgufToken::UserDefined}) &&
            !tokens[i].empty())
            definition.added.push_back({static_cast<std::int32_t>(i), std::string(tokens[i]),
                                        !isOneOf(types[i], {GgufToken::UserDefined})});
    definition.bos = tokenId(file, "tokenizer.ggml.bos_token_id", tokens.size());
    definition.eos = tokenId(file, "tokenizer.ggml.eos_token_id", tokens.size());
    bool addsBos = kind == "llama";
    if (kind == "llama") {
        readScores(file, types, definition, where);
    } else {
        const auto name = file.find("tokenizer.ggml.pre") ? file.text("tokenizer.ggml.pre") : "default";
        const auto pre = ggufPreTokenizer(name, where);
        definition.preTokenizer = pre.preTokenizer;
        definition.ignoreMerges = pre.ignoreMerges;
        addsBos = pre.addsBos;
        definition.decoder = {
            {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
        readMerges(file, definition, where);
    }
    if (file.find("tokenizer.chat_template")) definition.chatTemplate = file.text("tokenizer.chat_template");
    definition.addsBos = flag(file, "tokenizer.ggml.add_bos_token", addsBos) && definition.bos >= 0;
    definition.addsEos = flag(file, "tokenizer.ggml.add_eos_token", false) && definition.eos >= 0;
    return std::make_shared<PipelineTokenizer>(std::move(definition), where);
}

std::shared_ptr<const Tokenizer> loadTokenizer(const ModelFiles& model) {
    return model.gguf() ? loadTokenizerGguf(*model.gguf()) : loadTokenizerFrom(model.path());
}

std::shared_ptr<const Tokenizer> loadTokenizerFrom(const std::filesystem::path& path) {
    if (path.extension() == ".gguf") return loadTokenizerGguf(*GgufFile::open(path));
    if (std::filesystem::is_regular_file(path) && path.extension() == ".json") return loadTokenizerJson(path);
    if (std::filesystem::is_regular_file(path) && path.extension() == ".model")
        return loadSentencePiece(path);
    if (std::filesystem::exists(path / "tokenizer.json")) return loadTokenizerJson(path / "tokenizer.json");
    if (std::filesystem::exists(path / "tokenizer.model")) return loadSentencePiece(path / "tokenizer.model");
    throw Error(
        ErrorCode::NotFound, "there is no tokenizer here", path.string(),
        {{"name a tokenizer.json, a tokenizer.model, a .gguf file, or a folder with one of the first two",
          "model", ""}});
}

}  // namespace tessera
