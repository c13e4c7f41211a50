#include "core/text/bpe_trainer.h"

#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/error.h"
#include "core/text/byte_alphabet.h"
#include "core/text/pretokenizer.h"

namespace tessera {

namespace {

struct Word {
    std::vector<int> ids;
    std::int64_t count = 0;
};

std::uint64_t pairKey(int left, int right) {
    return std::uint64_t(std::uint32_t(left)) << 32 | std::uint32_t(right);
}

/// A pair in the queue, with the count it had when it was put there; stale ones are corrected when they
/// surface.
struct Entry {
    std::int64_t count;
    std::uint64_t pair;
    bool operator<(const Entry& other) const {
        return count != other.count ? count < other.count : pair > other.pair;
    }
};

}  // namespace

Json trainByteLevelBpe(std::string_view text, int vocabulary) {
    if (vocabulary < 300 || vocabulary > 1000000)
        throw Error(ErrorCode::InvalidInput,
                    "a vocabulary of " + std::to_string(vocabulary) + " tokens is not possible", "vocabulary",
                    {{"ask for 300 to 1000000 tokens", "vocabulary", "4096"}});
    const Json preTokenizer{
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};

    std::map<std::string_view, std::int64_t> counts;  // ordered, so that words have the same order everywhere
    Pieces pieces;
    PreTokenizer::fromJson(preTokenizer, "trainer").split(text, true, pieces);
    for (const auto& piece : pieces.list) ++counts[piece.text];
    std::vector<Word> words;
    for (const auto& [piece, count] : counts) {
        Word word{{}, count};
        for (const char byte : piece) word.ids.push_back(1 + static_cast<unsigned char>(byte));
        if (word.ids.size() > 1) words.push_back(std::move(word));
    }

    std::vector<std::string> tokens{"<|endoftext|>"};
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
    std::unordered_map<std::uint64_t, std::int64_t> pairs;
    std::unordered_map<std::uint64_t, std::unordered_set<std::uint32_t>> places;
    for (std::uint32_t w = 0; w < words.size(); ++w)
        for (std::size_t i = 0; i + 1 < words[w].ids.size(); ++i) {
            const auto key = pairKey(words[w].ids[i], words[w].ids[i + 1]);
            pairs[key] += words[w].count;
            places[key].insert(w);
        }
    std::priority_queue<Entry> queue;
    for (const auto& [pair, count] : pairs) queue.push({count, pair});

    std::vector<std::pair<int, int>> merges;
    while (static_cast<int>(tokens.size()) < vocabulary && !queue.empty()) {
        const Entry top = queue.top();
        queue.pop();
        const auto current = pairs[top.pair];
        if (current != top.count) {
            if (current > 0) queue.push({current, top.pair});
            continue;
        }
        if (current < 2) break;
        const int left = static_cast<int>(top.pair >> 32), right = static_cast<int>(top.pair & 0xFFFFFFFFu);
        const int merged = static_cast<int>(tokens.size());
        tokens.push_back(tokens[std::size_t(left)] + tokens[std::size_t(right)]);
        merges.emplace_back(left, right);
        std::map<std::uint64_t, std::int64_t> changed;
        const auto affected = std::move(places[top.pair]);
        for (const auto w : affected) {
            auto& word = words[w];
            for (std::size_t i = 0; i + 1 < word.ids.size(); ++i)
                changed[pairKey(word.ids[i], word.ids[i + 1])] -= word.count;
            std::vector<int> next;
            for (std::size_t i = 0; i < word.ids.size(); ++i) {
                if (i + 1 < word.ids.size() && word.ids[i] == left && word.ids[i + 1] == right) {
                    next.push_back(merged);
                    ++i;
                } else {
                    next.push_back(word.ids[i]);
                }
            }
            word.ids.swap(next);
            for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) {
                const auto key = pairKey(word.ids[i], word.ids[i + 1]);
                changed[key] += word.count;
                places[key].insert(w);
            }
        }
        for (const auto& [pair, difference] : changed) {
            if (difference == 0) continue;
            auto& count = pairs[pair];
            count += difference;
            if (count > 0) queue.push({count, pair});
        }
        pairs[top.pair] = 0;
    }

    Json vocab = Json::object(), mergeList = Json::array();
    for (std::size_t id = 0; id < tokens.size(); ++id)
        vocab[id == 0 ? tokens[id] : bytesToAlphabet(tokens[id])] = id;
    for (const auto& [left, right] : merges)
        mergeList.push_back(bytesToAlphabet(tokens[std::size_t(left)]) + " " +
                            bytesToAlphabet(tokens[std::size_t(right)]));
    return {
        {"version", "1.0"},
        {"truncation", nullptr},
        {"padding", nullptr},
        {"added_tokens",
         {{{"id", 0},
           {"content", "<|endoftext|>"},
           {"single_word", false},
           {"lstrip", false},
           {"rstrip", false},
           {"normalized", false},
           {"special", true}}}},
        {"normalizer", nullptr},
        {"pre_tokenizer", preTokenizer},
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
          {"ignore_merges", false},
          {"vocab", vocab},
          {"merges", mergeList}}}};
}

}  // namespace tessera
