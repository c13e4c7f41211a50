#include "core/formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/base/error.h"

namespace tessera {

namespace {

/// The format's own reference reader allows no more.
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;

struct TypeName {
    const char* name;
    DType dtype;
};
constexpr TypeName kTypes[] = {{"F32", DType::F32},  {"F16", DType::F16}, {"BF16", DType::BF16},
                               {"F64", DType::F64},  {"I8", DType::I8},   {"U8", DType::U8},
                               {"I16", DType::I16},  {"I32", DType::I32}, {"I64", DType::I64},
                               {"BOOL", DType::Bool}};

DType typeOf(const std::string& name) {
    for (const auto& type : kTypes)
        if (name == type.name) return type.dtype;
    return DType::Other;
}

const char* nameOf(DType dtype) {
    for (const auto& type : kTypes)
        if (dtype == type.dtype) return type.name;
    throw Error(ErrorCode::InvalidInput,
                std::string("safetensors cannot hold elements of type ") + dtypeName(dtype));
}

[[noreturn]] void corrupt(const std::string& what, const std::string& where) {
    throw Error(ErrorCode::Corrupt, what, where, {{"fetch or copy the file again", "", ""}});
}

std::uint64_t unsignedOf(const Json& value, const std::string& where) {
    if (!value.is_number_unsigned()) corrupt("an offset or a size is not a whole number", where);
    const auto number = value.get<std::uint64_t>();
    if (number >> 62 != 0) corrupt("the size or offset " + std::to_string(number) + " is impossible", where);
    return number;
}

}  // namespace

void SafetensorsFile::addFile(const std::filesystem::path& path) {
    const MappedFile file(path);
    const auto bytes = file.bytes();
    const auto where = path.string();
    if (bytes.size() < 8)
        corrupt("the file ends before its header: it has " + std::to_string(bytes.size()) + " bytes", where);
    std::uint64_t headerBytes = 0;
    std::memcpy(&headerBytes, bytes.data(), 8);
    if (headerBytes > kMostHeaderBytes || headerBytes > bytes.size() - 8)
        corrupt("the header claims " + std::to_string(headerBytes) + " bytes, the file has " +
                    std::to_string(bytes.size()),
                where);
    const auto header = parseJson({reinterpret_cast<const char*>(bytes.data()) + 8, headerBytes}, where);
    if (!header.is_object()) corrupt("the header is not an object", where);

    const std::uint64_t begin = 8 + headerBytes, room = bytes.size() - begin;
    std::vector<TensorInfo> found;
    for (const auto& [name, entry] : header.items()) {
        if (name == "__metadata__") continue;
        const auto here = where + ", tensor " + name;
        if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
            !entry.contains("shape") || !entry["shape"].is_array() || !entry.contains("data_offsets") ||
            !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2)
            corrupt("the tensor's entry lacks dtype, shape or data_offsets", here);
        TensorInfo info;
        info.name = name;
        info.dtype = typeOf(entry["dtype"].get<std::string>());
        for (const auto& size : entry["shape"])
            info.shape.push_back(static_cast<std::int64_t>(unsignedOf(size, here)));
        const auto elements = checkedElements(info.shape, here);
        const auto first = unsignedOf(entry["data_offsets"][0], here),
                   last = unsignedOf(entry["data_offsets"][1], here);
        if (first > last || last > room)
            corrupt("the tensor's bytes " + std::to_string(first) + " to " + std::to_string(last) +
                        " lie outside the file's " + std::to_string(room),
                    here);
        info.bytes = last - first;
        if (info.dtype != DType::Other && storedBytes(info.dtype, elements) != info.bytes)
            corrupt("the tensor has " + std::to_string(info.bytes) + " bytes, its shape needs " +
                        std::to_string(storedBytes(info.dtype, elements)),
                    here);
        info.offset = begin + first;
        info.file = static_cast<int>(m_files.size());
        found.push_back(std::move(info));
    }
    std::vector<const TensorInfo*> byOffset;
    for (const auto& info : found)
        if (info.bytes > 0) byOffset.push_back(&info);
    std::sort(byOffset.begin(), byOffset.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
    for (std::size_t i = 1; i < byOffset.size(); ++i)
        if (byOffset[i]->offset < byOffset[i - 1]->offset + byOffset[i - 1]->bytes)
            corrupt("the tensors " + byOffset[i - 1]->name + " and " + byOffset[i]->name + " overlap", where);
    m_files.push_back(file);
    m_tensors.insert(m_tensors.end(), found.begin(), found.end());
}

std::shared_ptr<const SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
    auto result = std::make_shared<SafetensorsFile>();
    if (path.extension() != ".json") {
        result->addFile(path);
        return result;
    }
    const auto index = readJsonFile(path);
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
        corrupt("the index has no weight_map", path.string());
    std::set<std::string> shards;
    for (const auto& [name, shard] : index["weight_map"].items()) {
        if (!shard.is_string()) corrupt("the shard of " + name + " is not a file name", path.string());
        const auto file = shard.get<std::string>();
        if (file.find('/') != std::string::npos || file.empty() || file == "..")
            corrupt("the shard of " + name + " lies outside the model's folder: " + file, path.string());
        shards.insert(file);
    }
    for (const auto& shard : shards) result->addFile(path.parent_path() / shard);
    std::set<std::string> names;
    for (const auto& info : result->m_tensors)
        if (!names.insert(info.name).second)
            corrupt("two shards hold the tensor " + info.name, path.string());
    for (const auto& [name, shard] : index["weight_map"].items())
        if (!names.contains(name))
            corrupt("the tensor " + name + " is not in its shard " + shard.get<std::string>(), path.string());
    return result;
}

