#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tessera {

using Json = nlohmann::ordered_json;

/// Parses untrusted JSON text. `where` names the source in errors. Throws Error{Corrupt} with the byte
/// offset on bad syntax, invalid UTF-8, or nesting deeper than 200 levels (a parser's stack is finite).
Json parseJson(std::string_view text, const std::string& where);

/// Reads and parses a JSON file of at most `limit` bytes.
Json readJsonFile(const std::filesystem::path& path, std::size_t limit = std::size_t(1) << 28);

/// One line, invalid UTF-8 replaced rather than thrown on.
std::string dumpLine(const Json& value);

}  // namespace tessera
