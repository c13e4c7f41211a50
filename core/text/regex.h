#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace tessera {

/// A pattern of a tokenizer.json, which is in Oniguruma's Ruby syntax, matched by PCRE2. What the two read
/// differently is rewritten: \s, \w, \b, \h, \u, the flag m, names of scripts; what has no counterpart
/// (classes within classes, POSIX brackets, {n,m}+) is refused. Thread-safe after construction.
class Regex {
  public:
    /// Throws Error{UnsupportedVersion, Corrupt} naming what is wrong.
    Regex(const std::string& pattern, const std::string& where);
    ~Regex();
    Regex(const Regex&) = delete;
    Regex& operator=(const Regex&) = delete;

    /// The first match from byte `from` on; it may be empty. Throws Error{InvalidInput} where the text makes
    /// the pattern back-track without end.
    bool find(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end) const;

  private:
    struct Compiled;
    std::unique_ptr<Compiled> m_compiled;
};

/// The rewriting by itself.
std::string pcreFromOniguruma(std::string_view pattern, const std::string& where);

}  // namespace tessera
