#include "core/text/sentencepiece_proto.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/base/error.h"
#include "core/text/utf8.h"

namespace tessera {

namespace {

constexpr std::size_t kMostPieces = 1 << 20;

/// The fields of a protocol buffer's message, one after the other.
class Message {
  public:
    Message(std::string_view bytes, std::size_t offset, const std::string& where)
        : m_bytes(bytes), m_offset(offset), m_where(where) {}

    bool next() {
        if (m_at == m_bytes.size()) return false;
        const auto key = varint();
        m_number = static_cast<int>(key >> 3 & 0xffff);
        m_wire = static_cast<int>(key & 7);
        if (m_wire == 0) {
            m_value = varint();
        } else if (m_wire == 1 || m_wire == 5) {
            m_content = take(m_wire == 1 ? 8 : 4);
        } else if (m_wire == 2) {
            m_content = take(varint());
        } else {
            fail();
        }
        return true;
    }
    int number() const { return m_number; }
    std::uint64_t value() const { return require(0), m_value; }
    std::string_view bytes() const { return require(2), m_content; }
    float real() const {
        require(5);
        float value;
        std::memcpy(&value, m_content.data(), 4);
        return value;
    }
    Message message() const {
        require(2);
        return {m_content, m_offset + m_at - m_content.size(), m_where};
    }

  private:
    [[noreturn]] void fail() const {
        throw Error(ErrorCode::Corrupt, "this is not a SentencePiece model",
                    m_where + ", byte " + std::to_string(m_offset + m_at),
                    {{"use the tokenizer.model or the tokenizer.json that belongs to the model", "", ""}});
    }
    void require(int wire) const {
        if (m_wire != wire) fail();
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (m_at == m_bytes.size()) fail();
            const auto byte = static_cast<unsigned char>(m_bytes[m_at++]);
            value |= std::uint64_t(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        fail();
    }
    std::string_view take(std::uint64_t count) {
        if (count > m_bytes.size() - m_at) fail();
        const auto taken = m_bytes.substr(m_at, count);
        m_at += count;
        return taken;
    }

    std::string_view m_bytes;
    std::size_t m_offset, m_at = 0;
    const std::string& m_where;
    int m_number = 0, m_wire = 0;
    std::uint64_t m_value = 0;
    std::string_view m_content;
};

SentencePieceProto::Piece pieceOf(Message message) {
    SentencePieceProto::Piece piece;
    while (message.next())
        if (message.number() == 1)
            piece.text = message.bytes();
        else if (message.number() == 2)
            piece.score = message.real();
        else if (message.number() == 3)
            piece.type = static_cast<int>(message.value());
    return piece;
}

/// The library walks through the map's double array (darts-clone) without looking where its end is.
void checkCharacterMap(std::string_view map, const std::string& where) {
    if (map.empty()) return;
    const auto fail = [&] {
        throw Error(ErrorCode::Corrupt, "the model's map of characters leads out of itself", where,
                    {{"use the tokenizer.model or the tokenizer.json that belongs to the model", "", ""}});
    };
    const auto word = [&](std::size_t at) {
        std::uint32_t value;
        std::memcpy(&value, map.data() + at, 4);
        return value;
    };
    if (map.size() < 4) fail();
    const std::size_t trie = word(0);
    if (trie % 4 != 0 || trie == 0 || trie >= map.size() - 4 || map.back() != '\0') fail();
    const std::size_t units = trie / 4, texts = map.size() - 4 - trie;
    for (std::size_t i = 0; i < units; ++i) {
        const auto unit = word(4 + 4 * i);
        if (unit >> 31 != 0) {
            if ((unit & 0x7fffffff) >= texts) fail();
            continue;
        }
        const std::size_t offset = std::size_t(unit >> 10) << ((unit & 0x200) >> 6);
        if (((i ^ offset) | 0xff) >= units) fail();
    }
}

}  // namespace

SentencePieceProto readSentencePieceProto(std::string_view bytes, const std::string& where) {
    SentencePieceProto proto;
    Message model(bytes, 0, where);
    while (model.next()) {
        if (model.number() == 1) {
            if (proto.pieces.size() == kMostPieces)
                throw Error(ErrorCode::Corrupt,
                            "the model has more than " + std::to_string(kMostPieces) + " pieces", where);
            proto.pieces.push_back(pieceOf(model.message()));
            const auto& piece = proto.pieces.back();
            if (firstInvalidUtf8(piece.text) != std::string_view::npos)
                throw Error(ErrorCode::Corrupt,
                            "piece " + std::to_string(proto.pieces.size() - 1) + " is not UTF-8", where);
            if (piece.text.empty() || !std::isfinite(piece.score))
                throw Error(ErrorCode::Corrupt,
                            "piece " + std::to_string(proto.pieces.size() - 1) +
                                (piece.text.empty() ? " is empty" : " has a score that is no number"),
                            where);
        } else if (model.number() == 2) {
            auto trainer = model.message();
            while (trainer.next())
                if (trainer.number() == 3)
                    proto.kind = static_cast<int>(trainer.value());
                else if (trainer.number() == 24)
                    proto.spaceBehind = trainer.value() != 0;
                else if (trainer.number() == 35)
                    proto.byteFallback = trainer.value() != 0;
        } else if (model.number() == 3) {
            auto normalizer = model.message();
            while (normalizer.next())
                if (normalizer.number() == 2)
                    proto.characterMap = normalizer.bytes();
                else if (normalizer.number() == 3)
                    proto.prefix = normalizer.value() != 0;
                else if (normalizer.number() == 4)
                    proto.removesExtraSpaces = normalizer.value() != 0;
                else if (normalizer.number() == 5)
                    proto.escapesSpaces = normalizer.value() != 0;
        }
    }
    if (proto.pieces.empty())
        throw Error(ErrorCode::Corrupt, "this is not a SentencePiece model: it has no pieces", where);
    checkCharacterMap(proto.characterMap, where);
    return proto;
}

}  // namespace tessera
