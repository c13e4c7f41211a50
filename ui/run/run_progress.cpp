#include "ui/run/run_progress.h"

#include <QGridLayout>
#include <QProgressBar>
#include <QVBoxLayout>
#include <cmath>

#include "core/session/experiment_spec.h"
#include "ui/client/run_record.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {

constexpr int kBeatMs = 250;

bool atWork(RunState state) {
    return state == RunState::Starting || state == RunState::Running || state == RunState::Pausing ||
           state == RunState::Stopping;
}

bool learns(const QString& method) {
    for (const auto& each : methodDescriptions())
        if (method.toStdString() == each.name) return each.learns;
    return true;
}

/// Whether the model writes learning text of its own.
bool writesItsText(const RunRecord& record) {
    try {
        return ExperimentSpec::fromJson(record.spec()).writesText();
    } catch (const std::exception&) {
        // Not known yet, or of another version.
        return false;
    }
}

}  // namespace

RunProgress::RunProgress(QWidget* parent) : Card(parent) {
    setAccessibleName(tr("Progress"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap);
    m_unit = subheading({}, this);
    m_bar = new QProgressBar(this);
    m_bar->setTextVisible(false);
    m_bar->setFixedHeight(6);
    m_bar->setAccessibleName(tr("Progress of the phase"));
    m_left = body({}, this);
    m_pace = muted({}, this);
    m_heard = muted({}, this);
    m_stalled = body({}, this);
    QFont strong = m_stalled->font();
    strong.setWeight(QFont::DemiBold);
    m_stalled->setFont(strong);
    const auto colour = [this] {
        QPalette palette = m_stalled->palette();
        palette.setColor(QPalette::WindowText, Theme::instance().tokens().warning);
        m_stalled->setPalette(palette);
    };
    connect(&Theme::instance(), &Theme::changed, this, colour);
    colour();
    for (QWidget* each : std::initializer_list<QWidget*>{m_unit, m_bar, m_left, m_pace, m_heard, m_stalled})
        column->addWidget(each);
    m_grid = new QGridLayout;
    m_grid->setHorizontalSpacing(kGap);
    m_grid->setVerticalSpacing(kGap / 2 + 1);
    m_grid->setColumnStretch(1, 1);
    column->addLayout(m_grid);
    column->addStretch();
    m_beat.setInterval(kBeatMs);
    connect(&m_beat, &QTimer::timeout, this, [this] {
        if (isVisible()) refresh();
    });
    m_beat.start();
}

void RunProgress::makePhases(bool learns, bool writes) {
    if (m_made && learns == m_learns && writes == m_writes) return;
    m_made = true;
    m_learns = learns;
    m_writes = writes;
    for (auto& phase : m_phases)
        for (auto* label : {phase.done, phase.now, phase.later, phase.ended, phase.title, phase.time})
            delete label;
    m_phases.clear();
    const auto add = [&](const QString& name, const QStringList& events) {
        Phase phase{name,
                    events,
                    picture(QStringLiteral("circle-check"), 1.1, &ThemeTokens::good, this),
                    picture(QStringLiteral("player-play"), 1.1, &ThemeTokens::accent, this),
                    picture(QStringLiteral("circle-dashed"), 1.1, &ThemeTokens::textMuted, this),
                    picture(QStringLiteral("circle-x"), 1.1, &ThemeTokens::textMuted, this),
                    new QLabel(name, this),
                    muted({}, this)};
        phase.time->setWordWrap(false);
        phase.time->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
        const int row = static_cast<int>(m_phases.size());
        for (auto* sign : {phase.done, phase.now, phase.later, phase.ended}) {
            sign->hide();
            m_grid->addWidget(sign, row, 0);
        }
        m_grid->addWidget(phase.title, row, 1);
        m_grid->addWidget(phase.time, row, 2);
        m_phases.push_back(phase);
    };
    add(tr("Load"), {QStringLiteral("load"), QStringLiteral("tokenise")});
    if (writes) add(tr("Write text"), {QStringLiteral("sample")});
    if (learns) {
        add(tr("Prior"), {QStringLiteral("prior")});
        add(tr("Learn"), {QStringLiteral("learn")});
        add(tr("Harden"), {QStringLiteral("harden"), QStringLiteral("finish"), QStringLiteral("save")});
    } else {
        add(tr("Prune"), {QStringLiteral("prune"), QStringLiteral("save")});
    }
    add(tr("Evaluate"), {QStringLiteral("evaluate")});
    add(tr("Report"), {QStringLiteral("report")});
}

int RunProgress::phaseIndex(const QString& event) const {
    for (std::size_t i = 0; i < m_phases.size(); ++i)
        if (m_phases[i].events.contains(event)) return static_cast<int>(i);
    return -1;
}

void RunProgress::setRecord(RunRecord* record) {
    m_record = record;
    m_at = -1;
    m_sinceTurn.invalidate();
    for (auto& phase : m_phases) phase.seconds = 0, phase.timed = true;
    refresh();
}

void RunProgress::followPhase() {
    const auto state = m_record->state();
    if (state == RunState::Starting) {
        m_at = 0;
        if (!m_sinceTurn.isValid()) {
            m_sinceTurn.start();
            for (auto& phase : m_phases) phase.seconds = 0, phase.timed = true;
        }
        return;
    }
    if (!atWork(state) && state != RunState::Paused) {
        m_sinceTurn.invalidate();
        return;
    }
    int now = phaseIndex(m_record->phase());
    // The weights are read after the prior, too: that is no step back.
    if (now == 0 && m_at > 0) now = m_at;
    if (now < 0 || now == m_at) return;
    const bool seen = m_at >= 0 && m_sinceTurn.isValid();
    if (seen)
        m_phases[static_cast<std::size_t>(m_at)].seconds += static_cast<double>(m_sinceTurn.elapsed()) / 1000;
    // What went on before this page looked is not known to the second.
    if (!seen)
        for (int i = 0; i <= now; ++i) m_phases[static_cast<std::size_t>(i)].timed = false;
    m_at = now;
    m_sinceTurn.start();
}

void RunProgress::takeResultTimes() {
    const auto& result = m_record->result();
    if (!result || !result->is_object() || !result->contains("seconds")) return;
    for (auto& phase : m_phases) {
        double seconds = 0;
        bool known = false;
        for (const auto& event : phase.events) {
            const double part = numberAt((*result)["seconds"], event.toUtf8().constData(), NAN);
            if (std::isfinite(part)) seconds += part, known = true;
        }
        if (known) phase.seconds = seconds, phase.timed = true;
    }
}

void RunProgress::refresh() {
    if (!m_record) return;
    makePhases(learns(m_record->method()), writesItsText(*m_record));
    followPhase();
    if (m_record->state() == RunState::Finished) takeResultTimes();
    refreshPhases();
    refreshPace();
}

void RunProgress::refreshPhases() {
    const auto state = m_record->state();
    const bool finished = state == RunState::Finished;
    const bool going = atWork(state) || state == RunState::Paused;
    const int last = phaseIndex(m_record->phase());
    for (int i = 0; i < static_cast<int>(m_phases.size()); ++i) {
        auto& phase = m_phases[static_cast<std::size_t>(i)];
        const int at = m_at >= 0 ? m_at : last;
        const bool done = finished || i < at;
        const bool now = !finished && i == at;
        phase.done->setVisible(done);
        phase.now->setVisible(now && going);
        phase.ended->setVisible(now && !going);
        phase.later->setVisible(!done && !now);
        double seconds = phase.seconds;
        if (now && m_sinceTurn.isValid()) seconds += static_cast<double>(m_sinceTurn.elapsed()) / 1000;
        const auto time = phase.timed && seconds >= 0.05 && (done || now)
                              ? durationText(seconds < 9.95 ? std::max(seconds, 0.1) : seconds)
                              : QString();
        if (phase.time->text() != time) phase.time->setText(time);
        phase.title->setAccessibleDescription(done    ? tr("done")
                                              : !now  ? tr("to come")
                                              : going ? tr("under way")
                                                      : tr("ended here"));
    }
}

void RunProgress::refreshPace() {
    const auto state = m_record->state();
    const bool working = atWork(state), held = state == RunState::Paused;
    const auto all = m_record->unitsInAll(), done = m_record->unitDone();
    QString unit = runStateText(state);
    if ((working || held) && all > 0) {
        unit = m_record->unit();
        if (!unit.isEmpty()) unit[0] = unit[0].toUpper();
        unit = tr("%1 %2 of %3").arg(unit.isEmpty() ? tr("Part") : unit).arg(done).arg(all);
    } else if (working && !m_record->phase().isEmpty()) {
        unit = asSentence(m_record->phase()).chopped(1);
    }
    m_unit->setText(unit);
    m_unit->setVisible(state != RunState::Finished);
    m_bar->setVisible(working || held);
    m_bar->setRange(0, all > 0 ? 1000 : working ? 0 : 1000);
    if (all > 0) m_bar->setValue(static_cast<int>(1000 * done / all));

    const bool stalled = m_record->stalled();
    QString left;
    if (working && all > 0) {
        const auto eta = m_record->eta();
        left = stalled ? QString()
               : eta   ? asSentence(etaText(eta->low, eta->high)).chopped(1) + tr(", this phase")
                       : tr("Estimating the time left…");
    }
    m_left->setText(left);
    m_left->setVisible(!left.isEmpty());

    // A pace that is no longer true is not shown.
    QString pace;
    const auto& steps = m_record->steps();
    const double seconds = m_record->unitSeconds();
    if (working && !stalled && m_record->unit() == QLatin1String("step") && steps.size() >= 2 &&
        seconds > 0) {
        const double tokens =
            static_cast<double>(steps.tokens[steps.size() - 1] - steps.tokens[steps.size() - 2]);
        pace = tr("%1 a step").arg(durationText(seconds));
        if (tokens > 0) pace += tr(", %1 tokens/s").arg(countText(std::round(tokens / seconds)));
    }
    m_pace->setText(pace);
    m_pace->setVisible(!pace.isEmpty());

    const double silence = m_record->silence();
    m_heard->setVisible(working && !stalled);
    m_heard->setText(silence < 1 ? tr("Heard just now")
                                 : tr("Heard %1 ago").arg(durationText(std::floor(silence))));
    m_stalled->setVisible(stalled);
    if (stalled)
        m_stalled->setText(tr("No sign of progress for %1. Last known: %2.")
                               .arg(durationText(std::floor(silence)),
                                    m_record->phase().isEmpty() ? tr("starting") : m_record->phase()));
}

}  // namespace tessera::ui
