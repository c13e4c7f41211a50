#pragma once

#include <QString>
#include <vector>

#include "core/base/json.h"

namespace tessera::ui {

/// What an error offers to do: to set `option` of the form to `value`, or only words where `option` is empty.
struct OfferedRemedy {
    QString text, option, value;
};

/// The remedies of an `error` event, those with buttons without what belongs to the command line.
std::vector<OfferedRemedy> remediesOf(const Json& error);

}  // namespace tessera::ui
