#include "ui/compare/pareto_view.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QMouseEvent>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "ui/widgets/basics.h"
#include "ui/widgets/qcustomplot.h"

namespace tessera::ui {

namespace {

constexpr double kReach = 14;  ///< pixels from a dot that still mean it
const QString kDense = QStringLiteral("Dense model");

double valueOf(const ComparedRun& run, ParetoX x) {
    return x == ParetoX::Sparsity ? run.reached : run.packedBytes / (1024 * 1024);
}

QString xTitle(ParetoX x) {
    switch (x) {
        case ParetoX::Sparsity:
            return QStringLiteral("Sparsity reached, %");
        case ParetoX::Size:
            return QStringLiteral("Size of the prunable matrices, packed, MiB");
        default:
            return QStringLiteral("Measured speed-up at decoding");
    }
}

QString xText(const ParetoPoint& point, ParetoX x) {
    switch (x) {
        case ParetoX::Sparsity:
            return QStringLiteral("%1 sparse").arg(percentText(point.x / 100));
        case ParetoX::Size:
            return bytesText(point.x * 1024 * 1024);
        default:
            return point.low < point.high
                       ? QStringLiteral("%1 (%2 to %3)")
                             .arg(ratioText(point.x), ratioText(point.low), ratioText(point.high))
                       : ratioText(point.x);
    }
}

/// Where two measurements of speed can be held against each other.
struct Where {
    std::string cpu;
    int threads = 0;
    bool operator==(const Where&) const = default;
};

void addSpeedPoints(ParetoPoints& result, const std::vector<const ComparedRun*>& runs,
                    const std::map<QString, SpeedMeasurement>& speeds) {
    std::vector<std::pair<Where, const ComparedRun*>> measured;
    for (const auto* run : runs) {
        const auto found = speeds.find(run->id);
        if (found == speeds.end()) continue;
        for (const auto& decode : found->second.decode)
            if (std::isfinite(decode.speedup)) measured.push_back({{found->second.cpu, decode.threads}, run});
    }
    Where most;
    long best = 0;
    for (const auto& [where, run] : measured) {
        const auto count = std::count_if(measured.begin(), measured.end(),
                                         [&](const auto& other) { return other.first == where; });
        if (count > best) best = count, most = where;
    }
    int elsewhere = 0, without = 0;
    for (const auto* run : runs) {
        const auto found = speeds.find(run->id);
        if (found == speeds.end() || found->second.decode.empty()) {
            ++without;
            continue;
        }
        const auto& decodes = found->second.decode;
        const auto decode = std::find_if(decodes.begin(), decodes.end(), [&](const DecodeSpeed& each) {
            return Where{found->second.cpu, each.threads} == most && std::isfinite(each.speedup);
        });
        if (decode == decodes.end()) {
            ++elsewhere;
            continue;
        }
        result.points.push_back({run->id, run->name, decode->speedup, run->perplexity,
                                 std::isfinite(decode->low) ? decode->low : decode->speedup,
                                 std::isfinite(decode->high) ? decode->high : decode->speedup});
    }
    if (best > 0)
        result.notes << QStringLiteral("Decoding on %1 with %2 %3.")
                            .arg(QString::fromStdString(most.cpu))
                            .arg(most.threads)
                            .arg(most.threads == 1 ? QStringLiteral("thread") : QStringLiteral("threads"));
    if (without > 0)
        result.notes << QStringLiteral("%1 without a measured speed: the Benchmark page measures it.")
                            .arg(without == 1 ? QStringLiteral("1 run is")
                                              : QStringLiteral("%1 runs are").arg(without));
    if (elsewhere > 0)
        result.notes << QStringLiteral("%1 left out: measured on another machine or number of threads.")
                            .arg(elsewhere == 1 ? QStringLiteral("1 run is")
                                                : QStringLiteral("%1 runs are").arg(elsewhere));
}

}  // namespace

ParetoPoints paretoPoints(const RunList& runs, const ComparedRun* baseline,
                          const std::map<QString, SpeedMeasurement>& speeds, ParetoX x) {
    ParetoPoints result;
    std::vector<const ComparedRun*> measured, same;
    for (const auto& run : runs)
        if (std::isfinite(run->perplexity)) measured.push_back(run.get());
    const auto common = commonMeasure(measured, baseline);
    if (!common) return result;
    for (const auto* run : measured)
        if (run->measure == *common) same.push_back(run);
    const auto others = measured.size() - same.size();
    double dense = ComparedRun::kNone, denseBytes = 0;
    for (const auto* run : same) {
        if (std::isnan(dense)) dense = run->densePerplexity;
        if (run->denseBytes > 0) denseBytes = std::max(denseBytes, run->denseBytes);
    }
    if (x == ParetoX::Speed)
        addSpeedPoints(result, same, speeds);
    else
        for (const auto* run : same)
            if (double value = valueOf(*run, x); std::isfinite(value)) {
                if (x == ParetoX::Sparsity) value *= 100;
                result.points.push_back({run->id, run->name, value, run->perplexity, value, value});
            }
    if (std::isfinite(dense) && !result.points.empty() && (x != ParetoX::Size || denseBytes > 0)) {
        const double at = x == ParetoX::Sparsity ? 0 : x == ParetoX::Speed ? 1 : denseBytes / (1024 * 1024);
        result.points.push_back({{}, kDense, at, dense, at, at});
    }
    if (others > 0)
        result.notes << QStringLiteral("%1 left out: measured with another model, text or window.")
                            .arg(others == 1 ? QStringLiteral("1 run is")
                                             : QStringLiteral("%1 runs are").arg(others));
    if (x == ParetoX::Size)
        result.notes << QStringLiteral(
            "Packed: two bytes for each weight that is kept, one bit for each that was there.");
    return result;
}

ParetoView::ParetoView(RunsModel& model, RunSelection& selection, QWidget* parent)
    : QWidget(parent), m_model(model), m_selection(selection) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, kGap, 0, 0);
    column->setSpacing(kGap);
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap);
    auto* label = muted(tr("Perplexity against"), this);
    label->setWordWrap(false);
    m_x = new QComboBox(this);
    m_x->addItems({tr("sparsity"), tr("size"), tr("measured speed-up")});
    m_x->setAccessibleName(tr("Perplexity against"));
    label->setBuddy(m_x);
    m_log = new QCheckBox(tr("Logarithmic"), this);
    m_log->setAccessibleName(tr("Logarithmic perplexity"));
    row->addWidget(label);
    row->addWidget(m_x);
    row->addSpacing(kGap);
    row->addWidget(m_log);
    m_hint = muted({}, this);
    row->addSpacing(kGap);
    row->addWidget(m_hint, 1);
    column->addLayout(row);

    m_plot = new QCustomPlot(this);
    m_plot->setAccessibleName(tr("Perplexity against what was saved"));
    m_plot->setMinimumHeight(160);
    m_plot->setMouseTracking(true);
    m_plot->installEventFilter(this);
    m_plot->setNoAntialiasingOnDrag(true);
    m_plot->setAntialiasedElements(QCP::aePlottables | QCP::aeScatters);
    column->addWidget(m_plot, 1);
    m_notes = muted({}, this);
    column->addWidget(m_notes);

    connect(m_x, &QComboBox::currentIndexChanged, this, &ParetoView::rebuild);
    connect(m_log, &QCheckBox::toggled, this, [this] {
        scale();
        placeNames();
    });
    connect(&m_selection, &RunSelection::checkedChanged, this, &ParetoView::rebuild);
    connect(&m_selection, &RunSelection::baselineChanged, this, &ParetoView::rebuild);
    connect(&m_selection, &RunSelection::highlightedChanged, this, &ParetoView::recolour);
    connect(&m_model, &QAbstractItemModel::layoutChanged, this, &ParetoView::rebuild);
    connect(&m_model, &QAbstractItemModel::dataChanged, this, &ParetoView::rebuild);
    connect(&Theme::instance(), &Theme::changed, this, &ParetoView::recolour);
    rebuild();
}

