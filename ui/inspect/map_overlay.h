#pragma once

#include <QFont>
#include <QPainter>

#include "ui/inspect/map_painter.h"
#include "ui/inspect/navigator.h"

namespace tessera::ui {

/// The lines, numbers and marks over a map, in logical pixels of the viewport: its corner is at the painter's
/// origin, `camera` is the one that the cells were painted with.
class MapOverlay {
  public:
    /// `focused`: the selection is drawn as the keyboard's.
    MapOverlay(const MapData& data, const Navigator& navigator, const Look& look, const ThemeTokens& tokens,
               const QFont& font, bool focused);

    /// Whether weights are large enough for their numbers.
    bool printsValues(const Camera& camera) const;
    /// Their numbers, where they reach into `area`; in device pixels of `image`, of which a logical one has
    /// `ratio`.
    void paintValues(QImage& image, const QRect& area, const MapPainter& cells, const Camera& camera,
                     double ratio) const;
    /// Lines and marks inside the viewport, and the model's numbers.
    void paint(QPainter& painter, const MapPainter& cells, const Camera& camera) const;
    /// Numbers of rows and columns outside of it: `top` above, `left` beside.
    void paintRulers(QPainter& painter, const Camera& camera, double left, double top) const;

    static double valueSide(const QFont& font);  ///< Navigator::setValueSide

  private:
    void paintModelText(QPainter& painter, const MapPainter& cells, const Camera& camera) const;
    void paintMosaicLines(QPainter& painter, const Camera& camera) const;
    void paintLines(QPainter& painter, const Camera& camera) const;
    void paintViolations(QPainter& painter, const Camera& camera) const;
    void paintSelection(QPainter& painter, const Camera& camera) const;
    void paintSurroundings(QPainter& painter, const Camera& camera) const;
    void paintProfiles(QPainter& painter, const Camera& camera) const;
    QRectF tileRect(const Camera& camera) const;

    struct Window {
        std::int64_t top, left, bottom, right;  ///< weights in view, half open
    };
    Window window(const Camera& camera) const;
    Window window(const Camera& camera, const QRectF& area) const;

    const MapData& m_data;
    const Navigator& m_navigator;
    Look m_look;
    const ThemeTokens& m_tokens;
    QFont m_font;
    bool m_focused;
};

}  // namespace tessera::ui
