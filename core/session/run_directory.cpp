#include "core/session/run_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/system_info.h"
#include "core/session/event.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

constexpr const char* kAside = ".part";
constexpr const char* kFolders[] = {"checkpoints", "maps", "snapshots"};

/// The N of "step-N"; -1 for any other name.
std::int64_t stepOf(const fs::path& folder) {
    const auto name = folder.filename().string();
    if (!name.starts_with("step-") || name.size() < 6 || name.size() > 20) return -1;
    for (std::size_t i = 5; i < name.size(); ++i)
        if (name[i] < '0' || name[i] > '9') return -1;
    return std::stoll(name.substr(5));
}

std::vector<Checkpoint> checkpointsIn(const fs::path& folder) {
    std::vector<Checkpoint> list;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none))
        if (const auto step = stepOf(entry.path()); step >= 0) list.push_back({step, entry.path()});
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
    return list;
}

void makeFolders(const fs::path& path) {
    std::error_code reason;
    fs::create_directories(path, reason);
    if (reason) throwIoError("make the folder", path, reason.value());
}

void syncFile(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::fsync(fd) != 0) {
        const int reason = errno;
        if (fd >= 0) ::close(fd);
        throwIoError("sync the file", path, reason);
    }
    ::close(fd);
}

}  // namespace

CheckpointWriter::CheckpointWriter(fs::path temporary, fs::path final)
    : m_temporary(std::move(temporary)), m_final(std::move(final)) {
    fs::remove_all(m_temporary);
    makeFolders(m_temporary);
}

CheckpointWriter::CheckpointWriter(CheckpointWriter&& other) noexcept
    : m_temporary(std::exchange(other.m_temporary, {})), m_final(std::move(other.m_final)) {}

CheckpointWriter::~CheckpointWriter() {
    std::error_code none;
    if (!m_temporary.empty()) fs::remove_all(m_temporary, none);
}

void CheckpointWriter::commit() {
    for (const auto& entry : fs::directory_iterator(m_temporary)) syncFile(entry.path());
    syncDirectory(m_temporary);
    const auto parent = m_final.parent_path();
    // The same step again holds the same bits: the one that is there may stay.
    if (fs::exists(m_final)) {
        fs::remove_all(m_temporary);
    } else {
        fs::rename(m_temporary, m_final);
        syncDirectory(parent);
    }
    m_temporary.clear();
    auto list = checkpointsIn(parent);
    for (std::size_t i = 0; i + 2 < list.size(); ++i) {
        // Renamed first, so that a half removed checkpoint is never taken for a whole one.
        const auto doomed = list[i].folder.string() + kAside;
        fs::remove_all(doomed);
        fs::rename(list[i].folder, doomed);
        fs::remove_all(doomed);
    }
}

RunDirectory::RunDirectory(fs::path path, ExperimentSpec spec, Json fingerprints)
    : m_path(std::move(path)), m_spec(std::move(spec)), m_fingerprints(std::move(fingerprints)) {}

namespace {

bool isTornSpec(const fs::path& file) {
    return file.filename().string().starts_with("spec.json.part-") && fs::is_regular_file(file);
}

/// Whether a folder has nothing in it but what a run leaves that was killed before it had its specification.
bool neverBegan(const fs::path& path) {
    std::error_code none;
    if (!fs::is_directory(path, none)) return false;
    for (const auto& entry : fs::directory_iterator(path)) {
        const auto name = entry.path().filename().string();
        const bool folder = std::find(std::begin(kFolders), std::end(kFolders), name) != std::end(kFolders) &&
                            entry.is_directory(none) && fs::is_empty(entry.path(), none);
        if (!folder && !isTornSpec(entry.path()) && !(name == "lock" && entry.is_regular_file(none)))
            return false;
    }
    return true;
}

void removeTornSpecs(const fs::path& path) {
    std::vector<fs::path> torn;
    for (const auto& entry : fs::directory_iterator(path))
        if (isTornSpec(entry.path())) torn.push_back(entry.path());
    for (const auto& file : torn) fs::remove(file);
}

}  // namespace

RunDirectory RunDirectory::create(const fs::path& path, const ExperimentSpec& spec,
                                  const Json& fingerprints) {
    std::error_code none;
    if (fs::exists(path) && !neverBegan(path))
        throw Error(ErrorCode::InvalidInput, "there is something here already", path.string(),
                    {{"name another folder with --out, or go on with 'tessera-cli resume'", "out", ""}});
    const bool existed = fs::exists(path);
    try {
        for (const char* folder : kFolders) makeFolders(path / folder);
        RunDirectory run(fs::absolute(path), spec, fingerprints);
        run.m_lock = std::make_unique<RunLock>(run.m_path);
        // Whoever was writing one had the lock, and is gone.
        removeTornSpecs(run.m_path);
        auto json = spec.toJson();
        json["format"] = kRunFormat;
        json["tessera"] = TESSERA_VERSION;
        json["fingerprints"] = fingerprints;
        writeFileAtomically(run.m_path / "spec.json", json.dump(2) + "\n");
        return run;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Locked) throw;
        // Half a run would be in the way of the next attempt: the folder was empty, and is so again.
        for (const char* folder : kFolders) fs::remove(path / folder, none);
        fs::remove(path / "lock", none);
        if (!existed) fs::remove(path, none);
        throw;
    }
}

bool RunDirectory::isRun(const fs::path& path) {
    return fs::is_regular_file(path / "spec.json");
}

