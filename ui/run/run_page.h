#pragma once

#include <QPointer>

#include "ui/workspace/page.h"

class QStackedWidget;

namespace tessera::ui {

class DraftView;
class LiveView;
class RunRecord;

/// A run from the form to its result: setting it up with what it needs beside it, then watching it, on one
/// page. Shows the form while the workspace is drafting, else the run that our engine works on or that was
/// opened.
class RunPage : public Page {
    Q_OBJECT
  public:
    explicit RunPage(Workspace& workspace, QWidget* parent = nullptr);

    QString title() const override;
    bool settled() const override;
    QWidget* firstFocus() override;

  private:
    void showWhatHolds();
    RunRecord* shownRecord() const;

    QStackedWidget* m_stack = nullptr;
    DraftView* m_draft = nullptr;
    LiveView* m_live = nullptr;
};

}  // namespace tessera::ui
