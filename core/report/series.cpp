#include "core/report/series.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace tessera {

namespace {

constexpr const char* kNotKnown = "–";
constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

std::string printed(const char* format, double value) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, format, value);
    return buffer;
}

}  // namespace

std::vector<PlotPoint> decimate(const std::vector<double>& x, const std::vector<double>& y, int columns) {
    const std::size_t count = std::min(x.size(), y.size());
    std::vector<PlotPoint> points;
    if (count == 0) return points;
    const double low = x.front(), span = x[count - 1] - low;
    const auto columnOf = [&](std::size_t i) {
        return span > 0 ? int(std::clamp((x[i] - low) / span, 0.0, 1.0) * std::max(columns - 1, 1)) : 0;
    };
    for (std::size_t begin = 0; begin < count;) {
        if (!std::isfinite(y[begin])) {
            if (points.empty() || std::isfinite(points.back().y)) points.push_back({x[begin], kGap});
            ++begin;
            continue;
        }
        std::size_t end = begin, smallest = begin, largest = begin;
        const int column = columnOf(begin);
        for (; end < count && std::isfinite(y[end]) && columnOf(end) == column; ++end) {
            if (y[end] < y[smallest]) smallest = end;
            if (y[end] > y[largest]) largest = end;
        }
        std::size_t kept[] = {begin, std::min(smallest, largest), std::max(smallest, largest), end - 1};
        std::size_t previous = count;
        for (const std::size_t i : kept) {
            if (i != previous) points.push_back({x[i], y[i]});
            previous = i;
        }
        begin = end;
    }
    return points;
}

std::vector<double> smooth(const std::vector<double>& values, std::size_t window) {
    const std::size_t count = values.size(), half = std::min<std::size_t>(window / 2, 1000);
    std::vector<double> sums(count + 1, 0.0), numbers(count + 1, 0.0), means(count, kGap);
    for (std::size_t i = 0; i < count; ++i) {
        const bool finite = std::isfinite(values[i]);
        sums[i + 1] = sums[i] + (finite ? values[i] : 0);
        numbers[i + 1] = numbers[i] + (finite ? 1 : 0);
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (!std::isfinite(values[i])) continue;
        const std::size_t first = i - std::min(half, i), last = std::min(count, i + half + 1);
        const double number = numbers[last] - numbers[first], mean = (sums[last] - sums[first]) / number;
        means[i] = mean;
        if (i >= half && i + half < count) continue;
        // At the ends the window is lopsided, and a plain mean would bend a slope: the line of least squares.
        double place = 0, spread = 0, slope = 0;
        for (std::size_t k = first; k < last; ++k)
            if (std::isfinite(values[k])) place += double(k) / number;
        for (std::size_t k = first; k < last; ++k) {
            if (!std::isfinite(values[k])) continue;
            spread += (double(k) - place) * (double(k) - place);
            slope += (double(k) - place) * (values[k] - mean);
        }
        if (spread > 0) means[i] += slope / spread * (double(i) - place);
    }
    return means;
}

std::vector<double> linearTicks(double low, double high, int wanted) {
    if (!(high > low) || !std::isfinite(high - low) || wanted < 1) return {};
    const double rough = (high - low) / wanted, power = std::pow(10, std::floor(std::log10(rough)));
    const double ratio = rough / power;
    const double unit = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
    if (!(unit > 0)) return {};
    std::vector<double> ticks;
    const double slack = unit * 1e-9;
    // Counted rather than added up, so that a zero is a zero; bounded where unit vanishes beside low.
    const double first = std::ceil((low - slack) / unit);
    for (int i = 0; i <= 4 * wanted + 4; ++i) {
        const double tick = (first + i) * unit;
        if (tick > high + slack) break;
        ticks.push_back(tick == 0 ? 0.0 : tick);
    }
    return ticks;
}

std::vector<double> logTicks(double low, double high) {
    if (!(low > 0) || !(high > low) || !std::isfinite(high)) return {};
    const int first = int(std::floor(std::log10(low))), last = int(std::ceil(std::log10(high)));
    const double decades = std::log10(high) - std::log10(low);
    const int every = std::max(1, int(std::ceil(decades / 6)));
    const std::vector<double> factors = decades <= 3 ? std::vector<double>{1, 2, 5} : std::vector<double>{1};
    std::vector<double> ticks;
    for (int exponent = first; exponent <= last; exponent += every)
        for (const double factor : factors) {
            const double tick = factor * std::pow(10, exponent);
            if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push_back(tick);
        }
    return ticks;
}

std::string formatNumber(double value, int significant) {
    if (!std::isfinite(value)) return kNotKnown;
    const double size = std::fabs(value);
    if (size >= 1000 && size < 1e15) {
        std::string digits = printed("%.0f", size), grouped;
        for (std::size_t i = 0; i < digits.size(); ++i) {
            if (i > 0 && (digits.size() - i) % 3 == 0) grouped += "\u202f";
            grouped += digits[i];
        }
        return (value < 0 ? "−" : "") + grouped;
    }
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*g", significant, size);
    return (value < 0 ? "−" : "") + std::string(buffer);
}

std::string formatPercent(double fraction, int decimals) {
    if (!std::isfinite(fraction)) return kNotKnown;
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f\u202f%%", decimals, fraction * 100);
    return buffer;
}

std::string formatSeconds(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e12) return kNotKnown;
    if (seconds < 1) return printed("%.2f s", seconds);
    if (seconds < 59.95) return printed("%.1f s", seconds);
    const long long whole = std::llround(seconds);
    char buffer[64];
    if (whole < 3600)
        std::snprintf(buffer, sizeof buffer, "%lld min %02lld s", whole / 60, whole % 60);
    else
        std::snprintf(buffer, sizeof buffer, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
    return buffer;
}

std::string formatBytes(double bytes) {
    if (!std::isfinite(bytes) || bytes < 0) return kNotKnown;
    if (bytes < 1024 * 1024.0) return printed("%.0f KiB", bytes / 1024);
    if (bytes < 1024 * 1024 * 1024.0) return printed("%.0f MiB", bytes / (1024 * 1024.0));
    return printed("%.2f GiB", bytes / (1024 * 1024 * 1024.0));
}

}  // namespace tessera
