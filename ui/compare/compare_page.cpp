#include "ui/compare/compare_page.h"

#include <QAction>
#include <QApplication>
#include <QElapsedTimer>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QSplitter>
#include <QStackedLayout>
#include <QTabBar>
#include <QTabWidget>
#include <QTimer>
#include <QToolButton>
#include <algorithm>

#include "core/base/error.h"
#include "ui/client/libraries.h"
#include "ui/compare/curves_panel.h"
#include "ui/compare/difference_views.h"
#include "ui/compare/pareto_view.h"
#include "ui/compare/runs_table.h"
#include "ui/compare/tasks_view.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace {

constexpr int kSliceMs = 4;
constexpr int kWideColumns = 200;  ///< characters that two charts side by side need

}  // namespace

ComparePage::ComparePage(Workspace& workspace, QWidget* parent)
    : Page(workspace, parent),
      m_selection(QString::fromStdString(workspace.runs().folder().string())),
      m_model(m_selection) {
    m_pool.setMaxThreadCount(1);
    m_stack = new QStackedLayout(this);
    m_empty = new EmptyState(QStringLiteral("git-compare"), tr("Nothing to compare yet"), {}, this);
    m_empty->addButton(tr("Prune a model"), [this] { this->workspace().goTo(PageId::Home); });
    m_stack->addWidget(m_empty);

    auto* content = new QWidget(this);
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(kGap * 3, kGap * 2, kGap * 3, kGap * 2);
    column->setSpacing(kGap);
    column->addWidget(makeHead());
    m_notes = new Banner(content);
    column->addWidget(m_notes);

    m_table = new RunsTable(m_model, m_selection, content);
    m_curves = new CurvesPanel(m_model, m_selection, workspace.actions(), content);
    m_pareto = new ParetoView(m_model, m_selection, content);
    m_settings = new SettingsView(m_model, m_selection, content);
    m_densities = new DensityView(m_model, m_selection, content);
    m_tasks = new TasksView(m_model, m_selection, content);
    m_below = new QSplitter(Qt::Horizontal, content);
    m_below->setChildrenCollapsible(false);
    m_below->setHandleWidth(kGap * 2);
    const auto addCard = [this](const QString& name) {
        auto* card = new Card(m_below);
        auto* inside = new QVBoxLayout(card);
        inside->setContentsMargins(kGap * 2, kGap, kGap * 2, kGap * 2);
        auto* tabs = new QTabWidget(card);
        tabs->setDocumentMode(true);
        tabs->tabBar()->setDrawBase(false);
        tabs->setAccessibleName(name);
        inside->addWidget(tabs);
        m_below->addWidget(card);
        return tabs;
    };
    m_left = addCard(tr("Comparisons"));
    m_right = addCard(tr("More comparisons"));
    m_halves = new QSplitter(Qt::Vertical, content);
    m_halves->setChildrenCollapsible(false);
    m_halves->setHandleWidth(kGap * 2);
    m_halves->addWidget(m_table);
    m_halves->addWidget(m_below);
    m_halves->setStretchFactor(0, 0);
    m_halves->setStretchFactor(1, 1);
    connect(m_halves, &QSplitter::splitterMoved, this, [this] { m_splitByHand = true; });
    column->addWidget(m_halves, 1);
    m_stack->addWidget(content);
    makeActions();

    connect(m_filter, &QLineEdit::textChanged, this, [this](const QString& text) {
        m_table->filter().setWords(text);
        showState();
    });
    connect(m_table, &RunsTable::opened, this, [this](const QString& run) {
        this->workspace().open(run.toStdString());
        this->workspace().goTo(PageId::Run);
    });
    connect(&m_selection, &RunSelection::checkedChanged, this, [this] {
        showSettings();
        showState();
    });
    connect(&m_selection, &RunSelection::baselineChanged, this, &ComparePage::showState);
    connect(&m_selection, &RunSelection::full, this, [this] {
        m_count->setText(
            tr("%1 runs are drawn, more cannot be told apart: uncheck one first.").arg(RunSelection::kMost));
    });
    connect(m_table->selectionModel(), &QItemSelectionModel::currentChanged, this, &ComparePage::showState);
    connect(m_curves, &CurvesPanel::settingsRead, this, &ComparePage::showSettings);
    connect(&workspace.runs(), &RunLibrary::changed, this, &ComparePage::takeRuns);
    arrange();
    takeRuns();
    showState();
}

