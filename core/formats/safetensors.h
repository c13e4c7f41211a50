#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/base/mapped_file.h"
#include "core/formats/tensor_source.h"

namespace tessera {

/// One safetensors file or the shards that an index names, memory-mapped. Nothing but headers is read.
class SafetensorsFile : public TensorSource {
  public:
    /// `path` is a .safetensors file or a model.safetensors.index.json. Throws Error{Corrupt} naming the
    /// tensor on a header that is too long, is no JSON, has overlapping or missing bytes, or an impossible
    /// shape.
    static std::shared_ptr<const SafetensorsFile> open(const std::filesystem::path& path);

    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
    std::span<const std::byte> raw(const TensorInfo& tensor) const override;
    void release(const TensorInfo& tensor) const override;
    std::uint64_t fileBytes() const;

  private:
    void addFile(const std::filesystem::path& path);

    std::vector<MappedFile> m_files;
    std::vector<TensorInfo> m_tensors;
};

/// Writes a safetensors file tensor by tensor, never holding more than the caller's: declare all, then write
/// each in the order of declaration, then commit.
class SafetensorsWriter {
  public:
    explicit SafetensorsWriter(const std::filesystem::path& path);

    void setMetadata(const std::string& key, const std::string& value) { m_metadata[key] = value; }
    void declare(const std::string& name, DType dtype, const std::vector<std::int64_t>& shape);
    void write(const std::string& name, std::span<const std::byte> bytes);
    void commit();

  private:
    void writeHeader();

    struct Entry {
        std::string name;
        DType dtype;
        std::vector<std::int64_t> shape;
        std::uint64_t bytes;
    };
    AtomicFile m_file;
    std::map<std::string, std::string> m_metadata;
    std::vector<Entry> m_entries;
    std::size_t m_written = 0;
    bool m_headerWritten = false;
};

}  // namespace tessera
