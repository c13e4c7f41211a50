#pragma once

#include <QImage>
#include <QList>
#include <map>
#include <tuple>

#include "ui/inspect/cell_raster.h"
#include "ui/inspect/colour_map.h"
#include "ui/inspect/mask_data.h"
#include "ui/inspect/navigator.h"

namespace tessera::ui {

/// What the colour of a cell tells.
enum class Colouring {
    Density,      ///< share kept, in cells that grow finer with the zoom
    TileDensity,  ///< share kept, a colour a tile
    TileKind,     ///< dense, 2:4, unstructured or empty
    Kept,         ///< ink or paper, a weight a cell
    Magnitude,    ///< |w|, logarithmic; pruned weights small on paper
    Gate,         ///< probability that a gate is open, at the checkpoint
    Changed,      ///< since the snapshot before
};

/// What is there to draw; parts that are not read yet are null.
struct MapData {
    StructurePtr structure;
    FramePtr frame;
    DetailPtr detail;
    ChangesPtr changes;
    std::map<std::tuple<int, std::int64_t, std::int64_t>, ValuesPtr>
        values;  ///< by matrix, tile row, tile column
    bool hasModel = false, gatesTiles = false, gatesWeights = false, hasHistory = false;
    std::int64_t gateStep = -1;
    /// Every group of a matrix or tile is meant to keep two of four: the run's pattern says so.
    bool claimsTwoFour = false, claimsTiles = false;

    const MatrixDetail* detailOf(int matrix) const;
    const TileValues* valuesOf(int matrix, std::int64_t tileRow, std::int64_t tileCol) const;
    TileKind kind(int matrix, std::int64_t tileRow, std::int64_t tileCol) const;
    /// Whether a weight's tile is meant to be 2:4 and its group of four does not keep exactly two.
    bool violates(int matrix, std::int64_t row, std::int64_t col) const;
};
/// What can be shown of this data at a level, the usual first.
QList<Colouring> colouringsAt(Level level, const MapData& data);

struct Look {
    Palette palette = Palette::Viridis;
    bool autoContrast = false;
    Colouring colouring = Colouring::Density;
    bool operator==(const Look&) const = default;
};

/// The values at the ends of the colours.
struct ColourRange {
    double low = 0, high = 1;
    bool adapted = false;  ///< to what is drawn, rather than the whole scale
};

/// Draws what the navigator looks at into an image of device pixels; no text, no lines. One use a paint.
class MapPainter {
  public:
    MapPainter(const MapData& data, const Look& look, const ThemeTokens& tokens);

    const ColourRange& range() const { return m_range; }
    /// Finds the range for what `navigator` shows, or takes the one found before.
    void measure(const Navigator& navigator);
    void setRange(const ColourRange& range) { m_range = range; }
    /// The camera in device pixels is the navigator's times `ratio`, its origin rounded to whole pixels.
    void paint(QImage& image, const QRect& area, const Navigator& navigator, const Camera& camera,
               double ratio) const;
    /// The device pixels of a matrix at model level.
    static QRect modelCell(const MatrixInfo& info, const Camera& camera, double ratio);
    /// All tiles of a matrix, stretched over the whole image.
    void paintMatrix(QImage& image, int matrix) const;
    /// The colour of the whole of a matrix at model level.
    QRgb matrixColour(int matrix) const;
    /// What lies behind the number of a weight: its colour, or paper where that is an inset only.
    QRgb weightBackground(int matrix, std::int64_t row, std::int64_t col) const;
    QRgb kindColour(TileKind kind) const;

  private:
    void paintModel(QImage& image, const QRect& area, const Camera& camera, double ratio) const;
    void paintTiles(QImage& image, const QRect& area, int matrix, const CellGrid& plane) const;
    void paintPyramid(QImage& image, const QRect& area, const DensityPyramid& pyramid, const CellGrid& plane,
                      double leastCell) const;
    void paintWeights(QImage& image, const QRect& area, int matrix, const CellGrid& plane) const;
    void tileColours(int matrix, std::int64_t row, std::int64_t first, std::span<QRgb> out) const;
    QRgb weightColour(const MatrixDetail* detail, const TileValues* values, std::int64_t row,
                      std::int64_t col) const;
    void paintInsets(QImage& image, const QRect& area, int matrix, const CellGrid& plane) const;
    QRgb coloured(double value) const;

    const MapData& m_data;
    Look m_look;
    const ThemeTokens& m_tokens;
    ColourTable m_table;
    ColourRange m_range;
    QRgb m_background;
};

}  // namespace tessera::ui
