#pragma once

#include <QAbstractTableModel>
#include <QWidget>

#include "ui/inspect/mask_data.h"

class QSortFilterProxyModel;
class QTableView;

namespace tessera::ui {

/// The matrices as rows: name, shape, density, share of dense tiles.
class MatrixTableModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column { kName, kShape, kDensity, kDense, kColumns };
    static constexpr int kSortRole = Qt::UserRole, kShareRole = Qt::UserRole + 1;

    using QAbstractTableModel::QAbstractTableModel;
    void setStructure(StructurePtr structure);
    void setFrame(FramePtr frame);
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    StructurePtr m_structure;
    FramePtr m_frame;
};

/// Density of all weights of each block, or of each projection, as bars; the selected one in the accent's
/// colour.
class DensityBars : public QWidget {
    Q_OBJECT
  public:
    /// `horizontal`: a labelled row each; else a column each.
    explicit DensityBars(bool horizontal, QWidget* parent = nullptr);
    struct Bar {
        QString label;
        double density = 0;
    };
    void setBars(std::vector<Bar> bars);
    void select(int bar);
    const std::vector<Bar>& bars() const { return m_bars; }
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return sizeHint(); }

  Q_SIGNALS:
    void chosen(int bar);

  protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    bool event(QEvent* event) override;

  private:
    int barAt(const QPointF& point) const;
    QRectF area() const;

    bool m_horizontal;
    int m_selected = -1;
    std::vector<Bar> m_bars;
};

/// The table of matrices and the densities by projection and by block; its selection is the map's. GUI thread
/// only.
class MatrixPanel : public QWidget {
    Q_OBJECT
  public:
    explicit MatrixPanel(QWidget* parent = nullptr);
    void setStructure(StructurePtr structure);
    void setFrame(FramePtr frame);
    void select(int matrix);
    /// Leaves the shapes out where there is little room.
    void setCompact(bool on);
    QTableView& table() const { return *m_table; }

  Q_SIGNALS:
    void selected(int matrix);   ///< by the person, not by select()
    void activated(int matrix);  ///< Enter or a double click

  private:
    void fitWidth();
    void chooseIn(int block, int projection);

    StructurePtr m_structure;
    MatrixTableModel* m_model;
    QSortFilterProxyModel* m_sorted;
    QTableView* m_table;
    DensityBars *m_byProjection, *m_byBlock;
    int m_selected = -1;
    bool m_selecting = false;
};

}  // namespace tessera::ui
