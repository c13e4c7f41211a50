#pragma once

#include "core/base/json.h"

namespace tessera::ui {

/// The value at a key; null where `object` is none or has no such key.
inline const Json& memberOf(const Json& object, const char* key) {
    static const Json kNull;
    if (!object.is_object()) return kNull;
    const auto found = object.find(key);
    return found != object.end() ? *found : kNull;
}

}  // namespace tessera::ui
