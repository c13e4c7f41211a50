#include "ui/benchmark/benchmark_page.h"

#include <QAction>
#include <QComboBox>
#include <QFileInfo>
#include <QGridLayout>
#include <QLabel>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QStackedLayout>
#include <QVBoxLayout>
#include <cmath>

#include "core/base/system_info.h"
#include "ui/benchmark/accuracy_card.h"
#include "ui/benchmark/result_cards.h"
#include "ui/benchmark/speed_tables.h"
#include "ui/benchmark/task_row.h"
#include "ui/benchmark/verdict.h"
#include "ui/client/engine_client.h"
#include "ui/client/run_record.h"
#include "ui/client/sentences.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace {

constexpr int kWideColumns = 130;  ///< characters that three cards side by side need

bool goingOn(RunState state) {
    switch (state) {
        case RunState::Starting:
        case RunState::Running:
        case RunState::Pausing:
        case RunState::Paused:
        case RunState::Stopping:
            return true;
        default:
            return false;
    }
}

/// What the engine measures is the processor; a card in the machine is not measured either, and that is said.
QString gpuSentence() {
    return QFileInfo::exists(QStringLiteral("/proc/driver/nvidia/version"))
               ? QObject::tr(
                     "All figures are of the processor: the speed of 2:4 on the GPU is not measured here.")
               : QObject::tr(
                     "All figures are of the processor. There is no NVIDIA GPU here, so the speed of 2:4 on "
                     "GPUs "
                     "is not measured.");
}

QString whereText(const SpeedMeasurement& speed) {
    QStringList parts;
    if (const auto time = localTimeText(speed.time); !time.isEmpty()) parts << time;
    if (!speed.cpu.empty()) parts << QString::fromStdString(speed.cpu);
    std::vector<int> threads;
    for (const auto& decode : speed.decode) threads.push_back(decode.threads);
    if (threads.empty())
        for (const auto& row : speed.sparse)
            if (std::find(threads.begin(), threads.end(), row.threads) == threads.end())
                threads.push_back(row.threads);
    QStringList counts;
    for (const int count : threads) counts << QString::number(count);
    if (!counts.isEmpty())
        parts << (counts == QStringList{QStringLiteral("1")}
                      ? QObject::tr("1 thread")
                      : QObject::tr("%1 threads").arg(counts.join(QObject::tr(" and "))));
    return parts.join(QStringLiteral(" · "));
}

}  // namespace

BenchmarkPage::BenchmarkPage(Workspace& workspace, QWidget* parent) : Page(workspace, parent) {
    m_stack = new QStackedLayout(this);
    m_empty = new EmptyState(QStringLiteral("gauge"), {}, {}, this);
    m_empty->addButton(tr("Go to the runs"), [this] { this->workspace().goTo(PageId::Home); });
    m_stack->addWidget(m_empty);

    m_scroll = new QScrollArea(this);
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setFocusPolicy(Qt::NoFocus);
    auto* content = new QWidget(m_scroll);
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(kGap * 3, kGap * 2, kGap * 3, kGap * 3);
    column->setSpacing(kGap * 2);
    m_title = heading({}, content);
    column->addWidget(m_title);
    m_banner = new Banner(content);
    column->addWidget(m_banner);
    column->addWidget(makeVerdict());
    column->addWidget(makeSpeed());
    m_cards = new QGridLayout;
    m_cards->setSpacing(kGap * 2);
    m_report = new ReportCard(content);
    m_export = new ExportCard(content);
    m_quality = new QualityCard(content);
    column->addLayout(m_cards);
    m_accuracy = new AccuracyCard(content);
    column->addWidget(m_accuracy);
    column->addStretch();
    m_scroll->setWidget(content);
    m_stack->addWidget(m_scroll);
    makeActions();

    connect(&workspace, &Workspace::currentChanged, this, &BenchmarkPage::runChanged);
    connect(&workspace.engine(), &EngineClient::busyChanged, this, [this] {
        if (m_task->waiting() && !this->workspace().engine().busy()) startMeasuring();
    });
    connect(&m_reader, &MeasurementReader::ready, this, [this](const Measurements& found) {
        m_found = found;
        showMeasurements();
    });
    connect(m_task, &TaskRow::busyChanged, this, [this] {
        m_measure->setEnabled(!m_task->busy());
        m_measureAction->setEnabled(m_finished && !m_task->busy());
    });
    connect(m_task, &TaskRow::done, this, [this] {
        if (!m_run) return;
        m_run->reloadMeasurements();
        m_reader.read(m_run->path());
    });
    for (auto* card : {static_cast<QWidget*>(m_report), static_cast<QWidget*>(m_quality)})
        card->setParent(content);
    const auto again = [this] {
        if (m_run) m_reader.read(m_run->path());
    };
    connect(m_report, &ReportCard::made, this, again);
    connect(m_quality, &QualityCard::measured, this, again);
    connect(m_accuracy, &AccuracyCard::measured, this, again);
    arrange();
    runChanged();
}

