#include "core/session/measurement.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/error.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

constexpr double kNone = SpeedRow::kNone;
constexpr std::size_t kMostBytes = std::size_t(64) << 20;

double number(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number() ? found->get<double>() : kNone;
}

std::int64_t whole(const Json& object, const char* key) {
    const double value = number(object, key);
    return std::isfinite(value) && std::abs(value) < 1e15 ? static_cast<std::int64_t>(value) : 0;
}

std::string text(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// A number is "<time>" or "<time>-<n>" of files written in the same second.
std::pair<std::string, int> orderOf(const std::string& name, const std::string& head) {
    auto stamp = name.substr(head.size(), name.size() - head.size() - 5);
    int copy = 1;
    if (const auto end = stamp.find('Z'); end != std::string::npos && end + 2 < stamp.size()) {
        copy = std::atoi(stamp.c_str() + end + 2);
        stamp.resize(end + 1);
    }
    return {stamp, copy};
}

/// "2026-01-31T120000Z" of a file's name as the documents write it.
std::string timeOf(const Json& json, const fs::path& file) {
    if (auto given = text(json, "time"); !given.empty()) return given;
    const auto name = file.stem().string();
    const auto mark = name.rfind('T');
    if (mark == std::string::npos || mark < 10 || mark + 8 > name.size() || name[mark + 7] != 'Z') return {};
    return name.substr(mark - 10, 10) + "T" + name.substr(mark + 1, 2) + ":" + name.substr(mark + 3, 2) +
           ":" + name.substr(mark + 5, 2) + "Z";
}

[[noreturn]] void throwCorrupt(const std::string& what, const fs::path& file) {
    throw Error(ErrorCode::Corrupt, what, file.string(),
                {{"measure again; this file can be removed", "", ""}});
}

Json readObject(const fs::path& file) {
    auto json = readJsonFile(file, kMostBytes);
    if (!json.is_object()) throwCorrupt("the measurement is no JSON object", file);
    return json;
}

template <typename Row>
void readInterval(const Json& json, Row& row) {
    const auto found = json.find("ci95");
    if (found == json.end() || !found->is_array() || found->size() != 2) return;
    if ((*found)[0].is_number()) row.low = (*found)[0].template get<double>();
    if ((*found)[1].is_number()) row.high = (*found)[1].template get<double>();
}

template <typename Row>
void readSpeedup(const Json& json, Row& row) {
    row.speedup = number(json, "speedup");
    row.limit = number(json, "limit");
    readInterval(json, row);
}

SpeedRow speedRow(const Json& json, const fs::path& file) {
    if (!json.is_object()) throwCorrupt("a row of the measurement is no object", file);
    SpeedRow row;
    row.kernel = text(json, "kernel");
    const auto shape = json.find("shape");
    if (row.kernel.empty() || shape == json.end() || !shape->is_array() || shape->size() != 2 ||
        !(*shape)[0].is_number_integer() || !(*shape)[1].is_number_integer())
        throwCorrupt("a row of the measurement has no kernel or no shape", file);
    row.rows = (*shape)[0].get<std::int64_t>();
    row.cols = (*shape)[1].get<std::int64_t>();
    row.batch = std::max(1, static_cast<int>(whole(json, "batch")));
    row.threads = static_cast<int>(whole(json, "threads"));
    row.denseUs = number(json, "dense_us");
    row.torchUs = number(json, "torch_us");
    row.sparseUs = number(json, "sparse_us");
    row.efficiency = number(json, "efficiency");
    readSpeedup(json, row);
    return row;
}

/// The member where it is an object, else an empty one.
const Json& member(const Json& object, const std::string& key) {
    static const Json kNothing = Json::object();
    if (!object.is_object()) return kNothing;
    const auto found = object.find(key);
    return found != object.end() && found->is_object() ? *found : kNothing;
}

template <typename Row>
void readDifference(const Json& json, Row& row) {
    row.difference = number(json, "difference");
    readInterval(json, row);
}

std::vector<std::int64_t> indices(const Json& object, const char* key) {
    std::vector<std::int64_t> list;
    if (const auto found = object.find(key); found != object.end() && found->is_array())
        for (const auto& index : *found)
            if (index.is_number_integer()) list.push_back(index.get<std::int64_t>());
    return list;
}

TaskAccuracy taskAccuracy(const std::string& name, const Json& pruned, const Json& dense,
                          const Json& compared) {
    TaskAccuracy task;
    task.name = name;
    task.items = whole(pruned, "n");
    task.pruned = number(pruned, "acc");
    task.prunedError = number(pruned, "acc_stderr");
    task.prunedNormalised = number(pruned, "acc_norm");
    task.dense = number(dense, "acc");
    task.denseNormalised = number(dense, "acc_norm");
    const auto& accuracy = member(compared, "acc");
    readDifference(accuracy, task);
    task.won = indices(accuracy, "won");
    task.lost = indices(accuracy, "lost");
    return task;
}

DecodeSpeed decodeSpeed(const Json& json) {
    DecodeSpeed speed;
    speed.threads = static_cast<int>(whole(json, "threads"));
    speed.denseTokens = number(json, "dense_tokens_per_second");
    speed.sparseTokens = number(json, "sparse_tokens_per_second");
    speed.denseBytes = number(json, "dense_bytes_per_token");
    speed.sparseBytes = number(json, "sparse_bytes_per_token");
    readSpeedup(json, speed);
    return speed;
}

}  // namespace

