// The window's own actions, and what is made from the list of all: menus, palette, shortcut sheet.
#include <QActionGroup>
#include <QApplication>
#include <QDesktopServices>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QMenuBar>
#include <QTimer>
#include <QToolButton>
#include <QUrl>

#include "ui/client/libraries.h"
#include "ui/client/run_record.h"
#include "ui/shell/command_palette.h"
#include "ui/shell/main_window.h"
#include "ui/shell/page_factory.h"
#include "ui/shell/sheets.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace {

constexpr QSize kPaletteSize(620, 420), kShortcutsSize(560, 640), kAboutSize(540, 330);

const char* themeIcon(ThemeMode mode) {
    return mode == ThemeMode::Light ? "sun" : mode == ThemeMode::Dark ? "moon" : "device-desktop";
}

}  // namespace

void MainWindow::makeActions() {
    Actions& actions = m_workspace->actions();
    const QString file = tr("File"), view = tr("View"), help = tr("Help");
    const auto add = [&](const char* id, const QString& group, const QString& text, const char* keys,
                         const char* icon, auto act) {
        QAction* action = actions.add(QLatin1String(id), group, text, QKeySequence(QLatin1String(keys)),
                                      QLatin1String(icon));
        connect(action, &QAction::triggered, this, act);
        return action;
    };
    add("file.open", file, tr("Open a run folder..."), "Ctrl+O", "folder-open", [this] { askForRun(); });
    QAction* reveal =
        add("file.reveal", file, tr("Show the files of this run"), "Ctrl+Shift+O", "external-link", [this] {
            if (const RunRecord* run = m_workspace->current())
                QDesktopServices::openUrl(QUrl::fromLocalFile(QString::fromStdString(run->path().string())));
        });
    const auto updateReveal = [this, reveal] {
        const RunRecord* run = m_workspace->current();
        reveal->setEnabled(run && !run->path().empty());
    };
    connect(m_workspace.get(), &Workspace::currentChanged, this, updateReveal);
    updateReveal();
    add("file.quit", file, tr("Quit"), "Ctrl+Q", "x", [this] { close(); });

    auto* pages = new QActionGroup(this);
    for (int i = 0; i < kPages; ++i) {
        const auto id = PageId(i);
        const PageDescription page = pageDescription(id);
        QAction* action = add(
            qPrintable(QStringLiteral("view.page.") + pageName(id)), view, tr("Go to %1").arg(tr(page.title)),
            qPrintable(QStringLiteral("Alt+%1").arg(i + 1)), page.icon, [this, id] { showPage(id); });
        action->setCheckable(true);
        pages->addAction(action);
    }
    auto* themes = new QActionGroup(this);
    const auto theme = [&](const char* id, const QString& text, const char* keys, ThemeMode mode) {
        QAction* action = add(id, view, text, keys, themeIcon(mode), [this, mode] { setTheme(mode); });
        action->setCheckable(true);
        action->setData(int(mode));
        themes->addAction(action);
    };
    theme("view.theme.light", tr("Use the light theme"), "Ctrl+Shift+L", ThemeMode::Light);
    theme("view.theme.dark", tr("Use the dark theme"), "Ctrl+Shift+D", ThemeMode::Dark);
    theme("view.theme.system", tr("Follow the system's theme"), "Ctrl+Shift+Y", ThemeMode::System);
    add("view.window.palette", view, tr("Search all actions"), "Ctrl+K", "search", [this] { showPalette(); });
    add("view.window.full", view, tr("Fill the screen, or stop filling it"), "F11", "maximize",
        [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); });
    add("view.window.reset", view, tr("Go back to the usual window size"), "Ctrl+Shift+0", "zoom-reset",
        [this] {
            setWindowState(Qt::WindowNoState);
            resize(1280, 800);
        });
    add("help.shortcuts", help, tr("Show all keyboard shortcuts"), "F1", "keyboard",
        [this] { showShortcuts(); });
    add("help.about", help, tr("About Tessera"), "Shift+F1", "info-circle",
        [this] { popUp(aboutSheet(this), kAboutSize); });
}

const Page* MainWindow::ownerOf(const QAction* action) const {
    for (const QObject* object : action->associatedObjects()) {
        for (; object; object = object->parent())
            if (const auto* page = qobject_cast<const Page*>(object)) return page;
    }
    return nullptr;
}

// An action that a page put on itself works where the page is; all others work in the whole window.
void MainWindow::adoptActions() {
    for (QAction* action : m_workspace->actions().all())
        if (!ownerOf(action) && !QWidget::actions().contains(action)) addAction(action);
    updateMenus();
}

void MainWindow::trigger(QAction* action) {
    if (const Page* owner = ownerOf(action))
        for (int i = 0; i < kPages; ++i)
            if (m_pages[std::size_t(i)] == owner) showPage(PageId(i));
    action->trigger();
}

