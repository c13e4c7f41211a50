#pragma once

#include <cstdint>
#include <string>

#include "core/base/json.h"

namespace tessera {

/// Reads a model's config.json, or an object inside it, key by key. A key with the value null counts as
/// absent. Everything throws Error{Corrupt} naming the key where the value is of another kind.
class ConfigReader {
  public:
    /// `json` must be an object and outlive the reader; `where` is what errors name as the place.
    ConfigReader(const Json& json, std::string where);

    const std::string& where() const { return m_where; }
    /// Null where the key is absent.
    const Json* find(const char* key) const;
    /// Whether the key is there, with null as its value.
    bool isNull(const char* key) const;

    std::int64_t integer(const char* key) const;
    std::int64_t integer(const char* key, std::int64_t fallback) const;
    double number(const char* key) const;
    double number(const char* key, double fallback) const;
    bool flag(const char* key, bool fallback) const;
    std::string text(const char* key, const std::string& fallback) const;
    /// A token id, or the first of several; -1 where there is none.
    std::int64_t token(const char* key) const;

    [[noreturn]] void corrupt(const std::string& key, const std::string& what) const;
    /// Throws Error{UnsupportedVersion}: this key asks for a computation that we have not.
    [[noreturn]] void unsupported(const std::string& key) const;

  private:
    const Json& m_json;
    std::string m_where;
};

}  // namespace tessera
