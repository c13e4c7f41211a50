#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tessera {

/// CRC-32 as zip, gzip and PNG have it, of `bytes` behind those that gave `before`.
std::uint32_t crc32Of(std::span<const std::byte> bytes, std::uint32_t before = 0);

}  // namespace tessera
