#include "ui/inspect/map_painter.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tessera::ui {

namespace {

/// Side of a cell of the density, in device pixels: small enough to be a texture, large enough to be drawn
/// evenly.
constexpr double kCell = 4;
/// From this many device pixels on a weight is drawn as itself.
constexpr double kWeight = 2;
/// From this many device pixels on a pruned weight's magnitude is an inset on paper.
constexpr double kInset = 7;
/// From this many on it is a bar below the middle, which leaves room for the number.
constexpr double kBar = 40;
constexpr double kLeastMagnitude = 1e-4, kGreatestMagnitude = 1;

CellGrid planeOf(const MatrixInfo& info, const Camera& camera) {
    return {info.rows, info.cols, 1, 1, camera.scaleX, camera.scaleY, camera.origin.x(), camera.origin.y()};
}

/// The 2nd and 98th of a hundred.
ColourRange spread(std::vector<double> values) {
    if (values.empty()) return {};
    const auto nth = [&](double share) {
        const auto at =
            values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
        std::nth_element(values.begin(), at, values.end());
        return *at;
    };
    ColourRange range{nth(0.02), nth(0.98), true};
    if (range.high - range.low < 1e-6) range = {range.low - 0.005, range.high + 0.005, true};
    return range;
}

}  // namespace

const MatrixDetail* MapData::detailOf(int matrix) const {
    return detail && detail->matrix == matrix ? detail.get() : nullptr;
}

const TileValues* MapData::valuesOf(int matrix, std::int64_t tileRow, std::int64_t tileCol) const {
    const auto found = values.find({matrix, tileRow, tileCol});
    return found == values.end() ? nullptr : found->second.get();
}

TileKind MapData::kind(int matrix, std::int64_t tileRow, std::int64_t tileCol) const {
    if (!frame) return TileKind::Dense;
    const auto& tiles = frame->tiles[static_cast<std::size_t>(matrix)];
    return tiles.kind[static_cast<std::size_t>(tileRow * tiles.gridCols() + tileCol)];
}

bool MapData::violates(int matrix, std::int64_t row, std::int64_t col) const {
    const auto* mask = detailOf(matrix);
    if (!mask || !frame || !frame->summary[static_cast<std::size_t>(matrix)].pruned) return false;
    const auto first = col / 4 * 4;
    if (first + 4 > mask->mask.cols) return false;
    const auto tile = kind(matrix, row / structure->tileRows, col / structure->tileCols);
    const bool claimed = tile == TileKind::TwoFour || (claimsTwoFour && tile != TileKind::Dense) ||
                         (claimsTiles && tile != TileKind::Dense);
    return claimed && keptWithin(mask->mask, row, first, row + 1, first + 4) != 2;
}

QList<Colouring> colouringsAt(Level level, const MapData& data) {
    QList<Colouring> list;
    const bool kinds = data.claimsTiles || data.claimsTwoFour;
    switch (level) {
        case Level::Model:
            list = {Colouring::Density};
            kinds ? list.prepend(Colouring::TileKind) : list.append(Colouring::TileKind);
            break;
        case Level::Matrix:
            list = {Colouring::Density, Colouring::TileDensity};
            kinds ? list.prepend(Colouring::TileKind) : list.append(Colouring::TileKind);
            if (data.gatesTiles) list << Colouring::Gate;
            break;
        default:
            list = {Colouring::Kept};
            if (data.hasModel) list << Colouring::Magnitude;
            if (data.gatesWeights) list << Colouring::Gate;
    }
    if (data.hasHistory) list << Colouring::Changed;
    return list;
}

MapPainter::MapPainter(const MapData& data, const Look& look, const ThemeTokens& tokens)
    : m_data(data), m_look(look), m_tokens(tokens), m_background(tokens.raised.rgb()) {
    // What did not change is paper: a palette would paint the whole map for a few cells.
    m_table = colourTable(look.colouring == Colouring::Changed ? Palette::Ink : look.palette, tokens);
}

QRgb MapPainter::coloured(double value) const {
    if (m_look.colouring == Colouring::Magnitude) value = std::log10(std::max(value, 1e-30));
    return colourAt(m_table, (value - m_range.low) / (m_range.high - m_range.low));
}

