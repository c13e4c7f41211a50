#include "core/report/document.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/report/series.h"

namespace tessera {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

bool anyFinite(const std::vector<double>& values) {
    return std::any_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

/// Logarithmic where the values span more than a decade and are positive.
bool spansDecades(const std::vector<PlotSeries>& series) {
    double low = std::numeric_limits<double>::infinity(), high = 0;
    for (const PlotSeries& one : series)
        for (const double value : one.y) {
            if (!std::isfinite(value)) continue;
            if (value <= 0) return false;
            low = std::min(low, value);
            high = std::max(high, value);
        }
    return high > 12 * low;
}

std::string percentOr(const std::optional<double>& value, int decimals) {
    return value ? formatPercent(*value, decimals) : formatPercent(kUnknown);
}

/// "50 %" rather than "50.0 %": a target is a round number.
std::string formatTarget(const std::optional<double>& value) {
    if (!value) return formatNumber(kUnknown);
    return formatPercent(*value, std::fabs(*value * 100 - std::round(*value * 100)) < 1e-6 ? 0 : 2);
}

std::string numberOr(const std::optional<double>& value) {
    return formatNumber(value ? *value : kUnknown);
}

std::string relativeChange(const ReportData& run) {
    if (!run.densePerplexity || !run.prunedPerplexity || !(*run.densePerplexity > 0)) return {};
    const double change = *run.prunedPerplexity / *run.densePerplexity - 1;
    if (!std::isfinite(change)) return {};
    return (change < 0 ? "−" : "+") + formatPercent(std::fabs(change));
}

ReportTiles tilesOf(const ReportData& run) {
    ReportTiles tiles;
    if (run.achievedSparsity)
        tiles.tiles.push_back({"Sparsity", formatPercent(*run.achievedSparsity, 2),
                               run.targetSparsity ? "target " + formatTarget(run.targetSparsity) : ""});
    else if (run.targetSparsity)
        tiles.tiles.push_back({"Target sparsity", formatTarget(run.targetSparsity), "not reached yet"});
    if (run.prunedPerplexity || run.densePerplexity) {
        const std::string change = relativeChange(run);
        tiles.tiles.push_back(
            {"Perplexity, pruned", numberOr(run.prunedPerplexity),
             "dense " + numberOr(run.densePerplexity) + (change.empty() ? "" : ", " + change)});
    }
    if (run.totalSeconds) tiles.tiles.push_back({"Time", formatSeconds(*run.totalSeconds), "all phases"});
    if (run.peakBytes) tiles.tiles.push_back({"Peak memory", formatBytes(*run.peakBytes), "resident"});
    return tiles;
}

ReportTable pairsTable(const std::string& label,
                       const std::vector<std::pair<std::string, std::string>>& pairs) {
    ReportTable table{
        .label = label, .columns = {{"", false, 1}, {"", false, 2.6}}, .rows = {}, .plain = true};
    for (const auto& [name, value] : pairs) table.rows.push_back({name, value});
    return table;
}

ReportTable qualityTable(const ReportData& run) {
    ReportTable table{
        .label = "Quality",
        .columns = {{"Measure", false, 2}, {"Dense", true}, {"Pruned", true}, {"Note", false, 2.2}},
        .rows = {}};
    for (const ReportQualityRow& row : run.quality)
        table.rows.push_back({row.measure, formatNumber(row.dense), formatNumber(row.pruned), row.note});
    return table;
}

ReportTable speedTable(const ReportData& run) {
    ReportTable table{.label = "Speed",
                      .columns = {{"Kernel", false, 1.5},
                                  {"Shape", false, 1.4},
                                  {"Dense µs", true},
                                  {"Torch µs", true},
                                  {"Sparse µs", true},
                                  {"Speedup", true, 1.3},
                                  {"95 % interval", true, 1.4},
                                  {"Limit", true},
                                  {"Of limit", true, 1.1}},
                      .rows = {}};
    for (const ReportSpeedRow& row : run.speed)
        table.rows.push_back(
            {row.kernel, row.shape, formatNumber(row.denseUs), formatNumber(row.torchUs),
             formatNumber(row.sparseUs),
             std::isfinite(row.speedup) ? formatNumber(row.speedup, 3) + "×" : formatNumber(kUnknown),
             row.interval,
             std::isfinite(row.limit) ? formatNumber(row.limit, 3) + "×" : formatNumber(kUnknown),
             formatPercent(row.efficiency, 0)});
    return table;
}

ReportTable timingsTable(const ReportData& run) {
    double sum = 0;
    for (const auto& [phase, seconds] : run.timings)
        if (std::isfinite(seconds)) sum += seconds;
    ReportTable table{.label = "Time by phase",
                      .columns = {{"Phase", false, 2}, {"Time", true}, {"Share", true}},
                      .rows = {}};
    for (const auto& [phase, seconds] : run.timings)
        table.rows.push_back(
            {phase, formatSeconds(seconds), formatPercent(sum > 0 ? seconds / sum : kUnknown)});
    return table;
}

ReportTable matrixTable(const ReportData& run) {
    ReportTable table{
        .label = "All " + std::to_string(run.matrices.size()) + " matrices",
        .columns = {{"Matrix", false, 4}, {"Rows", true}, {"Columns", true}, {"Sparsity", true}},
        .rows = {},
        .plain = false,
        .folded = true};
    for (const ReportMatrix& matrix : run.matrices)
        table.rows.push_back({matrix.name, std::to_string(matrix.rows), std::to_string(matrix.cols),
                              formatPercent(matrix.sparsity, 2)});
    return table;
}

void addCurves(std::vector<ReportBlock>& blocks, const ReportData& run) {
    const ReportCurves& curves = run.curves;
    std::vector<PlotSeries> losses;
    if (anyFinite(curves.crossEntropy))
        losses.push_back({"cross-entropy", curves.steps, curves.crossEntropy});
    if (anyFinite(curves.divergence)) losses.push_back({"KL to dense", curves.steps, curves.divergence});
    if (anyFinite(curves.loss)) losses.push_back({"loss", curves.steps, curves.loss});
    const bool density = anyFinite(curves.density), temperature = anyFinite(curves.temperature);
    if (losses.empty() && !density && !temperature) return;
    blocks.push_back(ReportHeading{3, "Learning"});
    if (!losses.empty()) {
        const bool logY = spansDecades(losses);
        blocks.push_back(curvePlot({.title = "Loss",
                                    .xLabel = "step",
                                    .yLabel = "nats per token",
                                    .logY = logY,
                                    .series = losses,
                                    .references = {}}));
    }
    if (density) {
        std::vector<double> soft = curves.density;
        for (double& value : soft) value = 1 - value;
        PlotSpec spec{.title = "Expected sparsity",
                      .xLabel = "step",
                      .yLabel = "fraction of weights expected to be zero",
                      .percentY = true,
                      .height = 220,
                      .series = {{"expected sparsity", curves.steps, soft}},
                      .references = {}};
        if (run.targetSparsity && std::isfinite(*run.targetSparsity))
            spec.references.push_back({"target " + formatTarget(run.targetSparsity), *run.targetSparsity});
        blocks.push_back(curvePlot(std::move(spec)));
    }
    if (temperature) {
        std::vector<PlotSeries> series = {{"temperature", curves.steps, curves.temperature, false}};
        const bool logY = spansDecades(series);
        blocks.push_back(curvePlot({.title = "Sampling temperature",
                                    .xLabel = "step",
                                    .yLabel = "τ",
                                    .logY = logY,
                                    .height = 180,
                                    .series = series,
                                    .references = {}}));
    }
}

void addMatrices(std::vector<ReportBlock>& blocks, const ReportData& run) {
    if (run.matrices.empty()) return;
    blocks.push_back(ReportHeading{3, "Structure"});
    const auto& matrices = run.matrices;
    if (std::any_of(matrices.begin(), matrices.end(), [](const auto& m) { return !m.tileDensity.empty(); }))
        blocks.push_back(densityHeatmap(matrices));
    if (std::any_of(matrices.begin(), matrices.end(),
                    [](const auto& m) { return std::isfinite(m.sparsity); }))
        blocks.push_back(sparsityBars(matrices, run.targetSparsity));
    blocks.push_back(matrixTable(run));
}

void addRun(std::vector<ReportBlock>& blocks, const ReportData& run) {
    blocks.push_back(ReportParagraph{run.verdict, true, !run.finished});
    if (ReportTiles tiles = tilesOf(run); !tiles.tiles.empty()) blocks.push_back(std::move(tiles));
    if (!run.quality.empty()) {
        blocks.push_back(ReportHeading{3, "Quality"});
        blocks.push_back(qualityTable(run));
    }
    addCurves(blocks, run);
    addMatrices(blocks, run);
    if (!run.speed.empty() || !run.speedNote.empty()) {
        blocks.push_back(ReportHeading{3, "Speed"});
        if (!run.speedNote.empty()) blocks.push_back(ReportParagraph{run.speedNote});
        if (std::any_of(run.speed.begin(), run.speed.end(),
                        [](const auto& row) { return std::isfinite(row.speedup); }))
            blocks.push_back(speedBars(run.speed));
        if (!run.speed.empty()) blocks.push_back(speedTable(run));
    }
    if (!run.timings.empty()) {
        blocks.push_back(ReportHeading{3, "Time"});
        blocks.push_back(timingsTable(run));
    }
    if (!run.recipe.empty()) {
        blocks.push_back(ReportHeading{3, "Recipe"});
        blocks.push_back(pairsTable("Recipe", run.recipe));
    }
    if (!run.environment.empty()) {
        blocks.push_back(ReportHeading{3, "Environment"});
        blocks.push_back(pairsTable("Environment", run.environment));
    }
    if (!run.command.empty()) {
        blocks.push_back(ReportHeading{3, "To reproduce"});
        blocks.push_back(ReportCode{run.command});
    }
}

/// The title, with the directory's name where several runs have the same.
std::string nameOf(const std::vector<ReportData>& runs, const ReportData& run) {
    const auto same =
        std::count_if(runs.begin(), runs.end(), [&](const auto& other) { return other.title == run.title; });
    return same > 1 && !run.run.empty() ? run.title + " (" + run.run + ")" : run.title;
}

void addComparison(std::vector<ReportBlock>& blocks, const std::vector<ReportData>& runs) {
    blocks.push_back(ReportHeading{2, "All runs"});
    ReportTable table{.label = "All runs",
                      .columns = {{"Run", false, 2.6},
                                  {"Sparsity", true},
                                  {"Perplexity, dense", true, 1.2},
                                  {"Perplexity, pruned", true, 1.2},
                                  {"Change", true},
                                  {"Time", true, 1.2}},
                      .rows = {}};
    PlotSpec losses{.title = "Loss of all runs",
                    .xLabel = "step",
                    .yLabel = "nats per token",
                    .series = {},
                    .references = {}};
    for (const ReportData& run : runs) {
        const std::string change = relativeChange(run);
        table.rows.push_back({nameOf(runs, run) + (run.finished ? "" : " (unfinished)"),
                              percentOr(run.achievedSparsity, 2), numberOr(run.densePerplexity),
                              numberOr(run.prunedPerplexity),
                              change.empty() ? formatNumber(kUnknown) : change,
                              formatSeconds(run.totalSeconds ? *run.totalSeconds : kUnknown)});
        if (anyFinite(run.curves.loss))
            losses.series.push_back({nameOf(runs, run), run.curves.steps, run.curves.loss});
    }
    blocks.push_back(std::move(table));
    // More lines than colours tell nothing apart.
    if (losses.series.size() > 1 && losses.series.size() <= 6) {
        losses.logY = spansDecades(losses.series);
        blocks.push_back(curvePlot(std::move(losses)));
    }
}

}  // namespace

std::vector<ReportBlock> composeReport(const std::vector<ReportData>& runs) {
    if (runs.empty()) throw Error(ErrorCode::InvalidInput, "a report needs at least one run");
    std::vector<ReportBlock> blocks;
    if (runs.size() == 1) {
        blocks.push_back(ReportHeading{1, runs.front().title});
        addRun(blocks, runs.front());
        return blocks;
    }
    blocks.push_back(ReportHeading{1, runs.front().title + " and " + std::to_string(runs.size() - 1) +
                                          (runs.size() == 2 ? " other run" : " other runs")});
    blocks.push_back(ReportParagraph{runs.front().verdict, true, !runs.front().finished});
    addComparison(blocks, runs);
    for (const ReportData& run : runs) {
        blocks.push_back(ReportHeading{2, nameOf(runs, run)});
        addRun(blocks, run);
    }
    return blocks;
}

}  // namespace tessera
