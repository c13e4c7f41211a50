#pragma once

#include <QAbstractTableModel>

#include "core/session/measurement.h"

namespace tessera::ui {

/// A row a task, dense beside pruned, and the mean of several. A loss that chance does not explain has the
/// warning colour.
class AccuracyModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column { Task, Items, Dense, Pruned, Difference, Interval, Flipped, Normalised, kColumns };
    using QAbstractTableModel::QAbstractTableModel;
    void set(const TaskMeasurement& measurement);
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    QString text(const TaskAccuracy& row, int column) const;
    std::vector<TaskAccuracy> m_rows;  ///< the mean last, without items
};

}  // namespace tessera::ui
