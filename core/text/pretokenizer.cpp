#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/text/pretokenizer.h"

#include <pcre2.h>

#include "core/base/error.h"

namespace tessera {

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// One pattern; every match is a piece, and so is what lies between two matches.
struct PreTokenizer::Stage {
    pcre2_code* code = nullptr;

    Stage(const std::string& pattern, const std::string& where) {
        int error = 0;
        PCRE2_SIZE offset = 0;
        code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                             PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
        if (!code) {
            PCRE2_UCHAR message[200];
            pcre2_get_error_message(error, message, sizeof message);
            throw Error(
                ErrorCode::Corrupt,
                std::string("the splitting pattern is wrong: ") + reinterpret_cast<const char*>(message),
                where);
        }
        pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    }
    ~Stage() { pcre2_code_free(code); }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    void split(std::string_view text, std::vector<std::string_view>& pieces) const {
        pcre2_match_data* match = pcre2_match_data_create(1, nullptr);
        PCRE2_SIZE at = 0;
        std::size_t done = 0;
        while (at < text.size()) {
            const int count = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                          PCRE2_NO_UTF_CHECK, match, nullptr);
            if (count < 0) break;
            const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match);
            if (bounds[1] == bounds[0]) {  // an empty match cuts nothing
                at = bounds[1] + 1;
                continue;
            }
            if (bounds[0] > done) pieces.push_back(text.substr(done, bounds[0] - done));
            pieces.push_back(text.substr(bounds[0], bounds[1] - bounds[0]));
            at = done = bounds[1];
        }
        if (done < text.size()) pieces.push_back(text.substr(done));
        pcre2_match_data_free(match);
    }
};

namespace {

/// The patterns that an object of tokenizer.json stands for, in order.
void collect(const Json& object, const std::string& where, std::vector<std::string>& patterns) {
    const auto type = object.value("type", std::string());
    if (type == "Sequence") {
        if (!object.contains("pretokenizers") || !object["pretokenizers"].is_array())
            throw Error(ErrorCode::Corrupt, "a Sequence of pre-tokenizers has no list", where);
        for (const auto& inner : object["pretokenizers"]) collect(inner, where, patterns);
    } else if (type == "ByteLevel") {
        if (object.value("add_prefix_space", false))
            throw Error(ErrorCode::UnsupportedVersion, "ByteLevel with add_prefix_space is not supported",
                        where);
        if (object.value("use_regex", true)) patterns.emplace_back(kGpt2Pattern);
    } else if (type == "Digits") {
        patterns.emplace_back(object.value("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
    } else if (type == "Split") {
        if (object.value("behavior", std::string()) != "Isolated" || object.value("invert", false))
            throw Error(ErrorCode::UnsupportedVersion,
                        "a Split pre-tokenizer other than Isolated is not supported", where);
        const auto& pattern = object.contains("pattern") ? object["pattern"] : Json();
        if (!pattern.is_object() || !pattern.contains("Regex") || !pattern["Regex"].is_string())
            throw Error(ErrorCode::UnsupportedVersion, "a Split pre-tokenizer needs a regular expression",
                        where);
        patterns.push_back(pattern["Regex"].get<std::string>());
    } else {
        throw Error(ErrorCode::UnsupportedVersion, "the pre-tokenizer '" + type + "' is not supported",
                    where);
    }
}

}  // namespace

PreTokenizer PreTokenizer::fromJson(const Json& description, const std::string& where) {
    if (!description.is_object())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no pre_tokenizer", where);
    PreTokenizer result;
    result.m_description = description;
    std::vector<std::string> patterns;
    try {
        collect(description, where, patterns);
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::Corrupt, "the pre_tokenizer has a field of the wrong type", where);
    }
    for (const auto& pattern : patterns) result.m_stages.push_back(std::make_shared<Stage>(pattern, where));
    return result;
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
    std::vector<std::string_view> pieces{text}, next;
    for (const auto& stage : m_stages) {
        next.clear();
        for (const auto piece : pieces) stage->split(piece, next);
        pieces.swap(next);
    }
    return pieces;
}

}  // namespace tessera
