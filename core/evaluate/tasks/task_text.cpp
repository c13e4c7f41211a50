#include "core/evaluate/tasks/task_text.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

namespace tessera {

namespace {

struct Character {
    char32_t code;
    std::size_t bytes;
};

/// The character that begins at `at`; a byte that begins none stands for itself.
Character characterAt(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lead = byte(at);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0x80 || (lead >= 0x80 && lead < 0xc0) || at + bytes > text.size()) return {lead, 1};
    char32_t code = lead & (0x7f >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) code = (code << 6) | (byte(at + i) & 0x3f);
    return {code, bytes};
}

bool isSpace(char32_t c) {
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

}  // namespace

std::size_t trailingSpace(std::string_view text) {
    std::size_t end = text.size();
    while (end > 0) {
        std::size_t begin = end - 1;
        while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
        const auto last = characterAt(text, begin);
        if (begin + last.bytes != end || !isSpace(last.code)) break;
        end = begin;
    }
    return text.size() - end;
}

std::string_view stripped(std::string_view text) {
    text.remove_suffix(trailingSpace(text));
    while (!text.empty()) {
        const auto first = characterAt(text, 0);
        if (!isSpace(first.code)) break;
        text.remove_prefix(first.bytes);
    }
    return text;
}

std::size_t characterCount(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return count;
}

std::string capitalized(std::string_view text) {
    if (text.empty()) return {};
    const auto& root = icu::Locale::getRoot();
    const auto all =
        icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int>(text.size())));
    const icu::UnicodeString first(all.char32At(0));
    // A letter may become several; those of the first are cut off the lowered whole.
    const auto lowered = icu::UnicodeString(all).toLower(root);
    const auto rest = lowered.tempSubString(icu::UnicodeString(first).toLower(root).length());
    std::string result;
    (icu::UnicodeString(first).toTitle(nullptr, root) + rest).toUTF8String(result);
    return result;
}

std::string replacedAll(std::string_view text, std::string_view from, std::string_view to) {
    std::string result;
    for (std::size_t at = 0;;) {
        const auto found = text.find(from, at);
        result += text.substr(at, found == std::string_view::npos ? found : found - at);
        if (found == std::string_view::npos) return result;
        result += to;
        at = found + from.size();
    }
}

std::string withoutBrackets(std::string_view text) {
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '[') {
            const auto end = text.find_first_of("]\n", at + 1);
            if (end != std::string_view::npos && text[end] == ']') {
                at = end + 1;
                continue;
            }
        }
        result += text[at++];
    }
    return result;
}

std::string cleanedHellaSwag(std::string_view text) {
    const auto titled = replacedAll(stripped(text), " [title]", ". ");
    return replacedAll(withoutBrackets(titled), "  ", " ");
}

}  // namespace tessera
