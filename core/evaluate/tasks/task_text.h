#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tessera {

/// What Python's str methods make of UTF-8 text; the harness's prompts are defined by them.

/// Without white space (Unicode's, as str.isspace has it) at both ends.
std::string_view stripped(std::string_view text);
/// Bytes of white space at the end.
std::size_t trailingSpace(std::string_view text);
/// Characters (code points).
std::size_t characterCount(std::string_view text);
/// The first character in title case, the others in lower case (str.capitalize).
std::string capitalized(std::string_view text);
/// From left to right, not looking again at what was put in.
std::string replacedAll(std::string_view text, std::string_view from, std::string_view to);
/// Without the shortest stretches from '[' to ']' that hold no line end.
std::string withoutBrackets(std::string_view text);
/// HellaSwag's cleaning of a text, whose WikiHow part holds marks such as "[title]".
std::string cleanedHellaSwag(std::string_view text);

}  // namespace tessera
