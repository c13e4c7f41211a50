#include "ui/widgets/curve_plot.h"

#include <QEvent>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/widgets/basics.h"
#include "ui/widgets/curve_plot_private.h"

namespace tessera::ui {

CurvePlot::CurvePlot(QWidget* parent) : QWidget(parent), m(std::make_unique<Private>(this)) {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    m->canvas = new QCustomPlot(this);
    layout->addWidget(m->canvas);
    m->canvas->plotLayout()->clear();
    m->canvas->plotLayout()->setRowSpacing(0);
    m->canvas->setNoAntialiasingOnDrag(true);
    m->canvas->setPlottingHints(QCP::phCacheLabels);
    m->canvas->layer(QStringLiteral("overlay"))->setMode(QCPLayer::lmBuffered);
    m->canvas->installEventFilter(this);
    m->canvas->setMouseTracking(true);
    m->canvas->setFocusPolicy(Qt::StrongFocus);
    m->canvas->setFont(font());
    setFocusProxy(m->canvas);
    m->margins = new QCPMarginGroup(m->canvas);
    m->xTitle = tr("Step");
    m->xText = [this](double x) {
        return m->xTitle.toLower() + QLatin1Char(' ') + QString::number(std::round(x), 'g', 9);
    };
    m->fileName = QStringLiteral("curves");

    m->pill = plainButton(tr("Follow (F)"), {}, this);
    m->pill->setToolTip(tr("Show everything, and go with the newest point"));
    m->pill->setFocusPolicy(Qt::TabFocus);
    m->pill->setProperty("overlay", true);  // floats over the chart on purpose
    m->pill->hide();
    connect(m->pill, &QPushButton::clicked, this, &CurvePlot::fit);

    m->redrawSoon.setSingleShot(true);
    connect(&m->redrawSoon, &QTimer::timeout, this, [this] { m->draw(); });
    connect(&Theme::instance(), &Theme::changed, this, [this] {
        m->recolour();
        m->dirty = m->recoloured = true;
        m->redrawSoon.stop();
        // The old theme's lines on the new background are seen otherwise.
        Theme::instance().beforeDrawing(this, [this] { m->draw(QCustomPlot::rpImmediateRefresh); });
    });
    setAccessibleName(tr("Chart"));
    m->canvas->setAccessibleName(accessibleName());  // until the first drawing takes over the page's own
    m->recolour();
}

CurvePlot::~CurvePlot() {
    m->canvas->removeEventFilter(this);
}

int CurvePlot::addPanel(const PanelStyle& style) {
    auto panel = std::make_unique<Private::Panel>();
    auto* layout = m->canvas->plotLayout();
    const int index = static_cast<int>(m->panels.size());
    panel->style = style;
    panel->legend = new PanelLegend(m->canvas);
    layout->addElement(2 * index, 0, panel->legend);
    panel->legend->setLayer(QStringLiteral("overlay"));
    panel->legend->content = [this, index](auto& entries, QString& right) {
        m->fillLegend(index, entries, right);
    };
    layout->setRowStretchFactor(2 * index, 0.0001);
    panel->rect = new QCPAxisRect(m->canvas, true);
    layout->addElement(2 * index + 1, 0, panel->rect);
    layout->setRowStretchFactor(2 * index + 1, style.stretch);
    panel->legend->above = panel->rect;
    panel->rect->setMarginGroup(QCP::msLeft | QCP::msRight, m->margins);
    panel->rect->setMinimumMargins(QMargins(8, 2, 12, 4));
    panel->lines = new PanelLines(panel->rect, &m->marks, index == 0);
    panel->overlay = new PanelOverlay(panel->rect);
    panel->overlay->dots = [this, index](double x) { return m->dots(index, x); };
    panel->rect->axis(QCPAxis::atTop)->setVisible(false);
    panel->y(CurveSide::Right)->setVisible(!style.right.isEmpty());
    panel->y(CurveSide::Left)->setLabel(style.left);
    panel->y(CurveSide::Right)->setLabel(style.right);
    for (auto& before : m->panels) {
        before->x()->setTickLabels(false);
        before->x()->setLabel({});
    }
    panel->x()->setLabel(m->xTitle);
    m->panels.push_back(std::move(panel));
    m->recolour();
    redraw();
    return index;
}

int CurvePlot::addCurve(int panel, const CurveStyle& style) {
    auto& home = m->at(panel);
    auto* plottable = new CurvePlottable(home.x(), home.y(style.side), style.kind);
    plottable->data().setLength(m->smoothing);
    m->curves.push_back({panel, style, plottable, true});
    m->applyLook(m->curves.back());
    redraw();
    return static_cast<int>(m->curves.size()) - 1;
}

void CurvePlot::setCurveStyle(int curve, const CurveStyle& style) {
    auto& changed = m->curve(curve);
    changed.style = style;
    changed.plottable->setKind(style.kind);
    changed.plottable->setValueAxis(m->at(changed.panel).y(style.side));
    m->applyLook(changed);
    redraw();
}

void CurvePlot::removeCurves() {
    for (auto& curve : m->curves) m->canvas->removePlottable(curve.plottable);
    m->curves.clear();
    m->highlighted = -1;
    redraw();
}

int CurvePlot::curves() const {
    return static_cast<int>(m->curves.size());
}

void CurvePlot::setPanelTitle(int panel, CurveSide side, const QString& title) {
    auto& home = m->at(panel);
    (side == CurveSide::Left ? home.style.left : home.style.right) = title;
    home.y(side)->setLabel(title);
    redraw();
}

void CurvePlot::setYRange(int panel, CurveSide side, std::optional<std::pair<double, double>> range) {
    auto& home = m->at(panel);
    (side == CurveSide::Left ? home.style.leftRange : home.style.rightRange) = range;
    redraw();
}

void CurvePlot::setXTitle(const QString& title) {
    m->xTitle = title;
    if (!m->panels.empty()) m->panels.back()->x()->setLabel(title);
    redraw();
}

void CurvePlot::setXText(std::function<QString(double)> text) {
    m->xText = std::move(text);
}

void CurvePlot::setFileName(const QString& name) {
    m->fileName = name;
}

void CurvePlot::append(int curve, std::span<const double> x, std::span<const double> y) {
    m->curve(curve).plottable->data().append(x, y);
    redraw();
}

void CurvePlot::setSource(int curve, std::function<CurvePoints()> source) {
    m->curve(curve).plottable->data().setSource(std::move(source));
    redraw();
}

void CurvePlot::refresh() {
    bool grown = false;
    for (auto& curve : m->curves) grown = curve.plottable->data().refresh() || grown;
    if (grown) redraw();
}

void CurvePlot::clear(int curve) {
    m->curve(curve).plottable->data().clear();
    redraw();
}

void CurvePlot::clearData() {
    for (auto& curve : m->curves) curve.plottable->data().clear();
    redraw();
}

void CurvePlot::setCurveVisible(int curve, bool visible) {
    auto& changed = m->curve(curve);
    changed.visible = visible;
    changed.plottable->setVisible(visible);
    redraw();
}

void CurvePlot::setHighlighted(int curve) {
    if (m->highlighted == curve) return;
    m->highlighted = curve;
    for (auto& each : m->curves) m->applyLook(each);
    redraw();
}

void CurvePlot::setTarget(int panel, CurveSide side, std::optional<double> value, const QString& name) {
    auto& home = m->at(panel);
    auto& targets = home.lines->targets;
    std::erase_if(targets, [&](const auto& target) { return target.axis == home.y(side); });
    if (value) targets.push_back({home.y(side), *value, name});
    redraw();
}

void CurvePlot::addMark(double x, const QString& name) {
    m->marks.push_back({x, name});
    redraw();
}

void CurvePlot::clearMarks() {
    m->marks.clear();
    redraw();
}

void CurvePlot::setEmptyText(const QString& sentence) {
    if (m->emptyText == sentence) return;
    m->emptyText = sentence;
    redraw();
}

void CurvePlot::setExpectedX(std::optional<std::pair<double, double>> range) {
    m->expected = range;
    redraw();
}

void CurvePlot::setSmoothing(double length) {
    if (length == m->smoothing) return;
    m->smoothing = length;
    for (auto& curve : m->curves) curve.plottable->data().setLength(length);
    redraw();
}

double CurvePlot::smoothing() const {
    return m->smoothing;
}

void CurvePlot::setLogX(bool on) {
    if (m->logX == on) return;
    m->logX = on;
    m->applyScales();
    redraw();
}

bool CurvePlot::logX() const {
    return m->logX;
}

void CurvePlot::setLogY(int panel, CurveSide side, bool on) {
    auto& home = m->at(panel);
    auto& log = home.log[static_cast<std::size_t>(side)];
    if (log == on) return;
    log = on;
    home.zoomed[static_cast<std::size_t>(side)] = false;
    m->applyScales();
    redraw();
    if (side == CurveSide::Left) Q_EMIT logYChanged(panel, on);
}

bool CurvePlot::logY(int panel, CurveSide side) const {
    return m->at(panel).log[static_cast<std::size_t>(side)];
}

std::int64_t CurvePlot::hiddenByLog(int panel) const {
    std::size_t hidden = 0;
    for (const auto& curve : m->curves) {
        if (curve.panel != panel || !curve.visible) continue;
        const auto& index = curve.plottable->data().index();
        if (m->at(panel).log[static_cast<std::size_t>(curve.style.side)]) hidden += index.notPositive();
        if (m->logX) hidden += index.notPositiveX();
    }
    return static_cast<std::int64_t>(hidden);
}

bool CurvePlot::following() const {
    return m->following;
}

void CurvePlot::setFollowing(bool on) {
    if (m->following == on) return;
    m->following = on;
    m->placePill();
    Q_EMIT followingChanged(on);
    if (on) redraw();
}

void CurvePlot::fit() {
    for (auto& panel : m->panels) panel->zoomed = {false, false};
    setFollowing(true);
    redraw();
}

std::pair<double, double> CurvePlot::xRange() const {
    if (m->panels.empty()) return {0, 1};
    const auto range = m->panels.front()->x()->range();
    return {range.lower, range.upper};
}

void CurvePlot::setXRange(double low, double high) {
    m->stopFollowing();
    m->setX(low, high);
    redraw();
}

void CurvePlot::setCrosshair(std::optional<double> x) {
    m->crosshair = x;
    m->drawOverlay();
}

std::optional<double> CurvePlot::crosshair() const {
    return m->crosshair;
}

double CurvePlot::valueAt(int curve, double x) const {
    const auto& data = m->curve(curve).plottable->data();
    const auto i = data.nearest(x);
    return i < data.index().size() ? data.points().y[i] : std::nan("");
}

double CurvePlot::smoothedAt(int curve, double x) const {
    const auto& data = m->curve(curve).plottable->data();
    const auto i = data.nearest(x);
    if (i >= data.index().size()) return std::nan("");
    std::vector<double> mean;
    data.index().means(data.points(), i, i + 1, mean);
    return mean.empty() ? std::nan("") : mean.front();
}

QCustomPlot* CurvePlot::canvas() const {
    return m->canvas;
}

QCPAxisRect* CurvePlot::panelRect(int panel) const {
    return m->at(panel).rect;
}

void CurvePlot::setPanelReadOut(int panel, std::function<QString(double, double)> text) {
    m->at(panel).readOut = std::move(text);
}

void CurvePlot::redraw() {
    m->dirty = true;
    if (!isVisible() || m->redrawSoon.isActive()) return;
    // As often as thirty times a second, and never more than a quarter of the thread's time.
    const int interval = std::clamp(static_cast<int>(4 * m->canvas->replotTime(true)), 33, 250);
    const auto since = m->sinceRedraw.isValid() ? m->sinceRedraw.elapsed() : interval;
    m->redrawSoon.start(static_cast<int>(std::clamp<qint64>(interval - since, 0, interval)));
}

void CurvePlot::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    m->countShown(1);
    // Points may come a turn later; the old theme's lines on the new background are seen.
    if (m->dirty) m->draw(m->recoloured ? QCustomPlot::rpQueuedRefresh : QCustomPlot::rpQueuedReplot);
}

