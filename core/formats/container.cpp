#include "core/formats/container.h"

#include <bit>
#include <cstring>
#include <fstream>

#include "core/base/crc32.h"
#include "core/base/error.h"

namespace tessera {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers stand in the file as in memory");

/// Not text, so that no transfer takes the file for text.
constexpr std::array<char, 8> kMagic{'\x89', 'T', 'E', 'S', 'S', 'E', 'R', 'A'};
constexpr std::uint64_t kMostHeaderBytes = std::uint64_t(1) << 26;

struct Prologue {
    std::array<char, 8> magic = kMagic;
    std::uint32_t version = kContainerVersion;
    std::uint32_t headerCrc32 = 0;
    std::uint64_t headerBytes = 0;
    std::uint64_t fileBytes = 0;
    std::array<std::uint8_t, 28> reserved{};
    std::uint32_t crc32 = 0;  ///< of all before it
};
static_assert(sizeof(Prologue) == kContainerAlignment);

std::uint32_t checksumOf(const Prologue& prologue) {
    return crc32Of(std::as_bytes(std::span(&prologue, 1)).first(offsetof(Prologue, crc32)));
}

std::uint64_t roundedUp(std::uint64_t bytes) {
    return (bytes + kContainerAlignment - 1) / kContainerAlignment * kContainerAlignment;
}

[[noreturn]] void corrupt(const std::string& what, const std::string& where) {
    throw Error(ErrorCode::Corrupt, what, where, {{"export the run again, or copy the file again", "", ""}});
}

}  // namespace

bool ContainerFile::is(const std::filesystem::path& path) {
    std::error_code none;
    if (!std::filesystem::is_regular_file(path, none)) return false;
    if (path.extension() == ".tessera") return true;
    std::array<char, kMagic.size()> begin{};
    std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
    return begin == kMagic;
}

ContainerFile::ContainerFile(const std::filesystem::path& path) : m_file(path) {
    readPrologue();
    readSections();
}

void ContainerFile::readPrologue() {
    const auto bytes = m_file.bytes();
    Prologue prologue;
    if (bytes.size() < sizeof prologue)
        corrupt("the file ends within its first 64 bytes: it has " + std::to_string(bytes.size()), where());
    std::memcpy(&prologue, bytes.data(), sizeof prologue);
    if (prologue.magic != kMagic)
        throw Error(ErrorCode::Corrupt, "this is no packed container: it begins with other bytes", where(),
                    {{"name a file that 'tessera-cli export RUN --format tessera' wrote", "", ""}});
    if (prologue.version != kContainerVersion)
        throw Error(ErrorCode::UnsupportedVersion,
                    "the container is of version " + std::to_string(prologue.version) +
                        ", this build reads version " + std::to_string(kContainerVersion),
                    where() + ", byte 8",
                    {{"export the run again with this build, or use a newer one", "", ""}});
    if (prologue.crc32 != checksumOf(prologue))
        corrupt("the first 64 bytes are damaged: their checksum is another", where());
    if (prologue.fileBytes != bytes.size())
        corrupt("the file has " + std::to_string(bytes.size()) + " bytes, it was written with " +
                    std::to_string(prologue.fileBytes) +
                    (bytes.size() < prologue.fileBytes ? ": it is cut off" : ": something is behind its end"),
                where());
    if (prologue.headerBytes > kMostHeaderBytes || prologue.headerBytes > bytes.size() - sizeof prologue ||
        prologue.headerBytes % kContainerAlignment != 0)
        corrupt("the header cannot have " + std::to_string(prologue.headerBytes) + " bytes",
                where() + ", byte 16");
    m_headerBytes = prologue.headerBytes;
    const auto header = bytes.subspan(sizeof prologue, m_headerBytes);
    if (crc32Of(header) != prologue.headerCrc32)
        corrupt("the header is damaged: its checksum is another",
                where() + ", bytes 64 to " + std::to_string(64 + m_headerBytes));
    m_header = parseJson({reinterpret_cast<const char*>(header.data()), header.size()}, where() + ", header");
    if (!m_header.is_object()) corrupt("the header is not an object", where());
}