BenchmarkPage::~BenchmarkPage() = default;

QWidget* BenchmarkPage::makeVerdict() {
    auto* card = new Card(this);
    auto* column = new QVBoxLayout(card);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap * 2);
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap * 2);
    m_sign = new QLabel(card);
    row->addWidget(m_sign, 0, Qt::AlignTop);
    m_verdict = body({}, card);
    auto font = m_verdict->font();
    font.setPointSizeF(font.pointSizeF() * 1.2);
    font.setWeight(QFont::Medium);
    m_verdict->setFont(font);
    m_verdict->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_verdict->setFocusPolicy(Qt::NoFocus);
    m_verdict->setAccessibleName(tr("Verdict"));
    row->addWidget(m_verdict, 1);
    column->addLayout(row);
    auto* figures = new QHBoxLayout;
    figures->setSpacing(kGap * 4);
    m_speed = new KeyFigure(tr("Decoding, sparse over dense"), card);
    m_tokens = new KeyFigure(tr("Tokens a second"), card);
    m_limit = new KeyFigure(tr("Limit"), card);
    m_perplexity = new KeyFigure(tr("Perplexity"), card);
    m_sparsity = new KeyFigure(tr("Sparsity"), card);
    for (auto* figure : {m_speed, m_tokens, m_limit, m_perplexity, m_sparsity}) figures->addWidget(figure);
    figures->addStretch();
    column->addLayout(figures);
    return card;
}

QWidget* BenchmarkPage::makeSpeed() {
    m_speedCard = new Card(this);
    auto* column = new QVBoxLayout(m_speedCard);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap);
    auto* head = new QHBoxLayout;
    head->setSpacing(kGap);
    head->addWidget(subheading(tr("Speed"), m_speedCard));
    m_choice = new QComboBox(m_speedCard);
    m_choice->setAccessibleName(tr("Which measurement"));
    m_choice->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_where = muted({}, m_speedCard);
    m_where->setWordWrap(false);
    head->addSpacing(kGap);
    head->addWidget(m_choice);
    head->addWidget(m_where);
    head->addStretch(1);
    m_threads = new QComboBox(m_speedCard);
    m_threads->setAccessibleName(tr("Threads to measure with"));
    const int cores = systemInfo().cores;
    m_threads->addItem(cores == 1 ? tr("1 thread") : tr("All threads (%1)").arg(cores), QVariantList{});
    if (cores > 1) {
        QVariantList all{1};
        m_threads->addItem(tr("1 thread"), all);
        for (int count = 2; count < cores; count *= 2) {
            m_threads->addItem(tr("%1 threads").arg(count), QVariantList{count});
            all << count;
        }
        all << cores;
        QStringList words;
        for (const auto& count : all) words << count.toString();
        const auto last = words.takeLast();
        m_threads->addItem(tr("%1 and %2 threads").arg(words.join(QStringLiteral(", ")), last), all);
    }
    head->addWidget(m_threads);
    m_measure = primaryButton(tr("Measure speed"), m_speedCard);
    connect(m_measure, &QPushButton::clicked, this, &BenchmarkPage::measure);
    head->addWidget(m_measure);
    column->addLayout(head);
    m_task = new TaskRow(m_speedCard);
    column->addWidget(m_task);
    m_problems = new Banner(m_speedCard);
    column->addWidget(m_problems);

    m_unmeasured = new QWidget(m_speedCard);
    auto* empty = new QVBoxLayout(m_unmeasured);
    empty->setContentsMargins(0, 0, 0, 0);
    empty->addWidget(
        muted(tr("Times every matrix shape of the model with dense and sparse kernels, LibTorch beside them, "
                 "and decoding with the whole model. Takes from half a minute to a few minutes; the machine "
                 "should be doing nothing else."),
              m_unmeasured));
    column->addWidget(m_unmeasured);

    m_measured = new QWidget(m_speedCard);
    auto* tables = new QVBoxLayout(m_measured);
    tables->setContentsMargins(0, 0, 0, 0);
    tables->setSpacing(kGap);
    m_decodeRows = new DecodeModel(this);
    m_speedRows = new SpeedModel(this);
    m_decodeTable = new WholeTable(m_decodeRows, tr("Decoding with the whole model"), m_measured);
    m_speedTable = new WholeTable(m_speedRows, tr("Speed of each matrix shape"), m_measured);
    tables->addWidget(muted(tr("Decoding with the whole model"), m_measured));
    tables->addWidget(m_decodeTable);
    tables->addSpacing(kGap / 2);
    tables->addWidget(muted(tr("One product with each matrix shape"), m_measured));
    tables->addWidget(m_speedTable);
    column->addWidget(m_measured);
    m_gpu = muted(gpuSentence(), m_speedCard);
    column->addWidget(m_gpu);
    connect(m_choice, &QComboBox::currentIndexChanged, this, &BenchmarkPage::chosen);
    return m_speedCard;
}

