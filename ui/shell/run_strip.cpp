#include "ui/shell/run_strip.h"

#include <QAction>
#include <QFile>
#include <QHBoxLayout>
#include <QPainter>
#include <algorithm>
#include <cmath>
#include <utility>

#include "ui/client/run_record.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace {

constexpr int kBeatMs = 200;
constexpr int kMemoryMs = 2000;
constexpr int kBarWidth = 120;

struct Sign {
    const char* icon;
    QColor ThemeTokens::*tint;
};

Sign signOf(RunState state) {
    switch (state) {
        case RunState::Starting:
            return {"hourglass", &ThemeTokens::accent};
        case RunState::Running:
            return {"player-play", &ThemeTokens::accent};
        case RunState::Pausing:
        case RunState::Stopping:
            return {"hourglass", &ThemeTokens::warning};
        case RunState::Paused:
            return {"player-pause", &ThemeTokens::warning};
        case RunState::Failed:
            return {"alert-circle", &ThemeTokens::bad};
        case RunState::Interrupted:
            return {"alert-triangle", &ThemeTokens::warning};
        case RunState::Finished:
            return {"circle-check", &ThemeTokens::good};
        case RunState::Stopped:
            return {"player-stop", &ThemeTokens::textMuted};
        case RunState::None:
            break;
    }
    return {"circle-dashed", &ThemeTokens::textMuted};
}

bool atWork(RunState state) {
    return state == RunState::Starting || state == RunState::Running || state == RunState::Pausing ||
           state == RunState::Stopping;
}

// Whether there is a phase to speak of.
bool underWay(RunState state) {
    return atWork(state) || state == RunState::Paused;
}

double availableMemory() {
    QFile file(QStringLiteral("/proc/meminfo"));
    if (!file.open(QIODevice::ReadOnly)) return NAN;
    for (QByteArray line = file.readLine(); !line.isEmpty(); line = file.readLine())
        if (line.startsWith("MemAvailable:")) return line.simplified().split(' ').value(1).toDouble() * 1024;
    return NAN;
}

// A label as wide as its longest usual text, so that its neighbours stand still while it counts.
QLabel* steady(const QString& longest, QWidget* parent) {
    QLabel* made = muted({}, parent);
    made->setWordWrap(false);
    made->setMinimumWidth(made->fontMetrics().horizontalAdvance(longest));
    return made;
}

// A name is no place for mnemonics.
QString escaped(QString name) {
    return name.replace(QLatin1Char('&'), QLatin1String("&&"));
}

QString phaseText(const RunRecord& run) {
    QString text = run.phase();
    if (text.isEmpty()) return {};
    text[0] = text[0].toUpper();
    if (run.unitsInAll() <= 0) return text;
    return QStringLiteral("%1: %2 %3 of %4")
        .arg(text, run.unit().isEmpty() ? QStringLiteral("part") : run.unit())
        .arg(run.unitDone())
        .arg(run.unitsInAll());
}

}  // namespace

/// The state's glyph; the text beside it says the same.
class IconMark : public QWidget {
  public:
    explicit IconMark(QWidget* parent) : QWidget(parent) {
        const int side = fontMetrics().height() + 2;
        setFixedSize(side, side);
    }
    void set(Sign sign) {
        if (m_name == sign.icon && m_tint == sign.tint) return;
        m_name = sign.icon;
        m_tint = sign.tint;
        m_icon = themedIcon(QLatin1String(sign.icon), sign.tint);
        update();
    }

  protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        m_icon.paint(&painter, rect());
    }

  private:
    const char* m_name = nullptr;
    QColor ThemeTokens::*m_tint = nullptr;
    QIcon m_icon;
};

