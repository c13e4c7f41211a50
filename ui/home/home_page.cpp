#include "ui/home/home_page.h"

#include <QAction>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QMimeData>
#include <QScrollArea>
#include <QStackedWidget>
#include <QUrl>
#include <QVBoxLayout>

#include "core/session/run_directory.h"
#include "ui/client/libraries.h"
#include "ui/client/sentences.h"
#include "ui/home/model_card.h"
#include "ui/home/model_cards.h"
#include "ui/home/recent_runs_table.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

HomePage::HomePage(Workspace& workspace, QWidget* parent) : Page(workspace, parent) {
    setAcceptDrops(true);
    auto* content = new QWidget;
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(kGap * 3, kGap * 2, kGap * 3, kGap * 2);
    column->setSpacing(kGap * 3);
    column->addWidget(makeModels());
    column->addWidget(makeRuns(), 1);

    auto* scroll = new QScrollArea(this);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setAccessibleName(tr("Home"));
    scroll->setWidget(content);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(scroll);

    makeActions();
    connect(m_cards, &ModelCards::chosenChanged, this, &HomePage::updatePrimary);
    connect(m_cards, &ModelCards::entered, this, &HomePage::goOn);
    connect(m_primary, &QPushButton::clicked, this, &HomePage::goOn);
    connect(&workspace, &Workspace::chosenModelChanged, this,
            [this] { m_cards->choose(this->workspace().chosenModel()); });
    connect(&workspace.runs(), &RunLibrary::changed, this, &HomePage::updateRuns);
    m_cards->choose(workspace.chosenModel());
    updatePrimary();
    updateRuns();
}

QWidget* HomePage::makeModels() {
    auto* part = new QWidget(this);
    auto* column = new QVBoxLayout(part);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(kGap * 3 / 2);
    auto* words = new QVBoxLayout;
    words->setSpacing(2);
    words->addWidget(heading(tr("Models"), part));
    m_hint = muted({}, part);
    words->addWidget(m_hint);
    auto* open = plainButton(tr("Open folder or GGUF..."), QStringLiteral("folder-open"), part);
    open->setObjectName(QStringLiteral("openModel"));
    open->setToolTip(tr("A Hugging Face folder or a .gguf file; both can be dropped here, too"));
    open->setStyleSheet(
        QStringLiteral("QPushButton { padding-right: 30px; } QPushButton::menu-indicator { image: "
                       "url(:/icons/control-down.svg); width: 14px; height: 14px; "
                       "subcontrol-origin: padding; subcontrol-position: right center; right: 10px; }"));
    auto* menu = new QMenu(open);
    open->setMenu(menu);
    m_more = plainButton({}, {}, part);
    m_more->setObjectName(QStringLiteral("moreModels"));
    m_more->setToolTip(tr("Models that can be got over the network, besides those that are here"));
    m_primary = primaryButton({}, part);
    m_primary->setObjectName(QStringLiteral("primary"));
    auto* head = new QHBoxLayout;
    head->setSpacing(kGap * 3 / 2);
    head->addLayout(words, 1);
    head->addWidget(m_more, 0, Qt::AlignVCenter);
    head->addWidget(open, 0, Qt::AlignVCenter);
    head->addWidget(m_primary, 0, Qt::AlignVCenter);
    m_banner = new Banner(part);
    m_cards = new ModelCards(workspace().models(), part);
    column->addLayout(head);
    column->addWidget(m_banner);
    column->addWidget(m_cards);
    // The keyboard begins where the way begins, though the eye reads from the left.
    setTabOrder(m_primary, open);
    setTabOrder(open, m_more);
    connect(m_more, &QPushButton::clicked, this, [this] { m_cards->showAll(!m_cards->showsAll()); });
    return part;
}

