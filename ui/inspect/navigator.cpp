#include "ui/inspect/navigator.h"

#include <algorithm>
#include <cmath>

namespace tessera::ui {

namespace {

constexpr double kMatrixMargin = 0.97, kTileMargin = 0.94;
/// A matrix opens when its cell fills this share of the view, and closes when it is smaller than this share
/// of its fit.
constexpr double kOpenMatrix = 0.42, kCloseMatrix = 0.62;
/// How much of the view may be beyond the scene's edge, in pixels.
constexpr double kSlack = 24;

}  // namespace

void Navigator::setStructure(StructurePtr structure) {
    const auto before = std::exchange(m_structure, std::move(structure));
    const bool same = before && m_structure && before->matrices.size() == m_structure->matrices.size() &&
                      std::equal(before->matrices.begin(), before->matrices.end(),
                                 m_structure->matrices.begin(), [](const auto& a, const auto& b) {
                                     return a.name == b.name && a.rows == b.rows && a.cols == b.cols;
                                 });
    if (same) return;  // another run of the same model: one stays where one was
    m_selected = {};
    m_level = Level::Model;
    frameLevel();
}

void Navigator::setViewport(const QSizeF& size) {
    if (size == m_viewport || size.width() < 1 || size.height() < 1) return;
    const auto middle = m_camera.toScene({m_viewport.width() / 2, m_viewport.height() / 2});
    m_viewport = size;
    if (m_framed) return frameLevel();
    m_camera.origin += QPointF(size.width() / 2, size.height() / 2) - m_camera.toView(middle.x(), middle.y());
    clamp();
}

void Navigator::setValueSide(double pixels) {
    m_valueSide = pixels;
    if (m_framed) frameLevel();
}

QSizeF Navigator::scene() const {
    if (empty()) return {1, 1};
    if (m_level == Level::Model)
        return {static_cast<double>(m_structure->projections.size()),
                static_cast<double>(m_structure->blocks)};
    return {static_cast<double>(matrix().cols), static_cast<double>(matrix().rows)};
}

QRectF Navigator::visible() const {
    return QRectF(m_camera.toScene({0, 0}), m_camera.toScene({m_viewport.width(), m_viewport.height()}))
        .intersected(QRectF(QPointF(0, 0), scene()));
}

bool Navigator::zoomedIn() const {
    const auto size = scene();
    const auto part = visible();
    return part.width() * part.height() < 0.8 * size.width() * size.height();
}

double Navigator::fitScale(double width, double height) const {
    return std::min(m_viewport.width() / width, m_viewport.height() / height);
}

double Navigator::fitMatrix() const {
    return kMatrixMargin * fitScale(static_cast<double>(matrix().cols), static_cast<double>(matrix().rows));
}

QRectF Navigator::tileRect() const {
    const auto top = tileRow() * m_structure->tileRows, left = tileCol() * m_structure->tileCols;
    return QRectF(static_cast<double>(left), static_cast<double>(top),
                  static_cast<double>(std::min(m_structure->tileCols, matrix().cols - left)),
                  static_cast<double>(std::min(m_structure->tileRows, matrix().rows - top)));
}

double Navigator::fitTile() const {
    // Of a whole tile, so that ragged ones at the edges are drawn at the scale of their neighbours.
    return kTileMargin * fitScale(static_cast<double>(std::min(m_structure->tileCols, matrix().cols)),
                                  static_cast<double>(std::min(m_structure->tileRows, matrix().rows)));
}

QRectF Navigator::selectedRect() const {
    switch (m_level) {
        case Level::Model:
            return QRectF(matrix().projection, matrix().block, 1, 1);
        case Level::Matrix:
            return tileRect();
        default:
            return QRectF(static_cast<double>(m_selected.col), static_cast<double>(m_selected.row), 1, 1);
    }
}

void Navigator::frame(const QRectF& scene, double scale) {
    m_camera.scaleX = m_camera.scaleY = scale;
    const auto middle = scene.center();
    m_camera.origin = {m_viewport.width() / 2 - middle.x() * scale,
                       m_viewport.height() / 2 - middle.y() * scale};
    clamp();
}

void Navigator::frameLevel() {
    m_framed = true;
    if (empty()) return;
    const auto size = scene();
    switch (m_level) {
        case Level::Model:
            m_camera = {m_viewport.width() / size.width(), m_viewport.height() / size.height(), {0, 0}};
            break;
        case Level::Matrix:
            frame(QRectF(QPointF(0, 0), size), fitMatrix());
            break;
        case Level::Tile:
            frame(tileRect(), fitTile());
            break;
        case Level::Group: {
            // Whole groups side by side, as many as their values can be printed in, from the view's left edge
            // on.
            const double side = std::max(m_valueSide, fitTile() * 1.35);
            const double columns = std::max(4.0, std::floor(m_viewport.width() / side / 4) * 4);
            const double scale = m_viewport.width() / columns;
            const auto col = static_cast<double>(m_selected.col / 4 * 4),
                       row = static_cast<double>(m_selected.row);
            const double first = std::clamp(std::round((col + 2 - columns / 2) / 4) * 4, 0.0,
                                            std::max(0.0, std::ceil((size.width() - columns) / 4) * 4));
            const double above = std::max(0.0, std::floor(m_viewport.height() / scale / 2 - 0.5));
            m_camera = {scale, scale, {-first * scale, -std::max(0.0, row - above) * scale}};
            clamp();
            break;
        }
    }
}

void Navigator::clamp() {
    if (empty()) return;
    const auto size = scene();
    const auto held = [](double origin, double length, double view) {
        if (length <= view) return (view - length) / 2;
        return std::clamp(origin, view - length - kSlack, kSlack);
    };
    m_camera.origin = {held(m_camera.origin.x(), size.width() * m_camera.scaleX, m_viewport.width()),
                       held(m_camera.origin.y(), size.height() * m_camera.scaleY, m_viewport.height())};
}

void Navigator::reveal() {
    const auto rect = selectedRect();
    const auto low = m_camera.toView(rect.left(), rect.top()),
               high = m_camera.toView(rect.right(), rect.bottom());
    const auto shift = [](double from, double to, double view) {
        if (from < 0) return std::min(-from + kSlack, view / 2);
        if (to > view) return -std::min(to - view + kSlack, view / 2);
        return 0.0;
    };
    const QPointF by(shift(low.x(), high.x(), m_viewport.width()),
                     shift(low.y(), high.y(), m_viewport.height()));
    if (by.isNull()) return;
    m_camera.origin += by;
    m_framed = false;
    clamp();
}

/// The trail names what is in view: a selection that was moved out of it is taken anew from the middle.
void Navigator::followView() {
    if (m_level != Level::Tile && m_level != Level::Group) return;
    const auto rect = m_level == Level::Tile ? tileRect() : selectedRect();
    if (rect.intersects(visible())) return;
    const auto middle = visible().center();
    m_selected.row = std::clamp<std::int64_t>(static_cast<std::int64_t>(middle.y()), 0, matrix().rows - 1);
    m_selected.col = std::clamp<std::int64_t>(static_cast<std::int64_t>(middle.x()), 0, matrix().cols - 1);
}

std::optional<Place> Navigator::at(const QPointF& point) const {
    if (empty()) return std::nullopt;
    const auto where = m_camera.toScene(point);
    if (where.x() < 0 || where.y() < 0 || where.x() >= scene().width() || where.y() >= scene().height())
        return std::nullopt;
    const auto col = static_cast<std::int64_t>(where.x()), row = static_cast<std::int64_t>(where.y());
    if (m_level != Level::Model) return Place{m_selected.matrix, row, col};
    const int matrix = m_structure->at(static_cast<int>(row), static_cast<int>(col));
    return matrix < 0 ? std::nullopt : std::optional(Place{matrix, 0, 0});
}

bool Navigator::select(const QPointF& point) {
    const auto place = at(point);
    if (!place) return false;
    if (m_level != Level::Model)
        m_selected = *place;
    else
        setMatrix(place->matrix);
    return true;
}

void Navigator::select(const Place& place) {
    if (empty()) return;
    const int matrix = std::clamp(place.matrix, 0, static_cast<int>(m_structure->matrices.size()) - 1);
    const bool other = matrix != m_selected.matrix;
    m_selected = {matrix, std::clamp<std::int64_t>(place.row, 0, info(matrix).rows - 1),
                  std::clamp<std::int64_t>(place.col, 0, info(matrix).cols - 1)};
    if (other && m_level != Level::Model)
        frameLevel();
    else
        reveal();
}

void Navigator::setMatrix(int matrix) {
    if (matrix == m_selected.matrix) return;
    m_selected.matrix = matrix;
    m_selected.row = std::min(m_selected.row, info(matrix).rows - 1);
    m_selected.col = std::min(m_selected.col, info(matrix).cols - 1);
}

void Navigator::zoom(double factor, const QPointF& about) {
    if (empty()) return;
    const auto fixed = m_camera.toScene(about);
    const auto under = at(about);
    if (m_level == Level::Model) {
        const auto size = scene();
        const double least = m_viewport.width() / size.width();
        const double to = std::max(1.0, m_camera.scaleX * factor / least);
        m_camera.scaleX = least * to;
        m_camera.scaleY = m_viewport.height() / size.height() * to;
        if (factor > 1 && under &&
            std::max(m_camera.scaleX / m_viewport.width(), m_camera.scaleY / m_viewport.height()) >=
                kOpenMatrix) {
            setMatrix(under->matrix);
            return goTo(Level::Matrix);
        }
    } else {
        const double greatest = std::max(m_valueSide * 2.4, fitTile() * 2);
        const double scale = std::min(m_camera.scaleX * factor, greatest);
        const double matrixFit = fitMatrix(), tileFit = fitTile();
        if (factor < 1 && scale < matrixFit * kCloseMatrix) return goTo(Level::Model);
        m_camera.scaleX = m_camera.scaleY = scale;

        const double far = std::max(tileFit, matrixFit * 1.5);
        const double openTile = std::cbrt(matrixFit * far * far);
        const double closeTile = std::min(std::cbrt(matrixFit * matrixFit * far), tileFit * 0.8);
        const double openGroup = std::max(m_valueSide, tileFit * 1.3), closeGroup = openGroup * 0.75;
        const auto before = m_level;
        if (factor > 1) {
            if (m_level == Level::Matrix && scale >= openTile) m_level = Level::Tile;
            if (m_level == Level::Tile && scale >= openGroup) m_level = Level::Group;
        } else {
            if (m_level == Level::Group && scale < closeGroup) m_level = Level::Tile;
            if (m_level == Level::Tile && scale < closeTile) m_level = Level::Matrix;
        }
        if (m_level > before && under) m_selected = *under;
    }
    m_camera.origin = about - QPointF(fixed.x() * m_camera.scaleX, fixed.y() * m_camera.scaleY);
    m_framed = false;
    clamp();
    followView();
}

void Navigator::pan(const QPointF& by) {
    if (empty()) return;
    const auto before = m_camera.origin;
    m_camera.origin += by;
    clamp();
    if (m_camera.origin == before) return;
    m_framed = false;
    followView();
}

void Navigator::goTo(Level level) {
    m_level = level;
    frameLevel();
}

void Navigator::descend() {
    if (!empty() && m_level != Level::Group) goTo(static_cast<Level>(static_cast<int>(m_level) + 1));
}

void Navigator::ascend() {
    if (!empty() && m_level != Level::Model) goTo(static_cast<Level>(static_cast<int>(m_level) - 1));
}

void Navigator::move(int columns, int rows) {
    if (empty()) return;
    if (m_level == Level::Model) {
        const int block = std::clamp(matrix().block + rows, 0, m_structure->blocks - 1);
        const int projection = std::clamp(matrix().projection + columns, 0,
                                          static_cast<int>(m_structure->projections.size()) - 1);
        if (const int to = m_structure->at(block, projection); to >= 0) setMatrix(to);
    } else {
        const auto high = m_level == Level::Matrix ? m_structure->tileRows : 1,
                   wide = m_level == Level::Matrix ? m_structure->tileCols : 1;
        const auto moved = [](std::int64_t at, std::int64_t by, std::int64_t step, std::int64_t size) {
            return std::clamp<std::int64_t>(at / step + by, 0, (size - 1) / step) * step +
                   (by == 0 ? at % step : 0);
        };
        m_selected.row = moved(m_selected.row, rows, high, matrix().rows);
        m_selected.col = moved(m_selected.col, columns, wide, matrix().cols);
    }
    reveal();
}

void Navigator::stepMatrix(int by) {
    if (empty()) return;
    setMatrix(std::clamp(m_selected.matrix + by, 0, static_cast<int>(m_structure->matrices.size()) - 1));
    if (m_level == Level::Model)
        reveal();
    else
        frameLevel();
}

void Navigator::stepBlock(int by) {
    if (empty()) return;
    const int to = m_structure->at(matrix().block + by, matrix().projection);
    if (to < 0) return;
    setMatrix(to);
    if (m_level == Level::Model)
        reveal();
    else
        frameLevel();
}

}  // namespace tessera::ui
