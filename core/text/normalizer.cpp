#include "core/text/normalizer.h"

#include "core/text/pattern.h"
#include "core/text/unicode.h"

namespace tessera {

namespace {

std::string replaced(const Pattern& pattern, const std::string& content, std::string_view text) {
    std::vector<Pattern::Span> spans;
    pattern.find(text, spans);
    std::string result;
    result.reserve(text.size() + text.size() / 4);
    for (const auto& span : spans)
        result += span.match ? std::string_view(content) : text.substr(span.begin, span.end - span.begin);
    return result;
}

std::string stripped(std::string_view text, bool left, bool right) {
    std::size_t begin = 0, end = text.size();
    for (std::size_t at = begin; left && at < end && unicode::isWhitespace(unicode::next(text, at));)
        begin = at;
    for (std::size_t at = end; right && at > begin && unicode::isWhitespace(unicode::previous(text, at));)
        end = at;
    return std::string(text.substr(begin, end - begin));
}

}  // namespace

Normalizer Normalizer::fromJson(const Json& description, const std::string& where) {
    Normalizer normalizer;
    if (!description.is_null()) normalizer.add(Component(description, where));
    return normalizer;
}

void Normalizer::add(const Component& component) {
    using unicode::Form;
    const auto type = component.type();
    const auto form = [&](Form which) {
        m_steps.push_back([which](std::string_view text) { return unicode::normalized(text, which); });
    };
    if (type == "Sequence") {
        for (const auto& inner : component.list("normalizers")) add(inner);
    } else if (type == "Prepend") {
        m_steps.push_back([prefix = component.text("prepend")](std::string_view text) {
            return text.empty() ? std::string() : prefix + std::string(text);
        });
    } else if (type == "Replace") {
        m_steps.push_back([pattern = Pattern::fromJson(component.at("pattern")),
                           content = component.text("content")](std::string_view text) {
            return replaced(pattern, content, text);
        });
    } else if (type == "Strip") {
        m_steps.push_back([left = component.flag("strip_left", true),
                           right = component.flag("strip_right", true)](std::string_view text) {
            return stripped(text, left, right);
        });
    } else if (type == "Lowercase") {
        m_steps.push_back([](std::string_view text) { return unicode::lowercase(text); });
    } else if (type == "NFC") {
        form(Form::Nfc);
    } else if (type == "NFD") {
        form(Form::Nfd);
    } else if (type == "NFKC") {
        form(Form::Nfkc);
    } else if (type == "NFKD") {
        form(Form::Nfkd);
    } else {
        component.refuse("the normalizer '" + type + "'");
    }
}

std::string Normalizer::apply(std::string_view text) const {
    std::string result(text);
    for (const auto& step : m_steps) result = step(result);
    return result;
}

}  // namespace tessera
