#pragma once

#include <QTableView>

#include "ui/compare/runs_model.h"

namespace tessera::ui {

/// The table itself: a check box, the run's line sample and name on the left, two lines a row. Space checks,
/// B pins the baseline, Enter or a double click opens the run, Ctrl+C copies the selected rows.
class RunsTable : public QTableView {
    Q_OBJECT
  public:
    RunsTable(RunsModel& model, RunSelection& selection, QWidget* parent = nullptr);

    RunsFilter& filter() { return m_filter; }
    QString currentRun() const;
    void toggleChecked();     ///< of the selected rows
    void togglePinned();      ///< of the current row
    void copy(bool all);      ///< to the clipboard: every row shown, or the selected ones
    int heightOfAll() const;  ///< that shows every row without scrolling

  Q_SIGNALS:
    void opened(const QString& run);

  protected:
    void keyPressEvent(QKeyEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;

  private:
    void layColumns();
    QModelIndexList selectedRows() const;

    RunsModel& m_model;
    RunSelection& m_selection;
    RunsFilter m_filter;
};

/// A piece of line in a run's colour and dash with a dot on it: the sign that the run has everywhere.
void paintRunSign(QPainter& painter, const QRectF& area, int slot);
/// The same as a picture, for lists and headers.
QIcon runSignIcon(int slot);

}  // namespace tessera::ui
