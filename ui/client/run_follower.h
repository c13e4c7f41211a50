#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/base/json.h"
#include "ui/client/event_lines.h"

namespace tessera::ui {

/// What a run directory holds beside its events.
struct RunFacts {
    bool isRun = false;   ///< whether this build can read it; what follows `problem` is empty where not
    std::string problem;  ///< a sentence, where something of it cannot be read
    Json spec, options;
    std::optional<Json> result, benchmark;
    std::int64_t lastCheckpoint = -1;
};

/// One portion of news of a run directory.
struct RunNews {
    bool restarted = false;  ///< the events begin anew: forget what came before
    std::optional<RunFacts> facts;
    EventPortion events;
    std::size_t expectedRows = 0;     ///< about how many steps the whole file has; 0: no idea
    bool reachedEnd = false;          ///< all that was there has been handed over
    double quietSeconds = 0;          ///< with reachedEnd: since the file was last written
    std::optional<bool> held;         ///< whether a live process owns the run; not looked at below a limit
    std::optional<std::string> gone;  ///< empty: it is there again; else what is no longer there, a sentence
};

/// Reads a run directory on a thread of its own, in small portions and at most a few ahead of the
/// reader, and goes on as the run grows. Files are opened for reading only, and never left open. Needs no Qt.
/// The methods are for one other thread.
class RunFollower {
  public:
    static constexpr std::uint64_t kNoLimit = ~std::uint64_t(0);

    explicit RunFollower(std::filesystem::path run, std::uint64_t limit = kNoLimit);
    ~RunFollower();
    RunFollower(const RunFollower&) = delete;
    RunFollower& operator=(const RunFollower&) = delete;

    std::optional<RunNews> take();

    /// Reads events up to this byte and then only watches whether the folder is there, until skipTo().
    void readUpTo(std::uint64_t bytes);
    /// Goes on from this byte, or where it is further already; kNoLimit: from where reading was. A torn line
    /// in front of it is dropped.
    void skipTo(std::uint64_t bytes);
    void reload();  ///< the facts
    /// Bytes of the run's events now.
    std::uint64_t size() const;

  private:
    void work();
    bool sleep(int ms);  ///< false where the end was asked for
    void hand(RunNews news);
    bool readEvents();  ///< whether there was something to read
    void watch();
    void beginAnew();
    RunFacts facts() const;

    const std::filesystem::path m_run, m_events;

    std::mutex m_mutex;
    std::condition_variable m_wake;
    std::deque<RunNews> m_news;
    bool m_end = false, m_reload = false, m_announce = true;
    std::uint64_t m_limit = kNoLimit;
    std::optional<std::uint64_t> m_skip;

    // The thread's own.
    EventLines m_lines;
    std::uint64_t m_offset = 0, m_inode = 0, m_rows = 0;
    bool m_gone = false, m_wrong = false;
    std::optional<bool> m_held;
    int m_ticks = 0;

    std::thread m_thread;
};

}  // namespace tessera::ui
