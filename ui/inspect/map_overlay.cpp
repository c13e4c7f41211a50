#include "ui/inspect/map_overlay.h"

#include <QFontMetricsF>
#include <algorithm>
#include <cmath>
#include <functional>

#include "ui/inspect/read_out.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr double kTextCell = 44;        ///< a cell of the model has its number from this width on
constexpr double kMosaicLine = 5;       ///< tiles of the model have lines from this size on
constexpr double kTileLine = 10;        ///< tiles have lines from this size on
constexpr double kGroupLine = 3;        ///< groups of four have lines from this size of a weight on
constexpr double kViolationLine = 3.5;  ///< and outlines where they are not 2:4

QColor faded(const QColor& colour, double alpha) {
    QColor made = colour;
    made.setAlphaF(static_cast<float>(alpha));
    return made;
}

/// A whole logical line at a scene's coordinate, sharp at any scale.
double sharp(double at, const QPainter& painter) {
    const double ratio = painter.device()->devicePixelRatioF();
    return std::round(at * ratio) / ratio;
}

/// 1, 2, 5, 10, ... (or 1, 4, 8, 16, ... for weights): the first that leaves `room` pixels a label.
std::int64_t labelStep(double unit, double room, bool weights) {
    std::int64_t step = 1;
    for (int i = 0; static_cast<double>(step) * unit < room && step < (std::int64_t(1) << 40); ++i)
        step = weights ? (step == 1 ? 4 : step * 2) : (i % 3 == 1 ? step / 2 * 5 : step * 2);
    return step;
}

}  // namespace

MapOverlay::MapOverlay(const MapData& data, const Navigator& navigator, const Look& look,
                       const ThemeTokens& tokens, const QFont& font, bool focused)
    : m_data(data),
      m_navigator(navigator),
      m_look(look),
      m_tokens(tokens),
      m_font(font),
      m_focused(focused) {}

double MapOverlay::valueSide(const QFont& font) {
    return std::ceil(QFontMetricsF(font).horizontalAdvance(QStringLiteral("−0.00012")) + kGap);
}

MapOverlay::Window MapOverlay::window(const Camera& camera) const {
    return window(camera, QRectF(QPointF(0, 0), m_navigator.viewport()));
}

MapOverlay::Window MapOverlay::window(const Camera& camera, const QRectF& area) const {
    const auto& info = m_navigator.matrix();
    const auto low = camera.toScene(area.topLeft()), high = camera.toScene(area.bottomRight());
    const auto held = [](double value, std::int64_t size) {
        return static_cast<std::int64_t>(std::clamp(value, 0.0, static_cast<double>(size)));
    };
    return {held(std::floor(low.y()), info.rows), held(std::floor(low.x()), info.cols),
            held(std::ceil(high.y()), info.rows), held(std::ceil(high.x()), info.cols)};
}

void MapOverlay::paint(QPainter& painter, const MapPainter& cells, const Camera& camera) const {
    if (m_navigator.empty() || !m_data.frame) return;
    painter.setFont(m_font);
    if (m_navigator.level() == Level::Model) {
        paintModelText(painter, cells, camera);
    } else {
        paintLines(painter, camera);
        if (m_navigator.level() == Level::Matrix && m_look.colouring <= Colouring::TileKind)
            paintProfiles(painter, camera);
        if (m_navigator.level() == Level::Tile) paintSurroundings(painter, camera);
        if (m_navigator.level() >= Level::Tile && camera.scaleX >= kViolationLine)
            paintViolations(painter, camera);
    }
    paintSelection(painter, camera);
}

void MapOverlay::paintModelText(QPainter& painter, const MapPainter& cells, const Camera& camera) const {
    const QFontMetricsF metrics(m_font);
    if (m_look.colouring == Colouring::TileKind) paintMosaicLines(painter, camera);
    if (m_look.colouring == Colouring::TileKind || camera.scaleX < kTextCell ||
        camera.scaleY < metrics.height() * 1.15)
        return;
    for (std::size_t i = 0; i < m_data.structure->matrices.size(); ++i) {
        const auto& info = m_data.structure->matrices[i];
        double share = m_data.frame->summary[i].density;
        int decimals = 1;
        if (m_look.colouring == Colouring::Changed) {
            if (!m_data.changes || m_data.changes->step != m_data.frame->step) continue;
            share = static_cast<double>(m_data.changes->changed[i]) / static_cast<double>(info.elements());
            decimals = cells.range().high < 0.001 ? 4 : 2;
        }
        const QRectF cell(camera.toView(info.projection, info.block),
                          camera.toView(info.projection + 1, info.block + 1));
        painter.setPen(readableOn(cells.matrixColour(static_cast<int>(i))));
        painter.drawText(cell, Qt::AlignCenter, percentText(share, decimals));
    }
}

