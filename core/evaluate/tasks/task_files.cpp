#include "core/evaluate/tasks/task_files.h"

#include <algorithm>
#include <charconv>

#include "core/base/file_io.h"
#include "core/base/lines.h"
#include "core/text/utf8.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostBytes = std::size_t(1) << 30;

[[noreturn]] void throwBad(const std::string& what, const std::string& where, const std::string& task) {
    throw Error(
        ErrorCode::InvalidInput, what, where,
        {{"give the data of " + task + " as its authors publish it (`tessera-cli tasks list`)", "", ""}});
}

std::string readText(const fs::path& file) {
    auto content = readFile(file, kMostBytes);
    if (const auto bad = firstInvalidUtf8(content); bad != std::string::npos) {
        const auto before = std::string_view(content).substr(0, bad);
        throw Error(
            ErrorCode::InvalidInput, "the file is not UTF-8 text",
            atLine(file, 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'))),
            {{"give the file as its authors publish it", "", ""}});
    }
    if (content.starts_with("\xef\xbb\xbf")) content.erase(0, 3);
    return content;
}

bool wholeNumber(std::string_view text, std::int64_t& value) {
    const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
    if (first == std::string_view::npos) return false;
    const auto* end = text.data() + last + 1;
    const auto [stop, error] = std::from_chars(text.data() + first, end, value);
    return error == std::errc() && stop == end;
}

std::string range(std::int64_t first, std::int64_t last) {
    return std::to_string(first) + " to " + std::to_string(last);
}

}  // namespace

std::string atLine(const fs::path& file, std::size_t line) {
    return file.string() + ", line " + std::to_string(line);
}

TaskRecord::TaskRecord(Json json, std::string where, std::string task)
    : m_json(std::move(json)), m_where(std::move(where)), m_task(std::move(task)) {
    if (!m_json.is_object()) fail("an item is not a JSON object");
}

void TaskRecord::fail(const std::string& what) const {
    throwBad(what, m_where, m_task);
}

const Json& TaskRecord::field(const char* name) const {
    const auto found = m_json.find(name);
    if (found == m_json.end())
        fail("the item has no field \"" + std::string(name) + "\", which an item of " + m_task + " has");
    return *found;
}

std::string TaskRecord::text(const char* name) const {
    const auto& value = field(name);
    if (!value.is_string()) fail("the field \"" + std::string(name) + "\" is no text");
    return value.get<std::string>();
}

std::vector<std::string> TaskRecord::textsOf(const Json& value, const char* name) const {
    std::vector<std::string> all;
    if (!value.is_array()) fail("the field \"" + std::string(name) + "\" is no list");
    for (const auto& part : value) {
        if (!part.is_string()) fail("the field \"" + std::string(name) + "\" is no list of texts");
        all.push_back(part.get<std::string>());
    }
    return all;
}

std::vector<std::string> TaskRecord::texts(const char* name) const {
    return textsOf(field(name), name);
}

std::vector<std::vector<std::string>> TaskRecord::textLists(const char* name) const {
    const auto& value = field(name);
    std::vector<std::vector<std::string>> all;
    if (!value.is_array()) fail("the field \"" + std::string(name) + "\" is no list");
    for (const auto& part : value) all.push_back(textsOf(part, name));
    return all;
}

std::int64_t TaskRecord::number(const char* name, std::int64_t first, std::int64_t last) const {
    const auto& value = field(name);
    std::int64_t number = 0;
    if (value.is_number_integer())
        number = value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX
                     ? INT64_MAX
                     : value.get<std::int64_t>();
    else if (!value.is_string() || !wholeNumber(value.get<std::string>(), number))
        fail("the field \"" + std::string(name) + "\" is no number from " + range(first, last));
    if (number < first || number > last)
        fail("the field \"" + std::string(name) + "\" is " + std::to_string(number) + ", it may be " +
             range(first, last));
    return number;
}

bool TaskRecord::yes(const char* name) const {
    const auto& value = field(name);
    if (value.is_boolean()) return value.get<bool>();
    return number(name, 0, 1) == 1;
}

TaskRecord TaskRecord::object(const char* name) const {
    const auto& value = field(name);
    if (!value.is_object()) fail("the field \"" + std::string(name) + "\" is no object");
    return {value, m_where, m_task};
}

