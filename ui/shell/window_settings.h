#pragma once

#include <QByteArray>
#include <QString>

#include "ui/theme/theme.h"
#include "ui/workspace/page.h"

namespace tessera::ui {

/// What the window remembers between two starts; nothing of a run, which keeps itself. Written with a
/// version; what has another version, or makes no sense, is as if it were not there.
struct WindowSettings {
    QByteArray geometry;
    PageId page = PageId::Home;
    ThemeMode theme = ThemeMode::System;
    QString lastRun;

    static WindowSettings load();
    void save() const;
};

}  // namespace tessera::ui
