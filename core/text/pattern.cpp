#include "core/text/pattern.h"

#include "core/text/unicode.h"

namespace tessera {

Pattern Pattern::regex(const std::string& expression, const std::string& where) {
    Pattern pattern;
    pattern.m_regex = std::make_shared<Regex>(expression, where);
    return pattern;
}

Pattern Pattern::literal(std::string text) {
    Pattern pattern;
    pattern.m_literal = std::move(text);
    return pattern;
}

Pattern Pattern::characters(Predicate predicate) {
    Pattern pattern;
    pattern.m_predicate = predicate;
    return pattern;
}

Pattern Pattern::fromJson(const Component& component) {
    if (component.has("Regex")) return regex(component.text("Regex"), component.where() + "/Regex");
    return literal(component.text("String"));
}

void Pattern::find(std::string_view text, std::vector<Span>& spans) const {
    spans.clear();
    std::size_t done = 0;
    const auto match = [&](std::size_t begin, std::size_t end) {
        if (begin > done) spans.push_back({done, begin, false});
        spans.push_back({begin, end, true});
        done = end;
    };
    if (m_predicate) {
        for (std::size_t at = 0; at < text.size();) {
            const auto begin = at;
            if (m_predicate(unicode::next(text, at))) match(begin, at);
        }
    } else if (m_regex) {
        // An empty match is none where a match has just ended.
        std::size_t from = 0, begin = 0, end = 0, last = std::string_view::npos;
        while (from <= text.size() && m_regex->find(text, from, begin, end)) {
            if (begin == end && end == last) {
                if (end >= text.size()) break;
                from = end;
                unicode::next(text, from);
                continue;
            }
            match(begin, end);
            from = last = end;
        }
    } else if (!m_literal.empty()) {
        for (auto at = text.find(m_literal); at != std::string_view::npos; at = text.find(m_literal, done))
            match(at, at + m_literal.size());
    }
    if (done < text.size()) spans.push_back({done, text.size(), false});
}

}  // namespace tessera
