#include "core/text/corpus.h"

#include <unistd.h>

#include <cstdlib>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/lines.h"
#include "core/base/sha256.h"
#include "core/base/system_info.h"
#include "core/text/utf8.h"

namespace tessera {

namespace {

std::string jsonLines(const std::string& content, const std::string& where) {
    std::string text;
    eachLine(content, [&](std::string_view row, std::size_t line) {
        const auto place = where + ", line " + std::to_string(line);
        const auto object = parseJson(row, place);
        if (!object.is_object() || !object.contains("text") || !object["text"].is_string())
            throw Error(
                ErrorCode::InvalidInput, "this line has no field \"text\"", place,
                {{"give JSON lines such as {\"text\": \"...\"}, or plain UTF-8 text under another extension",
                  "", ""}});
        text += object["text"].get<std::string>();
        text += "\n\n";
    });
    return text;
}

}  // namespace

std::filesystem::path defaultText(CorpusPart part) {
    const char* name = part == CorpusPart::Learn ? "learn.txt" : "heldout.txt";
    std::vector<std::filesystem::path> folders;
    if (const char* home = std::getenv("TESSERA_TEXT_HOME"); home && *home) folders.emplace_back(home);
    char program[4096];
    const auto length = ::readlink("/proc/self/exe", program, sizeof program);
    if (length > 0)
        folders.push_back(std::filesystem::path(std::string(program, static_cast<std::size_t>(length)))
                              .parent_path()
                              .parent_path() /
                          "default-text");
    folders.push_back(userDataFolder() / "default-text");
    folders.emplace_back("/usr/share/tessera/default-text");
    for (const auto& folder : folders)
        if (std::filesystem::exists(folder / name)) return folder / name;
    throw Error(
        ErrorCode::NotFound, "the default text is not installed", std::string("looked for ") + name,
        {{"run packaging/build.sh", "", ""}, {"name a text of your own with --text FILE", "text", ""}});
}

std::string readText(const std::vector<std::filesystem::path>& files) {
    std::string text;
    for (const auto& file : files) {
        auto content = readFile(file);
        const auto extension = file.extension().string();
        if (extension == ".jsonl" || extension == ".ndjson" || extension == ".json")
            content = jsonLines(content, file.string());
        if (const auto bad = firstInvalidUtf8(content); bad != std::string_view::npos)
            throw Error(ErrorCode::InvalidInput, "the text is not valid UTF-8",
                        file.string() + ", byte " + std::to_string(bad),
                        {{"convert it, for example with iconv -t UTF-8", "", ""}});
        if (!text.empty()) text += "\n\n";
        text += content;
    }
    return text;
}

std::string joinedAsPublished(std::string_view text) {
    std::string joined;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = text.find('\n', begin);
        const auto next = end == std::string_view::npos ? text.size() : end + 1;
        const auto line = text.substr(begin, next - begin);
        if (begin > 0) joined += "\n\n";
        if (line.find_first_not_of(" \t\r\n\v\f") != std::string_view::npos) joined += line;
        begin = next;
    }
    return joined;
}

TokenCorpus tokenizeCorpus(const Tokenizer& tokenizer, const std::vector<std::filesystem::path>& files,
                           CorpusPart part, std::int64_t minimumTokens) {
    const auto text = readText(files.empty() ? std::vector{defaultText(part)} : files);
    TokenCorpus corpus;
    corpus.ids = tokenizer.encode(text);
    if (tokenizer.addsBos() && tokenizer.bosToken() >= 0)
        corpus.ids.insert(corpus.ids.begin(), tokenizer.bosToken());
    if (static_cast<std::int64_t>(corpus.ids.size()) < minimumTokens)
        throw Error(ErrorCode::InvalidInput,
                    "the text has " + std::to_string(corpus.ids.size()) + " tokens, at least " +
                        std::to_string(minimumTokens) + " are needed",
                    files.empty() ? defaultText(part).string() : files.front().string(),
                    {{"give a longer text with --text", "text", ""}});
    Sha256 hash;
    hash.add(text);
    hash.add(std::as_bytes(std::span(corpus.ids)));
    corpus.fingerprint = hash.hex();
    return corpus;
}

}  // namespace tessera
