#include "core/report/collect.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/report/mask_grid.h"
#include "core/report/series.h"
#include "core/session/event.h"
#include "core/session/experiment_spec.h"
#include "core/session/measurement.h"

namespace tessera {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// A JSON value as people write it: lists with commas, nothing for null.
std::string plainText(const Json& value) {
    if (value.is_null()) return {};
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_number_float()) return formatNumber(value.get<double>(), 6);
    if (!value.is_array()) return dumpLine(value);
    std::string text;
    for (const Json& item : value) text += (text.empty() ? "" : ", ") + plainText(item);
    return text;
}

double numberAt(const Json& object, const char* key) {
    if (!object.is_object()) return kUnknown;
    const auto found = object.find(key);
    return found != object.end() && found->is_number() ? found->get<double>() : kUnknown;
}

std::optional<double> optionalAt(const Json& object, const char* key) {
    const double value = numberAt(object, key);
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string textAt(const Json& object, const char* key) {
    if (!object.is_object()) return {};
    const auto found = object.find(key);
    return found != object.end() ? plainText(*found) : std::string();
}

const Json& objectAt(const Json& object, const char* key) {
    static const Json kEmpty = Json::object();
    if (!object.is_object()) return kEmpty;
    const auto found = object.find(key);
    return found != object.end() && (found->is_object() || found->is_array()) ? *found : kEmpty;
}

/// An empty object where the file is missing or damaged: a report of the rest is worth more than none.
Json readOptional(const std::filesystem::path& path) {
    try {
        Json json = readJsonFile(path);
        if (json.is_object()) return json;
    } catch (const Error&) {
    }
    return Json::object();
}

/// What the log says beside the curves.
struct Progress {
    double step = kUnknown;
    double steps = kUnknown;
    std::string error;
};

Progress readCurves(const std::filesystem::path& path, ReportCurves& curves) {
    Progress progress;
    std::vector<Event> events;
    try {
        events = readEvents(path);
    } catch (const Error&) {
        return progress;
    }
    std::vector<const Json*> kept;
    for (const Event& event : events) {
        const double step = numberAt(event.json, "step");
        if (event.type == "step" && textAt(event.json, "unit") == "step" && std::isfinite(step)) {
            kept.push_back(&event.json);
        } else if (event.type == "resumed" && std::isfinite(step)) {
            while (!kept.empty() && numberAt(*kept.back(), "step") > step) kept.pop_back();
            progress.error.clear();
        } else if (event.type == "error") {
            progress.error = textAt(event.json, "summary");
            if (progress.error.empty()) progress.error = textAt(event.json, "text");
        }
    }
    for (const Json* json : kept) {
        const double step = numberAt(*json, "step");
        // Steps ascend in every log that the engine writes; one that does not would bend the curves back.
        if (!curves.steps.empty() && step <= curves.steps.back()) continue;
        curves.steps.push_back(step);
        curves.loss.push_back(numberAt(*json, "loss"));
        curves.crossEntropy.push_back(numberAt(*json, "ce"));
        curves.divergence.push_back(numberAt(*json, "kl"));
        curves.density.push_back(numberAt(*json, "density"));
        curves.temperature.push_back(numberAt(*json, "tau"));
        progress.step = step;
        progress.steps = numberAt(*json, "steps");
    }
    return progress;
}

void readMatrices(const std::filesystem::path& run, const Json& result, ReportData& data) {
    for (const Json& item : objectAt(result, "matrices")) {
        ReportMatrix matrix;
        matrix.name = textAt(item, "name");
        if (matrix.name.empty()) continue;
        nameParts(matrix.name, matrix.block, matrix.projection);
        const double rows = numberAt(item, "rows"), cols = numberAt(item, "cols");
        if (rows > 0 && rows < 1e15) matrix.rows = std::int64_t(rows);
        if (cols > 0 && cols < 1e15) matrix.cols = std::int64_t(cols);
        matrix.sparsity = numberAt(item, "sparsity");
        data.matrices.push_back(std::move(matrix));
    }
    try {
        if (std::filesystem::exists(run / "masks.npz")) addMaskGrids(run / "masks.npz", data.matrices);
    } catch (const Error& error) {
        data.environment.emplace_back("Mask file", "not readable: " + error.summary());
    }
    if (!data.achievedSparsity) data.achievedSparsity = overallSparsity(data.matrices);
}

void readQuality(const Json& result, ReportData& data) {
    const Json& perplexity = objectAt(result, "perplexity");
    data.densePerplexity = optionalAt(perplexity, "dense");
    data.prunedPerplexity = optionalAt(perplexity, "pruned");
    if (data.densePerplexity || data.prunedPerplexity) {
        ReportQualityRow row{"perplexity", numberAt(perplexity, "dense"), numberAt(perplexity, "pruned"), {}};
        if (const std::string window = textAt(perplexity, "window"); !window.empty())
            row.note = "windows of " + window + " tokens, lower is better";
        if (const std::string text = textAt(perplexity, "text"); !text.empty())
            row.note += (row.note.empty() ? "" : "; ") + text;
        data.quality.push_back(std::move(row));
    }
}

void readTasks(const std::filesystem::path& run, ReportData& data) {
    const auto measured = newestMeasurement(run, "tasks", readTaskMeasurement);
    if (!measured) return;
    const auto points = [](double low, double high) {
        return std::isfinite(low) && std::isfinite(high)
                   ? "; difference " + formatNumber(low * 100, 2) + " to " + formatNumber(high * 100, 2) +
                         " points (95 %)"
                   : std::string();
    };
    for (const auto& task : measured->tasks) {
        const auto note = std::to_string(task.items) + " items, higher is better";
        data.quality.push_back(
            {task.name + " acc", task.dense, task.pruned, note + points(task.low, task.high)});
        if (std::isfinite(task.prunedNormalised))
            data.quality.push_back(
                {task.name + " acc_norm", task.denseNormalised, task.prunedNormalised, note});
    }
    if (measured->tasks.size() > 1)
        data.quality.push_back({"mean acc", measured->dense, measured->pruned,
                                "of " + std::to_string(measured->tasks.size()) + " tasks, higher is better" +
                                    points(measured->low, measured->high)});
}

std::string intervalText(const Json& row) {
    const auto found = row.find("ci95");
    if (found == row.end()) return {};
    if (found->is_array() && found->size() == 2 && (*found)[0].is_number() && (*found)[1].is_number())
        return formatNumber((*found)[0].get<double>(), 3) + "–" + formatNumber((*found)[1].get<double>(), 3);
    return found->is_number() ? "±" + formatNumber(found->get<double>(), 2) : std::string();
}

void readBench(const std::filesystem::path& run, ReportData& data) {
    for (const auto& path : measurementFiles(run, "bench")) {
        const Json bench = readOptional(path);
        const Json& rows = objectAt(bench, "rows");
        if (data.speed.empty())
            for (const Json& row : rows) {
                if (!row.is_object()) continue;
                ReportSpeedRow speed;
                speed.kernel = textAt(row, "kernel");
                const Json& shape = objectAt(row, "shape");
                speed.shape = shape.is_array() && shape.size() == 2
                                  ? plainText(shape[0]) + " × " + plainText(shape[1])
                                  : textAt(row, "shape");
                if (const double batch = numberAt(row, "batch"); batch > 1)
                    speed.shape += ", batch " + formatNumber(batch);
                speed.denseUs = numberAt(row, "dense_us");
                speed.torchUs = numberAt(row, "torch_us");
                speed.sparseUs = numberAt(row, "sparse_us");
                speed.speedup = numberAt(row, "speedup");
                speed.interval = intervalText(row);
                speed.limit = numberAt(row, "limit");
                speed.efficiency = numberAt(row, "efficiency");
                data.speed.push_back(std::move(speed));
            }
        const Json& whole = objectAt(bench, "end_to_end");
        const double dense = numberAt(whole, "dense_tokens_per_second");
        const double sparse = numberAt(whole, "sparse_tokens_per_second");
        if (data.speedNote.empty() && std::isfinite(dense) && std::isfinite(sparse))
            data.speedNote = "End to end, the pruned model generates " + formatNumber(sparse, 3) +
                             " tokens per second, the dense one " + formatNumber(dense, 3) + " (" +
                             formatNumber(numberAt(whole, "speedup"), 3) + " times).";
    }
}

std::string changeText(double dense, double pruned) {
    const double change = pruned / dense - 1;
    return formatPercent(std::fabs(change)) + (change < 0 ? " lower" : " higher");
}

std::string verdictOf(const ReportData& data, const std::string& what, const Progress& progress) {
    if (!data.finished) {
        std::string text = what + " has not finished";
        if (std::isfinite(progress.step))
            text += ": step " + formatNumber(progress.step, 9) +
                    (std::isfinite(progress.steps) ? " of " + formatNumber(progress.steps, 9) : "");
        if (!progress.error.empty()) text += "; it stopped with “" + progress.error + "”";
        return text + ". What follows is what it has written so far.";
    }
    std::string text = what;
    text += data.achievedSparsity
                ? " removes " + formatPercent(*data.achievedSparsity, 2) + " of the prunable weights"
                : " has finished";
    if (data.densePerplexity && data.prunedPerplexity && *data.densePerplexity > 0)
        text += "; perplexity goes from " + formatNumber(*data.densePerplexity) + " to " +
                formatNumber(*data.prunedPerplexity) + ", " +
                changeText(*data.densePerplexity, *data.prunedPerplexity);
    else if (data.prunedPerplexity)
        text += "; perplexity is " + formatNumber(*data.prunedPerplexity);
    return text + ".";
}

/// "SmolLM2-135M" of a path to a GGUF or a folder, a catalogue name as it is.
std::string shortModel(std::string model) {
    while (model.size() > 1 && model.back() == '/') model.pop_back();
    model.erase(0, model.rfind('/') + 1);
    if (model.size() > 5 && model.ends_with(".gguf")) model.erase(model.size() - 5);
    return model;
}

std::string methodTitle(const std::string& name) {
    try {
        return methodNamed(name).title;
    } catch (const Error&) {
        return name;
    }
}

void readRecipe(const Json& spec, ReportData& data) {
    static const std::pair<const char*, const char*> kRows[] = {
        {"model", "Model"},     {"method", "Method"}, {"pattern", "Pattern"}, {"sparsity", "Target sparsity"},
        {"text", "Text"},       {"steps", "Steps"},   {"minutes", "Minutes"}, {"seed", "Seed"},
        {"threads", "Threads"}, {"device", "Device"}, {"dtype", "Data type"}};
    for (const auto& [key, label] : kRows) {
        std::string value = textAt(spec, key);
        if (std::string_view(key) == "method" && !value.empty()) value = methodTitle(value);
        if (std::string_view(key) == "threads" && value == "0") value = "all cores";
        if (std::string_view(key) == "text" && value.empty() && !spec.empty())
            value = "the installed default text";
        if (!value.empty()) data.recipe.emplace_back(label, value);
    }
    const Json& set = objectAt(spec, "set");
    if (set.is_object())
        for (const auto& [key, value] : set.items()) data.recipe.emplace_back(key, plainText(value));
}

void readEnvironment(const Json& spec, const Json& result, ReportData& data) {
    static const std::pair<const char*, const char*> kNames[] = {
        {"cpu", "Processor"}, {"features", "Instruction sets"}, {"system", "System"},
        {"cores", "Cores"},   {"threads", "Threads used"},      {"memory_bytes", "Memory"},
        {"gpu", "GPU"},       {"libraries", "Libraries"}};
    const Json& machine = objectAt(result, "machine");
    if (machine.is_object())
        for (const auto& [name, value] : machine.items()) {
            const auto found = std::find_if(std::begin(kNames), std::end(kNames),
                                            [&key = name](const auto& entry) { return key == entry.first; });
            const bool bytes = name.ends_with("_bytes") && value.is_number();
            const std::string text = bytes ? formatBytes(value.get<double>()) : plainText(value);
            if (!text.empty())
                data.environment.emplace_back(found != std::end(kNames) ? found->second : name, text);
        }
    if (const std::string version = textAt(result, "version"); !version.empty())
        data.environment.emplace_back("Tessera", version);
    if (data.peakBytes) data.environment.emplace_back("Peak memory", formatBytes(*data.peakBytes));
    if (const double tokens = numberAt(result, "tokens_trained"); tokens > 0)
        data.environment.emplace_back("Tokens trained on", formatNumber(tokens));
    if (const double rate = numberAt(result, "tokens_per_second"); rate > 0)
        data.environment.emplace_back("Tokens per second", formatNumber(rate, 3));
    const Json& fingerprints = objectAt(spec, "fingerprints");
    if (fingerprints.is_object())
        for (const auto& [name, value] : fingerprints.items())
            data.environment.emplace_back("Fingerprint, " + name, plainText(value));
}

/// What makes the same run; the spec itself where its options are of another version.
std::string commandOf(const Json& spec, const std::filesystem::path& run) {
    if (spec.empty()) return {};
    try {
        return ExperimentSpec::fromJson(spec).commandLine();
    } catch (const Error&) {
        return "tessera-cli run " + (run / "spec.json").string();
    }
}

}  // namespace

