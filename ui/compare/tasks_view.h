#pragma once

#include <QWidget>
#include <map>

#include "core/session/measurement.h"
#include "ui/compare/run_columns.h"

class QLabel;

namespace tessera::ui {

/// What a run came to on a task, beside its own dense model or, where one is pinned, the baseline's accuracy.
/// `base` is that task of the baseline; null where it was not measured there.
RunColumns::Cell taskCell(const TaskAccuracy& task, bool pinned, const TaskAccuracy* base);
/// The same for the mean of a run's tasks; held against the baseline's where it was asked the same items.
RunColumns::Cell meanCell(const TaskMeasurement& own, bool pinned, const TaskMeasurement* base);

/// Accuracy of the checked runs on zero-shot tasks, a row a task and one for
/// their mean, a column a run, as it was measured last.
class TasksView : public QWidget {
    Q_OBJECT
  public:
    TasksView(RunsModel& model, RunSelection& selection, QWidget* parent = nullptr);
    void setMeasurements(std::map<QString, TaskMeasurement> measured);

  private:
    void rebuild();

    RunsModel& m_model;
    RunSelection& m_selection;
    std::map<QString, TaskMeasurement> m_measured;  ///< by run
    RunColumns* m_table;
    QLabel* m_note;
};

}  // namespace tessera::ui