void BenchmarkPage::makeActions() {
    auto& actions = workspace().actions();
    const auto add = [&](const char* id, const QString& text, const char* keys, const char* icon,
                         auto&& act) {
        auto* action = actions.add(QLatin1String(id), tr("Results"), text, QKeySequence(QLatin1String(keys)),
                                   QLatin1String(icon));
        action->setEnabled(false);
        connect(action, &QAction::triggered, this, [this, act] {
            workspace().goTo(PageId::Benchmark);
            act();
        });
        return action;
    };
    m_measureAction = add("benchmark.measure", tr("Measure the speed of this run"), "Ctrl+B", "gauge",
                          [this] { measure(); });
    m_htmlAction = add("report.html", tr("Make the HTML report"), "Ctrl+Shift+E", "file-report",
                       [this] { m_report->make(false); });
    m_pdfAction = add("report.pdf", tr("Make the PDF report"), "Ctrl+Shift+F", "file-text",
                      [this] { m_report->make(true); });
    m_exportAction = add("model.export", tr("Export the pruned model"), "Ctrl+Shift+X", "file-export",
                         [this] { m_export->make(); });
    m_accuracyAction = add("benchmark.accuracy", tr("Measure accuracy on the chosen tasks"), "Ctrl+Shift+A",
                           "circle-check", [this] { m_accuracy->measure(); });
}

bool BenchmarkPage::settled() const {
    return !m_run || !m_run->problem().isEmpty() || (m_run->caughtUp() && !m_reader.reading());
}

QWidget* BenchmarkPage::firstFocus() {
    if (m_stack->currentIndex() == 0) return m_empty;
    return m_speedCard->isVisibleTo(this) ? static_cast<QWidget*>(m_measure) : m_report;
}

void BenchmarkPage::runChanged() {
    if (m_run) m_run->disconnect(this);
    m_run = workspace().current();
    m_found = {};
    if (m_run) {
        connect(m_run, &RunRecord::changed, this, [this](bool structure) {
            if (structure)
                showRun();
            else if (m_run && goingOn(m_run->state()))
                showState(*m_run);
        });
        m_reader.read(m_run->path());
    }
    showMeasurements();
    showRun();
}

void BenchmarkPage::showRun() {
    const bool finished = m_run && m_run->state() == RunState::Finished && m_run->problem().isEmpty();
    const bool became = finished && !m_finished;
    m_finished = finished;
    const bool any = m_run && !m_run->path().empty() && m_run->problem().isEmpty();
    m_measureAction->setEnabled(finished && !m_task->busy());
    m_exportAction->setEnabled(finished);
    m_accuracyAction->setEnabled(finished);
    m_htmlAction->setEnabled(any);
    m_pdfAction->setEnabled(any);
    m_stack->setCurrentIndex(any ? 1 : 0);
    if (!any) {
        if (!m_run)
            m_empty->setText(
                tr("No run is open"),
                tr("Open a finished run to see what it is worth: its verdict in a sentence, its measured "
                   "speed, its report, and the model for other programs."));
        else if (!m_run->problem().isEmpty())
            m_empty->setText(tr("This run cannot be read"), m_run->problem());
        else
            m_empty->setText(tr("The run is starting"), tr("Its results will be here when it has finished."));
        return;
    }
    // The engine writes its report at the very end.
    if (became) m_reader.read(m_run->path());
    m_title->setText(fontMetrics().elidedText(tr("%1: benchmark and report").arg(m_run->name()),
                                              Qt::ElideMiddle, fontMetrics().averageCharWidth() * 90));
    CardRun card{m_run->path(), m_run->name(), textAt(m_run->spec(), "dtype"), 0, 0};
    if (const auto& result = m_run->result();
        result && result->is_object() && result->contains("perplexity")) {
        card.window = std::int64_t(numberAt((*result)["perplexity"], "window"));
        card.windows = std::int64_t(numberAt((*result)["perplexity"], "windows"));
    }
    m_report->setRun(card, finished);
    m_export->setRun(card);
    m_quality->setRun(card);
    m_accuracy->setRun(card);
    m_accuracy->setVisible(finished);
    m_speedCard->setVisible(finished);
    m_export->setVisible(finished);
    m_quality->setVisible(finished);
    showState(*m_run);
    showVerdict();
    arrange();
}

