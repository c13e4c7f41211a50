#include "core/base/memory_limits.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/base/system_info.h"

namespace tessera {

namespace {

std::optional<std::uint64_t> numberIn(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::uint64_t value = 0;
    if (stream >> value) return value;
    return std::nullopt;  // "max", or no such file
}

/// What the two versions of control groups call the same things.
struct Names {
    const char* most;
    const char* current;
    const char* activeFiles;
    const char* inactiveFiles;
};
constexpr Names kFirst{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file",
                       "total_inactive_file"};
constexpr Names kSecond{"memory.max", "memory.current", "active_file", "inactive_file"};
/// The first version's number for no limit, and all that is as good as none.
constexpr std::uint64_t kNoLimit = 1ull << 60;

/// What of a group's memory are pages of files, which make room where it is needed.
std::uint64_t droppable(const std::filesystem::path& group, const Names& names) {
    std::ifstream stream(group / "memory.stat");
    std::uint64_t sum = 0, value = 0;
    for (std::string key; stream >> key >> value;)
        if (key == names.activeFiles || key == names.inactiveFiles) sum += value;
    return sum;
}

/// The least that `group` and those above it, up to `root`, leave.
std::optional<std::uint64_t> freeIn(std::filesystem::path group, const std::filesystem::path& root,
                                    const Names& names) {
    std::optional<std::uint64_t> least;
    for (;; group = group.parent_path()) {
        if (const auto most = numberIn(group / names.most); most && *most < kNoLimit) {
            const auto current = numberIn(group / names.current).value_or(0);
            const auto held = current - std::min(current, droppable(group, names));
            const auto free = *most - std::min(*most, held);
            least = std::min(least.value_or(free), free);
        }
        if (group == root || !group.has_relative_path()) return least;
    }
}

}  // namespace

std::optional<std::uint64_t> freeInControlGroups(const std::string& membership,
                                                 const std::filesystem::path& root) {
    std::optional<std::uint64_t> least;
    std::istringstream lines(membership);
    // number:controllers:/path; no controllers in the second version.
    for (std::string line; std::getline(lines, line);) {
        const auto first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos || line.size() < second + 2) continue;
        const auto controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        const bool newer = controllers == ",,";
        if (!newer && controllers.find(",memory,") == std::string::npos) continue;
        const auto top = newer ? root : root / "memory";
        const auto free =
            freeIn((top / line.substr(second + 2)).lexically_normal(), top, newer ? kSecond : kFirst);
        if (free) least = std::min(least.value_or(*free), *free);
    }
    return least;
}

std::optional<std::uint64_t> freeUnderDataLimit() {
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
    const std::uint64_t most = limit.rlim_cur, held = dataBytes();
    return most - std::min(most, held);
}

}  // namespace tessera
