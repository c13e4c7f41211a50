#include "core/base/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace tessera {

void throwIoError(const std::string& doing, const std::filesystem::path& path, int reason) {
    const std::string summary = "cannot " + doing + ": " + std::strerror(reason);
    switch (reason) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:  // the person's limit on the size of files
            throw Error(ErrorCode::DiskFull, summary, path.string(),
                        {{"free some space on that disk or choose another folder with --out", "", ""}});
        case EROFS:
        case EACCES:
        case EPERM:
            throw Error(ErrorCode::ReadOnly, summary, path.string(),
                        {{"choose a folder you can write to with --out", "", ""}});
        case ENOENT:
            throw Error(ErrorCode::NotFound, summary, path.string());
        default:
            throw Error(ErrorCode::Io, summary, path.string());
    }
}

std::string readFile(const std::filesystem::path& path, std::size_t limit) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        const int reason = errno;
        throw Error(reason == ENOENT || reason == ENOTDIR ? ErrorCode::NotFound : ErrorCode::Io,
                    std::string("cannot open the file: ") + std::strerror(reason), path.string());
    }
    std::string content;
    struct stat status {};
    if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        ::close(fd);
        throw Error(ErrorCode::InvalidInput, "this is a folder, not a file", path.string());
    }
    std::string buffer(1 << 16, '\0');
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int reason = errno;
            ::close(fd);
            throwIoError("read the file", path, reason);
        }
        if (got == 0) break;
        content.append(buffer.data(), static_cast<std::size_t>(got));
        if (content.size() > limit) {
            ::close(fd);
            throw Error(
                ErrorCode::InvalidInput,
                "the file is longer than the " + std::to_string(limit) + " bytes this kind of file may have",
                path.string());
        }
    }
    ::close(fd);
    return content;
}

AtomicFile::AtomicFile(std::filesystem::path target) : m_target(std::move(target)) {
    m_temporary = m_target;
    m_temporary += ".part-" + std::to_string(::getpid());
    m_fd = ::open(m_temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (m_fd < 0) throwIoError("create the file", m_target, errno);
}

AtomicFile::~AtomicFile() {
    if (m_fd >= 0) {
        ::close(m_fd);
        ::unlink(m_temporary.c_str());
    }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(m_fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throwIoError("write the file", m_target, errno);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
}

void AtomicFile::write(std::string_view text) {
    write(std::as_bytes(std::span(text.data(), text.size())));
}

void AtomicFile::overwrite(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::pwrite(m_fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throwIoError("write the file", m_target, errno);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
}

void AtomicFile::commit() {
    if (::fsync(m_fd) != 0) throwIoError("sync the file", m_target, errno);
    const int fd = m_fd;
    m_fd = -1;
    if (::close(fd) != 0 || ::rename(m_temporary.c_str(), m_target.c_str()) != 0) {
        const int reason = errno;
        ::unlink(m_temporary.c_str());
        throwIoError("put the file in place", m_target, reason);
    }
    syncDirectory(m_target.has_parent_path() ? m_target.parent_path() : std::filesystem::path("."));
}

void writeFileAtomically(const std::filesystem::path& path, std::string_view content) {
    AtomicFile file(path);
    file.write(content);
    file.commit();
}

void syncDirectory(const std::filesystem::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
}

}  // namespace tessera
