#include "core/base/system_info.h"

#include <sched.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "core/base/memory_limits.h"

namespace tessera {

namespace {
/// The number (in kB) behind a key of a /proc status file, in bytes.
std::uint64_t procValue(const char* file, const std::string& key) {
    std::ifstream stream(file);
    std::string line;
    while (std::getline(stream, line))
        if (line.rfind(key, 0) == 0) return std::strtoull(line.c_str() + key.size(), nullptr, 10) * 1024;
    return 0;
}

std::string afterColon(const std::string& line) {
    const auto colon = line.find(':');
    return colon == std::string::npos || colon + 2 > line.size() ? std::string() : line.substr(colon + 2);
}
}  // namespace

SystemInfo systemInfo() {
    SystemInfo info;
    std::ifstream cpuinfo("/proc/cpuinfo");
    std::string line;
    while (std::getline(cpuinfo, line)) {
        if (info.cpu.empty() && line.rfind("model name", 0) == 0) info.cpu = afterColon(line);
        if (info.features.empty() && line.rfind("flags", 0) == 0) {
            std::istringstream words(afterColon(line));
            const std::set<std::string> wanted{"avx2",     "fma",          "f16c",       "avx512f",
                                               "avx512bw", "avx512_vbmi2", "avx512_bf16"};
            for (std::string word; words >> word;)
                if (wanted.count(word)) info.features += (info.features.empty() ? "" : " ") + word;
        }
    }
    std::ifstream release("/etc/os-release");
    while (std::getline(release, line))
        if (line.rfind("PRETTY_NAME=\"", 0) == 0) info.system = line.substr(13, line.size() - 14);
    struct utsname kernel {};
    if (::uname(&kernel) == 0)
        info.system += std::string(info.system.empty() ? "" : ", ") + kernel.sysname + " " + kernel.release;
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) info.cores = CPU_COUNT(&set);
    info.memoryTotal = procValue("/proc/meminfo", "MemTotal:");
    info.memoryAvailable = procValue("/proc/meminfo", "MemAvailable:");
    std::ifstream groups("/proc/self/cgroup");
    const std::string membership{std::istreambuf_iterator<char>(groups), {}};
    for (const auto& limit : {freeInControlGroups(membership), freeUnderDataLimit()})
        if (limit) info.memoryAvailable = std::min(info.memoryAvailable, *limit);
    return info;
}

std::uint64_t peakResidentBytes() {
    return procValue("/proc/self/status", "VmHWM:");
}
std::uint64_t residentBytes() {
    return procValue("/proc/self/status", "VmRSS:");
}
std::uint64_t dataBytes() {
    return procValue("/proc/self/status", "VmData:");
}

std::uint64_t freeDiskBytes(const std::filesystem::path& path) {
    std::error_code ignored;
    auto existing = std::filesystem::absolute(path, ignored);
    while (!existing.empty() && !std::filesystem::exists(existing, ignored) && existing.has_relative_path())
        existing = existing.parent_path();
    struct statvfs status {};
    if (::statvfs(existing.c_str(), &status) != 0) return 0;
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

std::filesystem::path userDataFolder() {
    if (const char* folder = std::getenv("TESSERA_DATA_HOME"); folder && *folder) return folder;
    if (const char* folder = std::getenv("XDG_DATA_HOME"); folder && *folder)
        return std::filesystem::path(folder) / "tessera";
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home && *home ? home : "/tmp") / ".local" / "share" / "tessera";
}

std::string utcTimestamp() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

}  // namespace tessera
