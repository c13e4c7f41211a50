#include <QLocale>
#include <array>
#include <cmath>

#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

const QString kUnknown = QStringLiteral("–");

// With three significant digits, as people write sizes: 913, 91.3, 9.13.
QString threeDigits(double value) {
    const double size = std::abs(value);
    return QString::number(value, 'f', size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

}  // namespace

QString ratioText(double value) {
    if (!std::isfinite(value)) return kUnknown;
    return QString::number(value, 'f',
                           std::abs(value) >= 99.95   ? 0
                           : std::abs(value) >= 9.995 ? 1
                                                      : 2) +
           QStringLiteral("x");
}

QString percentText(double fraction, int decimals) {
    if (!std::isfinite(fraction)) return kUnknown;
    return QString::number(fraction * 100, 'f', decimals) + QStringLiteral(" %");
}

QString durationText(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0) return kUnknown;
    if (seconds < 0.001) return QStringLiteral("%1 µs").arg(threeDigits(seconds * 1e6));
    if (seconds < 1) return QStringLiteral("%1 ms").arg(threeDigits(seconds * 1e3));
    if (seconds < 9.95) return QStringLiteral("%1 s").arg(QString::number(seconds, 'f', 1));
    const auto whole = qint64(std::llround(seconds));
    const auto two = [](qint64 value) { return QStringLiteral("%1").arg(value, 2, 10, QLatin1Char('0')); };
    if (whole < 60) return QStringLiteral("%1 s").arg(whole);
    if (whole < 3600) return QStringLiteral("%1 min %2 s").arg(whole / 60).arg(two(whole % 60));
    const qint64 minutes = (whole + 30) / 60;
    return QStringLiteral("%1 h %2 min").arg(minutes / 60).arg(two(minutes % 60));
}

QString bytesText(double bytes) {
    if (!std::isfinite(bytes) || bytes < 0) return kUnknown;
    if (bytes < 1024) return QStringLiteral("%1 B").arg(qint64(bytes));
    static constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    std::size_t unit = 0;
    double value = bytes / 1024;
    while (value >= 1023.5 && unit + 1 < kUnits.size()) {
        value /= 1024;
        ++unit;
    }
    return threeDigits(value) + QLatin1Char(' ') + QLatin1String(kUnits[unit]);
}

QString countText(double count) {
    if (!std::isfinite(count)) return kUnknown;
    const double size = std::abs(count);
    if (size < 10000) return QString::number(count, 'f', 0);
    static constexpr std::array<const char*, 4> kUnits = {"k", "M", "B", "T"};
    double value = count / 1000;
    std::size_t unit = 0;
    while (std::abs(value) >= 999.5 && unit + 1 < kUnits.size()) {
        value /= 1000;
        ++unit;
    }
    const double shown = std::abs(value);
    return QString::number(value, 'f',
                           shown >= 999.5   ? 0
                           : shown >= 9.995 ? 1
                                            : 2) +
           QLatin1Char(' ') + QLatin1String(kUnits[unit]);
}

QString numberText(double value, int significant) {
    if (!std::isfinite(value)) return kUnknown;
    if (value == 0) return QStringLiteral("0");
    const int magnitude = int(std::floor(std::log10(std::abs(value))));
    if (magnitude < -4 || magnitude >= 7) return QString::number(value, 'e', significant - 1);
    return QString::number(value, 'f', std::max(0, significant - 1 - magnitude));
}

QString etaText(double low, double high) {
    if (!std::isfinite(low) || !std::isfinite(high)) return {};
    const auto range = [](double from, double to, const QString& unit) {
        const auto a = qint64(std::llround(from)), b = qint64(std::llround(to));
        return a == b ? QObject::tr("about %1 %2 left").arg(b).arg(unit)
                      : QObject::tr("about %1 to %2 %3 left").arg(a).arg(b).arg(unit);
    };
    if (high < 60) return range(low, std::max(high, 1.0), QObject::tr("s"));
    if (high < 3600) return range(low / 60, high / 60, QObject::tr("min"));
    const auto hours = [](double seconds) { return QString::number(seconds / 3600, 'f', 1); };
    return hours(low) == hours(high) ? QObject::tr("about %1 h left").arg(hours(high))
                                     : QObject::tr("about %1 to %2 h left").arg(hours(low), hours(high));
}

QString signedText(double value, const QString& absolute) {
    if (!std::isfinite(value)) return {};
    return (value > 0   ? QStringLiteral("+")
            : value < 0 ? QStringLiteral("−")
                        : QStringLiteral("±")) +
           absolute;
}

QString pointsText(double difference) {
    const auto points = QString::number(std::abs(difference) * 100, 'f', 1);
    return signedText(points == QStringLiteral("0.0") ? 0 : difference, points);
}

}  // namespace tessera::ui
