#include "ui/shell/main_window.h"

#include <QApplication>
#include <QDragEnterEvent>
#include <QHBoxLayout>
#include <QMenuBar>
#include <QMimeData>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTimer>
#include <QToolButton>
#include <QUrl>
#include <QVBoxLayout>
#include <algorithm>

#include "core/session/run_directory.h"
#include "ui/client/engine_client.h"
#include "ui/client/libraries.h"
#include "ui/client/run_record.h"
#include "ui/shell/page_factory.h"
#include "ui/shell/page_frame.h"
#include "ui/shell/run_strip.h"
#include "ui/shell/wheel_guard.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace fs = std::filesystem;

namespace {

// The least is what half of a full-HD screen at twice the scale has; pages scroll there.
constexpr QSize kDefaultSize(1280, 800), kLeastSize(760, 520);
constexpr int kFirstIdleMs = 500, kNextIdleMs = 150;

class Rail : public QFrame {
  public:
    using QFrame::QFrame;
};

QToolButton* railButton(PageId id, QWidget* rail) {
    const PageDescription page = pageDescription(id);
    auto* button = new QToolButton(rail);
    button->setText(QObject::tr(page.title));
    button->setIcon(themedIcon(QLatin1String(page.icon), &ThemeTokens::textMuted));
    button->setToolButtonStyle(Qt::ToolButtonTextUnderIcon);
    button->setCheckable(true);
    button->setAutoRaise(true);
    button->setFocusPolicy(Qt::TabFocus);
    button->setAccessibleName(QObject::tr(page.title));
    button->setToolTip(QObject::tr("%1  (Alt+%2)").arg(QObject::tr(page.title)).arg(int(id) + 1));
    QFont font = button->font();
    font.setPointSizeF(font.pointSizeF() * 0.9);
    button->setFont(font);
    const int side = int(button->fontMetrics().height() * 1.45);
    button->setIconSize(QSize(side, side));
    return button;
}

}  // namespace

MainWindow::MainWindow(const WindowOptions& options, QWidget* parent)
    : QMainWindow(parent),
      m_options(options),
      m_workspace(std::make_unique<Workspace>(options.runs.empty() ? runsFolder() : options.runs)) {
    if (m_options.remembers()) m_settings = WindowSettings::load();
    setWindowIcon(QIcon(QStringLiteral(":/icons/tessera.svg")));
    setAcceptDrops(true);
    setMinimumSize(kLeastSize);
    Theme::instance().leaveToItsParts(this);
    new WheelGuard(this);
    makeActions();
    makeLayout();
    makeMenus();
    connect(m_workspace.get(), &Workspace::told, this, &MainWindow::tell);
    connect(m_workspace.get(), &Workspace::pageWanted, this, &MainWindow::showPage);
    connect(m_workspace.get(), &Workspace::currentChanged, this, &MainWindow::updateTitle);
    connect(m_workspace.get(), &Workspace::currentChanged, this, &MainWindow::updateBanner);
    connect(m_workspace.get(), &Workspace::draftingChanged, this, &MainWindow::updateBanner);
    restore();
    setTheme(m_options.theme.value_or(m_settings.theme));
    if (!m_options.open.empty()) m_workspace->open(m_options.open);
    showPage(m_options.page.value_or(m_settings.page));
}

MainWindow::~MainWindow() {
    // All that looks at the workspace goes before it.
    if (m_popup) delete m_popup.data();
    delete takeCentralWidget();
    setStatusBar(nullptr);
    delete menuBar();
}

