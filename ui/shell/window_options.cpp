#include "ui/shell/window_options.h"

#include <QCoreApplication>
#include <QRegularExpression>

namespace tessera::ui {

namespace {

constexpr int kLeastSide = 320, kGreatestSide = 16384;

const char* const kUsage =
    "Usage: tessera [OPTIONS]\n"
    "The window of Tessera. Its commands without a window are those of tessera-cli.\n"
    "\n"
    "  --runs FOLDER           where runs are kept (default: the user's data folder)\n"
    "  --open RUN              a run to look at\n"
    "  --page NAME             home, run, inspect, compare, playground or benchmark\n"
    "  --theme MODE            light, dark or system\n"
    "  --size WxH              of the window, in logical pixels, e.g. 1280x800\n"
    "  --screenshot FILE.png   show the page, write a picture of the window once its data is there, and "
    "leave\n"
    "  --safe-mode             start as if for the first time: neither read nor write settings\n"
    "  --version, --help\n";

std::filesystem::path pathOf(const QString& text) {
    return {text.toStdString()};
}

// Returns what is wrong with the value.
QString take(const QString& name, const QString& value, WindowOptions& options) {
    if (name == QLatin1String("--runs")) {
        options.runs = pathOf(value);
    } else if (name == QLatin1String("--open")) {
        options.open = pathOf(value);
    } else if (name == QLatin1String("--page")) {
        QStringList names;
        for (int i = 0; i < kPages; ++i) {
            names << pageName(PageId(i));
            if (names.last() == value) options.page = PageId(i);
        }
        if (!options.page)
            return QStringLiteral("There is no page '%1': it is one of %2.")
                .arg(value, names.join(QLatin1String(", ")));
    } else if (name == QLatin1String("--theme")) {
        if (value == QLatin1String("light")) options.theme = ThemeMode::Light;
        if (value == QLatin1String("dark")) options.theme = ThemeMode::Dark;
        if (value == QLatin1String("system")) options.theme = ThemeMode::System;
        if (!options.theme)
            return QStringLiteral("There is no theme '%1': it is light, dark or system.").arg(value);
    } else if (name == QLatin1String("--size")) {
        static const QRegularExpression kForm(QStringLiteral("^(\\d{1,6})x(\\d{1,6})$"));
        const auto match = kForm.match(value);
        const QSize size(match.captured(1).toInt(), match.captured(2).toInt());
        if (!match.hasMatch() || std::min(size.width(), size.height()) < kLeastSide ||
            std::max(size.width(), size.height()) > kGreatestSide)
            return QStringLiteral("--size is WIDTHxHEIGHT with %1 to %2 pixels each, not '%3'.")
                .arg(kLeastSide)
                .arg(kGreatestSide)
                .arg(value);
        options.size = size;
    } else if (name == QLatin1String("--screenshot")) {
        if (!value.endsWith(QLatin1String(".png"), Qt::CaseInsensitive))
            return QStringLiteral("--screenshot writes a .png file, not '%1'.").arg(value);
        options.screenshot = value;
    }
    return {};
}

}  // namespace

WindowOptionsResult parseWindowOptions(const QStringList& arguments) {
    WindowOptionsResult result;
    static const QStringList kWithValue = {QStringLiteral("--runs"), QStringLiteral("--open"),
                                           QStringLiteral("--page"), QStringLiteral("--theme"),
                                           QStringLiteral("--size"), QStringLiteral("--screenshot")};
    for (qsizetype i = 0; i < arguments.size(); ++i) {
        const QString& argument = arguments[i];
        if (argument == QLatin1String("--help") || argument == QLatin1String("-h")) {
            result.text = QString::fromLatin1(kUsage);
            return result;
        }
        if (argument == QLatin1String("--version")) {
            result.text = QStringLiteral("tessera " TESSERA_VERSION "\n");
            return result;
        }
        if (argument == QLatin1String("--safe-mode")) {
            result.options.safeMode = true;
            continue;
        }
        const qsizetype equals = argument.indexOf(QLatin1Char('='));
        const QString name = equals < 0 ? argument : argument.left(equals);
        if (!kWithValue.contains(name)) {
            result.problem =
                QStringLiteral("tessera does not know '%1'; --help lists its options.").arg(argument);
            return result;
        }
        const QString value = equals >= 0                ? argument.mid(equals + 1)
                              : i + 1 < arguments.size() ? arguments[++i]
                                                         : QString();
        result.problem = value.isEmpty() ? QStringLiteral("%1 needs a value behind it.").arg(name)
                                         : take(name, value, result.options);
        if (!result.problem.isEmpty()) return result;
    }
    return result;
}

}  // namespace tessera::ui
