#pragma once

#include <QAbstractTableModel>
#include <QWidget>

#include "ui/compare/density_diff.h"
#include "ui/compare/run_columns.h"
#include "ui/compare/runs_model.h"
#include "ui/compare/settings_diff.h"

class QComboBox;
class QLabel;
class QStackedWidget;
class QTableView;

namespace tessera::ui {

/// What the checked runs were asked to do differently, a column a run.
class SettingsView : public QWidget {
    Q_OBJECT
  public:
    SettingsView(RunsModel& model, RunSelection& selection, QWidget* parent = nullptr);
    /// `runs` in the order of the columns.
    void show(const QStringList& runs, const std::vector<RunSettings>& settings);

  private:
    RunColumns* m_table;
    QLabel* m_note;
};

/// Where two of the checked runs keep their weights: the difference of densities of every matrix, as numbers
/// on colours.
class DensityView : public QWidget {
    Q_OBJECT
  public:
    DensityView(RunsModel& model, RunSelection& selection, QWidget* parent = nullptr);
    void runsChanged();
    const DensityGrid& grid() const { return m_grid; }

  private:
    class Model;
    void fill();
    void rebuild();

    RunsModel& m_model;
    RunSelection& m_selection;
    DensityGrid m_grid;
    Model* m_cells;
    QComboBox *m_a, *m_b;
    QTableView* m_table;
    QLabel* m_note;
};

}  // namespace tessera::ui
