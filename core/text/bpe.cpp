#include <algorithm>

#include "core/base/error.h"
#include "core/text/byte_alphabet.h"
#include "core/text/piece_model.h"
#include "core/text/unicode.h"

namespace tessera {

namespace {

constexpr std::string_view kWordBegin = "\xe2\x96\x81";  // U+2581, SentencePiece's space

std::uint64_t pairKey(std::int32_t left, std::int32_t right) {
    return std::uint64_t(std::uint32_t(left)) << 32 | std::uint32_t(right);
}

class Bpe : public PieceModel {
  public:
    Bpe(const TokenizerDefinition& definition, bool byteLevel, const std::string& where);
    void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override;

  private:
    struct Part {
        std::int32_t id, previous, next;
        std::int32_t rank, result;  ///< of the merge with the next part; rank -1: there is none
    };
    /// The parts that a piece begins as.
    class Beginning;
    void addCharacter(std::string_view character, Beginning& beginning) const;
    void encodeWord(std::string_view word, std::vector<std::int32_t>& ids) const;

    bool m_byteLevel, m_ignoreMerges, m_fuseUnknown, m_byteFallback;
    bool m_cutsAtWords = false;  ///< no merge crosses the beginning of a word
    std::int32_t m_unknown;
    std::unordered_map<std::string, std::int32_t> m_whole;  ///< where merges are ignored for whole tokens
    std::unordered_map<std::string, std::int32_t> m_characters;
    std::array<std::int32_t, 256> m_letters;  ///< ids of single bytes: of ASCII, or with byteLevel of all
    std::array<std::int32_t, 256> m_byteTokens;
    PairTable m_merges;
};

class Bpe::Beginning {
  public:
    explicit Beginning(bool fuses) : m_fuses(fuses) {}
    void add(std::int32_t id) {
        const auto place = static_cast<std::int32_t>(parts.size());
        parts.push_back({id, place - 1, place + 1, -1, -1});
    }
    void known(std::int32_t id) {
        flush();
        add(id);
    }
    void unknown(std::int32_t id) {
        if (!m_fuses) flush();
        m_unknown = id;
    }
    void flush() {
        if (m_unknown >= 0) add(m_unknown);
        m_unknown = -1;
    }
    std::vector<Part> parts;

  private:
    bool m_fuses;
    std::int32_t m_unknown = -1;
};

Bpe::Bpe(const TokenizerDefinition& definition, bool byteLevel, const std::string& where)
    : m_byteLevel(byteLevel),
      m_ignoreMerges(definition.ignoreMerges),
      m_fuseUnknown(definition.fuseUnknown),
      m_byteFallback(definition.byteFallback),
      m_unknown(definition.unknown),
      m_merges(definition.merges.size()) {
    const auto& tokens = definition.tokens;
    std::unordered_map<std::string_view, std::int32_t> ids;
    ids.reserve(tokens.size());
    std::vector<bool> isAdded(tokens.size(), false);
    for (const auto& added : definition.added) isAdded.at(std::size_t(added.id)) = true;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const auto& token = tokens[i];
        const auto id = static_cast<std::int32_t>(i);
        if (token.empty()) continue;
        if (!ids.emplace(token, id).second) {
            if (isAdded[i]) continue;
            throw Error(ErrorCode::Corrupt, "the token '" + token + "' is there twice", where);
        }
        std::size_t length = 0;
        unicode::next(token, length);
        if (length == token.size()) m_characters.emplace(token, id);
        if (!m_ignoreMerges) continue;
        const auto bytes = byteLevel ? alphabetToBytes(token) : token;
        if (bytes) m_whole.emplace(*bytes, id);
    }
    const auto character = [&](const std::string& text) {
        const auto found = m_characters.find(text);
        return found == m_characters.end() ? -1 : found->second;
    };
    for (int byte = 0; byte < 256; ++byte) {
        const std::string text(1, static_cast<char>(byte));
        m_letters[std::size_t(byte)] = byteLevel    ? character(bytesToAlphabet(text))
                                       : byte < 128 ? character(text)
                                                    : -1;
    }
    m_byteTokens = byteTokens(definition);