QWidget* HomePage::makeRuns() {
    auto* part = new QWidget(this);
    auto* column = new QVBoxLayout(part);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(kGap * 3 / 2);
    auto* words = new QVBoxLayout;
    words->setSpacing(2);
    words->addWidget(heading(tr("Recent runs"), part));
    m_runsNote = muted({}, part);
    words->addWidget(m_runsNote);
    m_all = plainButton(tr("All runs"), QStringLiteral("git-compare"), part);
    m_all->setToolTip(tr("Every run, side by side, on the Compare page"));
    connect(m_all, &QPushButton::clicked, this, [this] { workspace().goTo(PageId::Compare); });
    auto* head = new QHBoxLayout;
    head->setSpacing(kGap * 3 / 2);
    head->addLayout(words, 1);
    head->addWidget(m_all, 0, Qt::AlignVCenter);
    if (auto* action = workspace().actions().action(QStringLiteral("file.open"))) {
        auto* open = plainButton(tr("Open run folder..."), QStringLiteral("folder-open"), part);
        open->setToolTip(action->toolTip());
        connect(open, &QPushButton::clicked, action, &QAction::trigger);
        head->addWidget(open, 0, Qt::AlignVCenter);
    }
    m_recent = new RecentRuns(workspace().runs(), this);
    m_runs = new RecentRunsTable(*m_recent, part);
    m_noRuns = new EmptyState(QStringLiteral("chart-line"), {}, {}, part);
    auto* empty = new Card(part);
    auto* inside = new QVBoxLayout(empty);
    inside->setContentsMargins(0, 0, 0, 0);
    inside->addWidget(m_noRuns);
    m_runsStack = new QStackedWidget(part);
    m_runsStack->addWidget(empty);
    m_runsStack->addWidget(m_runs);
    column->addLayout(head);
    column->addWidget(m_runsStack, 1);

    connect(m_runs, &RecentRunsTable::opened, this, &HomePage::openRun);
    connect(m_runs, &RecentRunsTable::resumeWanted, this, [this](const QString& run) {
        workspace().resume(run.toStdString());
        workspace().goTo(PageId::Run);
    });
    connect(m_runs, &RecentRunsTable::inspectWanted, this, [this](const QString& run) {
        workspace().open(run.toStdString());
        workspace().goTo(PageId::Inspect);
    });
    connect(m_runs, &RecentRunsTable::reportWanted, this, [this](const QString& run) {
        workspace().open(run.toStdString());
        workspace().goTo(PageId::Benchmark);
    });
    return part;
}

void HomePage::makeActions() {
    auto& actions = workspace().actions();
    auto* folder =
        actions.add(QStringLiteral("file.model.folder"), tr("File"), tr("Open a Hugging Face folder..."),
                    QKeySequence(QStringLiteral("Ctrl+Shift+M")), QStringLiteral("folder-open"));
    auto* file = actions.add(QStringLiteral("file.model.gguf"), tr("File"), tr("Open a GGUF file..."),
                             QKeySequence(QStringLiteral("Ctrl+Shift+U")), QStringLiteral("box"));
    connect(folder, &QAction::triggered, this, [this] { askForModel(false); });
    connect(file, &QAction::triggered, this, [this] { askForModel(true); });
    auto* button = findChild<QPushButton*>(QStringLiteral("openModel"));
    // Entries of the button's own: the actions belong to the window, which may never get to know this page.
    button->menu()->addAction(folder->icon(), tr("Hugging Face folder..."), folder, &QAction::trigger);
    button->menu()->addAction(file->icon(), tr("GGUF file..."), file, &QAction::trigger);
}

bool HomePage::settled() const {
    return workspace().runs().loaded() && m_cards->settled();
}

QWidget* HomePage::firstFocus() {
    if (m_primary->isEnabled()) return m_primary;
    return m_cards->chosenCard() ? static_cast<QWidget*>(m_cards->chosenCard()) : m_runs;
}

void HomePage::showEvent(QShowEvent* event) {
    Page::showEvent(event);
    workspace().models().refresh();
    m_cards->beginChecks();
}

