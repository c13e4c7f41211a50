#include <algorithm>
#include <cmath>

#include "ui/widgets/basics.h"
#include "ui/widgets/curve_plot_private.h"

// How curve plots look: colours, scales, legends, and the ranges that are shown.
namespace tessera::ui {

namespace {

QColor blended(const QColor& over, const QColor& under, double share) {
    const auto mix = [&](int a, int b) { return static_cast<int>(a * share + b * (1 - share)); };
    return QColor(mix(over.red(), under.red()), mix(over.green(), under.green()),
                  mix(over.blue(), under.blue()));
}

/// Numbers as a panel writes them.
class TextTicker : public QCPAxisTicker {
  public:
    explicit TextTicker(std::function<QString(double)> text) : m_text(std::move(text)) {}

  protected:
    QString getTickLabel(double tick, const QLocale&, QChar, int) override { return m_text(tick); }

  private:
    std::function<QString(double)> m_text;
};

/// 1, 2 or 5 times a power of ten: between steps there are no others to label.
class StepTicker : public QCPAxisTicker {
  protected:
    double getTickStep(const QCPRange& range) override {
        const double least = range.size() / std::max(1, mTickCount);
        const double power = std::pow(10, std::floor(std::log10(least)));
        for (const double step : {1.0, 2.0, 5.0})
            if (step * power >= least) return step * power;
        return 10 * power;
    }
};

}  // namespace

void CurvePlot::Private::applyLook(Curve& curve) {
    const auto& t = Theme::instance().tokens();
    CurvePlottable::Look look;
    look.line = curve.style.colour ? curve.style.colour(t) : t.text;
    look.band = curve.style.band ? curve.style.band(t) : blended(look.line, t.raised, 0.35);
    look.dash = curve.style.dash;
    const bool paler =
        highlighted >= 0 && curve.style.name != curves[static_cast<std::size_t>(highlighted)].style.name;
    if (paler || curve.style.kind == CurveKind::Ghost) {
        look.line = blended(look.line, t.raised, paler ? 0.3 : 0.6);
        look.band = blended(look.band, t.raised, 0.3);
    }
    curve.plottable->setLook(look);
}

void CurvePlot::Private::recolour() {
    const auto& t = Theme::instance().tokens();
    canvas->setFont(q->font());
    canvas->setBackground(QBrush(t.raised));
    QPalette palette = canvas->palette();
    palette.setColor(QPalette::Base, t.raised);
    canvas->setPalette(palette);
    for (auto& panel : panels) {
        for (auto* axis : panel->rect->axes()) {
            axis->setBasePen(QPen(t.border, 1));
            axis->setTickPen(QPen(t.border, 1));
            axis->setSubTickPen(Qt::NoPen);
            axis->setTickLabelColor(t.textMuted);
            axis->setLabelColor(t.textMuted);
            axis->setTickLabelFont(q->font());
            axis->setLabelFont(q->font());
            axis->setNumberFormat(QStringLiteral("gbc"));
            axis->setNumberPrecision(axis->orientation() == Qt::Horizontal ? 9 : 5);
            axis->setLabelPadding(4);
            axis->setTickLength(0, 4);
            axis->setSelectableParts(QCPAxis::spNone);
            axis->grid()->setPen(QPen(t.grid, 1));
            axis->grid()->setZeroLinePen(Qt::NoPen);
            axis->grid()->setSubGridVisible(false);
        }
        panel->y(CurveSide::Right)->grid()->setVisible(false);
        panel->x()->grid()->setVisible(false);
    }
    for (auto& curve : curves) applyLook(curve);
    applyScales();
    placePill();
    q->redraw();
}

void CurvePlot::Private::applyScales() {
    const auto apply = [](QCPAxis* axis, bool log, const std::function<QString(double)>& text) {
        const bool is = axis->scaleType() == QCPAxis::stLogarithmic;
        const bool made = is == log && (log || !text || axis->property("written").toBool());
        if (made && axis->property("scaled").toBool()) return;
        axis->setProperty("scaled", true);
        axis->setProperty("written", bool(text) && !log);
        axis->setScaleType(log ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
        if (log)
            axis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
        else if (text)
            axis->setTicker(QSharedPointer<TextTicker>::create(text));
        else if (axis->orientation() == Qt::Horizontal)
            axis->setTicker(QSharedPointer<StepTicker>::create());
        else
            axis->setTicker(QSharedPointer<QCPAxisTicker>::create());
        axis->ticker()->setTickCount(log ? 3 : 4);
    };
    for (auto& panel : panels) {
        apply(panel->x(), logX, {});
        panel->x()->ticker()->setTickCount(8);
        apply(panel->y(CurveSide::Left), panel->log[0], panel->style.leftText);
        apply(panel->y(CurveSide::Right), panel->log[1], {});
    }
}

QString CurvePlot::Private::textOf(const Curve& curve, double value) const {
    if (!std::isfinite(value)) return QStringLiteral("–");
    return curve.style.text ? curve.style.text(value) : numberText(value);
}

std::vector<const CurvePlot::Private::Curve*> CurvePlot::Private::shown() const {
    std::vector<const Curve*> list;
    for (const auto& curve : curves)
        if (curve.visible) list.push_back(&curve);
    return list;
}

void CurvePlot::Private::fillLegend(int index, std::vector<PanelLegend::Entry>& entries, QString& right) {
    auto& panel = at(index);
    const double x = crosshair.value_or(INFINITY);
    for (const auto* curve : shown()) {
        if (curve->panel != index || !curve->style.inLegend) continue;
        const auto& data = curve->plottable->data();
        const auto i = data.nearest(x);
        double raw = std::nan(""), mean = std::nan("");
        // A curve says nothing of where it does not reach.
        const bool reaches = !crosshair || (x >= data.index().firstX() && x <= data.index().lastX());
        if (i < data.index().size() && reaches) {
            raw = data.points().y[i];
            mean = q->smoothedAt(static_cast<int>(curve - curves.data()), x);
        }
        const auto& look = curve->plottable->look();
        const bool meaned = data.index().length() > 0;
        if (curve->style.kind == CurveKind::Noisy) {
            entries.push_back(
                {curve->style.name, textOf(*curve, raw), look.band, Qt::SolidLine, true, false});
            if (meaned)
                entries.push_back({tr("smoothed"), textOf(*curve, mean), look.line, look.dash, false, false});
        } else {
            const double value = curve->style.kind == CurveKind::Mean && meaned ? mean : raw;
            const bool ghost = curve->style.kind == CurveKind::Ghost;
            entries.push_back(
                {curve->style.name, ghost && !std::isfinite(value * x) ? QString() : textOf(*curve, value),
                 look.line, curve->style.kind == CurveKind::Ghost ? Qt::DotLine : look.dash, false, false});
        }
    }
    for (const auto& target : panel.lines->targets)
        if (!target.name.isEmpty())
            entries.push_back(
                {target.name, {}, Theme::instance().tokens().target, Qt::DashLine, false, false});
    if (panel.readOut && crosshair) {
        const double y =
            panel.y(CurveSide::Left)
                ->pixelToCoord(panel.rect->rect().contains(
                                   QPoint(panel.rect->rect().center().x(), static_cast<int>(crosshairY)))
                                   ? crosshairY
                                   : panel.rect->rect().center().y());
        if (const auto text = panel.readOut(x, y); !text.isEmpty())
            entries.push_back({text, {}, {}, Qt::SolidLine, false, true});
    } else if (panel.readOut) {
        if (const auto text = panel.readOut(std::nan(""), std::nan("")); !text.isEmpty())
            entries.push_back({text, {}, {}, Qt::SolidLine, false, true});
    }
    if (const auto hidden = q->hiddenByLog(index); hidden > 0)
        entries.push_back({hidden == 1 ? tr("1 point is not positive and not shown")
                                       : tr("%1 points are not positive and not shown").arg(hidden),
                           {},
                           {},
                           Qt::SolidLine,
                           false,
                           true});
    if (index == 0 && crosshair) right = xText(*crosshairPoint());
}

std::optional<double> CurvePlot::Private::crosshairPoint() const {
    if (!crosshair) return std::nullopt;
    const double x = *crosshair;
    std::optional<double> at;
    for (const auto* curve : shown()) {
        const auto& data = curve->plottable->data();
        if (curve->style.kind == CurveKind::Ghost) continue;
        if (!(x >= data.index().firstX() && x <= data.index().lastX())) continue;
        const auto i = data.nearest(x);
        if (i >= data.index().size()) continue;
        const double point = data.points().x[i];
        if (!at || std::abs(point - x) < std::abs(*at - x)) at = point;
    }
    return at ? at : crosshair;
}

std::vector<PanelOverlay::Dot> CurvePlot::Private::dots(int index, double x) {
    std::vector<PanelOverlay::Dot> list;
    for (const auto* curve : shown()) {
        const auto& data = curve->plottable->data();
        if (curve->panel != index || curve->style.kind == CurveKind::Ghost) continue;
        if (!(x >= data.index().firstX() && x <= data.index().lastX())) continue;
        const auto i = data.nearest(x);
        if (i >= data.index().size()) continue;
        const bool mean = data.index().length() > 0 && curve->style.kind != CurveKind::Line;
        const double y =
            mean ? q->smoothedAt(static_cast<int>(curve - curves.data()), x) : data.points().y[i];
        auto* axis = at(index).y(curve->style.side);
        if (y <= 0 && axis->scaleType() == QCPAxis::stLogarithmic) continue;
        list.push_back({{at(index).x()->coordToPixel(data.points().x[i]), axis->coordToPixel(y)},
                        curve->plottable->look().line});
    }
    return list;
}

bool CurvePlot::Private::hasPoints() const {
    return std::any_of(curves.begin(), curves.end(), [](const Curve& curve) {
        return curve.visible && std::isfinite(curve.plottable->data().index().firstX());
    });
}

std::pair<double, double> CurvePlot::Private::followedX() const {
    double low = INFINITY, high = -INFINITY, lowPositive = INFINITY;
    for (const auto& curve : curves) {
        const auto& index = curve.plottable->data().index();
        if (!curve.visible || !std::isfinite(index.firstX())) continue;
        low = std::min(low, index.firstX());
        high = std::max(high, index.lastX());
        if (!logX) continue;
        const auto points = curve.plottable->data().points();
        const auto i = index.lowerBound(points, std::nextafter(0.0, 1.0));
        if (i < points.x.size()) lowPositive = std::min(lowPositive, points.x[i]);
    }
    if (logX) low = lowPositive;
    if (!(low <= high)) {
        if (expected) return {logX ? std::max(1.0, expected->first) : expected->first, expected->second};
        return {logX ? 1.0 : 0.0, 10};
    }
    if (expected && !logX) {
        low = std::min(low, expected->first);
        // The axis grows in few jumps (1, 2, 5, 10, ...) up to the whole run, so that it does not crawl.
        if (high < expected->second) {
            const double span = std::max(high - low, 1.0) * 1.02;
            const double power = std::pow(10, std::floor(std::log10(span)));
            double nice = 10 * power;
            for (const double step : {1.0, 2.0, 5.0})
                if (step * power >= span) {
                    nice = step * power;
                    break;
                }
            high = std::min(low + nice, expected->second);
        }
    }
    if (low == high) return logX ? std::pair{low / 2, high * 2} : std::pair{low - 0.5, high + 0.5};
    return {low, high};
}

void CurvePlot::Private::fitY(int index, CurveSide side) {
    auto& panel = at(index);
    auto* axis = panel.y(side);
    const auto& fixed = side == CurveSide::Left ? panel.style.leftRange : panel.style.rightRange;
    const bool log = panel.log[static_cast<std::size_t>(side)];
    if (panel.zoomed[static_cast<std::size_t>(side)]) return;
    if (fixed && !log) {
        axis->setRange(fixed->first, fixed->second);
        return;
    }
    Extent extent;
    for (const auto* curve : shown())
        if (curve->panel == index && curve->style.side == side)
            extent.add(curve->plottable->shownExtent(panel.x()->range().lower, panel.x()->range().upper));
    for (const auto& target : panel.lines->targets)
        if (target.axis == axis) extent.add(target.value);
    double low = log ? extent.leastPositive : extent.least, high = extent.greatest;
    if (!(low <= high)) {
        axis->setRange(log ? 0.1 : 0, log ? 10 : 1);
        return;
    }
    if (log) {
        const double room = std::pow(high / low, 0.06);
        axis->setRange(low / std::max(room, 1.05), high * std::max(room, 1.05));
        return;
    }
    const double room = high > low ? (high - low) * 0.06 : std::max(std::abs(high) * 0.05, 0.05);
    axis->setRange(low - room, high + room);
}

void CurvePlot::Private::setX(double low, double high) {
    if (!(low < high) || !std::isfinite(low) || !std::isfinite(high)) return;
    if (logX && low <= 0) low = std::min(high / 1e6, 1e-3);
    const auto before = q->xRange();
    for (auto& panel : panels) panel->x()->setRange(low, high);
    if (before != q->xRange()) Q_EMIT q->xRangeChanged(low, high);
}

void CurvePlot::Private::stopFollowing() {
    if (!following) return;
    following = false;
    placePill();
    Q_EMIT q->followingChanged(false);
}

void CurvePlot::Private::placePill() {
    pill->setVisible(!following && !panels.empty());
    if (following || panels.empty()) return;
    pill->adjustSize();
    const auto area = panels.front()->rect->rect();
    const QPoint corner = canvas->pos() + QPoint(area.right() - pill->width() - kGap, area.top() + kGap / 2);
    pill->move(corner);
    pill->raise();
}

void CurvePlot::Private::draw(QCustomPlot::RefreshPriority when) {
    if (!q->isVisible()) return;
    dirty = recoloured = false;
    sinceRedraw.restart();
    if (following && !panels.empty()) {
        const auto [low, high] = followedX();
        setX(low, high);
    }
    for (int i = 0; i < static_cast<int>(panels.size()); ++i) {
        fitY(i, CurveSide::Left);
        fitY(i, CurveSide::Right);
        // Labels need room: as many as there is.
        const int room = at(i).rect->height() / std::max(1, canvas->fontMetrics().height() * 2);
        for (const auto side : {CurveSide::Left, CurveSide::Right})
            if (!at(i).log[static_cast<std::size_t>(side)])
                at(i).y(side)->ticker()->setTickCount(std::clamp(room, 2, 5));
        at(i).overlay->sentence = i == 0 && !hasPoints() ? emptyText : QString();
        at(i).overlay->x = crosshairPoint();
    }
    canvas->replot(when);
    if (const auto text = q->summary(); text != q->accessibleDescription()) {
        q->setAccessibleDescription(text);
        canvas->setAccessibleDescription(text);
        canvas->setAccessibleName(q->accessibleName());
    }
}

void CurvePlot::Private::drawOverlay() {
    for (auto& panel : panels) panel->overlay->x = crosshairPoint();
    if (q->isVisible()) canvas->layer(QStringLiteral("overlay"))->replot();
}

int CurvePlot::Private::panelAt(const QPointF& position) const {
    for (std::size_t i = 0; i < panels.size(); ++i)
        if (panels[i]->rect->outerRect().contains(position.toPoint())) return static_cast<int>(i);
    return -1;
}

}  // namespace tessera::ui