std::span<const std::byte> SafetensorsFile::raw(const TensorInfo& tensor) const {
    return m_files.at(static_cast<std::size_t>(tensor.file)).bytes().subspan(tensor.offset, tensor.bytes);
}

void SafetensorsFile::release(const TensorInfo& tensor) const {
    m_files.at(static_cast<std::size_t>(tensor.file)).release(tensor.offset, tensor.bytes);
}

std::uint64_t SafetensorsFile::fileBytes() const {
    std::uint64_t sum = 0;
    for (const auto& file : m_files) sum += file.bytes().size();
    return sum;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path) : m_file(path) {}

void SafetensorsWriter::declare(const std::string& name, DType dtype,
                                const std::vector<std::int64_t>& shape) {
    nameOf(dtype);
    m_entries.push_back({name, dtype, shape, storedBytes(dtype, checkedElements(shape, name))});
}

void SafetensorsWriter::writeHeader() {
    Json header = Json::object();
    if (!m_metadata.empty()) header["__metadata__"] = m_metadata;
    std::uint64_t at = 0;
    for (const auto& entry : m_entries) {
        header[entry.name] = {
            {"dtype", nameOf(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {at, at + entry.bytes}}};
        at += entry.bytes;
    }
    auto text = header.dump();
    // Data that begin at a multiple of 8 can be used where they are mapped.
    text.append((8 - text.size() % 8) % 8, ' ');
    const std::uint64_t size = text.size();
    m_file.write(std::as_bytes(std::span(&size, 1)));
    m_file.write(text);
    m_headerWritten = true;
}

void SafetensorsWriter::write(const std::string& name, std::span<const std::byte> bytes) {
    if (!m_headerWritten) writeHeader();
    if (m_written >= m_entries.size() || m_entries[m_written].name != name ||
        m_entries[m_written].bytes != bytes.size())
        throw Error(ErrorCode::Internal, "tensors are written in another order or size than declared", name);
    m_file.write(bytes);
    ++m_written;
}

void SafetensorsWriter::commit() {
    if (!m_headerWritten) writeHeader();
    if (m_written != m_entries.size()) throw Error(ErrorCode::Internal, "a declared tensor was not written");
    m_file.commit();
}

}  // namespace tessera
