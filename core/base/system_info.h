#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tessera {

/// What the machine is, for reports and preflights. Sizes in bytes; 0 where the system does not say.
struct SystemInfo {
    std::string cpu;       ///< the processor's model name
    std::string features;  ///< the instruction sets that the kernels can use, space-separated
    std::string system;    ///< distribution and kernel release
    int cores = 1;         ///< processors this process may run on
    std::uint64_t memoryTotal = 0;
    /// What this process can still have: the machine's free memory, or less where its control group or the
    /// limit on its data leaves less.
    std::uint64_t memoryAvailable = 0;
};
SystemInfo systemInfo();

/// Peak and current resident memory of this process, in bytes (VmHWM, VmRSS).
std::uint64_t peakResidentBytes();
std::uint64_t residentBytes();
/// Its private writable memory, touched or not (VmData).
std::uint64_t dataBytes();

/// Free bytes for this user on the disk that holds `path` (or its nearest existing parent).
std::uint64_t freeDiskBytes(const std::filesystem::path& path);

/// The user's data folder of this program: $TESSERA_DATA_HOME, else $XDG_DATA_HOME/tessera, else
/// ~/.local/share/tessera. Not created.
std::filesystem::path userDataFolder();

/// UTC, ISO 8601 with seconds: "2026-01-31T12:00:00Z".
std::string utcTimestamp();

}  // namespace tessera
