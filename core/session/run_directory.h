#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/session/experiment_spec.h"

namespace tessera {

/// The version of a run directory's layout that this build writes; it reads this and older ones.
inline constexpr int kRunFormat = 1;

/// Ownership of a run by a live process: an advisory lock that the system frees when the process dies, and a
/// heartbeat (the file's modification time, once a second) for readers on other machines.
class RunLock {
  public:
    /// Throws Error{Locked} naming the owner's host and process when another live process holds the run.
    explicit RunLock(const std::filesystem::path& run);
    ~RunLock();
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;

    /// Whether a live process owns the run.
    static bool isHeld(const std::filesystem::path& run);

  private:
    int m_fd = -1;
    std::atomic<bool> m_end{false};
    std::thread m_heartbeat;
};

/// A checkpoint being written aside; gone again unless committed.
class CheckpointWriter {
  public:
    CheckpointWriter(std::filesystem::path temporary, std::filesystem::path final);
    ~CheckpointWriter();
    CheckpointWriter(CheckpointWriter&& other) noexcept;
    CheckpointWriter& operator=(CheckpointWriter&&) = delete;

    const std::filesystem::path& folder() const { return m_temporary; }
    /// Syncs what was written, renames it into place, and removes all but the last two checkpoints.
    void commit();

  private:
    std::filesystem::path m_temporary, m_final;
};

struct Checkpoint {
    std::int64_t step = 0;
    std::filesystem::path folder;
};

/// One run on disk (the layout is architecture.md's). Reading needs no ownership; writing does.
class RunDirectory {
  public:
    /// Makes the folder with its spec.json and owns it. Throws Error{InvalidInput} where something is there
    /// already; what a run left that was killed before it had its spec.json is nothing.
    static RunDirectory create(const std::filesystem::path& path, const ExperimentSpec& spec,
                               const Json& fingerprints);
    /// Opens for reading. Throws Error{NotFound, UnsupportedVersion, Corrupt}.
    static RunDirectory open(const std::filesystem::path& path);
    static bool isRun(const std::filesystem::path& path);

    /// Becomes the owner and clears what a killed owner left half written.
    void acquire();

    const std::filesystem::path& path() const { return m_path; }
    const ExperimentSpec& spec() const { return m_spec; }
    const Json& fingerprints() const { return m_fingerprints; }
    std::filesystem::path eventsPath() const { return m_path / "events.jsonl"; }
    std::filesystem::path masksPath() const { return m_path / "masks.npz"; }
    /// The changed tensors, of methods that change any; there before the masks are.
    std::filesystem::path weightsPath() const { return m_path / "weights.safetensors"; }
    /// What a one-shot run keeps of its finished blocks while it goes on.
    std::filesystem::path blocksPath() const { return m_path / "blocks"; }
    std::filesystem::path mapPath(std::int64_t step) const;
    std::filesystem::path snapshotPath(std::int64_t step) const;
    CheckpointWriter beginCheckpoint(std::int64_t step) const;
    std::optional<Checkpoint> latestCheckpoint() const;

    std::optional<Json> result() const;
    void writeResult(const Json& result) const;
    /// result-<what>-<time>.json: later measurements, never in place of earlier ones.
    std::filesystem::path writeMeasurement(const std::string& what, const Json& document) const;

    /// "finished", "running", "paused", "stopped", "failed" or "interrupted".
    std::string status() const;

  private:
    RunDirectory(std::filesystem::path path, ExperimentSpec spec, Json fingerprints);

    std::filesystem::path m_path;
    ExperimentSpec m_spec;
    Json m_fingerprints;
    std::unique_ptr<RunLock> m_lock;
};

/// The folder that new runs go to: $TESSERA_RUNS or `runs` in the user's data folder.
std::filesystem::path runsFolder();
/// A name for a new run that nothing has yet: model-method-sparsity, a number behind it where needed.
std::filesystem::path freshRunPath(const ExperimentSpec& spec);

/// What a table of runs shows.
struct RunSummary {
    std::filesystem::path path;
    std::string model, method, status;
    double sparsity = 0;
    std::optional<double> perplexity, densePerplexity;
};
/// Every readable run directly below `folder`, newest first.
std::vector<RunSummary> listRuns(const std::filesystem::path& folder);

}  // namespace tessera
