#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tessera {

/// What was measured at each learning step. All vectors have the length of `steps`; a value that a step
/// did not record, or that was not finite, is NaN and leaves a gap in the figures.
struct ReportCurves {
    std::vector<double> steps;
    std::vector<double> loss;          ///< nats a token: cross-entropy and divergence as the run mixes them
    std::vector<double> crossEntropy;  ///< nats a token
    std::vector<double> divergence;    ///< KL to the dense model, nats a token
    std::vector<double> density;       ///< expected fraction of weights kept, 0..1
    std::vector<double> temperature;
};

/// One prunable matrix.
struct ReportMatrix {
    std::string name;
    int block = -1;          ///< index of the transformer block, -1 outside of the blocks
    std::string projection;  ///< "q_proj", ..., "down_proj"
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    double sparsity = 0;  ///< fraction of zero weights; NaN when unknown
    int gridRows = 0;     ///< 0 when there is no mask to look at
    int gridCols = 0;
    std::vector<float> tileDensity;  ///< [gridRows * gridCols], fraction kept in each tile, row-major
};

struct ReportQualityRow {
    std::string measure;
    double dense = 0;  ///< NaN when not measured
    double pruned = 0;
    std::string note;
};

/// One row of a kernel benchmark; times in microseconds, NaN when not measured.
struct ReportSpeedRow {
    std::string kernel;
    std::string shape;
    double denseUs = 0;
    double torchUs = 0;
    double sparseUs = 0;
    double speedup = 0;
    std::string interval;   ///< 95 % confidence interval of the speedup, already formatted
    double limit = 0;       ///< the speedup that memory traffic allows
    double efficiency = 0;  ///< speedup / limit
};

/// Everything a report says about one run. Plain data; absent things are empty or nullopt.
struct ReportData {
    std::string title;
    std::string run;      ///< the run directory's name; tells runs of one title apart
    std::string verdict;  ///< one sentence
    bool finished = true;

    std::optional<double> targetSparsity;
    std::optional<double> achievedSparsity;
    std::optional<double> densePerplexity;
    std::optional<double> prunedPerplexity;
    std::optional<double> totalSeconds;
    std::optional<double> peakBytes;

    std::vector<std::pair<std::string, std::string>> recipe;
    std::vector<std::pair<std::string, std::string>> environment;
    ReportCurves curves;
    std::vector<ReportMatrix> matrices;
    std::vector<ReportQualityRow> quality;
    std::vector<ReportSpeedRow> speed;
    std::string speedNote;                                ///< one line over end-to-end speed, or empty
    std::vector<std::pair<std::string, double>> timings;  ///< phase, seconds
    std::string command;                                  ///< reproduces the run in a shell
};

}  // namespace tessera
