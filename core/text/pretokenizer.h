#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace tessera {

/// Cuts text into the pieces that byte-pair merges never cross. Thread-safe after construction.
class PreTokenizer {
  public:
    /// From the `pre_tokenizer` object of a tokenizer.json: ByteLevel, Digits, Split by regex, Sequence.
    /// Throws Error{UnsupportedVersion} naming any other.
    static PreTokenizer fromJson(const Json& description, const std::string& where);
    /// The same as an object for a tokenizer.json.
    const Json& toJson() const { return m_description; }

    std::vector<std::string_view> split(std::string_view text) const;

  private:
    struct Stage;
    Json m_description;
    std::vector<std::shared_ptr<const Stage>> m_stages;
};

/// GPT-2's splitting pattern.
extern const char* const kGpt2Pattern;

}  // namespace tessera
