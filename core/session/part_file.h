#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace tessera {

/// A range [begin, end) of a file and how much of it is there.
struct FilePiece {
    std::uint64_t begin = 0, end = 0, done = 0;
    std::uint64_t at() const { return begin + done; }
    bool whole() const { return at() == end; }
};

/// What is known of a file that comes in pieces; kept beside it as JSON.
struct PartState {
    std::string etag;       ///< the hub's name of the content
    std::string rangeEtag;  ///< what the server of the bytes calls it, with its quotes
    std::uint64_t bytes = 0;
    std::vector<FilePiece> pieces;  ///< in order, without gaps; empty: the file is whole

    std::uint64_t done() const;
    static std::filesystem::path pathOf(const std::filesystem::path& target);
    /// Empty etag where there is none or none that can be trusted.
    static PartState read(const std::filesystem::path& target);
    void write(const std::filesystem::path& target) const;
};

/// "<target>.part", written at any place and renamed when it is whole.
class PartFile {
  public:
    explicit PartFile(const std::filesystem::path& target);
    ~PartFile();
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;

    static std::filesystem::path pathOf(const std::filesystem::path& target);
    std::uint64_t bytes() const;
    void write(std::uint64_t offset, std::span<const std::byte> bytes);
    void truncate(std::uint64_t bytes);
    void sync();
    /// Of the whole file; `tick` is called every few MiB.
    std::string sha256(const std::function<void()>& tick) const;
    /// Synced and under its name.
    void commit();
    void remove();

  private:
    std::filesystem::path m_target, m_path;
    int m_fd = -1;
};

}  // namespace tessera
