#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tessera::test {

/// A GGUF as its specification says, built in memory; little-endian.
class GgufWriter {
  public:
    explicit GgufWriter(std::uint32_t version = 3) : m_version(version) {}

    void text(const std::string& key, const std::string& value) {
        begin(key, 8);
        putText(m_keys, value);
    }
    void u32(const std::string& key, std::uint32_t value) {
        begin(key, 4);
        put(m_keys, value);
    }
    void f32(const std::string& key, float value) {
        begin(key, 6);
        put(m_keys, value);
    }
    void boolean(const std::string& key, bool value) {
        begin(key, 7);
        put<std::uint8_t>(m_keys, value);
    }
    void texts(const std::string& key, const std::vector<std::string>& values) {
        begin(key, 9);
        put<std::uint32_t>(m_keys, 8);
        put<std::uint64_t>(m_keys, values.size());
        for (const auto& value : values) putText(m_keys, value);
    }
    void i32s(const std::string& key, const std::vector<std::int32_t>& values) {
        begin(key, 9);
        put<std::uint32_t>(m_keys, 5);
        put<std::uint64_t>(m_keys, values.size());
        for (const auto value : values) put(m_keys, value);
    }
    void f32s(const std::string& key, const std::vector<float>& values) {
        begin(key, 9);
        put<std::uint32_t>(m_keys, 6);
        put<std::uint64_t>(m_keys, values.size());
        for (const auto value : values) put(m_keys, value);
    }
    /// `shape` outermost first, `type` GGUF's number, `bytes` as stored.
    void tensor(const std::string& name, const std::vector<std::int64_t>& shape, std::uint32_t type,
                const std::string& bytes) {
        putText(m_infos, name);
        put<std::uint32_t>(m_infos, static_cast<std::uint32_t>(shape.size()));
        for (auto size = shape.rbegin(); size != shape.rend(); ++size)
            put<std::uint64_t>(m_infos, static_cast<std::uint64_t>(*size));
        put(m_infos, type);
        put<std::uint64_t>(m_infos, m_data.size());
        m_data += bytes;
        m_data.append((32 - m_data.size() % 32) % 32, '\0');
        ++m_tensors;
    }
    std::string bytes() const {
        std::string file = "GGUF";
        put(file, m_version);
        put(file, m_tensors);
        put(file, m_count);
        file += m_keys + m_infos;
        file.append((32 - file.size() % 32) % 32, '\0');
        return file + m_data;
    }

  private:
    template <typename T>
    static void put(std::string& out, T value) {
        out.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    static void putText(std::string& out, const std::string& value) {
        put<std::uint64_t>(out, value.size());
        out += value;
    }
    void begin(const std::string& key, std::uint32_t type) {
        putText(m_keys, key);
        put(m_keys, type);
        ++m_count;
    }

    std::uint32_t m_version;
    std::uint64_t m_tensors = 0, m_count = 0;
    std::string m_keys, m_infos, m_data;
};

}  // namespace tessera::test
