#pragma once

#include <QImage>
#include <QRect>
#include <cstdint>
#include <functional>
#include <span>

namespace tessera::ui {

/// A grid of cells over a matrix and where it falls on an image's pixels: weight (0, 0) has its corner at (x,
/// y), a weight is scaleX by scaleY pixels. Cells at the right and lower edge end where the matrix ends.
struct CellGrid {
    std::int64_t weightRows = 0, weightCols = 0;
    std::int64_t cellRows = 1, cellCols = 1;  ///< weights a cell
    double scaleX = 1, scaleY = 1, x = 0, y = 0;
};

/// Colours of cells [first, first + out.size()) of one row of cells.
using RowColours = std::function<void(std::int64_t row, std::int64_t first, std::span<QRgb> out)>;

/// Fills every pixel of `area` whose centre lies on the matrix with the colour of the cell there; the others
/// stay. The image is 32-bit RGB. Meant for cells of a pixel or more: then none is missed.
void drawCells(QImage& image, const QRect& area, const CellGrid& grid, const RowColours& colours);

/// The pixels whose centres lie on the matrix, within +-2^24.
QRect coveredPixels(const CellGrid& grid);
/// All of `rect`, which must be within the image.
void fillPixels(QImage& image, const QRect& rect, QRgb colour);

}  // namespace tessera::ui