RunStrip::RunStrip(Workspace& workspace, QWidget* parent) : QWidget(parent), m_workspace(workspace) {
    setAccessibleName(tr("Current run"));
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(kGap + kGap / 2, 3, kGap + kGap / 2, 3);
    row->setSpacing(kGap + kGap / 2);
    m_mark = new IconMark(this);
    m_state = new QLabel(this);
    QFont strong = m_state->font();
    strong.setWeight(QFont::DemiBold);
    m_state->setFont(strong);
    m_name = new QToolButton(this);
    m_name->setFocusPolicy(Qt::TabFocus);
    m_name->setAccessibleName(tr("Look at this run"));
    m_phase = muted({}, this);
    m_phase->setWordWrap(false);
    m_bar = new QProgressBar(this);
    m_bar->setTextVisible(false);
    m_bar->setFixedSize(kBarWidth, 6);
    m_bar->setAccessibleName(tr("Progress of the phase"));
    m_eta = muted({}, this);
    m_eta->setWordWrap(false);
    m_heard = steady(tr("updated 88.8 s ago"), this);
    m_memory = steady(tr("888 GiB memory free"), this);
    m_memory->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    row->addWidget(m_mark);
    row->addWidget(m_state);
    row->addWidget(m_name);
    row->addWidget(m_phase);
    row->addWidget(m_bar);
    row->addWidget(m_eta);
    row->addWidget(m_heard);
    row->addStretch(1);
    row->addWidget(m_memory);
    for (const char* id : {"run.pause", "run.continue", "run.resume", "run.stop"}) {
        QAction* action = workspace.actions().action(QLatin1String(id));
        if (!action) continue;
        auto* button = new QToolButton(this);
        button->setDefaultAction(action);
        button->setToolButtonStyle(Qt::ToolButtonIconOnly);
        button->setFocusPolicy(Qt::TabFocus);
        button->setAccessibleName(action->text());
        connect(action, &QAction::changed, this, [this, button, action] {
            button->setAccessibleName(action->text());
            button->setVisible(action->isEnabled());
            fit();
        });
        button->setVisible(action->isEnabled());
        row->addWidget(button);
        m_buttons.push_back(button);
    }
    m_name->setText(QStringLiteral("name"));
    // As tall with buttons as without, so that the page above never moves.
    setMinimumHeight(m_name->sizeHint().height() + 6);
    // What it shows decides nothing about the window's width.
    setMinimumWidth(0);
    setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);

    connect(m_name, &QToolButton::clicked, this, [this] {
        if (const RunRecord* run = shown(); run && !run->path().empty())
            m_workspace.open(std::filesystem::path(run->path()));
        m_workspace.goTo(PageId::Run);
    });
    connect(&workspace, &Workspace::currentChanged, this, &RunStrip::follow);
    connect(&workspace, &Workspace::runningChanged, this, &RunStrip::follow);
    m_beat.setInterval(kBeatMs);
    connect(&m_beat, &QTimer::timeout, this, &RunStrip::beat);
    m_memoryTimer.start(kMemoryMs);
    connect(&m_memoryTimer, &QTimer::timeout, this, &RunStrip::showMemory);
    showMemory();
    follow();
}

RunRecord* RunStrip::shown() const {
    return m_workspace.running() ? m_workspace.running() : m_workspace.current();
}

void RunStrip::follow() {
    disconnect(m_following);
    if (RunRecord* run = shown())
        m_following = connect(run, &RunRecord::changed, this, [this](bool) { update(); });
    update();
}

void RunStrip::update() {
    const RunRecord* run = shown();
    const RunState state = run ? run->state() : RunState::None;
    m_mark->set(signOf(state));
    QString text = runStateText(state);
    if (!run) text = tr("No run open");
    if (run && state == RunState::None) text = run->problem().isEmpty() ? tr("Reading") : tr("Unreadable");
    if (run && run->ownedElsewhere() && atWork(state)) text = tr("%1 elsewhere").arg(text);
    m_state->setText(text);
    m_fullName = run ? run->name() : QString();
    m_name->setToolTip(run ? tr("Look at %1").arg(m_fullName) : QString());
    m_name->setAccessibleDescription(m_fullName);
    m_phase->setText(run && underWay(state) ? phaseText(*run) : QString());
    if (run && run->unitsInAll() > 0) {
        // Counts may exceed what an int holds; the bar has no more than a thousand places anyway.
        m_bar->setRange(0, 1000);
        m_bar->setValue(int(1000.0 * double(run->unitDone()) / double(run->unitsInAll())));
    }
    const auto eta = run && state == RunState::Running ? run->eta() : std::nullopt;
    m_eta->setText(eta ? etaText(eta->low, eta->high)
                   : run && state == RunState::Running && run->unitsInAll() > 0
                       ? tr("estimating the time left")
                       : QString());
    setAccessibleDescription(
        QStringList{text, m_fullName, m_phase->text(), m_eta->text()}.join(QLatin1String(", ")));
    if (run && atWork(state)) {
        if (!m_beat.isActive()) m_beat.start();
    } else {
        m_beat.stop();
    }
    beat();
    fit();
}

