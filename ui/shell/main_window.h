#pragma once

#include <QAction>
#include <QButtonGroup>
#include <QHash>
#include <QMainWindow>
#include <QMenu>
#include <QPointer>
#include <array>
#include <memory>

#include "ui/shell/popup.h"
#include "ui/shell/window_options.h"
#include "ui/shell/window_settings.h"

class QStackedWidget;
class QToolButton;

namespace tessera::ui {

class Banner;
class RunStrip;
class Workspace;

/// The window: a rail of pages, the page, sentences across its top, the run along its bottom. It knows the
/// pages only as Page; they are made when they are first looked at, or a while after the first paint.
class MainWindow : public QMainWindow {
    Q_OBJECT
  public:
    explicit MainWindow(const WindowOptions& options, QWidget* parent = nullptr);
    ~MainWindow() override;

    Workspace& workspace() const { return *m_workspace; }
    PageId page() const { return m_page; }
    Page* pageWidget() const { return m_pages[std::size_t(m_page)]; }
    void showPage(PageId id);
    /// Makes the pages that nobody has looked at yet; their actions are known from then on.
    void makeAllPages();
    /// Carries an action out, on its page where it has one.
    void trigger(QAction* action);

  protected:
    void closeEvent(QCloseEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

  private:
    // main_window.cpp
    void makeLayout();
    void makeNextPage();
    Page* ensurePage(PageId id);
    void tell(const QString& sentence, bool bad, const QString& action);
    void dismissBanner();
    /// Not over a page that says the same itself.
    void updateBanner();
    void restore();
    void remindOfLastRun();
    void updateTitle();
    void openRun(const std::filesystem::path& run);
    // window_actions.cpp
    void makeActions();
    void makeMenus();
    void updateMenus();
    void fillMenu(QMenu* menu, const QString& group);
    QWidget* makeCorner();
    void adoptActions();
    const Page* ownerOf(const QAction* action) const;
    void setTheme(ThemeMode mode);
    void askForRun();
    void showPalette();
    void showShortcuts();
    void popUp(Popup* popup, const QSize& size);

    WindowOptions m_options;
    WindowSettings m_settings;
    std::unique_ptr<Workspace> m_workspace;
    QWidget* m_bannerBox = nullptr;
    Banner* m_banner = nullptr;
    bool m_bannerBad = false, m_bannerTold = false;
    QPointer<QAction> m_bannerOffer;
    QButtonGroup* m_rail = nullptr;
    QStackedWidget* m_stack = nullptr;
    QToolButton* m_themeButton = nullptr;
    QHash<QString, QMenu*> m_menus;
    std::array<Page*, kPages> m_pages{};
    std::array<QWidget*, kPages> m_frames{};  ///< what the stack holds, a page in each
    PageId m_page = PageId::Home;
    QPointer<Popup> m_popup;
    bool m_wasShown = false;
};

}  // namespace tessera::ui
