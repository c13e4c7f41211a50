#include "core/session/http_download.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "core/session/part_file.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kUnknownLimit = std::uint64_t(256) << 20;
constexpr int kMostRestarts = 3;
/// The state on disk is at most this far behind.
constexpr std::uint64_t kStateBytes = std::uint64_t(32) << 20;
constexpr std::chrono::seconds kStateTime{2};

std::optional<std::uint64_t> numberOf(const std::string& text) {
    std::uint64_t value = 0;
    const auto end = text.data() + text.size();
    const auto [at, failed] = std::from_chars(text.data(), end, value);
    if (text.empty() || failed != std::errc() || at != end) return std::nullopt;
    return value;
}

/// "bytes 5-9/10" begins at `begin` and is of a file of `bytes` bytes.
bool rangeFits(const std::string& text, std::uint64_t begin, std::uint64_t bytes) {
    if (!text.starts_with("bytes ")) return false;
    const auto dash = text.find('-'), slash = text.find('/');
    if (dash == std::string::npos || slash == std::string::npos || dash > slash) return false;
    const auto total = text.substr(slash + 1);
    return numberOf(text.substr(6, dash - 6)) == begin && (total == "*" || numberOf(total) == bytes);
}

void removeDownloadState(const fs::path& path) {
    std::error_code none;
    fs::remove(PartState::pathOf(path), none);
}

/// The state that an earlier call left, where it is of this content and the file beside it can be as it says.
PartState earlierState(const DownloadTarget& target) {
    auto state = PartState::read(target.path);
    if (target.etag.empty() || !target.bytes || state.etag != target.etag || state.bytes != *target.bytes)
        return {};
    std::error_code missing;
    const auto path = state.pieces.empty() ? target.path : PartFile::pathOf(target.path);
    const auto size = fs::is_regular_file(path, missing) ? fs::file_size(path, missing) : 0;
    if (missing || (state.pieces.empty() && size != state.bytes)) return {};
    for (const auto& piece : state.pieces)
        if (piece.done > 0 && piece.at() > size) return {};
    return state;
}

class Download {
  public:
    Download(HttpLoop& loop, const DownloadTarget& target, std::uint64_t& done)
        : m_loop(loop), m_target(target), m_done(done), m_file(target.path) {}

    ~Download() { dropAll(); }
    Download(const Download&) = delete;
    Download& operator=(const Download&) = delete;

    void run() {
        m_state = earlierState(m_target);
        if (m_state.etag.empty() || m_state.pieces.empty()) split();
        for (const auto& piece : m_state.pieces)
            m_parts.push_back({piece, -1, {}, Attempts(m_loop.options())});
        try {
            transfer();
        } catch (const Error&) {
            if (m_spoilt)
                discard();
            else
                keepState(true);
            throw;
        }
        finish();
    }

  private:
    struct Part {
        FilePiece piece;
        int request;
        Clock::time_point begin;
        Attempts attempts;
        std::uint64_t best = 0;  ///< the most that it ever had, from which attempts are counted
    };

    bool known() const { return m_target.bytes.has_value(); }
    bool resumable() const { return known() && m_ranges && !m_target.etag.empty(); }

    void split() {
        const auto total = known() ? *m_target.bytes : kUnknownLimit;
        const auto& options = m_loop.options();
        const auto smallest = std::max<std::uint64_t>(options.smallestPart, 1);
        const auto count = known() ? std::clamp<std::uint64_t>(
                                         total / smallest, 1,
                                         static_cast<std::uint64_t>(std::clamp(options.connections, 1, 32)))
                                   : 1;
        m_state = {m_target.etag, "", total, {}};
        for (std::uint64_t i = 0; i < count; ++i)
            m_state.pieces.push_back(
                {total / count * i, i + 1 == count ? total : total / count * (i + 1), 0});
        m_file.truncate(0);
    }

