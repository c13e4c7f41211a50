#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/cli/console.h"
#include "core/evaluate/tasks/task.h"
#include "core/model/decoder.h"
#include "core/text/tokenizer.h"

namespace tessera::cli {

/// The options of `eval` that are about tasks.
struct TaskOptions {
    std::vector<std::string> tasks;  ///< NAME=PATH
    std::int64_t limit = 0, batch = 4096;
    bool bos = false;
};
void addTaskOptions(CLI::App& command, TaskOptions& options);

struct TaskData {
    Task task;
    std::string path;
};
/// Reads all of them, so that what is wrong with one is told before anything is measured. Throws Error.
std::vector<TaskData> readTasks(const TaskOptions& options);

/// {name: taskResult with its "path", ...}; `what` goes before the progress. Throws Error.
Json measureTasks(const Decoder& decoder, const Tokenizer& tokenizer, const std::vector<TaskData>& tasks,
                  const TaskOptions& options, const std::string& what, const Console& console);
/// A line a task for people, and the mean accuracy of several.
void printTasks(const Json& tasks, const std::string& what, const Console& console);

}  // namespace tessera::cli
