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

/// Leaves out points that lie within a quarter of a pixel of the line without them. Points ascend by x.
void simplify(QVector<QPointF>& points) {
    constexpr double kTolerance = 0.25;
    if (points.size() < 3) return;
    qsizetype kept = 1;
    QPointF anchor = points[0], before = points[0];
    double low = -INFINITY, high = INFINITY;
    const auto keep = [&](const QPointF& point) {
        points[kept++] = anchor = point;
        low = -INFINITY, high = INFINITY;
    };
    for (qsizetype i = 1; i < points.size(); ++i) {
        const auto point = points[i];
        const double across = point.x() - anchor.x();
        const double slope = across > 0 ? (point.y() - anchor.y()) / across : 0;
        if (across <= 0 || slope < low || slope > high) {
            if (before != anchor) keep(before);
            const double rest = point.x() - anchor.x();
            if (rest <= 0) {
                keep(point);
            } else {
                low = (point.y() - kTolerance - anchor.y()) / rest;
                high = (point.y() + kTolerance - anchor.y()) / rest;
            }
        } else {
            low = std::max(low, (point.y() - kTolerance - anchor.y()) / across);
            high = std::min(high, (point.y() + kTolerance - anchor.y()) / across);
        }
        before = point;
    }
    if (before != anchor) keep(before);
    points.resize(kept);
}

constexpr double kRough = 3;        ///< mean height of a column in pixels
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
    // Columns are logical pixels: on a dense screen nobody tells two halves of one apart, and half of them
    // are drawn in half of the time.
    m_columnWidth = 1;
    m_ratio = ratio;
    const auto columns = static_cast<std::size_t>(std::max(1, rect.width()));
    const auto range = mKeyAxis->range();
    auto begin = index.lowerBound(points, range.lower);
    auto end = index.lowerBound(points, std::nextafter(range.upper, INFINITY));

    const QPen line(m_look.line, 2), plain(m_look.line, 0, Qt::DotLine);
    const bool dense = end - begin > columns;
    const auto drawn = [&](bool mean, const QPen& pen) {
        if (dense)
            drawLine(painter, mean, pen);
        else
            drawPoints(painter, begin, end, mean, pen);
    };
    if (dense) {
        std::vector<double> edges(columns + 1);
        for (std::size_t i = 0; i <= columns; ++i)
            edges[i] = mKeyAxis->pixelToCoord(m_left + static_cast<double>(i) * m_columnWidth);
        // The newest point lies on the right edge.
        edges.back() =
            std::max(std::nextafter(edges.back(), INFINITY), std::nextafter(range.upper, INFINITY));
        index.columns(points, edges, m_columns);
    } else {
        // The lines that leave the chart at both sides.
        if (begin > 0) --begin;
        if (end < points.x.size()) ++end;
    }
    switch (m_kind) {
        case CurveKind::Line:
            drawn(false, line);
            break;
        case CurveKind::Ghost:
            drawn(false, plain);
            break;
        case CurveKind::Mean:
            drawn(hasMean(), line);
            break;
        case CurveKind::Noisy:
            if (!dense)
                drawPoints(painter, begin, end, false, QPen(between(m_look.band, m_look.line), 0));
            else
                drawBand(painter, false, m_look.band, 1 / m_ratio);
            if (hasMean()) drawn(true, line);
            break;
    }
}