    std::uint64_t sum() const {
        std::uint64_t bytes = 0;
        for (const auto& part : m_parts) bytes += part.piece.done;
        return bytes;
    }

    void transfer() {
        if (m_state.bytes == 0) return;
        for (m_done = sum();; m_done = sum()) {
            bool waiting = false;
            for (std::size_t i = 0; i < m_parts.size(); ++i) {
                auto& part = m_parts[i];
                // A part that has all of its bytes may still be sent more.
                waiting = waiting || !part.piece.whole() || part.request >= 0;
                if (!part.piece.whole() && part.request < 0 && Clock::now() >= part.begin) ask(i);
            }
            if (!waiting) return;
            for (auto& [request, reply] : m_loop.wait()) {
                const auto at =
                    std::find_if(m_parts.begin(), m_parts.end(),
                                 [&, number = request](auto& part) { return part.request == number; });
                if (at == m_parts.end()) continue;
                at->request = -1;
                ended(*at, reply);
            }
            keepState(false);
        }
    }

    void ask(std::size_t index) {
        auto& part = m_parts[index];
        // Without ranges a transfer that broke begins again.
        if ((!m_ranges || !known()) && part.piece.done > 0) {
            part.piece.done = 0;
            m_file.truncate(0);
        }
        HttpQuery query;
        query.url = m_target.url;
        query.token = m_target.token;
        const auto from = part.piece.at();
        const bool all = m_parts.size() == 1 && from == 0;
        if (!all) {
            query.headers.push_back("Range: bytes=" + std::to_string(from) + "-" +
                                    std::to_string(part.piece.end - 1));
            // A weak name does not promise the same bytes.
            if (!m_state.rangeEtag.empty() && !m_state.rangeEtag.starts_with("W/"))
                query.headers.push_back("If-Range: " + m_state.rangeEtag);
        }
        query.onHeaders = [this, all, from](const HttpReply& reply) { return accepts(reply, all, from); };
        query.onBytes = [this, index](std::span<const std::byte> bytes) {
            auto& piece = m_parts[index].piece;
            m_spoilt = bytes.size() > piece.end - piece.at();
            if (m_spoilt) wrongLength("sends more bytes than it should");
            m_file.write(piece.at(), bytes);
            piece.done += bytes.size();
        };
        part.request = m_loop.start(std::move(query));
    }

    [[noreturn]] void wrongLength(const std::string& how) const {
        throw Error(ErrorCode::Corrupt,
                    m_target.what + " cannot be fetched: the server " + how +
                        (known() ? ", the hub says " + std::to_string(*m_target.bytes) + " in all" : ""),
                    m_target.path.filename().string(),
                    {{"look for a proxy or a login page in between, and try again", "", ""}});
    }

    bool accepts(const HttpReply& reply, bool all, std::uint64_t from) {
        const auto& etag = reply.header("etag");
        const auto length = numberOf(reply.header("content-length"));
        // What has come already is not given up for a page of something in between.
        if (reply.status == 200 && known() && length && *length != *m_target.bytes)
            wrongLength("announces " + std::to_string(*length) + " bytes");
        if (reply.status == 200 && !all) {
            // It does not know ranges, or has another content now.
            m_ranges = m_ranges && !m_state.rangeEtag.empty() && etag != m_state.rangeEtag;
            return false;
        }
        if (reply.status == 206) {
            if (all || !rangeFits(reply.header("content-range"), from, m_state.bytes))
                wrongLength("sends another range (" + reply.header("content-range") + ")");
            if (!m_state.rangeEtag.empty() && !etag.empty() && etag != m_state.rangeEtag) return false;
        }
        if (!etag.empty()) m_state.rangeEtag = etag;
        return true;
    }

