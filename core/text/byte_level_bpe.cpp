#include "core/text/byte_level_bpe.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/text/byte_alphabet.h"
#include "core/text/utf8.h"

namespace tessera {

namespace {

std::uint64_t pairKey(std::int32_t left, std::int32_t right) {
    return std::uint64_t(std::uint32_t(left)) << 32 | std::uint32_t(right);
}

}  // namespace

ByteLevelBpe::ByteLevelBpe(BpeDefinition definition, const std::string& where, Json original)
    : m_definition(std::move(definition)),
      m_original(std::move(original)),
      m_preTokenizer(PreTokenizer::fromJson(m_definition.preTokenizer, where)) {
    const auto& tokens = m_definition.tokens;
    m_bytes.resize(tokens.size());
    m_special.assign(tokens.size(), false);
    std::vector<bool> isAdded(tokens.size(), false);
    for (const auto& added : m_definition.added) {
        if (added.id < 0 || static_cast<std::size_t>(added.id) >= tokens.size())
            throw Error(ErrorCode::Corrupt,
                        "an added token has the id " + std::to_string(added.id) +
                            ", the vocabulary ends at " + std::to_string(tokens.size()),
                        where);
        if (added.text.empty()) throw Error(ErrorCode::Corrupt, "an added token is empty", where);
        isAdded[std::size_t(added.id)] = true;
        m_bytes[std::size_t(added.id)] = added.text;
        m_special[std::size_t(added.id)] = added.special;
    }
    std::unordered_map<std::string_view, std::int32_t> ids;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        if (tokens[id].empty()) continue;
        if (!ids.emplace(tokens[id], static_cast<std::int32_t>(id)).second && !isAdded[id])
            throw Error(ErrorCode::Corrupt, "the token '" + tokens[id] + "' is there twice", where);
        if (isAdded[id]) continue;
        const auto bytes = alphabetToBytes(tokens[id]);
        // A token outside of the byte alphabet can never be made by merges; it decodes to its own text.
        m_bytes[id] = bytes ? *bytes : tokens[id];
        if (m_definition.ignoreMerges && bytes) m_whole.emplace(*bytes, static_cast<std::int32_t>(id));
    }
    m_byteIds.assign(256, -1);
    for (int byte = 0; byte < 256; ++byte) {
        const auto found = ids.find(bytesToAlphabet(std::string(1, static_cast<char>(byte))));
        if (found != ids.end()) m_byteIds[std::size_t(byte)] = found->second;
    }
    if (m_definition.merges.empty())
        throw Error(ErrorCode::Corrupt, "the tokenizer has no merges", where,
                    {{"use the tokenizer.json that belongs to the model", "", ""}});
    std::int32_t rank = 0;
    for (const auto& [left, right] : m_definition.merges) {
        const auto l = ids.find(left), r = ids.find(right), both = ids.find(left + right);
        if (l == ids.end() || r == ids.end() || both == ids.end())
            throw Error(ErrorCode::Corrupt,
                        "merge " + std::to_string(rank) + " ('" + left + "' and '" + right +
                            "') is of tokens that are not in the vocabulary",
                        where);
        m_merges.emplace(pairKey(l->second, r->second), Merge{rank, both->second});
        ++rank;
    }
    m_addedByLength.resize(m_definition.added.size());
    std::iota(m_addedByLength.begin(), m_addedByLength.end(), 0u);
    std::stable_sort(m_addedByLength.begin(), m_addedByLength.end(), [&](auto a, auto b) {
        return m_definition.added[a].text.size() > m_definition.added[b].text.size();
    });
}

std::vector<std::int32_t> ByteLevelBpe::encode(std::string_view text) const {
    if (const auto bad = firstInvalidUtf8(text); bad != std::string_view::npos)
        throw Error(ErrorCode::InvalidInput, "the text is not valid UTF-8", "byte " + std::to_string(bad));
    std::vector<std::int32_t> ids;
    std::vector<bool> starts(256, false);
    for (const auto& added : m_definition.added) starts[static_cast<unsigned char>(added.text[0])] = true;
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size();) {
        bool found = false;
        if (starts[static_cast<unsigned char>(text[i])]) {
            for (const auto index : m_addedByLength) {
                const auto& added = m_definition.added[index];
                if (text.substr(i, added.text.size()) != added.text) continue;
                encodePlain(text.substr(done, i - done), ids);
                ids.push_back(added.id);
                i += added.text.size();
                done = i;
                found = true;
                break;
            }
        }
        if (!found) ++i;
    }
    encodePlain(text.substr(done), ids);
    return ids;
}

void ByteLevelBpe::encodePlain(std::string_view text, std::vector<std::int32_t>& ids) const {
    if (text.empty()) return;
    // Words repeat: what one became is looked up in what was made already.
    std::unordered_map<std::string_view, std::pair<std::size_t, std::size_t>> seen;
    for (const auto piece : m_preTokenizer.split(text)) {
        const auto [entry, fresh] = seen.try_emplace(piece, ids.size(), 0);
        if (fresh) {
            mergePiece(piece, ids);
            entry->second.second = ids.size() - entry->second.first;
        } else {
            const auto [first, count] = entry->second;
            for (std::size_t i = 0; i < count; ++i) ids.push_back(ids[first + i]);
        }
    }
}

