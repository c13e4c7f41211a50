#include <cstdio>
#include <memory>

#include "app/cli/console.h"
#include "app/cli/task_evaluation.h"
#include "core/base/error.h"
#include "core/base/system_info.h"
#include "core/evaluate/perplexity.h"
#include "core/evaluate/tasks/task_comparison.h"
#include "core/model/torch_runtime.h"
#include "core/session/memory_needs.h"
#include "core/session/model_catalogue.h"
#include "core/text/corpus.h"

namespace tessera::cli {

namespace {

struct EvalOptions {
    std::string model, masks, protocol = "raw", dtype = "f32";
    std::vector<std::string> text;
    std::int64_t window = 2048, windows = 0;
    int threads = 0;
    bool dense = false;
    TaskOptions tasks;
};

std::vector<std::int32_t> evaluationIds(const EvalOptions& options, const Tokenizer& tokenizer) {
    std::vector<std::filesystem::path> texts(options.text.begin(), options.text.end());
    if (texts.empty()) texts.push_back(defaultText(CorpusPart::HeldOut));
    auto text = readText(texts);
    if (options.protocol == "hf") text = joinedAsPublished(text);
    auto ids = tokenizer.encode(text);
    if (tokenizer.addsBos() && tokenizer.bosToken() >= 0) ids.insert(ids.begin(), tokenizer.bosToken());
    return ids;
}

/// A given window that the model cannot read is an error; the default one is cut.
std::int64_t windowFor(const EvalOptions& options, bool given, std::int64_t most) {
    if (most <= 0 || options.window <= most) return options.window;
    if (given)
        throw Error(ErrorCode::InvalidInput,
                    "the model reads at most " + std::to_string(most) + " tokens, windows of " +
                        std::to_string(options.window) + " are asked for",
                    "--window", {{"give at most " + std::to_string(most), "window", std::to_string(most)}});
    return most;
}

/// What one model, dense or pruned, came to.
struct Found {
    std::optional<Perplexity> perplexity;
    Json tasks = Json::object();
};

Found measure(const Decoder& decoder, const Tokenizer& tokenizer, const std::vector<std::int32_t>* ids,
              std::int64_t window, const std::vector<TaskData>& tasks, const EvalOptions& options,
              const std::string& what, const Console& console) {
    Found found;
    if (ids) {
        auto& control = signalControl();
        PerplexityRequest request;
        request.window = window;
        request.windows = options.windows;
        request.cancellation = &control.interrupt;
        request.progress = [&](std::int64_t done, std::int64_t windows, double soFar) {
            if (control.stop.load()) control.interrupt.request();
            char line[96];
            std::snprintf(line, sizeof line, "%swindow %lld of %lld: %.4f", what.c_str(),
                          static_cast<long long>(done), static_cast<long long>(windows), soFar);
            console.progress(line, static_cast<double>(done), static_cast<double>(windows));
        };
        found.perplexity = measurePerplexity(decoder, *ids, request);
    }
    if (!tasks.empty()) found.tasks = measureTasks(decoder, tokenizer, tasks, options.tasks, what, console);
    return found;
}

Json perplexityDocument(const Perplexity& value, const EvalOptions& options) {
    return {{"value", value.value},
            {"window", value.window},
            {"windows", value.windows},
            {"tokens", value.tokens},
            {"dtype", options.dtype},
            {"protocol", options.protocol},
            {"cross_entropies", value.crossEntropies}};
}

void evaluate(const EvalOptions& options, const CLI::App& command, const Console& console) {
    // What is wrong with the data is told before the model is read.
    const auto tasks = readTasks(options.tasks);
    bool perplexity = tasks.empty();
    for (const auto* option : {"--text", "--window", "--windows", "--protocol"})
        perplexity = perplexity || command.count(option) > 0;
    configureThreads(options.threads);
    const auto resolved = resolveModel(options.model);
    const auto files = ModelFiles::open(resolved.path, resolved.weights);
    const auto tokenizer = loadTokenizer(files);
    std::vector<std::int32_t> ids;
    if (perplexity) ids = evaluationIds(options, *tokenizer);
    const auto masksFile =
        !options.masks.empty() ? std::optional(std::filesystem::path(options.masks)) : resolved.masks;
    const auto window = windowFor(options, command.count("--window") > 0, files.config().maxPositions);
    // Masked, the prunable weights are there twice.
    const bool full = options.dtype == "f32";
    requireMemoryToRead("eval", files.config(), (full ? 4 : 2) * (masksFile ? 2 : 1), options.model);
    const auto dtype = full ? torch::kFloat32 : torch::kBFloat16;
    // What is dense is the base model, whose weights may have been changed.
    const bool both = options.dense && masksFile;
    auto decoder = Decoder::load(both && resolved.weights ? ModelFiles::open(resolved.path) : files, dtype);
    const auto measured = [&](const std::string& what) {
        return measure(decoder, *tokenizer, perplexity ? &ids : nullptr, window, tasks, options, what,
                       console);
    };
    std::optional<Found> dense;
    if (both) dense = measured("dense, ");
    if (both && resolved.weights) decoder = Decoder::load(files, dtype);
    if (masksFile) decoder = maskedDecoder(decoder, readMasks(*masksFile));
    const auto found = measured(both ? "pruned, " : "");
    console.endProgress();

    const Json about{{"model", options.model},
                     {"masks", masksFile ? Json(masksFile->string()) : Json(nullptr)},
                     {"time", utcTimestamp()},
                     {"libraries", torchDescription()}};
    // A run measured again, under its own masks: kept beside its result.
    const bool keep = resolved.masks && options.masks.empty();
    Json document;
    if (found.perplexity) {
        char line[160];
        if (dense) {
            std::snprintf(line, sizeof line, "dense perplexity %.4f", dense->perplexity->value);
            console.line(line);
        }
        const auto& value = *found.perplexity;
        std::snprintf(line, sizeof line, "perplexity %.4f over %lld windows of %lld tokens (%s)", value.value,
                      static_cast<long long>(value.windows), static_cast<long long>(value.window),
                      options.dtype.c_str());
        console.line(line);
        std::string names = options.text.empty() ? "the default text's held-out part" : "";
        for (const auto& path : options.text) names += (names.empty() ? "" : ", ") + path;
        Json kept{{"perplexity", perplexityDocument(value, options)}};
        kept.update(about);
        kept["text"] = names;
        if (dense) kept["dense"] = {{"value", dense->perplexity->value}};
        if (keep) keepBeside(options.model, "eval", kept);
        document = std::move(kept);
    }
    if (!tasks.empty()) {
        if (dense) printTasks(dense->tasks, "dense ", console);
        printTasks(found.tasks, "", console);
        Json kept{{"tasks", found.tasks}};
        kept.update(about);
        kept["dtype"] = options.dtype;
        kept["bos"] = options.tasks.bos;
        kept["limit"] = options.tasks.limit;
        if (dense) {
            kept["dense"] = {{"tasks", dense->tasks}};
            kept["comparison"] = compareTasks(kept["dense"], "the dense model", kept, "the pruned one", {});
        }
        if (keep) keepBeside(options.model, "tasks", kept);
        if (document.is_null()) document = Json::object();
        document.update(kept, true);
    }
    console.document(document);
}

}  // namespace

void addEvalCommand(Commands& app, Console& console) {
    auto* command =
        addCommand(app, "eval", "perplexity of a model on a text, accuracy on zero-shot tasks", console);
    auto options = std::make_shared<EvalOptions>();
    command->add_option("model", options->model, "a model, or a run: its base model under its mask")
        ->required();
    command->add_option("--masks", options->masks, "a mask file (.npz) to put over the model");
    command->add_option("--text", options->text,
                        "UTF-8 text or JSON lines; the default text's held-out part if left out");
    command->add_option("--window", options->window, "tokens a window")
        ->check(CLI::Range(std::int64_t(2), std::int64_t(1) << 20));
    command->add_option("--windows", options->windows, "stop after so many windows; 0: all")
        ->check(CLI::NonNegativeNumber);
    command
        ->add_option("--protocol", options->protocol,
                     "raw: the text as it is; hf: its lines joined by two newlines")
        ->check(CLI::IsMember({"raw", "hf"}));
    addTaskOptions(*command, options->tasks);
    command->add_option("--dtype", options->dtype, "element type of computing")
        ->check(CLI::IsMember({"f32", "bf16"}));
    command->add_flag("--dense", options->dense, "measure the model without its masks, too");
    command->add_option("--threads", options->threads, "threads; 0: all cores")
        ->check(CLI::NonNegativeNumber);
    command->callback([options, command, &console] { evaluate(*options, *command, console); });
}

}  // namespace tessera::cli
