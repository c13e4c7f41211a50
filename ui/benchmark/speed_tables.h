#pragma once

#include <QAbstractTableModel>
#include <QTableView>

#include "core/base/json.h"
#include "core/session/measurement.h"

namespace tessera::ui {

/// Which matrices of a block have this shape in the engine: projections that read the same input are one
/// matrix there ("q, k, v", "gate, up"). `result` is result.json; empty where it says nothing.
QString matrixNames(const Json& result, std::int64_t rows, std::int64_t cols);

/// A row a matrix shape (and number of threads): what ran, how long dense, LibTorch and sparse took, the
/// ratio. A ratio below 1 has the warning colour and a word.
class SpeedModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column {
        Matrix,
        Shape,
        Pattern,
        Kernel,
        Threads,
        Dense,
        Torch,
        Sparse,
        Ratio,
        Interval,
        Limit,
        Efficiency,
        kColumns
    };
    using QAbstractTableModel::QAbstractTableModel;
    void set(const SpeedMeasurement& speed, const QString& pattern, const Json& result);
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    std::vector<SpeedRow> m_rows;
    QStringList m_names;
    QString m_pattern;
};

/// Decoding with the whole model, a row a number of threads.
class DecodeModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column { Threads, Dense, Sparse, Ratio, Interval, Limit, Efficiency, Bytes, kColumns };
    using QAbstractTableModel::QAbstractTableModel;
    void set(const std::vector<DecodeSpeed>& decode);
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    std::vector<DecodeSpeed> m_rows;
};

/// A table as high as its rows, that shares its width among its columns. The page scrolls, not the table;
/// only sideways it does where there is too little room.
class WholeTable : public QTableView {
    Q_OBJECT
  public:
    WholeTable(QAbstractItemModel* model, const QString& name, QWidget* parent = nullptr);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  protected:
    void resizeEvent(QResizeEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;  ///< Ctrl+C copies all of it
    void wheelEvent(QWheelEvent* event) override;

  private:
    void layColumns();
};

}  // namespace tessera::ui
