#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tessera {

/// A task whose data lie at `path`, as readTask takes it.
struct FoundTask {
    std::string name;
    std::filesystem::path path;
};

/// The tasks in a folder: subfolders named as a task ("piqa", "ARC-Easy", "lambada"), else files in the
/// folder itself whose name only one task has ("hellaswag_val.jsonl"). In the order of taskLayouts(); files
/// are not opened. Throws Error{NotFound} where the folder cannot be read.
std::vector<FoundTask> findTasks(const std::filesystem::path& folder);

}  // namespace tessera
