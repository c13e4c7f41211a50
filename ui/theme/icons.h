#pragma once

#include <QIcon>
#include <QString>

namespace tessera::ui {

/// The icon of this name from resources/icons (one family), drawn in the theme's text colour, greyed when
/// disabled, in the accent colour when checked; sharp at any scale. Asks again on Theme::changed().
QIcon themedIcon(const QString& name);

}  // namespace tessera::ui