void ContainerFile::readSections() {
    const auto& table = m_header.contains("sections") ? m_header["sections"] : m_header;
    if (&table == &m_header || !table.is_object()) corrupt("the header names no sections", where());
    auto end = kContainerAlignment + m_headerBytes;
    for (const auto& [name, entry] : table.items()) {
        const auto here = where() + ", section " + name;
        const auto number = [&](std::size_t index) {
            if (!entry.is_array() || entry.size() != 3 || !entry[index].is_number_unsigned())
                corrupt("the section's entry is not [offset, bytes, crc32]", here);
            return entry[index].get<std::uint64_t>();
        };
        Section section{number(0), number(1), static_cast<std::uint32_t>(number(2))};
        if (section.offset % kContainerAlignment != 0)
            corrupt("the section begins at byte " + std::to_string(section.offset) + ", no multiple of 64",
                    here);
        if (section.offset > fileBytes() || section.bytes > fileBytes() - section.offset)
            corrupt("the section's " + std::to_string(section.bytes) + " bytes from " +
                        std::to_string(section.offset) + " on lie outside of the file's " +
                        std::to_string(fileBytes()),
                    here);
        if (section.offset < end)
            corrupt("the section begins at byte " + std::to_string(section.offset) +
                        ", before the end of what stands in front of it, " + std::to_string(end),
                    here);
        if (number(2) != section.crc32) corrupt("the section's checksum has more than 32 bits", here);
        end = section.offset + section.bytes;
        m_byName.emplace(name, section);
        m_sections.emplace_back(name, section);
    }
}

std::span<const std::byte> ContainerFile::section(const std::string& name) const {
    const auto found = m_byName.find(name);
    if (found == m_byName.end()) corrupt("the container lacks the section " + name, where());
    return m_file.bytes().subspan(found->second.offset, found->second.bytes);
}

std::span<const std::byte> ContainerFile::section(const std::string& name, std::uint64_t bytes) const {
    const auto found = section(name);
    if (found.size() != bytes)
        corrupt("the section has " + std::to_string(found.size()) + " bytes, the model's shape needs " +
                    std::to_string(bytes),
                where() + ", section " + name);
    return found;
}

void ContainerFile::verify(const std::function<void(std::uint64_t, std::uint64_t)>& progress) const {
    std::uint64_t done = 0, all = 0;
    for (const auto& [name, section] : m_sections) all += section.bytes;
    for (const auto& [name, section] : m_sections) {
        if (crc32Of(m_file.bytes().subspan(section.offset, section.bytes)) != section.crc32)
            corrupt("the section is damaged: its checksum is another",
                    where() + ", section " + name + ", bytes " + std::to_string(section.offset) + " to " +
                        std::to_string(section.offset + section.bytes));
        m_file.release(section.offset, section.bytes);
        done += section.bytes;
        progress(done, all);
    }
}

ContainerWriter::ContainerWriter(const std::filesystem::path& path, const Json& header, std::size_t sections,
                                 std::size_t nameBytes)
    : m_file(path) {
    // ,"name":[offset,bytes,crc32] with three numbers of at most 20 digits.
    const auto entry = nameBytes + 3 * 20 + 8;
    m_room = roundedUp(dumpLine(header).size() + std::string(R"("sections":{},)").size() + sections * entry);
    m_at = kContainerAlignment + m_room;
    const std::vector<std::byte> blank(m_at);
    m_file.write(std::span(blank));
}

void ContainerWriter::pad() {
    const std::array<std::byte, kContainerAlignment> zeros{};
    const auto end = roundedUp(m_at);
    m_file.write(std::span(zeros).first(end - m_at));
    m_at = end;
}

void ContainerWriter::add(const std::string& name, std::initializer_list<std::span<const std::byte>> parts) {
    std::uint64_t bytes = 0;
    std::uint32_t crc32 = 0;
    for (const auto part : parts) {
        m_file.write(part);
        crc32 = crc32Of(part, crc32);
        bytes += part.size();
    }
    m_sections[name] = {m_at, bytes, crc32};
    m_at += bytes;
    pad();
}

std::uint64_t ContainerWriter::commit(Json header) {
    header["sections"] = std::move(m_sections);
    auto text = dumpLine(header);
    if (text.size() > m_room)
        throw Error(ErrorCode::Internal, "the header became longer than the room that was left for it");
    text.append(m_room - text.size(), ' ');
    Prologue prologue;
    prologue.headerBytes = m_room;
    prologue.headerCrc32 = crc32Of(std::as_bytes(std::span(text)));
    prologue.fileBytes = m_at;
    prologue.crc32 = checksumOf(prologue);
    m_file.overwrite(0, std::as_bytes(std::span(&prologue, 1)));
    m_file.overwrite(kContainerAlignment, std::as_bytes(std::span(text)));
    m_file.commit();
    return m_at;
}

}  // namespace tessera