/// Fine lines between tiles that are large enough, so that matrices are mosaics rather than blots.
void MapOverlay::paintMosaicLines(QPainter& painter, const Camera& camera) const {
    const auto& structure = *m_data.structure;
    const double ratio = painter.device()->devicePixelRatioF(), width = 1 / ratio;
    const Camera device{camera.scaleX * ratio, camera.scaleY * ratio, camera.origin * ratio};
    for (const auto& info : structure.matrices) {
        const auto pixels = MapPainter::modelCell(info, device, ratio);
        const QRectF cell(QPointF(pixels.topLeft()) / ratio, QSizeF(pixels.size()) / ratio);
        const double across = cell.width() * static_cast<double>(structure.tileCols) /
                              static_cast<double>(info.cols),
                     down = cell.height() * static_cast<double>(structure.tileRows) /
                            static_cast<double>(info.rows);
        if (across < kMosaicLine || down < kMosaicLine) continue;
        for (double x = cell.left() + across; x < cell.right() - 1; x += across)
            painter.fillRect(QRectF(sharp(x, painter), cell.top(), width, cell.height()), m_tokens.raised);
        for (double y = cell.top() + down; y < cell.bottom() - 1; y += down)
            painter.fillRect(QRectF(cell.left(), sharp(y, painter), cell.width(), width), m_tokens.raised);
    }
}

QRectF MapOverlay::tileRect(const Camera& camera) const {
    const auto& structure = *m_data.structure;
    const auto& info = m_navigator.matrix();
    const auto left = m_navigator.tileCol() * structure.tileCols,
               top = m_navigator.tileRow() * structure.tileRows;
    return QRectF(camera.toView(static_cast<double>(left), static_cast<double>(top)),
                  camera.toView(static_cast<double>(std::min(left + structure.tileCols, info.cols)),
                                static_cast<double>(std::min(top + structure.tileRows, info.rows))));
}

/// The tiles around the selected one step back.
void MapOverlay::paintSurroundings(QPainter& painter, const Camera& camera) const {
    const auto& info = m_navigator.matrix();
    const auto view = QRectF(camera.toView(0, 0),
                             camera.toView(static_cast<double>(info.cols), static_cast<double>(info.rows)))
                          .intersected(QRectF(QPointF(0, 0), m_navigator.viewport()));
    const auto tile = tileRect(camera).intersected(view);
    const auto veil = faded(m_tokens.raised, m_tokens.dark ? 0.55 : 0.6);
    if (tile.isEmpty()) return;
    painter.fillRect(QRectF(view.topLeft(), QPointF(view.right(), tile.top())), veil);
    painter.fillRect(QRectF(QPointF(view.left(), tile.bottom()), view.bottomRight()), veil);
    painter.fillRect(QRectF(QPointF(view.left(), tile.top()), tile.bottomLeft()), veil);
    painter.fillRect(QRectF(tile.topRight(), QPointF(view.right(), tile.bottom())), veil);
}