void MainWindow::makeLayout() {
    auto* central = new QWidget(this);
    auto* row = new QHBoxLayout(central);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);

    auto* rail = new Rail(central);
    rail->setObjectName(QStringLiteral("rail"));
    rail->setAccessibleName(tr("Pages"));
    auto* buttons = new QVBoxLayout(rail);
    buttons->setContentsMargins(kGap - 2, kGap, kGap - 2, kGap);
    buttons->setSpacing(kGap / 2);
    m_rail = new QButtonGroup(this);
    int width = 0;
    for (int i = 0; i < kPages; ++i) {
        QToolButton* button = railButton(PageId(i), rail);
        m_rail->addButton(button, i);
        buttons->addWidget(button);
        width = std::max(width, button->sizeHint().width());
    }
    for (QAbstractButton* button : m_rail->buttons()) button->setMinimumWidth(width);
    buttons->addStretch();
    connect(m_rail, &QButtonGroup::idClicked, this, [this](int id) { showPage(PageId(id)); });

    auto* column = new QVBoxLayout;
    column->setSpacing(0);
    m_bannerBox = new QWidget(central);
    auto* box = new QHBoxLayout(m_bannerBox);
    box->setContentsMargins(kGap * 3, kGap * 2, kGap * 3, 0);
    m_banner = new Banner(m_bannerBox);
    box->addWidget(m_banner);
    m_bannerBox->hide();
    m_stack = new QStackedWidget(central);
    column->addWidget(m_bannerBox);
    column->addWidget(m_stack, 1);
    row->addWidget(rail);
    row->addLayout(column, 1);
    setCentralWidget(central);
    for (QWidget* part : {static_cast<QWidget*>(menuBar()), static_cast<QWidget*>(statusBar()),
                          static_cast<QWidget*>(rail), m_bannerBox})
        Theme::instance().dress(part);

    statusBar()->setSizeGripEnabled(false);
    statusBar()->addPermanentWidget(new RunStrip(*m_workspace, statusBar()), 1);
}

Page* MainWindow::ensurePage(PageId id) {
    Page*& page = m_pages[std::size_t(id)];
    if (!page) {
        page = makePage(id, *m_workspace, nullptr);
        m_frames[std::size_t(id)] = new PageFrame(page, m_stack);
        m_stack->addWidget(m_frames[std::size_t(id)]);
        adoptActions();
    }
    return page;
}

void MainWindow::makeAllPages() {
    for (int i = 0; i < kPages; ++i) ensurePage(PageId(i));
}

void MainWindow::makeNextPage() {
    for (int i = 0; i < kPages; ++i) {
        if (m_pages[std::size_t(i)]) continue;
        ensurePage(PageId(i));
        QTimer::singleShot(kNextIdleMs, this, &MainWindow::makeNextPage);
        return;
    }
}

void MainWindow::showPage(PageId id) {
    const bool other = id != m_page || !m_stack->currentWidget();
    Page* page = ensurePage(id);
    if (other && m_popup) m_popup->close();
    m_page = id;
    m_stack->setCurrentWidget(m_frames[std::size_t(id)]);
    m_rail->button(int(id))->setChecked(true);
    m_workspace->actions().action(QStringLiteral("view.page.") + pageName(id))->setChecked(true);
    // What was said about the page before is no news on this one; what went wrong still is.
    if (other && !m_bannerBad && m_wasShown) dismissBanner();
    updateBanner();
    if (other)
        if (QWidget* first = page->firstFocus()) first->setFocus(Qt::OtherFocusReason);
    updateMenus();
    updateTitle();
}

void MainWindow::updateTitle() {
    QStringList parts;
    if (const RunRecord* run = m_workspace->current(); run && !run->name().isEmpty()) parts << run->name();
    if (const Page* page = pageWidget()) parts << page->title();
    parts << QStringLiteral("Tessera");
    setWindowTitle(parts.join(QStringLiteral(" – ")));
}

void MainWindow::tell(const QString& sentence, bool bad, const QString& action) {
    dismissBanner();
    if (sentence.isEmpty()) return;
    m_bannerTold = true;
    m_bannerBad = bad;
    m_banner->tell(bad ? Banner::Kind::Failure : Banner::Kind::Information, sentence);
    if (QAction* offered = m_workspace->actions().action(action)) {
        m_bannerOffer = offered;
        m_banner->addButton(offered->text(), [this, offered] {
            dismissBanner();
            trigger(offered);
        });
        // What is offered is done, by whatever way, or cannot be done any more: the sentence is old.
        if (offered->isEnabled())
            connect(offered, &QAction::changed, m_banner, [this, offered] {
                if (!offered->isEnabled() && offered == m_bannerOffer) dismissBanner();
            });
    }
    m_banner->addButton(tr("Dismiss"), [this] { dismissBanner(); });
    updateBanner();
}

