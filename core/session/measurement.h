#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"

namespace tessera {

/// Measurements made after a run lie beside its result as result-<what>-<time>.json
/// (RunDirectory::writeMeasurement); newest first. An unreadable folder has none.
std::vector<std::filesystem::path> measurementFiles(const std::filesystem::path& run,
                                                    const std::string& what);

/// The newest of them that `read` can make something of; nothing where there is none. What is wrong with
/// others is for those to tell who list them all.
template <typename Read>
auto newestMeasurement(const std::filesystem::path& run, const std::string& what, Read read)
    -> std::optional<decltype(read(run))> {
    for (const auto& file : measurementFiles(run, what)) {
        try {
            return read(file);
        } catch (const Error&) {
        }
    }
    return std::nullopt;
}

/// One kernel at one shape; NaN where it was not measured. Times in microseconds.
struct SpeedRow {
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    std::string kernel;
    std::int64_t rows = 0, cols = 0;
    int batch = 1, threads = 0;
    double denseUs = kNone, torchUs = kNone, sparseUs = kNone;
    double speedup = kNone, low = kNone, high = kNone;  ///< with the ends of its 95 % interval
    double limit = kNone, efficiency = kNone;           ///< efficiency = speedup / limit
};

/// Decoding with the whole model at one number of threads.
struct DecodeSpeed {
    static constexpr double kNone = SpeedRow::kNone;
    int threads = 0;
    double denseTokens = kNone, sparseTokens = kNone;  ///< a second
    double speedup = kNone, low = kNone, high = kNone, limit = kNone;
    double denseBytes = kNone, sparseBytes = kNone;  ///< read for a token
};

/// What `bench model` found.
struct SpeedMeasurement {
    std::filesystem::path file;
    std::string time;  ///< UTC, "2026-01-31T12:00:00Z"; empty where it is not known
    std::string cpu, system, kernels;
    std::string note;
    std::vector<SpeedRow> dense, sparse;  ///< of each shape, in the same order of measuring
    std::vector<DecodeSpeed> decode;      ///< one a number of threads
};

/// What `eval` of a run found on a text.
struct QualityMeasurement {
    std::filesystem::path file;
    std::string time;
    std::string text;  ///< the files, or what the default text is called
    double pruned = SpeedRow::kNone, dense = SpeedRow::kNone;  ///< perplexities
    std::int64_t window = 0, windows = 0;
};

/// Accuracy on one zero-shot task, dense beside pruned where both were measured. Shares of 1.
struct TaskAccuracy {
    static constexpr double kNone = SpeedRow::kNone;
    std::string name;
    std::int64_t items = 0;
    double pruned = kNone, prunedError = kNone, dense = kNone;  ///< acc, its standard error
    double prunedNormalised = kNone, denseNormalised = kNone;   ///< acc_norm, of tasks that have it
    double difference = kNone, low = kNone, high = kNone;       ///< pruned - dense, with its 95 % interval
    std::vector<std::int64_t> won, lost;  ///< items that only the pruned, only the dense model has right
};

/// What `eval --task` of a run found.
struct TaskMeasurement {
    std::filesystem::path file;
    std::string time;
    std::int64_t limit = 0;  ///< the first items of each task; 0: all
    std::vector<TaskAccuracy> tasks;
    double pruned = SpeedRow::kNone, dense = SpeedRow::kNone;  ///< means of the tasks' acc
    double difference = SpeedRow::kNone, low = SpeedRow::kNone, high = SpeedRow::kNone;

    /// The means as a row without a name, over the items of all tasks.
    TaskAccuracy mean() const;
};

/// Throw Error{Corrupt} naming the file and what is wrong with it; Error{Io, NotFound} where it cannot be
/// read.
SpeedMeasurement readSpeed(const std::filesystem::path& file);
QualityMeasurement readQuality(const std::filesystem::path& file);
TaskMeasurement readTaskMeasurement(const std::filesystem::path& file);

}  // namespace tessera
