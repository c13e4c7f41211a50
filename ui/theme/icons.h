#pragma once

#include <QIcon>
#include <QString>

#include "ui/theme/theme.h"

namespace tessera::ui {

/// The icon of this name from resources/icons (one family), drawn in the theme's text colour, greyed when
/// disabled, in the accent colour when checked; sharp at any scale. It asks the theme each time it is drawn,
/// so nothing needs to be set anew on Theme::changed(). A name that is not there gives a null icon.
QIcon themedIcon(const QString& name);
/// The same in one of the theme's colours where it is neither checked nor disabled, e.g.
/// themedIcon("alert-triangle", &ThemeTokens::warning).
QIcon themedIcon(const QString& name, QColor ThemeTokens::*tint);

}  // namespace tessera::ui
