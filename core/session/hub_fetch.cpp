#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/base/system_info.h"
#include "core/formats/safetensors.h"
#include "core/session/hub_client.h"
#include "core/session/model_fetch.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

constexpr const char *kConfig = "config.json", *kWeights = "model.safetensors",
                     *kIndex = "model.safetensors.index.json", *kOrigin = "tessera-source.json";
/// What a model may have beside its weights and its configuration.
constexpr const char* kOptional[] = {"tokenizer.json",    "tokenizer_config.json", "special_tokens_map.json",
                                     "added_tokens.json", "tokenizer.model",       "vocab.json",
                                     "merges.txt",        "chat_template.jinja",   "generation_config.json"};
constexpr std::uint64_t kSpareBytes = std::uint64_t(64) << 20;

/// The folder in which a model is put together; it gets the model's name when all is there. One process has
/// it.
class Workshop {
  public:
    explicit Workshop(fs::path target) : m_target(std::move(target)), m_path(m_target) {
        m_path += ".fetching";
        for (int attempt = 0; m_fd < 0; ++attempt) {
            std::error_code failed;
            fs::create_directories(m_path, failed);
            if (failed) throwIoError("make the folder", m_path, failed.value());
            m_fd = ::open(m_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (m_fd < 0 && errno != ENOENT) throwIoError("open the folder", m_path, errno);
            if (m_fd >= 0 && ::flock(m_fd, LOCK_EX | LOCK_NB) != 0) {
                ::close(m_fd);
                throw Error(ErrorCode::Locked, "another process is fetching this model", m_path.string(),
                            {{"wait until it is done", "", ""}});
            }
            // Another process may have finished and renamed it in between.
            struct stat held {
            }, named{};
            if (m_fd >= 0 && (::fstat(m_fd, &held) != 0 || ::stat(m_path.c_str(), &named) != 0 ||
                              held.st_ino != named.st_ino || held.st_dev != named.st_dev)) {
                ::close(m_fd);
                m_fd = -1;
            }
            if (m_fd < 0 && attempt > 10)
                throw Error(ErrorCode::Io, "the folder does not stay", m_path.string());
        }
    }
    ~Workshop() { ::close(m_fd); }
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    const fs::path& path() const { return m_path; }

    /// Throws where something else has the model's name.
    void requireFree() const {
        std::error_code none;
        if (!fs::exists(m_target, none) || fs::is_empty(m_target, none)) return;
        fs::remove(m_path, none);  // takes only an empty folder
        throw Error(ErrorCode::Io, "a folder that is no whole model is in the way", m_target.string(),
                    {{"move that folder away and try again", "", ""}});
    }

    /// Removes what is not of this model: files of an earlier revision.
    void keepOnly(const std::set<std::string>& names) const {
        for (const auto& entry : fs::directory_iterator(m_path))
            if (!names.contains(entry.path().filename().string())) fs::remove_all(entry.path());
    }
    void clear() const { keepOnly({}); }
    void remove() const { fs::remove_all(m_path); }

    void finish() const {
        syncDirectory(m_path);
        if (::rename(m_path.c_str(), m_target.c_str()) != 0)
            throwIoError("put the model in place", m_target, errno);
        syncDirectory(m_target.parent_path());
    }

  private:
    fs::path m_target, m_path;
    int m_fd = -1;
};

/// Downloads files one after the other and knows how far all of them are.
class Batch {
  public:
    Batch(HubClient& hub, HttpLoop& loop, const Workshop& workshop)
        : m_hub(hub), m_loop(loop), m_workshop(workshop) {}

    void add(HubFile file) { m_files.push_back(std::move(file)); }
    const std::vector<HubFile>& files() const { return m_files; }
    std::uint64_t done() const { return m_before + m_current; }
    /// 0 until all files are known.
    std::uint64_t total() const { return m_total; }

    void fetch(const HubFile& file) {
        download(m_loop, m_hub.target(file, m_workshop.path()), m_current);
        m_before += std::exchange(m_current, 0);
    }

