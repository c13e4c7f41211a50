#include "core/evaluate/tasks/task.h"

#include <algorithm>
#include <functional>

#include "core/evaluate/tasks/task_files.h"
#include "core/evaluate/tasks/task_text.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

/// One context, its choices behind a space each.
TaskItem choiceItem(const std::string& context, std::vector<std::string> choices, std::size_t target) {
    TaskItem item;
    for (const auto& choice : choices) item.requests.push_back({context, " " + choice});
    item.choices = std::move(choices);
    item.target = target;
    return item;
}

void readPiqa(Task& task, const fs::path& path) {
    const auto file = fileOrInside(path, {"valid.jsonl"}, task.name);
    const auto records = readRecords(file, task.name);
    for (const auto& record : records)
        task.items.push_back(choiceItem(
            "Question: " + record.text("goal") + "\nAnswer:", {record.text("sol1"), record.text("sol2")}, 0));
    const auto labels = readLabels(file, records.size(), 0, 1, task.name);
    for (std::size_t i = 0; i < labels.size(); ++i)
        task.items[i].target = static_cast<std::size_t>(labels[i]);
}

/// AI2's layout, of ARC and OpenBookQA: a stem, labelled choices, the right one's label. The two differ in
/// their identifiers alone: those of OpenBookQA begin with a number.
void readAi2(Task& task, const fs::path& file, bool openBook) {
    for (const auto& record : readRecords(file, task.name)) {
        const auto question = record.object("question");
        const auto stem = question.text("stem");
        std::vector<std::string> choices, labels;
        for (const auto& choice : question.objects("choices")) {
            choices.push_back(choice.text("text"));
            labels.push_back(choice.text("label"));
        }
        if (record.has("id")) {
            const auto id = record.text("id");
            const bool numbered = !id.empty() && id[0] >= '0' && id[0] <= '9';
            if (numbered != openBook)
                record.fail(std::string("the item is one of ") + (numbered ? "OpenBookQA" : "ARC") +
                            ", not of " + task.name);
        }
        const auto key = std::string(stripped(record.text("answerKey")));
        const auto right = std::find(labels.begin(), labels.end(), key);
        if (right == labels.end())
            record.fail("the right answer is \"" + key + "\", which labels none of the item's " +
                        std::to_string(labels.size()) + " choices");
        task.items.push_back(choiceItem(openBook ? stem : "Question: " + stem + "\nAnswer:", choices,
                                        static_cast<std::size_t>(right - labels.begin())));
    }
}

void readArc(Task& task, const fs::path& path) {
    const bool easy = task.name == "arc_easy";
    const auto file = easy ? fileOrInside(path, {"ARC-Easy-Test.jsonl"}, task.name)
                           : fileOrInside(path, {"ARC-Challenge-Test.jsonl"}, task.name);
    if (file.filename().string().find(easy ? "ARC-Challenge" : "ARC-Easy") != std::string::npos)
        throw Error(ErrorCode::InvalidInput, "the file is of ARC's other part, not of " + task.name,
                    file.string(),
                    {{std::string("name the task ") + (easy ? "arc_challenge" : "arc_easy"), "", ""}});
    readAi2(task, file, false);
}

void readOpenBookQa(Task& task, const fs::path& path) {
    readAi2(task, fileOrInside(path, {"test.jsonl"}, task.name), true);
}

/// The options stand in the context and what follows the blank is scored: partial-context scoring.
void readWinoGrande(Task& task, const fs::path& path) {
    const auto file = fileOrInside(path, {"dev.jsonl"}, task.name);
    const auto records = readRecords(file, task.name);
    const bool listed = fs::exists(labelsBeside(file));
    std::vector<std::int64_t> labels;
    if (listed || !records[0].has("answer")) labels = readLabels(file, records.size(), 1, 2, task.name);
    for (std::size_t i = 0; i < records.size(); ++i) {
        const auto& record = records[i];
        const auto sentence = record.text("sentence");
        const auto blank = sentence.find('_');
        if (blank == std::string::npos) record.fail("the sentence has no blank \"_\"");
        auto answer = labels.empty() ? 0 : labels[i];
        if (labels.empty() || record.has("answer")) {
            const auto own = record.number("answer", 1, 2);
            if (listed && own != answer)
                record.fail("the item's answer is " + std::to_string(own) + ", its label " +
                            std::to_string(answer));
            answer = own;
        }
        TaskItem item;
        const auto rest = " " + std::string(stripped(std::string_view(sentence).substr(blank + 1)));
        for (const auto* option : {"option1", "option2"}) {
            item.choices.push_back(sentence.substr(0, blank) + record.text(option));
            item.requests.push_back({item.choices.back(), rest});
        }
        item.target = static_cast<std::size_t>(answer - 1);
        task.items.push_back(std::move(item));
    }
}