/// Where the view has room beside or below the matrix: the share kept of each band of rows, or columns.
void MapOverlay::paintProfiles(QPainter& painter, const Camera& camera) const {
    const auto* detail = m_data.detailOf(m_navigator.selected().matrix);
    if (!detail || detail->pyramid.levels().empty()) return;
    const auto& info = m_navigator.matrix();
    const QRectF map(camera.toView(0, 0),
                     camera.toView(static_cast<double>(info.cols), static_cast<double>(info.rows)));
    const auto& view = m_navigator.viewport();
    const QFontMetricsF metrics(m_font);
    const double beside = view.width() - map.right() - kGap * 2,
                 below = view.height() - map.bottom() - kGap * 2;
    const auto& level = detail->pyramid.levelFor(3 / camera.scaleX);
    const bool rows = beside >= metrics.height() * 4, cols = below >= metrics.height() * 4;
    if (!rows && !cols) return;
    std::vector<double> byRow(static_cast<std::size_t>(level.rows)),
        byCol(static_cast<std::size_t>(level.cols));
    for (std::int64_t r = 0; r < level.rows; ++r)
        for (std::int64_t c = 0; c < level.cols; ++c) {
            const auto kept = level.kept[static_cast<std::size_t>(r * level.cols + c)];
            byRow[static_cast<std::size_t>(r)] += kept;
            byCol[static_cast<std::size_t>(c)] += kept;
        }
    const double length = std::min({rows ? beside : below, metrics.height() * 4.5, 96.0});
    const auto draw = [&](bool horizontal) {
        const auto& sums = horizontal ? byCol : byRow;
        const auto span = horizontal ? info.cols : info.rows, across = horizontal ? info.rows : info.cols;
        const double unit = horizontal ? camera.scaleX : camera.scaleY;
        const double base = (horizontal ? map.bottom() : map.right()) + kGap;
        const double start = horizontal ? map.left() : map.top();
        const auto box = [&](double from, double to, double share) {
            return horizontal ? QRectF(start + from * unit, base, (to - from) * unit, length * share)
                              : QRectF(base, start + from * unit, length * share, (to - from) * unit);
        };
        painter.fillRect(box(0, static_cast<double>(span), 1), faded(m_tokens.grid, 0.6));
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const auto from = static_cast<std::int64_t>(i) * level.cell,
                       to = std::min(from + level.cell, span);
            const double share = sums[i] / static_cast<double>((to - from) * across);
            painter.fillRect(box(static_cast<double>(from), static_cast<double>(to), share),
                             faded(m_tokens.textMuted, 0.5));
        }
        painter.setPen(m_tokens.textMuted);
        const auto whole = box(0, static_cast<double>(span), 1);
        const auto text =
            horizontal ? QStringLiteral("kept by column, 0 to 100 %") : QStringLiteral("kept by row");
        if (horizontal)
            painter.drawText(QRectF(whole.left(), whole.bottom() + 2, whole.width(), metrics.height()),
                             Qt::AlignLeft | Qt::AlignTop, text);
        else if (beside > length + metrics.height() * 1.5) {
            painter.save();
            painter.translate(whole.right() + 4, whole.top());
            painter.rotate(90);
            painter.drawText(QRectF(0, -metrics.height(), whole.height(), metrics.height()),
                             Qt::AlignLeft | Qt::AlignVCenter, text + QStringLiteral(", 0 to 100 %"));
            painter.restore();
        }
    };
    if (rows) draw(false);
    if (cols) draw(true);
}

void MapOverlay::paintLines(QPainter& painter, const Camera& camera) const {
    const auto& structure = *m_data.structure;
    const auto view = window(camera);
    const auto& info = m_navigator.matrix();
    const double left = std::max(0.0, camera.toView(0, 0).x()), top = std::max(0.0, camera.toView(0, 0).y()),
                 right = std::min(m_navigator.viewport().width(),
                                  camera.toView(static_cast<double>(info.cols), 0).x()),
                 bottom = std::min(m_navigator.viewport().height(),
                                   camera.toView(0, static_cast<double>(info.rows)).y());
    const double ratio = painter.device()->devicePixelRatioF();
    const auto down = [&](std::int64_t col, double width) {
        const double x = sharp(camera.toView(static_cast<double>(col), 0).x(), painter) - width / 2;
        painter.fillRect(QRectF(x, top, width, bottom - top), painter.brush());
    };
    const auto across = [&](std::int64_t row, double width) {
        const double y = sharp(camera.toView(0, static_cast<double>(row)).y(), painter) - width / 2;
        painter.fillRect(QRectF(left, y, right - left, width), painter.brush());
    };
    const bool near = m_navigator.level() >= Level::Tile;
    // Lines have the colour of the page behind the map, so that cells look cut apart and keep their own
    // colour.
    if (near && camera.scaleX >= kGroupLine) {
        const double width = camera.scaleX >= 16 ? std::max(1.0, std::round(2 * ratio) / ratio) : 1 / ratio;
        painter.setBrush(faded(m_tokens.raised, camera.scaleX >= 9 ? 1 : camera.scaleX >= 5 ? 0.65 : 0.4));
        for (auto col = (view.left / 4 + 1) * 4; col < view.right; col += 4) down(col, width);
        if (camera.scaleX >= 9) {
            painter.setBrush(faded(m_tokens.raised, camera.scaleX >= 16 ? 0.9 : 0.55));
            for (auto row = view.top + 1; row < view.bottom; ++row) across(row, 1 / ratio);
        }
        if (camera.scaleX >= 16) {
            painter.setBrush(faded(m_tokens.raised, 0.5));
            for (auto col = view.left + 1; col < view.right; ++col)
                if (col % 4 != 0) down(col, 1 / ratio);
        }
    }
    if (camera.scaleX * static_cast<double>(structure.tileCols) < kTileLine ||
        camera.scaleY * static_cast<double>(structure.tileRows) < kTileLine)
        return;
    const double width =
        near ? std::max(2.0, std::round(3 * ratio) / ratio) : std::max(1.0, std::round(ratio) / ratio);
    painter.setBrush(m_tokens.raised);
    for (auto col = (view.left / structure.tileCols + 1) * structure.tileCols; col < view.right;
         col += structure.tileCols)
        down(col, width);
    for (auto row = (view.top / structure.tileRows + 1) * structure.tileRows; row < view.bottom;
         row += structure.tileRows)
        across(row, width);
}

