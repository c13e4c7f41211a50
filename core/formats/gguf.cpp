#include "core/formats/gguf.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/base/error.h"

namespace tessera {

namespace {

/// Reads forwards over untrusted bytes; every length is checked against what is left.
class Reader {
  public:
    Reader(std::span<const std::byte> bytes, std::string where) : m_bytes(bytes), m_where(std::move(where)) {}

    std::uint64_t offset() const { return m_at; }
    std::uint64_t left() const { return m_bytes.size() - m_at; }
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorCode::Corrupt, what, m_where + ", byte " + std::to_string(m_at),
                    {{"fetch or copy the file again", "", ""}});
    }
    template <typename T>
    T number() {
        if (left() < sizeof(T)) fail("the file ends in the middle of its header");
        T value;
        std::memcpy(&value, m_bytes.data() + m_at, sizeof value);
        m_at += sizeof value;
        return value;
    }
    std::string_view string() {
        const auto length = number<std::uint64_t>();
        if (length > left())
            fail("a string claims " + std::to_string(length) + " bytes, " + std::to_string(left()) +
                 " are left");
        const std::string_view text(reinterpret_cast<const char*>(m_bytes.data()) + m_at, length);
        m_at += length;
        return text;
    }
    /// A count of things of which each takes at least `least` bytes.
    std::uint64_t count(std::uint64_t least, const char* what) {
        const auto number = this->number<std::uint64_t>();
        if (number > left() / least)
            fail("the file claims " + std::to_string(number) + " " + what + ", more than its " +
                 std::to_string(m_bytes.size()) + " bytes can hold");
        return number;
    }

  private:
    std::span<const std::byte> m_bytes;
    std::string m_where;
    std::uint64_t m_at = 0;
};

enum class Kind : std::uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

bool isReal(Kind kind) {
    return kind == Kind::F32 || kind == Kind::F64;
}

std::uint64_t bytesOf(Kind kind) {
    switch (kind) {
        case Kind::U8:
        case Kind::I8:
        case Kind::Bool:
            return 1;
        case Kind::U16:
        case Kind::I16:
            return 2;
        case Kind::U32:
        case Kind::I32:
        case Kind::F32:
            return 4;
        default:
            return 8;
    }
}

std::int64_t integerOf(Reader& reader, Kind kind) {
    switch (kind) {
        case Kind::U8:
        case Kind::Bool:
            return reader.number<std::uint8_t>();
        case Kind::I8:
            return reader.number<std::int8_t>();
        case Kind::U16:
            return reader.number<std::uint16_t>();
        case Kind::I16:
            return reader.number<std::int16_t>();
        case Kind::U32:
            return reader.number<std::uint32_t>();
        case Kind::I32:
            return reader.number<std::int32_t>();
        case Kind::U64:
        case Kind::I64:
            return reader.number<std::int64_t>();
        default:
            reader.fail("a metadata value has the unknown type " +
                        std::to_string(static_cast<std::uint32_t>(kind)));
    }
}

double realOf(Reader& reader, Kind kind) {
    return kind == Kind::F32 ? reader.number<float>() : reader.number<double>();
}

GgufFile::Value valueOf(Reader& reader, Kind kind) {
    if (kind == Kind::String) return reader.string();
    if (isReal(kind)) return realOf(reader, kind);
    if (kind == Kind::Bool) return reader.number<std::uint8_t>() != 0;
    if (kind != Kind::Array) return integerOf(reader, kind);
    const auto element = static_cast<Kind>(reader.number<std::uint32_t>());
    // Arrays of arrays occur in no published model.
    if (element == Kind::Array || element > Kind::F64)
        reader.fail("an array holds elements of an unknown type");
    const auto count = reader.count(bytesOf(element), "array elements");
    if (element == Kind::String) {
        GgufFile::Strings list;
        list.reserve(count);
        for (std::uint64_t i = 0; i < count; ++i) list.push_back(reader.string());
        return list;
    }
    if (isReal(element)) {
        GgufFile::Reals list(count);
        for (auto& value : list) value = realOf(reader, element);
        return list;
    }
    GgufFile::Integers list(count);
    for (auto& value : list) value = integerOf(reader, element);
    return list;
}

DType typeOf(std::uint32_t id) {
    switch (id) {
        case 0:
            return DType::F32;
        case 1:
            return DType::F16;
        case 2:
            return DType::Q4_0;
        case 3:
            return DType::Q4_1;
        case 6:
            return DType::Q5_0;
        case 7:
            return DType::Q5_1;
        case 8:
            return DType::Q8_0;
        case 10:
            return DType::Q2_K;
        case 11:
            return DType::Q3_K;
        case 12:
            return DType::Q4_K;
        case 13:
            return DType::Q5_K;
        case 14:
            return DType::Q6_K;
        case 15:
            return DType::Q8_K;
        case 24:
            return DType::I8;
        case 25:
            return DType::I16;
        case 26:
            return DType::I32;
        case 27:
            return DType::I64;
        case 28:
            return DType::F64;
        case 30:
            return DType::BF16;
        default:
            return DType::Other;
    }
}

constexpr const char* kTypeAdvice = "use a GGUF with F32, F16, BF16, Q4_0 to Q8_0 or Q2_K to Q8_K tensors";

}  // namespace

