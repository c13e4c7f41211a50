#include <QApplication>
#include <QDir>
#include <cstdio>

#include "ui/shell/main_window.h"
#include "ui/shell/screenshot.h"
#include "ui/shell/window_options.h"
#include "ui/theme/theme.h"

using namespace tessera::ui;

namespace {

void say(std::FILE* stream, const QString& text) {
    std::fprintf(stream, "%s\n", qUtf8Printable(text));
}

/// Qt ends the process with a core dump where there is no display: say it first.
bool hasDisplay() {
    for (const char* variable : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
        if (!qEnvironmentVariableIsEmpty(variable)) return true;
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    QStringList arguments;
    for (int i = 1; i < argc; ++i) arguments << QString::fromLocal8Bit(argv[i]);
    const WindowOptionsResult parsed = parseWindowOptions(arguments);
    if (!parsed.problem.isEmpty()) {
        say(stderr, parsed.problem);
        return 2;
    }
    if (!parsed.text.isEmpty()) {
        std::fputs(qUtf8Printable(parsed.text), stdout);
        return 0;
    }
    const WindowOptions& options = parsed.options;
    const bool picture = !options.screenshot.isEmpty();
#ifdef Q_OS_LINUX
    if (!hasDisplay()) {
        if (!picture) {
            say(stderr,
                QStringLiteral("There is no display to open a window on. tessera-cli does the same work "
                               "without one."));
            return 1;
        }
        qputenv("QT_QPA_PLATFORM", "offscreen");
    }
#endif
    // The programs that the window starts keep their runs there, too.
    if (!options.runs.empty())
        qputenv("TESSERA_RUNS",
                QDir().absoluteFilePath(QString::fromStdString(options.runs.string())).toLocal8Bit());
    // Our arguments are not Qt's.
    int count = 1;
    QApplication application(count, argv);
    QApplication::setApplicationName(QStringLiteral("tessera"));
    QApplication::setApplicationVersion(QStringLiteral(TESSERA_VERSION));
    QApplication::setDesktopFileName(QStringLiteral("tessera.workbench.Tessera"));
    Theme theme;
    MainWindow window(options);
    window.show();
    if (picture)
        takeScreenshot(window, options.screenshot, [](const QString& problem) {
            if (!problem.isEmpty()) say(stderr, problem);
            QApplication::exit(problem.isEmpty() ? 0 : 1);
        });
    return QApplication::exec();
}
