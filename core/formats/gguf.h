#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/mapped_file.h"
#include "core/formats/tensor_source.h"

namespace tessera {

/// A GGUF file of version 2 or 3, memory-mapped: its metadata and its tensors under their own names
/// ("blk.0.attn_q.weight"). Shapes are turned round, outermost first.
class GgufFile : public TensorSource {
  public:
    /// Strings of an array, pointing into the mapped file.
    using Strings = std::vector<std::string_view>;
    using Integers = std::vector<std::int64_t>;
    using Reals = std::vector<double>;
    using Value = std::variant<std::int64_t, double, bool, std::string_view, Strings, Integers, Reals>;

    /// Throws Error{Corrupt, UnsupportedVersion} naming the byte offset. Counts and lengths are checked
    /// against the file's size before anything is allocated.
    static std::shared_ptr<const GgufFile> open(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return m_file.path(); }
    const std::map<std::string, Value, std::less<>>& metadata() const { return m_metadata; }
    const Value* find(std::string_view key) const;
    /// Throw Error{Corrupt} naming the key where it is missing or of another type.
    std::int64_t integer(std::string_view key) const;
    double real(std::string_view key) const;
    std::string text(std::string_view key) const;
    const Strings& strings(std::string_view key) const;

    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
    std::span<const std::byte> raw(const TensorInfo& tensor) const override;
    void release(const TensorInfo& tensor) const override;
    std::uint64_t fileBytes() const { return m_file.bytes().size(); }

  private:
    explicit GgufFile(const std::filesystem::path& path) : m_file(path) {}

    MappedFile m_file;
    std::map<std::string, Value, std::less<>> m_metadata;
    std::vector<TensorInfo> m_tensors;
};

}  // namespace tessera
