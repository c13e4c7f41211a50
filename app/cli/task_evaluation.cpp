#include "app/cli/task_evaluation.h"

#include <cstdio>

#include "core/base/error.h"
#include "core/evaluate/zero_shot.h"

namespace tessera::cli {

void addTaskOptions(CLI::App& command, TaskOptions& options) {
    auto* task =
        command
            .add_option("--task", options.tasks,
                        "NAME=PATH: accuracy on a zero-shot task; names and files: `tessera-cli tasks list`")
            ->type_name("NAME=PATH")
            ->allow_extra_args(false);
    command
        .add_option("--limit", options.limit, "the first items of each task (of each MMLU subject); 0: all")
        ->check(CLI::NonNegativeNumber)
        ->needs(task);
    command.add_option("--batch", options.batch, "tokens of tasks computed at once")
        ->needs(task)
        ->check(CLI::Range(std::int64_t(1), std::int64_t(1) << 20));
    command.add_flag("--bos", options.bos, "the beginning-of-sequence token before a task's every context")
        ->needs(task);
}

std::vector<TaskData> readTasks(const TaskOptions& options) {
    std::vector<TaskData> tasks;
    for (const auto& given : options.tasks) {
        const auto equals = given.find('=');
        if (equals == std::string::npos || equals + 1 == given.size())
            throw Error(ErrorCode::InvalidInput, "\"" + given + "\" is not NAME=PATH", "--task",
                        {{"write for example --task piqa=data/piqa/valid.jsonl", "", ""}});
        const auto name = given.substr(0, equals), path = given.substr(equals + 1);
        for (const auto& other : tasks)
            if (other.task.name == name)
                throw Error(ErrorCode::InvalidInput, "the task " + name + " is given twice", "--task",
                            {{"give each task once", "", ""}});
        tasks.push_back({readTask(name, path, static_cast<std::size_t>(options.limit)), path});
    }
    return tasks;
}

Json measureTasks(const Decoder& decoder, const Tokenizer& tokenizer, const std::vector<TaskData>& tasks,
                  const TaskOptions& options, const std::string& what, const Console& console) {
    auto results = Json::object();
    for (const auto& [task, path] : tasks) {
        ZeroShotRequest request;
        request.bos = options.bos;
        request.batchTokens = options.batch;
        request.cancellation = &signalControl().interrupt;
        request.progress = [&, &name = task.name](std::size_t done, std::size_t items, std::size_t right) {
            if (signalControl().stop.load()) signalControl().interrupt.request();
            char share[48] = "";
            if (done > 0)
                std::snprintf(share, sizeof share, ", %.1f %% right so far",
                              100.0 * static_cast<double>(right) / static_cast<double>(done));
            console.progress(
                what + name + ": item " + std::to_string(done) + " of " + std::to_string(items) + share,
                static_cast<double>(done), static_cast<double>(items));
        };
        auto result = taskResult(task, scoreTask(decoder, tokenizer, task, request));
        result["path"] = path;
        results[task.name] = std::move(result);
    }
    console.endProgress();
    return results;
}

void printTasks(const Json& tasks, const std::string& what, const Console& console) {
    const auto measured = [](const Json& task, const char* name) {
        if (!task.contains(name)) return std::string();
        char text[80];
        const auto& error = task[std::string(name) + "_stderr"];
        std::snprintf(text, sizeof text, "  %s %.4f", name, task[name].get<double>());
        std::string line = text;
        if (error.is_number()) {
            std::snprintf(text, sizeof text, " +- %.4f", error.get<double>());
            line += text;
        }
        return line;
    };
    double sum = 0;
    for (const auto& [name, task] : tasks.items()) {
        sum += task["acc"].get<double>();
        console.line(what + name + measured(task, "acc") + measured(task, "acc_norm") +
                     measured(task, "perplexity") + "  (" + std::to_string(task["n"].get<std::size_t>()) +
                     " items)");
    }
    if (tasks.size() < 2) return;
    char text[80];
    std::snprintf(text, sizeof text, "mean of %zu tasks' acc %.4f", tasks.size(),
                  sum / static_cast<double>(tasks.size()));
    console.line(what + text);
}

}  // namespace tessera::cli
