#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer_definition.h"

namespace tessera {

/// Cuts written-out tokens out of a text: the leftmost, of several the longest. Thread-safe after
/// construction.
class AddedTokens {
  public:
    struct Part {
        std::string_view text;
        std::int32_t id;  ///< -1: a text between tokens
    };

    /// `tokens` with the forms in which they stand in the text; those of no text are left out.
    explicit AddedTokens(std::vector<AddedToken> tokens);

    /// Appends the parts of the text, none of them empty.
    void split(std::string_view text, std::vector<Part>& parts) const;

  private:
    /// The longest token that the text begins with; null: none.
    const AddedToken* at(std::string_view text) const;

    std::vector<AddedToken> m_tokens;      ///< sorted by text
    std::vector<std::ptrdiff_t> m_within;  ///< the longest other token that this one begins with; -1: none
    std::vector<bool> m_begins;            ///< by byte: some token begins with it
};

}  // namespace tessera