void MapPainter::measure(const Navigator& navigator) {
    m_range = {};
    const int matrix = navigator.selected().matrix;
    const bool model = navigator.level() == Level::Model;
    const auto* detail = m_data.detailOf(matrix);
    switch (m_look.colouring) {
        case Colouring::Density:
        case Colouring::TileDensity: {
            if (!m_look.autoContrast || !m_data.frame) return;
            std::vector<double> values;
            if (model)
                for (const auto& summary : m_data.frame->summary) values.push_back(summary.density);
            else if (detail && m_look.colouring == Colouring::Density && !detail->pyramid.levels().empty()) {
                const auto& level = detail->pyramid.levelFor(16);
                for (std::int64_t r = 0; r < level.rows; ++r)
                    for (std::int64_t c = 0; c < level.cols; ++c)
                        values.push_back(detail->pyramid.density(level, r, c));
            } else {
                const auto& tiles = m_data.frame->tiles[static_cast<std::size_t>(matrix)].density;
                values.assign(tiles.begin(), tiles.end());
            }
            m_range = spread(std::move(values));
            return;
        }
        case Colouring::Changed: {
            // What changes between two snapshots is little: on the whole scale it would all be paper.
            double most = 0;
            if (model && m_data.changes)
                for (std::size_t i = 0; i < m_data.changes->changed.size(); ++i)
                    most = std::max(most, static_cast<double>(m_data.changes->changed[i]) /
                                              static_cast<double>(m_data.structure->matrices[i].elements()));
            if (!model && detail && detail->hasChanges && !detail->changes.levels().empty()) {
                const auto& level = detail->changes.levelFor(16);
                for (std::int64_t r = 0; r < level.rows; ++r)
                    for (std::int64_t c = 0; c < level.cols; ++c)
                        most = std::max(most, detail->changes.density(level, r, c));
            }
            m_range = {0, std::max(most, 1e-4), true};
            return;
        }
        case Colouring::Magnitude: {
            m_range = {std::log10(kLeastMagnitude), std::log10(kGreatestMagnitude), false};
            if (!m_look.autoContrast) return;
            std::vector<double> values;
            for (const auto& [key, tile] : m_data.values)
                if (std::get<0>(key) == matrix)
                    for (const float weight : tile->weights)
                        if (weight != 0) values.push_back(std::log10(std::abs(static_cast<double>(weight))));
            if (!values.empty()) m_range = spread(std::move(values));
            return;
        }
        default:
            return;
    }
}

QRgb MapPainter::kindColour(TileKind kind) const {
    switch (kind) {
        case TileKind::Dense:
            return m_tokens.tileDense.rgb();
        case TileKind::TwoFour:
            return m_tokens.tileTwoFour.rgb();
        case TileKind::Empty:
            return m_tokens.tileExcluded.rgb();
        case TileKind::Unstructured:
            break;
    }
    return m_tokens.tileUndecided.rgb();
}

/// Colours of tiles [first, first + out.size()) of a row of tiles: a map has a million of them, so that
/// nothing is decided a tile.
void MapPainter::tileColours(int matrix, std::int64_t row, std::int64_t first, std::span<QRgb> out) const {
    const auto& tiles = m_data.frame->tiles[static_cast<std::size_t>(matrix)];
    const auto at = static_cast<std::size_t>(row * tiles.gridCols() + first);
    if (m_look.colouring == Colouring::TileKind) {
        QRgb kinds[kTileKinds];
        for (int kind = 0; kind < kTileKinds; ++kind) kinds[kind] = kindColour(static_cast<TileKind>(kind));
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = kinds[static_cast<std::size_t>(tiles.kind[at + i])];
        return;
    }
    const auto* values = tiles.density.data();
    if (m_look.colouring == Colouring::Gate) {
        const auto* detail = m_data.detailOf(matrix);
        if (!detail || detail->tileGates.size() < at + out.size())
            return std::fill(out.begin(), out.end(), m_background);
        values = detail->tileGates.data();
    }
    const auto low = static_cast<float>(m_range.low),
               factor = 255.0f / static_cast<float>(m_range.high - m_range.low);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto index = static_cast<int>((values[at + i] - low) * factor + 0.5f);
        out[i] = m_table[static_cast<std::size_t>(std::clamp(index, 0, 255))];
    }
}

