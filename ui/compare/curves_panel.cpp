#include "ui/compare/curves_panel.h"

#include <QComboBox>
#include <QElapsedTimer>
#include <QHBoxLayout>
#include <QLabel>
#include <cmath>

#include "ui/widgets/basics.h"
#include "ui/widgets/curve_plot.h"

namespace tessera::ui {

namespace {

constexpr int kReadingMs = 33, kWaitingMs = 500;
constexpr int kBudgetMs = 4;  ///< of reading, a tick, all runs together

enum X { Step, Tokens, Time };
enum Y { Loss, CrossEntropy, Divergence };

bool over(RunState state) {
    return state == RunState::Finished || state == RunState::Stopped || state == RunState::Failed ||
           state == RunState::Interrupted;
}

bool learns(const QString& method) {
    for (const auto& each : methodDescriptions())
        if (each.name == method.toStdString()) return each.learns;
    return true;
}

QComboBox* choice(const QString& name, const QStringList& items, QHBoxLayout* row, QWidget* parent) {
    auto* label = muted(name, parent);
    label->setWordWrap(false);
    auto* box = new QComboBox(parent);
    box->addItems(items);
    box->setAccessibleName(name);
    label->setBuddy(box);
    row->addWidget(label);
    row->addWidget(box);
    row->addSpacing(kGap);
    return box;
}

}  // namespace

void CurveColumns::update(const StepSeries& steps) {
    if (sparsity.size() > steps.size()) clear();
    double clock = seconds.empty() ? 0 : seconds.back();
    for (auto i = sparsity.size(); i < steps.size(); ++i) {
        const double took = double(steps.seconds[i]);
        if (std::isfinite(took)) clock += took;
        seconds.push_back(clock);
        tokens.push_back(double(steps.tokens[i]));
        sparsity.push_back(100 * (1 - steps.density[i]));
    }
}

void CurveColumns::clear() {
    tokens.clear();
    seconds.clear();
    sparsity.clear();
}

CurvesPanel::CurvesPanel(RunsModel& model, RunSelection& selection, Actions& actions, QWidget* parent)
    : QWidget(parent), m_model(model), m_selection(selection) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, kGap, 0, 0);
    column->setSpacing(kGap);
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap);
    m_y = choice(tr("Show"), {tr("Loss"), tr("Cross-entropy"), tr("Divergence from the dense model")}, row,
                 this);
    m_x = choice(tr("over"), {tr("Steps"), tr("Tokens"), tr("Time")}, row, this);
    m_smoothing =
        choice(tr("Smoothing"), {tr("None"), tr("5 steps"), tr("20 steps"), tr("100 steps")}, row, this);
    m_smoothing->setToolTip(tr("Length of a debiased exponential mean over every point"));
    m_note = muted({}, this);
    row->addWidget(m_note, 1);
    column->addLayout(row);

    m_plot = new CurvePlot(this);
    m_plot->setAccessibleName(tr("Loss and sparsity of the checked runs"));
    PanelStyle panel;
    panel.left = tr("Loss, nats");
    panel.stretch = 3;
    m_plot->addPanel(panel);
    panel.left = tr("Sparsity, %");
    panel.stretch = 2;
    m_plot->addPanel(panel);
    m_plot->setMinimumHeight(fontMetrics().height() * 11);
    m_plot->setFileName(QStringLiteral("runs-compared"));
    m_plot->bindActions(actions);
    column->addWidget(m_plot, 1);

    connect(m_y, &QComboBox::currentIndexChanged, this, &CurvesPanel::rebuild);
    connect(m_x, &QComboBox::currentIndexChanged, this, &CurvesPanel::rebuild);
    connect(m_smoothing, &QComboBox::activated, this, [this] {
        m_smoothingChosen = true;
        setSmoothing();
    });
    connect(&m_selection, &RunSelection::checkedChanged, this, &CurvesPanel::follow);
    connect(&m_selection, &RunSelection::highlightedChanged, this, [this] {
        const auto found = m_runs.find(m_selection.highlighted());
        m_plot->setHighlighted(found == m_runs.end() ? -1 : found->second->loss);
    });
    connect(&m_timer, &QTimer::timeout, this, &CurvesPanel::tick);
    m_timer.setTimerType(Qt::CoarseTimer);
    rebuild();
}

CurvesPanel::~CurvesPanel() {
    // Its sources read what goes away with the records.
    m_plot->removeCurves();
}

const RunRecord* CurvesPanel::record(const QString& run) const {
    const auto found = m_runs.find(run);
    return found == m_runs.end() ? nullptr : &found->second->record;
}

bool CurvesPanel::settled() const {
    for (const auto& [id, run] : m_runs)
        if (!run->record.caughtUp() && run->record.problem().isEmpty()) return false;
    return true;
}

void CurvesPanel::runsChanged() {
    // A run that was over and is not any more is read on.
    follow();
    showNote();
}

void CurvesPanel::follow() {
    bool changed = false;
    for (auto run = m_runs.begin(); run != m_runs.end();) {
        if (m_selection.isChecked(run->first)) {
            ++run;
            continue;
        }
        if (!changed) m_plot->removeCurves();
        changed = true;
        run = m_runs.erase(run);
    }
    for (const auto& id : m_selection.checked()) {
        if (m_runs.contains(id) || !m_model.find(id)) continue;
        auto run = std::make_unique<Followed>();
        run->record.follow(id.toStdString());
        m_runs.emplace(id, std::move(run));
        changed = true;
    }
    if (changed) rebuild();
    m_timer.start(settled() ? kWaitingMs : kReadingMs);
}

