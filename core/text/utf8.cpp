#include "core/text/utf8.h"

#include <utility>

namespace tessera {

namespace {

/// How many bytes at the end begin a character that further bytes could complete.
std::size_t unfinishedBytes(std::string_view text) {
    for (std::size_t count = 1; count <= 3 && count <= text.size(); ++count) {
        const auto byte = static_cast<unsigned char>(text[text.size() - count]);
        if ((byte & 0xC0) == 0x80) continue;
        const std::size_t length = byte >= 0xF5   ? 0
                                   : byte >= 0xF0 ? 4
                                   : byte >= 0xE0 ? 3
                                   : byte >= 0xC2 ? 2
                                                  : 0;
        if (length <= count) return 0;
        if (count == 1) return 1;
        // The second byte decides: overlong forms, surrogates and what lies beyond Unicode are never
        // completed.
        const auto second = static_cast<unsigned char>(text[text.size() - count + 1]);
        const bool never = (byte == 0xE0 && second < 0xA0) || (byte == 0xED && second > 0x9F) ||
                           (byte == 0xF0 && second < 0x90) || (byte == 0xF4 && second > 0x8F);
        return never ? 0 : count;
    }
    return 0;
}

}  // namespace

std::size_t firstInvalidUtf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) return i;
        unsigned code = lead & (0xFFu >> (length + 1));
        for (std::size_t k = 1; k < length; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if ((next & 0xC0) != 0x80) return i;
            code = code << 6 | (next & 63);
        }
        const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
        if (overlong || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return i;
        i += length;
    }
    return std::string_view::npos;
}

std::string Utf8Stream::take(std::string_view bytes) {
    m_kept += bytes;
    auto whole = std::exchange(m_kept, {});
    const auto unfinished = unfinishedBytes(whole);
    m_kept = whole.substr(whole.size() - unfinished);
    whole.resize(whole.size() - unfinished);
    return whole;
}

std::string Utf8Stream::rest() {
    return std::exchange(m_kept, {});
}

}  // namespace tessera
