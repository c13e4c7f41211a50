#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/error.h"

// Each fuzz_FORMAT.cpp defines libFuzzer's entry: one input of that format, read as the product reads it. It
// may throw Error, as a wrong file does; anything else that leaves it, and every sanitizer's finding, is a
// defect. packaging/fuzz.sh lets libFuzzer search; the ordinary tests replay tests/fuzz/corpus (replay.cpp).

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace tessera::fuzz {

inline std::string_view textOf(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// The input as a file in memory.
class InputFile {
  public:
    InputFile(const std::uint8_t* data, std::size_t size) : m_fd(::memfd_create("fuzz", MFD_CLOEXEC)) {
        while (size > 0) {
            const auto put = ::write(m_fd, data, size);
            if (put <= 0) std::abort();
            data += put;
            size -= static_cast<std::size_t>(put);
        }
    }
    ~InputFile() { ::close(m_fd); }
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;
    std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(m_fd); }

  private:
    int m_fd;
};

/// What a wrong input may end with.
template <typename Read>
int guarded(const Read& read) {
    try {
        read();
    } catch (const Error&) {
    }
    return 0;
}

}  // namespace tessera::fuzz
