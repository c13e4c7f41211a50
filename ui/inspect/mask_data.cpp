#include "ui/inspect/mask_data.h"

#include <algorithm>
#include <cmath>

namespace tessera::ui {

namespace {

constexpr const char* kProjections[] = {"q", "k", "v", "o", "gate", "up", "down"};

constexpr std::int64_t kMostWeights = std::int64_t(1) << 32;  ///< of one matrix

QString labelOf(const QString& projection) {
    return (projection.size() == 1 ? QStringLiteral("attn.") : QStringLiteral("mlp.")) + projection;
}

int projectionNumber(const std::string& projection) {
    for (int i = 0; i < 7; ++i)
        if (projection == kProjections[i]) return i;
    return -1;
}

void add(Structure& structure, const std::string& name, const std::string& projection, int block,
         std::int64_t rows, std::int64_t cols) {
    const int column = projectionNumber(projection);
    if (column < 0 || block < 0) return;
    structure.matrices.push_back(
        {name, labelOf(QString::fromStdString(projection)), block, column, rows, cols});
    structure.blocks = std::max(structure.blocks, block + 1);
}

Structure emptyStructure() {
    Structure structure;
    for (const auto* projection : kProjections) structure.projections << QString::fromLatin1(projection);
    return structure;
}

MatrixSummary summaryOf(const MatrixTiles& tiles) {
    MatrixSummary summary;
    summary.tiles = static_cast<std::int64_t>(tiles.density.size());
    std::size_t i = 0;
    for (std::int64_t top = 0; top < tiles.rows; top += tiles.tileRows)
        for (std::int64_t left = 0; left < tiles.cols; left += tiles.tileCols, ++i) {
            const auto size =
                std::min(tiles.tileRows, tiles.rows - top) * std::min(tiles.tileCols, tiles.cols - left);
            // A tile's density is stored in 65535ths: rounding gives the count back for tiles up to 65534
            // weights.
            summary.kept += std::llround(static_cast<double>(tiles.density[i]) * static_cast<double>(size));
            ++summary.kinds[static_cast<std::size_t>(tiles.kind[i])];
        }
    summary.density = static_cast<double>(summary.kept) / static_cast<double>(tiles.rows * tiles.cols);
    return summary;
}

MatrixTiles denseTiles(const Structure& structure, const MatrixInfo& info) {
    MatrixTiles tiles{info.name, info.rows, info.cols, structure.tileRows, structure.tileCols, {}, {}};
    const auto count = static_cast<std::size_t>(tiles.gridRows() * tiles.gridCols());
    tiles.density.assign(count, 1.0f);
    tiles.kind.assign(count, TileKind::Dense);
    return tiles;
}

}  // namespace

int Structure::at(int block, int projection) const {
    for (std::size_t i = 0; i < matrices.size(); ++i)
        if (matrices[i].block == block && matrices[i].projection == projection) return static_cast<int>(i);
    return -1;
}

int Structure::find(const std::string& name) const {
    for (std::size_t i = 0; i < matrices.size(); ++i)
        if (matrices[i].name == name) return static_cast<int>(i);
    return -1;
}

std::int64_t Structure::gridRows(int matrix) const {
    return (matrices[static_cast<std::size_t>(matrix)].rows + tileRows - 1) / tileRows;
}

std::int64_t Structure::gridCols(int matrix) const {
    return (matrices[static_cast<std::size_t>(matrix)].cols + tileCols - 1) / tileCols;
}

Structure structureOf(const ModelConfig& config) {
    auto structure = emptyStructure();
    for (const auto& matrix : prunableMatrices(config))
        add(structure, matrix.name, matrix.projection, matrix.block, matrix.rows, matrix.cols);
    return structure;
}

Structure structureOf(const TileMap& map) {
    auto structure = emptyStructure();
    if (!map.matrices.empty()) {
        structure.tileRows = map.matrices.front().tileRows;
        structure.tileCols = map.matrices.front().tileCols;
    }
    for (const auto& tiles : map.matrices) {
        // Sizes come from a file: what is no matrix of any model, or tiled otherwise, is not counted on.
        if (tiles.rows > kMostWeights / tiles.cols || tiles.tileRows != structure.tileRows ||
            tiles.tileCols != structure.tileCols)
            continue;
        // "model.layers.12.mlp.up_proj.weight"
        const auto parts = QString::fromStdString(tiles.name).split('.');
        const auto layers = parts.indexOf(QStringLiteral("layers"));
        if (layers < 0 || layers + 3 >= parts.size()) continue;
        bool number = false;
        const int block = parts[layers + 1].toInt(&number);
        const auto projection = parts[layers + 3].section('_', 0, 0);
        if (number && block < 100000)
            add(structure, tiles.name, projection.toStdString(), block, tiles.rows, tiles.cols);
    }
    return structure;
}

double MatrixSummary::share(TileKind kind) const {
    return tiles > 0 ? static_cast<double>(kinds[static_cast<std::size_t>(kind)]) / static_cast<double>(tiles)
                     : 0;
}

MapFrame frameOf(const Structure& structure, TileMap map, std::int64_t step, QStringList* misfits) {
    MapFrame frame;
    frame.step = step;
    for (const auto& info : structure.matrices) {
        const auto found = std::find_if(map.matrices.begin(), map.matrices.end(),
                                        [&](const auto& tiles) { return tiles.name == info.name; });
        const bool fits = found != map.matrices.end() && found->rows == info.rows &&
                          found->cols == info.cols && found->tileRows == structure.tileRows &&
                          found->tileCols == structure.tileCols;
        if (found != map.matrices.end() && !fits && misfits) *misfits << QString::fromStdString(info.name);
        frame.tiles.push_back(fits ? std::move(*found) : denseTiles(structure, info));
        frame.summary.push_back(summaryOf(frame.tiles.back()));
        frame.summary.back().pruned = fits;
        frame.kept += frame.summary.back().kept;
        frame.weights += info.elements();
    }
    return frame;
}

MapFrame denseFrame(const Structure& structure) {
    auto frame = frameOf(structure, {}, 0);
    for (auto& summary : frame.summary)
        summary.pruned = true;  // there is no run that would have left them out
    return frame;
}

QString tileKindText(TileKind kind) {
    switch (kind) {
        case TileKind::Dense:
            return QStringLiteral("dense");
        case TileKind::TwoFour:
            return QStringLiteral("2:4");
        case TileKind::Empty:
            return QStringLiteral("empty");
        case TileKind::Unstructured:
            break;
    }
    return QStringLiteral("unstructured");
}

}  // namespace tessera::ui
