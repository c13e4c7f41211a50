#pragma once

#include <QWidget>

#include "core/base/json.h"

class QAction;
class QPushButton;

namespace tessera::ui {

class Banner;
class PreflightCard;
class RunForm;
class Workspace;

/// Setting a run up: the form, what it needs beside it, and Start, which has the keyboard.
class DraftView : public QWidget {
    Q_OBJECT
  public:
    explicit DraftView(Workspace& workspace, QWidget* parent = nullptr);

    /// Whether it is the view that the page shows: only then Start can be pressed and something is measured.
    void setShown(bool shown);
    bool settled() const;
    QWidget* firstFocus() const;
    /// The engine refused the run: says why, at the field where there is one.
    void refused(const Json& error);
    RunForm& form() const { return *m_form; }
    PreflightCard& preflight() const { return *m_preflight; }

  private:
    void start();
    void formChanged();
    void runningChanged();
    void copyCommandLine();

    Workspace& m_workspace;
    RunForm* m_form = nullptr;
    PreflightCard* m_preflight = nullptr;
    Banner* m_banner = nullptr;
    QPushButton *m_start = nullptr, *m_back = nullptr, *m_copy = nullptr;
    QAction* m_startAction = nullptr;
    bool m_shown = false, m_valid = false;
};

}  // namespace tessera::ui
