#include <cstdio>
#include <fstream>
#include <memory>

#include "app/cli/console.h"
#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/evaluate/perplexity.h"
#include "core/model/torch_runtime.h"
#include "core/session/model_catalogue.h"
#include "core/text/corpus.h"

namespace tessera::cli {

namespace {

/// As the published tables read a text: its lines joined by two newlines.
std::string joinedLines(const std::string& text) {
    std::string joined;
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        if (begin > 0) joined += "\n\n";
        joined.append(text, begin, end - begin);
        begin = end + 1;
    }
    return joined;
}

void addEval(Commands& app, Console& console) {
    struct Options {
        std::string model, masks, protocol = "raw", dtype = "f32";
        std::vector<std::string> text;
        std::int64_t window = 2048, windows = 0;
        int threads = 0;
    };
    auto* command = addCommand(app, "eval", "perplexity of a model on a text", console);
    auto options = std::make_shared<Options>();
    command->add_option("model", options->model, "a model, or a run: its base model under its mask")->required();
    command->add_option("--masks", options->masks, "a mask file (.npz) to put over the model");
    command->add_option("--text", options->text, "UTF-8 text or JSON lines; the default text's held-out part if left out");
    command->add_option("--window", options->window, "tokens a window")->check(CLI::Range(std::int64_t(2), std::int64_t(1) << 20));
    command->add_option("--windows", options->windows, "stop after so many windows; 0: all")->check(CLI::NonNegativeNumber);
    command->add_option("--protocol", options->protocol, "raw: the text as it is; hf: its lines joined by two newlines")->check(CLI::IsMember({"raw", "hf"}));
    command->add_option("--dtype", options->dtype, "element type of computing")->check(CLI::IsMember({"f32", "bf16"}));
    command->add_option("--threads", options->threads, "threads; 0: all cores")->check(CLI::NonNegativeNumber);
    command->callback([options, &console] {
        configureThreads(options->threads);
        const auto resolved = resolveModel(options->model);
        const auto files = ModelFiles::open(resolved.path);
        const auto tokenizer = loadTokenizer(files);
        std::vector<std::filesystem::path> texts(options->text.begin(), options->text.end());
        if (texts.empty()) texts.push_back(defaultText(CorpusPart::HeldOut));
        auto text = readText(texts);
        if (options->protocol == "hf") text = joinedLines(text);
        auto ids = tokenizer->encode(text);
        if (tokenizer->addsBos() && tokenizer->bosToken() >= 0) ids.insert(ids.begin(), tokenizer->bosToken());
        const auto masksFile = !options->masks.empty() ? std::optional(std::filesystem::path(options->masks)) : resolved.masks;

        auto decoder = Decoder::load(files, options->dtype == "f32" ? torch::kFloat32 : torch::kBFloat16);
        if (masksFile) decoder = maskedDecoder(decoder, readMasks(*masksFile));
        PerplexityRequest request;
        request.window = options->window;
        request.windows = options->windows;
        auto& control = signalControl();
        request.cancellation = &control.interrupt;
        request.progress = [&](std::int64_t done, std::int64_t windows, double soFar) {
            if (control.stop.load()) control.interrupt.request();
            char line[96];
            std::snprintf(line, sizeof line, "window %lld of %lld: %.4f", static_cast<long long>(done), static_cast<long long>(windows), soFar);
            console.progress(line);
        };
        const auto value = measurePerplexity(decoder, ids, request);
        console.endProgress();
        char line[160];
        std::snprintf(line, sizeof line, "perplexity %.4f over %lld windows of %lld tokens (%s)", value.value, static_cast<long long>(value.windows),
                      static_cast<long long>(value.window), options->dtype.c_str());
        console.line(line);
        console.document({{"perplexity", {{"value", value.value}, {"window", value.window}, {"windows", value.windows}, {"tokens", value.tokens},
                                          {"dtype", options->dtype}, {"protocol", options->protocol}, {"cross_entropies", value.crossEntropies}}},
                          {"model", options->model},
                          {"masks", masksFile ? Json(masksFile->string()) : Json(nullptr)},
                          {"libraries", torchDescription()}});
    });
}

}  // namespace

void addMeasureCommands(Commands& app, Console& console) { addEval(app, console); }

}  // namespace tessera::cli