RunDirectory RunDirectory::open(const fs::path& path) {
    if (!isRun(path))
        throw Error(ErrorCode::NotFound, "there is no run here: the folder has no spec.json", path.string(),
                    {{"'tessera-cli runs' lists the runs", "", ""}});
    const auto where = (path / "spec.json").string();
    const auto json = readJsonFile(path / "spec.json");
    if (!json.is_object() || !json.contains("format") || !json["format"].is_number_integer())
        throw Error(ErrorCode::Corrupt, "the run's spec.json has no format number", where);
    if (json["format"].get<std::int64_t>() > kRunFormat)
        throw Error(ErrorCode::UnsupportedVersion,
                    "the run was written by a newer version (format " + json["format"].dump() +
                        ", this build knows " + std::to_string(kRunFormat) + ")",
                    where, {{"open it with the version that wrote it, or a newer one", "", ""}});
    return RunDirectory(fs::absolute(path), ExperimentSpec::fromJson(json),
                        json.contains("fingerprints") ? json["fingerprints"] : Json::object());
}

void RunDirectory::acquire() {
    if (!m_lock) m_lock = std::make_unique<RunLock>(m_path);
    for (const char* folder : kFolders) makeFolders(m_path / folder);
    for (const auto& entry : fs::directory_iterator(m_path / "checkpoints"))
        if (entry.path().extension() == kAside) fs::remove_all(entry.path());
}

fs::path RunDirectory::mapPath(std::int64_t step) const {
    return m_path / "maps" / ("step-" + std::to_string(step) + ".bin");
}
fs::path RunDirectory::snapshotPath(std::int64_t step) const {
    return m_path / "snapshots" / ("step-" + std::to_string(step) + ".npz");
}

CheckpointWriter RunDirectory::beginCheckpoint(std::int64_t step) const {
    const auto final = m_path / "checkpoints" / ("step-" + std::to_string(step));
    return {final.string() + kAside, final};
}

std::optional<Checkpoint> RunDirectory::latestCheckpoint() const {
    auto list = checkpointsIn(m_path / "checkpoints");
    return list.empty() ? std::nullopt : std::optional(list.back());
}

std::optional<Json> RunDirectory::result() const {
    const auto path = m_path / "result.json";
    return fs::exists(path) ? std::optional(readJsonFile(path)) : std::nullopt;
}

void RunDirectory::writeResult(const Json& result) const {
    writeFileAtomically(m_path / "result.json", result.dump(2) + "\n");
}

fs::path RunDirectory::writeMeasurement(const std::string& what, const Json& document) const {
    auto stamp = utcTimestamp();
    std::erase(stamp, ':');
    auto path = m_path / ("result-" + what + "-" + stamp + ".json");
    for (int i = 2; fs::exists(path); ++i)
        path = m_path / ("result-" + what + "-" + stamp + "-" + std::to_string(i) + ".json");
    writeFileAtomically(path, document.dump(2) + "\n");
    return path;
}

std::string RunDirectory::status() const {
    if (fs::exists(m_path / "result.json")) return "finished";
    std::string last;
    for (const auto& event : readEvents(eventsPath())) {
        if (event.type == "state" && event.json.contains("state") && event.json["state"].is_string())
            last = event.json["state"].get<std::string>();
        if (event.type == "error") last = "failed";
    }
    if (RunLock::isHeld(m_path)) return last == "paused" ? "paused" : "running";
    return last == "stopped" || last == "failed" ? last : "interrupted";
}

fs::path runsFolder() {
    if (const char* folder = std::getenv("TESSERA_RUNS"); folder && *folder) return folder;
    return userDataFolder() / "runs";
}

fs::path freshRunPath(const ExperimentSpec& spec) {
    char percent[16];
    std::snprintf(percent, sizeof percent, "%g", spec.sparsity * 100);
    auto model = fs::path(spec.model).filename();
    if (model.empty()) model = fs::path(spec.model).parent_path().filename();
    const auto stem = model.stem().string() + "-" + spec.method + "-" + percent;
    auto path = runsFolder() / stem;
    for (int i = 2; fs::exists(path); ++i) path = runsFolder() / (stem + "-" + std::to_string(i));
    return path;
}

std::vector<RunSummary> listRuns(const fs::path& folder) {
    std::vector<std::pair<fs::file_time_type, RunSummary>> found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) {
        if (!RunDirectory::isRun(entry.path())) continue;
        try {
            const auto run = RunDirectory::open(entry.path());
            RunSummary summary{
                entry.path(), run.spec().model, run.spec().method, run.status(), run.spec().sparsity, {}, {}};
            if (const auto result = run.result();
                result && result->contains("perplexity") && (*result)["perplexity"].is_object()) {
                const auto& perplexity = (*result)["perplexity"];
                if (perplexity.contains("pruned") && perplexity["pruned"].is_number())
                    summary.perplexity = perplexity["pruned"].get<double>();
                if (perplexity.contains("dense") && perplexity["dense"].is_number())
                    summary.densePerplexity = perplexity["dense"].get<double>();
            }
            found.emplace_back(fs::last_write_time(entry.path() / "spec.json"), std::move(summary));
        } catch (const Error& error) {
            RunSummary summary;
            summary.path = entry.path();
            summary.status = std::string("unreadable: ") + error.summary();
            found.emplace_back(fs::file_time_type::min(), std::move(summary));
        }
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<RunSummary> runs;
    for (auto& [time, summary] : found) runs.push_back(std::move(summary));
    return runs;
}

}  // namespace tessera
