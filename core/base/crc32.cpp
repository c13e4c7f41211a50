#include "core/base/crc32.h"

#include <zlib.h>

namespace tessera {

std::uint32_t crc32Of(std::span<const std::byte> bytes, std::uint32_t before) {
    // Given no bytes at all, zlib forgets those before.
    if (bytes.empty()) return before;
    return static_cast<std::uint32_t>(
        crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace tessera
