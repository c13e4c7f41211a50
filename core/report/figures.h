#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/report/report_data.h"

typedef struct _cairo cairo_t;

namespace tessera {

/// A drawing of fixed size in points, made anew wherever it is needed. `draw` paints within
/// [0, width] x [0, height] of the context's current coordinates and restores nothing: callers save.
struct Figure {
    std::string title;
    std::string description;  ///< for those who do not see it
    double width = 720;
    double height = 0;
    std::function<void(cairo_t*)> draw;
};

struct PlotSeries {
    std::string name;
    std::vector<double> x;  ///< ascending
    std::vector<double> y;  ///< not finite: a gap
    bool band = true;       ///< raw values pale, their moving mean over them; false: the line as it is
};

struct PlotLine {
    std::string name;
    double y = 0;
};

struct PlotSpec {
    std::string title;
    std::string xLabel;
    std::string yLabel;  ///< with its unit
    bool logY = false;   ///< values that are not positive are gaps then
    bool percentY = false;
    double height = 280;
    std::vector<PlotSeries> series;
    std::vector<PlotLine> references;  ///< dashed horizontal lines, e.g. a target
};

/// Curves over axes with ticks, units and a legend. Draws "no values" where there is nothing finite.
Figure curvePlot(PlotSpec spec);

/// Every matrix that has tile densities: a row a block, a column a projection, in each cell a small map of
/// the fraction kept, ink = kept. The scale is that of the values, widened to at least a tenth, and is shown.
Figure densityHeatmap(const std::vector<ReportMatrix>& matrices);

/// Achieved sparsity by block and projection: a panel a projection, a bar a block, the target dashed.
Figure sparsityBars(const std::vector<ReportMatrix>& matrices, const std::optional<double>& target);

/// Speedup over dense of the first forty kernel rows that have one, their limits as marks.
Figure speedBars(const std::vector<ReportSpeedRow>& rows);

/// Paints a figure into an SVG element for inlining into HTML: every id inside begins with `prefix`, which
/// must differ between the figures of a page; labelled for screen readers; no XML prologue.
std::string renderSvg(const Figure& figure, const std::string& prefix);

}  // namespace tessera