std::shared_ptr<const GgufFile> GgufFile::open(const std::filesystem::path& path) {
    std::shared_ptr<GgufFile> result(new GgufFile(path));
    const auto bytes = result->m_file.bytes();
    Reader reader(bytes, path.string());
    if (bytes.size() < 24 || std::memcmp(bytes.data(), "GGUF", 4) != 0)
        reader.fail("this is not a GGUF file");
    reader.number<std::uint32_t>();
    const auto version = reader.number<std::uint32_t>();
    if (version != 2 && version != 3)
        throw Error(ErrorCode::UnsupportedVersion,
                    "the file is GGUF version " + std::to_string(version) + ", only 2 and 3 are known",
                    path.string(), {{"convert the model again with a current converter", "", ""}});
    // A tensor's entry has at least a name's length, a number of dimensions, a type and an offset; a key its
    // length, type and a byte of value.
    const auto tensorCount = reader.count(24, "tensors");
    const auto keyCount = reader.count(13, "metadata keys");
    for (std::uint64_t i = 0; i < keyCount; ++i) {
        const std::string key(reader.string());
        auto value = valueOf(reader, static_cast<Kind>(reader.number<std::uint32_t>()));
        if (!result->m_metadata.emplace(key, std::move(value)).second)
            reader.fail("the metadata key '" + key + "' occurs twice");
    }
    std::int64_t alignment = 32;
    if (result->find("general.alignment")) alignment = result->integer("general.alignment");
    if (alignment < 1 || alignment > (1 << 20) || (alignment & (alignment - 1)) != 0)
        reader.fail("the alignment " + std::to_string(alignment) + " is not a power of two");

    std::set<std::string> names;
    for (std::uint64_t i = 0; i < tensorCount; ++i) {
        TensorInfo info;
        info.name = reader.string();
        const auto dimensions = reader.number<std::uint32_t>();
        if (dimensions > 4)
            reader.fail("the tensor " + info.name + " has " + std::to_string(dimensions) + " dimensions");
        for (std::uint32_t d = 0; d < dimensions; ++d)
            info.shape.insert(info.shape.begin(), static_cast<std::int64_t>(reader.number<std::uint64_t>()));
        const auto type = reader.number<std::uint32_t>();
        info.dtype = typeOf(type);
        info.offset = reader.number<std::uint64_t>();
        const auto elements = checkedElements(info.shape, path.string() + ", tensor " + info.name);
        if (info.dtype == DType::Other)
            throw Error(
                ErrorCode::UnsupportedVersion,
                "the tensor has GGUF's element type " + std::to_string(type) + ", which is not supported",
                path.string() + ", tensor " + info.name, {{kTypeAdvice, "", ""}});
        if (dimensions > 0 && info.shape.back() % dtypeBlock(info.dtype) != 0)
            reader.fail("a row of the tensor " + info.name + " is not a whole number of blocks");
        info.bytes = storedBytes(info.dtype, elements);
        if (!names.insert(info.name).second) reader.fail("the tensor " + info.name + " occurs twice");
        result->m_tensors.push_back(std::move(info));
    }
    const auto unit = static_cast<std::uint64_t>(alignment);
    const auto begin = (reader.offset() + unit - 1) / unit * unit;
    for (auto& info : result->m_tensors) {
        if (begin > bytes.size() || info.offset > bytes.size() - begin ||
            info.bytes > bytes.size() - begin - info.offset)
            throw Error(ErrorCode::Corrupt,
                        "the tensor's " + std::to_string(info.bytes) +
                            " bytes lie beyond the end of the file (" + std::to_string(bytes.size()) +
                            " bytes)",
                        path.string() + ", tensor " + info.name,
                        {{"the file was cut off: fetch or copy it again", "", ""}});
        info.offset += begin;
    }
    std::vector<const TensorInfo*> byOffset;
    for (const auto& info : result->m_tensors)
        if (info.bytes > 0) byOffset.push_back(&info);
    std::sort(byOffset.begin(), byOffset.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
    for (std::size_t i = 1; i < byOffset.size(); ++i)
        if (byOffset[i]->offset < byOffset[i - 1]->offset + byOffset[i - 1]->bytes)
            throw Error(ErrorCode::Corrupt,
                        "the tensors " + byOffset[i - 1]->name + " and " + byOffset[i]->name + " overlap",
                        path.string());
    return result;
}

const GgufFile::Value* GgufFile::find(std::string_view key) const {
    const auto found = m_metadata.find(key);
    return found == m_metadata.end() ? nullptr : &found->second;
}

namespace {
template <typename T>
const T& typed(const GgufFile& file, std::string_view key, const char* what) {
    const auto* value = file.find(key);
    const auto* found = value ? std::get_if<T>(value) : nullptr;
    if (!found)
        throw Error(ErrorCode::Corrupt,
                    "the metadata key '" + std::string(key) + "' is " +
                        (value ? "not " + std::string(what) : "missing"),
                    file.path().string());
    return *found;
}
}  // namespace

std::int64_t GgufFile::integer(std::string_view key) const {
    return typed<std::int64_t>(*this, key, "a whole number");
}
double GgufFile::real(std::string_view key) const {
    return typed<double>(*this, key, "a number");
}
std::string GgufFile::text(std::string_view key) const {
    return std::string(typed<std::string_view>(*this, key, "a text"));
}
const GgufFile::Strings& GgufFile::strings(std::string_view key) const {
    return typed<Strings>(*this, key, "a list of texts");
}

std::span<const std::byte> GgufFile::raw(const TensorInfo& tensor) const {
    return m_file.bytes().subspan(tensor.offset, tensor.bytes);
}

void GgufFile::release(const TensorInfo& tensor) const {
    m_file.release(tensor.offset, tensor.bytes);
}

}  // namespace tessera
