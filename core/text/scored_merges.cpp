#include "core/text/scored_merges.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "core/base/error.h"

namespace tessera {

void addScoredMerges(TokenizerDefinition& definition, const std::vector<double>& scores,
                     const std::vector<bool>& merges, const std::string& where) {
    const auto& tokens = definition.tokens;
    if (scores.size() != tokens.size())
        throw Error(ErrorCode::Corrupt,
                    "the vocabulary has " + std::to_string(tokens.size()) + " tokens and " +
                        std::to_string(scores.size()) + " scores",
                    where);
    std::unordered_map<std::string_view, std::int32_t> ids;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        if (std::isnan(scores[id]))
            throw Error(ErrorCode::Corrupt, "the score of token " + std::to_string(id) + " is not a number",
                        where);
        if (merges[id] && !tokens[id].empty()) ids.emplace(tokens[id], static_cast<std::int32_t>(id));
    }
    struct Merge {
        double score;
        std::int32_t left, right;
        std::size_t leftSize, rightSize;
    };
    std::vector<Merge> found;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        if (!merges[id]) continue;
        const std::string_view token = tokens[id];
        const auto begin = found.size();
        for (std::size_t cut = 1; cut < token.size(); ++cut) {
            if ((static_cast<unsigned char>(token[cut]) & 0xC0) == 0x80) continue;
            const auto left = ids.find(token.substr(0, cut)), right = ids.find(token.substr(cut));
            if (left != ids.end() && right != ids.end())
                found.push_back({scores[id], left->second, right->second, cut, token.size() - cut});
        }
        std::sort(found.begin() + static_cast<std::ptrdiff_t>(begin), found.end(),
                  [](const auto& a, const auto& b) {
                      return std::tie(a.left, a.right) < std::tie(b.left, b.right);
                  });
    }
    // Merges of one score have no order among them but the place in the text; where only a list can be
    // written, they are in the order that `transformers` writes.
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::tie(b.score, b.leftSize, b.rightSize) < std::tie(a.score, a.leftSize, a.rightSize);
    });
    std::int32_t rank = -1;
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (i == 0 || found[i].score != found[i - 1].score) ++rank;
        definition.merges.emplace_back(tokens[std::size_t(found[i].left)],
                                       tokens[std::size_t(found[i].right)]);
        definition.ranks.push_back(rank);
    }
}

void addSpaceEscapes(TokenizerDefinition& definition, bool prefix) {
    const char* const space = "\xe2\x96\x81";
    const auto replace = [](const char* from, const char* to) {
        return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
    };
    auto normalizers = Json::array(), decoders = Json::array();
    if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", space}});
    normalizers.push_back(replace(" ", space));
    decoders.push_back(replace(space, " "));
    decoders.push_back({{"type", "ByteFallback"}});
    decoders.push_back({{"type", "Fuse"}});
    if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    definition.normalizer = {{"type", "Sequence"}, {"normalizers", normalizers}};
    definition.decoder = {{"type", "Sequence"}, {"decoders", decoders}};
}

}  // namespace tessera
