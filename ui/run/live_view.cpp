#include "ui/run/live_view.h"

#include <QApplication>
#include <QClipboard>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QPlainTextEdit>
#include <QScrollArea>
#include <QScrollBar>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

#include "core/base/error.h"
#include "core/session/experiment_spec.h"
#include "ui/client/run_record.h"
#include "ui/client/sentences.h"
#include "ui/run/remedies.h"
#include "ui/run/run_charts.h"
#include "ui/run/run_outcome.h"
#include "ui/run/run_progress.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/widgets/curve_plot.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

LiveView::LiveView(Workspace& workspace, QWidget* parent) : QWidget(parent), m_workspace(workspace) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    auto* scroll = new QScrollArea(this);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setAccessibleName(tr("The run"));
    outer->addWidget(scroll);
    auto* inside = new QWidget(scroll);
    scroll->setWidget(inside);
    auto* column = new QVBoxLayout(inside);
    column->setContentsMargins(kGap * 3, kGap * 3, kGap * 3, kGap * 2);
    column->setSpacing(kGap * 2);
    column->addWidget(makeHead());
    m_banner = new Banner(inside);
    column->addWidget(m_banner);
    m_outcome = new RunOutcome(inside);
    m_outcome->hide();
    column->addWidget(m_outcome);

    auto* row = new QHBoxLayout;
    row->setSpacing(kGap * 2);
    auto* card = new Card(inside);
    auto* inCard = new QVBoxLayout(card);
    inCard->setContentsMargins(1, 1, 1, 1);
    m_charts = new RunCharts(workspace.actions(), card);
    m_nothing = new EmptyState(QStringLiteral("chart-line"), tr("No curves"), {}, card);
    m_nothing->hide();
    inCard->addWidget(m_charts);
    inCard->addWidget(m_nothing);
    m_chartCard = card;
    m_progress = new RunProgress(inside);
    m_ways = new RunWays(inside);
    m_ways->hide();
    auto* side = new QVBoxLayout;
    side->setSpacing(kGap * 2);
    side->addWidget(m_progress, 1);
    side->addWidget(m_ways);
    for (auto* each : {static_cast<QWidget*>(m_progress), static_cast<QWidget*>(m_ways)})
        each->setFixedWidth(fontMetrics().averageCharWidth() * 36);
    row->addWidget(card, 1);
    row->addLayout(side);
    column->addLayout(row, 1);
    column->addWidget(makeLog());

    connect(m_charts, &RunCharts::exported, this,
            [this](const QString& sentence, bool failed) { m_workspace.tell(sentence, failed); });
    connect(m_ways, &RunWays::inspectWanted, this, [this] { m_workspace.goTo(PageId::Inspect); });
    connect(m_ways, &RunWays::benchmarkWanted, this, [this] { m_workspace.goTo(PageId::Benchmark); });
    connect(m_ways, &RunWays::playgroundWanted, this, [this] { m_workspace.goTo(PageId::Playground); });
    connect(m_ways, &RunWays::againWanted, this, &LiveView::again);
    connect(&workspace, &Workspace::runningChanged, this, [this] { changed(true); });
}

QWidget* LiveView::makeHead() {
    auto* head = new QWidget(this);
    auto* column = new QVBoxLayout(head);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(2);
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap);
    m_name = heading({}, head);
    m_name->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_state = muted({}, head);
    m_state->setWordWrap(false);
    row->addWidget(m_name, 1);
    row->addWidget(m_state);
    row->addSpacing(kGap);
    const auto acts = [&](const char* id, const QString& text, const char* icon) {
        auto* button = plainButton(text, QLatin1String(icon), head);
        auto* action = m_workspace.actions().action(QLatin1String(id));
        button->setToolTip(QStringLiteral("%1 (%2)").arg(action->text(), action->shortcut().toString()));
        connect(button, &QPushButton::clicked, action, &QAction::trigger);
        row->addWidget(button);
        return button;
    };
    m_pause = acts("run.pause", tr("Pause"), "player-pause");
    m_continue = acts("run.continue", tr("Continue"), "player-play");
    m_stop = acts("run.stop", tr("Stop"), "player-stop");
    m_copy = plainButton(tr("Copy command line"), QStringLiteral("command"), head);
    m_copy->setToolTip(tr("The command that makes the same run"));
    connect(m_copy, &QPushButton::clicked, this, &LiveView::copyCommandLine);
    row->addWidget(m_copy);
    m_new = acts("run.new", tr("New run"), "plus");
    column->addLayout(row);
    m_spec = muted({}, head);
    column->addWidget(m_spec);
    return head;
}

void LiveView::copyCommandLine() {
    if (!m_record) return;
    try {
        const auto line = ExperimentSpec::fromJson(m_record->spec()).commandLine();
        QApplication::clipboard()->setText(QString::fromStdString(line));
        m_copy->setText(tr("Copied"));
        QTimer::singleShot(1500, this, [this] { m_copy->setText(tr("Copy command line")); });
    } catch (const Error& error) {
        m_workspace.tell(errorSentence(error), true);
    }
}