void readHellaSwag(Task& task, const fs::path& path) {
    for (const auto& record :
         readRecords(fileOrInside(path, {"hellaswag_val.jsonl"}, task.name), task.name)) {
        const auto context = record.text("ctx_a") + " " + capitalized(record.text("ctx_b"));
        std::vector<std::string> endings;
        for (const auto& ending : record.texts("endings")) endings.push_back(cleanedHellaSwag(ending));
        if (endings.empty()) record.fail("the item has no endings");
        const auto right = record.number("label", 0, static_cast<std::int64_t>(endings.size()) - 1);
        task.items.push_back(choiceItem(cleanedHellaSwag(record.text("activity_label") + ": " + context),
                                        endings, static_cast<std::size_t>(right)));
    }
}

/// SuperGLUE's val.jsonl, or Google's own dev.jsonl, which calls the label "answer".
void readBoolQ(Task& task, const fs::path& path) {
    for (const auto& record :
         readRecords(fileOrInside(path, {"val.jsonl", "dev.jsonl"}, task.name), task.name))
        task.items.push_back(choiceItem(
            record.text("passage") + "\nQuestion: " + record.text("question") + "?\nAnswer:", {"no", "yes"},
            record.yes(record.has("answer") ? "answer" : "label") ? 1 : 0));
}

void readLambada(Task& task, const fs::path& path) {
    for (const auto& record : readRecords(
             fileOrInside(path, {"lambada_test.jsonl", "lambada_test_en.jsonl"}, task.name), task.name)) {
        const auto text = record.text("text");
        const auto space = text.rfind(' ');
        TaskItem item;
        item.choices.push_back(space == std::string::npos ? text : text.substr(space + 1));
        if (item.choices[0].empty()) record.fail("the text has no last word");
        item.requests.push_back(
            {space == std::string::npos ? "" : text.substr(0, space), " " + item.choices[0]});
        task.items.push_back(std::move(item));
    }
}

/// Files with this ending in a folder, by name.
std::vector<fs::path> filesEnding(const fs::path& folder, const std::string& ending) {
    std::vector<fs::path> files;
    std::error_code none;
    for (fs::directory_iterator entry(folder, none), end; !none && entry != end; entry.increment(none))
        if (entry->path().filename().string().ends_with(ending)) files.push_back(entry->path());
    std::sort(files.begin(), files.end());
    return files;
}

std::size_t letter(const std::string& answer, const TaskRecord& record, const std::string& what) {
    if (answer.size() != 1 || answer[0] < 'A' || answer[0] > 'D')
        record.fail("the answer of " + what + " is \"" + answer.substr(0, 40) + "\", it may be A to D");
    return static_cast<std::size_t>(answer[0] - 'A');
}

/// A file a passage. As in the harness's data a passage is one item: its last question, the others before it
/// with their answers.
void readRace(Task& task, const fs::path& path) {
    std::vector<fs::path> files{path};
    std::error_code none;
    if (fs::is_directory(path, none)) {
        files = filesEnding(path, ".txt");
        std::stable_sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
            return a.filename().string().size() < b.filename().string().size();
        });
    }
    if (files.empty())
        throw Error(ErrorCode::NotFound, "the folder holds no passage of race (*.txt)", path.string(),
                    {{"give the folder RACE/test/high", "", ""}});
    for (const auto& file : files) {
        const auto record = readRecord(fileOrInside(file, {}, task.name), task.name);
        const auto questions = record.texts("questions"), answers = record.texts("answers");
        const auto options = record.textLists("options");
        if (questions.empty() || answers.size() != questions.size() || options.size() != questions.size())
            record.fail("the passage has " + std::to_string(questions.size()) + " questions, " +
                        std::to_string(answers.size()) + " answers and " + std::to_string(options.size()) +
                        " lists of options");
        auto context = "Article: " + record.text("article") + "\n\n";
        std::size_t right = 0;
        for (std::size_t i = 0; i < questions.size(); ++i) {
            const auto question = "question " + std::to_string(i + 1);
            if (options[i].size() != 4)
                record.fail(question + " has " + std::to_string(options[i].size()) + " options, not four");
            right = letter(answers[i], record, question);
            // A blank at the end is filled in.
            if (i + 1 == questions.size())
                context += questions[i];
            else if (questions[i].ends_with("  _  ."))
                context += questions[i].substr(0, questions[i].size() - 5) + options[i][right] + "\n";
            else
                context += "Question: " + questions[i] + "\nAnswer: " + options[i][right] + "\n";
        }
        task.items.push_back(choiceItem(context, options.back(), right));
    }
}

