#include "core/session/hub_repo.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/base/system_info.h"
#include "core/session/http_loop.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLongestName = 96, kMostShards = 1000, kLongestToken = 4096;
constexpr std::size_t kLongestIndex = std::size_t(64) << 20;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

bool isPlain(char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
}

bool isPlainName(const std::string& name) {
    return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), isPlain) &&
           name[0] != '.' && name[0] != '-' && name.find("..") == std::string::npos;
}

/// Parts with slashes between them.
bool isRevision(const std::string& text) {
    for (std::size_t at = 0;; ++at) {
        const auto slash = text.find('/', at);
        if (!isPlainName(text.substr(at, slash - at))) return false;
        if (slash == std::string::npos) return true;
        at = slash;
    }
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
        text.replace(at, what.size(), by);
    return text;
}

fs::path homeExpanded(const std::string& path) {
    const auto home = variable("HOME");
    if (path.starts_with("~/") && !home.empty()) return fs::path(home) / path.substr(2);
    return path;
}

/// $HF_HOME, or the folder that the hub's own tools take without it.
fs::path hubHome() {
    if (const auto home = variable("HF_HOME"); !home.empty()) return homeExpanded(home);
    if (const auto cache = variable("XDG_CACHE_HOME"); !cache.empty())
        return homeExpanded(cache) / "huggingface";
    return homeExpanded("~/.cache/huggingface");
}

fs::path hubCache() {
    for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
        if (const auto folder = variable(name); !folder.empty()) return homeExpanded(folder);
    return hubHome() / "hub";
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\n"), last = text.find_last_not_of(" \t\r\n");
    return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

/// A folder of the hub's cache: a link to a blob that is not there yet is no file.
bool holdsModel(const fs::path& folder) {
    std::error_code none;
    if (!fs::is_regular_file(folder / "config.json", none)) return false;
    if (fs::is_regular_file(folder / "model.safetensors", none)) return true;
    const auto index = folder / "model.safetensors.index.json";
    if (!fs::is_regular_file(index, none)) return false;
    try {
        for (const auto& shard : shardsOf(index))
            if (!fs::is_regular_file(folder / shard, none)) return false;
        return true;
    } catch (const Error&) {
        return false;
    }
}

std::optional<fs::path> inHubCache(const HubRepo& repo) {
    const auto folder = hubCache() / ("models--" + replaced(repo.id, "/", "--"));
    std::error_code none;
    std::string commit = repo.revision;
    if (const auto reference = folder / "refs" / repo.revision; fs::is_regular_file(reference, none)) {
        try {
            commit = trimmed(readFile(reference, 4096));
        } catch (const Error&) {
            return std::nullopt;
        }
    }
    if (!isPlainName(commit)) return std::nullopt;
    const auto snapshot = folder / "snapshots" / commit;
    if (!holdsModel(snapshot)) return std::nullopt;
    return snapshot;
}

}  // namespace

std::string HubRepo::text() const {
    return revision == "main" ? id : id + "@" + revision;
}

std::optional<HubRepo> hubRepoOf(const std::string& text) {
    const auto at = text.find('@'), slash = text.find('/');
    if (slash == std::string::npos || slash > at) return std::nullopt;
    HubRepo repo{text.substr(0, at)};
    if (at != std::string::npos) repo.revision = text.substr(at + 1);
    const auto organisation = repo.id.substr(0, slash), name = repo.id.substr(slash + 1);
    // "--" stands for the slash in names of folders.
    if (!isPlainName(organisation) || !isPlainName(name) || repo.id.find("--") != std::string::npos ||
        !isRevision(repo.revision) || repo.revision.find("--") != std::string::npos)
        return std::nullopt;
    return repo;
}

HubAccess hubAccess() {
    HubAccess access{"https://huggingface.co", "", ""};
    if (auto endpoint = variable("HF_ENDPOINT"); !endpoint.empty()) {
        while (endpoint.ends_with('/')) endpoint.pop_back();
        if (httpOrigin(endpoint).empty())
            throw Error(ErrorCode::InvalidInput, "this is no address of a hub: \"" + endpoint + "\"",
                        "HF_ENDPOINT",
                        {{"set it to an address like https://huggingface.co, or unset it", "", ""}});
        access.endpoint = endpoint;
    }
    for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
        if (!access.token.empty()) break;
        access.token = trimmed(variable(name));
        access.tokenFrom = name;
    }
    if (access.token.empty()) {
        const auto named = variable("HF_TOKEN_PATH");
        const auto file = named.empty() ? hubHome() / "token" : homeExpanded(named);
        access.tokenFrom = file.string();
        std::error_code none;
        if (fs::is_regular_file(file, none)) access.token = trimmed(readFile(file, kLongestToken));
    }
    if (access.token.empty()) access.tokenFrom.clear();
    // A line end would end the header that carries it.
    if (access.token.size() > kLongestToken ||
        std::any_of(access.token.begin(), access.token.end(), [](char c) { return c <= ' ' || c > '~'; }))
        throw Error(ErrorCode::InvalidInput, "the hub's token has characters that no token has",
                    access.tokenFrom,
                    {{"copy it again from " + access.endpoint + "/settings/tokens", "", ""}});
    return access;
}

bool hubIsOffline() {
    auto value = variable("HF_HUB_OFFLINE");
    for (auto& letter : value)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    return value == "1" || value == "true" || value == "yes" || value == "on";
}

fs::path hubModelFolder(const HubRepo& repo) {
    return userDataFolder() / "models" / replaced(repo.text(), "/", "--");
}

std::optional<fs::path> findHubModel(const HubRepo& repo) {
    if (const auto folder = hubModelFolder(repo); holdsModel(folder)) return folder;
    return inHubCache(repo);
}

std::vector<std::string> shardsOf(const fs::path& index) {
    const auto json = readJsonFile(index, kLongestIndex);
    const auto corrupt = [&](const std::string& what) {
        throw Error(ErrorCode::Corrupt, what, index.string(),
                    {{"use a model whose weights are safetensors files", "", ""}});
    };
    std::set<std::string> shards;
    if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
        corrupt("the index has no weight_map");
    for (const auto& [tensor, file] : json["weight_map"].items()) {
        const auto name = file.is_string() ? file.get<std::string>() : std::string();
        if (!isPlainName(name) || !name.ends_with(".safetensors"))
            corrupt("the index puts " + tensor + " into \"" + name + "\", which is no safetensors file");
        shards.insert(name);
    }
    if (shards.empty() || shards.size() > kMostShards)
        corrupt("the index names " + std::to_string(shards.size()) + " files");
    return {shards.begin(), shards.end()};
}

}  // namespace tessera
