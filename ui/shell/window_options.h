#pragma once

#include <QSize>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <optional>

#include "ui/theme/theme.h"
#include "ui/workspace/page.h"

namespace tessera::ui {

/// What `tessera` was asked on its command line.
struct WindowOptions {
    std::filesystem::path runs;  ///< empty: the user's runs
    std::filesystem::path open;  ///< empty: the run that was open last
    std::optional<PageId> page;
    std::optional<ThemeMode> theme;
    std::optional<QSize> size;  ///< logical pixels
    QString screenshot;         ///< empty: stay open
    bool safeMode = false;      ///< settings are neither read nor written

    bool remembers() const { return !safeMode && screenshot.isEmpty(); }
};

/// What a command line means: options, a text that was asked for (--help, --version), or what is wrong with
/// it.
struct WindowOptionsResult {
    WindowOptions options;
    QString text;     ///< not empty: print it and leave
    QString problem;  ///< not empty: a sentence for standard error
};
/// `arguments` without the program's name.
WindowOptionsResult parseWindowOptions(const QStringList& arguments);

}  // namespace tessera::ui
