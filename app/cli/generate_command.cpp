#include <cstdio>
#include <memory>

#include "app/cli/console.h"
#include "app/cli/packing_options.h"
#include "app/cli/text_generator.h"

namespace tessera::cli {

void addGenerateCommand(Commands& app, Console& console) {
    struct Options {
        std::string model, masks, prompt;
        std::int64_t tokens = 64;
        std::uint64_t seed = 0;
        double temperature = 0.8;
        bool greedy = false, ignoreEnd = false;
        int threads = 0;
        PackingOptions packing;
    };
    auto* command = addCommand(
        app, "generate", "text from a model, a run or a packed container, decoded with its sparse kernels",
        console);
    auto options = std::make_shared<Options>();
    command
        ->add_option("model", options->model,
                     "a model, a run (its base model under its mask) or a .tessera file")
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
    options->packing.add(*command);
    command->callback([options, &console] {
        Json request{{"model", options->model},      {"masks", options->masks},
                     {"prompt", options->prompt},    {"tokens", options->tokens},
                     {"seed", options->seed},        {"temperature", options->temperature},
                     {"greedy", options->greedy},    {"ignore_eos", options->ignoreEnd},
                     {"threads", options->threads},  {"values", options->packing.values},
                     {"head", options->packing.head}};
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

}  // namespace tessera::cli
