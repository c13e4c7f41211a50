#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

/// Reads a whole file. Throws Error{NotFound, Io}; Error{InvalidInput} when it is longer than `limit` bytes.
std::string readFile(const std::filesystem::path& path, std::size_t limit = std::size_t(1) << 32);

/// A file written beside its final name, synced, and renamed on commit(): readers see the old content or
/// the whole new one. Destroyed without commit(), it leaves nothing behind.
/// Throws Error{DiskFull, ReadOnly, Io} with the final path in `where`.
class AtomicFile {
  public:
    explicit AtomicFile(std::filesystem::path target);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text);
    /// Overwrites what was written at `offset`; what write() adds goes on behind the end.
    void overwrite(std::uint64_t offset, std::span<const std::byte> bytes);
    void commit();
    const std::filesystem::path& temporaryPath() const { return m_temporary; }

  private:
    std::filesystem::path m_target;
    std::filesystem::path m_temporary;
    int m_fd = -1;
};

/// AtomicFile in one call.
void writeFileAtomically(const std::filesystem::path& path, std::string_view content);

/// Syncs a directory's entries, so that a rename inside it survives a power cut.
void syncDirectory(const std::filesystem::path& directory);

/// Throws the Error that fits `errno` (ENOSPC and EDQUOT: DiskFull, EROFS and EACCES: ReadOnly, else Io).
[[noreturn]] void throwIoError(const std::string& doing, const std::filesystem::path& path, int reason);

}  // namespace tessera
