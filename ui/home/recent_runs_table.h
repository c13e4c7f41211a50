#pragma once

#include <QTableView>
#include <filesystem>

#include "ui/home/recent_runs.h"

class QPushButton;

namespace tessera::ui {

/// Recent runs, a row each: Enter, a double click or a click on its name opens one; those that can go on have
/// a Resume button; the rest is in the context menu.
class RecentRunsTable : public QTableView {
    Q_OBJECT
  public:
    RecentRunsTable(RecentRuns& runs, QWidget* parent = nullptr);

    QPushButton* resumeButton(int row) const;  ///< null where there is none
    QMenu* makeMenu(int row);

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  Q_SIGNALS:
    void opened(const QString& run);
    void resumeWanted(const QString& run);
    void inspectWanted(const QString& run);
    void reportWanted(const QString& run);

  protected:
    void keyPressEvent(QKeyEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;

  private:
    QString runAt(int row) const;
    void placeButtons();
    void placeColumns();
    void hover(int row);

    RecentRuns& m_runs;
};

}  // namespace tessera::ui