std::vector<fs::path> measurementFiles(const fs::path& run, const std::string& what) {
    const auto head = "result-" + what + "-";
    std::vector<fs::path> files;
    std::error_code none;
    for (fs::directory_iterator entry(run, none), end; !none && entry != end; entry.increment(none)) {
        const auto name = entry->path().filename().string();
        if (name.size() > head.size() + 5 && name.starts_with(head) && name.ends_with(".json"))
            files.push_back(entry->path());
    }
    std::sort(files.begin(), files.end(), [&](const fs::path& a, const fs::path& b) {
        return orderOf(a.filename().string(), head) > orderOf(b.filename().string(), head);
    });
    return files;
}

SpeedMeasurement readSpeed(const fs::path& file) {
    const auto json = readObject(file);
    SpeedMeasurement speed;
    speed.file = file;
    speed.time = timeOf(json, file);
    speed.note = text(json, "note");
    if (const auto machine = json.find("machine"); machine != json.end() && machine->is_object()) {
        speed.cpu = text(*machine, "cpu");
        speed.system = text(*machine, "system");
        speed.kernels = text(*machine, "kernels");
    }
    const auto rows = json.find("rows");
    if (rows == json.end() || !rows->is_array()) throwCorrupt("the measurement has no rows", file);
    for (const auto& item : *rows) {
        auto row = speedRow(item, file);
        auto& list = row.kernel == "dense" ? speed.dense : speed.sparse;
        list.push_back(std::move(row));
    }
    if (const auto all = json.find("end_to_end_by_threads"); all != json.end() && all->is_array()) {
        for (const auto& item : *all)
            if (item.is_object()) speed.decode.push_back(decodeSpeed(item));
    } else if (const auto end = json.find("end_to_end"); end != json.end() && end->is_object()) {
        speed.decode.push_back(decodeSpeed(*end));
    }
    if (speed.sparse.empty() && speed.decode.empty())
        throwCorrupt("the measurement compares nothing: it has no sparse row", file);
    return speed;
}

QualityMeasurement readQuality(const fs::path& file) {
    const auto json = readObject(file);
    QualityMeasurement quality;
    quality.file = file;
    quality.time = timeOf(json, file);
    quality.text = text(json, "text");
    const auto& pruned = member(json, "perplexity");
    quality.pruned = number(pruned, "value");
    quality.window = whole(pruned, "window");
    quality.windows = whole(pruned, "windows");
    quality.dense = number(member(json, "dense"), "value");
    if (!std::isfinite(quality.pruned)) throwCorrupt("the measurement has no perplexity", file);
    return quality;
}

TaskAccuracy TaskMeasurement::mean() const {
    TaskAccuracy mean;
    mean.pruned = pruned;
    mean.dense = dense;
    mean.difference = difference;
    mean.low = low;
    mean.high = high;
    for (const auto& task : tasks) {
        mean.items += task.items;
        mean.won.insert(mean.won.end(), task.won.begin(), task.won.end());
        mean.lost.insert(mean.lost.end(), task.lost.begin(), task.lost.end());
    }
    return mean;
}

TaskMeasurement readTaskMeasurement(const fs::path& file) {
    const auto json = readObject(file);
    TaskMeasurement measurement;
    measurement.file = file;
    measurement.time = timeOf(json, file);
    measurement.limit = whole(json, "limit");
    const auto& dense = member(member(json, "dense"), "tasks");
    const auto& comparison = member(json, "comparison");
    double pruned = 0, unpruned = 0;
    for (const auto& [name, task] : member(json, "tasks").items()) {
        measurement.tasks.push_back(
            taskAccuracy(name, task, member(dense, name), member(member(comparison, "tasks"), name)));
        const auto& own = measurement.tasks.back();
        if (!std::isfinite(own.pruned)) throwCorrupt("the task " + name + " has no accuracy", file);
        pruned += own.pruned;
        unpruned += own.dense;
    }
    if (measurement.tasks.empty()) throwCorrupt("the measurement has no task", file);
    const auto count = static_cast<double>(measurement.tasks.size());
    measurement.pruned = pruned / count;
    measurement.dense = unpruned / count;
    readDifference(member(comparison, "mean"), measurement);
    return measurement;
}

}  // namespace tessera