void ByteLevelBpe::mergePiece(std::string_view piece, std::vector<std::int32_t>& ids) const {
    if (m_definition.ignoreMerges) {
        const auto whole = m_whole.find(std::string(piece));
        if (whole != m_whole.end()) {
            ids.push_back(whole->second);
            return;
        }
    }
    // A doubly linked list of parts and a heap of the merges that could be made: n log n for any piece.
    struct Part {
        std::int32_t id, previous, next;
    };
    struct Candidate {
        std::int32_t rank, left, leftId, rightId, result;
        bool operator<(const Candidate& other) const {
            return rank != other.rank ? rank > other.rank : left > other.left;
        }
    };
    std::vector<Part> parts;
    for (const char byte : piece) {
        const auto id = m_byteIds[static_cast<unsigned char>(byte)];
        if (id < 0) continue;  // a byte that the vocabulary lacks has no token
        const auto place = static_cast<std::int32_t>(parts.size());
        parts.push_back({id, place - 1, place + 1});
    }
    if (parts.empty()) return;
    parts.back().next = -1;
    std::vector<Candidate> heap;
    const auto offer = [&](std::int32_t left) {
        if (left < 0 || parts[std::size_t(left)].next < 0) return;
        const auto& l = parts[std::size_t(left)];
        const auto& r = parts[std::size_t(l.next)];
        const auto merge = m_merges.find(pairKey(l.id, r.id));
        if (merge == m_merges.end()) return;
        heap.push_back({merge->second.rank, left, l.id, r.id, merge->second.result});
        std::push_heap(heap.begin(), heap.end());
    };
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(parts.size()); ++i) offer(i);
    while (!heap.empty()) {
        const auto best = heap.front();
        std::pop_heap(heap.begin(), heap.end());
        heap.pop_back();
        auto& left = parts[std::size_t(best.left)];
        if (left.id != best.leftId || left.next < 0 || parts[std::size_t(left.next)].id != best.rightId)
            continue;
        auto& right = parts[std::size_t(left.next)];
        left.id = best.result;
        right.id = -1;
        left.next = right.next;
        if (left.next >= 0) parts[std::size_t(left.next)].previous = best.left;
        offer(left.previous);
        offer(best.left);
    }
    for (std::int32_t i = 0; i >= 0; i = parts[std::size_t(i)].next) ids.push_back(parts[std::size_t(i)].id);
}

std::string ByteLevelBpe::decode(std::span<const std::int32_t> ids, bool skipSpecial) const {
    std::string text;
    for (const auto id : ids) {
        if (id < 0 || static_cast<std::size_t>(id) >= m_bytes.size())
            throw Error(ErrorCode::InvalidInput,
                        "there is no token " + std::to_string(id) + "; the vocabulary has " +
                            std::to_string(m_bytes.size()),
                        "decode");
        if (!(skipSpecial && m_special[std::size_t(id)])) text += m_bytes[std::size_t(id)];
    }
    return text;
}

Json ByteLevelBpe::toTokenizerJson() const {
    if (!m_original.is_null()) return m_original;
    Json vocab = Json::object(), merges = Json::array(), added = Json::array();
    for (std::size_t id = 0; id < m_definition.tokens.size(); ++id)
        if (!m_definition.tokens[id].empty()) vocab[m_definition.tokens[id]] = id;
    for (const auto& [left, right] : m_definition.merges) merges.push_back(left + " " + right);
    for (const auto& token : m_definition.added)
        added.push_back({{"id", token.id},
                         {"content", token.text},
                         {"single_word", false},
                         {"lstrip", false},
                         {"rstrip", false},
                         {"normalized", false},
                         {"special", token.special}});
    return {
        {"version", "1.0"},
        {"truncation", nullptr},
        {"padding", nullptr},
        {"added_tokens", added},
        {"normalizer", nullptr},
        {"pre_tokenizer", m_definition.preTokenizer},
        {"post_processor", nullptr},
        {"decoder",
         {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
        {"model",
         {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", m_definition.ignoreMerges},
          {"vocab", vocab},
          {"merges", merges}}}};
}

Json ByteLevelBpe::toTokenizerConfig() const {
    auto config = m_definition.config;
    if (!config.is_object()) {
        config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                  {"clean_up_tokenization_spaces", false},
                  {"add_bos_token", m_definition.addsBos}};
        const auto name = [&](std::int32_t id) { return m_bytes.at(static_cast<std::size_t>(id)); };
        if (m_definition.bos >= 0) config["bos_token"] = name(m_definition.bos);
        if (m_definition.eos >= 0) config["eos_token"] = name(m_definition.eos);
        if (!m_definition.chatTemplate.empty()) config["chat_template"] = m_definition.chatTemplate;
    }
    // The class's own default holds token_type_ids, which no Llama takes.
    if (config.value("tokenizer_class", Json()) == "PreTrainedTokenizerFast" &&
        !config.contains("model_input_names"))
        config["model_input_names"] = {"input_ids", "attention_mask"};
    return config;
}

}  // namespace tessera