void BenchmarkPage::showState(const RunRecord& run) {
    const auto unit = run.unit() == QLatin1String("step") ? tr("step") : run.unit();
    const auto progress = run.unitsInAll() > 0 && !unit.isEmpty()
                              ? tr(", %1 %2 of %3").arg(unit).arg(run.unitDone()).arg(run.unitsInAll())
                              : QString();
    switch (run.state()) {
        case RunState::Finished:
        case RunState::None:
            m_banner->clear();
            break;
        case RunState::Paused:
            m_banner->tell(
                Banner::Kind::Information,
                tr("This run is paused%1. Its speed can be measured when it has finished.").arg(progress));
            break;
        case RunState::Stopped:
        case RunState::Failed:
        case RunState::Interrupted:
            m_banner->tell(Banner::Kind::Warning,
                           tr("This run has not finished (%1): there is no mask to measure or export yet.")
                               .arg(runStateText(run.state()).toLower()));
            if (run.resumable())
                m_banner->addButton(tr("Resume"), [this, path = run.path()] { workspace().resume(path); });
            break;
        default:
            m_banner->tell(Banner::Kind::Information,
                           tr("This run is still going on%1. Its speed can be measured when it has finished.")
                               .arg(progress));
    }
}

void BenchmarkPage::showVerdict() {
    if (!m_run) return;
    VerdictFacts facts;
    facts.method = methodTitle(m_run->method());
    if (const auto& result = m_run->result(); result && result->is_object()) {
        if (result->contains("sparsity"))
            facts.sparsity = numberAt((*result)["sparsity"], "achieved", VerdictFacts::kNone);
        if (result->contains("perplexity")) {
            facts.densePerplexity = numberAt((*result)["perplexity"], "dense", VerdictFacts::kNone);
            facts.prunedPerplexity = numberAt((*result)["perplexity"], "pruned", VerdictFacts::kNone);
        }
    }
    const int chosenOne = m_choice->currentIndex();
    const SpeedMeasurement* speed = nullptr;
    if (m_finished && !m_found.speed.empty())
        speed =
            &m_found
                 .speed[chosenOne >= 0 && chosenOne < int(m_found.speed.size()) ? std::size_t(chosenOne) : 0];
    facts.speed = speed;
    const auto gain = speed ? verdictGain(*speed) : Gain::Unknown;
    auto verdict = m_finished ? verdictText(facts)
                              : tr("%1 on %2, target %3: no result yet.")
                                    .arg(facts.method, m_run->model().section(QLatin1Char('/'), -1),
                                         percentText(m_run->targetSparsity(), 0));
    // No line ends between a number and its sign.
    verdict.replace(QLatin1String(" %"), QStringLiteral("\u00a0%"));
    m_verdict->setText(verdict);
    const int side = int(m_verdict->fontMetrics().height() * 1.4);
    const auto icon = gain == Gain::Gain ? themedIcon(QStringLiteral("circle-check"), &ThemeTokens::good)
                      : gain == Gain::Loss
                          ? themedIcon(QStringLiteral("alert-triangle"), &ThemeTokens::warning)
                      : gain == Gain::None ? themedIcon(QStringLiteral("minus"), &ThemeTokens::warning)
                                           : themedIcon(QStringLiteral("gauge"), &ThemeTokens::textMuted);
    m_sign->setPixmap(icon.pixmap(side, side));

    const auto* decode = speed ? fastest(*speed) : nullptr;
    for (auto* figure : {m_speed, m_tokens, m_limit}) figure->setVisible(decode);
    if (decode) {
        const auto word = gainWord(decode->speedup, decode->low, decode->high);
        m_speed->setValue(
            word.isEmpty() ? ratioText(decode->speedup) : tr("%1 %2").arg(ratioText(decode->speedup), word),
            std::isfinite(decode->low)
                ? tr("95 %: %1 to %2").arg(ratioText(decode->low), ratioText(decode->high))
                : QString());
        m_tokens->setValue(
            numberText(decode->sparseTokens, 3),
            tr("dense %1, %2")
                .arg(numberText(decode->denseTokens, 3),
                     decode->threads == 1 ? tr("1 thread") : tr("%1 threads").arg(decode->threads)));
        m_limit->setValue(ratioText(decode->limit), tr("by the bytes read"));
    }
    m_perplexity->setVisible(std::isfinite(facts.prunedPerplexity));
    m_perplexity->setValue(numberText(facts.prunedPerplexity),
                           tr("dense %1, %2")
                               .arg(numberText(facts.densePerplexity),
                                    changeText(facts.densePerplexity, facts.prunedPerplexity)));
    m_sparsity->setVisible(std::isfinite(facts.sparsity));
    m_sparsity->setValue(percentText(facts.sparsity),
                         tr("target %1").arg(percentText(m_run->targetSparsity(), 0)));
}