/// A CSV file a subject, without a head: question, four choices, the right one's letter.
void readMmlu(Task& task, const fs::path& path, std::size_t limit) {
    std::vector<fs::path> files{path};
    std::error_code none;
    if (fs::is_directory(path, none)) files = filesEnding(path, "_test.csv");
    if (files.empty())
        throw Error(ErrorCode::NotFound, "the folder holds no subject of mmlu (*_test.csv)", path.string(),
                    {{"give the folder data/test", "", ""}});
    task.groups.clear();
    for (const auto& file : files) {
        auto subject = fileOrInside(file, {}, task.name).stem().string();
        for (const auto* part : {"_test", "_val", "_dev"})
            if (subject.ends_with(part)) subject.resize(subject.size() - std::string(part).size());
        const auto about = "The following are multiple choice questions (with answers) about " +
                           replacedAll(subject, "_", " ") + ".\n\n";
        const auto rows = readCsv(file);
        if (rows.empty())
            throw Error(ErrorCode::InvalidInput, "the file holds no item", file.string(),
                        {{"give the data of mmlu as their authors publish them", "", ""}});
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const TaskRecord place(Json::object(), atLine(file, rows[i].line), task.name);
            const auto& cells = rows[i].cells;
            if (cells.size() != 6)
                place.fail("the row has " + std::to_string(cells.size()) +
                           " cells, not a question, four choices and a letter");
            const auto right = letter(cells[5], place, "the question");
            if (limit > 0 && i >= limit) continue;
            std::string context = about + std::string(stripped(cells[0]));
            for (std::size_t c = 0; c < 4; ++c)
                context += std::string("\n") + "ABCD"[c] + ". " + cells[c + 1];
            task.items.push_back(choiceItem(context + "\nAnswer:", {"A", "B", "C", "D"}, right));
            task.items.back().group = task.groups.size();
        }
        task.groups.push_back(subject);
    }
}

struct Reader {
    TaskLayout layout;
    bool multipleChoice, normalised;
    std::function<void(Task&, const fs::path&, std::size_t limit)> read;
};

const std::vector<Reader>& readers() {
    const auto whole = [](void (*read)(Task&, const fs::path&)) {
        return [read](Task& task, const fs::path& path, std::size_t) { read(task, path); };
    };
    static const std::vector<Reader> all{
        {{"mmlu", "*_test.csv", "CSV, a file a subject: question, four choices, letter"},
         true,
         false,
         readMmlu},
        {{"piqa", "valid.jsonl", "JSON lines: goal, sol1, sol2; valid-labels.lst beside it: 0 or 1 a line"},
         true,
         true,
         whole(readPiqa)},
        {{"arc_easy", "ARC-Easy-Test.jsonl",
          "JSON lines: question {stem, choices [{text, label}]}, answerKey"},
         true,
         true,
         whole(readArc)},
        {{"arc_challenge", "ARC-Challenge-Test.jsonl", "as arc_easy"}, true, true, whole(readArc)},
        {{"winogrande", "dev.jsonl",
          "JSON lines: sentence with a blank _, option1, option2, answer; or the answers, 1 or 2 a line, in "
          "dev-labels.lst"},
         true,
         false,
         whole(readWinoGrande)},
        {{"openbookqa", "test.jsonl", "as arc_easy"}, true, true, whole(readOpenBookQa)},
        {{"race", "*.txt", "JSON, a file a passage: article, questions, options, answers"},
         true,
         false,
         [](Task& task, const fs::path& path, std::size_t) { readRace(task, path); }},
        {{"hellaswag", "hellaswag_val.jsonl", "JSON lines: activity_label, ctx_a, ctx_b, endings, label"},
         true,
         true,
         whole(readHellaSwag)},
        {{"boolq", "val.jsonl or dev.jsonl", "JSON lines: passage, question, label (or answer)"},
         true,
         false,
         whole(readBoolQ)},
        {{"lambada_openai", "lambada_test.jsonl", "JSON lines: text"}, false, false, whole(readLambada)},
    };
    return all;
}

}  // namespace

const std::vector<TaskLayout>& taskLayouts() {
    static const std::vector<TaskLayout> layouts = [] {
        std::vector<TaskLayout> all;
        for (const auto& reader : readers()) all.push_back(reader.layout);
        return all;
    }();
    return layouts;
}

Task readTask(const std::string& name, const fs::path& path, std::size_t limit) {
    const auto& all = readers();
    const auto reader =
        std::find_if(all.begin(), all.end(), [&](const Reader& r) { return r.layout.name == name; });
    if (reader == all.end()) {
        std::string names;
        for (const auto& known : all) names += (names.empty() ? "" : ", ") + std::string(known.layout.name);
        throw Error(ErrorCode::InvalidInput, "there is no task \"" + name + "\"", "--task",
                    {{"name one of " + names, "", ""}});
    }
    Task task;
    task.name = name;
    task.multipleChoice = reader->multipleChoice;
    task.normalised = reader->normalised;
    task.groups = {name};
    reader->read(task, path, limit);
    // Of several subjects each was cut on its own.
    if (limit > 0 && task.groups.size() == 1 && task.items.size() > limit) task.items.resize(limit);
    return task;
}

}  // namespace tessera
