#include "core/formats/config_reader.h"

#include "core/base/error.h"
#include "core/formats/model_family.h"

namespace tessera {

ConfigReader::ConfigReader(const Json& json, std::string where) : m_json(json), m_where(std::move(where)) {
    if (!json.is_object()) throw Error(ErrorCode::Corrupt, "this is not a model's configuration", m_where);
}

const Json* ConfigReader::find(const char* key) const {
    const auto found = m_json.find(key);
    return found == m_json.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigReader::isNull(const char* key) const {
    const auto found = m_json.find(key);
    return found != m_json.end() && found->is_null();
}

void ConfigReader::corrupt(const std::string& key, const std::string& what) const {
    throw Error(ErrorCode::Corrupt, "\"" + key + "\" " + what, m_where);
}

void ConfigReader::unsupported(const std::string& key) const {
    const auto found = m_json.find(key);
    throw Error(ErrorCode::UnsupportedVersion,
                "the model has \"" + key + "\": " + (found == m_json.end() ? "nothing" : dumpLine(*found)) +
                    ", a computation that is not supported",
                m_where, {{"choose another model of the families " + familyNames(), "", ""}});
}

namespace {

std::int64_t integerOf(const ConfigReader& reader, const Json& value, const char* key) {
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() >> 62 != 0))
        reader.corrupt(key, "is not a whole number");
    return value.get<std::int64_t>();
}

}  // namespace

std::int64_t ConfigReader::integer(const char* key) const {
    const Json* value = find(key);
    if (!value) corrupt(key, "is missing");
    return integerOf(*this, *value, key);
}

std::int64_t ConfigReader::integer(const char* key, std::int64_t fallback) const {
    const Json* value = find(key);
    return value ? integerOf(*this, *value, key) : fallback;
}

double ConfigReader::number(const char* key) const {
    const Json* value = find(key);
    if (!value) corrupt(key, "is missing");
    if (!value->is_number()) corrupt(key, "is not a number");
    return value->get<double>();
}

double ConfigReader::number(const char* key, double fallback) const {
    return find(key) ? number(key) : fallback;
}

bool ConfigReader::flag(const char* key, bool fallback) const {
    const Json* value = find(key);
    if (!value) return fallback;
    if (!value->is_boolean()) corrupt(key, "is neither true nor false");
    return value->get<bool>();
}

std::string ConfigReader::text(const char* key, const std::string& fallback) const {
    const Json* value = find(key);
    if (!value) return fallback;
    if (!value->is_string()) corrupt(key, "is not a text");
    return value->get<std::string>();
}

std::int64_t ConfigReader::token(const char* key) const {
    const Json* value = find(key);
    if (!value) return -1;
    if (value->is_array()) return value->empty() ? -1 : integerOf(*this, value->front(), key);
    return integerOf(*this, *value, key);
}

}  // namespace tessera
