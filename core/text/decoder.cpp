#include "core/text/decoder.h"

#include "core/text/byte_alphabet.h"

namespace tessera {

namespace {

std::string replaced(const Pattern& pattern, std::string_view content, std::string_view text) {
    std::vector<Pattern::Span> spans;
    pattern.find(text, spans);
    std::string result;
    for (const auto& span : spans)
        result += span.match ? content : text.substr(span.begin, span.end - span.begin);
    return result;
}

/// The byte that "<0x0A>" names; -1: it names none.
int namedByte(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
    constexpr std::string_view digits = "0123456789abcdef";
    int value = 0;
    for (const char c : token.substr(3, 2)) {
        const auto digit = digits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c));
        if (digit == std::string_view::npos) return -1;
        value = value * 16 + static_cast<int>(digit);
    }
    return value;
}

}  // namespace

Decoder Decoder::fromJson(const Json& description, bool byteLevel, const std::string& where) {
    Decoder decoder;
    bool fused = false;
    if (!description.is_null()) {
        decoder.add(Component(description, where), fused);
    } else if (byteLevel) {
        decoder.m_steps.push_back({Step::Kind::ByteLevel, {}, {}});
    } else {
        decoder.m_between = " ";
    }
    return decoder;
}

void Decoder::add(const Component& component, bool& fused) {
    const auto type = component.type();
    auto& steps = fused ? m_wholeSteps : m_steps;
    if (type == "Sequence") {
        for (const auto& inner : component.list("decoders")) add(inner, fused);
    } else if (type == "Fuse") {
        fused = true;
    } else if (type == "ByteLevel") {
        steps.push_back({Step::Kind::ByteLevel, {}, {}});
    } else if (type == "ByteFallback") {
        steps.push_back({Step::Kind::ByteFallback, {}, {}});
    } else if (type == "Replace") {
        steps.push_back(
            {Step::Kind::Replace, Pattern::fromJson(component.at("pattern")), component.text("content")});
    } else if (type == "Strip") {
        steps.push_back({Step::Kind::Strip,
                         {},
                         component.text("content"),
                         component.integer("start", 0),
                         component.integer("stop", 0)});
    } else if (type == "Metaspace") {
        const auto* old = component.flag("add_prefix_space", true) ? "always" : "never";
        const bool drops = component.text("prepend_scheme", old) != "never";
        steps.push_back(
            {Step::Kind::Metaspace, Pattern::literal(component.text("replacement")), {}, 0, 0, drops});
        m_mindsFirst = m_mindsFirst || (drops && !fused);
    } else {
        component.refuse("the decoder '" + type + "'");
    }
}

void Decoder::apply(const Step& step, std::string& text, bool added, bool first) {
    switch (step.kind) {
        case Step::Kind::ByteLevel:
            if (added) return;
            // A token outside of the alphabet is its own text.
            if (auto bytes = alphabetToBytes(text)) text = std::move(*bytes);
            return;
        case Step::Kind::Replace:
            text = replaced(step.pattern, step.content, text);
            return;
        case Step::Kind::ByteFallback:
            if (const int byte = namedByte(text); byte >= 0) text.assign(1, static_cast<char>(byte));
            return;
        case Step::Kind::Metaspace:
            text = replaced(step.pattern, step.dropsFirst && first ? "" : " ", text);
            return;
        case Step::Kind::Strip: {
            if (step.content.empty()) return;
            std::size_t begin = 0, end = text.size();
            const auto size = step.content.size();
            for (std::int64_t i = 0; i < step.start && text.compare(begin, size, step.content) == 0; ++i)
                begin += size;
            for (std::int64_t i = 0;
                 i < step.stop && end >= begin + size && text.compare(end - size, size, step.content) == 0;
                 ++i)
                end -= size;
            text = text.substr(begin, end - begin);
            return;
        }
    }
}

std::string Decoder::token(std::string_view token, bool added, bool first) const {
    std::string text(token);
    for (const auto& step : m_steps) apply(step, text, added, first);
    return text;
}

std::string Decoder::whole(std::string text) const {
    for (const auto& step : m_wholeSteps) apply(step, text, false, true);
    return text;
}

}  // namespace tessera