void CurvePlot::hideEvent(QHideEvent* event) {
    QWidget::hideEvent(event);
    m->countShown(-1);
}

void CurvePlot::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    m->placePill();
}

void CurvePlot::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::ApplicationFontChange) m->recolour();
}

QString CurvePlot::summary() const {
    QStringList parts;
    for (const auto* curve : m->shown()) {
        const auto& data = curve->plottable->data();
        const auto last = data.nearest(INFINITY);
        if (last >= data.index().size() || curve->style.kind == CurveKind::Ghost) continue;
        const auto points = data.points();
        const double x = points.x[last], y = points.y[last];
        const auto text = [&](double value) {
            return curve->style.text ? curve->style.text(value) : QString::number(value, 'g', 4);
        };
        QString part = tr("%1 %2 at %3").arg(curve->style.name, text(y), m->xText(x));
        const auto earlier = data.nearest(x - 500);
        const double change = y - points.y[earlier];
        if (earlier < last && std::isfinite(change))
            part += tr(", %1 %2 over the last %3")
                        .arg(change < 0 ? tr("down") : tr("up"), text(std::abs(change)),
                             QString::number(x - points.x[earlier], 'g', 6));
        parts.append(part);
    }
    return parts.isEmpty() ? tr("No points yet.") : parts.join(QStringLiteral("; ")) + QLatin1Char('.');
}

}  // namespace tessera::ui
