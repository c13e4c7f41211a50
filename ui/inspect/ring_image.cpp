#include "ui/inspect/ring_image.h"

#include <algorithm>
#include <cstdlib>

namespace tessera::ui {

namespace {

int wrapped(int value, int size) {
    const int rest = value % size;
    return rest < 0 ? rest + size : rest;
}

/// Calls part(view, offset) for the pieces of a view's rectangle that lie together in the image.
template <typename Part>
void forPieces(const QRect& view, const QPoint& start, const QSize& size, const Part& part) {
    for (const int right : {0, size.width()})
        for (const int down : {0, size.height()}) {
            const auto offset = start - QPoint(right, down);
            const auto piece = view.translated(offset).intersected(QRect(QPoint(0, 0), size));
            if (!piece.isEmpty()) part(piece, offset);
        }
}

}  // namespace

void RingImage::redraw(const QSize& size, const Draw& draw) {
    if (m_image.size() != size) m_image = QImage(size, QImage::Format_RGB32);
    m_start = {};
    drawView(QRect(QPoint(0, 0), size), draw);
}

void RingImage::scroll(const QPoint& by, const Draw& draw) {
    const int width = m_image.width(), height = m_image.height(), dx = by.x(), dy = by.y();
    if (m_image.isNull()) return;
    if (std::abs(dx) >= width || std::abs(dy) >= height) return redraw(m_image.size(), draw);
    m_start = {wrapped(m_start.x() - dx, width), wrapped(m_start.y() - dy, height)};
    if (dx != 0) drawView(QRect(dx > 0 ? 0 : width + dx, 0, std::abs(dx), height), draw);
    if (dy != 0)
        drawView(QRect(std::max(0, dx), dy > 0 ? 0 : height + dy, width - std::abs(dx), std::abs(dy)), draw);
}

void RingImage::drawView(const QRect& view, const Draw& draw) {
    forPieces(view, m_start, m_image.size(),
              [&](const QRect& piece, const QPoint& offset) { draw(m_image, piece, offset); });
}

void RingImage::show(QPainter& painter, const QPointF& corner, double ratio) const {
    painter.save();
    painter.translate(corner);
    // In device pixels the raster engine copies; through a scale it samples, at twice the cost.
    painter.scale(1 / ratio, 1 / ratio);
    forPieces(QRect(QPoint(0, 0), m_image.size()), m_start, m_image.size(),
              [&](const QRect& piece, const QPoint& offset) {
                  painter.drawImage(piece.topLeft() - offset, m_image, piece);
              });
    painter.restore();
}

}  // namespace tessera::ui
