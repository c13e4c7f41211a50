#include <QPainter>
#include <cmath>

#include "ui/inspect/heatmap_view.h"
#include "ui/widgets/basics.h"

// How the view keeps its image: cells and their numbers are drawn once, dragging draws what comes into view,
// and lines, marks and rulers go on top at every paint.

namespace tessera::ui {

namespace {

constexpr double kMinimapSide = 112;

}  // namespace

void HeatmapView::draw() {
    const double ratio = devicePixelRatioF();
    const auto area = mapRect();
    const QSize size(static_cast<int>(std::ceil(area.width() * ratio)),
                     static_cast<int>(std::ceil(area.height() * ratio)));
    const auto& looked = m_navigator.camera();
    const Camera camera{
        looked.scaleX * ratio, looked.scaleY * ratio,
        QPointF(std::round(looked.origin.x() * ratio), std::round(looked.origin.y() * ratio))};
    m_painted = {looked.scaleX, looked.scaleY, camera.origin / ratio};
    const ImageKey key{m_navigator.level(),
                       m_navigator.selected().matrix,
                       camera.scaleX,
                       camera.scaleY,
                       m_range.low,
                       m_range.high,
                       m_look,
                       m_version,
                       size};
    if (key == m_key && camera.origin == m_imageOrigin) return;
    const auto& tokens = Theme::instance().tokens();
    MapPainter cells(m_data, m_look, tokens);
    cells.setRange(m_range);
    const MapOverlay overlay(m_data, m_navigator, m_look, tokens, font(), hasFocus());
    const auto part = [&](QImage& image, const QRect& piece, const QPoint& offset) {
        const Camera moved{camera.scaleX, camera.scaleY, camera.origin + offset};
        cells.paint(image, piece, m_navigator, moved, ratio);
        // Numbers cost more than all else: what is dragged takes them along.
        if (overlay.printsValues(m_painted)) overlay.paintValues(image, piece, cells, moved, ratio);
    };
    if (key == m_key)
        m_image.scroll((camera.origin - m_imageOrigin).toPoint(), part);
    else
        m_image.redraw(size, part);
    m_key = key;
    m_imageOrigin = camera.origin;
}

void HeatmapView::paintEvent(QPaintEvent*) {
    const auto& tokens = Theme::instance().tokens();
    QPainter painter(this);
    if (m_navigator.empty() || !m_data.frame) {
        painter.fillRect(rect(), tokens.raised);
    } else {
        draw();
        const auto area = mapRect();
        for (const auto& side : QRegion(rect()) - QRegion(area.toRect()))
            painter.fillRect(side, tokens.raised);
        m_image.show(painter, area.topLeft(), devicePixelRatioF());
        MapPainter cells(m_data, m_look, tokens);
        cells.setRange(m_range);
        const MapOverlay overlay(m_data, m_navigator, m_look, tokens, font(), hasFocus());
        painter.save();
        painter.setClipRect(area);
        painter.translate(area.topLeft());
        overlay.paint(painter, cells, m_painted);
        painter.restore();
        overlay.paintRulers(painter, m_painted, m_left, m_top);
        // Among printed values it would hide more than it tells, but on a large window.
        const bool room = m_navigator.level() < Level::Group || area.width() >= kMinimapSide * 6;
        if (m_navigator.level() != Level::Model && m_navigator.zoomedIn() && room) paintMinimap(painter);
    }
}

/// The whole matrix in a corner, with a frame around what is in view.
void HeatmapView::paintMinimap(QPainter& painter) {
    const auto& tokens = Theme::instance().tokens();
    const double ratio = devicePixelRatioF();
    const auto scene = m_navigator.scene();
    const double scale = (m_navigator.level() == Level::Group ? kMinimapSide * 0.75 : kMinimapSide) /
                         std::max(scene.width(), scene.height());
    const QSizeF size(std::max(12.0, scene.width() * scale), std::max(12.0, scene.height() * scale));
    const QSize pixels(static_cast<int>(size.width() * ratio), static_cast<int>(size.height() * ratio));
    auto look = m_look;
    look.colouring = m_look.colouring == Colouring::TileKind || m_data.claimsTiles ? Colouring::TileKind
                                                                                   : Colouring::TileDensity;
    const ImageKey key{Level::Matrix, m_navigator.selected().matrix, ratio, 0, 0, 0, look, m_version, pixels};
    if (key != m_minimapKey) {
        m_minimap = QImage(pixels, QImage::Format_RGB32);
        const MapPainter cells(m_data, look, tokens);
        cells.paintMatrix(m_minimap, m_navigator.selected().matrix);
        m_minimapKey = key;
    }
    const auto area = mapRect();
    QRectF box(QPointF(area.right() - size.width() - kGap * 1.5, area.bottom() - size.height() - kGap * 1.5),
               size);
    // Not over what is selected: then in the other corner.
    const auto& place = m_navigator.selected();
    const auto selected =
        m_painted.toView(static_cast<double>(place.col), static_cast<double>(place.row)) + area.topLeft();
    const double side = std::max(m_painted.scaleX, 8.0) * 4;
    if (box.adjusted(-side, -side, side, side).contains(selected)) box.moveLeft(area.left() + kGap * 1.5);
    painter.fillRect(box.adjusted(-4, -4, 4, 4), tokens.raised);
    painter.setPen(QPen(tokens.border, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(box.adjusted(-4, -4, 4, 4));
    painter.drawImage(box, m_minimap);
    const auto view = m_navigator.visible();
    QRectF seen(box.x() + view.x() / scene.width() * size.width(),
                box.y() + view.y() / scene.height() * size.height(),
                view.width() / scene.width() * size.width(), view.height() / scene.height() * size.height());
    if (seen.width() < 5) seen.adjust(-2.5, 0, 2.5, 0);
    if (seen.height() < 5) seen.adjust(0, -2.5, 0, 2.5);
    painter.setPen(QPen(tokens.raised, 3));
    painter.drawRect(seen);
    painter.setPen(QPen(tokens.accent, 1.5));
    painter.drawRect(seen);
}

}  // namespace tessera::ui