void CurvesPanel::rebuild() {
    m_plot->removeCurves();
    static const char* const kTitles[] = {"Loss, nats", "Cross-entropy, nats", "Divergence, nats"};
    m_plot->setPanelTitle(0, CurveSide::Left, tr(kTitles[m_y->currentIndex()]));
    static const char* const kX[] = {"Step", "Tokens trained on", "Seconds of learning"};
    m_plot->setXTitle(tr(kX[m_x->currentIndex()]));
    m_plot->setXText([x = m_x->currentIndex()](double value) {
        return x == Tokens ? tr("%1 tokens").arg(countText(value))
               : x == Time ? durationText(value)
                           : tr("step %1").arg(value, 0, 'f', 0);
    });
    for (const auto& id : m_selection.checked()) {
        const auto found = m_runs.find(id);
        const auto* facts = m_model.find(id);
        if (found == m_runs.end() || !facts) continue;
        auto& run = *found->second;
        CurveStyle style;
        style.name = facts->name;
        const int slot = m_selection.slot(id);
        style.colour = [slot](const ThemeTokens& tokens) { return RunSelection::colour(slot, tokens); };
        style.dash = RunSelection::dash(slot);
        style.kind = CurveKind::Mean;
        run.loss = m_plot->addCurve(0, style);
        style.kind = CurveKind::Line;
        style.text = [](double value) { return percentText(value / 100); };
        run.sparsity = m_plot->addCurve(1, style);
        if (std::exchange(run.generation, run.record.generation()) != run.record.generation())
            run.columns.clear();
        run.columns.update(run.record.steps());
        setSources(run);
    }
    setSmoothing();
    showNote();
    m_plot->refresh();
    m_plot->fit();
}

void CurvesPanel::setSources(Followed& run) {
    const auto x = [this, &run]() -> std::span<const double> {
        switch (m_x->currentIndex()) {
            case Tokens:
                return run.columns.tokens;
            case Time:
                return run.columns.seconds;
            default:
                return std::span(run.record.steps().step).first(run.columns.sparsity.size());
        }
    };
    m_plot->setSource(run.loss, [this, &run, x]() -> CurvePoints {
        const auto& steps = run.record.steps();
        const auto& y = m_y->currentIndex() == Loss           ? steps.loss
                        : m_y->currentIndex() == CrossEntropy ? steps.crossEntropy
                                                              : steps.divergence;
        // What came since the last tick has no time and sparsity yet.
        return {x(), std::span(y).first(std::min(y.size(), run.columns.sparsity.size()))};
    });
    m_plot->setSource(run.sparsity, [&run, x]() -> CurvePoints { return {x(), run.columns.sparsity}; });
}

void CurvesPanel::tick() {
    int reading = 0;
    for (const auto& [id, run] : m_runs) reading += run->record.caughtUp() ? 0 : 1;
    bool more = false, options = false;
    QElapsedTimer watch;
    watch.start();
    for (auto& [id, run] : m_runs) {
        if (run->record.caughtUp() && over(run->record.state())) continue;
        if (watch.elapsed() > kBudgetMs) {
            more = true;
            break;
        }
        const bool knew = run->record.options().is_object() && !run->record.options().empty();
        more |= run->record.catchUp(std::max(1, kBudgetMs / std::max(1, reading)));
        options |= !knew && run->record.options().is_object() && !run->record.options().empty();
        if (run->generation != run->record.generation()) {
            // A resumption took back steps that were drawn.
            run->generation = run->record.generation();
            m_plot->clear(run->loss);
            m_plot->clear(run->sparsity);
            run->columns.clear();
            setSources(*run);
        }
        run->columns.update(run->record.steps());
    }
    m_plot->refresh();
    setSmoothing();
    if (options) Q_EMIT settingsRead();
    showNote();
    m_timer.start(more || !settled() ? kReadingMs : kWaitingMs);
}

void CurvesPanel::setSmoothing() {
    static constexpr double kSteps[] = {0, 5, 20, 100};
    if (!m_smoothingChosen) {
        // A short run is seen as it is; in a long one the noise of single steps hides the rest.
        std::size_t longest = 0;
        for (const auto& [id, run] : m_runs) longest = std::max(longest, run->record.steps().size());
        m_smoothing->setCurrentIndex(longest >= 2000 ? 3 : longest >= 200 ? 2 : 0);
    }
    double length = kSteps[m_smoothing->currentIndex()];
    if (m_x->currentIndex() != Step) {
        // The length is in units of x: as much of them as that many steps of the longest run took.
        double steps = 0, x = 0;
        for (const auto& [id, run] : m_runs) {
            const auto& series = run->record.steps();
            const auto& columns = run->columns;
            if (columns.seconds.empty() || series.step[columns.seconds.size() - 1] <= steps) continue;
            const double end = m_x->currentIndex() == Time ? columns.seconds.back() : columns.tokens.back();
            if (!std::isfinite(end)) continue;
            steps = series.step[columns.seconds.size() - 1];
            x = end;
        }
        length = steps > 0 ? length * x / steps : 0;
    }
    if (length != m_plot->smoothing()) m_plot->setSmoothing(length);
}

void CurvesPanel::showNote() {
    QStringList without;
    bool any = false;
    for (const auto& id : m_selection.checked()) {
        const auto* facts = m_model.find(id);
        const auto* run = record(id);
        if (!facts || !run) continue;
        if (!run->steps().empty())
            any = true;
        else if (!learns(facts->method))
            without << facts->name;
    }
    m_note->setText(without.isEmpty()
                        ? QString()
                        : tr("No curve: %1 (pruned in one pass)").arg(without.join(QStringLiteral(", "))));
    m_plot->setEmptyText(any ? QString()
                         : m_selection.checked().isEmpty()
                             ? tr("Check runs in the table to draw their curves")
                         : !settled() ? tr("Reading")
                                      : tr("None of the checked runs has a learning curve"));
}

}  // namespace tessera::ui
