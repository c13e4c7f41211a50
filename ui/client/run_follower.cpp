#include "ui/client/run_follower.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>

#include "core/base/caught.h"
#include "core/session/run_directory.h"

namespace tessera::ui {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kPortionBytes = std::size_t(1) << 18;
constexpr std::size_t kAhead = 32;
constexpr int kLivePollMs = 80, kIdlePollMs = 250;
constexpr int kTicksALook = 4;  ///< live polls between two looks at the owner and the folder

bool statOf(const fs::path& path, struct stat& info) {
    return ::stat(path.c_str(), &info) == 0;
}

/// The newest of result-bench-*.json: their names hold the time.
std::optional<Json> newestBenchmark(const fs::path& run) {
    fs::path newest;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(run, none)) {
        const auto name = entry.path().filename().string();
        if (name.starts_with("result-bench-") && name.ends_with(".json") && entry.is_regular_file(none) &&
            (newest.empty() || name.size() > newest.filename().string().size() ||
             (name.size() == newest.filename().string().size() && entry.path() > newest)))
            newest = entry.path();
    }
    if (newest.empty()) return std::nullopt;
    try {
        auto json = readJsonFile(newest);
        return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

RunFollower::RunFollower(fs::path run, std::uint64_t limit)
    : m_run(std::move(run)), m_events(m_run / "events.jsonl"), m_limit(limit) {
    m_thread = std::thread([this] { work(); });
}

RunFollower::~RunFollower() {
    {
        const std::lock_guard lock(m_mutex);
        m_end = true;
    }
    m_wake.notify_all();
    m_thread.join();
}

std::optional<RunNews> RunFollower::take() {
    const std::lock_guard lock(m_mutex);
    if (m_news.empty()) return std::nullopt;
    auto news = std::move(m_news.front());
    m_news.pop_front();
    m_wake.notify_all();
    return news;
}

void RunFollower::readUpTo(std::uint64_t bytes) {
    const std::lock_guard lock(m_mutex);
    m_limit = bytes;
    m_announce = true;
    m_wake.notify_all();
}

void RunFollower::skipTo(std::uint64_t bytes) {
    const std::lock_guard lock(m_mutex);
    m_limit = kNoLimit;
    m_announce = true;
    if (bytes != kNoLimit) m_skip = bytes;
    m_wake.notify_all();
}

void RunFollower::reload() {
    const std::lock_guard lock(m_mutex);
    m_reload = true;
    m_wake.notify_all();
}

std::uint64_t RunFollower::size() const {
    struct stat info {};
    return statOf(m_events, info) ? static_cast<std::uint64_t>(info.st_size) : 0;
}

bool RunFollower::sleep(int ms) {
    std::unique_lock lock(m_mutex);
    m_wake.wait_for(lock, std::chrono::milliseconds(ms),
                    [this] { return m_end || m_reload || (m_announce && !m_gone); });
    return !m_end;
}

void RunFollower::hand(RunNews news) {
    std::unique_lock lock(m_mutex);
    m_wake.wait(lock, [this] { return m_end || m_news.size() < kAhead; });
    m_news.push_back(std::move(news));
}

RunFacts RunFollower::facts() const {
    RunFacts facts;
    std::error_code none;
    try {
        const auto run = RunDirectory::open(m_run);
        facts.spec = readJsonFile(m_run / "spec.json");
        facts.options = run.spec().set.effective();
        facts.isRun = true;
        if (const auto latest = run.latestCheckpoint()) facts.lastCheckpoint = latest->step;
        facts.benchmark = newestBenchmark(m_run);
        const auto result = m_run / "result.json";
        if (fs::is_regular_file(result, none)) {
            facts.result = run.result();
            if (!facts.result->is_object()) {
                facts.result.reset();
                throw Error(ErrorCode::Corrupt, "the run's result is damaged", result.string());
            }
        }
    } catch (const std::exception& error) {
        facts.problem = fs::exists(m_run, none) ? caughtError(error).what()
                                                : "There is no folder " + m_run.string() + ".";
    }
    return facts;
}

void RunFollower::work() {
    bool look = true;
    for (;;) {
        {
            const std::lock_guard lock(m_mutex);
            if (m_end) return;
            look = look || std::exchange(m_reload, false);
        }
        if (look) {
            RunNews news;
            news.facts = facts();
            m_wrong = !news.facts->isRun;
            hand(std::move(news));
            look = false;
        }
        if (!m_gone && readEvents()) continue;
        const bool live = m_held.value_or(false);
        if (!sleep(live ? kLivePollMs : kIdlePollMs)) return;
        if (++m_ticks % kTicksALook != 0 && live) continue;
        watch();
        // What was wrong may have been a copy that is still under way.
        look = m_wrong && m_ticks % (kTicksALook * 2) == 0;
    }
}

void RunFollower::beginAnew() {
    m_offset = m_rows = m_inode = 0;
    m_lines.clear();
    const std::lock_guard lock(m_mutex);
    m_announce = true;
}

bool RunFollower::readEvents() {
    std::uint64_t limit;
    bool announce;
    {
        const std::lock_guard lock(m_mutex);
        limit = m_limit;
        announce = m_announce;
        if (m_skip) {
            m_offset = std::max(m_offset, *m_skip);
            m_skip.reset();
            m_lines.clear();
        }
    }
    RunNews news;
    struct stat info {};
    const bool there = !m_wrong && statOf(m_events, info) && S_ISREG(info.st_mode);
    const auto size = there ? static_cast<std::uint64_t>(info.st_size) : 0;
    if (there && m_inode != 0 && (info.st_ino != m_inode || size < m_offset) && limit == kNoLimit) {
        news.restarted = announce = true;
        beginAnew();
    }
    if (there) m_inode = info.st_ino;
    const auto end = std::min(size, limit);
    if (there && m_offset < end) {
        const int fd = ::open(m_events.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        std::string bytes(std::min<std::uint64_t>(kPortionBytes, end - m_offset), '\0');
        const auto count =
            fd < 0 ? -1 : ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(m_offset));
        const int reason = errno;
        if (fd >= 0) ::close(fd);
        if (count > 0) {
            m_offset += static_cast<std::uint64_t>(count);
            m_lines.take({bytes.data(), static_cast<std::size_t>(count)}, news.events);
            m_rows += news.events.rows.size();
            if (m_offset < end && m_rows > 0)
                news.expectedRows = static_cast<std::size_t>(
                    static_cast<double>(m_rows) * static_cast<double>(size) / static_cast<double>(m_offset));
            hand(std::move(news));
            return true;
        }
        if (count < 0 && announce) {
            news.facts = facts();
            news.facts->problem =
                std::string("The run's events cannot be read: ") + std::strerror(reason) + ".";
        }
    }
    if (announce) {
        {
            const std::lock_guard lock(m_mutex);
            m_announce = m_limit != limit;
        }
        news.reachedEnd = true;
        if (limit == kNoLimit) news.held = m_held = RunLock::isHeld(m_run);
        if (there)
            news.quietSeconds = std::max<double>(0, static_cast<double>(std::time(nullptr) - info.st_mtime));
        hand(std::move(news));
    }
    return false;
}

void RunFollower::watch() {
    bool ours;
    {
        const std::lock_guard lock(m_mutex);
        ours = m_limit != kNoLimit;
    }
    struct stat info {};
    const bool gone = !statOf(m_run / "spec.json", info);
    RunNews news;
    if (gone != m_gone) {
        if (m_wrong) return;  // it never was a run
        m_gone = gone;
        if (gone) {
            news.gone = statOf(m_run, info) ? "The run's files are no longer in " + m_run.string() + "."
                                            : "The run's folder is no longer there: " + m_run.string() + ".";
        } else {
            news.gone = "";
            // Maybe another run of this name; not while ours goes on, whose history is known.
            if (!ours) {
                news.restarted = true;
                beginAnew();
                news.facts = facts();
            }
        }
    }
    if (const bool held = !ours && !gone && RunLock::isHeld(m_run); !ours && held != m_held) {
        // What its owner said last comes before its end.
        while (!held && !m_gone && readEvents()) {
        }
        news.held = m_held = held;
        // It may have ended between its result and the line that says so.
        if (!m_gone && !held) news.facts = facts();
    }
    if (news.gone || news.held) hand(std::move(news));
}

}  // namespace tessera::ui