    void fetchAll() {
        std::uint64_t sum = 0, there = 0;
        for (const auto& file : m_files) {
            sum += file.bytes.value_or(0);
            there += std::min(file.bytes.value_or(0), downloadedBytes(m_hub.target(file, m_workshop.path())));
        }
        const auto needed = sum - there + kSpareBytes, free = freeDiskBytes(m_workshop.path());
        if (free < needed)
            throw Error(ErrorCode::DiskFull,
                        "the download needs " + std::to_string(needed >> 20) + " MiB more, " +
                            std::to_string(free >> 20) + " MiB are free",
                        m_workshop.path().string());
        m_total = sum;
        m_before = 0;
        for (const auto& file : m_files) fetch(file);
    }

  private:
    HubClient& m_hub;
    HttpLoop& m_loop;
    const Workshop& m_workshop;
    std::vector<HubFile> m_files;
    std::uint64_t m_before = 0, m_current = 0, m_total = 0;
};

/// Safetensors that can be opened, and a configuration: what no page of a proxy is.
void checkModel(const fs::path& folder, bool sharded) {
    if (!readJsonFile(folder / kConfig).is_object())
        throw Error(ErrorCode::Corrupt, "the model's configuration is no JSON object",
                    (folder / kConfig).string(),
                    {{"try again; if it stays, the model cannot be used", "", ""}});
    SafetensorsFile::open(folder / (sharded ? kIndex : kWeights));
}

}  // namespace

void fetchFromHub(const HubRepo& repo, const FetchProgress& progress, const Cancellation& cancellation,
                  const HttpOptions& options) {
    if (hubIsOffline())
        throw Error(ErrorCode::Io,
                    repo.text() + " is not on this machine, and HF_HUB_OFFLINE forbids to ask the hub",
                    "HF_HUB_OFFLINE", {{"unset it, or copy the model's folder here and name it", "", ""}});
    const auto access = hubAccess();
    const Workshop workshop(hubModelFolder(repo));
    if (findHubModel(repo)) {
        // Another process was done with it just now.
        workshop.remove();
        return;
    }
    workshop.requireFree();
    const Batch* running = nullptr;
    HttpLoop loop(
        options,
        [&] {
            const auto total = running ? running->total() : 0;
            progress(total ? std::min(running->done(), total) : 0, total);
        },
        cancellation);
    HubClient hub(loop, access, repo);
    Batch batch(hub, loop, workshop);

    batch.add(hub.require(kConfig));
    auto weights = hub.find(kWeights);
    const bool sharded = !weights;
    if (sharded) {
        const auto index = hub.find(kIndex);
        if (!index)
            throw Error(
                ErrorCode::NotFound,
                repo.text() + " has neither " + kWeights + " nor " + kIndex + " on the hub", access.endpoint,
                {{"choose a model with safetensors weights (pickled .bin files are not read)", "", ""}});
        batch.add(*index);
        batch.fetch(*index);
        for (const auto& shard : shardsOf(workshop.path() / kIndex)) batch.add(hub.require(shard));
    } else {
        batch.add(std::move(*weights));
    }
    for (const auto* name : kOptional)
        if (auto file = hub.find(name)) batch.add(std::move(*file));
    running = &batch;
    batch.fetchAll();

    std::set<std::string> names{kOrigin};
    Json files = Json::array();
    for (const auto& file : batch.files()) {
        names.insert(file.name);
        Json entry{{"name", file.name}, {"bytes", fs::file_size(workshop.path() / file.name)}};
        if (!file.sha256.empty()) entry["sha256"] = file.sha256;
        files.push_back(std::move(entry));
    }
    try {
        checkModel(workshop.path(), sharded);
    } catch (const Error& error) {
        workshop.clear();
        if (error.code() != ErrorCode::Corrupt) throw;
        throw Error(ErrorCode::Corrupt, "what came for " + repo.text() + " is no model: " + error.summary(),
                    fs::path(error.where()).filename().string(),
                    {{"look for a proxy or a login page in between, and try again", "", ""}});
    }
    const Json origin{{"endpoint", access.endpoint},
                      {"repo", repo.id},
                      {"revision", repo.revision},
                      {"commit", hub.revision()},
                      {"files", std::move(files)}};
    writeFileAtomically(workshop.path() / kOrigin, origin.dump(2) + "\n");
    workshop.keepOnly(names);
    workshop.finish();
    progress(batch.total(), batch.total());
}

}  // namespace tessera