bool MapOverlay::printsValues(const Camera& camera) const {
    return m_navigator.level() >= Level::Tile && camera.scaleX >= m_navigator.valueSide() * 0.98;
}

void MapOverlay::paintValues(QImage& image, const QRect& area, const MapPainter& cells, const Camera& camera,
                             double ratio) const {
    const int matrix = m_navigator.selected().matrix;
    const auto* detail = m_data.detailOf(matrix);
    if (!detail) return;
    const auto& structure = *m_data.structure;
    const auto view = window(camera, QRectF(area));
    QPainter painter(&image);
    painter.setClipRect(area);
    QFont strong = m_font, struck = m_font;
    const double grown = ratio * std::clamp(camera.scaleX / ratio / m_navigator.valueSide(), 1.0, 1.4);
    strong.setPointSizeF(m_font.pointSizeF() * grown);
    strong.setWeight(QFont::DemiBold);
    struck.setPointSizeF(m_font.pointSizeF() * grown);
    struck.setStrikeOut(true);
    const QFontMetrics strongMetrics(strong, &image), struckMetrics(struck, &image);
    // Halves to one side, so that a rounding error does not tell where the picture was dragged to.
    const auto whole = [](double at) { return static_cast<int>(std::floor(at + 0.501)); };
    for (auto row = view.top; row < view.bottom; ++row)
        for (auto col = view.left; col < view.right; ++col) {
            const auto* values = m_data.valuesOf(matrix, row / structure.tileRows, col / structure.tileCols);
            if (!values || values->weights.empty()) continue;
            const bool kept = detail->mask.keeps(row * detail->mask.cols + col);
            const auto back = cells.weightBackground(matrix, row, col);
            const auto text = weightText(static_cast<double>(values->weight(row, col)));
            const auto& metrics = kept ? strongMetrics : struckMetrics;
            const auto middle = camera.toView(static_cast<double>(col) + 0.5, static_cast<double>(row) + 0.5);
            painter.setFont(kept ? strong : struck);
            painter.setPen(back == m_tokens.paper.rgb() ? m_tokens.textMuted : readableOn(back));
            painter.drawText(whole(middle.x() - metrics.horizontalAdvance(text) / 2.0),
                             whole(middle.y() + (metrics.ascent() - metrics.descent()) / 2.0), text);
        }
}

void MapOverlay::paintViolations(QPainter& painter, const Camera& camera) const {
    const int matrix = m_navigator.selected().matrix;
    const auto view = window(camera);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(m_tokens.bad, 2));
    for (auto row = view.top; row < view.bottom; ++row)
        for (auto col = view.left / 4 * 4; col < view.right; col += 4)
            if (m_data.violates(matrix, row, col))
                painter.drawRect(
                    QRectF(camera.toView(static_cast<double>(col), static_cast<double>(row)),
                           camera.toView(static_cast<double>(col + 4), static_cast<double>(row + 1)))
                        .adjusted(1, 1, -1, -1));
}

void MapOverlay::paintSelection(QPainter& painter, const Camera& camera) const {
    const auto& place = m_navigator.selected();
    const auto& info = m_navigator.matrix();
    const bool near = m_navigator.level() >= Level::Tile;
    // On coloured cells the text's colour is the one that none of them has.
    const auto colour = !m_focused ? m_tokens.textMuted : near ? m_tokens.accent : m_tokens.text;
    const auto rectOf = [&](double left, double top, double width, double height) {
        return QRectF(camera.toView(left, top), camera.toView(left + width, top + height));
    };
    const auto weight = rectOf(static_cast<double>(place.col), static_cast<double>(place.row), 1, 1);
    const auto frame = [&](QRectF rect) {
        const double least = 6;
        if (rect.width() < least) rect.adjust((rect.width() - least) / 2, 0, (least - rect.width()) / 2, 0);
        if (rect.height() < least)
            rect.adjust(0, (rect.height() - least) / 2, 0, (least - rect.height()) / 2);
        painter.setBrush(Qt::NoBrush);
        // A rim of the page's colour keeps the frame visible on every cell.
        painter.setPen(QPen(m_tokens.raised, 4.5, Qt::SolidLine, Qt::SquareCap, Qt::MiterJoin));
        painter.drawRect(rect);
        painter.setPen(QPen(colour, 2, Qt::SolidLine, Qt::SquareCap, Qt::MiterJoin));
        painter.drawRect(rect);
    };
    switch (m_navigator.level()) {
        case Level::Model:
            return frame(rectOf(info.projection, info.block, 1, 1).adjusted(1, 1, -1, -1));
        case Level::Matrix:
            return frame(tileRect(camera));
        case Level::Tile:
            painter.setBrush(Qt::NoBrush);
            painter.setPen(QPen(colour, 1));
            painter.drawRect(tileRect(camera));
            return frame(weight);
        case Level::Group: {
            const auto first = place.col / 4 * 4;
            frame(rectOf(static_cast<double>(first), static_cast<double>(place.row),
                         static_cast<double>(std::min<std::int64_t>(4, info.cols - first)), 1));
            painter.setBrush(Qt::NoBrush);
            painter.setPen(QPen(colour, 1, Qt::DashLine));
            painter.drawRect(weight.adjusted(4, 4, -4, -4));
        }
    }
}

