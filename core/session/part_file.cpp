#include "core/session/part_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/base/sha256.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostPieces = 64, kLongestState = std::size_t(1) << 16;

fs::path beside(fs::path target, const char* ending) {
    target += ending;
    return target;
}

}  // namespace

std::uint64_t PartState::done() const {
    if (pieces.empty()) return bytes;
    std::uint64_t sum = 0;
    for (const auto& piece : pieces) sum += piece.done;
    return sum;
}

fs::path PartState::pathOf(const fs::path& target) {
    return beside(target, ".fetch.json");
}

PartState PartState::read(const fs::path& target) {
    const auto path = pathOf(target);
    std::error_code none;
    if (!fs::exists(path, none)) return {};
    try {
        const auto json = readJsonFile(path, kLongestState);
        PartState state{json.at("etag"), json.at("range_etag"), json.at("bytes"), {}};
        std::uint64_t next = 0;
        for (const auto& entry : json.at("pieces")) {
            const FilePiece piece{entry.at(0), entry.at(1), entry.at(2)};
            if (piece.begin != next || piece.end <= piece.begin || piece.done > piece.end - piece.begin)
                return {};
            next = piece.end;
            state.pieces.push_back(piece);
        }
        if (state.pieces.size() > kMostPieces || (!state.pieces.empty() && next != state.bytes)) return {};
        return state;
    } catch (const Error&) {
        return {};
    } catch (const nlohmann::json::exception&) {
        return {};
    }
}

void PartState::write(const fs::path& target) const {
    Json list = Json::array();
    for (const auto& piece : pieces) list.push_back(Json::array({piece.begin, piece.end, piece.done}));
    const Json json{{"etag", etag}, {"range_etag", rangeEtag}, {"bytes", bytes}, {"pieces", list}};
    writeFileAtomically(pathOf(target), dumpLine(json) + "\n");
}

fs::path PartFile::pathOf(const fs::path& target) {
    return beside(target, ".part");
}

PartFile::PartFile(const fs::path& target) : m_target(target), m_path(pathOf(target)) {
    m_fd = ::open(m_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (m_fd < 0) throwIoError("create the file", m_path, errno);
}

PartFile::~PartFile() {
    if (m_fd >= 0) ::close(m_fd);
}

std::uint64_t PartFile::bytes() const {
    struct stat info {};
    return ::fstat(m_fd, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

void PartFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto put = ::pwrite(m_fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throwIoError("write the file", m_path, errno);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
}

void PartFile::truncate(std::uint64_t bytes) {
    if (::ftruncate(m_fd, static_cast<off_t>(bytes)) != 0) throwIoError("cut the file", m_path, errno);
}

void PartFile::sync() {
    if (::fdatasync(m_fd) != 0) throwIoError("sync the file", m_path, errno);
}

std::string PartFile::sha256(const std::function<void()>& tick) const {
    Sha256 hash;
    std::vector<std::byte> buffer(std::size_t(4) << 20);
    for (std::uint64_t at = 0;;) {
        const auto got = ::pread(m_fd, buffer.data(), buffer.size(), static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throwIoError("read the file", m_path, errno);
        if (got == 0) return hash.hex();
        hash.add(std::span(buffer).first(static_cast<std::size_t>(got)));
        at += static_cast<std::uint64_t>(got);
        tick();
    }
}

void PartFile::commit() {
    if (::fsync(m_fd) != 0) throwIoError("sync the file", m_path, errno);
    const int fd = m_fd;
    m_fd = -1;
    if (::close(fd) != 0 || ::rename(m_path.c_str(), m_target.c_str()) != 0)
        throwIoError("put the file in place", m_target, errno);
    syncDirectory(m_target.parent_path());
}

void PartFile::remove() {
    std::error_code none;
    fs::remove(m_path, none);
}

}  // namespace tessera