void MainWindow::dismissBanner() {
    if (m_bannerOffer) m_bannerOffer->disconnect(m_banner);
    m_bannerOffer = nullptr;
    m_bannerTold = false;
    // The keyboard must not fall to whatever comes next in the window.
    const QWidget* holder = QApplication::focusWidget();
    if (holder && m_bannerBox->isAncestorOf(holder) && pageWidget())
        if (QWidget* first = pageWidget()->firstFocus()) first->setFocus(Qt::OtherFocusReason);
    m_bannerBox->hide();
}

void MainWindow::updateBanner() {
    const RunRecord* run = m_workspace->current();
    const bool pageSaysIt = m_page == PageId::Run && !m_workspace->drafting() && run && run->resumable() &&
                            m_workspace->resumable() == run && m_bannerOffer &&
                            m_bannerOffer == m_workspace->actions().action(QStringLiteral("run.resume"));
    m_bannerBox->setVisible(m_bannerTold && !pageSaysIt);
}

void MainWindow::restore() {
    if (m_options.size) {
        // What was asked for may be less than what is comfortable.
        setMinimumSize(m_options.size->boundedTo(kLeastSize));
        resize(*m_options.size);
        return;
    }
    resize(kDefaultSize);
    if (!m_settings.geometry.isEmpty()) restoreGeometry(m_settings.geometry);
}

void MainWindow::showEvent(QShowEvent* event) {
    QMainWindow::showEvent(event);
    if (m_wasShown) return;
    m_wasShown = true;
    // Everything that the first paint does not need.
    QTimer::singleShot(0, this, [this] {
        if (cliProgram().empty()) tell(noProgramSentence(), true, {});
        if (m_options.open.empty() && !m_settings.lastRun.isEmpty()) remindOfLastRun();
    });
    if (m_options.screenshot.isEmpty()) QTimer::singleShot(kFirstIdleMs, this, &MainWindow::makeNextPage);
}

void MainWindow::remindOfLastRun() {
    const fs::path run(m_settings.lastRun.toStdString());
    if (!RunDirectory::isRun(run)) return;
    m_workspace->open(run);
    RunRecord* record = m_workspace->current();
    if (!record) return;
    // Once, when its state is known.
    auto* until = new QObject(record);
    connect(record, &RunRecord::changed, until, [this, record, until] {
        if (!record->caughtUp() || record->state() == RunState::None) return;
        until->deleteLater();
        until->disconnect(record);
        QObject::disconnect(record, nullptr, until, nullptr);
        if (!record->resumable()) return;
        const QString how = record->state() == RunState::Failed    ? tr("failed")
                            : record->state() == RunState::Stopped ? tr("was stopped")
                                                                   : tr("was interrupted");
        const auto step = record->lastCheckpoint();
        tell(step > 0 ? tr("The run %1 %2; it can go on from step %3.").arg(record->name(), how).arg(step)
                      : tr("The run %1 %2; it can begin again.").arg(record->name(), how),
             false, QStringLiteral("run.resume"));
    });
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (m_options.remembers()) {
        m_settings.geometry = saveGeometry();
        m_settings.page = m_page;
        m_settings.theme = Theme::instance().mode();
        const RunRecord* run = m_workspace->running() ? m_workspace->running() : m_workspace->current();
        m_settings.lastRun = run ? QString::fromStdString(run->path().string()) : QString();
        m_settings.save();
    }
    // An engine at work is asked to stop with a checkpoint when the workspace goes.
    QMainWindow::closeEvent(event);
}

void MainWindow::openRun(const fs::path& run) {
    m_workspace->open(run);
    showPage(PageId::Run);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    const auto urls = event->mimeData()->urls();
    if (urls.size() == 1 && urls.first().isLocalFile()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    const auto urls = event->mimeData()->urls();
    if (urls.size() != 1 || !urls.first().isLocalFile()) return;
    event->acceptProposedAction();
    const fs::path path(urls.first().toLocalFile().toStdString());
    if (RunDirectory::isRun(path)) {
        openRun(path);
    } else {
        // A model, or something that its card says is none.
        m_workspace->models().add(path);
        m_workspace->chooseModel(QString::fromStdString(path.string()));
        showPage(PageId::Home);
    }
}

}  // namespace tessera::ui