ComparePage::~ComparePage() {
    m_pool.waitForDone();
}

QWidget* ComparePage::makeHead() {
    auto* head = new QWidget(this);
    auto* column = new QVBoxLayout(head);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(kGap);
    auto* first = new QHBoxLayout;
    first->setSpacing(kGap);
    first->addWidget(heading(tr("Compare runs"), head));
    first->addStretch(1);
    m_filter = new QLineEdit(head);
    m_filter->setPlaceholderText(tr("Filter by name, model, method, status"));
    m_filter->setAccessibleName(tr("Filter the runs"));
    m_filter->setClearButtonEnabled(true);
    m_filter->addAction(themedIcon(QStringLiteral("search")), QLineEdit::LeadingPosition);
    m_filter->setMinimumWidth(fontMetrics().averageCharWidth() * 42);
    first->addWidget(m_filter);
    auto* copy = plainButton(tr("Copy table"), QStringLiteral("copy"), head);
    copy->setToolTip(tr("Copies the rows that are shown, with tabs between the columns"));
    connect(copy, &QPushButton::clicked, this, [this] {
        m_table->copy(true);
        m_count->setText(tr("The table is on the clipboard."));
    });
    first->addWidget(copy);
    column->addLayout(first);

    auto* second = new QHBoxLayout;
    second->setSpacing(kGap);
    second->addWidget(picture(QStringLiteral("pin"), 1, &ThemeTokens::accent, head));
    m_baseline = new QLabel(head);
    second->addWidget(m_baseline);
    m_pin = new QToolButton(head);
    m_pin->setAccessibleName(tr("Pin the selected run"));
    connect(m_pin, &QToolButton::clicked, this, [this] {
        if (!m_selection.baseline().isEmpty())
            m_selection.setBaseline({});
        else
            m_table->togglePinned();
    });
    second->addWidget(m_pin);
    m_again = new QToolButton(head);
    m_again->setText(tr("Prune again with other settings"));
    m_again->setAccessibleName(m_again->text());
    connect(m_again, &QToolButton::clicked, this, [this] {
        if (m_model.runs().empty()) return;
        const auto* run = m_model.find(m_table->currentRun());
        const auto& spec = (run ? *run : m_model.facts(0)).spec;
        if (spec.is_object() && spec.contains("model") && spec["model"].is_string())
            this->workspace().chooseModel(QString::fromStdString(spec["model"].get<std::string>()));
        this->workspace().goTo(PageId::Run);
    });
    second->addWidget(m_again);
    second->addStretch(1);
    m_count = muted({}, head);
    m_count->setWordWrap(false);
    second->addWidget(m_count);
    column->addLayout(second);
    return head;
}

void ComparePage::makeActions() {
    auto& actions = workspace().actions();
    const auto add = [&](const char* id, const QString& text, const char* shortcut, const char* icon,
                         auto&& act) {
        auto* action = actions.add(QLatin1String(id), tr("Compare"), text,
                                   QKeySequence(QString::fromLatin1(shortcut)), QLatin1String(icon));
        connect(action, &QAction::triggered, this, act);
        action->setEnabled(false);
        m_actions << action;
    };
    add("compare.pin", tr("Pin the run as baseline, or unpin it"), "B", "pin",
        [this] { m_table->togglePinned(); });
    add("compare.filter", tr("Filter the runs"), "Ctrl+F", "search", [this] {
        m_filter->setFocus(Qt::ShortcutFocusReason);
        m_filter->selectAll();
    });
    add("compare.copy", tr("Copy the table of runs"), "Ctrl+Shift+C", "copy",
        [this] { m_table->copy(true); });
}

