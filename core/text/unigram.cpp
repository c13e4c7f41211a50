#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/text/piece_model.h"
#include "core/text/unicode.h"

namespace tessera {

namespace {

/// How much worse than the worst token an unknown character is.
constexpr double kUnknownPenalty = 10.0;

class Unigram : public PieceModel {
  public:
    Unigram(const TokenizerDefinition& definition, const std::string& where)
        : m_scores(definition.scores),
          m_unknown(definition.unknown),
          m_byteFallback(definition.byteFallback),
          m_byteTokens(byteTokens(definition)),
          m_trie(definition.tokens.size() * 4) {
        if (definition.scores.size() != definition.tokens.size() || definition.tokens.empty())
            throw Error(ErrorCode::Corrupt, "the vocabulary has no scores", where);
        double worst = definition.scores.front();
        for (const double score : definition.scores) {
            if (!std::isfinite(score))
                throw Error(ErrorCode::Corrupt, "a token's score is not a finite number", where);
            worst = std::min(worst, score);
        }
        m_unknownScore = worst - kUnknownPenalty;
        m_ids.push_back(-1);
        for (std::size_t id = 0; id < definition.tokens.size(); ++id) {
            std::int32_t node = 0;
            for (const char byte : definition.tokens[id]) {
                const auto key = childKey(node, byte);
                if (const auto* child = m_trie.find(key)) {
                    node = child->first;
                } else {
                    node = static_cast<std::int32_t>(m_ids.size());
                    m_trie.insert(key, node, 0);
                    m_ids.push_back(-1);
                }
            }
            if (node == 0) continue;
            if (m_ids[std::size_t(node)] >= 0)
                throw Error(ErrorCode::Corrupt, "the token '" + definition.tokens[id] + "' is there twice",
                            where);
            m_ids[std::size_t(node)] = static_cast<std::int32_t>(id);
        }
    }

    void encode(std::string_view piece, std::vector<std::int32_t>& ids) const override {
        struct Best {
            double score = 0;
            std::ptrdiff_t from = -1;
            std::int32_t id = -1;
        };
        std::vector<Best> best(piece.size() + 1);
        const auto reach = [&](std::size_t from, std::size_t to, double score, std::int32_t id) {
            score += best[from].score;
            if (best[to].from < 0 || score > best[to].score)
                best[to] = {score, static_cast<std::ptrdiff_t>(from), id};
        };
        for (std::size_t begin = 0; begin < piece.size();) {
            auto characterEnd = begin;
            unicode::next(piece, characterEnd);
            bool single = false;
            std::int32_t node = 0;
            for (std::size_t at = begin; at < piece.size();) {
                const auto* child = m_trie.find(childKey(node, piece[at]));
                if (!child) break;
                node = child->first;
                ++at;
                const auto id = m_ids[std::size_t(node)];
                if (id < 0) continue;
                reach(begin, at, m_scores[std::size_t(id)], id);
                single = single || at == characterEnd;
            }
            if (!single) {
                if (m_unknown < 0)
                    throw Error(
                        ErrorCode::InvalidInput,
                        "the text has a character that the vocabulary lacks, and the vocabulary has no "
                        "token for what is unknown",
                        "byte " + std::to_string(begin));
                reach(begin, characterEnd, m_unknownScore, m_unknown);
            }
            begin = characterEnd;
        }
        // Backwards along the best path; a run of unknown characters is one.
        struct Token {
            std::size_t begin, end;
            std::int32_t id;
        };
        std::vector<Token> path;
        for (auto end = piece.size(); end > 0;) {
            const auto begin = static_cast<std::size_t>(best[end].from);
            if (best[end].id == m_unknown && !path.empty() && path.back().id == m_unknown)
                path.back().begin = begin;
            else
                path.push_back({begin, end, best[end].id});
            end = begin;
        }
        for (auto token = path.rbegin(); token != path.rend(); ++token) {
            const auto text = piece.substr(token->begin, token->end - token->begin);
            const auto byteToken = [&](char byte) { return m_byteTokens[static_cast<unsigned char>(byte)]; };
            if (const auto id = token->id == m_unknown ? idOf(text) : token->id; id >= 0)
                ids.push_back(id);
            else if (m_byteFallback &&
                     std::all_of(text.begin(), text.end(), [&](char byte) { return byteToken(byte) >= 0; }))
                for (const char byte : text) ids.push_back(byteToken(byte));
            else
                ids.push_back(m_unknown);
        }
    }

  private:
    std::int32_t idOf(std::string_view text) const {
        std::int32_t node = 0;
        for (const char byte : text) {
            const auto* child = m_trie.find(childKey(node, byte));
            if (!child) return -1;
            node = child->first;
        }
        return m_ids[std::size_t(node)];
    }
    static std::uint64_t childKey(std::int32_t node, char byte) {
        return std::uint64_t(std::uint32_t(node)) << 8 | static_cast<unsigned char>(byte);
    }

    std::vector<double> m_scores;
    std::int32_t m_unknown;
    bool m_byteFallback;
    std::array<std::int32_t, 256> m_byteTokens;
    double m_unknownScore = 0;
    PairTable m_trie;                 ///< node and byte to the next node
    std::vector<std::int32_t> m_ids;  ///< by node; -1: no token ends here
};

}  // namespace

std::unique_ptr<const PieceModel> makeUnigram(const TokenizerDefinition& definition,
                                              const std::string& where) {
    return std::make_unique<Unigram>(definition, where);
}

}  // namespace tessera
