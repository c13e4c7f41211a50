#include "ui/shell/window_settings.h"

#include <QSettings>

namespace tessera::ui {

namespace {

constexpr int kVersion = 1;
constexpr int kMostGeometry = 1024;

QSettings settingsFile() {
    return {QSettings::IniFormat, QSettings::UserScope, QStringLiteral("tessera"), QStringLiteral("window")};
}

const char* const kThemes[] = {"system", "light", "dark"};

}  // namespace

WindowSettings WindowSettings::load() {
    WindowSettings settings;
    const QSettings file = settingsFile();
    if (file.status() != QSettings::NoError || file.value(QStringLiteral("version")).toInt() != kVersion)
        return settings;
    settings.geometry = file.value(QStringLiteral("geometry")).toByteArray();
    if (settings.geometry.size() > kMostGeometry) settings.geometry.clear();
    const QString page = file.value(QStringLiteral("page")).toString();
    for (int i = 0; i < kPages; ++i)
        if (pageName(PageId(i)) == page) settings.page = PageId(i);
    const QString theme = file.value(QStringLiteral("theme")).toString();
    for (int i = 0; i < 3; ++i)
        if (QLatin1String(kThemes[i]) == theme) settings.theme = ThemeMode(i);
    settings.lastRun = file.value(QStringLiteral("last-run")).toString();
    return settings;
}

void WindowSettings::save() const {
    QSettings file = settingsFile();
    file.clear();
    file.setValue(QStringLiteral("version"), kVersion);
    file.setValue(QStringLiteral("geometry"), geometry);
    file.setValue(QStringLiteral("page"), pageName(page));
    file.setValue(QStringLiteral("theme"), QLatin1String(kThemes[int(theme)]));
    file.setValue(QStringLiteral("last-run"), lastRun);
}

}  // namespace tessera::ui
