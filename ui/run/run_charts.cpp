#include "ui/run/run_charts.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSlider>
#include <QVBoxLayout>
#include <cmath>

#include "ui/client/run_record.h"
#include "ui/run/layer_strip.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/curve_plot.h"

namespace tessera::ui {

namespace {

constexpr int kLossPanel = 0, kSparsityPanel = 1, kStripPanel = 2;
constexpr int kSmoothingSteps = 60;
constexpr double kUsualShare = 1.0 / 50;  ///< of a run's steps are smoothed over

/// 0, then 1 to 1000 steps in even ratios.
double smoothingLength(int position) {
    return position <= 0 ? 0 : std::round(std::pow(10, 3.0 * (position - 1) / (kSmoothingSteps - 1)));
}

/// What the first chart can show. The whole objective is not the first choice: its regularisers fade over the
/// run, so that it rises while the model gets better.
struct Quantity {
    const char *name, *title;
    std::vector<double> StepSeries::*column;
};
constexpr Quantity kQuantities[] = {
    {QT_TRANSLATE_NOOP("RunCharts", "Cross-entropy"), QT_TRANSLATE_NOOP("RunCharts", "Nats a token"),
     &StepSeries::crossEntropy},
    {QT_TRANSLATE_NOOP("RunCharts", "Divergence from dense"), QT_TRANSLATE_NOOP("RunCharts", "Nats a token"),
     &StepSeries::divergence},
    {QT_TRANSLATE_NOOP("RunCharts", "Whole objective"), QT_TRANSLATE_NOOP("RunCharts", "Objective"),
     &StepSeries::loss},
};

CurveStyle styleOf(const QString& name, CurveKind kind, QColor ThemeTokens::*colour) {
    CurveStyle style;
    style.name = name;
    style.kind = kind;
    style.colour = [colour](const ThemeTokens& t) { return t.*colour; };
    return style;
}

}  // namespace

namespace {

CurveStyle lossStyle(int quantity) {
    auto style =
        styleOf(RunCharts::tr(kQuantities[quantity].name), CurveKind::Noisy, &ThemeTokens::lossSmooth);
    style.band = [](const ThemeTokens& t) { return t.lossRaw; };
    return style;
}

}  // namespace

RunCharts::RunCharts(Actions& actions, QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(kGap * 2, kGap, kGap, kGap);
    column->setSpacing(kGap / 2);
    m_plot = new CurvePlot(this);
    m_plot->setAccessibleName(tr("Curves of the run"));
    m_plot->addPanel({tr(kQuantities[0].title), {}, 1.25, {}, {}, {}});
    m_plot->addPanel({tr("Sparsity"), tr("Temperature"), 1, {}, {}, [](double value) {
                          // As many decimals as tell the ticks apart, and no more.
                          return QString::number(value * 100, 'g', 4) + QStringLiteral(" %");
                      }});
    m_plot->addPanel({tr("Block"), {}, 1, std::pair(0.0, 1.0), {}, {}});
    m_loss = m_plot->addCurve(kLossPanel, lossStyle(0));
    auto total = styleOf(tr("Sparsity"), CurveKind::Line, &ThemeTokens::sparsity);
    total.text = [](double value) { return percentText(value); };
    m_total = m_plot->addCurve(kSparsityPanel, total);
    auto temperature = styleOf(tr("Temperature τ"), CurveKind::Line, &ThemeTokens::temperature);
    temperature.side = CurveSide::Right;
    temperature.dash = Qt::DashLine;
    m_temperature = m_plot->addCurve(kSparsityPanel, temperature);
    m_lossGhost = m_plot->addCurve(
        kLossPanel, styleOf(tr("Before resuming"), CurveKind::Ghost, &ThemeTokens::lossSmooth));
    auto before = styleOf(tr("Sparsity before resuming"), CurveKind::Ghost, &ThemeTokens::sparsity);
    before.inLegend = false;
    m_totalGhost = m_plot->addCurve(kSparsityPanel, before);
    for (const int ghost : {m_lossGhost, m_totalGhost}) m_plot->setCurveVisible(ghost, false);
    auto* rect = m_plot->panelRect(kStripPanel);
    m_strip = new LayerStrip(rect->axis(QCPAxis::atBottom), rect->axis(QCPAxis::atLeft));
    m_plot->setPanelReadOut(kStripPanel, [this](double x, double y) {
        const bool learning = m_record && m_record->phase() == QLatin1String("learn");
        return m_strip->empty() && learning ? tr("What each block keeps is recorded every few steps.")
                                            : m_strip->readOut(x, y);
    });
    m_plot->bindActions(actions);
    connect(m_plot, &CurvePlot::exported, this, &RunCharts::exported);
    makeControls(column);
    column->addWidget(m_plot, 1);
    m_plot->setMinimumHeight(fontMetrics().height() * 17);
}

void RunCharts::makeControls(QVBoxLayout* column) {
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap);
    auto* name = muted(tr("Smoothing"), this);
    name->setWordWrap(false);
    m_smoothing = new QSlider(Qt::Horizontal, this);
    m_smoothing->setRange(0, kSmoothingSteps);
    m_smoothing->setAccessibleName(tr("Smoothing in steps"));
    m_smoothing->setMinimumWidth(fontMetrics().averageCharWidth() * 8);
    m_smoothing->setMaximumWidth(fontMetrics().averageCharWidth() * 24);
    m_smoothingText = new QLabel(this);
    m_smoothingText->setMinimumWidth(fontMetrics().horizontalAdvance(tr("%1 steps").arg(1000)) + kGap);
    m_logLoss = new QCheckBox(tr("Logarithmic (L)"), this);
    m_logLoss->setAccessibleName(tr("Logarithmic axis of the first chart"));
    m_quantity = new QComboBox(this);
    for (const auto& quantity : kQuantities) m_quantity->addItem(tr(quantity.name));
    m_quantity->setAccessibleName(tr("What the first chart shows"));
    connect(m_quantity, &QComboBox::currentIndexChanged, this, &RunCharts::setQuantity);
    row->addWidget(m_quantity);
    row->addSpacing(kGap);
    row->addWidget(name);
    row->addWidget(m_smoothing, 1);
    row->addWidget(m_smoothingText);
    row->addStretch(2);
    row->addWidget(m_logLoss);
    column->addLayout(row);
    connect(m_smoothing, &QSlider::valueChanged, this, &RunCharts::setSmoothing);
    connect(m_logLoss, &QCheckBox::toggled, this,
            [this](bool on) { m_plot->setLogY(kLossPanel, CurveSide::Left, on); });
    connect(m_plot, &CurvePlot::logYChanged, this, [this](int panel, bool on) {
        if (panel == kLossPanel) m_logLoss->setChecked(on);
    });
    connect(m_smoothing, &QSlider::sliderMoved, this, [this] { m_smoothingTouched = true; });
    connect(m_smoothing, &QSlider::actionTriggered, this, [this] { m_smoothingTouched = true; });
    suggestSmoothing(500);
}

