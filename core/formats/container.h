#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/base/mapped_file.h"

namespace tessera {

/// The outer shape of a .tessera file (docs/container.md): a prologue of 64 bytes, a JSON header, and named
/// sections that begin at multiples of 64 and are used where they are mapped. What the sections mean is not
/// known here.
inline constexpr std::size_t kContainerAlignment = 64;
inline constexpr std::uint32_t kContainerVersion = 1;

/// A container that was opened: its prologue, its header's checksum and every section's place are checked.
class ContainerFile {
  public:
    /// Throws Error{Corrupt} naming what contradicts what, Error{UnsupportedVersion} for a later version.
    explicit ContainerFile(const std::filesystem::path& path);

    /// Whether this is a file that is called .tessera or begins as a container does.
    static bool is(const std::filesystem::path& path);

    struct Section {
        std::uint64_t offset = 0, bytes = 0;
        std::uint32_t crc32 = 0;
    };
    const std::filesystem::path& path() const { return m_file.path(); }
    std::string where() const { return path().string(); }
    /// As written, with "sections".
    const Json& header() const { return m_header; }
    /// Bytes of the JSON text in the file, with the blanks that fill it up.
    std::uint64_t headerBytes() const { return m_headerBytes; }
    std::uint64_t fileBytes() const { return m_file.bytes().size(); }
    const MappedFile& mapped() const { return m_file; }
    /// In the order of the file.
    const std::vector<std::pair<std::string, Section>>& sections() const { return m_sections; }
    bool has(const std::string& name) const { return m_byName.contains(name); }
    /// Throws Error{Corrupt} where there is no such section.
    std::span<const std::byte> section(const std::string& name) const;
    /// The same, of exactly so many bytes.
    std::span<const std::byte> section(const std::string& name, std::uint64_t bytes) const;

    /// Reads every section and throws Error{Corrupt} naming the first whose checksum is another than the
    /// header's. `progress` gets bytes done and in all.
    void verify(const std::function<void(std::uint64_t, std::uint64_t)>& progress) const;

  private:
    void readPrologue();
    void readSections();

    MappedFile m_file;
    Json m_header;
    std::uint64_t m_headerBytes = 0;
    std::vector<std::pair<std::string, Section>> m_sections;
    std::map<std::string, Section> m_byName;
};

/// Writes a container section by section; it appears whole or not at all. The header stands in front of the
/// sections and tells where they are, so that room is left for the longest that it can become.
class ContainerWriter {
  public:
    /// `header` is as long as the one for commit() can be; at most `sections` are added, with names of at
    /// most `nameBytes`.
    ContainerWriter(const std::filesystem::path& path, const Json& header, std::size_t sections,
                    std::size_t nameBytes);
    /// The parts stand in the section one behind the other.
    void add(const std::string& name, std::initializer_list<std::span<const std::byte>> parts);
    /// Puts "sections" into the header and the file in its place. Returns the file's length.
    std::uint64_t commit(Json header);

  private:
    void pad();

    AtomicFile m_file;
    std::uint64_t m_room, m_at;
    Json m_sections = Json::object();
};

}  // namespace tessera