void RunStrip::beat() {
    const RunRecord* run = shown();
    QString text;
    bool stalled = false;
    if (run && atWork(run->state())) {
        const double silence = run->silence();
        stalled = run->stalled();
        text = stalled        ? tr("no news for %1").arg(durationText(silence))
               : silence < 10 ? tr("updated %1 s ago").arg(silence, 0, 'f', 1)
                              : tr("updated %1 ago").arg(durationText(silence));
        if (stalled) m_mark->set({"alert-triangle", &ThemeTokens::warning});
    }
    const bool appears = m_heard->text().isEmpty() != text.isEmpty();
    m_heard->setText(text);
    m_heard->setToolTip(
        stalled ? tr("The engine has said nothing for unusually long. It may be writing a checkpoint, "
                     "or the machine may be busy or out of memory.")
                : QString());
    if (appears) fit();
}

void RunStrip::showMemory() {
    const double free = availableMemory();
    m_memory->setText(std::isfinite(free) ? tr("%1 memory free").arg(bytesText(free)) : QString());
}

void RunStrip::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    fit();
}

void RunStrip::fit() {
    const RunRecord* run = shown();
    const bool working = run && atWork(run->state());
    const bool hasPhase = run && underWay(run->state());
    int room = width() - 2 * kGap;
    const int gap = layout()->spacing();
    const auto take = [&](QWidget* widget, int wanted) {
        room -= wanted + gap;
        widget->setVisible(true);
    };
    take(m_mark, m_mark->width());
    take(m_state, m_state->sizeHint().width());
    for (QToolButton* button : m_buttons)
        if (button->defaultAction()->isEnabled()) room -= button->sizeHint().width() + gap;
    // The name is the first to be kept and the first to be shortened.
    const QFontMetrics metrics = m_name->fontMetrics();
    m_name->setText(escaped(m_fullName));
    const int wholeName = m_name->sizeHint().width();
    const int border = wholeName - metrics.horizontalAdvance(m_fullName);
    const int leastName = std::min(wholeName, metrics.averageCharWidth() * 14 + border);
    m_name->setVisible(!m_fullName.isEmpty());
    if (!m_fullName.isEmpty()) room -= leastName + gap;

    struct Part {
        QWidget* widget;
        bool wanted;
        int width;
    };
    const auto labelPart = [](QLabel* label, bool wanted) {
        return Part{label, wanted && !label->text().isEmpty(),
                    std::max(label->sizeHint().width(), label->minimumWidth())};
    };
    const Part parts[] = {labelPart(m_phase, hasPhase),
                          {m_bar, hasPhase && run->unitsInAll() > 0, kBarWidth},
                          labelPart(m_heard, working),
                          labelPart(m_eta, working),
                          labelPart(m_memory, true)};
    for (const Part& part : parts) {
        const bool fits = part.wanted && part.width + gap <= room;
        part.widget->setVisible(fits);
        if (fits) room -= part.width + gap;
    }
    if (!m_fullName.isEmpty()) {
        const int name = std::min(wholeName, leastName + std::max(0, room));
        // Widths are rounded: a name that fits would be shortened for a fraction of a pixel.
        if (name < wholeName)
            m_name->setText(escaped(metrics.elidedText(m_fullName, Qt::ElideMiddle, name - border)));
        m_name->setFixedWidth(name);
    }
}

}  // namespace tessera::ui
