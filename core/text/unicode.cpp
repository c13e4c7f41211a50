#include "core/text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "core/base/error.h"

namespace tessera::unicode {

namespace {

UChar32 icu32(char32_t character) {
    return static_cast<UChar32>(character);
}

const icu::Normalizer2& normalizer(Form form) {
    UErrorCode status = U_ZERO_ERROR;
    const auto* found = form == Form::Nfc    ? icu::Normalizer2::getNFCInstance(status)
                        : form == Form::Nfd  ? icu::Normalizer2::getNFDInstance(status)
                        : form == Form::Nfkc ? icu::Normalizer2::getNFKCInstance(status)
                                             : icu::Normalizer2::getNFKDInstance(status);
    if (U_FAILURE(status))
        throw Error(ErrorCode::Internal, "ICU's normalisation data are missing", u_errorName(status));
    return *found;
}

}  // namespace

char32_t next(std::string_view text, std::size_t& at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
        ++at;
        return lead;
    }
    UChar32 character;
    auto place = static_cast<std::int64_t>(at);
    U8_NEXT(reinterpret_cast<const std::uint8_t*>(text.data()), place, static_cast<std::int64_t>(text.size()),
            character);
    at = static_cast<std::size_t>(place);
    return static_cast<char32_t>(character);
}

char32_t previous(std::string_view text, std::size_t& at) {
    UChar32 character;
    auto place = static_cast<std::int32_t>(at > 4 ? 4 : at);
    const auto base = at - static_cast<std::size_t>(place);
    U8_PREV(reinterpret_cast<const std::uint8_t*>(text.data() + base), 0, place, character);
    at = base + static_cast<std::size_t>(place);
    return static_cast<char32_t>(character);
}

void append(std::string& text, char32_t character) {
    char bytes[4];
    std::int32_t length = 0;
    U8_APPEND_UNSAFE(bytes, length, icu32(character));
    text.append(bytes, static_cast<std::size_t>(length));
}

bool isWhitespace(char32_t character) {
    return u_isUWhiteSpace(icu32(character));
}

bool isNumeric(char32_t character) {
    return (U_GET_GC_MASK(icu32(character)) & U_GC_N_MASK) != 0;
}

bool isPunctuation(char32_t character) {
    if (character < 0x80)
        return (character >= '!' && character <= '/') || (character >= ':' && character <= '@') ||
               (character >= '[' && character <= '`') || (character >= '{' && character <= '~');
    return (U_GET_GC_MASK(icu32(character)) & U_GC_P_MASK) != 0;
}

bool isWord(char32_t character) {
    return u_hasBinaryProperty(icu32(character), UCHAR_ALPHABETIC) ||
           (U_GET_GC_MASK(icu32(character)) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
           character == 0x200c || character == 0x200d;
}

std::string lowercase(std::string_view text) {
    std::string lower;
    lower.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto character = next(text, at);
        append(lower, static_cast<char32_t>(u_tolower(icu32(character))));
        if (character == 0x130) append(lower, 0x307);  // the one character that becomes two
    }
    return lower;
}

std::string normalized(std::string_view text, Form form) {
    std::string result;
    result.reserve(text.size());
    icu::StringByteSink<std::string> sink(&result);
    UErrorCode status = U_ZERO_ERROR;
    normalizer(form).normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())),
                                   sink, nullptr, status);
    if (U_FAILURE(status))
        throw Error(ErrorCode::Internal, "the text cannot be normalised", u_errorName(status));
    return result;
}

}  // namespace tessera::unicode
