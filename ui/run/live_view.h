#pragma once

#include <QPointer>
#include <QWidget>

#include "core/base/json.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;
class QScrollArea;
class QToolButton;

namespace tessera::ui {

class Banner;
class EmptyState;
class RunCharts;
class RunOutcome;
class RunProgress;
class RunRecord;
class RunWays;
class Workspace;

/// Watching a run: its curves, what it is doing, what can be done with it in its state, and what came out.
class LiveView : public QWidget {
    Q_OBJECT
  public:
    explicit LiveView(Workspace& workspace, QWidget* parent = nullptr);

    /// Shows a record until the next call; nullptr where there is none.
    void setRecord(RunRecord* record);
    bool settled() const;
    QWidget* firstFocus() const;
    RunCharts& charts() const { return *m_charts; }

  private:
    QWidget* makeHead();
    QWidget* makeLog();
    void changed(bool structure);
    void refreshHead();
    void refreshBanner();
    void refreshLog();
    void again();
    void copyCommandLine();
    QString specText() const;
    Json specWith(const QString& option, const QString& value) const;

    Workspace& m_workspace;
    QPointer<RunRecord> m_record;
    QLabel *m_name = nullptr, *m_state = nullptr, *m_spec = nullptr, *m_logTitle = nullptr;
    QPushButton *m_pause = nullptr, *m_continue = nullptr, *m_stop = nullptr, *m_new = nullptr,
                *m_copy = nullptr;
    Banner* m_banner = nullptr;
    RunOutcome* m_outcome = nullptr;
    RunWays* m_ways = nullptr;
    RunCharts* m_charts = nullptr;
    RunProgress* m_progress = nullptr;
    EmptyState* m_nothing = nullptr;
    QWidget* m_chartCard = nullptr;
    QToolButton* m_logButton = nullptr;
    QPlainTextEdit* m_log = nullptr;
    QString m_lastLogLine, m_exported;
};

}  // namespace tessera::ui
