#pragma once

#include "ui/workspace/page.h"

class QLabel;
class QPushButton;
class QStackedWidget;
class QVBoxLayout;

namespace tessera::ui {

class Banner;
class EmptyState;
class ModelCards;
class RecentRuns;
class RecentRunsTable;

/// The first page: what can be pruned, and what was. The primary button has the keyboard: Enter goes to a
/// filled-in run, Enter there starts it.
class HomePage : public Page {
    Q_OBJECT
  public:
    explicit HomePage(Workspace& workspace, QWidget* parent = nullptr);

    QString title() const override { return tr("Home"); }
    bool settled() const override;
    QWidget* firstFocus() override;

  public Q_SLOTS:
    /// Files and folders dropped on the window or chosen in a dialog: a run is opened, anything else is a
    /// model, or its card says why it is none.
    void take(const QStringList& paths);

  protected:
    void showEvent(QShowEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

  private:
    QWidget* makeModels();
    QWidget* makeRuns();
    void makeActions();
    void updatePrimary();
    void updateRuns();
    void goOn();
    void openRun(const QString& run);
    void askForModel(bool file);

    ModelCards* m_cards;
    RecentRuns* m_recent;
    RecentRunsTable* m_runs;
    QStackedWidget* m_runsStack;
    EmptyState* m_noRuns;
    Banner* m_banner;
    QPushButton* m_primary;
    QPushButton* m_more;
    QLabel *m_runsNote, *m_hint;
    QPushButton* m_all;
};

}  // namespace tessera::ui
