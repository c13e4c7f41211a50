#pragma once

#include <QObject>
#include <QString>
#include <functional>

namespace tessera::ui {

class MainWindow;

/// Waits until the window's page has what it shows, then writes a picture of the window. `done` gets a
/// sentence on what went wrong, or an empty one. Belongs to the window.
void takeScreenshot(MainWindow& window, const QString& file, std::function<void(const QString&)> done);

}  // namespace tessera::ui
