#pragma once

#include "ui/theme/theme.h"

namespace tessera::ui {

ThemeTokens lightTokens();
ThemeTokens darkTokens();
/// The few rules that Fusion and the palette cannot express.
QString styleSheet(const ThemeTokens& tokens);

}  // namespace tessera::ui