void MapOverlay::paintRulers(QPainter& painter, const Camera& camera, double left, double top) const {
    if (m_navigator.empty()) return;
    const QFontMetricsF metrics(m_font);
    painter.setFont(m_font);
    const auto level = m_navigator.level();
    const auto& view = m_navigator.viewport();
    const auto& structure = *m_data.structure;
    // Numbers stand at the map's own edge where that is in view.
    const QPointF beside(std::max(0.0, camera.origin.x()), std::max(0.0, camera.origin.y()));
    const auto number = [](std::int64_t value) { return QString::number(value); };
    const auto draw = [&](bool horizontal, std::int64_t count, double unit, std::int64_t step,
                          std::int64_t selected, const std::function<QString(std::int64_t)>& text,
                          double size) {
        const double origin = horizontal ? camera.origin.x() : camera.origin.y();
        const double length = horizontal ? view.width() : view.height();
        const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(-origin / unit)));
        for (auto i = first / step * step; i < count; i += step) {
            // The last cell may be ragged: its middle is nearer.
            const double from = origin + static_cast<double>(i) * unit,
                         to = std::min(from + unit, origin + size), middle = (from + to) / 2;
            if (middle > length) break;
            if (middle < 0) continue;
            painter.setPen(i == selected ? m_tokens.text : m_tokens.textMuted);
            const QRectF box = horizontal ? QRectF(left + middle - 60, beside.y(), 120, top - 3)
                                          : QRectF(beside.x(), top + middle - metrics.height(), left - 6,
                                                   metrics.height() * 2);
            painter.drawText(
                box, horizontal ? Qt::AlignHCenter | Qt::AlignBottom : Qt::AlignRight | Qt::AlignVCenter,
                text(i));
        }
    };
    const double across = metrics.horizontalAdvance(QStringLiteral("00000")) + kGap,
                 down = metrics.height() * 1.1;
    if (level == Level::Model) {
        draw(
            true, structure.projections.size(), camera.scaleX, 1, m_navigator.matrix().projection,
            [&](std::int64_t i) { return structure.projections[static_cast<int>(i)]; }, 1e9);
        draw(false, structure.blocks, camera.scaleY, labelStep(camera.scaleY, down, false),
             m_navigator.matrix().block, number, 1e9);
        return;
    }
    const auto& info = m_navigator.matrix();
    const double width = static_cast<double>(info.cols) * camera.scaleX,
                 height = static_cast<double>(info.rows) * camera.scaleY;
    if (level == Level::Matrix) {
        const double tileWidth = camera.scaleX * static_cast<double>(structure.tileCols),
                     tileHeight = camera.scaleY * static_cast<double>(structure.tileRows);
        draw(true, structure.gridCols(m_navigator.selected().matrix), tileWidth,
             labelStep(tileWidth, metrics.horizontalAdvance(QStringLiteral("000")) + kGap / 2, false),
             m_navigator.tileCol(), number, width);
        draw(false, structure.gridRows(m_navigator.selected().matrix), tileHeight,
             labelStep(tileHeight, down, false), m_navigator.tileRow(), number, height);
        return;
    }
    draw(true, info.cols, camera.scaleX, labelStep(camera.scaleX, across, true), m_navigator.selected().col,
         number, width);
    draw(false, info.rows, camera.scaleY, labelStep(camera.scaleY, down, true), m_navigator.selected().row,
         number, height);
}

}  // namespace tessera::ui