QRgb MapPainter::matrixColour(int matrix) const {
    const auto index = static_cast<std::size_t>(matrix);
    if (m_look.colouring == Colouring::Changed) {
        if (!m_data.changes || m_data.changes->step != m_data.frame->step) return m_background;
        return coloured(static_cast<double>(m_data.changes->changed[index]) /
                        static_cast<double>(m_data.structure->matrices[index].elements()));
    }
    return coloured(m_data.frame->summary[index].density);
}

void MapPainter::paint(QImage& image, const QRect& area, const Navigator& navigator, const Camera& camera,
                       double ratio) const {
    const auto clear = [&](const QRect& rect) { fillPixels(image, rect.intersected(area), m_background); };
    if (navigator.empty() || !m_data.frame) return clear(area);
    if (navigator.level() == Level::Model) {
        clear(area);
        return paintModel(image, area, camera, ratio);
    }
    const int matrix = navigator.selected().matrix;
    const auto plane = planeOf(navigator.matrix(), camera);
    // What the cells will cover is not cleared first: at twice the scale that alone takes a millisecond.
    const auto covered = coveredPixels(plane);
    clear(QRect(area.left(), area.top(), area.width(), covered.top() - area.top()));
    clear(QRect(area.left(), covered.bottom() + 1, area.width(), area.bottom() - covered.bottom()));
    clear(QRect(area.left(), area.top(), covered.left() - area.left(), area.height()));
    clear(QRect(covered.right() + 1, area.top(), area.right() - covered.right(), area.height()));
    const auto* detail = m_data.detailOf(matrix);
    const bool near = navigator.level() >= Level::Tile;
    if (near && detail && plane.scaleX >= kWeight) return paintWeights(image, area, matrix, plane);
    switch (m_look.colouring) {
        case Colouring::Density:
            if (detail) return paintPyramid(image, area, detail->pyramid, plane, kCell * ratio);
            return paintTiles(image, area, matrix, plane);
        case Colouring::Changed:
            if (!detail || !detail->hasChanges) return clear(area);
            return paintPyramid(image, area, detail->changes, plane, kCell * ratio);
        case Colouring::Kept:
        case Colouring::Magnitude:
            if (detail) return paintPyramid(image, area, detail->pyramid, plane, kWeight);
            return paintTiles(image, area, matrix, plane);
        default:
            return paintTiles(image, area, matrix, plane);
    }
}

QRect MapPainter::modelCell(const MatrixInfo& info, const Camera& camera, double ratio) {
    const double gap = std::max(1.0, std::round(ratio * 1.5));
    const auto corner = camera.toView(info.projection, info.block),
               end = camera.toView(info.projection + 1, info.block + 1);
    const auto whole = [](double value) { return static_cast<int>(std::lround(value)); };
    return QRect(QPoint(whole(corner.x() + gap), whole(corner.y() + gap)),
                 QPoint(whole(end.x() - gap) - 1, whole(end.y() - gap) - 1));
}

void MapPainter::paintModel(QImage& image, const QRect& area, const Camera& camera, double ratio) const {
    for (std::size_t i = 0; i < m_data.structure->matrices.size(); ++i) {
        const auto& info = m_data.structure->matrices[i];
        const auto cell = modelCell(info, camera, ratio);
        if (!cell.intersects(area)) continue;
        if (m_look.colouring == Colouring::Changed) {
            fillPixels(image, cell.intersected(area), matrixColour(static_cast<int>(i)));
            continue;
        }
        CellGrid plane{
            info.rows, info.cols, 1, 1, 0, 0, static_cast<double>(cell.x()), static_cast<double>(cell.y())};
        plane.scaleX = static_cast<double>(cell.width()) / static_cast<double>(info.cols);
        plane.scaleY = static_cast<double>(cell.height()) / static_cast<double>(info.rows);
        paintTiles(image, area.intersected(cell), static_cast<int>(i), plane);
    }
}

void MapPainter::paintMatrix(QImage& image, int matrix) const {
    const auto& info = m_data.structure->matrices[static_cast<std::size_t>(matrix)];
    CellGrid plane{info.rows, info.cols};
    plane.scaleX = static_cast<double>(image.width()) / static_cast<double>(info.cols);
    plane.scaleY = static_cast<double>(image.height()) / static_cast<double>(info.rows);
    paintTiles(image, image.rect(), matrix, plane);
}

