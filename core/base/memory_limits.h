#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace tessera {

/// Bytes that this process may still take under the memory limits of its control groups (of either
/// version), file pages that the system can drop not counted; nullopt where there is no limit. `membership`
/// is what /proc/self/cgroup says.
std::optional<std::uint64_t> freeInControlGroups(const std::string& membership,
                                                 const std::filesystem::path& root = "/sys/fs/cgroup");

/// The same under the resource limit on a process' own data (ulimit -d); nullopt where there is none.
std::optional<std::uint64_t> freeUnderDataLimit();

}  // namespace tessera
