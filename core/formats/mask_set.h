#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace tessera {

/// The keep mask of one matrix, one bit a weight, row-major, 1 = keep, most significant bit first
/// (numpy.packbits), the last byte padded with zeros.
struct PackedMask {
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::vector<std::uint8_t> bits;

    PackedMask() = default;
    PackedMask(std::int64_t rows, std::int64_t cols);  ///< all zero
    bool keeps(std::int64_t index) const { return bits[index >> 3] >> (7 - (index & 7)) & 1; }
    void keep(std::int64_t index) { bits[index >> 3] |= std::uint8_t(0x80 >> (index & 7)); }
    std::int64_t kept() const;
};

/// Masks by parameter name, with the published file's metadata.
struct MaskSet {
    std::map<std::string, PackedMask> masks;
    Json meta = Json::object();

    std::int64_t weights() const;
    std::int64_t kept() const;
};

/// The published PATCH mask file (methods.md 8.14): an npz of `<name>` (uint8 packbits), `<name>.__shape__`
/// (int64[2]) and `__meta__` (0-d Unicode). Reads deflated and stored entries; refuses object arrays, wrong
/// lengths, set padding bits. Writes deterministically (fixed time stamps, sorted): same masks, same bytes.
MaskSet readMasks(const std::filesystem::path& path);
void writeMasks(const std::filesystem::path& path, const MaskSet& masks);

}  // namespace tessera