void MainWindow::makeMenus() {
    menuBar()->setAccessibleName(tr("Menu"));
    menuBar()->setNativeMenuBar(false);
    menuBar()->setCornerWidget(makeCorner());
    adoptActions();
}

// Menus come in the order in which groups are known, Help last; one whose actions all belong to other pages
// is hidden.
void MainWindow::updateMenus() {
    const Actions& actions = m_workspace->actions();
    QHash<QString, bool> useful;
    for (const QAction* action : actions.all()) {
        const Page* owner = ownerOf(action);
        if (!owner || owner == pageWidget()) useful[actions.group(action)] = true;
    }
    for (const QString& group : actionGroups(actions)) {
        QMenu*& menu = m_menus[group];
        if (!menu) {
            menu = new QMenu(QLatin1Char('&') + group, this);
            connect(menu, &QMenu::aboutToShow, this, [this, menu = menu, group] { fillMenu(menu, group); });
            // Emptied again, because a shortcut would work through a menu on pages that it is not meant for.
            connect(menu, &QMenu::aboutToHide, this, [menu = menu] {
                QTimer::singleShot(0, menu, [menu] {
                    if (!menu->isVisible()) menu->clear();
                });
            });
            QAction* before = nullptr;
            if (group != tr("Help") && m_menus.value(tr("Help"))) before = m_menus[tr("Help")]->menuAction();
            menuBar()->insertMenu(before, menu);
        }
        menu->menuAction()->setVisible(useful.value(group));
    }
}

void MainWindow::fillMenu(QMenu* menu, const QString& group) {
    menu->clear();
    const Actions& actions = m_workspace->actions();
    QString section;
    for (QAction* action : actions.all()) {
        if (actions.group(action) != group) continue;
        if (const Page* owner = ownerOf(action); owner && owner != pageWidget()) continue;
        // "view.theme.dark" is of the section "view.theme".
        const QString here = action->objectName().section(QLatin1Char('.'), 0, -2);
        if (!section.isEmpty() && here != section) menu->addSeparator();
        section = here;
        menu->addAction(action);
    }
}

QWidget* MainWindow::makeCorner() {
    auto* corner = new QWidget(this);
    auto* row = new QHBoxLayout(corner);
    row->setContentsMargins(0, 3, kGap, 3);
    row->setSpacing(kGap);
    const Actions& actions = m_workspace->actions();
    const QAction* palette = actions.action(QStringLiteral("view.window.palette"));
    auto* search = new QToolButton(corner);
    search->setIcon(palette->icon());
    search->setText(tr("  Search actions   %1").arg(palette->shortcut().toString(QKeySequence::NativeText)));
    search->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    search->setAccessibleName(palette->text());
    search->setToolTip(palette->toolTip());
    search->setProperty("look", QStringLiteral("search"));
    search->setFocusPolicy(Qt::TabFocus);
    connect(search, &QToolButton::clicked, palette, &QAction::trigger);
    m_themeButton = new QToolButton(corner);
    m_themeButton->setAccessibleName(tr("Theme"));
    m_themeButton->setToolTip(tr("Theme"));
    m_themeButton->setPopupMode(QToolButton::InstantPopup);
    m_themeButton->setFocusPolicy(Qt::TabFocus);
    auto* menu = new QMenu(m_themeButton);
    for (const char* id : {"view.theme.light", "view.theme.dark", "view.theme.system"})
        menu->addAction(actions.action(QLatin1String(id)));
    m_themeButton->setMenu(menu);
    row->addWidget(search);
    row->addWidget(m_themeButton);
    return corner;
}

void MainWindow::setTheme(ThemeMode mode) {
    Theme::instance().setMode(mode);
    m_themeButton->setIcon(themedIcon(QLatin1String(themeIcon(mode))));
    const char* id = mode == ThemeMode::Light  ? "view.theme.light"
                     : mode == ThemeMode::Dark ? "view.theme.dark"
                                               : "view.theme.system";
    m_workspace->actions().action(QLatin1String(id))->setChecked(true);
}

void MainWindow::askForRun() {
    auto* dialog = new QFileDialog(this, tr("Open a run folder"),
                                   QString::fromStdString(m_workspace->runs().folder().string()));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::Directory);
    dialog->setOption(QFileDialog::ShowDirsOnly);
    connect(dialog, &QFileDialog::fileSelected, this,
            [this](const QString& folder) { openRun(std::filesystem::path(folder.toStdString())); });
    dialog->open();
}

void MainWindow::popUp(Popup* popup, const QSize& size) {
    if (m_popup) m_popup->close();
    m_popup = popup;
    popup->open(size);
}

void MainWindow::showPalette() {
    makeAllPages();
    popUp(new CommandPalette(
              m_workspace->actions(), [this](QAction* action) { trigger(action); }, this),
          kPaletteSize);
}

void MainWindow::showShortcuts() {
    makeAllPages();
    popUp(shortcutSheet(m_workspace->actions(), this), kShortcutsSize);
}

}  // namespace tessera::ui
