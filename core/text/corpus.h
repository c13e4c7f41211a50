#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer.h"

namespace tessera {

enum class CorpusPart { Learn, HeldOut };

/// Where the installed default text lies: $TESSERA_TEXT_HOME, else build tree or user data folder
/// (`default-text/learn.txt`, `default-text/heldout.txt`). Throws Error{NotFound} with the remedy
/// "run packaging/build.sh or name a text with --text".
std::filesystem::path defaultText(CorpusPart part);

/// Reads UTF-8 text or JSON lines (field "text", recognised by the extensions .jsonl, .json or .ndjson),
/// joined by blank lines. Throws Error with file and line on invalid UTF-8 or a line without the field.
std::string readText(const std::vector<std::filesystem::path>& files);

/// A text as the published tables of perplexity read it: its lines, each with its own line end and those of
/// white space alone emptied, joined by two newlines (the rows of the `wikitext` data set).
std::string joinedAsPublished(std::string_view text);

/// A tokenised corpus, and windows of it.
struct TokenCorpus {
    std::vector<std::int32_t> ids;
    std::string fingerprint;  ///< hex SHA-256 of the text and of the ids

    /// Number of whole non-overlapping windows of `length`.
    std::int64_t windows(std::int64_t length) const { return static_cast<std::int64_t>(ids.size()) / length; }
};

/// Throws Error{InvalidInput} when the text has fewer than `minimumTokens` tokens, saying how many it has.
/// A file with no name in `files` means the default text's `part`.
TokenCorpus tokenizeCorpus(const Tokenizer& tokenizer, const std::vector<std::filesystem::path>& files,
                           CorpusPart part, std::int64_t minimumTokens);

}  // namespace tessera
