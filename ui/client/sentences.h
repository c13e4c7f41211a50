#pragma once

#include <QString>

#include "core/base/error.h"
#include "core/base/json.h"

namespace tessera::ui {

/// An error as the window says it: "The file has no header (model.gguf). What to do: fetch it again."
QString errorSentence(const Error& error);
/// The same of an `error` event or its like; whatever of it is missing or of another kind is left out.
QString errorSentence(const Json& event);
/// What went wrong alone, without where and what to do.
QString errorSummary(const Json& event);

/// The text at a key, empty where there is none.
QString textAt(const Json& json, const char* key);
/// The number at a key, `otherwise` where there is none.
double numberAt(const Json& json, const char* key, double otherwise = 0);

/// First letter upper case, full stop at the end, control characters gone.
QString asSentence(const QString& words);
/// A method as people write it: "LEAP" of "leap"; an unknown one as it is.
QString methodTitle(const QString& name);
/// A path for people: the user's folder as ~.
QString pathText(const QString& path);

}  // namespace tessera::ui
