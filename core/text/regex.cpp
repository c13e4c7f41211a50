#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/text/regex.h"

#include <pcre2.h>

#include <algorithm>
#include <cctype>

#include "core/base/error.h"

namespace tessera {

namespace {

// As the `tokenizers` library's Oniguruma answers for every character
// (tests/reference/make_character_classes.py).
constexpr const char* kSpace =
    R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr const char* kNoSpace =
    R"(\x00-\x08\x0e-\x1f\x21-\x84\x86-\x9f\xa1-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr const char* kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\xb2\xb3\xb9\xbc-\xbe\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";

class Rewriter {
  public:
    Rewriter(std::string_view pattern, const std::string& where) : m_from(pattern), m_where(where) {}

    std::string result() {
        while (m_at < m_from.size()) {
            const char c = m_from[m_at];
            if (c == '\\') {
                escape(false);
            } else if (c == '[') {
                bracket();
            } else if (c == '(' && m_from.substr(m_at, 2) == "(?") {
                group();
            } else {
                if (c == '+' && m_at > 0 && m_from[m_at - 1] == '}' && closesCount()) refuse("{n,m}+");
                m_out += c;
                ++m_at;
            }
        }
        return std::move(m_out);
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorCode::UnsupportedVersion, "the pattern has " + what + ", which is not supported",
                    m_where);
    }

    /// Whether the brace before `m_at` ends a repetition such as {2,3} (and not \p{L}).
    bool closesCount() const {
        const auto open = m_from.rfind('{', m_at);
        return open != std::string_view::npos && (open < 2 || m_from.substr(open - 2, 2) != "\\x") &&
               m_from.substr(open + 1, m_at - open - 2).find_first_not_of("0123456789,") ==
                   std::string_view::npos;
    }

    void set(const char* content, bool inClass, const char* opening = "[") {
        m_out += inClass ? std::string(content) : opening + std::string(content) + "]";
    }

    void escape(bool inClass) {
        if (m_at + 1 >= m_from.size()) refuse("a lone backslash at its end");
        const char c = m_from[m_at + 1];
        m_at += 2;
        const auto word = std::string("[") + kWord + "]";
        switch (c) {
            case 's':
                return set(kSpace, inClass);
            case 'S':
                return set(inClass ? kNoSpace : kSpace, inClass, "[^");
            case 'w':
                return set(kWord, inClass);
            case 'W':
                if (inClass) refuse("\\W within a class");
                return set(kWord, false, "[^");
            case 'd':
                m_out += "\\p{Nd}";
                return;
            case 'D':
                m_out += "\\P{Nd}";
                return;
            case 'h':
                return set("0-9a-fA-F", inClass);
            case 'H':
                if (inClass) refuse("\\H within a class");
                return set("0-9a-fA-F", false, "[^");
            case 'b':
                if (inClass) break;
                m_out += "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))";
                return;
            case 'B':
                m_out += "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))";
                return;
            case 'u': {
                const auto digits = m_from.substr(m_at, 4);
                if (digits.size() < 4 || !std::all_of(digits.begin(), digits.end(),
                                                      [](unsigned char d) { return std::isxdigit(d); }))
                    refuse("\\u without four digits");
                m_out += "\\x{" + std::string(digits) + "}";
                m_at += 4;
                return;
            }
            case 'p':
            case 'P': {
                const auto end = m_from.find('}', m_at);
                if (m_at >= m_from.size() || m_from[m_at] != '{' || end == std::string_view::npos)
                    refuse("\\p without braces");
                auto name = std::string(m_from.substr(m_at + 1, end - m_at - 1));
                const bool negated = name.starts_with('^');
                if (negated) name.erase(0, 1);
                // A category has one or two letters; what is longer is a script, which PCRE2 would widen to
                // its extensions.
                m_out += std::string("\\") + c + (negated ? "{^" : "{") + (name.size() > 2 ? "sc:" : "") +
                         name + "}";
                m_at = end + 1;
                return;
            }
            default:
                break;
        }
        m_out += '\\';
        m_out += c;
    }

    void bracket() {
        m_out += m_from[m_at++];
        if (m_at < m_from.size() && m_from[m_at] == '^') m_out += m_from[m_at++];
        for (bool first = true; m_at < m_from.size(); first = false) {
            const char c = m_from[m_at];
            if (c == '\\') {
                escape(true);
            } else if (c == '[') {
                refuse("a class within a class");
            } else if (m_from.substr(m_at, 2) == "&&") {
                refuse("an intersection of classes");
            } else {
                m_out += c;
                ++m_at;
                if (c == ']' && !first) return;
            }
        }
        refuse("a class without an end");
    }

    void group() {
        m_out += "(?";
        m_at += 2;
        const auto end = m_from.find_first_not_of("imx-", m_at);
        if (end == m_at || end == std::string_view::npos || (m_from[end] != ':' && m_from[end] != ')'))
            return;
        // Ruby's m lets the dot match line ends.
        for (; m_at < end; ++m_at) m_out += m_from[m_at] == 'm' ? 's' : m_from[m_at];
    }

    std::string_view m_from;
    const std::string& m_where;
    std::size_t m_at = 0;
    std::string m_out;
};

}  // namespace

std::string pcreFromOniguruma(std::string_view pattern, const std::string& where) {
    return Rewriter(pattern, where).result();
}

struct Regex::Compiled {
    pcre2_code* code = nullptr;
    ~Compiled() { pcre2_code_free(code); }
};

Regex::Regex(const std::string& pattern, const std::string& where) : m_compiled(new Compiled) {
    const auto rewritten = pcreFromOniguruma(pattern, where);
    int error = 0;
    PCRE2_SIZE offset = 0;
    // In Ruby, ^ and $ are the ends of every line.
    m_compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(rewritten.data()), rewritten.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, nullptr);
    if (!m_compiled->code) {
        PCRE2_UCHAR message[200];
        pcre2_get_error_message(error, message, sizeof message);
        throw Error(
            ErrorCode::Corrupt,
            "the pattern '" + pattern + "' is not understood: " + reinterpret_cast<const char*>(message),
            where);
    }
    pcre2_jit_compile(m_compiled->code, PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;

bool Regex::find(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end) const {
    struct MatchData {
        pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
        ~MatchData() { pcre2_match_data_free(data); }
    };
    thread_local const MatchData match;
    const auto run = [&](std::uint32_t options) {
        return pcre2_match(m_compiled->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                           PCRE2_NO_UTF_CHECK | options, match.data, nullptr);
    };
    int count = run(0);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = run(PCRE2_NO_JIT);  // which has the heap to go back on
    if (count == PCRE2_ERROR_NOMATCH) return false;
    if (count < 0) {
        PCRE2_UCHAR message[200];
        pcre2_get_error_message(count, message, sizeof message);
        throw Error(
            ErrorCode::InvalidInput,
            std::string("the text cannot be split into words: ") + reinterpret_cast<const char*>(message),
            "byte " + std::to_string(from));
    }
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.data);
    begin = bounds[0];
    end = bounds[1];
    return true;
}

}  // namespace tessera
