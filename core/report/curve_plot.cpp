#include <algorithm>
#include <cmath>
#include <limits>

#include "core/report/drawing.h"
#include "core/report/figures.h"
#include "core/report/series.h"

namespace tessera {

namespace {

constexpr double kWidth = 720;
constexpr double kLeft = 62, kRight = 14, kTop = 34, kBottom = 42;
constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
constexpr double kDash[] = {5, 4};

struct Range {
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    bool empty() const { return !(low <= high); }
    void add(double value) {
        if (!std::isfinite(value)) return;
        low = std::min(low, value);
        high = std::max(high, value);
    }
};

struct Axes {
    Range x, y;
    bool logY = false;
    double left = kLeft, top = kTop, width = 0, height = 0;

    double mapX(double value) const { return left + (value - x.low) / (x.high - x.low) * width; }
    double mapY(double value) const {
        const double t =
            logY ? std::log(value / y.low) / std::log(y.high / y.low) : (value - y.low) / (y.high - y.low);
        return top + height * (1 - t);
    }
};

/// The values that the axis can show.
std::vector<double> shownValues(const std::vector<double>& values, bool logY) {
    std::vector<double> shown = values;
    for (double& value : shown)
        if (!std::isfinite(value) || (logY && value <= 0)) value = kGap;
    return shown;
}

Axes axesOf(const PlotSpec& spec) {
    Axes axes;
    axes.logY = spec.logY;
    for (const PlotSeries& series : spec.series) {
        const std::vector<double> shown = shownValues(series.y, spec.logY);
        for (std::size_t i = 0; i < std::min(shown.size(), series.x.size()); ++i) {
            axes.y.add(shown[i]);
            axes.x.add(series.x[i]);
        }
    }
    if (axes.x.empty() || axes.y.empty()) return axes;
    for (const PlotLine& line : spec.references)
        if (!spec.logY || line.y > 0) axes.y.add(line.y);
    if (axes.x.low == axes.x.high) axes.x.low -= 1, axes.x.high += 1;
    if (spec.logY) {
        const double margin = std::max(std::pow(axes.y.high / axes.y.low, 0.05), 1.02);
        axes.y.low /= margin, axes.y.high *= margin;
    } else {
        const double size = std::max(std::fabs(axes.y.low), std::fabs(axes.y.high));
        const double margin = std::max((axes.y.high - axes.y.low) * 0.06, size > 0 ? size * 1e-3 : 1.0);
        axes.y.low -= margin, axes.y.high += margin;
    }
    return axes;
}

void drawAxes(cairo_t* cairo, const PlotSpec& spec, const Axes& axes) {
    const double right = axes.left + axes.width, bottom = axes.top + axes.height;
    std::vector<double> ticks = axes.logY ? logTicks(axes.y.low, axes.y.high) : std::vector<double>();
    if (ticks.size() < 2) ticks = linearTicks(axes.y.low, axes.y.high, 5);
    for (const double tick : ticks) {
        const double y = axes.mapY(tick);
        drawLine(cairo, axes.left, y, right, y, kGrid, 0.8);
        const bool fine = spec.percentY && ticks.size() > 1 && ticks[1] - ticks[0] < 0.0099;
        drawText(cairo, spec.percentY ? formatPercent(tick, fine ? 1 : 0) : formatNumber(tick), axes.left - 8,
                 y, {.size = 10.5, .color = kMuted, .alignX = 1, .alignY = 0.5});
    }
    for (const double tick : linearTicks(axes.x.low, axes.x.high, 8)) {
        const double x = axes.mapX(tick);
        drawLine(cairo, x, bottom, x, bottom + 4, kMuted, 0.8);
        drawText(cairo, formatNumber(tick, 6), x, bottom + 6, {.size = 10.5, .color = kMuted, .alignX = 0.5});
    }
    drawLine(cairo, axes.left, bottom, right, bottom, kMuted, 0.8);
    drawText(cairo, spec.xLabel, right, bottom + 22, {.size = 10.5, .color = kMuted, .alignX = 1});
    drawText(cairo, spec.yLabel, 4, axes.top - kTop + 8, {.size = 10.5, .color = kMuted});
}

void drawPolyline(cairo_t* cairo, const Axes& axes, const std::vector<PlotPoint>& points, const Color& color,
                  double width, double alpha) {
    setColor(cairo, color, alpha);
    cairo_set_line_width(cairo, width);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
    bool drawing = false;
    for (const PlotPoint& point : points) {
        if (!std::isfinite(point.y) || !std::isfinite(point.x)) {
            drawing = false;
            continue;
        }
        const double x = axes.mapX(point.x), y = axes.mapY(point.y);
        if (!drawing) {
            cairo_move_to(cairo, x, y);
            cairo_line_to(cairo, x, y);  // a lone value between two gaps is a dot
        } else {
            cairo_line_to(cairo, x, y);
        }
        drawing = true;
    }
    cairo_stroke(cairo);
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_BUTT);
}

/// Names of series and references in lines that end at the right edge; dashes tell references as much as
/// colour does. Returns the height of the lines below the first. Only measures unless `paint`.
double drawLegend(cairo_t* cairo, const PlotSpec& spec, bool paint) {
    constexpr double kFirstLine = 15, kLineHeight = 17, kSample = 28, kBetween = 18;
    const TextStyle style{.size = 11, .alignY = 0.5, .fit = 420};
    struct Entry {
        std::string name;
        Color color;
        bool dashed;
        double width;
    };
    std::vector<Entry> entries;
    const auto add = [&](const std::string& name, const Color& color, bool dashed) {
        entries.push_back({name, color, dashed, measureText(cairo, name, style).width + kSample});
    };
    for (std::size_t i = 0; i < spec.series.size(); ++i) add(spec.series[i].name, seriesColor(i), false);
    for (const PlotLine& line : spec.references) add(line.name, kMuted, true);

    double left = measureText(cairo, spec.yLabel, {.size = 10.5}).width + 24, y = kFirstLine;
    for (std::size_t begin = 0; begin < entries.size();) {
        std::size_t end = begin;
        double width = 0;
        for (; end < entries.size(); ++end) {
            const double more = entries[end].width + (end > begin ? kBetween : 0);
            if (end > begin && left + width + more > kWidth - kRight) break;
            width += more;
        }
        double x = kWidth - kRight - width;
        for (; begin < end; ++begin) {
            const Entry& entry = entries[begin];
            if (paint) {
                if (entry.dashed) cairo_set_dash(cairo, kDash, 2, 0);
                drawLine(cairo, x, y, x + kSample - 7, y, entry.color, entry.dashed ? 1.2 : 2.2);
                cairo_set_dash(cairo, nullptr, 0, 0);
                drawText(cairo, entry.name, x + kSample, y, style);
            }
            x += entry.width + kBetween;
        }
        if (end < entries.size()) y += kLineHeight;
    }
    return y - kFirstLine;
}

void drawPlot(cairo_t* cairo, const PlotSpec& spec) {
    Axes axes = axesOf(spec);
    axes.width = kWidth - kLeft - kRight;
    const double legend = drawLegend(cairo, spec, false);
    axes.top += legend;
    axes.height = std::max(60.0, spec.height - axes.top - kBottom);
    if (axes.x.empty() || axes.y.empty()) {
        drawText(cairo, "no values", kWidth / 2, spec.height / 2,
                 {.size = 12, .color = kMuted, .alignX = 0.5, .alignY = 0.5});
        return;
    }
    drawAxes(cairo, spec, axes);
    const int columns = int(axes.width) * 2;  // about a screen's pixels
    for (std::size_t i = 0; i < spec.series.size(); ++i) {
        const PlotSeries& series = spec.series[i];
        const std::vector<double> shown = shownValues(series.y, spec.logY);
        const bool band = series.band && shown.size() > 24;
        if (band) drawPolyline(cairo, axes, decimate(series.x, shown, columns), seriesColor(i), 0.8, 0.28);
        const std::vector<double> mean =
            band ? smooth(shown, std::max<std::size_t>(9, shown.size() / 30)) : shown;
        drawPolyline(cairo, axes, decimate(series.x, mean, columns), seriesColor(i), 1.8, 1);
    }
    cairo_set_dash(cairo, kDash, 2, 0);
    for (const PlotLine& line : spec.references)
        if (line.y >= axes.y.low && line.y <= axes.y.high)
            drawLine(cairo, axes.left, axes.mapY(line.y), axes.left + axes.width, axes.mapY(line.y), kMuted,
                     1.2);
    cairo_set_dash(cairo, nullptr, 0, 0);
    drawLegend(cairo, spec, true);
}

std::string describe(const PlotSpec& spec) {
    std::string text = spec.title + " over " + spec.xLabel + ".";
    for (const PlotSeries& series : spec.series) {
        double first = kGap, last = kGap;
        for (const double value : shownValues(series.y, spec.logY)) {
            if (!std::isfinite(value)) continue;
            if (!std::isfinite(first)) first = value;
            last = value;
        }
        if (!std::isfinite(first)) continue;
        const auto number = [&](double value) {
            return spec.percentY ? formatPercent(value) : formatNumber(value);
        };
        text += " " + series.name + " goes from " + number(first) + " to " + number(last) + ".";
    }
    return text;
}

}  // namespace

Figure curvePlot(PlotSpec spec) {
    Figure figure{.title = spec.title,
                  .description = describe(spec),
                  .width = kWidth,
                  .height = spec.height,
                  .draw = {}};
    figure.draw = [spec = std::move(spec)](cairo_t* cairo) { drawPlot(cairo, spec); };
    return figure;
}

}  // namespace tessera
