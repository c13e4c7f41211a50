#pragma once

#include <QString>
#include <QWidget>

namespace tessera::ui {

class Workspace;

enum class PageId { Home, Run, Inspect, Compare, Playground, Benchmark };
inline constexpr int kPages = 6;
/// "home", "run", ...: the names that --page takes and settings keep.
QString pageName(PageId id);

/// One page of the window. Pages know the workspace, never each other or the main window.
class Page : public QWidget {
    Q_OBJECT
  public:
    Page(Workspace& workspace, QWidget* parent = nullptr) : QWidget(parent), m_workspace(workspace) {}

    virtual QString title() const = 0;
    /// False while what the page shows is still being read: --screenshot waits for it.
    virtual bool settled() const { return true; }
    /// The widget that has the keyboard when the page comes up.
    virtual QWidget* firstFocus() { return this; }

  protected:
    Workspace& workspace() const { return m_workspace; }

  private:
    Workspace& m_workspace;
};

}  // namespace tessera::ui