ReportData collectReport(const std::filesystem::path& run) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(run, ignored))
        throw Error(ErrorCode::NotFound, "there is no such run directory", run.string());
    const auto has = [&](const char* name) { return std::filesystem::exists(run / name, ignored); };
    if (!has("spec.json") && !has("events.jsonl") && !has("result.json"))
        throw Error(ErrorCode::NotFound,
                    "this folder holds no run: no spec.json, events.jsonl or result.json", run.string());
    const Json spec = readOptional(run / "spec.json");
    const Json result = readOptional(run / "result.json");

    ReportData data;
    data.finished = !result.empty();
    data.targetSparsity = optionalAt(objectAt(result, "sparsity"), "target");
    if (!data.targetSparsity) data.targetSparsity = optionalAt(spec, "sparsity");
    data.achievedSparsity = optionalAt(objectAt(result, "sparsity"), "achieved");
    data.peakBytes = optionalAt(result, "peak_bytes");
    const Progress progress = readCurves(run / "events.jsonl", data.curves);
    readQuality(result, data);
    readMatrices(run, result, data);
    readTasks(run, data);
    readBench(run, data);

    const Json& seconds = objectAt(result, "seconds");
    double total = 0;
    if (seconds.is_object())
        for (const auto& [phase, value] : seconds.items()) {
            if (!value.is_number() || phase == "total") continue;
            data.timings.emplace_back(phase, value.get<double>());
            total += value.get<double>();
        }
    data.totalSeconds = optionalAt(seconds, "total");
    if (!data.totalSeconds && total > 0) data.totalSeconds = total;

    const std::string model =
        shortModel(textAt(spec, "model").empty() ? textAt(result, "model") : textAt(spec, "model"));
    const std::string method =
        methodTitle(textAt(spec, "method").empty() ? textAt(result, "method") : textAt(spec, "method"));
    std::string folder = run.lexically_normal().filename().string();
    if (folder.empty() || folder == ".") folder = run.lexically_normal().parent_path().filename().string();
    const std::string what = model.empty() || method.empty() ? "Run " + folder : method + " on " + model;
    data.title = what;
    if (data.targetSparsity) {
        const double percent = *data.targetSparsity * 100;
        data.title += ", " + formatPercent(*data.targetSparsity,
                                           std::fabs(percent - std::round(percent)) < 1e-6 ? 0 : 2);
        data.title += textAt(spec, "pattern").empty() ? "" : " " + textAt(spec, "pattern");
    }
    data.run = folder;
    data.recipe.emplace_back("Run", folder);
    readRecipe(spec, data);
    readEnvironment(spec, result, data);
    data.command = commandOf(spec, run);
    data.verdict = verdictOf(data, what, progress);
    return data;
}

}  // namespace tessera
