#include "ui/client/run_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "core/base/caught.h"
#include "ui/client/event_lines.h"

namespace tessera::ui {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kWhole = std::uint64_t(16) << 20;
constexpr std::uint64_t kPart = std::uint64_t(64) << 10;
constexpr std::uint64_t kTail = std::uint64_t(256) << 10;

/// A regular file opened for reading, without waiting for a pipe's other end.
class Reader {
  public:
    explicit Reader(const fs::path& path) : m_fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
        struct stat info {};
        if (m_fd >= 0 && ::fstat(m_fd, &info) == 0 && S_ISREG(info.st_mode))
            m_size = static_cast<std::uint64_t>(info.st_size);
    }
    ~Reader() {
        if (m_fd >= 0) ::close(m_fd);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    std::uint64_t size() const { return m_size; }
    std::string read(std::uint64_t offset, std::uint64_t length) const {
        std::string bytes(static_cast<std::size_t>(length), '\0');
        const auto count =
            m_fd < 0 ? -1 : ::pread(m_fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return bytes;
    }

  private:
    int m_fd;
    std::uint64_t m_size = 0;
};

struct Loss {
    double step;
    float loss;
};

void takeLosses(std::string_view bytes, std::vector<Loss>& losses) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        if (end == std::string_view::npos) return;
        if (const auto row = readStepLine(bytes.substr(0, end)); row && std::isfinite(row->loss)) {
            // A resumed run: what lies behind its checkpoint was cut off.
            while (!losses.empty() && losses.back().step >= row->step) losses.pop_back();
            losses.push_back({row->step, static_cast<float>(row->loss)});
        }
        bytes.remove_prefix(end + 1);
    }
}

/// Size and time of a file, for telling whether it is still the same.
std::string stamp(const fs::path& path, double& newest) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return "-";
    const double time =
        static_cast<double>(info.st_mtim.tv_sec) + 1e-9 * static_cast<double>(info.st_mtim.tv_nsec);
    newest = std::max(newest, time);
    return std::to_string(info.st_ino) + ':' + std::to_string(info.st_size) + ':' +
           std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec);
}

std::optional<double> perplexityOf(const Json& result, const char* which) {
    if (!result.is_object() || !result.contains("perplexity") || !result["perplexity"].is_object())
        return std::nullopt;
    const auto& perplexity = result["perplexity"];
    return perplexity.contains(which) && perplexity[which].is_number()
               ? std::optional(perplexity[which].get<double>())
               : std::nullopt;
}

RunEntry entryOf(const fs::path& path) {
    RunEntry entry;
    entry.summary.path = path;
    try {
        const auto run = RunDirectory::open(path);
        entry.spec = readJsonFile(path / "spec.json");
        entry.summary.model = run.spec().model;
        entry.summary.method = run.spec().method;
        entry.summary.sparsity = run.spec().sparsity;
        if (fs::is_regular_file(path / "result.json")) entry.result = readJsonFile(path / "result.json");
        entry.summary.perplexity = perplexityOf(entry.result, "pruned");
        entry.summary.densePerplexity = perplexityOf(entry.result, "dense");
        entry.spark = sparkOf(run.eventsPath());
    } catch (const std::exception& error) {
        entry.summary.status = "unreadable: " + caughtError(error).summary();
    }
    return entry;
}

}  // namespace

std::vector<float> sparkOf(const fs::path& events, std::size_t points) {
    const Reader file(events);
    std::vector<Loss> losses;
    if (file.size() <= kWhole) {
        takeLosses(file.read(0, file.size()), losses);
    } else {
        const auto parts = kWhole / kPart;
        for (std::uint64_t part = 0; part < parts; ++part) {
            const auto at = (file.size() - kPart) / (parts - 1) * part;
            const auto bytes = file.read(at, kPart);
            const auto begin = at == 0 ? 0 : bytes.find('\n');
            if (begin != std::string::npos) takeLosses(std::string_view(bytes).substr(begin), losses);
        }
    }
    std::vector<float> spark;
    if (losses.size() <= points) {
        for (const auto& loss : losses) spark.push_back(loss.loss);
        return spark;
    }
    const auto columns = points / 2;
    const auto less = [](const Loss& a, const Loss& b) { return a.loss < b.loss; };
    for (std::size_t column = 0; column < columns; ++column) {
        const auto begin = losses.begin() + static_cast<std::ptrdiff_t>(losses.size() * column / columns),
                   end = losses.begin() + static_cast<std::ptrdiff_t>(losses.size() * (column + 1) / columns);
        const auto [least, greatest] = std::minmax_element(begin, end, less);
        spark.push_back(std::min(least, greatest)->loss);
        spark.push_back(std::max(least, greatest)->loss);
    }
    return spark;
}

std::string lastWordOf(const fs::path& events) {
    const Reader file(events);
    const auto at = file.size() > kTail ? file.size() - kTail : 0;
    const auto bytes = file.read(at, file.size() - at);
    std::string_view rest(bytes);
    while (!rest.empty()) {
        const auto before = rest.substr(0, rest.size() - 1).rfind('\n');
        const auto line = before == std::string_view::npos ? rest : rest.substr(before + 1);
        rest.remove_suffix(line.size());
        if (line.find(R"("state")") == std::string_view::npos &&
            line.find(R"("error")") == std::string_view::npos)
            continue;
        const auto event = readEventLine(line);
        if (!event) continue;
        if (event->type == "error") return "failed";
        if (event->type == "state" && event->json.contains("state") && event->json["state"].is_string())
            return event->json["state"].get<std::string>();
    }
    return {};
}

RunScan::Result RunScan::read(const fs::path& folder) {
    Result result;
    std::error_code reason;
    fs::directory_iterator at(folder, reason), end;
    if (reason) {
        if (reason != std::errc::no_such_file_or_directory)
            result.problem = "the runs in " + folder.string() + " cannot be listed: " + reason.message();
        m_known.clear();
        return result;
    }
    for (auto& [path, known] : m_known) known.seen = false;
    for (; at != end && !reason; at.increment(reason)) {
        const auto& path = at->path();
        std::error_code none;
        if (!fs::is_regular_file(path / "spec.json", none)) continue;
        double newest = 0;
        auto signature = stamp(path / "spec.json", newest) + ' ' + stamp(path / "events.jsonl", newest) +
                         ' ' + stamp(path / "result.json", newest);
        auto& known = m_known[path];
        known.seen = true;
        if (signature != known.signature) {
            known.entry = entryOf(path);
            known.lastWord = lastWordOf(path / "events.jsonl");
            known.signature = std::move(signature);
        }
        auto& entry = known.entry;
        entry.modified = newest;
        if (!entry.summary.status.starts_with("unreadable")) {
            const bool held = RunLock::isHeld(path);
            const auto& last = known.lastWord;
            entry.summary.status = !entry.result.is_null() ? "finished"
                                   : held                  ? (last == "paused" ? "paused" : "running")
                                   : last == "stopped" || last == "failed" ? last
                                                                           : "interrupted";
            result.anyLive = result.anyLive || held;
        }
        result.runs.push_back(entry);
    }
    std::erase_if(m_known, [](const auto& known) { return !known.second.seen; });
    std::stable_sort(result.runs.begin(), result.runs.end(),
                     [](const auto& a, const auto& b) { return a.modified > b.modified; });
    return result;
}

}  // namespace tessera::ui
