#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/session/http_loop.h"

namespace tessera {

/// A file to fetch, with what is known of it beforehand.
struct DownloadTarget {
    std::string url, token;
    std::filesystem::path path;          ///< where it shall lie
    std::optional<std::uint64_t> bytes;  ///< at most 256 MiB where it is not known
    std::string etag;    ///< names the content; empty: a transfer that was cut off begins anew
    std::string sha256;  ///< 64 hexadecimal digits; empty where it is not known
    std::string what;    ///< for errors, e.g. "model.safetensors of org/name"
    /// The Error that a lasting answer of 400 or more means to the person.
    std::function<Error(const HttpReply&)> explain;
};

/// The file lies at `target.path`, fetched whole by an earlier call, and is the one that is wanted.
bool isDownloaded(const DownloadTarget& target);

/// Fetches one file. It comes into "<path>.part" with its state in "<path>.fetch.json", in several ranges at
/// the same time where it is large; is checked against length and SHA-256, synced and renamed. The state
/// stays beside the file until the caller removes it. What an earlier call left is continued where it is a
/// part of the same content. `done` is kept at the bytes that are there. Throws Error{Io, Corrupt, DiskFull,
/// Cancelled}.
void download(HttpLoop& loop, const DownloadTarget& target, std::uint64_t& done);

/// Bytes that an earlier, cut off call left of this content.
std::uint64_t downloadedBytes(const DownloadTarget& target);

}  // namespace tessera
