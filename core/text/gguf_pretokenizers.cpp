#include "core/text/gguf_pretokenizers.h"

#include <map>
#include <vector>

#include "core/base/error.h"

namespace tessera {

namespace {

// The patterns are those of the published tokenizer.json files, as llama.cpp's table of names assigns them.
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kDeepSeek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kDeepSeekLetters =
    R"(\s?[A-Za-z)"
    R"(\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{1ba}\x{1bc}-\x{1bf}\x{1c4}-\x{293}\x{295}-\x{2af})"
    R"(\x{370}-\x{373}\x{376}\x{377}\x{37b}-\x{37d}\x{37f}\x{386}\x{388}-\x{38a}\x{38c})"
    R"(\x{38e}-\x{3a1}\x{3a3}-\x{3f5}\x{3f7}-\x{481}\x{48a}-\x{52f}\x{531}-\x{556}\x{10a0}-\x{10c5})"
    R"(\x{13a0}-\x{13f5}\x{13f8}-\x{13fd}\x{1c90}-\x{1cba}\x{1cbd}-\x{1cbf}\x{1d00}-\x{1d2b})"
    R"(\x{1d6b}-\x{1d77}\x{1d79}-\x{1d9a}\x{1e00}-\x{1f15}\x{1f18}-\x{1f1d}\x{1f20}-\x{1f45})"
    R"(\x{1f48}-\x{1f4d}\x{1f50}-\x{1f57}\x{1f59}\x{1f5b}\x{1f5d}\x{1f5f}-\x{1f7d}\x{1f80}-\x{1fb4})"
    R"(\x{1fb6}-\x{1fbc}\x{1fbe}\x{1fc2}-\x{1fc4}\x{1fc6}-\x{1fcc}\x{1fd0}-\x{1fd3})"
    R"(\x{1fd6}-\x{1fdb}\x{1fe0}-\x{1fec}\x{1ff2}-\x{1ff4}\x{1ff6}-\x{1ffc}\x{2102}\x{2107})"
    R"(\x{210a}-\x{2113}\x{2115}\x{2119}-\x{211d}\x{2124}\x{2126}\x{2128}\x{212a}-\x{212d})"
    R"(\x{212f}-\x{2134}\x{2139}\x{213c}-\x{213f}\x{2145}-\x{2149}\x{214e}\x{2183}\x{2184})"
    R"(\x{2c00}-\x{2c7b}\x{2c7e}-\x{2ce4}\x{2ceb}-\x{2cee}\x{2cf2}\x{2cf3}\x{a640}-\x{a66d})"
    R"(\x{a680}-\x{a69b}\x{a722}-\x{a76f}\x{a771}-\x{a787}\x{a78b}-\x{a78e}\x{ab70}-\x{abbf})"
    R"(\x{fb00}-\x{fb06}\x{fb13}-\x{fb17}\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{10400}-\x{1044f})"
    R"(\x{104b0}-\x{104d3}\x{104d8}-\x{104fb}\x{10c80}-\x{10cb2}\x{10cc0}-\x{10cf2})"
    R"(\x{118a0}-\x{118df}\x{1e900}-\x{1e943})"
    R"(]+)";

Json byteLevel(bool usesPattern) {
    return {{"type", "ByteLevel"},
            {"add_prefix_space", false},
            {"trim_offsets", true},
            {"use_regex", usesPattern}};
}

Json digits(bool individual) {
    return {{"type", "Digits"}, {"individual_digits", individual}};
}

Json split(const char* pattern) {
    return {
        {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

Json sequence(std::vector<Json> stages) {
    return {{"type", "Sequence"}, {"pretokenizers", std::move(stages)}};
}

/// Without what changes no id: how offsets into the text are told, and the order of members.
nlohmann::json withoutOffsets(nlohmann::json stage) {
    if (!stage.is_object()) return stage;
    stage.erase("trim_offsets");
    if (const auto stages = stage.find("pretokenizers"); stages != stage.end() && stages->is_array())
        for (auto& each : *stages) each = withoutOffsets(each);
    return stage;
}

struct Kind {
    std::vector<const char*> names;
    GgufPreTokenizer means;
};

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> list{
        // SmolLM's own tokenizer.json cuts at every digit, too. Its vocabulary has no merge across decimal
        // digits, so that this shows in numerals such as U+00BD alone, where `transformers`, our reference
        // for this file, reads it without.
        {{"default", "gpt-2", "smollm", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling",
          "gigachat", "exaone4", "a.x-4.0", "mellum", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de"},
         {byteLevel(true)}},
        {{"starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"},
         {sequence({digits(true), byteLevel(true)})}},
        {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
         {sequence({split(kLlama3), byteLevel(false)}), true, true}},
        {{"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, {sequence({split(kLlama3), byteLevel(false)})}},
        {{"qwen2", "stablelm2", "deepseek-r1-qwen", "megrez", "hunyuan", "solar-open", "grok-2", "kormo"},
         {sequence({split(kQwen2), byteLevel(false)})}},
        {{"gpt-4o", "llama4", "kanana2"}, {sequence({split(kGpt4o), byteLevel(false)})}},
        {{"tekken"}, {sequence({split(kTekken), byteLevel(false)}), true, true}},
        {{"seed-coder"}, {sequence({split(kSeedCoder), byteLevel(false)})}},
        {{"superbpe"}, {sequence({split(R"(\p{N}+)"), split(R"((?=(\d{3})+(?!\d)))"), byteLevel(false)})}},
        {{"deepseek-llm"},
         {sequence(
             {split("[\r\n]"), split(kDeepSeekLetters),
              split(R"(\s?[!-/:-~\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff5e}\x{2018}-\x{201f}\x{3000}-\x{3002}]+)"),
              split(R"(\s+$)"), split(R"([\x{4e00}-\x{9fa5}\x{800}-\x{4e00}\x{ac00}-\x{d7ff}]+)"),
              digits(false), byteLevel(false)})}},
        {{"deepseek-coder"},
         {sequence({split("[\r\n]"), split(R"(\s?\p{L}+)"), split(R"(\s?\p{P}+)"),
                    split(R"([\x{4e00}-\x{9fa5}\x{800}-\x{4e00}\x{ac00}-\x{d7ff}]+)"), digits(true),
                    byteLevel(false)})}},
        {{"deepseek-v3", "hunyuan-dense"},
         {sequence({split(R"(\p{N}{1,3})"),
                    split(R"([\x{4e00}-\x{9fa5}\x{3040}-\x{309f}\x{30a0}-\x{30ff}]+)"), split(kDeepSeek3),
                    byteLevel(false)})}},
    };
    return list;
}

}  // namespace

GgufPreTokenizer ggufPreTokenizer(const std::string& name, const std::string& where) {
    std::string known;
    for (const auto& kind : kinds())
        for (const auto* candidate : kind.names) {
            if (name == candidate) return kind.means;
            known += (known.empty() ? "" : ", ") + std::string(candidate);
        }
    throw Error(ErrorCode::UnsupportedVersion,
                "the tokenizer cuts text the way '" + name + "' does, which is not known; known are " + known,
                where + ": tokenizer.ggml.pre",
                {{"use the model's Hugging Face folder with its tokenizer.json", "model", ""}});
}

std::string ggufPreTokenizerName(const Json& preTokenizer, bool ignoreMerges) {
    const auto cuts = withoutOffsets(preTokenizer);
    for (const auto& kind : kinds()) {
        if (withoutOffsets(kind.means.preTokenizer) != cuts || kind.means.ignoreMerges != ignoreMerges)
            continue;
        // "default" is what is written where nothing is known.
        return kind.names[kind.names.size() > 1 && std::string(kind.names[0]) == "default" ? 1 : 0];
    }
    return {};
}

}  // namespace tessera
