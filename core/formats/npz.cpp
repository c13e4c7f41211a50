#include "core/formats/npz.h"

#include <zip.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/formats/tensor_source.h"

namespace tessera {

namespace {

/// A deflated entry may grow a thousandfold; an array beyond this is no mask of any model.
constexpr std::uint64_t kMostEntryBytes = std::uint64_t(1) << 34;
/// 1980-01-01, the earliest that an archive can say.
constexpr zip_uint16_t kDosDate = 1 << 5 | 1;

[[noreturn]] void corrupt(const std::string& what, const std::string& where) {
    throw Error(ErrorCode::Corrupt, what, where, {{"copy or make the file again", "", ""}});
}

/// The value of a key in the header's Python literal: {'descr': '|u1', 'fortran_order': False, 'shape': (3,),
/// }.
std::string literal(const std::string& header, const std::string& key, char open, char close,
                    const std::string& where) {
    const auto at = header.find("'" + key + "'");
    const auto begin = at == std::string::npos ? at : header.find(open, header.find(':', at));
    const auto end = begin == std::string::npos ? begin : header.find(close, begin + 1);
    if (end == std::string::npos) corrupt("the array's header lacks " + key, where);
    return header.substr(begin + 1, end - begin - 1);
}

std::size_t elementBytes(const std::string& type, const std::string& where) {
    const auto size = std::strtoull(type.c_str() + 1, nullptr, 10);
    if (type.size() < 2 || size > (1u << 30)) corrupt("the array has the impossible type " + type, where);
    if (type[0] == 'U') return size * 4;
    if (std::string("uifb").find(type[0]) == std::string::npos ||
        (size != 1 && size != 2 && size != 4 && size != 8))
        throw Error(ErrorCode::UnsupportedVersion,
                    "the array holds elements of type '" + type + "', which are not read", where,
                    {{"save it with plain numbers", "", ""}});
    return size;
}

std::string npyHeader(const NpyArray& array) {
    std::string shape;
    for (const auto size : array.shape)
        shape += std::to_string(size) + (array.shape.size() == 1 ? "," : ", ");
    if (array.shape.size() > 1) shape.resize(shape.size() - 2);
    const auto order = array.type == "u1" || array.type == "i1" || array.type == "b1" ? "|" : "<";
    std::string text = "{'descr': '" + std::string(order) + array.type +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
    text.append((64 - (10 + text.size() + 1) % 64) % 64, ' ');
    text += '\n';
    std::string header("\x93NUMPY\x01\x00", 8);
    header += static_cast<char>(text.size() & 0xff);
    header += static_cast<char>(text.size() >> 8);
    return header + text;
}

}  // namespace

std::int64_t NpyArray::elements() const {
    return checkedElements(shape, "npz");
}

struct NpzReader::Archive {
    zip_t* zip = nullptr;
    ~Archive() {
        if (zip) zip_discard(zip);
    }
};

NpzReader::NpzReader(const std::filesystem::path& path)
    : m_path(path), m_archive(std::make_unique<Archive>()) {
    if (!std::filesystem::exists(path))
        throw Error(ErrorCode::NotFound, "there is no such file", path.string());
    int reason = 0;
    m_archive->zip = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &reason);
    if (!m_archive->zip) corrupt("this is not a npz archive, or it was cut off", path.string());
    for (zip_int64_t i = 0, count = zip_get_num_entries(m_archive->zip, 0); i < count; ++i) {
        const char* name = zip_get_name(m_archive->zip, static_cast<zip_uint64_t>(i), 0);
        std::string text = name ? name : "";
        if (text.size() < 5 || !text.ends_with(".npy"))
            corrupt("the archive holds '" + text + "', which is no array", path.string());
        m_names.push_back(text.substr(0, text.size() - 4));
    }
}

NpzReader::~NpzReader() = default;

