#pragma once

#include <QElapsedTimer>
#include <QImage>
#include <QWidget>
#include <optional>

#include "ui/inspect/map_overlay.h"
#include "ui/inspect/map_painter.h"
#include "ui/inspect/navigator.h"
#include "ui/inspect/ring_image.h"

namespace tessera::ui {

/// A model's masks from the whole down to printed weights. Wheel and +/- zoom, dragging pans, a click
/// selects, a double click or Enter goes down, Esc or Backspace up, arrows move the selection, Page Up and
/// Down change the matrix, [ and ] the block, Home shows the model. Draws what it was given and asks for what
/// it lacks. GUI thread only.
class HeatmapView : public QWidget {
    Q_OBJECT
  public:
    explicit HeatmapView(QWidget* parent = nullptr);

    /// A new model or run; what was known of the last one is dropped.
    void setStructure(StructurePtr structure);
    /// What can be coloured by; see MapData.
    void setFacts(bool hasModel, bool hasHistory, std::int64_t gateStep, bool gatesTiles, bool gatesWeights,
                  const std::string& pattern);
    void setFrame(FramePtr frame);
    void setDetail(DetailPtr detail);
    void setValues(ValuesPtr values);
    void dropValues();  ///< they come from other files now
    void setChanges(ChangesPtr changes);

    const MapData& data() const { return m_data; }
    const Navigator& navigator() const { return m_navigator; }
    const Look& look() const { return m_look; }
    const ColourRange& range() const { return m_range; }

    /// The colouring of the level is remembered a level: coming back finds it as it was.
    void setColouring(Colouring colouring);
    void setPalette(Palette palette);
    void setAutoContrast(bool on);

    void select(const Place& place);
    void goTo(Level level);
    void descend();
    void ascend();
    void zoomBy(double factor);
    void stepMatrix(int by);
    void stepBlock(int by);

    /// The selected place, or the one under the pointer where that moved last.
    QString readOut() const;
    /// Where the map itself is drawn, without rulers.
    QRectF mapRect() const;
    /// The camera that the last paint used, in logical pixels of mapRect().
    const Camera& paintedCamera() const { return m_painted; }
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  Q_SIGNALS:
    /// Level, selection, colouring or range are others.
    void changed();
    void pointed();  ///< readOut() is another
    void detailWanted(int matrix, bool changes);
    void valuesWanted(int matrix, std::int64_t tileRow, std::int64_t tileCol);
    void changesWanted();
    void snapshotStepped(int steps);  ///< Shift and an arrow: so many snapshots on

  protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

  private:
    void dataChanged();
    void moved();
    void ask();
    void chooseLook();
    void measureFont();
    void draw();
    void paintMinimap(QPainter& painter);
    bool handleKey(QKeyEvent* event);

    /// All that the image of the cells depends on, but for where it has been dragged to.
    struct ImageKey {
        Level level = Level::Model;
        int matrix = -1;
        double scaleX = 0, scaleY = 0, low = 0, high = 0;
        Look look;
        std::uint64_t data = 0;
        QSize size;
        bool operator==(const ImageKey&) const = default;
    };

    MapData m_data;
    Navigator m_navigator;
    Look m_look;
    ColourRange m_range;
    std::array<std::optional<Colouring>, 4> m_chosen;  ///< by level; groups share the tiles'
    RingImage m_image;
    QImage m_minimap;
    ImageKey m_key, m_minimapKey, m_measured;
    QPointF m_imageOrigin;
    Camera m_painted;
    std::uint64_t m_version = 1;
    double m_left = 0, m_top = 0;
    std::optional<Place> m_pointed;
    std::optional<QPointF> m_pressed;
    QPointF m_dragged;
    bool m_dragging = false;
};

}  // namespace tessera::ui