void CurvePlottable::drawBand(QCPPainter* painter, bool mean, const QColor& colour, double least) {
    const bool log = mValueAxis->scaleType() == QCPAxis::stLogarithmic;
    // From the top to the bottom of each column; empty where top is below bottom.
    m_spans.assign(m_columns.size(), {1, 0});
    double before = std::nan(""), top = INFINITY, bottom = -INFINITY;
    const auto area = mKeyAxis->axisRect()->rect();
    for (std::size_t i = 0; i < m_columns.size(); ++i) {
        const auto& column = m_columns[i];
        const auto& extent = mean ? column.means : column.values;
        const double lowest = log ? extent.leastPositive : extent.least;
        if (column.gapBefore || (column.empty() && column.gapAfter)) before = std::nan("");
        if (column.empty()) continue;
        if (log && !std::isfinite(lowest)) {
            before = std::nan("");
            continue;
        }
        double low = pixelOf(lowest), high = pixelOf(extent.greatest);
        // Neighbouring columns touch, as the line between their points does.
        if (std::isfinite(before)) {
            low = std::max(low, before);
            high = std::min(high, before);
        }
        if (const double missing = least - (low - high); missing > 0) low += missing / 2, high -= missing / 2;
        before = column.gapAfter ? std::nan("") : pixelOf(mean ? column.lastMean : column.last);
        low = std::min<double>(low, area.bottom() + 1);
        high = std::max<double>(high, area.top());
        if (low <= high) continue;
        m_spans[i] = {high, low};
        top = std::min(top, high);
        bottom = std::max(bottom, low);
    }
    if (!(top < bottom)) return;
    painter->setAntialiasing(false);
    if (painter->modes().testFlag(QCPPainter::pmVectorized)) {
        QVector<QLineF> lines;
        for (std::size_t i = 0; i < m_spans.size(); ++i) {
            const double x = m_left + static_cast<double>(i) * m_columnWidth;
            if (m_spans[i].first < m_spans[i].second)
                lines.append(QLineF(x, m_spans[i].first, x, m_spans[i].second));
        }
        painter->setPen(QPen(colour, m_columnWidth));
        painter->drawLines(lines);
        return;
    }
    // A tenth of what as many lines cost.
    const int first = static_cast<int>(std::floor(top * m_ratio)),
              last = static_cast<int>(std::ceil(bottom * m_ratio));
    const int width = static_cast<int>(std::lround(m_columnWidth * m_ratio));
    const double scale = width / m_columnWidth;
    QImage image(static_cast<int>(m_spans.size()) * width, last - first, QImage::Format_ARGB32_Premultiplied);
    image.fill(0);
    auto* bits = reinterpret_cast<QRgb*>(image.bits());
    const auto stride = image.bytesPerLine() / 4;
    const QRgb ink = qPremultiply(colour.rgba());
    for (std::size_t i = 0; i < m_spans.size(); ++i) {
        if (m_spans[i].first > m_spans[i].second) continue;
        const int from = static_cast<int>(std::floor(m_spans[i].first * m_ratio)) - first;
        const int to = std::max(from + 1, static_cast<int>(std::lround(m_spans[i].second * m_ratio)) - first);
        auto* at = bits + from * stride + static_cast<qsizetype>(i) * width;
        for (int y = from; y < std::min(to, last - first); ++y, at += stride) std::fill_n(at, width, ink);
    }
    painter->drawImage(QRectF(m_left, first / m_ratio, image.width() / scale, image.height() / m_ratio),
                       image);
}

/// Whether a curve jumps about so much within a pixel column that a line through it would be a band, too.
bool CurvePlottable::isRough(bool mean) const {
    double heights = 0;
    std::size_t count = 0;
    for (const auto& column : m_columns) {
        if (column.empty()) continue;
        const auto& extent = mean ? column.means : column.values;
        const double height = std::abs(pixelOf(extent.greatest) - pixelOf(extent.least));
        if (std::isfinite(height)) heights += height, ++count;
    }
    return count > 0 && heights / static_cast<double>(count) > kRough;
}

void CurvePlottable::drawLine(QCPPainter* painter, bool mean, const QPen& pen) {
    if (m_look.dash == Qt::SolidLine && pen.style() == Qt::SolidLine && isRough(mean))
        return drawBand(painter, mean, pen.color(), pen.widthF());
    m_strokes.assign(1, {});
    for (std::size_t i = 0; i < m_columns.size(); ++i) {
        const auto& column = m_columns[i];
        if (column.gapBefore || (column.empty() && column.gapAfter)) m_strokes.emplace_back();
        if (column.empty()) continue;
        const double x = m_left + (static_cast<double>(i) + 0.5) * m_columnWidth;
        const auto add = [&](double value) {
            const double y = pixelOf(value);
            auto& stroke = m_strokes.back();
            if (std::isnan(y))
                m_strokes.emplace_back();
            else if (stroke.isEmpty() || std::abs(stroke.back().y() - y) > 0.05 || stroke.back().x() != x)
                stroke.append({x, y});
        };
        const auto& extent = mean ? column.means : column.values;
        const double first = mean ? column.firstMean : column.first,
                     last = mean ? column.lastMean : column.last;
        // Within a pixel there is nothing to see.
        if (std::abs(pixelOf(extent.greatest) - pixelOf(extent.least)) <= 1) {
            add(last);
            if (column.gapAfter) m_strokes.emplace_back();
            continue;
        }
        add(first);
        // A column that only rises or falls is its two ends; any other shows its extremes, too.
        if (extent.greatest > std::max(first, last)) add(extent.greatest);
        if (extent.least < std::min(first, last)) add(extent.least);
        add(last);
        if (column.gapAfter) m_strokes.emplace_back();
    }
    for (auto& stroke : m_strokes) simplify(stroke);
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
    for (auto& stroke : m_strokes)
        if (stroke.size() > kJoined) simplify(stroke);
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
        // Lines of a pixel are cheap at any length.
        if (pattern.isEmpty() && (points.size() <= kJoined || pen.widthF() <= 1)) {
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
