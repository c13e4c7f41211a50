#include <cstdio>
#include <memory>

#include "app/cli/console.h"
#include "app/cli/text_generator.h"
#include "core/base/error.h"
#include "core/base/system_info.h"
#include "core/deploy/bench.h"
#include "core/deploy/decode.h"
#include "core/engine/requirements.h"
#include "core/evaluate/perplexity.h"
#include "core/model/torch_linear_time.h"
#include "core/model/torch_runtime.h"
#include "core/session/model_catalogue.h"
#include "core/session/run_directory.h"
#include "core/text/corpus.h"

namespace tessera::cli {

namespace {

/// Puts a measurement into the run it was made of. One that cannot be kept (a read-only disk) is still told.
void keepBeside(const std::filesystem::path& run, const std::string& what, const Json& document) {
    try {
        RunDirectory::open(run).writeMeasurement(what, document);
    } catch (const Error& error) {
        std::fprintf(stderr, "tessera-cli: the measurement is not kept: %s\n", error.what());
    }
}

void addEval(Commands& app, Console& console) {
    struct Options {
        std::string model, masks, protocol = "raw", dtype = "f32";
        std::vector<std::string> text;
        std::int64_t window = 2048, windows = 0;
        int threads = 0;
        bool dense = false;
    };
    auto* command = addCommand(app, "eval", "perplexity of a model on a text", console);
    auto options = std::make_shared<Options>();
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
    command->add_option("--dtype", options->dtype, "element type of computing")
        ->check(CLI::IsMember({"f32", "bf16"}));
    command->add_flag("--dense", options->dense, "measure the model without its masks, too");
    command->add_option("--threads", options->threads, "threads; 0: all cores")
        ->check(CLI::NonNegativeNumber);
    command->callback([options, command, &console] {
        configureThreads(options->threads);
        const auto resolved = resolveModel(options->model);
        const auto files = ModelFiles::open(resolved.path, resolved.weights);
        const auto tokenizer = loadTokenizer(files);
        std::vector<std::filesystem::path> texts(options->text.begin(), options->text.end());
        if (texts.empty()) texts.push_back(defaultText(CorpusPart::HeldOut));
        auto text = readText(texts);
        if (options->protocol == "hf") text = joinedAsPublished(text);
        auto ids = tokenizer->encode(text);
        if (tokenizer->addsBos() && tokenizer->bosToken() >= 0)
            ids.insert(ids.begin(), tokenizer->bosToken());
        const auto masksFile =
            !options->masks.empty() ? std::optional(std::filesystem::path(options->masks)) : resolved.masks;
        PerplexityRequest request;
        request.window = options->window;
        const auto most = files.config().maxPositions;
        if (most > 0 && request.window > most) {
            if (command->count("--window") > 0)
                throw Error(ErrorCode::InvalidInput,
                            "the model reads at most " + std::to_string(most) + " tokens, windows of " +
                                std::to_string(request.window) + " are asked for",
                            "--window",
                            {{"give at most " + std::to_string(most), "window", std::to_string(most)}});
            request.window = most;
        }
        request.windows = options->windows;
        // Masked, the prunable weights are there twice.
        const bool full = options->dtype == "f32";
        requireMemoryToRead("eval", files.config(), (full ? 4 : 2) * (masksFile ? 2 : 1), options->model);
        const auto dtype = full ? torch::kFloat32 : torch::kBFloat16;
        // What is dense is the base model, whose weights may have been changed.
        const bool both = options->dense && masksFile;
        auto decoder =
            Decoder::load(both && resolved.weights ? ModelFiles::open(resolved.path) : files, dtype);
        auto& control = signalControl();
        request.cancellation = &control.interrupt;
        const char* what = "";
        request.progress = [&](std::int64_t done, std::int64_t windows, double soFar) {
            if (control.stop.load()) control.interrupt.request();
            char line[96];
            std::snprintf(line, sizeof line, "%swindow %lld of %lld: %.4f", what,
                          static_cast<long long>(done), static_cast<long long>(windows), soFar);
            console.progress(line, static_cast<double>(done), static_cast<double>(windows));
        };
        std::optional<Perplexity> dense;
        if (both) {
            what = "dense, ";
            dense = measurePerplexity(decoder, ids, request);
            what = "pruned, ";
        }
        if (both && resolved.weights) decoder = Decoder::load(files, dtype);
        if (masksFile) decoder = maskedDecoder(decoder, readMasks(*masksFile));
        const auto value = measurePerplexity(decoder, ids, request);
        console.endProgress();
        if (dense) {
            char denseLine[96];
            std::snprintf(denseLine, sizeof denseLine, "dense perplexity %.4f", dense->value);
            console.line(denseLine);
        }
        char line[160];
        std::snprintf(line, sizeof line, "perplexity %.4f over %lld windows of %lld tokens (%s)", value.value,
                      static_cast<long long>(value.windows), static_cast<long long>(value.window),
                      options->dtype.c_str());
        console.line(line);
        std::string names = options->text.empty() ? "the default text's held-out part" : "";
        for (const auto& path : options->text) names += (names.empty() ? "" : ", ") + path;
        Json document{{"perplexity",
                       {{"value", value.value},
                        {"window", value.window},
                        {"windows", value.windows},
                        {"tokens", value.tokens},
                        {"dtype", options->dtype},
                        {"protocol", options->protocol},
                        {"cross_entropies", value.crossEntropies}}},
                      {"model", options->model},
                      {"masks", masksFile ? Json(masksFile->string()) : Json(nullptr)},
                      {"text", names},
                      {"time", utcTimestamp()},
                      {"libraries", torchDescription()}};
        if (dense) document["dense"] = {{"value", dense->value}};
        // A run measured again, under its own masks: kept beside its result.
        if (resolved.masks && options->masks.empty()) keepBeside(options->model, "eval", document);
        console.document(document);
    });
}

void addGenerate(Commands& app, Console& console) {
    struct Options {
        std::string model, masks, prompt;
        std::int64_t tokens = 64;
        std::uint64_t seed = 0;
        double temperature = 0.8;
        bool greedy = false, ignoreEnd = false;
        int threads = 0;
    };
    auto* command =
        addCommand(app, "generate", "text from a model or a run, decoded with its sparse kernels", console);
    auto options = std::make_shared<Options>();
    command->add_option("model", options->model, "a model, or a run: its base model under its mask")
        ->required();
    command->add_option("--masks", options->masks, "a mask file (.npz) to put over the model");
    command->add_option("--prompt", options->prompt, "the text to go on from")->required();
    command->add_option("--tokens", options->tokens, "most tokens to add")->check(CLI::Range(1, 1 << 20));
    command->add_option("--seed", options->seed, "seed of the sampling");
    command->add_option("--temperature", options->temperature, "of the sampling")
        ->check(CLI::Range(0.0, 100.0));
    command->add_flag("--greedy", options->greedy, "always the likeliest token");
    command->add_flag("--ignore-eos", options->ignoreEnd, "go on behind the end of the text");
    command->add_option("--threads", options->threads, "threads; 0: all cores")
        ->check(CLI::NonNegativeNumber);
    command->callback([options, &console] {
        Json request{{"model", options->model},    {"masks", options->masks},
                     {"prompt", options->prompt},  {"tokens", options->tokens},
                     {"seed", options->seed},      {"temperature", options->temperature},
                     {"greedy", options->greedy},  {"ignore_eos", options->ignoreEnd},
                     {"threads", options->threads}};
        auto& control = signalControl();
        const auto document = TextGenerator().generate(
            request,
            [&](const Event& event) {
                if (control.stop.load()) control.interrupt.request();
                if (console.json || event.type != "token") return;
                const auto piece = event.json["text"].get<std::string>();
                std::fwrite(piece.data(), 1, piece.size(), stdout);
                std::fflush(stdout);
            },
            control.interrupt);
        console.line("");
        if (!console.json)
            std::fprintf(stderr, "%.1f tokens a second (%s)\n", document["tokens_per_second"].get<double>(),
                         document["kernel"].get<std::string>().c_str());
        console.document(document);
    });
}

void printBench(const Console& console, const Json& document) {
    console.endProgress();
    console.line(
        "kernel        shape          threads   dense us   torch us  sparse us  speed-up   95 % interval   "
        "limit  efficiency");
    for (const auto& row : document["rows"]) {
        char text[200], interval[32] = "-", torchUs[16] = "-", sparseUs[16] = "-";
        if (row["ci95"].is_array())
            std::snprintf(interval, sizeof interval, "%.3f-%.3f", row["ci95"][0].get<double>(),
                          row["ci95"][1].get<double>());
        if (row["torch_us"].is_number())
            std::snprintf(torchUs, sizeof torchUs, "%.1f", row["torch_us"].get<double>());
        if (row["sparse_us"].is_number())
            std::snprintf(sparseUs, sizeof sparseUs, "%.1f", row["sparse_us"].get<double>());
        const auto shape =
            std::to_string(row["shape"][0].get<int>()) + " x " + std::to_string(row["shape"][1].get<int>());
        std::snprintf(text, sizeof text, "%-12s %-15s %6d %10.1f %10s %10s %9.3f %15s %7.3f %10.3f",
                      row["kernel"].get<std::string>().c_str(), shape.c_str(), row["threads"].get<int>(),
                      row["dense_us"].get<double>(), torchUs, sparseUs, row["speedup"].get<double>(),
                      interval, row["limit"].get<double>(), row["efficiency"].get<double>());
        console.line(text);
    }
    if (const auto& end = document["end_to_end"]; end.is_object()) {
        char text[200];
        std::snprintf(
            text, sizeof text,
            "decoding     %.1f tokens a second dense, %.1f sparse: %.3f times (%.3f-%.3f), limit %.3f",
            end["dense_tokens_per_second"].get<double>(), end["sparse_tokens_per_second"].get<double>(),
            end["speedup"].get<double>(), end["ci95"][0].get<double>(), end["ci95"][1].get<double>(),
            end["limit"].get<double>());
        console.line(text);
    }
    console.document(document);
}

void addBench(Commands& app, Console& console) {
    struct Options {
        std::string run;
        std::vector<int> threads;
        int repeats = 9;
    };
    auto* command = app.add_subcommand("bench", "real speed, sparse against dense, as ratios of one run");
    command->require_subcommand(1);
    auto options = std::make_shared<Options>();
    const auto shared = [options](CLI::App* sub) {
        sub->add_option("--threads", options->threads, "one table a number of threads; all cores if left out")
            ->check(CLI::Range(1, 1024));
        sub->add_option("--repeats", options->repeats, "pairs of timings")->check(CLI::Range(2, 1000));
    };
    const auto request = [options, &console] {
        BenchRequest bench;
        bench.threads = options->threads;
        bench.repeats = options->repeats;
        bench.torchLinear = torchLinearMicroseconds;
        bench.progress = [&console](const std::string& text, int done, int total) {
            if (signalControl().stop.load()) signalControl().interrupt.request();
            console.progress(text, done, total);
        };
        bench.cancellation = &signalControl().interrupt;
        return bench;
    };
    auto* kernelsCommand = addCommand(*command, "kernels", "the decoding kernels by shape", console);
    shared(kernelsCommand);
    kernelsCommand->callback([request, &console] { printBench(console, benchKernels(request())); });

    auto* model = addCommand(*command, "model", "a finished run: its matrices and end to end", console);
    model->add_option("run", options->run, "a finished run")->required();
    shared(model);
    model->callback([options, request, &console] {
        const auto run = RunDirectory::open(options->run);
        const auto resolved = resolveModel(options->run);
        const auto files = ModelFiles::open(resolved.path, resolved.weights);
        requireMemoryToRead("bench", files.config(), 4, options->run);
        const auto masks = readMasks(*resolved.masks);
        const auto dense = PackedModel::load(files, &masks, Layout::Dense),
                   sparse = PackedModel::load(files, &masks, Layout::Bitmap);
        auto document = benchModel(dense, sparse, request());
        document["run"] = run.path().string();
        document["time"] = utcTimestamp();
        keepBeside(run.path(), "bench", document);
        printBench(console, document);
    });
}

}  // namespace

void addMeasureCommands(Commands& app, Console& console) {
    addEval(app, console);
    addBench(app, console);
    addGenerate(app, console);
}

}  // namespace tessera::cli