void ParetoView::setSpeeds(std::map<QString, SpeedMeasurement> speeds) {
    m_speeds = std::move(speeds);
    rebuild();
}

void ParetoView::setX(ParetoX x) {
    m_x->setCurrentIndex(int(x));
}

void ParetoView::rebuild() {
    const auto x = ParetoX(m_x->currentIndex());
    m_shown = paretoPoints(m_model.runs(), m_model.baseline(), m_speeds, x);
    const auto& points = m_shown.points;
    m_plot->clearGraphs();
    m_plot->clearPlottables();
    m_plot->clearItems();
    m_dots.clear();
    m_bars.clear();
    m_names.clear();

    QVector<double> xs, ys;
    for (const auto& point : points) xs << point.x, ys << point.y;
    m_front = paretoFront({xs.begin(), xs.end()}, {ys.begin(), ys.end()},
                          x == ParetoX::Size ? Better::Less : Better::More);
    m_line = m_plot->addGraph();
    // What is the best for at least so much sparsity (at most so many bytes)?
    m_line->setLineStyle(x == ParetoX::Size ? QCPGraph::lsStepLeft : QCPGraph::lsStepRight);
    for (const auto i : m_front) m_line->addData(points[i].x, points[i].y);
    for (const auto& point : points) {
        auto* bars = new QCPErrorBars(m_plot->xAxis, m_plot->yAxis);
        auto* dot = m_plot->addGraph();
        dot->setLineStyle(QCPGraph::lsNone);
        dot->addData(point.x, point.y);
        bars->setErrorType(QCPErrorBars::etKeyError);
        bars->setDataPlottable(dot);
        bars->setVisible(point.low < point.high);
        bars->setData({point.x - point.low}, {point.high - point.x});
        auto* name = new QCPItemText(m_plot);
        name->setText(
            fontMetrics().elidedText(point.name, Qt::ElideMiddle, fontMetrics().averageCharWidth() * 24));
        name->setClipToAxisRect(false);
        m_dots.push_back(dot);
        m_bars.push_back(bars);
        m_names.push_back(name);
    }
    auto notes = m_shown.notes;
    if (points.empty())
        notes.prepend(x == ParetoX::Speed && notes.isEmpty()
                          ? tr("No run has a measured speed yet: the Benchmark page measures it.")
                      : notes.isEmpty() ? tr("No run has a measured perplexity yet.")
                                        : QString());
    notes.removeAll(QString());
    m_notes->setText(notes.join(QLatin1Char(' ')));
    m_notes->setVisible(!notes.isEmpty());
    m_hint->setText(m_front.size() < 2    ? QString()
                    : x == ParetoX::Size  ? tr("Line: the best run of at most this size")
                    : x == ParetoX::Speed ? tr("Line: the best run of at least this speed-up")
                                          : tr("Line: the best run of at least this sparsity"));
    QStringList best;
    for (const auto i : m_front) best << points[i].name;
    m_plot->setAccessibleDescription(
        best.isEmpty() ? m_notes->text() : tr("On the front: %1").arg(best.join(QStringLiteral(", "))));
    m_plot->xAxis->setLabel(xTitle(x));
    m_plot->yAxis->setLabel(tr("Perplexity (lower is better)"));
    scale();
    recolour();
}