NpyArray NpzReader::read(const std::string& name) const {
    const auto where = m_path.string() + ", array " + name;
    const auto file = name + ".npy";
    zip_stat_t stat;
    if (zip_stat(m_archive->zip, file.c_str(), 0, &stat) != 0)
        throw Error(ErrorCode::NotFound, "the archive has no such array", where);
    if (!(stat.valid & ZIP_STAT_SIZE) || stat.size > kMostEntryBytes || stat.size / 2048 > stat.comp_size)
        corrupt("the array claims " + std::to_string(stat.size) + " bytes", where);
    zip_file_t* entry = zip_fopen(m_archive->zip, file.c_str(), 0);
    if (!entry) corrupt("the array cannot be read", where);
    std::vector<std::uint8_t> bytes(stat.size);
    std::uint64_t have = 0;
    while (have < stat.size) {
        const auto got = zip_fread(entry, bytes.data() + have, stat.size - have);
        if (got <= 0) break;
        have += static_cast<std::uint64_t>(got);
    }
    const bool good = zip_fclose(entry) == 0 && have == stat.size;
    if (!good) corrupt("the array's bytes are damaged", where);

    if (bytes.size() < 12 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0)
        corrupt("the entry is no numpy array", where);
    const std::size_t begin = bytes[6] == 1 ? 10 : 12;
    const std::size_t length =
        bytes[6] == 1 ? bytes[8] | bytes[9] << 8
                      : bytes[8] | bytes[9] << 8 | bytes[10] << 16 | std::size_t(bytes[11]) << 24;
    if (bytes[6] < 1 || bytes[6] > 3 || length > bytes.size() - begin)
        corrupt("the array's header is damaged", where);
    const std::string header(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                             bytes.begin() + static_cast<std::ptrdiff_t>(begin + length));
    NpyArray array;
    const auto descr = literal(header, "descr", '\'', '\'', where);
    if (descr.size() < 3 || descr[0] == '>')
        throw Error(ErrorCode::UnsupportedVersion,
                    "the array holds elements of type '" + descr + "', which are not read", where);
    array.type = descr.substr(1);
    const auto shape = literal(header, "shape", '(', ')', where);
    for (const char* at = shape.c_str(); *at;) {
        if (*at == ',' || *at == ' ') {
            ++at;
            continue;
        }
        char* end = nullptr;
        array.shape.push_back(std::strtoll(at, &end, 10));
        if (end == at || array.shape.size() > 8) corrupt("the array's shape is damaged", where);
        at = end;
    }
    if (header.find("'fortran_order': True") != std::string::npos && array.shape.size() > 1)
        throw Error(ErrorCode::UnsupportedVersion, "the array is in Fortran order", where,
                    {{"save it with numpy.ascontiguousarray", "", ""}});
    const auto element = elementBytes(array.type, where);
    const auto elements = static_cast<std::uint64_t>(checkedElements(array.shape, where));
    const auto data = bytes.size() - begin - length;
    if ((element == 0 ? data != 0 : elements != data / element || data % element != 0))
        corrupt("the array has " + std::to_string(data) + " bytes of data, its shape needs " +
                    std::to_string(elements) + " elements of " + std::to_string(element),
                where);
    array.data.assign(bytes.end() - static_cast<std::ptrdiff_t>(data), bytes.end());
    return array;
}

void writeNpz(const std::filesystem::path& path, const std::map<std::string, NpyArray>& arrays) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* buffer = zip_source_buffer_create(nullptr, 0, 0, &error);
    zip_t* zip = buffer ? zip_open_from_source(buffer, ZIP_TRUNCATE, &error) : nullptr;
    if (!zip) throw Error(ErrorCode::Internal, "the archive could not be begun", path.string());
    zip_source_keep(buffer);
    std::vector<std::string> contents;
    contents.reserve(arrays.size());
    bool good = true;
    for (const auto& [name, array] : arrays) {
        contents.push_back(npyHeader(array));
        contents.back().append(reinterpret_cast<const char*>(array.data.data()), array.data.size());
        zip_source_t* source = zip_source_buffer(zip, contents.back().data(), contents.back().size(), 0);
        const auto index = zip_file_add(zip, (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
        good = good && index >= 0 &&
               zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), ZIP_CM_DEFLATE, 1) == 0 &&
               zip_file_set_dostime(zip, static_cast<zip_uint64_t>(index), 0, kDosDate, 0) == 0;
    }
    if (!good || zip_close(zip) != 0) {
        zip_source_free(buffer);
        throw Error(ErrorCode::Internal, "the archive could not be made", path.string());
    }
    std::string bytes;
    zip_stat_t stat;
    if (zip_source_stat(buffer, &stat) == 0 && zip_source_open(buffer) == 0) {
        bytes.resize(stat.size);
        const auto got = zip_source_read(buffer, bytes.data(), stat.size);
        zip_source_close(buffer);
        if (got != static_cast<zip_int64_t>(stat.size)) bytes.clear();
    }
    zip_source_free(buffer);
    if (bytes.empty()) throw Error(ErrorCode::Internal, "the archive could not be made", path.string());
    writeFileAtomically(path, bytes);
}

}  // namespace tessera
