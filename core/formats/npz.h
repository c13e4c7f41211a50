#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tessera {

/// One numpy array: C order, little-endian. `type` is numpy's descr without byte order: "u1", "i8", "f4",
/// "U123".
struct NpyArray {
    std::string type;
    std::vector<std::int64_t> shape;
    std::vector<std::uint8_t> data;

    std::int64_t elements() const;
};

/// A npz archive, read entry by entry.
class NpzReader {
  public:
    /// Throws Error{NotFound, Corrupt}.
    explicit NpzReader(const std::filesystem::path& path);
    ~NpzReader();
    NpzReader(const NpzReader&) = delete;
    NpzReader& operator=(const NpzReader&) = delete;

    /// Array names (without ".npy"), in the archive's order.
    const std::vector<std::string>& names() const { return m_names; }
    /// Throws Error{Corrupt} on a damaged entry, Error{UnsupportedVersion} on object arrays, Fortran order of
    /// more than one dimension, or big-endian numbers.
    NpyArray read(const std::string& name) const;

  private:
    struct Archive;
    std::filesystem::path m_path;
    std::unique_ptr<Archive> m_archive;
    std::vector<std::string> m_names;
};

/// Writes a npz with every entry deflated and no time stamps of its own: the same arrays give the same bytes.
void writeNpz(const std::filesystem::path& path, const std::map<std::string, NpyArray>& arrays);

}  // namespace tessera
