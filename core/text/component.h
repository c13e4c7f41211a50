#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"

namespace tessera {

/// One object of a tokenizer.json together with where it stands ("tokenizer.json:
/// /normalizer/normalizers/1"). Its fields are read with their types checked: Error{Corrupt} naming the
/// field.
class Component {
  public:
    Component(const Json& json, std::string where);

    std::string type() const { return text("type"); }
    const std::string& where() const { return m_where; }
    bool has(const char* key) const { return m_json.contains(key) && !m_json[key].is_null(); }
    std::string text(const char* key) const;
    std::string text(const char* key, const char* fallback) const;
    bool flag(const char* key, bool fallback) const;
    std::int64_t integer(const char* key, std::int64_t fallback) const;
    Component at(const char* key) const;
    std::vector<Component> list(const char* key) const;
    const Json& json() const { return m_json; }

    /// Throws Error{UnsupportedVersion}: "<what> is not supported".
    [[noreturn]] void refuse(const std::string& what) const;

  private:
    const Json& field(const char* key) const;
    [[noreturn]] void wrong(const char* key, const char* wanted) const;

    const Json& m_json;
    std::string m_where;
};

}  // namespace tessera
