#pragma once

#include <QStringList>

#include "ui/shell/popup.h"

namespace tessera::ui {

class Actions;

/// The groups that actions are in, in the order of the menus.
QStringList actionGroups(const Actions& actions);
/// Every action with its keys, group by group (F1).
Popup* shortcutSheet(const Actions& actions, QWidget* window);
/// What this program is, its version, and whose work it stands on.
Popup* aboutSheet(QWidget* window);

}  // namespace tessera::ui
