#pragma once

#include <QPointF>
#include <QRectF>
#include <QSizeF>
#include <optional>

#include "ui/inspect/mask_data.h"

namespace tessera::ui {

/// How near one looks. Matrix, Tile and Group are one plane of weights at growing scale.
enum class Level { Model, Matrix, Tile, Group };

/// Where a scene lies in the viewport, in logical pixels: a unit (a matrix cell of the model, or a weight) is
/// scaleX by scaleY, unit (0, 0) has its corner at `origin`.
struct Camera {
    double scaleX = 1, scaleY = 1;
    QPointF origin;

    QPointF toView(double x, double y) const { return {origin.x() + x * scaleX, origin.y() + y * scaleY}; }
    QPointF toScene(const QPointF& at) const {
        return {(at.x() - origin.x()) / scaleX, (at.y() - origin.y()) / scaleY};
    }
    bool operator==(const Camera&) const = default;
};

/// A weight, and by it a tile and a group of four.
struct Place {
    int matrix = 0;
    std::int64_t row = 0, col = 0;
    bool operator==(const Place&) const = default;
};

/// Where one is in the model and what one has selected: all of the inspector's movement, without drawing. The
/// level follows the scale with hysteresis, so that turning the wheel to and fro at a border does not
/// flicker.
class Navigator {
  public:
    void setStructure(StructurePtr structure);
    const StructurePtr& structure() const { return m_structure; }
    bool empty() const { return !m_structure || m_structure->matrices.empty(); }
    /// Keeps what is in the middle in the middle, or all in view where all was.
    void setViewport(const QSizeF& size);
    const QSizeF& viewport() const { return m_viewport; }
    /// Side of a weight at which its value can be printed inside.
    void setValueSide(double pixels);
    double valueSide() const { return m_valueSide; }

    Level level() const { return m_level; }
    const Camera& camera() const { return m_camera; }
    const Place& selected() const { return m_selected; }
    const MatrixInfo& matrix() const { return info(m_selected.matrix); }
    const MatrixInfo& info(int matrix) const {
        return m_structure->matrices[static_cast<std::size_t>(matrix)];
    }
    std::int64_t tileRow() const { return m_selected.row / m_structure->tileRows; }
    std::int64_t tileCol() const { return m_selected.col / m_structure->tileCols; }
    /// The part of the scene that the viewport shows, clipped to the scene.
    QRectF visible() const;
    QSizeF scene() const;
    /// Whether more than a little of the scene is outside the viewport.
    bool zoomedIn() const;

    std::optional<Place> at(const QPointF& point) const;
    bool select(const QPointF& point);
    void select(const Place& place);

    void zoom(double factor, const QPointF& about);
    void pan(const QPointF& by);
    void descend();
    void ascend();
    void goTo(Level level);
    /// Cells of the level: matrices, tiles, weights.
    void move(int columns, int rows);
    /// The next or previous matrix in model order, or the same one of another block; stays at the level.
    void stepMatrix(int by);
    void stepBlock(int by);

  private:
    void frame(const QRectF& scene, double margin);
    void frameLevel();
    void clamp();
    void reveal();
    void followView();
    void setMatrix(int matrix);
    double fitScale(double width, double height) const;
    double fitMatrix() const;
    double fitTile() const;
    QRectF tileRect() const;
    QRectF selectedRect() const;

    StructurePtr m_structure;
    QSizeF m_viewport{100, 100};
    double m_valueSide = 60;
    Level m_level = Level::Model;
    Camera m_camera;
    Place m_selected;
    bool m_framed = true;  ///< the camera still is where the level put it
};

}  // namespace tessera::ui