void ParetoView::scale() {
    const auto& points = m_shown.points;
    double left = 0, right = 1, low = 1, high = 10;
    if (!points.empty()) {
        left = low = std::numeric_limits<double>::infinity();
        right = high = -left;
        for (const auto& point : points) {
            // A hopeless interval must not squeeze all others into one place.
            left = std::min({left, point.x, std::max(point.low, 0.0)});
            right = std::max({right, point.x, std::min(point.high, 1.6 * point.x)});
            low = std::min(low, point.y);
            high = std::max(high, point.y);
        }
    }
    const bool log = m_log->isChecked();
    auto* y = m_plot->yAxis;
    y->setScaleType(log ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    y->setTicker(log ? QSharedPointer<QCPAxisTicker>(new QCPAxisTickerLog)
                     : QSharedPointer<QCPAxisTicker>(new QCPAxisTicker));
    y->setNumberFormat(QStringLiteral("gbc"));
    y->setNumberPrecision(5);
    m_plot->xAxis->setNumberFormat(QStringLiteral("gbc"));
    const double span = std::max(right - left, std::max(std::abs(right), 1.0) * 0.05);
    m_plot->xAxis->setRange(left - span * 0.06, right + span * 0.16);
    if (log) {
        const double factor = std::pow(std::max(high / low, 1.2), 0.12);
        y->setRange(low / factor, high * factor);
    } else {
        const double height = std::max(high - low, std::abs(high) * 0.02 + 1e-9);
        y->setRange(low - height * 0.12, high + height * 0.12);
    }
    m_plot->replot();
}

void ParetoView::recolour() {
    const auto& t = Theme::instance().tokens();
    m_plot->setBackground(QBrush(t.raised));
    m_plot->setFont(font());
    for (auto* axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setBasePen(QPen(t.border, 1));
        axis->setTickPen(QPen(t.border, 1));
        axis->setSubTickPen(Qt::NoPen);
        axis->setTickLabelColor(t.textMuted);
        axis->setLabelColor(t.textMuted);
        axis->setTickLabelFont(font());
        axis->setLabelFont(font());
        axis->setLabelPadding(4);
        axis->setTickLength(0, 4);
        axis->grid()->setPen(QPen(t.grid, 1));
        axis->grid()->setZeroLinePen(Qt::NoPen);
    }
    QPen line(t.textMuted, 1);
    m_line->setPen(line);
    const auto& lit = m_selection.highlighted();
    for (std::size_t i = 0; i < m_shown.points.size(); ++i) {
        const auto& point = m_shown.points[i];
        const int slot = m_selection.slot(point.id);
        const bool on = std::find(m_front.begin(), m_front.end(), i) != m_front.end();
        QColor colour = point.id.isEmpty() ? t.text : slot >= 0 ? RunSelection::colour(slot, t) : t.textMuted;
        const bool strong = point.id.isEmpty() || slot >= 0 || point.id == lit;
        const double size = point.id == lit && !lit.isEmpty() ? 14 : strong ? 10 : 7;
        // Filled: on the front. The dense model is a diamond.
        const auto fill = on ? colour : t.raised;
        m_dots[i]->setScatterStyle(
            {point.id.isEmpty() ? QCPScatterStyle::ssDiamond : QCPScatterStyle::ssCircle, QPen(colour, 1.6),
             QBrush(fill), size + (point.id.isEmpty() ? 2 : 0)});
        m_bars[i]->setPen(QPen(colour, 1));
        m_names[i]->setColor(point.id == lit && !lit.isEmpty() ? t.text : t.textMuted);
        m_names[i]->setFont(font());
        m_names[i]->setVisible(on || point.id.isEmpty() || slot >= 0 || point.id == lit);
    }
    placeNames();
}

void ParetoView::placeNames() {
    // Each beside its dot, where it covers no other one and not the front: right, left, above, below.
    const auto metrics = fontMetrics();
    const QRectF area = m_plot->axisRect()->rect();
    std::vector<QRectF> taken;
    std::vector<QPointF> dots;
    for (const auto& point : m_shown.points)
        dots.emplace_back(m_plot->xAxis->coordToPixel(point.x), m_plot->yAxis->coordToPixel(point.y));
    for (const auto& dot : dots) taken.emplace_back(dot.x() - 6, dot.y() - 6, 12, 12);
    const bool toLeft = m_line->lineStyle() == QCPGraph::lsStepLeft;
    auto front = m_front;
    std::sort(front.begin(), front.end(), [&](auto a, auto b) { return dots[a].x() < dots[b].x(); });
    for (std::size_t i = 1; i < front.size(); ++i) {
        const auto from = dots[front[i - 1]], to = dots[front[i]];
        const double across = toLeft ? from.y() : to.y(), down = toLeft ? to.x() : from.x();
        taken.emplace_back(from.x(), across - 1, to.x() - from.x(), 2);
        taken.emplace_back(down - 1, std::min(from.y(), to.y()), 2, std::abs(to.y() - from.y()));
    }
    for (std::size_t i = 0; i < m_names.size(); ++i) {
        if (!m_names[i]->visible()) continue;
        const QSizeF size(metrics.horizontalAdvance(m_names[i]->text()) + 2, metrics.height());
        const auto& dot = dots[i];
        const QRectF places[] = {
            {QPointF(dot.x() + 10, dot.y() - size.height() / 2), size},
            {QPointF(dot.x() - 10 - size.width(), dot.y() - size.height() / 2), size},
            {QPointF(dot.x() - size.width() / 2, dot.y() - 9 - size.height()), size},
            {QPointF(dot.x() - size.width() / 2, dot.y() + 9), size},
            {QPointF(dot.x() + 8, dot.y() - 7 - size.height()), size},
            {QPointF(dot.x() + 8, dot.y() + 7), size},
            {QPointF(dot.x() - 8 - size.width(), dot.y() - 7 - size.height()), size},
            {QPointF(dot.x() - 8 - size.width(), dot.y() + 7), size},
        };
        QRectF chosen = places[0];
        for (const auto& place : places) {
            if (!area.adjusted(-2, -2, 2, 2).contains(place)) continue;
            if (std::any_of(taken.begin(), taken.end(), [&](const QRectF& other) {
                    return other.intersects(place) &&
                           other.center() != QRectF(dot.x() - 6, dot.y() - 6, 12, 12).center();
                }))
                continue;
            chosen = place;
            break;
        }
        taken.push_back(chosen);
        m_names[i]->setPositionAlignment(Qt::AlignCenter);
        m_names[i]->position->setType(QCPItemPosition::ptAbsolute);
        m_names[i]->position->setPixelPosition(chosen.center());
    }
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void ParetoView::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    // The axes take their new places when the plot has its own.
    QMetaObject::invokeMethod(
        this,
        [this] {
            m_plot->replot();
            placeNames();
        },
        Qt::QueuedConnection);
}

int ParetoView::pointAt(const QPointF& position) const {
    int nearest = -1;
    double least = kReach;
    for (std::size_t i = 0; i < m_shown.points.size(); ++i) {
        const auto& point = m_shown.points[i];
        const QPointF at(m_plot->xAxis->coordToPixel(point.x), m_plot->yAxis->coordToPixel(point.y));
        if (const double far = QLineF(at, position).length(); far < least) least = far, nearest = int(i);
    }
    return nearest;
}

bool ParetoView::eventFilter(QObject* watched, QEvent* event) {
    if (watched != m_plot) return QWidget::eventFilter(watched, event);
    if (event->type() == QEvent::MouseMove) {
        const auto* mouse = static_cast<QMouseEvent*>(event);
        const int at = pointAt(mouse->position());
        if (at < 0) {
            m_selection.setHighlighted({});
            QToolTip::hideText();
        } else {
            const auto& point = m_shown.points[std::size_t(at)];
            m_selection.setHighlighted(point.id);
            QToolTip::showText(
                mouse->globalPosition().toPoint(),
                tr("%1: %2, perplexity %3")
                    .arg(point.name, xText(point, ParetoX(m_x->currentIndex())), numberText(point.y)),
                m_plot);
        }
    } else if (event->type() == QEvent::Leave) {
        m_selection.setHighlighted({});
    } else if (event->type() == QEvent::MouseButtonRelease) {
        const auto* mouse = static_cast<QMouseEvent*>(event);
        const int at = pointAt(mouse->position());
        if (at >= 0 && mouse->button() == Qt::LeftButton) {
            const auto& id = m_shown.points[std::size_t(at)].id;
            if (!id.isEmpty()) m_selection.setChecked(id, !m_selection.isChecked(id));
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

}  // namespace tessera::ui