void MapPainter::paintTiles(QImage& image, const QRect& area, int matrix, const CellGrid& plane) const {
    const auto& tiles = m_data.frame->tiles[static_cast<std::size_t>(matrix)];
    // Tiles below a pixel are averaged as colours: picking one of them would draw patterns that are not
    // there.
    const auto together = [](double pixels) {
        return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(1 / std::max(pixels, 1e-3))));
    };
    const auto down = together(plane.scaleY * static_cast<double>(tiles.tileRows)),
               across = together(plane.scaleX * static_cast<double>(tiles.tileCols));
    CellGrid grid = plane;
    grid.cellRows = tiles.tileRows * down;
    grid.cellCols = tiles.tileCols * across;
    if (down == 1 && across == 1) {
        drawCells(image, area, grid, [&](std::int64_t row, std::int64_t first, std::span<QRgb> out) {
            tileColours(matrix, row, first, out);
        });
        return;
    }
    std::vector<QRgb> line;
    std::vector<std::array<std::uint32_t, 4>> sums;
    drawCells(image, area, grid, [&](std::int64_t row, std::int64_t first, std::span<QRgb> out) {
        const auto left = first * across;
        const auto count = std::min(static_cast<std::int64_t>(out.size()) * across, tiles.gridCols() - left);
        line.resize(static_cast<std::size_t>(count));
        sums.assign(out.size(), {});
        for (auto r = row * down; r < std::min(tiles.gridRows(), (row + 1) * down); ++r) {
            tileColours(matrix, r, left, line);
            for (std::int64_t c = 0, cell = 0; c < count; ++cell) {
                auto& sum = sums[static_cast<std::size_t>(cell)];
                for (const auto end = std::min(count, c + across); c < end; ++c) {
                    const auto colour = line[static_cast<std::size_t>(c)];
                    sum[0] += static_cast<std::uint32_t>(qRed(colour));
                    sum[1] += static_cast<std::uint32_t>(qGreen(colour));
                    sum[2] += static_cast<std::uint32_t>(qBlue(colour));
                    ++sum[3];
                }
            }
        }
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto& sum = sums[i];
            out[i] = qRgb(static_cast<int>(sum[0] / sum[3]), static_cast<int>(sum[1] / sum[3]),
                          static_cast<int>(sum[2] / sum[3]));
        }
    });
}

void MapPainter::paintPyramid(QImage& image, const QRect& area, const DensityPyramid& pyramid,
                              const CellGrid& plane, double leastCell) const {
    if (pyramid.levels().empty()) return;
    const auto& level = pyramid.levelFor(leastCell / plane.scaleX);
    CellGrid grid = plane;
    grid.cellRows = grid.cellCols = level.cell;
    const bool ink = m_look.colouring == Colouring::Kept || m_look.colouring == Colouring::Magnitude;
    const auto table = ink ? colourTable(Palette::Ink, m_tokens) : m_table;
    const ColourRange range = ink ? ColourRange{} : m_range;
    drawCells(image, area, grid, [&](std::int64_t row, std::int64_t first, std::span<QRgb> out) {
        const auto* kept = level.kept.data() + row * level.cols + first;
        const double factor = 255 / (range.high - range.low), low = range.low * factor - 0.5;
        const double whole = factor / static_cast<double>(pyramid.size(level, row, first));
        const double last = factor / static_cast<double>(pyramid.size(level, row, level.cols - 1));
        for (std::size_t i = 0; i < out.size(); ++i) {
            // Only the last cell of a row may be narrower.
            const bool ragged = first + static_cast<std::int64_t>(i) == level.cols - 1;
            const auto index = static_cast<int>(kept[i] * (ragged ? last : whole) - low);
            out[i] = table[static_cast<std::size_t>(std::clamp(index, 0, 255))];
        }
    });
}

QRgb MapPainter::weightColour(const MatrixDetail* detail, const TileValues* values, std::int64_t row,
                              std::int64_t col) const {
    const auto index = row * detail->mask.cols + col;
    switch (m_look.colouring) {
        case Colouring::Magnitude:
            if (values && !values->weights.empty())
                return coloured(std::abs(static_cast<double>(values->weight(row, col))));
            break;
        case Colouring::Gate:
            if (!values || values->gates.empty()) return m_background;
            return coloured(static_cast<double>(values->gate(row, col)));
        case Colouring::Changed: {
            const QRgb still = detail->mask.keeps(index)
                                   ? mixedColour(m_tokens.ink.rgb(), m_tokens.paper.rgb(), 0.3)
                                   : m_tokens.paper.rgb();
            if (!detail->hasChanges || !detail->changed.keeps(index)) return still;
            return detail->mask.keeps(index) ? m_tokens.good.rgb() : m_tokens.bad.rgb();
        }
        default:
            break;
    }
    return detail->mask.keeps(index) ? m_tokens.ink.rgb() : m_tokens.paper.rgb();
}

