#include "core/text/byte_alphabet.h"

#include <array>
#include <unordered_map>

namespace tessera {

namespace {

std::string utf8(unsigned code) {
    if (code < 0x80) return std::string(1, static_cast<char>(code));
    return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
}

struct Alphabet {
    std::array<std::string, 256> letters;
    std::unordered_map<std::string, unsigned char> bytes;
    Alphabet() {
        unsigned next = 256;
        for (unsigned byte = 0; byte < 256; ++byte) {
            const bool printable =
                (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
            letters[byte] = utf8(printable ? byte : next++);
            bytes[letters[byte]] = static_cast<unsigned char>(byte);
        }
    }
};

const Alphabet& alphabet() {
    static const Alphabet instance;
    return instance;
}

}  // namespace

std::string bytesToAlphabet(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) text += alphabet().letters[static_cast<unsigned char>(byte)];
    return text;
}

std::optional<std::string> alphabetToBytes(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = static_cast<unsigned char>(text[i]) < 0x80 ? 1 : 2;
        const auto found = alphabet().bytes.find(std::string(text.substr(i, length)));
        if (found == alphabet().bytes.end()) return std::nullopt;
        bytes += static_cast<char>(found->second);
        i += length;
    }
    return bytes;
}

}  // namespace tessera