    if (definition.merges.empty())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no merges", where,
                    {{"use the tokenizer.json that belongs to the model", "", ""}});
    std::string joined;
    // From the end, for of two merges of the same pair the later one counts.
    for (auto rank = static_cast<std::int32_t>(definition.merges.size()) - 1; rank >= 0; --rank) {
        const auto& [left, right] = definition.merges[std::size_t(rank)];
        joined.assign(left).append(right);
        const auto l = ids.find(left), r = ids.find(right), both = ids.find(joined);
        if (l == ids.end() || r == ids.end() || both == ids.end())
            throw Error(ErrorCode::Corrupt,
                        "merge " + std::to_string(rank) + " ('" + left + "' and '" + right +
                            "') is of tokens that are not in the vocabulary",
                        where);
        m_merges.insert(pairKey(l->second, r->second),
                        definition.ranks.empty() ? rank : definition.ranks[std::size_t(rank)], both->second);
    }

    const bool bytesComplete = std::find(m_byteTokens.begin(), m_byteTokens.end(), -1) == m_byteTokens.end();
    m_cutsAtWords = !byteLevel && !m_ignoreMerges && m_byteFallback && bytesComplete;
    for (const auto& [left, right] : definition.merges) {
        if (!m_cutsAtWords) break;
        joined.assign(left).append(right);
        for (auto at = joined.find(kWordBegin, 1); at != std::string::npos;
             at = joined.find(kWordBegin, at + kWordBegin.size()))
            if (at < kWordBegin.size() ||
                joined.compare(at - kWordBegin.size(), kWordBegin.size(), kWordBegin) != 0)
                m_cutsAtWords = false;
    }
}

void Bpe::addCharacter(std::string_view character, Beginning& beginning) const {
    const auto found = m_characters.find(std::string(character));
    if (found != m_characters.end()) {
        beginning.known(found->second);
        return;
    }
    if (m_byteFallback) {
        const auto token = [&](char byte) { return m_byteTokens[static_cast<unsigned char>(byte)]; };
        if (std::all_of(character.begin(), character.end(), [&](char byte) { return token(byte) >= 0; })) {
            for (const char byte : character) beginning.add(token(byte));
            return;
        }
    }
    // Without a token for what is unknown, it has none.
    if (m_unknown >= 0) beginning.unknown(m_unknown);
}

void Bpe::encode(std::string_view piece, std::vector<std::int32_t>& ids) const {
    if (!m_cutsAtWords) return encodeWord(piece, ids);
    // Words repeat: what one became is looked up in what was made already.
    std::unordered_map<std::string_view, std::pair<std::size_t, std::size_t>> seen;
    for (std::size_t begin = 0; begin < piece.size();) {
        auto end = begin;
        while (piece.substr(end, kWordBegin.size()) == kWordBegin) end += kWordBegin.size();
        end = std::min(piece.find(kWordBegin, end), piece.size());
        const auto word = piece.substr(begin, end - begin);
        begin = end;
        const auto [entry, fresh] = seen.try_emplace(word, ids.size(), 0);
        if (fresh) {
            encodeWord(word, ids);
            entry->second.second = ids.size() - entry->second.first;
        } else {
            const auto [first, count] = entry->second;
            for (std::size_t i = 0; i < count; ++i) ids.push_back(ids[first + i]);
        }
    }
}

