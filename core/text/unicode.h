#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// What tokenizers ask about characters, answered by ICU. Texts are valid UTF-8.
namespace tessera::unicode {

/// The character at `at`, which moves behind it.
char32_t next(std::string_view text, std::size_t& at);
/// The character that ends at `at`, which moves before it.
char32_t previous(std::string_view text, std::size_t& at);
void append(std::string& text, char32_t character);

bool isWhitespace(char32_t character);   ///< White_Space
bool isNumeric(char32_t character);      ///< general category N
bool isPunctuation(char32_t character);  ///< ASCII's punctuation and general category P
bool isWord(char32_t character);         ///< UTS 18's \w

/// Every character by itself, whatever stands around it.
std::string lowercase(std::string_view text);

enum class Form { Nfc, Nfd, Nfkc, Nfkd };
std::string normalized(std::string_view text, Form form);

}  // namespace tessera::unicode
