#pragma once

#include <QImage>
#include <QPainter>
#include <QPoint>
#include <functional>

namespace tessera::ui {

/// A view's pixels on a torus: what is dragged stays where it is in memory, only what comes into view is
/// drawn, over what left. Moving a large picture would cost as much as showing it.
class RingImage {
  public:
    /// Draws all of `area` of the image, in its pixels; pixel p of the view lies at p + `offset`.
    using Draw = std::function<void(QImage& image, const QRect& area, const QPoint& offset)>;

    QSize size() const { return m_image.size(); }
    /// All of it anew, at this size in device pixels.
    void redraw(const QSize& size, const Draw& draw);
    /// What was drawn is seen `by` device pixels further right and down.
    void scroll(const QPoint& by, const Draw& draw);
    /// Onto `painter`, the view's corner at `corner`; `ratio` device pixels a logical one, as its device has.
    void show(QPainter& painter, const QPointF& corner, double ratio) const;

  private:
    void drawView(const QRect& view, const Draw& draw);

    QImage m_image;
    QPoint m_start;  ///< where the view's first pixel lies
};

}  // namespace tessera::ui
