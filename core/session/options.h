#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"

namespace tessera {

enum class OptionType { Real, Integer, Boolean, Choice, Text, List, Tile };

/// One `--set` key. The spec's parser, the command line's help, the window's form and the documentation are
/// all made from this description.
struct OptionDescription {
    std::string key;
    OptionType type = OptionType::Real;
    std::string unit;                ///< "", "steps", "tokens", "s", "weights", ...
    std::string defaultValue;        ///< of the desk recipe
    std::string paperValue;          ///< of the published recipe; the same where empty
    double least = 0, greatest = 0;  ///< of numbers, both ends allowed
    std::vector<std::string> choices;
    std::string help;
    std::vector<std::string> methods;  ///< which have it

    bool belongsTo(const std::string& method) const;
    Json toJson(const std::string& method) const;
};

const std::vector<OptionDescription>& optionDescriptions();

/// The options of one method: what was set, else the recipe's values.
class OptionSet {
  public:
    OptionSet() = default;
    /// `values` is an object key -> text, number, boolean or list. Throws Error{InvalidInput} naming the key
    /// and what it may be; an unknown key, or one that the method does not have, is named with its nearest
    /// neighbour.
    OptionSet(const std::string& method, const Json& values);

    double real(const std::string& key) const;
    std::int64_t integer(const std::string& key) const;
    bool boolean(const std::string& key) const;
    std::string text(const std::string& key) const;
    std::vector<std::string> list(const std::string& key) const;
    std::pair<std::int64_t, std::int64_t> tile(const std::string& key) const;
    bool has(const std::string& key) const { return m_values.contains(key); }
    bool isSet(const std::string& key) const { return m_given.contains(key); }

    /// Only what was set, as text.
    Json given() const;
    /// Every option of the method with the value that holds.
    Json effective() const;

  private:
    std::string m_method;
    std::map<std::string, std::string> m_given;
    std::map<std::string, std::string> m_values;
};

}  // namespace tessera
