#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// What a SentencePiece model says of itself (sentencepiece_model.proto); encoding is left to the library.
struct SentencePieceProto {
    enum Kind { Unigram = 1, Bpe = 2, Word = 3, Char = 4 };
    enum Type { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };
    struct Piece {
        std::string text;
        float score = 0;
        int type = Normal;
    };
    std::vector<Piece> pieces;
    int kind = Unigram;
    bool spaceBehind = false;  ///< treat_whitespace_as_suffix
    bool byteFallback = false;
    std::string_view characterMap;   ///< precompiled_charsmap, within the bytes that were read
    bool prefix = true;              ///< add_dummy_prefix
    bool removesExtraSpaces = true;  ///< remove_extra_whitespaces
    bool escapesSpaces = true;       ///< escape_whitespaces
};

/// Throws Error{Corrupt} naming the byte, also on a character map that leads out of itself.
SentencePieceProto readSentencePieceProto(std::string_view bytes, const std::string& where);

}  // namespace tessera
