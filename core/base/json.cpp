#include "core/base/json.h"

#include "core/base/error.h"
#include "core/base/file_io.h"

namespace tessera {

namespace {
constexpr int kMaxDepth = 200;

/// Depth is checked before parsing: the library builds its tree on the heap but destroys it recursively.
void checkDepth(std::string_view text, const std::string& where) {
    int depth = 0;
    bool inString = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inString) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                inString = false;
        } else if (c == '"') {
            inString = true;
        } else if (c == '{' || c == '[') {
            if (++depth > kMaxDepth)
                throw Error(ErrorCode::Corrupt,
                            "the JSON is nested deeper than " + std::to_string(kMaxDepth) + " levels",
                            where + ", byte " + std::to_string(i));
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
}
}  // namespace

Json parseJson(std::string_view text, const std::string& where) {
    checkDepth(text, where);
    try {
        return Json::parse(text.begin(), text.end());
    } catch (const nlohmann::json::parse_error& error) {
        throw Error(ErrorCode::Corrupt, "this is not valid JSON",
                    where + ", byte " + std::to_string(error.byte));
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::Corrupt, "this is not valid JSON", where);
    }
}

Json readJsonFile(const std::filesystem::path& path, std::size_t limit) {
    return parseJson(readFile(path, limit), path.string());
}

std::string dumpLine(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tessera