void Bpe::encodeWord(std::string_view word, std::vector<std::int32_t>& ids) const {
    if (m_ignoreMerges) {
        const auto whole = m_whole.find(std::string(word));
        if (whole != m_whole.end()) {
            ids.push_back(whole->second);
            return;
        }
    }
    Beginning beginning(m_fuseUnknown);
    auto& parts = beginning.parts;
    parts.reserve(word.size());
    for (std::size_t at = 0; at < word.size();) {
        const auto first = at;
        if (const auto id = m_letters[static_cast<unsigned char>(word[at])]; id >= 0) {
            beginning.known(id);
            ++at;
        } else if (m_byteLevel) {
            addCharacter(bytesToAlphabet(word.substr(at++, 1)), beginning);
        } else {
            unicode::next(word, at);
            addCharacter(word.substr(first, at - first), beginning);
        }
    }
    beginning.flush();
    if (parts.empty()) return;
    parts.back().next = -1;

    // A doubly linked list of parts and a heap of the merges that could be made, by rank and then by place: n
    // log n for any piece. An entry is void when its part has another merge, or none, by the time it comes
    // up.
    std::vector<std::uint64_t> heap;
    heap.reserve(parts.size());
    const auto offer = [&](std::int32_t at) {
        auto& part = parts[std::size_t(at)];
        part.rank = -1;
        if (part.next < 0) return false;
        const auto* merge = m_merges.find(pairKey(part.id, parts[std::size_t(part.next)].id));
        if (!merge) return false;
        part.rank = merge->first;
        part.result = merge->second;
        heap.push_back(std::uint64_t(std::uint32_t(part.rank)) << 32 | std::uint32_t(at));
        return true;
    };
    const auto later = std::greater<std::uint64_t>();
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(parts.size()); ++i) offer(i);
    std::make_heap(heap.begin(), heap.end(), later);
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end(), later);
        const auto best = heap.back();
        heap.pop_back();
        const auto at = static_cast<std::int32_t>(best & 0xffffffffu);
        auto& part = parts[std::size_t(at)];
        if (part.rank != static_cast<std::int32_t>(best >> 32)) continue;
        auto& next = parts[std::size_t(part.next)];
        part.id = part.result;
        part.next = next.next;
        next.rank = -1;
        if (part.next >= 0) parts[std::size_t(part.next)].previous = at;
        if (part.previous >= 0 && offer(part.previous)) std::push_heap(heap.begin(), heap.end(), later);
        if (offer(at)) std::push_heap(heap.begin(), heap.end(), later);
    }
    for (std::int32_t i = 0; i >= 0; i = parts[std::size_t(i)].next) ids.push_back(parts[std::size_t(i)].id);
}

}  // namespace

PairTable::PairTable(std::size_t expected) {
    std::size_t size = 16;
    while (size < 2 * expected) size *= 2;
    m_entries.resize(size);
    m_mask = size - 1;
}

void PairTable::insert(std::uint64_t key, std::int32_t first, std::int32_t second) {
    if (2 * (m_used + 1) > m_entries.size()) grow();
    auto at = slot(key);
    while (m_entries[at].key != kNone) {
        if (m_entries[at].key == key) return;
        at = (at + 1) & m_mask;
    }
    m_entries[at] = {key, first, second};
    ++m_used;
}

void PairTable::grow() {
    std::vector<Entry> old(2 * m_entries.size());
    old.swap(m_entries);
    m_mask = m_entries.size() - 1;
    m_used = 0;
    for (const auto& entry : old)
        if (entry.key != kNone) insert(entry.key, entry.first, entry.second);
}

std::array<std::int32_t, 256> byteTokens(const TokenizerDefinition& definition) {
    std::array<std::int32_t, 256> ids;
    ids.fill(-1);
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (std::size_t id = 0; id < definition.tokens.size(); ++id) {
        const auto& token = definition.tokens[id];
        if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') continue;
        const auto high = digits.find(token[3]), low = digits.find(token[4]);
        if (high != std::string_view::npos && low != std::string_view::npos)
            ids[high * 16 + low] = static_cast<std::int32_t>(id);
    }
    return ids;
}

std::unique_ptr<const PieceModel> makeBpe(const TokenizerDefinition& definition, bool byteLevel,
                                          const std::string& where) {
    return std::make_unique<Bpe>(definition, byteLevel, where);
}

}  // namespace tessera
