#pragma once

#include <QTableView>
#include <vector>

#include "ui/compare/runs_model.h"

namespace tessera::ui {

/// A table that is only looked at; its rows' names stand beside it.
QTableView* plainTable(const QString& name, QWidget* parent);
/// What plainTable() makes of one that is there.
void makePlain(QTableView& table, const QString& name);

/// A table with a column a run, under the run's sign and name.
class RunColumns : public QTableView {
    Q_OBJECT
  public:
    struct Cell {
        QString text, toolTip;
    };
    RunColumns(RunsModel& model, RunSelection& selection, const QString& name, QWidget* parent = nullptr);
    /// `cells` by row and run; columns become as wide as what is in them, within reason.
    void fill(const QStringList& rows, const QStringList& runs, std::vector<std::vector<Cell>> cells);

  private:
    class Model;
    Model* m_rows;
};

}  // namespace tessera::ui
