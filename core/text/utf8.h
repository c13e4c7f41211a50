#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tessera {

/// The byte offset of the first thing that is not UTF-8, or npos.
std::size_t firstInvalidUtf8(std::string_view text);

/// Whole characters out of pieces that may end in the middle of one, as the bytes of single tokens do. Bytes
/// that can never become a character are handed on as they are.
class Utf8Stream {
  public:
    /// What is whole now; keeps back the beginning of a character.
    std::string take(std::string_view bytes);
    /// What is still kept back when nothing more comes.
    std::string rest();

  private:
    std::string m_kept;
};

}  // namespace tessera
