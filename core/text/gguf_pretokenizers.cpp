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
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";

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

struct Kind {
    std::vector<const char*> names;
    GgufPreTokenizer means;
};

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> list{
        // SmolLM's own tokenizer.json cuts at every digit, too. Its vocabulary has no merge across decimal
        // digits,
        // so that this shows in numerals such as U+00BD alone, where `transformers`, our reference for this
        // file,
        // reads it without.
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
         {sequence({split("[\r\n]"), split(kDeepSeekLetters), split(R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)"),
                    split(R"(\s+$)"), split("[一-龥ࠀ-一가-퟿]+"), digits(false), byteLevel(false)})}},
        {{"deepseek-coder"},
         {sequence({split("[\r\n]"), split(R"(\s?\p{L}+)"), split(R"(\s?\p{P}+)"),
                    split("[一-龥ࠀ-一가-퟿]+"), digits(true), byteLevel(false)})}},
        {{"deepseek-v3", "hunyuan-dense"},
         {sequence({split(R"(\p{N}{1,3})"), split("[一-龥぀-ゟ゠-ヿ]+"), split(kDeepSeek3),
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

}  // namespace tessera
