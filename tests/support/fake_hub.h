#pragma once

#include <set>

#include "core/base/sha256.h"
#include "core/formats/safetensors.h"
#include "support/http_server.h"

namespace tessera::test {

/// The file addresses of a hub, as far as fetching a model goes, for one model; large files redirect to a
/// store on another port.
class FakeHub {
  public:
    /// True: the test has answered.
    using Hook = std::function<bool(const Asked&, Line&)>;

    explicit FakeHub(std::string repo = "org/tiny")
        : m_repo(std::move(repo)),
          m_store([this](auto& asked, auto& line) { store(asked, line); }),
          m_hub([this](auto& asked, auto& line) { hub(asked, line); }) {}

    std::string url() const { return m_hub.url(); }
    HttpServer& hub() { return m_hub; }
    HttpServer& store() { return m_store; }
    void forget() {
        m_hub.forget();
        m_store.forget();
    }

    /// Both only while nothing is asked.
    void put(const std::string& name, const std::string& content, bool large = false) {
        const std::lock_guard lock(m_mutex);
        m_files[name] = content;
        if (large) m_large.insert(name);
    }
    void remove(const std::string& name) {
        const std::lock_guard lock(m_mutex);
        m_files.erase(name);
    }
    void setCommit(char digit) {
        const std::lock_guard lock(m_mutex);
        m_commit = std::string(40, digit);
    }
    void onHub(Hook hook) {
        const std::lock_guard lock(m_mutex);
        m_onHub = std::move(hook);
    }
    void onStore(Hook hook) {
        const std::lock_guard lock(m_mutex);
        m_onStore = std::move(hook);
    }

    static std::string nameOf(const std::string& content) { return sha256Hex(content).substr(0, 40); }

  private:
    struct State {
        std::map<std::string, std::string> files;
        std::set<std::string> large;
        std::string commit;
        Hook onHub, onStore;
    };
    State state() {
        const std::lock_guard lock(m_mutex);
        return {m_files, m_large, m_commit, m_onHub, m_onStore};
    }
    void hub(const Asked& asked, Line& line) {
        const auto now = state();
        if (now.onHub && now.onHub(asked, line)) return;
        const auto base = "/" + m_repo + "/resolve/";
        if (!asked.path.starts_with(base)) return line.answer(404, "X-Error-Code: RepoNotFound\r\n", "");
        const auto slash = asked.path.find('/', base.size());
        const auto revision = asked.path.substr(base.size(), slash - base.size());
        if (revision != "main" && revision != "v1%2Fx" && revision != now.commit)
            return line.answer(404, "X-Error-Code: RevisionNotFound\r\n", "");
        const auto name = asked.path.substr(slash + 1);
        const auto found = now.files.find(name);
        const auto commit = "X-Repo-Commit: " + now.commit + "\r\n";
        if (found == now.files.end()) return line.answer(404, commit + "X-Error-Code: EntryNotFound\r\n", "");
        if (now.large.contains(name)) {
            return line.answer(302, commit + "X-Linked-Size: " + std::to_string(found->second.size()) +
                                        "\r\nX-Linked-ETag: \"" + sha256Hex(found->second) +
                                        "\"\r\nLocation: " + m_store.url() + "/" + name + "?sign=1\r\n");
        }
        line.answerFile(asked, found->second, "\"" + nameOf(found->second) + "\"", commit);
    }
    void store(const Asked& asked, Line& line) {
        const auto now = state();
        if (now.onStore && now.onStore(asked, line)) return;
        const auto found = now.files.find(asked.path.substr(1, asked.path.find('?') - 1));
        if (found == now.files.end()) return line.answer(404);
        line.answerFile(asked, found->second, "\"store-" + nameOf(found->second) + "\"");
    }

    const std::string m_repo;
    std::mutex m_mutex;
    std::map<std::string, std::string> m_files;
    std::set<std::string> m_large;
    std::string m_commit = std::string(40, 'a');
    Hook m_onHub, m_onStore;
    HttpServer m_store, m_hub;
};

/// A safetensors file with one tensor of so many floats.
inline std::string tinyWeights(const std::filesystem::path& scratch, std::size_t floats,
                               std::uint32_t seed = 3, const std::string& tensor = "model.norm.weight") {
    const auto bytes = noise(floats * 4, seed);
    SafetensorsWriter writer(scratch);
    writer.declare(tensor, DType::F32, {static_cast<std::int64_t>(floats)});
    writer.write(tensor, std::as_bytes(std::span(bytes)));
    writer.commit();
    const auto text = readFile(scratch);
    std::filesystem::remove(scratch);
    return text;
}

}  // namespace tessera::test
