#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/component.h"

namespace tessera {

/// What is done to a text before it is cut: Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase,
/// Strip. Thread-safe after construction.
class Normalizer {
  public:
    /// From the `normalizer` of a tokenizer.json, null included. Throws Error{UnsupportedVersion} naming any
    /// other and where it stands.
    static Normalizer fromJson(const Json& description, const std::string& where);

    bool empty() const { return m_steps.empty(); }
    std::string apply(std::string_view text) const;

  private:
    using Step = std::function<std::string(std::string_view)>;
    void add(const Component& component);
    std::vector<Step> m_steps;
};

}  // namespace tessera
