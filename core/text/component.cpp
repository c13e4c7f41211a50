#include "core/text/component.h"

namespace tessera {

Component::Component(const Json& json, std::string where) : m_json(json), m_where(std::move(where)) {
    if (!json.is_object())
        throw Error(ErrorCode::Corrupt, "a part of the tokenizer is not a JSON object", m_where);
}

void Component::wrong(const char* key, const char* wanted) const {
    throw Error(ErrorCode::Corrupt,
                std::string("the tokenizer's field \"") + key + "\" is missing or not " + wanted,
                m_where + "/" + key);
}

const Json& Component::field(const char* key) const {
    static const Json none;
    const auto found = m_json.find(key);
    return found == m_json.end() ? none : *found;
}

std::string Component::text(const char* key) const {
    if (!field(key).is_string()) wrong(key, "a text");
    return field(key).get<std::string>();
}

std::string Component::text(const char* key, const char* fallback) const {
    return has(key) ? text(key) : fallback;
}

bool Component::flag(const char* key, bool fallback) const {
    if (!has(key)) return fallback;
    if (!field(key).is_boolean()) wrong(key, "true or false");
    return field(key).get<bool>();
}

std::int64_t Component::integer(const char* key, std::int64_t fallback) const {
    if (!has(key)) return fallback;
    if (!field(key).is_number_integer()) wrong(key, "a whole number");
    return field(key).get<std::int64_t>();
}

Component Component::at(const char* key) const {
    if (!field(key).is_object()) wrong(key, "an object");
    return {field(key), m_where + "/" + key};
}

std::vector<Component> Component::list(const char* key) const {
    if (!field(key).is_array()) wrong(key, "a list");
    std::vector<Component> result;
    for (std::size_t i = 0; i < field(key).size(); ++i)
        result.emplace_back(field(key)[i], m_where + "/" + key + "/" + std::to_string(i));
    return result;
}

void Component::refuse(const std::string& what) const {
    throw Error(ErrorCode::UnsupportedVersion, what + " is not supported", m_where,
                {{"choose a model whose tokenizer is a BPE such as those of Llama, Qwen or SmolLM", "", ""}});
}

}  // namespace tessera
