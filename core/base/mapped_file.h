#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace tessera {

/// A file mapped read-only; the mapping lives as long as the last copy. Thread-safe to read.
class MappedFile {
  public:
    /// Throws Error{NotFound, Io} with the path in `where`. An empty file maps to an empty span.
    explicit MappedFile(const std::filesystem::path& path);

    std::span<const std::byte> bytes() const;
    const std::filesystem::path& path() const;

    /// Tells the kernel that these bytes are not needed soon, so that streaming over a large file keeps
    /// resident memory flat.
    void release(std::size_t offset, std::size_t length) const;

  private:
    struct Mapping;
    std::shared_ptr<const Mapping> m_mapping;
};

}  // namespace tessera
