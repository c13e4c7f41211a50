#include "app/cli/container_info.h"

#include <algorithm>
#include <cstdio>

#include "app/cli/packing_options.h"
#include "core/base/error.h"
#include "core/base/stopwatch.h"

namespace tessera::cli {

namespace {

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
    return text;
}

/// "smollm2-135m, magnitude unstructured at 50 %"; empty where the file does not say.
std::string aboutText(const Json& about) {
    std::string text;
    for (const auto* key : {"model", "method", "pattern"})
        if (about.contains(key) && about[key].is_string())
            text += (text.empty()                   ? ""
                     : std::string(key) == "method" ? ", "
                                                    : " ") +
                    about[key].get<std::string>();
    if (about.contains("sparsity") && about["sparsity"].is_number())
        text += " at " + percent(about["sparsity"].get<double>());
    return text;
}

}  // namespace

void describeContainer(const std::filesystem::path& path, bool verify, const Console& console) {
    const PackedContainer container(path);
    const auto& file = container.file();
    const auto model = container.model();
    const auto& config = model.config;
    // A small file is checked before there is anything to say.
    Stopwatch sinceSaid;
    if (verify)
        file.verify([&](std::uint64_t done, std::uint64_t all) {
            if (signalControl().stop.load())
                throw Error(ErrorCode::Cancelled, "stopped on request", path.string());
            if (sinceSaid.seconds() < 0.2) return;
            sinceSaid.restart();
            console.progress("checked " + humanBytes(done) + " of " + humanBytes(all), double(done),
                             double(all));
        });
    console.endProgress();

    Json matrices = Json::array(), stored = Json::array(), forms = Json::object();
    std::int64_t prunable = 0, kept = 0;
    for (const auto& matrix : prunableMatrices(config)) {
        matrices.push_back({{"name", matrix.name}, {"rows", matrix.rows}, {"cols", matrix.cols}});
        prunable += matrix.elements();
    }
    std::uint64_t denseBytes = 0;
    for (const auto& part : model.parts()) {
        const auto& matrix = *part.matrix;
        stored.push_back({{"block", part.block < 0 ? Json(nullptr) : Json(part.block)},
                          {"name", part.name},
                          {"kernel", kernelLabel({&matrix})},
                          {"shape", {matrix.rows(), matrix.cols()}},
                          {"kept", matrix.kept()},
                          {"bytes", matrix.bytes()}});
        denseBytes +=
            static_cast<std::uint64_t>(kernels::densePanelElements(matrix.rows(), matrix.cols())) * 2;
        if (part.block < 0) continue;
        // A dense matrix counts the rows between gate and up that fill its panels up.
        const bool padded = part.matrix == &model.blocks[static_cast<std::size_t>(part.block)].gateUp;
        kept +=
            std::min(matrix.kept(), (padded ? 2 * config.intermediateSize : matrix.rows()) * matrix.cols());
        const auto form = kernelName(matrix.form(), matrix.values());
        forms[form] = forms.value(form, 0) + 1;
    }

    std::string formsText;
    for (const auto& [form, count] : forms.items())
        formsText += (formsText.empty() ? "" : ", ") + std::to_string(count.get<int>()) + " " + form;
    const auto bytes = model.bytesPerToken();
    const double limit = static_cast<double>(denseBytes) / static_cast<double>(bytes);
    char limitText[32];
    std::snprintf(limitText, sizeof limitText, "%.2f", limit);
    console.line("container   " + path.string() + ", version " + std::to_string(kContainerVersion) + ", " +
                 humanBytes(file.fileBytes()) + " in " + std::to_string(file.sections().size()) +
                 " sections");
    if (const auto about = aboutText(container.about()); !about.empty()) console.line("model       " + about);
    console.line("parameters  " + std::to_string(config.parameters()) + ", of them prunable " +
                 std::to_string(prunable) + ", kept " + std::to_string(kept) + " (" +
                 percent(1 - static_cast<double>(kept) / static_cast<double>(prunable)) + " pruned)");
    console.line("stored as   " + formsText + " (blocks), " +
                 kernelName(model.head.form(), model.head.values()) + " (head)");
    console.line("a token     reads " + humanBytes(bytes) + " of weights; dense bf16 " + limitText +
                 " times as many");
    console.line(
        std::string("checksums   ") +
        (verify ? "every section has its own" : "of the header checked; --verify checks every section"));
    console.document({{"model", path.string()},
                      {"architecture", config.modelType},
                      {"parameters", config.parameters()},
                      {"config", file.header()["config"]},
                      {"file_bytes", file.fileBytes()},
                      {"prunable", {{"weights", prunable}, {"matrices", matrices}}},
                      {"methods", Json::object()},
                      {"container",
                       {{"version", kContainerVersion},
                        {"about", container.about()},
                        {"values", nameOf(container.values())},
                        {"head", nameOf(container.headValues())},
                        {"kept", kept},
                        {"forms", forms},
                        {"matrices", stored},
                        {"sections", file.sections().size()},
                        {"header_bytes", file.headerBytes()},
                        {"bytes_per_token", bytes},
                        {"dense_bytes_per_token", denseBytes},
                        {"limit", limit},
                        {"verified", verify ? Json(true) : Json(nullptr)}}}});
}

}  // namespace tessera::cli
