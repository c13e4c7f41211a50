#include "core/evaluate/tasks/task_search.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "core/base/error.h"
#include "core/evaluate/tasks/task.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

/// "ARC-Easy" as "arceasy".
std::string plainName(const std::string& name) {
    std::string plain;
    for (const char c : name)
        if (std::isalnum(static_cast<unsigned char>(c)))
            plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return plain;
}

/// What else people call a task's folder.
const std::map<std::string, std::string>& otherNames() {
    static const std::map<std::string, std::string> names{
        {"lambada", "lambada_openai"}, {"obqa", "openbookqa"}, {"winograndexl", "winogrande"}};
    return names;
}

}  // namespace

std::vector<FoundTask> findTasks(const fs::path& folder) {
    std::error_code error;
    std::map<std::string, fs::path> places;
    fs::directory_iterator entry(folder, error);
    for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
        std::error_code none;
        if (!entry->is_directory(none)) continue;
        auto plain = plainName(entry->path().filename().string());
        if (const auto other = otherNames().find(plain); other != otherNames().end())
            plain = plainName(other->second);
        // Of several the first by name, wherever the folder lists it.
        auto& place = places[plain];
        if (place.empty() || entry->path() < place) place = entry->path();
    }
    if (error)
        throw Error(ErrorCode::NotFound, "the folder of tasks cannot be read: " + error.message(),
                    folder.string(), {{"name a folder that holds the tasks' own folders", "", ""}});
    std::map<std::string, int> owners;
    for (const auto& layout : taskLayouts()) ++owners[layout.file];
    std::vector<FoundTask> found;
    for (const auto& layout : taskLayouts()) {
        std::error_code none;
        const std::string file = layout.file;
        // A name that tells nothing but what it is ("test.jsonl") could be anybody's.
        const bool telling = owners[file] == 1 && file.find_first_of("*_-") != std::string::npos &&
                             file.find('*') == std::string::npos && file.find(' ') == std::string::npos;
        if (const auto place = places.find(plainName(layout.name)); place != places.end())
            found.push_back({layout.name, place->second});
        else if (telling && fs::is_regular_file(folder / file, none))
            found.push_back({layout.name, folder / file});
    }
    return found;
}

}  // namespace tessera