void RunCharts::setSmoothing(int position) {
    const double length = smoothingLength(position);
    m_smoothingText->setText(length == 0   ? tr("none")
                             : length == 1 ? tr("1 step")
                                           : tr("%1 steps").arg(length));
    m_plot->setSmoothing(length);
}

void RunCharts::suggestSmoothing(double steps) {
    if (m_smoothingTouched) return;
    int position = 1;
    while (position < kSmoothingSteps && smoothingLength(position) < steps * kUsualShare) ++position;
    m_smoothing->setValue(position);
}

void RunCharts::setQuantity(int index) {
    m_quantityShown = index;
    m_plot->setCurveStyle(m_loss, lossStyle(index));
    m_plot->setPanelTitle(kLossPanel, CurveSide::Left, tr(kQuantities[index].title));
    rebuild();
}

void RunCharts::setRecord(RunRecord* record) {
    if (record == m_record && record) return refresh();
    // The plot reads the record's points in place: not a moment longer than it is known here.
    m_plot->clearData();
    if (m_record) disconnect(m_record, nullptr, this, nullptr);
    m_record = record;
    if (record) connect(record, &QObject::destroyed, this, [this] { m_plot->clearData(); });
    m_generation = -1;
    m_length = 0;
    m_plot->fit();
    rebuild();
}

