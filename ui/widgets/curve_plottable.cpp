#include "ui/widgets/curve_plottable.h"

#include <algorithm>
#include <cmath>

#include "ui/widgets/curve_plot.h"

namespace tessera::ui {

namespace {

/// A single line needs more colour than a filled band does.
QColor between(const QColor& band, const QColor& line) {
    return QColor((band.red() * 2 + line.red()) / 3, (band.green() * 2 + line.green()) / 3,
                  (band.blue() * 2 + line.blue()) / 3);
}

constexpr qsizetype kJoined = 300;  ///< most points of a line whose corners are joined

}  // namespace

void CurveData::append(std::span<const double> x, std::span<const double> y) {
    const auto size = static_cast<std::ptrdiff_t>(std::min(x.size(), y.size()));
    m_x.insert(m_x.end(), x.begin(), x.begin() + size);
    m_y.insert(m_y.end(), y.begin(), y.begin() + size);
    m_index.update({m_x, m_y});
}

void CurveData::setSource(std::function<CurvePoints()> source) {
    clear();
    m_source = std::move(source);
    refresh();
}

void CurveData::clear() {
    m_source = nullptr;
    m_x = {};
    m_y = {};
    m_index.clear();
}

bool CurveData::refresh() {
    if (!m_source) return false;
    const auto now = m_source();
    const auto before = m_index.size(), size = std::min(now.x.size(), now.y.size());
    // Shorter than before: another series took its place.
    if (size < before) m_index.clear();
    m_index.update(now);
    return size != before;
}

void CurveData::setLength(double length) {
    m_index.setLength(length, points());
}

CurvePoints CurveData::points() const {
    auto all = m_source ? m_source() : CurvePoints{m_x, m_y};
    const auto size = std::min({all.x.size(), all.y.size(), m_index.size()});
    return {all.x.first(size), all.y.first(size)};
}

std::size_t CurveData::nearest(double x) const {
    const auto all = points();
    const auto isValue = [&](std::size_t i) { return std::isfinite(all.x[i]) && std::isfinite(all.y[i]); };
    auto after = m_index.lowerBound(all, x);
    while (after < all.x.size() && !isValue(after)) ++after;
    auto before = std::min(m_index.lowerBound(all, x), all.x.size());
    while (before > 0 && !isValue(before - 1)) --before;
    if (after >= all.x.size()) return before > 0 ? before - 1 : m_index.size();
    if (before == 0) return after;
    return all.x[after] - x < x - all.x[before - 1] ? after : before - 1;
}

CurvePlottable::CurvePlottable(QCPAxis* keyAxis, QCPAxis* valueAxis, CurveKind kind)
    : QCPAbstractPlottable(keyAxis, valueAxis), m_kind(kind) {
    setSelectable(QCP::stNone);
    removeFromLegend();
}

bool CurvePlottable::hasMean() const {
    return m_data.index().length() > 0 && (m_kind == CurveKind::Noisy || m_kind == CurveKind::Mean);
}

Extent CurvePlottable::shownExtent(double low, double high) const {
    const auto points = m_data.points();
    const auto& index = m_data.index();
    const auto begin = index.lowerBound(points, low);
    const auto end = index.lowerBound(points, std::nextafter(high, INFINITY));
    return index.extent(points, begin, end, m_kind == CurveKind::Mean && hasMean());
}

QCPRange CurvePlottable::getKeyRange(bool& found, QCP::SignDomain) const {
    const double first = m_data.index().firstX(), last = m_data.index().lastX();
    found = std::isfinite(first);
    return found ? QCPRange(first, last) : QCPRange();
}

QCPRange CurvePlottable::getValueRange(bool& found, QCP::SignDomain, const QCPRange& keys) const {
    const auto extent =
        keys == QCPRange() ? shownExtent(-INFINITY, INFINITY) : shownExtent(keys.lower, keys.upper);
    found = !extent.empty();
    return found ? QCPRange(extent.least, extent.greatest) : QCPRange();
}

double CurvePlottable::pixelOf(double value) const {
    if (value <= 0 && mValueAxis->scaleType() == QCPAxis::stLogarithmic) return std::nan("");
    return mValueAxis->coordToPixel(value);
}

void CurvePlottable::draw(QCPPainter* painter) {
    if (!mKeyAxis || !mValueAxis || m_data.index().size() == 0) return;
    const auto points = m_data.points();
    const auto& index = m_data.index();
    const auto rect = mKeyAxis->axisRect()->rect();
    const bool vector = painter->modes().testFlag(QCPPainter::pmVectorized);
    const double ratio = vector || !painter->device() ? 1.0 : painter->device()->devicePixelRatioF();
    m_left = rect.left();
    m_columnWidth = 1 / ratio;
    const auto columns = static_cast<std::size_t>(std::max(1.0, std::ceil(rect.width() * ratio)));
    const auto range = mKeyAxis->range();
    auto begin = index.lowerBound(points, range.lower);
    auto end = index.lowerBound(points, std::nextafter(range.upper, INFINITY));

    const QPen line(m_look.line, 2), plain(m_look.line, 0, Qt::DotLine);
    const auto drawn = [&](bool mean, const QPen& pen, const std::vector<double>& edges) {
        if (edges.empty())
            drawPoints(painter, begin, end, mean, pen);
        else
            drawLine(painter, edges, mean, pen);
    };
    std::vector<double> edges;
    if (end - begin > 2 * columns) {
        edges.resize(columns + 1);
        for (std::size_t i = 0; i <= columns; ++i)
            edges[i] = mKeyAxis->pixelToCoord(m_left + static_cast<double>(i) * m_columnWidth);
        // The newest point lies on the right edge.
        edges.back() =
            std::max(std::nextafter(edges.back(), INFINITY), std::nextafter(range.upper, INFINITY));
    } else {
        // The lines that leave the chart at both sides.
        if (begin > 0) --begin;
        if (end < points.x.size()) ++end;
    }
    switch (m_kind) {
        case CurveKind::Line:
            drawn(false, line, edges);
            break;
        case CurveKind::Ghost:
            drawn(false, plain, edges);
            break;
        case CurveKind::Mean:
            drawn(hasMean(), line, edges);
            break;
        case CurveKind::Noisy:
            if (edges.empty())
                drawPoints(painter, begin, end, false, QPen(between(m_look.band, m_look.line), 0));
            else
                drawBand(painter, edges);
            if (hasMean()) drawn(true, line, edges);
            break;
    }
}

void CurvePlottable::drawBand(QCPPainter* painter, const std::vector<double>& edges) {
    m_data.index().columns(m_data.points(), edges, false, m_columns);
    const bool log = mValueAxis->scaleType() == QCPAxis::stLogarithmic;
    QVector<QLineF> lines;
    lines.reserve(static_cast<int>(m_columns.size()));
    double before = std::nan("");
    for (std::size_t i = 0; i < m_columns.size(); ++i) {
        const auto& column = m_columns[i];
        if (column.extent.empty()) {
            if (column.gapAfter) before = std::nan("");
            continue;
        }
        const double least = log ? column.extent.leastPositive : column.extent.least;
        if (column.gapBefore) before = std::nan("");
        if (log && !std::isfinite(least)) {
            before = std::nan("");
            continue;
        }
        double low = pixelOf(least), high = pixelOf(column.extent.greatest);
        // Neighbouring columns touch, as the line between their points does.
        if (std::isfinite(before)) {
            low = std::max(low, before);
            high = std::min(high, before);
        }
        const double x = m_left + static_cast<double>(i) * m_columnWidth;
        if (low - high < 1) low = high + 1;
        lines.append(QLineF(x, high, x, low));
        before = column.gapAfter ? std::nan("") : pixelOf(column.last);
    }
    painter->setAntialiasing(false);
    painter->setPen(QPen(m_look.band, 0));
    painter->drawLines(lines);
}

void CurvePlottable::drawLine(QCPPainter* painter, const std::vector<double>& edges, bool mean,
                              const QPen& pen) {
    m_data.index().columns(m_data.points(), edges, mean, m_columns);
    m_strokes.assign(1, {});
    for (std::size_t i = 0; i < m_columns.size(); ++i) {
        const auto& column = m_columns[i];
        if (column.gapBefore || (column.extent.empty() && column.gapAfter)) m_strokes.emplace_back();
        if (column.extent.empty()) continue;
        const double x = m_left + (static_cast<double>(i) + 0.5) * m_columnWidth;
        const auto add = [&](double value) {
            const double y = pixelOf(value);
            auto& stroke = m_strokes.back();
            if (std::isnan(y))
                m_strokes.emplace_back();
            else if (stroke.isEmpty() || std::abs(stroke.back().y() - y) > 0.05 || stroke.back().x() != x)
                stroke.append({x, y});
        };
        add(column.first);
        // A column that only rises or falls is its two ends; any other shows its extremes, too.
        const double low = std::min(column.first, column.last), high = std::max(column.first, column.last);
        if (column.extent.greatest > high) add(column.extent.greatest);
        if (column.extent.least < low) add(column.extent.least);
        add(column.last);
        if (column.gapAfter) m_strokes.emplace_back();
    }
    stroke(painter, pen);
}

void CurvePlottable::drawPoints(QCPPainter* painter, std::size_t begin, std::size_t end, bool mean,
                                const QPen& pen) {
    const auto points = m_data.points();
    std::vector<double> means;
    if (mean) m_data.index().means(points, begin, end, means);
    m_strokes.assign(1, {});
    for (auto i = begin; i < end; ++i) {
        const double y = mean ? means[i - begin] : points.y[i];
        const double at = std::isfinite(points.x[i]) && std::isfinite(y) ? pixelOf(y) : std::nan("");
        const double x = std::isnan(at) ? 0 : mKeyAxis->coordToPixel(points.x[i]);
        if (std::isnan(at) || !std::isfinite(x))
            m_strokes.emplace_back();
        else
            m_strokes.back().append({x, at});
    }
    stroke(painter, pen);
}

void CurvePlottable::stroke(QCPPainter* painter, const QPen& pen) {
    applyDefaultAntialiasingHint(painter);
    painter->setAntialiasing(true);
    // Each piece is a line of its own: a joined polyline of two pixels' width is a hundred times dearer on
    // noisy data. Dashes are cut here, since they would begin anew with every piece.
    const auto style = pen.style() != Qt::SolidLine ? pen.style() : m_look.dash;
    const double width = std::max(1.0, pen.widthF());
    QVector<double> pattern;
    if (style == Qt::DashLine) pattern = {6 * width / 2 + 3, 4 * width / 2 + 1};
    if (style == Qt::DotLine) pattern = {1.5 * width, 2.5 * width};
    if (style == Qt::DashDotLine) pattern = {5 * width, 2 * width, width, 2 * width};
    if (style == Qt::DashDotDotLine) pattern = {5 * width, 2 * width, width, 2 * width, width, 2 * width};
    QPen solid(pen.color(), pen.widthF());
    solid.setCapStyle(Qt::FlatCap);
    solid.setJoinStyle(Qt::RoundJoin);
    painter->setPen(solid);
    QVector<QLineF> lines;
    for (const auto& points : m_strokes) {
        if (points.size() == 1) {
            // A value alone between gaps is still a value.
            painter->setBrush(pen.color());
            painter->drawEllipse(points[0], width, width);
            painter->setBrush(Qt::NoBrush);
            continue;
        }
        if (pattern.isEmpty() && points.size() <= kJoined) {
            painter->drawPolyline(points.constData(), static_cast<int>(points.size()));
            continue;
        }
        int part = 0;
        double left = pattern.isEmpty() ? 0 : pattern[0];
        for (int i = 0; i + 1 < points.size(); ++i) {
            if (pattern.isEmpty()) {
                lines.append(QLineF(points[i], points[i + 1]));
                continue;
            }
            const QLineF whole(points[i], points[i + 1]);
            const double length = whole.length();
            for (double at = 0; at < length;) {
                const double take = std::min(left, length - at);
                if (part % 2 == 0 && take > 0)
                    lines.append(QLineF(whole.pointAt(at / length), whole.pointAt((at + take) / length)));
                at += take;
                left -= take;
                if (left <= 1e-9) {
                    part = (part + 1) % static_cast<int>(pattern.size());
                    left = pattern[part];
                }
            }
        }
    }
    painter->drawLines(lines);
}

}  // namespace tessera::ui