    void ended(Part& part, const HttpReply& reply) {
        if (reply.refused || reply.status == 416) {
            restart();
            return;
        }
        if (part.piece.whole()) return;
        if (reply.status >= 400 && !reply.worthRepeating) throw m_target.explain(reply);
        if (!known() && reply.problem.empty() && reply.status == 200) {
            part.piece.end = part.piece.done;
            return;
        }
        auto shown = reply;
        if (shown.problem.empty())
            shown.problem = reply.status == 200 || reply.status == 206
                                ? "the transfer ended after " + std::to_string(sum()) + " bytes"
                                : "HTTP status " + std::to_string(reply.status);
        part.best = std::max(part.best, part.piece.done);
        part.begin = Clock::now() + part.attempts.next(shown, part.best, m_target.what);
    }

    /// The server has another content than it had, or no ranges: all of it again, in one piece.
    void restart() {
        dropAll();
        m_spoilt = ++m_restarts > kMostRestarts;
        if (m_spoilt)
            throw Error(ErrorCode::Corrupt,
                        m_target.what + " cannot be fetched: the server's file changes while it is fetched",
                        m_target.path.filename().string(), {{"try again later", "", ""}});
        m_state.rangeEtag.clear();
        m_file.truncate(0);
        m_parts.erase(m_parts.begin() + 1, m_parts.end());
        m_parts[0].piece = {0, m_state.bytes, 0};
    }

    void dropAll() {
        for (auto& part : m_parts)
            if (const int request = std::exchange(part.request, -1); request >= 0) m_loop.drop(request);
    }

    void keepState(bool now) {
        const auto bytes = sum();
        const bool late = Clock::now() - m_stateTime > kStateTime || bytes - m_stateBytes > kStateBytes;
        if (!now && (!late || bytes == m_stateBytes)) return;
        m_stateTime = Clock::now();
        m_stateBytes = bytes;
        m_state.pieces.clear();
        for (const auto& part : m_parts) m_state.pieces.push_back(part.piece);
        // The state may say less than is there, never more.
        try {
            if (resumable()) {
                m_file.sync();
                m_state.write(m_target.path);
            } else {
                removeDownloadState(m_target.path);
            }
        } catch (const Error&) {
            if (!now) throw;
        }
    }

    void discard() {
        m_file.remove();
        removeDownloadState(m_target.path);
    }

    void finish() {
        m_done = sum();
        if (known() && m_file.bytes() != *m_target.bytes) {
            discard();
            wrongLength("sent " + std::to_string(m_file.bytes()) + " bytes");
        }
        if (!m_target.sha256.empty()) {
            const auto sum = m_file.sha256([this] { m_loop.tick(); });
            if (sum != m_target.sha256) {
                discard();
                throw Error(ErrorCode::Corrupt,
                            m_target.what + " has the SHA-256 " + sum + ", the hub says " + m_target.sha256,
                            m_target.path.filename().string(),
                            {{"try again; if it stays, something in between changes what is sent", "", ""}});
            }
        }
        m_file.commit();
        m_state.pieces.clear();
        m_state.bytes = m_done;
        m_state.write(m_target.path);
    }

    HttpLoop& m_loop;
    const DownloadTarget& m_target;
    std::uint64_t& m_done;
    PartFile m_file;
    PartState m_state;
    std::vector<Part> m_parts;
    bool m_ranges = true;
    bool m_spoilt = false;  ///< what has come is not to be gone on with
    int m_restarts = 0;
    Clock::time_point m_stateTime = Clock::now();
    std::uint64_t m_stateBytes = 0;
};

}  // namespace

bool isDownloaded(const DownloadTarget& target) {
    const auto state = earlierState(target);
    return !state.etag.empty() && state.pieces.empty();
}

std::uint64_t downloadedBytes(const DownloadTarget& target) {
    const auto state = earlierState(target);
    return state.etag.empty() ? 0 : state.done();
}

void download(HttpLoop& loop, const DownloadTarget& target, std::uint64_t& done) {
    if (isDownloaded(target)) {
        done = *target.bytes;
        return;
    }
    Download(loop, target, done).run();
}

}  // namespace tessera
