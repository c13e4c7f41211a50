#pragma once

#include <QString>
#include <vector>

#include "ui/compare/compared_run.h"

namespace tessera::ui {

/// Kept shares of the same matrix in two runs.
struct DensityPair {
    double a = ComparedRun::kNone, b = ComparedRun::kNone;
    double difference() const { return b - a; }
};

/// Where two runs put their weights: blocks down, projections across, and the mean of each over all blocks
/// (by weights). A matrix that one of them lacks is NaN.
struct DensityGrid {
    QString problem;  ///< why there is nothing to compare, else empty
    std::vector<QString> projections;
    std::vector<int> blocks;         ///< -1: outside of the blocks
    std::vector<DensityPair> cells;  ///< blocks x projections
    std::vector<DensityPair> means;  ///< a projection
    double largest = 0;              ///< of |difference|, over the cells

    const DensityPair& cell(std::size_t block, std::size_t projection) const {
        return cells[block * projections.size() + projection];
    }
};
DensityGrid densityGrid(const ComparedRun& a, const ComparedRun& b);

}  // namespace tessera::ui
