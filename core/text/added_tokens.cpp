#include "core/text/added_tokens.h"

#include <algorithm>

#include "core/text/unicode.h"

namespace tessera {

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : m_tokens(std::move(tokens)), m_begins(256, false) {
    std::erase_if(m_tokens, [](const AddedToken& token) { return token.text.empty(); });
    std::stable_sort(m_tokens.begin(), m_tokens.end(),
                     [](const auto& a, const auto& b) { return a.text < b.text; });
    const auto same = std::unique(m_tokens.begin(), m_tokens.end(),
                                  [](const auto& a, const auto& b) { return a.text == b.text; });
    m_tokens.erase(same, m_tokens.end());
    for (std::size_t i = 0; i < m_tokens.size(); ++i) {
        m_begins[static_cast<unsigned char>(m_tokens[i].text[0])] = true;
        auto within = static_cast<std::ptrdiff_t>(i) - 1;
        while (within >= 0 && !m_tokens[i].text.starts_with(m_tokens[std::size_t(within)].text))
            within = m_within[std::size_t(within)];
        m_within.push_back(within);
    }
}

const AddedToken* AddedTokens::at(std::string_view text) const {
    if (!m_begins[static_cast<unsigned char>(text[0])]) return nullptr;
    // Everything between a token that the text begins with and the text itself, in sorted order, begins with
    // that token: it is found by going back from the last token that is not behind the text.
    const auto behind = std::upper_bound(
        m_tokens.begin(), m_tokens.end(), text,
        [](std::string_view wanted, const AddedToken& token) { return wanted < token.text; });
    for (auto i = behind - m_tokens.begin() - 1; i >= 0; i = m_within[std::size_t(i)])
        if (text.starts_with(m_tokens[std::size_t(i)].text)) return &m_tokens[std::size_t(i)];
    return nullptr;
}

void AddedTokens::split(std::string_view text, std::vector<Part>& parts) const {
    std::size_t done = 0;
    const auto plain = [&](std::size_t end) {
        if (end > done) parts.push_back({text.substr(done, end - done), -1});
    };
    for (std::size_t i = 0; !m_tokens.empty() && i < text.size();) {
        const auto* token = at(text.substr(i));
        if (!token) {
            ++i;
            continue;
        }
        auto begin = i, end = i + token->text.size();
        i = end;
        if (token->singleWord) {
            auto before = begin, after = end;
            if ((begin > 0 && unicode::isWord(unicode::previous(text, before))) ||
                (end < text.size() && unicode::isWord(unicode::next(text, after))))
                continue;
        }
        if (token->leftStrip) {
            for (auto at = begin; at > done && unicode::isWhitespace(unicode::previous(text, at));)
                begin = at;
            begin = std::max(begin, done);
            end = std::max(begin, end);
        }
        if (token->rightStrip)
            for (auto at = end; at < text.size() && unicode::isWhitespace(unicode::next(text, at));) end = at;
        plain(begin);
        parts.push_back({text.substr(begin, end - begin), token->id});
        // The search goes on behind the token itself: a token of white space is found in what this one took
        // along, too, as the `tokenizers` library does.
        done = end;
    }
    plain(text.size());
}

}  // namespace tessera
