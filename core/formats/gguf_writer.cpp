#include "core/formats/gguf_writer.h"

#include "core/base/error.h"

namespace tessera {

namespace {

constexpr std::uint64_t kAlignment = 32;  ///< of tensors, where general.alignment says nothing else

// The format's numbers of value types.
enum ValueType : std::uint32_t { U32 = 4, I32 = 5, F32 = 6, Boolean = 7, Text = 8, Array = 9 };

template <typename T>
void put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void putText(std::string& out, std::string_view value) {
    put<std::uint64_t>(out, value.size());
    out += value;
}

std::uint64_t padded(std::uint64_t size) {
    return (size + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint32_t typeNumber(DType dtype) {
    switch (dtype) {
        case DType::F32:
            return 0;
        case DType::F16:
            return 1;
        case DType::BF16:
            return 30;
        default:
            throw Error(ErrorCode::Internal, std::string("a GGUF is not written with ") + dtypeName(dtype));
    }
}

}  // namespace

void GgufWriter::key(std::string_view name, std::uint32_t type) {
    putText(m_metadata, name);
    put(m_metadata, type);
    ++m_keys;
}

void GgufWriter::text(std::string_view name, std::string_view value) {
    key(name, Text);
    putText(m_metadata, value);
}

void GgufWriter::u32(std::string_view name, std::uint32_t value) {
    key(name, U32);
    put(m_metadata, value);
}

void GgufWriter::f32(std::string_view name, float value) {
    key(name, F32);
    put(m_metadata, value);
}

void GgufWriter::boolean(std::string_view name, bool value) {
    key(name, Boolean);
    put<std::uint8_t>(m_metadata, value ? 1 : 0);
}

void GgufWriter::texts(std::string_view name, std::span<const std::string_view> values) {
    key(name, Array);
    put<std::uint32_t>(m_metadata, Text);
    put<std::uint64_t>(m_metadata, values.size());
    for (const auto value : values) putText(m_metadata, value);
}

void GgufWriter::i32s(std::string_view name, std::span<const std::int32_t> values) {
    key(name, Array);
    put<std::uint32_t>(m_metadata, I32);
    put<std::uint64_t>(m_metadata, values.size());
    m_metadata.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void GgufWriter::f32s(std::string_view name, std::span<const float> values) {
    key(name, Array);
    put<std::uint32_t>(m_metadata, F32);
    put<std::uint64_t>(m_metadata, values.size());
    m_metadata.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

void GgufWriter::declare(std::string_view name, DType dtype, const std::vector<std::int64_t>& shape) {
    const auto bytes = storedBytes(dtype, checkedElements(shape, std::string(name)));
    putText(m_infos, name);
    put<std::uint32_t>(m_infos, static_cast<std::uint32_t>(shape.size()));
    for (auto size = shape.rbegin(); size != shape.rend(); ++size)
        put<std::uint64_t>(m_infos, static_cast<std::uint64_t>(*size));
    put(m_infos, typeNumber(dtype));
    put<std::uint64_t>(m_infos, m_offset);
    m_offset += padded(bytes);
    m_entries.push_back({std::string(name), bytes});
}

void GgufWriter::writeHeader() {
    std::string header = "GGUF";
    put<std::uint32_t>(header, 3);
    put<std::uint64_t>(header, m_entries.size());
    put(header, m_keys);
    header += m_metadata + m_infos;
    header.append(padded(header.size()) - header.size(), '\0');
    m_file.write(header);
    m_headerWritten = true;
}

void GgufWriter::write(std::string_view name, std::span<const std::byte> bytes) {
    if (!m_headerWritten) writeHeader();
    if (m_written >= m_entries.size() || m_entries[m_written].name != name ||
        m_entries[m_written].bytes != bytes.size())
        throw Error(ErrorCode::Internal, "tensors are written in another order or size than declared",
                    std::string(name));
    m_file.write(bytes);
    m_file.write(std::string(padded(bytes.size()) - bytes.size(), '\0'));
    ++m_written;
}

void GgufWriter::commit() {
    if (!m_headerWritten) writeHeader();
    if (m_written != m_entries.size()) throw Error(ErrorCode::Internal, "a declared tensor was not written");
    m_file.commit();
}

}  // namespace tessera
