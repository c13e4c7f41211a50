#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tessera {

/// GPT-2's printable alphabet for bytes: every byte is one Unicode character, so that vocabularies are text.
std::string bytesToAlphabet(std::string_view bytes);
/// nullopt when a character is outside of the alphabet.
std::optional<std::string> alphabetToBytes(std::string_view text);

}  // namespace tessera
