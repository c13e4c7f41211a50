#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>

#include "app/cli/console.h"
#include "app/cli/container_info.h"
#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/deploy/packed_container.h"
#include "core/engine/requirements.h"
#include "core/formats/model_files.h"
#include "core/model/torch_runtime.h"
#include "core/session/model_catalogue.h"
#include "core/text/corpus.h"
#include "core/text/tokenizer.h"

namespace tessera::cli {

namespace {

void listModels(const Console& console) {
    Json list = Json::array();
    for (const auto& model : modelCatalogue()) {
        const bool installed = model.installed();
        list.push_back({{"name", model.name},
                        {"title", model.title},
                        {"family", model.family},
                        {"installed", installed},
                        {"parameters", model.parameters},
                        {"bytes", model.bytes},
                        {"approximate", model.approximate},
                        {"download_bytes", model.downloadBytes()},
                        {"licence", model.licence},
                        {"gated", model.gated},
                        {"source", model.sourceText()},
                        {"path", model.path().string()}});
        const auto size = (model.approximate ? "~" : "") + humanBytes(model.bytes);
        char text[512];
        std::snprintf(text, sizeof text, "%-18s %-10s %8s  %-42s %s%s", model.name.c_str(),
                      installed ? "installed" : "to fetch", size.c_str(), model.sourceText().c_str(),
                      model.licence.c_str(), model.gated ? ", to be accepted on the hub" : "");
        console.line(text);
    }
    console.document({{"models", list}});
}

void addModels(Commands& app, Console& console) {
    auto* command =
        addCommand(app, "models", "the catalogue: installed or not, size, licence, source", console);
    addCommand(*command, "list", "the same", console);
    auto* fetch = addCommand(
        *command, "fetch",
        "get a model; from the hub, of what was cut off the rest (HF_ENDPOINT names another hub, HF_TOKEN "
        "is for models whose terms you accepted)",
        console);
    auto name = std::make_shared<std::string>();
    auto http = std::make_shared<HttpOptions>();
    fetch
        ->add_option("name", *name,
                     "its name in the catalogue, or ORG/REPO[@REVISION] on the Hugging Face hub")
        ->required();
    fetch->add_option("--connections", http->connections, "parts of a large file at the same time (hub only)")
        ->check(CLI::Range(1, 32))
        ->capture_default_str();
    fetch->callback([name, http, &console] {
        const auto model = fetchableModel(*name);
        signalControl();
        // A quarter of a second is what people and the window want to hear between two numbers.
        constexpr std::chrono::milliseconds kPause(250);
        std::uint64_t last = ~std::uint64_t(0);
        auto told = std::chrono::steady_clock::now() - kPause;
        auto& control = signalControl();
        fetchModel(
            model,
            [&](std::uint64_t done, std::uint64_t total) {
                if (control.stop.load()) control.interrupt.request();
                const auto now = std::chrono::steady_clock::now();
                if (done == last || (now - told < kPause && done != total)) return;
                last = done;
                told = now;
                console.progress(model.name + ": " +
                                     (total ? humanBytes(done) + " of " + humanBytes(total)
                                            : "asking " + model.sourceText()),
                                 static_cast<double>(done), static_cast<double>(total));
            },
            control.interrupt, *http);
        console.endProgress();
        console.line(model.path().string());
        console.document(
            {{"name", model.name}, {"path", model.path().string()}, {"installed", model.installed()}});
    });
    command->callback([fetch, &console] {
        if (!fetch->parsed()) listModels(console);
    });
}

void addInfo(Commands& app, Console& console) {
    auto* command = addCommand(
        app, "info", "architecture, prunable matrices, memory and time each method would need here", console);
    auto name = std::make_shared<std::string>(), method = std::make_shared<std::string>();
    auto verify = std::make_shared<bool>(false);
    command->add_option("model", *name, "a model, or a .tessera file")->required();
    command->add_option("--method", *method, "only this method");
    command->add_flag("--verify", *verify, "compare every section of a .tessera file with its checksum");
    command->callback([name, method, verify, &console] {
        if (!method->empty()) methodNamed(*method);
        if (ContainerFile::is(*name)) {
            if (!method->empty())
                throw Error(ErrorCode::InvalidInput, "a packed container is not pruned again", "--method",
                            {{"leave --method out, or name the model instead", "method", ""}});
            return describeContainer(*name, *verify, console);
        }
        if (*verify)
            throw Error(ErrorCode::InvalidInput, "only packed containers have checksums of their sections",
                        "--verify", {{"leave --verify out, or name a .tessera file", "", ""}});
        const auto files = ModelFiles::open(resolveModel(*name).path);
        const auto& config = files.config();
        configureThreads(0);
        const double rate = measureProductRate(config, "bf16");
        Json matrices = Json::array();
        std::int64_t weights = 0;
        for (const auto& matrix : prunableMatrices(config)) {
            matrices.push_back({{"name", matrix.name}, {"rows", matrix.rows}, {"cols", matrix.cols}});
            weights += matrix.elements();
        }
        console.line("model       " + *name);
        console.line("parameters  " + std::to_string(config.parameters()) + ", of them prunable " +
                     std::to_string(weights) + " in " + std::to_string(matrices.size()) + " matrices");
        console.line("shape       " + std::to_string(config.layers) + " blocks, width " +
                     std::to_string(config.hiddenSize) + ", feed-forward " +
                     std::to_string(config.intermediateSize) + ", heads " + std::to_string(config.heads) +
                     " (" + std::to_string(config.kvHeads) + " for keys and values), vocabulary " +
                     std::to_string(config.vocabSize));
        Json methods = Json::object();
        for (const auto& description : methodDescriptions()) {
            if (!method->empty() && description.name != *method) continue;
            const auto spec =
                ExperimentSpec::fromJson({{"model", *name}, {"method", description.name}, {"sparsity", 0.5}});
            const auto needs = requirementsOf(config, spec, rate);
            methods[description.name] = {
                {"bytes", needs.bytes}, {"seconds", needs.seconds}, {"disk_bytes", needs.diskBytes}};
            char text[160];
            std::snprintf(text, sizeof text, "%-11s about %s of memory, %s of disk, %s",
                          description.name.c_str(), humanBytes(needs.bytes).c_str(),
                          humanBytes(needs.diskBytes).c_str(), humanSeconds(needs.seconds).c_str());
            console.line(text);
        }
        console.line("libraries   " + torchDescription());
        console.document({{"model", *name},
                          {"architecture", config.modelType},
                          {"parameters", config.parameters()},
                          {"config", config.toJson("bfloat16")},
                          {"file_bytes", files.fileBytes()},
                          {"prunable", {{"weights", weights}, {"matrices", matrices}}},
                          {"methods", methods},
                          {"libraries", torchDescription()}});
    });
}

void addTokenize(Commands& app, Console& console) {
    struct Options {
        std::string model, text;
        bool bos = false, decode = false;
    };
    auto* command =
        addCommand(app, "tokenize", "token ids of a text, or with --decode the text of ids", console);
    auto options = std::make_shared<Options>();
    command->add_option("model", options->model, "a model, a tokenizer.json, a .gguf or a .tessera file")
        ->required();
    command->add_option("--text", options->text, "a file; standard input if left out");
    command->add_flag("--bos", options->bos, "put the beginning-of-sequence token first");
    command->add_flag("--decode", options->decode,
                      "the text is ids, separated by spaces, commas or line ends");
    command->callback([options, &console] {
        const bool bare = std::filesystem::is_regular_file(options->model);
        const auto tokenizer = ContainerFile::is(options->model)
                                   ? PackedContainer(options->model).tokenizer()
                                   : loadTokenizerFrom(bare ? std::filesystem::path(options->model)
                                                            : resolveModel(options->model).path);
        std::string text;
        if (options->text.empty())
            text.assign(std::istreambuf_iterator<char>(std::cin), {});
        else if (options->decode)
            text = readFile(options->text);
        else
            text = readText({options->text});
        if (options->decode) {
            std::vector<std::int32_t> ids;
            for (const char* at = text.c_str(); *at;) {
                char* end = nullptr;
                const auto id = std::strtoll(at, &end, 10);
                if (end == at) {
                    ++at;
                    continue;
                }
                if (id < 0 || id >= tokenizer->vocabSize())
                    throw Error(ErrorCode::InvalidInput,
                                "the id " + std::to_string(id) + " is outside of the vocabulary",
                                options->model);
                ids.push_back(static_cast<std::int32_t>(id));
                at = end;
            }
            const auto decoded = tokenizer->decode(ids);
            if (!console.json) std::fwrite(decoded.data(), 1, decoded.size(), stdout);
            console.document({{"text", decoded}, {"ids", ids}});
            return;
        }
        auto ids = tokenizer->encode(text);
        if (options->bos && tokenizer->bosToken() >= 0) ids.insert(ids.begin(), tokenizer->bosToken());
        if (!console.json) {
            std::string line;
            for (const auto id : ids) line += (line.empty() ? "" : " ") + std::to_string(id);
            console.line(line);
        }
        // What other programs put around a text with this tokenizer: here only where asked for.
        console.document(
            {{"ids", ids}, {"adds_bos", tokenizer->addsBos()}, {"adds_eos", tokenizer->addsEos()}});
    });
}

}  // namespace

void addModelCommands(Commands& app, Console& console) {
    addModels(app, console);
    addInfo(app, console);
    addTokenize(app, console);
}

}  // namespace tessera::cli
