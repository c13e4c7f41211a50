#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/component.h"

namespace tessera {

/// Pieces of a text. They point into it, or into `made` where a stage wrote something new.
struct Pieces {
    struct Piece {
        std::string_view text;
        bool begins;  ///< the text begins with it
    };
    std::vector<Piece> list;
    std::deque<std::string> made;

    std::string_view keep(std::string text) { return made.emplace_back(std::move(text)); }
};

/// Cuts text into the pieces that merges never cross: Sequence, ByteLevel, Digits, Split by a text or a
/// regular expression, Metaspace, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit. Thread-safe
/// after construction.
class PreTokenizer {
  public:
    /// From the `pre_tokenizer` of a tokenizer.json, null included. Throws Error{UnsupportedVersion} naming
    /// any other and where it stands.
    static PreTokenizer fromJson(const Json& description, const std::string& where);

    /// Whether the last stage is ByteLevel: then the pieces are bytes yet to be written in GPT-2's alphabet.
    bool byteLevel() const { return m_byteLevel; }
    /// Replaces `pieces.list`; `begins` says whether nothing stands before the text.
    void split(std::string_view text, bool begins, Pieces& pieces) const;

  private:
    using Stage = std::function<void(Pieces&)>;
    void add(const Component& component);
    std::vector<Stage> m_stages;
    bool m_byteLevel = false;
};

/// GPT-2's splitting pattern.
extern const char* const kGpt2Pattern;

}  // namespace tessera
