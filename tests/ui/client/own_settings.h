#pragma once

#include <QCoreApplication>
#include <QSettings>
#include <filesystem>

namespace tessera::test {

/// Settings of the test's own, in `folder`, under the test's name: neither the person's nor another test's.
inline void useOwnSettings(const std::filesystem::path& folder, const char* name) {
    QSettings::setDefaultFormat(QSettings::IniFormat);
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, QString::fromStdString(folder.string()));
    QCoreApplication::setOrganizationName(QStringLiteral("tessera-test"));
    QCoreApplication::setApplicationName(QLatin1String(name));
}

}  // namespace tessera::test