void RunCharts::rebuild() {
    m_plot->clearData();
    m_plot->clearMarks();
    m_strip->clear();
    m_sparsity.clear();
    m_ghostSparsity.clear();
    m_gaps = 0;
    for (const int ghost : {m_lossGhost, m_totalGhost}) m_plot->setCurveVisible(ghost, false);
    if (!m_record) return m_plot->redraw();
    m_generation = m_record->generation();
    const auto* record = m_record.data();
    m_plot->setFileName(record->name().isEmpty() ? QStringLiteral("run") : record->name());
    const auto& ghost = record->ghost();
    for (const double density : ghost.density) m_ghostSparsity.push_back(1 - density);
    const auto column = kQuantities[m_quantityShown].column;
    m_plot->setSource(m_loss, [record, column] {
        return CurvePoints{record->steps().step, record->steps().*column};
    });
    m_plot->setSource(m_total, [this, record] { return CurvePoints{record->steps().step, m_sparsity}; });
    m_plot->setSource(m_temperature, [record] {
        return CurvePoints{record->steps().step, record->steps().tau};
    });
    if (!ghost.empty()) {
        m_plot->setSource(m_lossGhost, [record, column] {
            return CurvePoints{record->ghost().step, record->ghost().*column};
        });
        m_plot->setSource(m_totalGhost, [this, record] {
            return CurvePoints{record->ghost().step, m_ghostSparsity};
        });
        for (const int each : {m_lossGhost, m_totalGhost}) m_plot->setCurveVisible(each, true);
    }
    refresh();
}

void RunCharts::refresh() {
    if (!m_record) return;
    if (m_record->generation() != m_generation) return rebuild();
    const auto& steps = m_record->steps();
    for (auto i = m_sparsity.size(); i < steps.size(); ++i) {
        m_sparsity.push_back(1 - steps.density[i]);
        // A row without values is where a resumption went on.
        if (std::isnan(steps.loss[i]) && std::isnan(steps.density[i]))
            m_plot->addMark(steps.step[i], tr("resumed"));
    }
    const auto& layers = m_record->layers();
    m_strip->update(layers.names, layers.step, layers.density);
    m_plot->setYRange(kStripPanel, CurveSide::Left,
                      std::pair(0.0, std::max(1.0, static_cast<double>(layers.names.size()))));
    const double target = m_record->targetSparsity();
    m_plot->setTarget(kSparsityPanel, CurveSide::Left, target > 0 ? std::optional(target) : std::nullopt,
                      tr("Target %1").arg(percentText(target)));
    const double asked =
        m_record->unit() == QLatin1String("step") ? static_cast<double>(m_record->unitsInAll()) : 0;
    const auto& spec = m_record->spec();
    const double planned = spec.is_object() && spec.contains("steps") && spec["steps"].is_number()
                               ? spec["steps"].get<double>()
                               : 0;
    // Between going on with a run and its next step nobody says it again.
    m_length = std::max({m_length, asked, planned});
    // Once, when it is known how long the run is: the length of the mean must not drift while it is watched.
    if (m_length > 0)
        suggestSmoothing(m_length);
    else if (m_record->caughtUp() && !steps.empty())
        suggestSmoothing(steps.step.back());
    const bool over = m_record->state() == RunState::Finished;
    m_plot->setExpectedX(m_length > 0 && !over ? std::optional(std::pair(0.0, m_length)) : std::nullopt);
    m_plot->setEmptyText(emptyText());
    m_plot->refresh();
    m_plot->redraw();
}

QString RunCharts::emptyText() const {
    if (!m_record || !m_record->caughtUp()) return tr("Reading the run…");
    switch (m_record->state()) {
        case RunState::Starting:
        case RunState::Running:
            break;
        default:
            return tr("No step was taken.");
    }
    const auto phase = m_record->phase();
    if (phase == QLatin1String("sample"))
        return tr("First point after the model has written its text, and the prior.");
    if (phase == QLatin1String("learn")) return tr("First point after the first step.");
    if (phase == QLatin1String("prior"))
        return tr("First point after the prior: a pass over the calibration text, block by block.");
    return tr("First point after loading and the prior.");
}

}  // namespace tessera::ui