QRgb MapPainter::weightBackground(int matrix, std::int64_t row, std::int64_t col) const {
    const auto* detail = m_data.detailOf(matrix);
    if (!detail) return m_background;
    if (m_look.colouring == Colouring::Magnitude && !detail->mask.keeps(row * detail->mask.cols + col))
        return m_tokens.paper.rgb();
    return weightColour(
        detail, m_data.valuesOf(matrix, row / m_data.structure->tileRows, col / m_data.structure->tileCols),
        row, col);
}

void MapPainter::paintWeights(QImage& image, const QRect& area, int matrix, const CellGrid& plane) const {
    const auto* detail = m_data.detailOf(matrix);
    const auto& structure = *m_data.structure;
    const bool dim = m_look.colouring == Colouring::Magnitude && plane.scaleX < kInset;
    drawCells(image, area, plane, [&](std::int64_t row, std::int64_t first, std::span<QRgb> out) {
        const TileValues* values = nullptr;
        std::int64_t tile = -1;
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto col = first + static_cast<std::int64_t>(i);
            if (col / structure.tileCols != tile) {
                tile = col / structure.tileCols;
                values = m_data.valuesOf(matrix, row / structure.tileRows, tile);
            }
            out[i] = weightColour(detail, values, row, col);
            if (dim && !detail->mask.keeps(row * detail->mask.cols + col))
                out[i] = mixedColour(out[i], m_tokens.paper.rgb(), 0.25);
        }
    });
    if (m_look.colouring == Colouring::Magnitude && !dim) paintInsets(image, area, matrix, plane);
}

/// A pruned weight is paper with a small square that tells what its magnitude was.
void MapPainter::paintInsets(QImage& image, const QRect& area, int matrix, const CellGrid& plane) const {
    const auto* detail = m_data.detailOf(matrix);
    const auto paper = m_tokens.paper.rgb();
    const double margin = std::max(1.0, std::round(plane.scaleX * 0.3));
    const auto clampTo = [](double value, std::int64_t size) {
        return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(value)), 0, size - 1);
    };
    // By the pixels' centres, as the cells.
    const auto top = clampTo((area.top() + 0.5 - plane.y) / plane.scaleY, plane.weightRows),
               bottom = clampTo((area.bottom() + 0.5 - plane.y) / plane.scaleY, plane.weightRows),
               left = clampTo((area.left() + 0.5 - plane.x) / plane.scaleX, plane.weightCols),
               right = clampTo((area.right() + 0.5 - plane.x) / plane.scaleX, plane.weightCols);
    const auto fill = [&](double x0, double y0, double x1, double y1, QRgb colour) {
        const QPoint from(static_cast<int>(std::ceil(x0 - 0.5)), static_cast<int>(std::ceil(y0 - 0.5))),
            to(static_cast<int>(std::ceil(x1 - 0.5)) - 1, static_cast<int>(std::ceil(y1 - 0.5)) - 1);
        fillPixels(image, QRect(from, to).intersected(area), colour);
    };
    for (auto row = top; row <= bottom; ++row)
        for (auto col = left; col <= right; ++col) {
            if (detail->mask.keeps(row * plane.weightCols + col)) continue;
            const double x = plane.x + static_cast<double>(col) * plane.scaleX,
                         y = plane.y + static_cast<double>(row) * plane.scaleY;
            const auto* values =
                m_data.valuesOf(matrix, row / m_data.structure->tileRows, col / m_data.structure->tileCols);
            fill(x, y, x + plane.scaleX, y + plane.scaleY, paper);
            if (!values || values->weights.empty()) continue;
            const bool bar = plane.scaleX >= kBar;
            fill(x + margin, y + (bar ? std::round(plane.scaleY * 0.76) : margin), x + plane.scaleX - margin,
                 y + plane.scaleY - (bar ? std::round(plane.scaleY * 0.14) : margin),
                 weightColour(detail, values, row, col));
        }
}

}  // namespace tessera::ui
