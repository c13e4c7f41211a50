#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/session/run_directory.h"

namespace tessera::ui {

/// What a card or a table row shows of a run, read off the GUI thread.
struct RunEntry {
    RunSummary summary;  ///< status as RunDirectory::status() says it, or "unreadable: why"
    std::vector<float>
        spark;            ///< the loss, thinned to at most 64 points, least and greatest of each part kept
    Json result;          ///< result.json, or null
    Json spec;            ///< spec.json, or null
    double modified = 0;  ///< seconds since 1970, of the newest of its files

    /// Whether nothing of it has changed: files that are other ones have another time.
    bool operator==(const RunEntry& other) const {
        return summary.path == other.summary.path && summary.status == other.summary.status &&
               modified == other.modified;
    }
};

/// Reads the runs of a folder, again and again: what has not changed is not read a second time, so that
/// thousands of runs cost a few system calls each. One thread.
class RunScan {
  public:
    struct Result {
        std::vector<RunEntry> runs;  ///< newest first
        std::string problem;
        bool anyLive = false;  ///< a process works on one of them
    };
    Result read(const std::filesystem::path& folder);

  private:
    struct Known {
        std::string signature;
        RunEntry entry;
        std::string lastWord;  ///< the last state in its events
        bool seen = false;
    };
    std::map<std::filesystem::path, Known> m_known;
};

/// The loss of an events.jsonl in at most `points` values. Of a log of more than 16 MiB evenly spread parts
/// are read, 16 MiB in all.
std::vector<float> sparkOf(const std::filesystem::path& events, std::size_t points = 64);
/// The last state or error that an events.jsonl tells of; empty where there is none in its last 256 KiB.
std::string lastWordOf(const std::filesystem::path& events);

}  // namespace tessera::ui
