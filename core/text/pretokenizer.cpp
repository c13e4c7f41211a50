#include "core/text/pretokenizer.h"

#include <algorithm>
#include <utility>

#include "core/text/byte_alphabet.h"
#include "core/text/pattern.h"
#include "core/text/unicode.h"

namespace tessera {

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

enum class Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };
using Spans = std::vector<Pattern::Span>;

Behavior behaviorOf(const Component& component, const char* fallback) {
    const auto name = fallback ? component.text("behavior", fallback) : component.text("behavior");
    for (const auto& [known, behavior] : {std::pair{"Removed", Behavior::Removed},
                                          {"Isolated", Behavior::Isolated},
                                          {"MergedWithPrevious", Behavior::MergedWithPrevious},
                                          {"MergedWithNext", Behavior::MergedWithNext},
                                          {"Contiguous", Behavior::Contiguous}})
        if (name == known) return behavior;
    component.refuse("the splitting behavior '" + name + "'");
}

/// Joins or drops neighbours as the behavior says; what is left are the pieces.
void arrange(Spans& spans, Behavior behavior) {
    if (behavior == Behavior::Isolated) return;
    Spans arranged;
    bool previous = false;
    if (behavior == Behavior::MergedWithNext) {
        for (auto span = spans.rbegin(); span != spans.rend(); ++span) {
            if (span->match && !previous && !arranged.empty())
                arranged.back().begin = span->begin;
            else
                arranged.push_back(*span);
            previous = span->match;
        }
        std::reverse(arranged.begin(), arranged.end());
    } else {
        for (const auto& span : spans) {
            const bool joins = behavior == Behavior::MergedWithPrevious ? span.match && !previous
                               : behavior == Behavior::Contiguous       ? span.match == previous
                                                                        : false;
            if (behavior == Behavior::Removed && span.match) continue;
            if (joins && !arranged.empty())
                arranged.back().end = span.end;
            else
                arranged.push_back(span);
            previous = span.match;
        }
    }
    spans.swap(arranged);
}

void cut(const Pattern& pattern, Behavior behavior, bool inverted, Pieces& pieces) {
    std::vector<Pieces::Piece> result;
    Spans spans;
    for (const auto& piece : pieces.list) {
        pattern.find(piece.text, spans);
        if (inverted)
            for (auto& span : spans) span.match = !span.match;
        arrange(spans, behavior);
        for (const auto& span : spans)
            if (span.end > span.begin)
                result.push_back(
                    {piece.text.substr(span.begin, span.end - span.begin), piece.begins && span.begin == 0});
    }
    pieces.list.swap(result);
}

void metaspace(const std::string& replacement, const std::string& scheme, bool splits, Pieces& pieces) {
    const auto spaces = Pattern::literal(" ");
    Spans spans;
    for (auto& piece : pieces.list) {
        std::string text;
        spaces.find(piece.text, spans);
        for (const auto& span : spans)
            text += span.match ? std::string_view(replacement)
                               : piece.text.substr(span.begin, span.end - span.begin);
        if (!text.starts_with(replacement) && (scheme == "always" || (scheme == "first" && piece.begins)))
            text.insert(0, replacement);
        piece.text = pieces.keep(std::move(text));
    }
    if (splits) cut(Pattern::literal(replacement), Behavior::MergedWithNext, false, pieces);
}

void toAlphabet(Pieces& pieces) {
    for (auto& piece : pieces.list) piece.text = pieces.keep(bytesToAlphabet(piece.text));
}

/// The runs that the Whitespace pre-tokenizer keeps: of word characters, and of others that are no white
/// space.
void words(Pieces& pieces) {
    const auto kindAt = [](std::string_view text, std::size_t& at) {
        const auto character = unicode::next(text, at);
        return unicode::isWord(character) ? 1 : unicode::isWhitespace(character) ? 0 : 2;
    };
    std::vector<Pieces::Piece> result;
    for (const auto& piece : pieces.list)
        for (std::size_t at = 0; at < piece.text.size();) {
            const auto begin = at;
            const int kind = kindAt(piece.text, at);
            if (kind == 0) continue;
            for (auto after = at; after < piece.text.size() && kindAt(piece.text, after) == kind;) at = after;
            result.push_back({piece.text.substr(begin, at - begin), piece.begins && begin == 0});
        }
    pieces.list.swap(result);
}

}  // namespace

PreTokenizer PreTokenizer::fromJson(const Json& description, const std::string& where) {
    PreTokenizer result;
    if (!description.is_null()) result.add(Component(description, where));
    return result;
}

void PreTokenizer::add(const Component& component) {
    const auto type = component.type();
    const auto cuts = [&](Pattern pattern, Behavior behavior, bool inverted = false) {
        m_stages.push_back([pattern = std::move(pattern), behavior, inverted](Pieces& pieces) {
            cut(pattern, behavior, inverted, pieces);
        });
    };
    if (type == "Sequence") {
        for (const auto& inner : component.list("pretokenizers")) add(inner);
        return;
    }
    // A ByteLevel that others follow writes the alphabet at once: they see its letters.
    if (std::exchange(m_byteLevel, false)) m_stages.push_back(toAlphabet);
    if (type == "ByteLevel") {
        if (component.flag("add_prefix_space", false))
            m_stages.push_back([](Pieces& pieces) {
                for (auto& piece : pieces.list)
                    if (!piece.text.starts_with(' ')) piece.text = pieces.keep(" " + std::string(piece.text));
            });
        if (component.flag("use_regex", true))
            cuts(Pattern::regex(kGpt2Pattern, component.where()), Behavior::Isolated);
        m_byteLevel = true;
    } else if (type == "Digits") {
        cuts(Pattern::characters(unicode::isNumeric),
             component.flag("individual_digits", false) ? Behavior::Isolated : Behavior::Contiguous);
    } else if (type == "Split") {
        auto pattern = Pattern::fromJson(component.at("pattern"));
        cuts(std::move(pattern), behaviorOf(component, nullptr), component.flag("invert", false));
    } else if (type == "Punctuation") {
        cuts(Pattern::characters(unicode::isPunctuation), behaviorOf(component, "Isolated"));
    } else if (type == "WhitespaceSplit") {
        cuts(Pattern::characters(unicode::isWhitespace), Behavior::Removed);
    } else if (type == "CharDelimiterSplit") {
        cuts(Pattern::literal(component.text("delimiter")), Behavior::Removed);
    } else if (type == "Whitespace") {
        m_stages.push_back(words);
    } else if (type == "Metaspace") {
        const auto old = component.flag("add_prefix_space", true) ? "always" : "never";
        const auto scheme = component.text("prepend_scheme", old);
        if (scheme != "always" && scheme != "first" && scheme != "never")
            component.refuse("the prepend_scheme '" + scheme + "'");
        m_stages.push_back([replacement = component.text("replacement"), scheme,
                            splits = component.flag("split", true)](Pieces& pieces) {
            metaspace(replacement, scheme, splits, pieces);
        });
    } else {
        component.refuse("the pre-tokenizer '" + type + "'");
    }
}

void PreTokenizer::split(std::string_view text, bool begins, Pieces& pieces) const {
    pieces.list.assign(text.empty() ? 0 : 1, {text, begins});
    for (const auto& stage : m_stages) stage(pieces);
}

}  // namespace tessera
