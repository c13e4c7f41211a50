#pragma once

#include <QStringList>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/formats/mask_set.h"
#include "core/formats/model_config.h"
#include "core/session/tile_map.h"
#include "ui/inspect/density_pyramid.h"

// What the inspect page draws, as plain values: made on a worker thread, immutable from then on.

namespace tessera::ui {

struct MatrixInfo {
    std::string name;  ///< the parameter's
    QString label;     ///< "mlp.up", "attn.q"
    int block = 0, projection = 0;
    std::int64_t rows = 0, cols = 0;

    std::int64_t elements() const { return rows * cols; }
};

/// The prunable matrices of a model in model order, on a grid of blocks and projections.
struct Structure {
    std::vector<MatrixInfo> matrices;
    QStringList projections;  ///< "q", "k", ...
    int blocks = 0;
    std::int64_t tileRows = 128, tileCols = 128;

    int at(int block, int projection) const;  ///< -1 where there is none
    int find(const std::string& name) const;  ///< -1 where there is none
    std::int64_t gridRows(int matrix) const;
    std::int64_t gridCols(int matrix) const;
};
Structure structureOf(const ModelConfig& config);
/// From the names in a map, for a run whose model is gone. Matrices outside decoder blocks are left out.
Structure structureOf(const TileMap& map);

inline constexpr int kTileKinds = 4;
struct MatrixSummary {
    bool pruned = true;  ///< false: the run left this matrix alone, all of it is kept
    std::int64_t kept = 0, tiles = 0;
    std::array<std::int64_t, kTileKinds> kinds{};  ///< tiles by TileKind
    double density = 1;

    double share(TileKind kind) const;
};

/// All tiles of all matrices at one step; `tiles` and `summary` go along with Structure::matrices.
struct MapFrame {
    std::int64_t step = 0;
    std::vector<MatrixTiles> tiles;
    std::vector<MatrixSummary> summary;
    std::int64_t kept = 0, weights = 0;

    double density() const {
        return weights > 0 ? static_cast<double>(kept) / static_cast<double>(weights) : 1;
    }
};
/// Orders a map by a structure; matrices that the map lacks, or has in another shape, are kept whole. Names
/// of those with another shape go to `misfits`.
MapFrame frameOf(const Structure& structure, TileMap map, std::int64_t step, QStringList* misfits = nullptr);
/// The frame of a model that nothing was pruned of.
MapFrame denseFrame(const Structure& structure);

/// The weights of one matrix that are kept at one step.
struct MatrixDetail {
    int matrix = -1;
    std::int64_t step = 0;
    PackedMask mask;
    DensityPyramid pyramid;
    bool hasChanges = false;  ///< the two below are set
    PackedMask changed;       ///< weights whose fate differs from the snapshot before
    DensityPyramid changes;
    std::int64_t previousStep = 0;
    std::vector<float> tileGates;  ///< probability that each tile is dense, where the method gates tiles
};

/// The numbers inside one tile, row-major at the tile's own size.
struct TileValues {
    int matrix = -1;
    std::int64_t tileRow = 0, tileCol = 0;
    std::int64_t top = 0, left = 0, rows = 0, cols = 0;
    std::vector<float> weights;  ///< empty where the model cannot be read
    std::vector<float>
        gates;  ///< probability that each weight is kept; empty without a checkpoint of weight gates

    float weight(std::int64_t row, std::int64_t col) const {
        return weights[static_cast<std::size_t>((row - top) * cols + col - left)];
    }
    float gate(std::int64_t row, std::int64_t col) const {
        return gates[static_cast<std::size_t>((row - top) * cols + col - left)];
    }
};

/// Share of each matrix's weights whose fate differs from the snapshot before.
struct ModelChanges {
    std::int64_t step = 0, previousStep = 0;
    std::vector<std::int64_t> changed;
};

using StructurePtr = std::shared_ptr<const Structure>;
using FramePtr = std::shared_ptr<const MapFrame>;
using DetailPtr = std::shared_ptr<const MatrixDetail>;
using ValuesPtr = std::shared_ptr<const TileValues>;
using ChangesPtr = std::shared_ptr<const ModelChanges>;

QString tileKindText(TileKind kind);  ///< "dense", "2:4", "unstructured", "empty"

}  // namespace tessera::ui
