// A tokenizer as a GGUF's metadata.
#include "core/base/error.h"
#include "core/formats/gguf.h"
#include "core/formats/gguf_writer.h"
#include "core/text/gguf_pretokenizers.h"
#include "core/text/tokenizer.h"
#include "core/text/tokenizer_definition.h"

namespace tessera {

namespace {

std::int32_t numberOf(GgufToken kind) {
    return static_cast<std::int32_t>(kind);
}

}  // namespace

void writeGgufTokenizer(const TokenizerDefinition& definition, std::int64_t vocabulary, GgufWriter& writer) {
    const auto pre = ggufPreTokenizerName(definition.preTokenizer, definition.ignoreMerges);
    // GGUF knows no normalizers; Qwen's files leave its NFC out.
    const bool normalizes =
        definition.normalizer.is_object() && definition.normalizer.value("type", "") != "NFC";
    if (definition.model != TokenizerDefinition::Model::Bpe || !definition.ranks.empty() || normalizes ||
        definition.byteFallback || pre.empty())
        throw Error(
            ErrorCode::UnsupportedVersion,
            "the model's tokenizer cuts text in a way that GGUF has no name for among those known here",
            "tokenizer",
            {{"export with --format hf, and convert that with llama.cpp's own converter", "format", "hf"}});
    if (static_cast<std::int64_t>(definition.tokens.size()) > vocabulary)
        throw Error(ErrorCode::Corrupt,
                    "the tokenizer has " + std::to_string(definition.tokens.size()) + " tokens, the model " +
                        std::to_string(vocabulary),
                    "tokenizer");
    auto spelled = definition.tokens;
    spelled.resize(static_cast<std::size_t>(vocabulary));
    std::vector<std::int32_t> types(spelled.size(), numberOf(GgufToken::Normal));
    for (std::size_t id = 0; id < spelled.size(); ++id)
        if (spelled[id].empty()) {
            // Every id has its row of the embedding; those of no token are named as llama.cpp's converter
            // does.
            spelled[id] = "[PAD" + std::to_string(id) + "]";
            types[id] = numberOf(GgufToken::Unused);
        }
    for (const auto& token : definition.added)
        types[static_cast<std::size_t>(token.id)] =
            numberOf(token.special ? GgufToken::Control : GgufToken::UserDefined);
    std::vector<std::string> merges;
    for (const auto& [left, right] : definition.merges) merges.push_back(left + " " + right);

    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", pre);
    writer.texts("tokenizer.ggml.tokens", std::vector<std::string_view>(spelled.begin(), spelled.end()));
    writer.i32s("tokenizer.ggml.token_type", types);
    writer.texts("tokenizer.ggml.merges", std::vector<std::string_view>(merges.begin(), merges.end()));
    if (definition.bos >= 0)
        writer.u32("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(definition.bos));
    if (definition.eos >= 0)
        writer.u32("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(definition.eos));
    writer.boolean("tokenizer.ggml.add_bos_token", definition.addsBos && definition.bos >= 0);
    writer.boolean("tokenizer.ggml.add_eos_token", definition.addsEos && definition.eos >= 0);
    if (!definition.chatTemplate.empty()) writer.text("tokenizer.chat_template", definition.chatTemplate);
}

void copyGgufTokenizer(const GgufFile& file, GgufWriter& writer) {
    for (const auto& [name, value] : file.metadata()) {
        if (!name.starts_with("tokenizer.")) continue;
        if (const auto* text = std::get_if<std::string_view>(&value)) writer.text(name, *text);
        if (const auto* flag = std::get_if<bool>(&value)) writer.boolean(name, *flag);
        if (const auto* number = std::get_if<std::int64_t>(&value))
            writer.u32(name, static_cast<std::uint32_t>(*number));
        if (const auto* number = std::get_if<double>(&value)) writer.f32(name, static_cast<float>(*number));
        if (const auto* texts = std::get_if<GgufFile::Strings>(&value)) writer.texts(name, *texts);
        if (const auto* numbers = std::get_if<GgufFile::Integers>(&value))
            writer.i32s(name, std::vector<std::int32_t>(numbers->begin(), numbers->end()));
        if (const auto* numbers = std::get_if<GgufFile::Reals>(&value))
            writer.f32s(name, std::vector<float>(numbers->begin(), numbers->end()));
    }
}

}  // namespace tessera