void HomePage::updatePrimary() {
    const auto& models = workspace().models();
    const auto* model = m_cards->chosen();
    const auto& fetch = m_cards->fetch();
    if (models.problem().isEmpty())
        m_banner->clear();
    else
        m_banner->tell(Banner::Kind::Failure, models.problem());
    m_hint->setText(
        models.models().empty()
            ? tr("There is no model here: open a Hugging Face folder or a GGUF file, or drop one here.")
            : tr("Choose what to prune. Folders of Hugging Face and GGUF files can be dropped here."));
    m_more->setVisible(m_cards->spare() > 0);
    m_more->setText(m_cards->showsAll() ? tr("Fewer models")
                                        : tr("All %1 models").arg(models.models().size()));
    m_more->setAccessibleName(m_more->text());
    QString text = tr("Prune a model");
    bool enabled = false;
    if (model) {
        const bool starter = model->name == QStringLiteral("starter");
        // The title without what is in brackets or behind a comma: a button is no place for it.
        const auto name =
            starter ? tr("the starter model")
                    : model->title.section(QLatin1Char('('), 0, 0).section(QLatin1Char(','), 0, 0).trimmed();
        const bool missing = model->fromCatalogue && !model->installed;
        const bool getting = fetch.running() && fetch.model() == model->name;
        text = getting   ? tr("Getting %1…").arg(name)
               : missing ? tr("Get %1").arg(name)
                         : tr("Prune %1").arg(name);
        enabled = !getting && !model->reading && model->problem.isEmpty() && (!missing || !fetch.running());
        if (enabled && !missing && isVisible()) workspace().chooseModel(model->name);
    }
    m_primary->setText(text);
    m_primary->setAccessibleName(text);
    m_primary->setEnabled(enabled);
}

void HomePage::goOn() {
    const auto* model = m_cards->chosen();
    if (!model || !m_primary->isEnabled()) return;
    if (model->fromCatalogue && !model->installed)
        m_cards->get(model->name);
    else
        workspace().draft(model->name);
}

void HomePage::updateRuns() {
    const auto& library = workspace().runs();
    const auto count = library.runs().size();
    const auto folder = pathText(QString::fromStdString(library.folder().string()));
    if (!library.problem().isEmpty())
        m_noRuns->setText(tr("The runs cannot be read"), library.problem());
    else if (!library.loaded())
        m_noRuns->setText(tr("Reading the runs…"), folder);
    else
        m_noRuns->setText(
            tr("No runs yet"),
            tr("Each run is a folder in %1 and shows up here with its loss, sparsity and perplexity. "
               "Press Enter to set up the first one.")
                .arg(folder));
    m_runsStack->setCurrentIndex(count > 0 ? 1 : 0);
    m_all->setVisible(count > 1);
    m_runsNote->setVisible(count > 0);
    m_runsNote->setText(count > RecentRuns::kMost
                            ? tr("The newest %1 of %2 in %3").arg(RecentRuns::kMost).arg(count).arg(folder)
                            : tr("In %1").arg(folder));
}

void HomePage::openRun(const QString& run) {
    workspace().open(run.toStdString());
    workspace().goTo(PageId::Run);
}

void HomePage::askForModel(bool file) {
    auto* dialog = new QFileDialog(this, file ? tr("Open a GGUF file") : tr("Open a Hugging Face folder"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(file ? QFileDialog::ExistingFile : QFileDialog::Directory);
    if (file)
        dialog->setNameFilters({tr("GGUF models (*.gguf)"), tr("All files (*)")});
    else
        dialog->setOption(QFileDialog::ShowDirsOnly);
    connect(dialog, &QFileDialog::filesSelected, this, [this](const QStringList& paths) {
        workspace().goTo(PageId::Home);
        take(paths);
    });
    dialog->open();
}

void HomePage::take(const QStringList& paths) {
    for (const auto& given : paths) {
        const std::filesystem::path path(given.toStdString());
        if (RunDirectory::isRun(path)) return openRun(given);
        const auto name = workspace().models().add(path);
        m_cards->choose(name);
        // Chosen even where it is the same again, and in sight.
        if (auto* card = m_cards->card(name)) card->setFocus(Qt::OtherFocusReason);
    }
}

void HomePage::dragEnterEvent(QDragEnterEvent* event) {
    const auto urls = event->mimeData()->urls();
    if (!urls.isEmpty() && urls.first().isLocalFile()) event->acceptProposedAction();
}

void HomePage::dropEvent(QDropEvent* event) {
    QStringList paths;
    for (const auto& url : event->mimeData()->urls())
        if (url.isLocalFile()) paths << url.toLocalFile();
    if (paths.isEmpty()) return;
    event->acceptProposedAction();
    take(paths);
}

}  // namespace tessera::ui