QWidget* ComparePage::firstFocus() {
    if (m_model.runs().empty()) return m_empty;
    if (!m_table->currentIndex().isValid())
        m_table->setCurrentIndex(m_table->model()->index(0, RunsModel::Name));
    return m_table;
}

bool ComparePage::settled() const {
    return workspace().runs().loaded() && !m_taking && !m_reading && m_curves->settled();
}

void ComparePage::takeRuns() {
    m_taken.clear();
    m_next = 0;
    if (!m_taking) {
        m_taking = true;
        takeSlice();
    }
}

void ComparePage::takeSlice() {
    const auto& runs = workspace().runs().runs();
    QElapsedTimer watch;
    watch.start();
    for (; m_next < runs.size(); ++m_next) {
        if (watch.elapsed() >= kSliceMs) {
            QTimer::singleShot(0, this, &ComparePage::takeSlice);
            return;
        }
        const auto& entry = runs[m_next];
        // What has not changed since is not taken apart again.
        const auto id = QString::fromStdString(entry.summary.path.string());
        const auto& known = m_model.runs();
        const auto found =
            std::find_if(known.begin(), known.end(), [&](const auto& run) { return run->id == id; });
        if (found != known.end() && (*found)->modified == entry.modified &&
            ((*found)->status == QString::fromStdString(entry.summary.status)))
            m_taken.push_back(*found);
        else
            m_taken.push_back(std::make_shared<const ComparedRun>(comparedRun(entry)));
    }
    m_taking = false;
    QStringList ids, finished;
    for (const auto& run : m_taken) {
        ids << run->id;
        if (run->status == QLatin1String("finished")) finished << run->id;
    }
    const auto before = m_model.rowCount();
    m_model.setRuns(std::exchange(m_taken, {}));
    if (m_model.rowCount() != before)
        QMetaObject::invokeMethod(this, &ComparePage::split, Qt::QueuedConnection);
    if (workspace().runs().loaded()) m_selection.setKnown(ids, finished);
    m_curves->runsChanged();
    m_densities->runsChanged();
    showSettings();
    showState();
    readMeasurements();
}

void ComparePage::readMeasurements() {
    if (m_reading) {
        m_readAgain = true;
        return;
    }
    QStringList ids;
    for (const auto& run : m_model.runs()) ids << run->id;
    m_reading = true;
    m_readAgain = false;
    m_pool.start([this, ids] {
        std::map<QString, SpeedMeasurement> speeds;
        std::map<QString, TaskMeasurement> tasks;
        // Of a damaged one the Benchmark page says so.
        for (const auto& id : ids) {
            const auto run = std::filesystem::path(id.toStdString());
            if (auto found = newestMeasurement(run, "bench", readSpeed))
                speeds.emplace(id, std::move(*found));
            if (auto found = newestMeasurement(run, "tasks", readTaskMeasurement))
                tasks.emplace(id, std::move(*found));
        }
        // The pool is waited for before this object goes.
        QMetaObject::invokeMethod(
            this,
            [this, speeds = std::move(speeds), tasks = std::move(tasks)]() mutable {
                m_reading = false;
                m_pareto->setSpeeds(std::move(speeds));
                m_tasks->setMeasurements(std::move(tasks));
                if (m_readAgain) readMeasurements();
            },
            Qt::QueuedConnection);
    });
}

void ComparePage::showSettings() {
    QStringList runs;
    std::vector<RunSettings> settings;
    for (const auto& id : m_selection.checked()) {
        const auto* run = m_model.find(id);
        if (!run) continue;
        runs << id;
        const auto* record = m_curves->record(id);
        settings.push_back({run->spec, record ? record->options() : Json(), run->machine});
    }
    m_settings->show(runs, settings);
}

