#pragma once

#include <memory>
#include <vector>

#include "core/text/component.h"
#include "core/text/regex.h"

namespace tessera {

/// What a normalizer or a pre-tokenizer looks for: a regular expression, a text, or a kind of character.
class Pattern {
  public:
    struct Span {
        std::size_t begin, end;
        bool match;
    };
    using Predicate = bool (*)(char32_t);

    static Pattern regex(const std::string& expression, const std::string& where);
    static Pattern literal(std::string text);
    static Pattern characters(Predicate predicate);
    /// From {"Regex": ...} or {"String": ...}.
    static Pattern fromJson(const Component& component);

    /// The whole of the text as matches (which may be empty, where the expression can be) and what lies
    /// between.
    void find(std::string_view text, std::vector<Span>& spans) const;

  private:
    std::shared_ptr<const Regex> m_regex;
    std::string m_literal;
    Predicate m_predicate = nullptr;
};

}  // namespace tessera
