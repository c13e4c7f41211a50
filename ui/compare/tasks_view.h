#pragma once

#include <QWidget>
#include <map>

#include "core/session/measurement.h"
#include "ui/compare/runs_model.h"

class QLabel;
class QTableView;

namespace tessera::ui {

/// A cell of accuracy: what is written there and its tool tip.
struct TaskCell {
    QString text, toolTip;
};
/// What a run came to on a task, beside its own dense model or, where one is pinned, the baseline's accuracy.
/// `base` is that task of the baseline; null where it was not measured there.
TaskCell taskCell(const TaskAccuracy& task, bool pinned, const TaskAccuracy* base);

/// Accuracy of the checked runs on zero-shot tasks, a row a task, a column a run, as it was measured last.
class TasksView : public QWidget {
    Q_OBJECT
  public:
    TasksView(RunsModel& model, RunSelection& selection, QWidget* parent = nullptr);
    void setMeasurements(std::map<QString, TaskMeasurement> measured);

  private:
    class Model;
    void rebuild();

    RunsModel& m_model;
    RunSelection& m_selection;
    std::map<QString, TaskMeasurement> m_measured;  ///< by run
    Model* m_rows;
    QTableView* m_table;
    QLabel* m_note;
};

}  // namespace tessera::ui
