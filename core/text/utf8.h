#pragma once

#include <cstddef>
#include <string_view>

namespace tessera {

/// The byte offset of the first thing that is not UTF-8, or npos.
std::size_t firstInvalidUtf8(std::string_view text);

}  // namespace tessera
