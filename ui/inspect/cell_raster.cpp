#include "ui/inspect/cell_raster.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace tessera::ui {

namespace {

/// The pixels [begin, end) of [from, to) whose centres lie on `size` weights.
std::pair<int, int> covered(int from, int to, double origin, double scale, std::int64_t size) {
    const double begin = std::ceil(origin - 0.5),
                 end = std::ceil(origin + static_cast<double>(size) * scale - 0.5);
    return {static_cast<int>(std::clamp<double>(begin, from, to)),
            static_cast<int>(std::clamp<double>(end, from, to))};
}

std::int64_t cellAt(int pixel, double origin, double scale, std::int64_t cell, std::int64_t size) {
    const auto weight = static_cast<std::int64_t>(std::floor((pixel + 0.5 - origin) / scale));
    return std::clamp<std::int64_t>(weight, 0, size - 1) / cell;
}

}  // namespace

void drawCells(QImage& image, const QRect& area, const CellGrid& grid, const RowColours& colours) {
    const auto within = area.intersected(image.rect());
    if (within.isEmpty() || grid.weightRows <= 0 || grid.weightCols <= 0) return;
    const auto [left, right] =
        covered(within.left(), within.right() + 1, grid.x, grid.scaleX, grid.weightCols);
    const auto [top, bottom] =
        covered(within.top(), within.bottom() + 1, grid.y, grid.scaleY, grid.weightRows);
    if (left >= right || top >= bottom) return;

    const auto first = cellAt(left, grid.x, grid.scaleX, grid.cellCols, grid.weightCols);
    const auto last = cellAt(right - 1, grid.x, grid.scaleX, grid.cellCols, grid.weightCols);
    std::vector<std::uint32_t> column(static_cast<std::size_t>(right - left));
    for (int x = left; x < right; ++x)
        column[static_cast<std::size_t>(x - left)] = static_cast<std::uint32_t>(
            cellAt(x, grid.x, grid.scaleX, grid.cellCols, grid.weightCols) - first);
    std::vector<QRgb> row(static_cast<std::size_t>(last - first + 1));

    std::int64_t drawn = -1;
    const QRgb* previous = nullptr;
    for (int y = top; y < bottom; ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y)) + left;
        const auto cell = cellAt(y, grid.y, grid.scaleY, grid.cellRows, grid.weightRows);
        if (cell == drawn) {
            std::memcpy(line, previous, column.size() * sizeof(QRgb));
        } else {
            colours(cell, first, row);
            for (std::size_t x = 0; x < column.size(); ++x) line[x] = row[column[x]];
            drawn = cell;
        }
        previous = line;
    }
}

QRect coveredPixels(const CellGrid& grid) {
    constexpr int kFar = 1 << 24;
    const auto [left, right] = covered(-kFar, kFar, grid.x, grid.scaleX, grid.weightCols);
    const auto [top, bottom] = covered(-kFar, kFar, grid.y, grid.scaleY, grid.weightRows);
    return QRect(QPoint(left, top), QPoint(right - 1, bottom - 1));
}

void fillPixels(QImage& image, const QRect& rect, QRgb colour) {
    for (int y = rect.top(); y <= rect.bottom(); ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        std::fill(line + rect.left(), line + rect.right() + 1, colour);
    }
}

}  // namespace tessera::ui
