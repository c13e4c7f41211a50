#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/tokenizer_definition.h"

namespace tessera {

/// Pieces of a text to ids. Thread-safe after construction.
class PieceModel {
  public:
    virtual ~PieceModel() = default;
    /// Appends the ids of a piece of valid UTF-8.
    virtual void encode(std::string_view piece, std::vector<std::int32_t>& ids) const = 0;
};

/// 64-bit keys to two numbers: open addressing, for the millions of look-ups that merging takes.
class PairTable {
  public:
    struct Entry {
        std::uint64_t key = kNone;
        std::int32_t first = 0, second = 0;
    };
    explicit PairTable(std::size_t expected);
    void insert(std::uint64_t key, std::int32_t first, std::int32_t second);  ///< keeps what is there already
    const Entry* find(std::uint64_t key) const {
        for (auto at = slot(key);; at = (at + 1) & m_mask) {
            if (m_entries[at].key == key) return &m_entries[at];
            if (m_entries[at].key == kNone) return nullptr;
        }
    }

  private:
    static constexpr std::uint64_t kNone = ~std::uint64_t(0);
    std::size_t slot(std::uint64_t key) const {
        return static_cast<std::size_t>((key ^ key >> 29) * 0x9e3779b97f4a7c15u >> 20) & m_mask;
    }
    void grow();
    std::vector<Entry> m_entries;
    std::size_t m_mask, m_used = 0;
};

/// Byte-pair merges by rank, leftmost first. With `byteLevel`, pieces are bytes that stand for letters of
/// GPT-2's alphabet; else their characters are looked up as they are. Throws Error{Corrupt} naming the token
/// or merge that is wrong.
std::unique_ptr<const PieceModel> makeBpe(const TokenizerDefinition& definition, bool byteLevel,
                                          const std::string& where);

/// The segmentation of the highest score (Kudo 2018, arXiv 1804.10959, by Viterbi).
std::unique_ptr<const PieceModel> makeUnigram(const TokenizerDefinition& definition,
                                              const std::string& where);

/// Ids of <0x00> to <0xFF>; -1: no such token.
std::array<std::int32_t, 256> byteTokens(const TokenizerDefinition& definition);

}  // namespace tessera