void BenchmarkPage::showMeasurements() {
    {
        const QSignalBlocker quiet(m_choice);
        m_choice->clear();
        for (const auto& speed : m_found.speed) m_choice->addItem(whereText(speed));
        m_choice->setCurrentIndex(m_found.speed.empty() ? -1 : 0);
    }
    const bool any = !m_found.speed.empty(), many = m_found.speed.size() > 1;
    m_choice->setVisible(many);
    m_where->setVisible(any && !many);
    m_where->setText(any ? whereText(m_found.speed.front()) : QString());
    m_measured->setVisible(any);
    m_unmeasured->setVisible(!any);
    if (m_found.problems.isEmpty())
        m_problems->clear();
    else
        m_problems->tell(Banner::Kind::Warning, m_found.problems.mid(0, 3).join(QLatin1Char(' ')));
    m_report->setFound(m_found);
    m_quality->setFound(m_found);
    m_accuracy->setFound(m_found);
    chosen();
}

void BenchmarkPage::chosen() {
    const int index = m_choice->currentIndex();
    if (m_run && index >= 0 && index < int(m_found.speed.size())) {
        const auto& speed = m_found.speed[std::size_t(index)];
        m_decodeRows->set(speed.decode);
        m_speedRows->set(speed, textAt(m_run->spec(), "pattern"), m_run->result().value_or(Json()));
    }
    showVerdict();
}

QStringList BenchmarkPage::threadArguments() const {
    QStringList arguments;
    for (const auto& count : m_threads->currentData().toList())
        arguments << QStringLiteral("--threads") << count.toString();
    return arguments;
}

void BenchmarkPage::measure() {
    if (!m_run || !m_finished || m_task->running()) return;
    m_toMeasure = m_run->path();
    m_arguments = QStringList{QStringLiteral("bench"), QStringLiteral("model"),
                              QString::fromStdString(m_toMeasure.string())} +
                  threadArguments();
    if (workspace().engine().busy()) {
        // Two at a time would measure each other.
        m_task->wait(tr("%1 waits until the engine is free: beside other work the numbers would be wrong.")
                         .arg(m_run->name()));
        return;
    }
    startMeasuring();
}

void BenchmarkPage::startMeasuring() {
    m_task->run(tr("Measuring %1").arg(QString::fromStdString(m_toMeasure.filename().string())), m_arguments);
}

void BenchmarkPage::showEvent(QShowEvent* event) {
    Page::showEvent(event);
    m_accuracy->lookOnce();
    if (m_run) m_reader.read(m_run->path());
}

void BenchmarkPage::resizeEvent(QResizeEvent* event) {
    Page::resizeEvent(event);
    arrange();
}

void BenchmarkPage::arrange() {
    const int columns = width() > fontMetrics().averageCharWidth() * kWideColumns ? 3 : 2;
    QList<QWidget*> cards{m_report};
    if (m_finished) cards << m_export << m_quality;
    if (columns == m_columns && m_cards->count() == cards.size()) return;
    m_columns = columns;
    while (m_cards->count() > 0) delete m_cards->takeAt(0);
    for (int i = 0; i < 3; ++i) m_cards->setColumnStretch(i, i < columns ? 1 : 0);
    for (int i = 0; i < cards.size(); ++i) m_cards->addWidget(cards[i], i / columns, i % columns);
}

}  // namespace tessera::ui
