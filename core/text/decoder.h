#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/pattern.h"

namespace tessera {

/// Tokens back to text: Sequence, ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace. Bytes that are no
/// character stay as they are. Thread-safe after construction.
class Decoder {
  public:
    /// From the `decoder` of a tokenizer.json. Null: tokens of `byteLevel` are bytes, others are separated by
    /// spaces. Throws Error{UnsupportedVersion} naming any other and where it stands.
    static Decoder fromJson(const Json& description, bool byteLevel, const std::string& where);

    /// A token's share of the text; `first` of the text. The letters of an added token are what they are.
    std::string token(std::string_view token, bool added, bool first) const;
    /// Whether the first token of a text differs from others.
    bool mindsFirst() const { return m_mindsFirst; }
    /// What is put between two tokens.
    const std::string& between() const { return m_between; }
    /// What is done to the whole text at last.
    std::string whole(std::string text) const;

  private:
    struct Step {
        enum class Kind { ByteLevel, Replace, ByteFallback, Strip, Metaspace };
        Kind kind;
        Pattern pattern;
        std::string content;
        std::int64_t start = 0, stop = 0;  ///< Strip: how many at most
        bool dropsFirst = false;           ///< Metaspace: the first token's are left out
    };
    void add(const Component& component, bool& fused);
    static void apply(const Step& step, std::string& text, bool added, bool first);

    std::vector<Step> m_steps, m_wholeSteps;
    std::string m_between;
    bool m_mindsFirst = false;
};

}  // namespace tessera
