#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace tessera {

/// A text and what a model may go on with: what is scored is log p(continuation | context).
struct TaskRequest {
    std::string context, continuation;
};

/// One question. Multiple choice: one request a choice. LAMBADA: one request, the last word.
struct TaskItem {
    std::vector<TaskRequest> requests;
    std::vector<std::string> choices;  ///< the texts whose lengths normalise the scores, one a request
    std::size_t target = 0;            ///< index of the right choice
    std::size_t group = 0;             ///< index into Task::groups
};

/// A zero-shot task with its prompts built, in the words of lm-evaluation-harness 0.4 (EleutherAI).
struct Task {
    std::string name;
    bool multipleChoice = true;
    bool normalised = false;  ///< whether the harness reports acc_norm, the score per character
    std::vector<TaskItem> items;
    std::vector<std::string> groups;  ///< MMLU's subjects; else one, named as the task
};

/// What a task's PATH may be.
struct TaskLayout {
    const char* name;    ///< as the harness names it
    const char* file;    ///< the file or files that are looked for where PATH is a folder
    const char* layout;  ///< what is in there, for people
};
const std::vector<TaskLayout>& taskLayouts();

/// Reads a task in the layout its authors publish. `path` is the file, or the folder it lies in; `limit` cuts
/// to the first items (of each subject of MMLU, as the harness does), 0: all; the whole file is checked
/// all the same. Throws Error{InvalidInput} for an unknown name, Error{NotFound}, and Error{Corrupt,
/// InvalidInput} naming file and line for what is not this task's layout: a missing field, a label that is
/// none of the choices, fewer labels than items, no item at all.
Task readTask(const std::string& name, const std::filesystem::path& path, std::size_t limit = 0);

}  // namespace tessera
