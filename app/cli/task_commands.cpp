#include <cstdio>
#include <memory>

#include "app/cli/console.h"
#include "core/base/error.h"
#include "core/evaluate/tasks/task.h"
#include "core/evaluate/tasks/task_comparison.h"
#include "core/evaluate/tasks/task_search.h"
#include "core/session/measurement.h"
#include "core/session/run_directory.h"

namespace tessera::cli {

namespace {

/// A document of `eval --task --json`, or a run's newest.
Json taskDocument(const std::string& path) {
    if (!RunDirectory::isRun(path)) return readJsonFile(path);
    const auto files = measurementFiles(path, "tasks");
    if (files.empty())
        throw Error(ErrorCode::NotFound, "the run has no measured tasks", path,
                    {{"measure some with `tessera-cli eval " + path + " --task NAME=PATH`", "", ""}});
    return readJsonFile(files.front());
}

std::string indices(const Json& list) {
    std::string text;
    for (const auto& index : list) text += " " + index.dump();
    return text.empty() ? " none" : text;
}

void printDifference(const Console& console, const std::string& name, const Json& metric) {
    char text[160];
    std::snprintf(text, sizeof text, "%s %.4f -> %.4f: %+.4f (95 %%: %+.4f to %+.4f), %zu won, %zu lost",
                  name.c_str(), metric["a"].get<double>(), metric["b"].get<double>(),
                  metric["difference"].get<double>(), metric["ci95"][0].get<double>(),
                  metric["ci95"][1].get<double>(), metric["won"].size(), metric["lost"].size());
    console.line(text);
    console.line("  won:" + indices(metric["won"]));
    console.line("  lost:" + indices(metric["lost"]));
}

void addCompare(CLI::App& parent, Console& console) {
    struct Options {
        std::string a, b;
        ComparisonSettings settings;
    };
    auto* command = addCommand(parent, "compare", "two results on the same items, paired", console);
    auto options = std::make_shared<Options>();
    command->add_option("a", options->a, "a document of `eval --task --json`, or a run: its newest one")
        ->required();
    command->add_option("b", options->b,
                        "the other; left out: what `eval --dense --task` found, dense against pruned");
    command->add_option("--seed", options->settings.seed, "of the resamples");
    command->add_option("--resamples", options->settings.resamples, "how many the intervals rest on")
        ->check(CLI::Range(100, 1000000));
    command->callback([options, &console] {
        auto a = taskDocument(options->a);
        auto whereA = options->a, whereB = options->b;
        Json b;
        if (!options->b.empty()) {
            b = taskDocument(options->b);
        } else {
            if (!a.is_object() || !a.contains("dense") || !a["dense"].is_object() ||
                !a["dense"].contains("tasks"))
                throw Error(ErrorCode::InvalidInput, "the document holds no dense model's tasks", options->a,
                            {{"name a second document, or measure with `eval RUN --dense --task NAME=PATH`",
                              "", ""}});
            b = std::exchange(a, Json(a["dense"]));
            whereB = options->a;
            whereA = "the dense model in " + options->a;
        }
        auto document = compareTasks(a, whereA, b, whereB, options->settings);
        for (const auto& [name, task] : document["tasks"].items())
            for (const auto* metric : {"acc", "acc_norm"})
                if (task.contains(metric)) printDifference(console, name + " " + metric, task[metric]);
        if (document["tasks"].size() > 1) {
            const auto& mean = document["mean"];
            char text[120];
            std::snprintf(text, sizeof text, "mean of %zu tasks' acc: %+.4f (95 %%: %+.4f to %+.4f)",
                          document["tasks"].size(), mean["difference"].get<double>(),
                          mean["ci95"][0].get<double>(), mean["ci95"][1].get<double>());
            console.line(text);
        }
        document["a"] = whereA;
        document["b"] = whereB;
        console.document(document);
    });
}

/// The tasks of a folder, each read once: what cannot be read says why.
Json foundTasks(const std::string& folder, const Console& console) {
    auto document = Json::array();
    for (const auto& found : findTasks(folder)) {
        Json task{{"name", found.name}, {"path", found.path.string()}};
        char text[64];
        std::snprintf(text, sizeof text, "%-16s ", found.name.c_str());
        try {
            const auto items = readTask(found.name, found.path).items.size();
            task["items"] = items;
            console.line(text + std::to_string(items) + " items  " + found.path.string());
        } catch (const Error& error) {
            task["problem"] = error.what();
            console.line(text + std::string(error.what()));
        }
        document.push_back(std::move(task));
    }
    if (document.empty()) console.line("no task's folder or file is in " + folder);
    return document;
}

void addList(CLI::App& parent, Console& console) {
    auto* command = addCommand(parent, "list", "the tasks and what their files are", console);
    auto folder = std::make_shared<std::string>();
    command->add_option("folder", *folder, "the tasks that this folder holds, instead");
    command->callback([folder, &console] {
        if (!folder->empty()) return console.document({{"tasks", foundTasks(*folder, console)}});
        auto document = Json::array();
        for (const auto& task : taskLayouts()) {
            char text[64];
            std::snprintf(text, sizeof text, "%-16s %-24s ", task.name, task.file);
            console.line(std::string(text) + task.layout);
            document.push_back({{"name", task.name}, {"file", task.file}, {"layout", task.layout}});
        }
        console.document({{"tasks", document}});
    });
}

}  // namespace

void addTaskCommands(Commands& app, Console& console) {
    auto* command = app.add_subcommand("tasks", "zero-shot tasks: their names, and two results compared");
    command->require_subcommand(1);
    addList(*command, console);
    addCompare(*command, console);
}

}  // namespace tessera::cli
