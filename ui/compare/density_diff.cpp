#include "ui/compare/density_diff.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace tessera::ui {

DensityGrid densityGrid(const ComparedRun& a, const ComparedRun& b) {
    DensityGrid grid;
    for (const auto* run : {&a, &b})
        if (run->matrices.empty()) {
            grid.problem = QStringLiteral("%1 has no masks yet.").arg(run->name);
            return grid;
        }
    struct Both {
        const ComparedMatrix *a = nullptr, *b = nullptr;
    };
    std::map<std::pair<int, std::string>, Both> matrices;
    std::vector<std::string> projections;
    const auto take = [&](const ComparedRun& run, const ComparedMatrix* Both::*side) {
        for (const auto& matrix : run.matrices) {
            matrices[{matrix.block, matrix.projection}].*side = &matrix;
            if (std::find(projections.begin(), projections.end(), matrix.projection) == projections.end())
                projections.push_back(matrix.projection);
        }
    };
    take(a, &Both::a);
    take(b, &Both::b);
    if (std::none_of(matrices.begin(), matrices.end(),
                     [](const auto& entry) { return entry.second.a && entry.second.b; })) {
        grid.problem = QStringLiteral("The two runs have no matrix in common: they pruned different models.");
        return grid;
    }
    for (const auto& [key, both] : matrices)
        if (grid.blocks.empty() || grid.blocks.back() != key.first) grid.blocks.push_back(key.first);
    for (const auto& projection : projections) grid.projections.push_back(QString::fromStdString(projection));
    grid.cells.resize(grid.blocks.size() * projections.size());
    grid.means.resize(projections.size());
    for (std::size_t column = 0; column < projections.size(); ++column) {
        double weights = 0, keptA = 0, keptB = 0;
        for (std::size_t row = 0; row < grid.blocks.size(); ++row) {
            const auto found = matrices.find({grid.blocks[row], projections[column]});
            if (found == matrices.end()) continue;
            const auto& [one, other] = found->second;
            auto& cell = grid.cells[row * projections.size() + column];
            if (one) cell.a = one->density;
            if (other) cell.b = other->density;
            if (!one || !other) continue;
            grid.largest = std::max(grid.largest, std::abs(cell.difference()));
            weights += one->weights;
            keptA += one->weights * one->density;
            keptB += one->weights * other->density;
        }
        if (weights > 0) grid.means[column] = {keptA / weights, keptB / weights};
    }
    return grid;
}

}  // namespace tessera::ui
