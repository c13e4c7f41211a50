#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"

namespace tessera {

/// One JSON object of a task file, whose fields are asked for by name. What is wrong is told with its place.
class TaskRecord {
  public:
    TaskRecord(Json json, std::string where, std::string task);

    bool has(const char* field) const { return m_json.contains(field); }
    std::string text(const char* field) const;
    std::vector<std::string> texts(const char* field) const;
    std::vector<std::vector<std::string>> textLists(const char* field) const;
    /// A whole number, or one written as a text. Throws unless it lies in [first, last].
    std::int64_t number(const char* field, std::int64_t first, std::int64_t last) const;
    bool yes(const char* field) const;
    TaskRecord object(const char* field) const;
    std::vector<TaskRecord> objects(const char* field) const;

    /// Error{InvalidInput}: this is not an item of the task.
    [[noreturn]] void fail(const std::string& what) const;

  private:
    const Json& field(const char* name) const;
    std::vector<std::string> textsOf(const Json& value, const char* name) const;
    Json m_json;
    std::string m_where, m_task;
};

/// "file, line 3".
std::string atLine(const std::filesystem::path& file, std::size_t line);

/// The objects of a JSON-lines file. Lines of white space alone are passed over. Throws where there is none.
std::vector<TaskRecord> readRecords(const std::filesystem::path& file, const std::string& task);
/// A whole file that is one object.
TaskRecord readRecord(const std::filesystem::path& file, const std::string& task);

/// A file of labels, one a line, for `items` items: the file `<stem>-labels.lst` beside `file`. Each must lie
/// in [first, last]; there must be as many as items.
std::vector<std::int64_t> readLabels(const std::filesystem::path& file, std::size_t items, std::int64_t first,
                                     std::int64_t last, const std::string& task);
std::filesystem::path labelsBeside(const std::filesystem::path& file);

/// A row of a CSV file and the line it begins in.
struct CsvRow {
    std::size_t line = 1;
    std::vector<std::string> cells;
};
/// Commas, double quotes doubled inside quoted cells, which may hold line ends (as Python's csv reads it).
std::vector<CsvRow> readCsv(const std::filesystem::path& file);

/// `path` itself where it is a file; where it is a folder the first of `names` that it holds.
std::filesystem::path fileOrInside(const std::filesystem::path& path,
                                   std::initializer_list<const char*> names, const std::string& task);

}  // namespace tessera
