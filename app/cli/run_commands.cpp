#include <cstdio>
#include <memory>

#include "app/cli/console.h"
#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/engine/preflight.h"
#include "core/session/run_directory.h"

namespace tessera::cli {

namespace {

constexpr const char* kTogether =
    "Several processes learn a run together where RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are set, as\n"
    "torchrun --no-python does; rank 0 writes the run.";

struct RunOptions {
    std::string specFile, model, method, pattern, device = "cpu", dtype = "bf16", out;
    std::vector<std::string> text, set;
    double sparsity = 0, minutes = 0;
    std::int64_t steps = 0;
    std::uint64_t seed = 0;
    int threads = 0;
};

Json setOf(const std::vector<std::string>& words) {
    Json set = Json::object();
    for (const auto& word : words) {
        const auto equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            throw Error(ErrorCode::InvalidInput, "\"" + word + "\" is no key=value", "--set",
                        {{"for example --set recipe=paper", "", ""}});
        set[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return set;
}

/// A file's keys, overridden by what the command line gives.
ExperimentSpec specOf(const RunOptions& options, const CLI::App& command) {
    Json json = Json::object();
    if (!options.specFile.empty()) {
        json = readJsonFile(options.specFile);
        if (!json.is_object())
            throw Error(ErrorCode::InvalidInput, "the specification is not an object", options.specFile);
    }
    const auto given = [&](const char* name) { return command.count(name) > 0; };
    if (given("--model")) json["model"] = options.model;
    if (given("--method")) json["method"] = options.method;
    if (given("--pattern")) json["pattern"] = options.pattern;
    if (given("--sparsity")) json["sparsity"] = options.sparsity;
    if (given("--text")) json["text"] = options.text;
    if (given("--steps")) json["steps"] = options.steps;
    if (given("--minutes")) json["minutes"] = options.minutes;
    if (given("--seed")) json["seed"] = options.seed;
    if (given("--threads")) json["threads"] = options.threads;
    if (given("--device")) json["device"] = options.device;
    if (given("--dtype")) json["dtype"] = options.dtype;
    if (given("--out")) json["out"] = options.out;
    if (given("--set")) {
        if (!json.contains("set")) json["set"] = Json::object();
        json["set"].update(setOf(options.set));
    }
    return ExperimentSpec::fromJson(json);
}

void printResult(const Console& console, const Json& result) {
    console.endProgress();
    if (result.is_null()) return;  // rank 0 tells it
    console.line("run        " + result.at("run").get<std::string>());
    char text[256];
    std::snprintf(text, sizeof text, "sparsity   %.4f (target %.4f)",
                  result.at("sparsity").at("achieved").get<double>(),
                  result.at("sparsity").at("target").get<double>());
    console.line(text);
    if (result.at("perplexity").is_object()) {
        std::snprintf(text, sizeof text, "perplexity %.3f dense, %.3f pruned (%s)",
                      result.at("perplexity").at("dense").get<double>(),
                      result.at("perplexity").at("pruned").get<double>(),
                      result.at("perplexity").at("text").get<std::string>().c_str());
        console.line(text);
    }
    console.line("report     " + result.at("run").get<std::string>() + "/report.html");
}

std::string methodList() {
    std::string list;
    for (const auto& method : methodDescriptions()) list += (list.empty() ? "" : ", ") + method.name;
    return list;
}

/// The options that make a specification, the same for all commands that take one.
std::shared_ptr<RunOptions> addSpecOptions(CLI::App* command) {
    auto options = std::make_shared<RunOptions>();
    command->add_option("spec", options->specFile, "a SPEC.json; options below override its keys")
        ->type_name("SPEC.json");
    command->add_option("--model", options->model, "a catalogue name, a Hugging Face folder or a .gguf file");
    command->add_option("--method", options->method, methodList());
    command->add_option("--pattern", options->pattern,
                        "unstructured, N:M (2:4) or tiles; the method's own if left out");
    command->add_option("--sparsity", options->sparsity,
                        "fraction of prunable weights that are zero at the end");
    command->add_option(
        "--text", options->text,
        "UTF-8 text or JSON lines to calibrate and learn on; the installed default text if left out");
    command->add_option("--steps", options->steps, "learning steps");
    command->add_option("--minutes", options->minutes, "learning time, turned into steps once");
    command->add_option("--seed", options->seed, "seed of all noise");
    command->add_option("--threads", options->threads, "threads; 0: all cores");
    command->add_option("--device", options->device,
                        "cpu; what else is here, and why it is not used, tells 'tessera-cli devices'");
    command->add_option("--dtype", options->dtype, "element type of computing: f32 or bf16");
    command->add_option("--out", options->out,
                        "folder of the run; a new one below the user's runs if left out");
    command->add_option("--set", options->set, "key=value, see 'tessera-cli options'")->take_all();
    return options;
}

void addRun(Commands& app, Console& console) {
    auto* command =
        addCommand(app, "run", "prune a model: the whole experiment, from load to report", console);
    const auto options = addSpecOptions(command);
    command->footer(kTogether);
    command->callback([options, command, &console] {
        EventPrinter printer(console);
        printResult(console, Engine::run(specOf(*options, *command), printer, signalControl()));
    });
}

void addPreflight(Commands& app, Console& console) {
    auto* command =
        addCommand(app, "preflight",
                   "what a run would need here: memory, disk, and time from one measured step", console);
    const auto options = addSpecOptions(command);
    auto estimate = std::make_shared<bool>(false);
    command->add_flag("--estimate", *estimate, "measure no step: an estimate at once");
    command->callback([options, command, estimate, &console] {
        const auto spec = specOf(*options, *command);
        const auto found = preflight(
            spec, !*estimate,
            [&](const std::string& what) {
                if (signalControl().stop.load()) signalControl().interrupt.request();
                console.progress(what);
            },
            signalControl().interrupt);
        console.endProgress();
        const auto& memory = found.at("memory");
        const auto& disk = found.at("disk");
        const auto& seconds = found.at("seconds");
        const auto sizes = [](const Json& need) {
            return humanBytes(need.at("needed").get<std::uint64_t>()) + " of " +
                   humanBytes(need.at("free").get<std::uint64_t>()) + " free (" +
                   need.at("assumption").get<std::string>() + ")";
        };
        console.line("memory  " + sizes(memory));
        console.line("disk    " + sizes(disk));
        std::string time = "about " + humanSeconds(seconds.at("total").get<double>());
        if (seconds.at("steps").is_number())
            time += ", " + std::to_string(seconds.at("steps").get<std::int64_t>()) + " steps";
        console.line("time    " + time + " (" + seconds.at("assumption").get<std::string>() + ")");
        for (const auto& lever : found.at("levers")) {
            const auto option = lever.at("option").get<std::string>(),
                       value = lever.at("value").get<std::string>();
            const bool own = option == "minutes" || option == "dtype";
            console.line("        " + lever.at("text").get<std::string>() + ": " +
                         (own ? "--" + option + " " + value : "--set " + option + "=" + value));
        }
        console.document(found);
    });
}

void addResume(Commands& app, Console& console) {
    auto* command = addCommand(app, "resume", "go on with a run from its last checkpoint", console);
    auto run = std::make_shared<std::string>();
    command->add_option("run", *run, "the run's folder")->required();
    command->footer(kTogether);
    command->callback([run, &console] {
        EventPrinter printer(console);
        printResult(console, Engine::resume(*run, printer, signalControl()));
    });
}

void addOptions(Commands& app, Console& console) {
    auto* command =
        addCommand(app, "options", "every --set key: type, unit, default, range and what it does", console);
    auto method = std::make_shared<std::string>();
    command->add_option("--method", *method, "only the options of this method");
    command->callback([method, &console] {
        if (!method->empty()) methodNamed(*method);
        Json list = Json::array();
        for (const auto& option : optionDescriptions()) {
            if (!method->empty() && !option.belongsTo(*method)) continue;
            const auto json = option.toJson(method->empty() ? option.methods.front() : *method);
            list.push_back(json);
            std::string what = json["default"].get<std::string>();
            if (json["paper"] != json["default"])
                what += " (paper: " + json["paper"].get<std::string>() + ")";
            if (!option.unit.empty()) what += " " + option.unit;
            char text[512];
            std::snprintf(text, sizeof text, "%-22s %-8s %-28s %s", option.key.c_str(),
                          json["type"].get<std::string>().c_str(), what.c_str(), option.help.c_str());
            console.line(text);
        }
        Json methods = Json::array();
        for (const auto& m : methodDescriptions())
            methods.push_back({{"name", m.name},
                               {"title", m.title},
                               {"patterns", m.patterns},
                               {"learns", m.learns},
                               {"most_sparsity", m.mostSparsity}});
        console.document({{"options", list}, {"methods", methods}});
    });
}

void addRuns(Commands& app, Console& console) {
    auto* command = addCommand(app, "runs", "a table of runs with their results", console);
    auto folder = std::make_shared<std::string>();
    command->add_option("folder", *folder, "where to look; the user's runs if left out");
    command->callback([folder, &console] {
        const auto place = folder->empty() ? runsFolder() : std::filesystem::path(*folder);
        if (!folder->empty() && !std::filesystem::is_directory(place))
            throw Error(ErrorCode::NotFound, "there is no such folder", *folder);
        Json runs = Json::array();
        for (const auto& run : listRuns(place)) {
            runs.push_back(
                {{"run", run.path.string()},
                 {"model", run.model},
                 {"method", run.method},
                 {"sparsity", run.sparsity},
                 {"status", run.status},
                 {"perplexity", run.perplexity ? Json(*run.perplexity) : Json(nullptr)},
                 {"dense_perplexity", run.densePerplexity ? Json(*run.densePerplexity) : Json(nullptr)}});
            char number[32] = "-";
            if (run.perplexity) std::snprintf(number, sizeof number, "%.3f", *run.perplexity);
            char text[512];
            std::snprintf(text, sizeof text, "%-32s %-11s %5.1f %%  %-11s %10s  %s",
                          run.path.filename().c_str(), run.method.c_str(), 100 * run.sparsity,
                          run.status.c_str(), number, run.model.c_str());
            console.line(text);
        }
        if (runs.empty()) console.line("no runs in " + place.string());
        console.document({{"runs", runs}});
    });
}

}  // namespace

void addRunCommands(Commands& app, Console& console) {
    addRun(app, console);
    addPreflight(app, console);
    addResume(app, console);
    addOptions(app, console);
    addRuns(app, console);
}

}  // namespace tessera::cli
