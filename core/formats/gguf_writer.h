#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/file_io.h"
#include "core/formats/tensor_source.h"

namespace tessera {

/// Writes a GGUF of version 3, little-endian: metadata, then declare every tensor, then write each in the
/// order of declaration, never holding more than the caller's, then commit. A value's type is its method's:
/// readers are strict about it. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
class GgufWriter {
  public:
    explicit GgufWriter(const std::filesystem::path& path) : m_file(path) {}

    void text(std::string_view key, std::string_view value);
    void u32(std::string_view key, std::uint32_t value);
    void f32(std::string_view key, float value);
    void boolean(std::string_view key, bool value);
    void texts(std::string_view key, std::span<const std::string_view> values);
    void i32s(std::string_view key, std::span<const std::int32_t> values);
    void f32s(std::string_view key, std::span<const float> values);

    /// `shape` outermost first; F32, F16 or BF16.
    void declare(std::string_view name, DType dtype, const std::vector<std::int64_t>& shape);
    void write(std::string_view name, std::span<const std::byte> bytes);
    void commit();

  private:
    void key(std::string_view name, std::uint32_t type);
    void writeHeader();

    struct Entry {
        std::string name;
        std::uint64_t bytes;
    };
    AtomicFile m_file;
    std::string m_metadata, m_infos;
    std::uint64_t m_keys = 0, m_offset = 0;
    std::vector<Entry> m_entries;
    std::size_t m_written = 0;
    bool m_headerWritten = false;
};

}  // namespace tessera