void ComparePage::showState() {
    const auto& library = workspace().runs();
    const bool any = !m_model.runs().empty();
    if (const int index = any ? 1 : 0; index != m_stack->currentIndex()) {
        const auto* focus = QApplication::focusWidget();
        const bool ours = isVisible() && (!focus || isAncestorOf(focus));
        m_stack->setCurrentIndex(index);
        // What had the keyboard is out of sight.
        if (ours) firstFocus()->setFocus();
    }
    if (!any) {
        if (!library.loaded())
            m_empty->setText(tr("Looking for runs"), QString::fromStdString(library.folder().string()));
        else if (!library.problem().isEmpty())
            m_empty->setText(tr("The runs cannot be read"), library.problem());
        else
            m_empty->setText(
                tr("Nothing to compare yet"),
                tr("Every run stands here beside the others: sparsity and perplexity held against "
                   "the dense model, their curves over each other, and what was set differently."));
        return;
    }
    const auto* pinned = m_model.baseline();
    m_baseline->setText(pinned ? tr("Baseline: %1")
                                     .arg(fontMetrics().elidedText(pinned->name, Qt::ElideMiddle,
                                                                   fontMetrics().averageCharWidth() * 32))
                               : tr("Baseline: the dense model of each run"));
    m_baseline->setToolTip(pinned ? pinned->id : QString());
    m_pin->setText(pinned ? tr("Use the dense model") : tr("Pin the selected run"));
    m_pin->setAccessibleName(m_pin->text());
    m_pin->setEnabled(pinned || !m_table->currentRun().isEmpty());
    m_again->setVisible(m_model.runs().size() == 1);
    const int shown = m_table->model()->rowCount();
    const auto drawn = m_selection.checked().size();
    m_count->setText(
        shown == m_model.rowCount()
            ? tr("%1 of %2 drawn").arg(drawn).arg(m_model.rowCount())
            : tr("%1 of %2 match the filter, %3 drawn").arg(shown).arg(m_model.rowCount()).arg(drawn));

    std::vector<const ComparedRun*> runs;
    for (const auto& id : m_selection.checked())
        if (const auto* run = m_model.find(id)) runs.push_back(run);
    const auto notes = comparabilityNotes(runs, pinned);
    if (notes.isEmpty())
        m_notes->clear();
    else
        m_notes->tell(Banner::Kind::Warning, notes.join(QLatin1Char(' ')));
}

void ComparePage::arrange() {
    // Charts side by side where there is room, else behind each other.
    const bool wide = width() > fontMetrics().averageCharWidth() * kWideColumns;
    if (m_arranged && wide == m_wide) return;
    m_arranged = true;
    m_wide = wide;
    auto* second = wide ? m_right : m_left;
    const auto place = [](QTabWidget* tabs, QWidget* widget, const QString& name) {
        tabs->addTab(widget, name);
    };
    const auto* shown = m_left->currentWidget();
    m_left->clear();
    m_right->clear();
    place(m_left, m_curves, tr("Loss and sparsity"));
    place(second, m_pareto, tr("Quality against cost"));
    place(m_left, m_settings, tr("Settings that differ"));
    place(second, m_densities, tr("Where weights are kept"));
    place(second, m_tasks, tr("Accuracy on tasks"));
    m_right->parentWidget()->setVisible(wide);
    if (const int at = m_left->indexOf(const_cast<QWidget*>(shown)); at >= 0) m_left->setCurrentIndex(at);
}

void ComparePage::split() {
    if (m_splitByHand || m_halves->height() < 1) return;
    // The charts have the first claim on room; of a long list of runs a part is seen.
    const int all = m_halves->height() - m_halves->handleWidth();
    const int table = std::clamp(m_table->heightOfAll(), all / 5, std::max(all / 5, all * 2 / 5));
    m_halves->setSizes({table, all - table});
}

void ComparePage::showEvent(QShowEvent* event) {
    Page::showEvent(event);
    for (auto* action : m_actions) action->setEnabled(true);
    // Measured meanwhile: they change no file that the library looks at.
    if (!m_model.runs().empty()) readMeasurements();
}

void ComparePage::hideEvent(QHideEvent* event) {
    Page::hideEvent(event);
    for (auto* action : m_actions) action->setEnabled(false);
}

void ComparePage::resizeEvent(QResizeEvent* event) {
    Page::resizeEvent(event);
    arrange();
    QMetaObject::invokeMethod(this, &ComparePage::split, Qt::QueuedConnection);
}

}  // namespace tessera::ui
