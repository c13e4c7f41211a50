#include "core/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace tessera {

struct MappedFile::Mapping {
    std::filesystem::path path;
    void* address = nullptr;
    std::size_t length = 0;

    ~Mapping() {
        if (address) ::munmap(address, length);
    }
};

MappedFile::MappedFile(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        const auto code = errno == ENOENT || errno == ENOTDIR ? ErrorCode::NotFound : ErrorCode::Io;
        throw Error(code, "cannot open the file: " + std::string(std::strerror(errno)), path.string());
    }
    auto mapping = std::make_shared<Mapping>();
    mapping->path = path;
    struct stat status {};
    if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        ::close(fd);
        throw Error(ErrorCode::Io, "this is not a regular file", path.string());
    }
    mapping->length = static_cast<std::size_t>(status.st_size);
    if (mapping->length > 0) {
        void* address = ::mmap(nullptr, mapping->length, PROT_READ, MAP_SHARED, fd, 0);
        const int reason = errno;
        ::close(fd);
        if (address == MAP_FAILED)
            throw Error(ErrorCode::Io, "cannot map the file: " + std::string(std::strerror(reason)),
                        path.string());
        mapping->address = address;
    } else {
        ::close(fd);
    }
    m_mapping = std::move(mapping);
}

std::span<const std::byte> MappedFile::bytes() const {
    return {static_cast<const std::byte*>(m_mapping->address), m_mapping->length};
}

const std::filesystem::path& MappedFile::path() const {
    return m_mapping->path;
}

void MappedFile::release(std::size_t offset, std::size_t length) const {
    if (!m_mapping->address || offset >= m_mapping->length) return;
    const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t begin = (offset + page - 1) / page * page;
    const std::size_t end = std::min(m_mapping->length, offset + length) / page * page;
    if (end > begin)
        ::madvise(static_cast<std::byte*>(m_mapping->address) + begin, end - begin, MADV_DONTNEED);
}

}  // namespace tessera