std::vector<TaskRecord> TaskRecord::objects(const char* name) const {
    const auto& value = field(name);
    if (!value.is_array()) fail("the field \"" + std::string(name) + "\" is no list");
    std::vector<TaskRecord> all;
    for (const auto& part : value) all.emplace_back(part, m_where, m_task);
    return all;
}

std::vector<TaskRecord> readRecords(const fs::path& file, const std::string& task) {
    std::vector<TaskRecord> records;
    eachLine(readText(file), [&](std::string_view row, std::size_t line) {
        const auto where = atLine(file, line);
        records.emplace_back(parseJson(row, where), where, task);
    });
    if (records.empty()) throwBad("the file holds no item", file.string(), task);
    return records;
}

TaskRecord readRecord(const fs::path& file, const std::string& task) {
    return {parseJson(readText(file), file.string()), file.string(), task};
}

fs::path labelsBeside(const fs::path& file) {
    return file.parent_path() / (file.stem().string() + "-labels.lst");
}

std::vector<std::int64_t> readLabels(const fs::path& file, std::size_t items, std::int64_t first,
                                     std::int64_t last, const std::string& task) {
    const auto path = labelsBeside(file);
    if (!fs::exists(path))
        throw Error(ErrorCode::NotFound, "the labels of " + file.string() + " are not there", path.string(),
                    {{"put the labels of " + task + " beside its items", "", ""}});
    std::vector<std::int64_t> labels;
    std::size_t end = 0;
    eachLine(readText(path), [&](std::string_view row, std::size_t line) {
        std::int64_t label = 0;
        if (!wholeNumber(row, label) || label < first || label > last)
            throwBad(
                "the label is \"" + std::string(row.substr(0, 40)) + "\", it may be " + range(first, last),
                atLine(path, line), task);
        labels.push_back(label);
        end = line;
    });
    if (labels.size() != items)
        throwBad(
            "there are " + std::to_string(labels.size()) + " labels for " + std::to_string(items) + " items",
            atLine(path, end), task);
    return labels;
}

std::vector<CsvRow> readCsv(const fs::path& file) {
    const auto content = readText(file);
    std::vector<CsvRow> rows;
    CsvRow row;
    std::string cell;
    std::size_t line = 1;
    bool quoted = false, wasQuoted = false;
    const auto endCell = [&] {
        row.cells.push_back(std::move(cell));
        cell.clear();
        wasQuoted = false;
    };
    const auto endRow = [&] {
        if (!row.cells.empty() || !cell.empty() || wasQuoted) {
            endCell();
            rows.push_back(std::move(row));
        }
        row = {line, {}};
    };
    for (std::size_t i = 0; i < content.size(); ++i) {
        const char c = content[i];
        if (c == '\n') ++line;
        if (quoted) {
            if (c != '"')
                cell += c;
            else if (i + 1 < content.size() && content[i + 1] == '"')
                cell += content[++i];
            else
                quoted = false;
        } else if (c == '"' && cell.empty() && !wasQuoted) {
            quoted = wasQuoted = true;
        } else if (c == ',') {
            endCell();
        } else if (c == '\n') {
            endRow();
        } else if (c != '\r') {
            cell += c;
        }
    }
    if (quoted)
        throw Error(ErrorCode::Corrupt, "a quoted cell has no end", atLine(file, row.line),
                    {{"give the file as its authors publish it", "", ""}});
    endRow();
    return rows;
}

fs::path fileOrInside(const fs::path& path, std::initializer_list<const char*> names,
                      const std::string& task) {
    std::error_code none;
    if (!fs::exists(path, none))
        throw Error(ErrorCode::NotFound, "the data of " + task + " are not there", path.string(),
                    {{"give the path of the task's file (`tessera-cli tasks list`)", "", ""}});
    if (!fs::is_directory(path, none)) return path;
    std::string all;
    for (const auto* name : names) {
        if (fs::exists(path / name, none)) return path / name;
        all += (all.empty() ? "" : ", ") + std::string(name);
    }
    throw Error(ErrorCode::NotFound, "the folder holds no file of " + task + " (" + all + ")", path.string(),
                {{"give the path of the task's file itself", "", ""}});
}

}  // namespace tessera
