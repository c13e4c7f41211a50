#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tessera {

/// A model of the Hugging Face hub.
struct HubRepo {
    std::string id;  ///< "organisation/name"
    std::string revision = "main";

    /// "organisation/name", with "@revision" where it is another than main.
    std::string text() const;
};

/// Reads ORG/REPO[@REVISION]; nothing where the text cannot be one.
std::optional<HubRepo> hubRepoOf(const std::string& text);

/// How the hub is reached: $HF_ENDPOINT or https://huggingface.co; the token of $HF_TOKEN, or of the file
/// that `huggingface-cli login` writes ($HF_TOKEN_PATH, $HF_HOME/token, ~/.cache/huggingface/token).
struct HubAccess {
    std::string endpoint;   ///< without a slash at its end
    std::string token;      ///< empty where there is none
    std::string tokenFrom;  ///< "HF_TOKEN" or the file
};
/// Throws Error{InvalidInput} on an endpoint that is no address of HTTP(S) and a token that cannot be sent.
HubAccess hubAccess();
/// $HF_HUB_OFFLINE says so.
bool hubIsOffline();

/// Where a fetched one lies or will lie, below the user's data folder.
std::filesystem::path hubModelFolder(const HubRepo& repo);
/// The folder of a model that was fetched, or lies in the hub's own cache ($HF_HUB_CACHE, $HF_HOME/hub,
/// ~/.cache/huggingface/hub). Nothing where neither has all of its files. Asks no network.
std::optional<std::filesystem::path> findHubModel(const HubRepo& repo);

/// The weight files that a model.safetensors.index.json names, sorted. Throws Error{Corrupt} on names that
/// are no plain file names.
std::vector<std::string> shardsOf(const std::filesystem::path& index);

}  // namespace tessera