QWidget* LiveView::makeLog() {
    auto* box = new QWidget(this);
    auto* column = new QVBoxLayout(box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(kGap / 2);
    auto* row = new QHBoxLayout;
    m_logButton = new QToolButton(box);
    m_logButton->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_logButton->setText(tr("  Log"));
    m_logButton->setAccessibleName(tr("Log of the run"));
    m_logButton->setCheckable(true);
    m_logButton->setIcon(themedIcon(QStringLiteral("chevron-right")));
    m_logTitle = muted({}, box);
    m_logTitle->setWordWrap(false);
    m_logTitle->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    row->addWidget(m_logButton);
    row->addWidget(m_logTitle, 1);
    column->addLayout(row);
    m_log = new QPlainTextEdit(box);
    m_log->setReadOnly(true);
    m_log->setMaximumBlockCount(1250);
    m_log->setLineWrapMode(QPlainTextEdit::NoWrap);
    m_log->setAccessibleName(tr("Log"));
    m_log->setFixedHeight(fontMetrics().height() * 9);
    m_log->hide();
    column->addWidget(m_log);
    connect(m_logButton, &QToolButton::toggled, this, [this](bool open) {
        m_logButton->setIcon(
            themedIcon(open ? QStringLiteral("chevron-down") : QStringLiteral("chevron-right")));
        m_log->setVisible(open);
        refreshLog();
    });
    return box;
}

void LiveView::setRecord(RunRecord* record) {
    if (record == m_record) return;
    if (m_record) disconnect(m_record, nullptr, this, nullptr);
    m_record = record;
    m_lastLogLine.clear();
    m_log->clear();
    if (record) connect(record, &RunRecord::changed, this, &LiveView::changed);
    m_charts->setRecord(record);
    m_progress->setRecord(record);
    changed(true);
}

bool LiveView::settled() const {
    return !m_record || m_record->caughtUp() || !m_record->problem().isEmpty();
}

QWidget* LiveView::firstFocus() const {
    if (m_ways->isVisibleTo(this)) return m_ways->first();
    return m_charts->isVisibleTo(this) ? static_cast<QWidget*>(&m_charts->plot()) : m_new;
}

void LiveView::changed(bool structure) {
    if (!m_record) return;
    m_charts->refresh();
    if (!structure) return;
    refreshHead();
    refreshBanner();
    refreshLog();
    m_progress->refresh();
    const bool finished = m_record->state() == RunState::Finished && m_record->result();
    m_outcome->setVisible(finished);
    m_ways->setVisible(finished);
    if (finished) m_outcome->show(*m_record);
    bool learns = true;
    for (const auto& each : methodDescriptions())
        if (m_record->method().toStdString() == each.name) learns = each.learns;
    const bool broken = m_record->caughtUp() && m_record->steps().empty() && !m_record->problem().isEmpty();
    const bool curves = learns && !broken;
    m_charts->setVisible(curves);
    m_nothing->setVisible(!curves);
    if (!learns)
        m_nothing->setText(tr("No curves"),
                           tr("This method learns nothing: it measures the calibration text once, block by "
                              "block, and its masks are there."));
    if (broken) m_nothing->setText(tr("Nothing to show"), m_record->problem());
}

QString LiveView::specText() const {
    const auto& spec = m_record->spec();
    if (!spec.is_object()) return {};
    QStringList parts{m_record->model(), methodTitle(m_record->method())};
    if (const auto pattern = textAt(spec, "pattern"); !pattern.isEmpty()) parts << pattern;
    parts << tr("%1 sparsity").arg(percentText(m_record->targetSparsity()));
    if (const double steps = numberAt(spec, "steps"); steps > 0)
        parts << tr("%1 steps").arg(steps, 0, 'f', 0);
    if (const double minutes = numberAt(spec, "minutes"); minutes > 0) parts << tr("%1 min").arg(minutes);
    parts << tr("seed %1").arg(numberAt(spec, "seed"), 0, 'f', 0);
    if (spec.contains("set") && spec["set"].is_object())
        for (const auto& [key, value] : spec["set"].items())
            parts << QString::fromStdString(key + "=" +
                                            (value.is_string() ? value.get<std::string>() : value.dump()));
    return parts.join(QStringLiteral("  ·  "));
}

void LiveView::refreshHead() {
    const auto state = m_record->state();
    m_name->setText(m_record->name());
    m_name->setToolTip(QString::fromStdString(m_record->path().string()));
    m_spec->setText(specText());
    m_copy->setEnabled(m_record->spec().is_object());
    const bool ours = m_record == m_workspace.running();
    const bool working = state == RunState::Running || state == RunState::Starting;
    m_pause->setVisible(ours && (working || state == RunState::Pausing));
    m_pause->setEnabled(state == RunState::Running);
    const auto unit = m_record->unit().isEmpty() ? tr("part") : m_record->unit();
    m_pause->setText(state == RunState::Pausing ? tr("Pausing after this %1…").arg(unit) : tr("Pause"));
    m_continue->setVisible(ours && (state == RunState::Paused || state == RunState::Pausing));
    m_continue->setText(state == RunState::Pausing ? tr("Do not pause") : tr("Continue"));
    m_stop->setVisible(ours && (working || state == RunState::Pausing || state == RunState::Paused ||
                                state == RunState::Stopping));
    m_stop->setEnabled(state != RunState::Stopping);
    const bool learning = m_record->phase() == QLatin1String("learn");
    m_stop->setText(state != RunState::Stopping ? tr("Stop")
                    : learning                  ? tr("Stopping, writing a checkpoint…")
                                                : tr("Stopping after this %1…").arg(unit));
    QString text = runStateText(state);
    if (m_record->ownedElsewhere()) text += tr(", by another program");
    m_state->setText(text);
}

void LiveView::refreshBanner() {
    const auto state = m_record->state();
    const auto resume = [this] {
        // The button goes: the keyboard stays on this page.
        firstFocus()->setFocus(Qt::OtherFocusReason);
        if (m_record) m_workspace.resume(std::filesystem::path(m_record->path()));
    };
    const auto step = m_record->lastCheckpoint();
    const auto from = step > 0 ? tr("Resume from step %1").arg(step) : tr("Begin again");
    if (!m_record->problem().isEmpty()) return m_banner->tell(Banner::Kind::Warning, m_record->problem());
    if (m_record->ownedElsewhere())
        return m_banner->tell(Banner::Kind::Information,
                              tr("Another program works on this run: it is only looked at here."));
    // A run whose resumption was refused is what it was before, and says why it stays so.
    if (state == RunState::Failed || (m_record->resumable() && m_record->error())) {
        const Json error = m_record->error().value_or(Json::object());
        // What has a button is not said twice.
        auto sentence = error.empty() ? tr("The run failed.") : asSentence(errorSummary(error));
        const auto remedies = remediesOf(error);
        for (const auto& remedy : remedies)
            if (remedy.option.isEmpty()) sentence += QLatin1Char(' ') + asSentence(remedy.text);
        m_banner->tell(Banner::Kind::Failure, sentence);
        for (const auto& remedy : remedies)
            if (!remedy.option.isEmpty())
                m_banner->addButton(remedy.text, [this, remedy] {
                    if (m_record) m_workspace.draft({}, specWith(remedy.option, remedy.value));
                });
        if (m_record->resumable()) m_banner->addButton(from, resume);
        return;
    }
    if (state == RunState::Interrupted || state == RunState::Stopped) {
        const bool stopped = state == RunState::Stopped;
        const auto kept =
            step > 0 ? tr("Everything up to step %1 is kept.").arg(step) : tr("It had no checkpoint yet.");
        m_banner->tell(stopped ? Banner::Kind::Information : Banner::Kind::Warning,
                       (stopped                           ? tr("The run was stopped.")
                        : m_record->engineEnd().isEmpty() ? tr("The engine ended before the run did.")
                                                          : m_record->engineEnd()) +
                           QLatin1Char(' ') + kept);
        if (m_record->resumable()) m_banner->addButton(from, resume);
        return;
    }
    m_banner->clear();
}

Json LiveView::specWith(const QString& option, const QString& value) const {
    Json spec = m_record->spec();
    static const QStringList own{QStringLiteral("model"),    QStringLiteral("method"),
                                 QStringLiteral("pattern"),  QStringLiteral("dtype"),
                                 QStringLiteral("sparsity"), QStringLiteral("steps"),
                                 QStringLiteral("minutes")};
    bool number = false;
    const double real = value.toDouble(&number);
    if (!own.contains(option))
        spec["set"][option.toStdString()] = value.toStdString();
    else
        spec[option.toStdString()] = number ? Json(real) : Json(value.toStdString());
    return spec;
}

void LiveView::again() {
    if (m_record && m_record->spec().is_object()) m_workspace.draft({}, m_record->spec());
}

void LiveView::refreshLog() {
    if (!m_record) return;
    const auto& lines = m_record->log();
    m_logTitle->setText(m_logButton->isChecked() || lines.isEmpty() ? QString() : lines.last());
    if (!m_logButton->isChecked()) return;
    // Only what is behind the last line shown; all, where that is gone.
    auto from = m_lastLogLine.isEmpty() ? -1 : lines.lastIndexOf(m_lastLogLine);
    if (from < 0) m_log->clear();
    auto* bar = m_log->verticalScrollBar();
    const bool atEnd = bar->value() >= bar->maximum() - 2;
    for (auto i = from + 1; i < lines.size(); ++i) m_log->appendPlainText(lines[i]);
    m_lastLogLine = lines.isEmpty() ? QString() : lines.last();
    if (atEnd) bar->setValue(bar->maximum());
}

}  // namespace tessera::ui
