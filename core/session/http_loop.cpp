#include "core/session/http_loop.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <thread>

#include "core/base/error.h"

namespace tessera {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostRedirects = 10;
constexpr std::size_t kMostHeaders = 200, kLongestUnwantedBody = std::size_t(1) << 20;
constexpr std::chrono::milliseconds kMoment{50};

std::string urlPart(CURLU* url, CURLUPart part) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
    std::string copy = text;
    curl_free(text);
    return copy;
}

std::string lower(std::string text) {
    for (auto& letter : text)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    return text;
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\n"), last = text.find_last_not_of(" \t\r\n");
    return first == std::string::npos ? std::string() : text.substr(first, last - first + 1);
}

bool isRedirect(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Another attempt ends the same way.
bool isLasting(CURLcode code) {
    switch (code) {
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
        case CURLE_OUT_OF_MEMORY:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_ENGINE_NOTFOUND:
            return true;
        default:
            return false;
    }
}

std::string secondsText(std::chrono::milliseconds time) {
    const auto ms = time.count();
    return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

}  // namespace

const std::string& HttpReply::header(const std::string& name) const {
    static const std::string none;
    const auto found = headers.find(name);
    return found == headers.end() ? none : found->second;
}

std::string httpOrigin(const std::string& url) {
    const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
    if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
    const auto scheme = urlPart(parsed.get(), CURLUPART_SCHEME);
    if (scheme != "http" && scheme != "https") return {};
    return scheme + "://" + lower(urlPart(parsed.get(), CURLUPART_HOST)) + ":" +
           urlPart(parsed.get(), CURLUPART_PORT);
}

struct HttpLoop::Handles {
    CURLM* multi = curl_multi_init();
    ~Handles() { curl_multi_cleanup(multi); }
};

struct HttpLoop::Transfer {
    HttpQuery query;
    std::string home, origin;  ///< of the query's address, and of the one asked now
    CURLM* multi;
    CURL* easy = curl_easy_init();
    curl_slist* list = nullptr;
    char message[CURL_ERROR_SIZE] = {};
    HttpReply reply;
    std::map<std::string, std::string> earlier;
    std::exception_ptr thrown;
    int redirects = 0;
    bool headersOver = false;  ///< what looks like headers after them is a trailer
    std::uint64_t bytes = 0, unwanted = 0;
    /// Where the present window of time began, and how many bytes had come by then.
    Clock::time_point mark;
    std::uint64_t markBytes = 0;

    explicit Transfer(HttpQuery asked, CURLM* all) : query(std::move(asked)), multi(all) {
        if (!easy) throw Error(ErrorCode::OutOfMemory, "a transfer cannot be prepared", query.url);
    }
    ~Transfer() {
        curl_multi_remove_handle(multi, easy);
        curl_easy_cleanup(easy);
        curl_slist_free_all(list);
    }

    bool wanted() const { return !query.head && (reply.status == 200 || reply.status == 206); }

    std::size_t headerLine(std::string line) {
        bytes += line.size();
        if (line.starts_with("HTTP/")) {
            reply.headers.clear();
            reply.status = 0;
            headersOver = false;
            return line.size();
        }
        if (headersOver) return line.size();
        const auto text = trimmed(line);
        if (!text.empty()) {
            const auto colon = text.find(':');
            if (colon != std::string::npos && reply.headers.size() < kMostHeaders)
                reply.headers[lower(trimmed(text.substr(0, colon)))] = trimmed(text.substr(colon + 1));
            return line.size();
        }
        headersOver = true;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply.status);
        if (wanted() && query.onHeaders && !query.onHeaders(reply)) {
            reply.refused = true;
            return 0;
        }
        return line.size();
    }

    std::size_t body(std::span<const std::byte> piece) {
        bytes += piece.size();
        if (wanted()) {
            if (query.onBytes) query.onBytes(piece);
        } else if ((unwanted += piece.size()) > kLongestUnwantedBody) {
            return 0;
        }
        return piece.size();
    }

    /// No exception may cross the C library: it is kept, and 0 ends the transfer.
    template <typename Work>
    std::size_t guarded(Work&& work) {
        try {
            return work();
        } catch (...) {
            thrown = std::current_exception();
            return 0;
        }
    }
    static std::size_t onHeader(char* data, std::size_t size, std::size_t count, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        return transfer.guarded([&] { return transfer.headerLine(std::string(data, size * count)); });
    }
    static std::size_t onBody(char* data, std::size_t size, std::size_t count, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        return transfer.guarded([&] { return transfer.body(std::as_bytes(std::span(data, size * count))); });
    }

    bool stalled(const HttpOptions& options) {
        const auto now = Clock::now();
        if (now - mark < options.stallTimeout) return false;
        if (bytes - markBytes < options.slowestBytes) return true;
        mark = now;
        markBytes = bytes;
        return false;
    }
};

HttpLoop::HttpLoop(const HttpOptions& options, std::function<void()> tick, const Cancellation& cancellation)
    : m_options(options), m_tick(std::move(tick)), m_cancellation(cancellation) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) throw Error(ErrorCode::Internal, "libcurl cannot be used");
    m_handles = std::make_unique<Handles>();
    if (!m_handles->multi) throw Error(ErrorCode::OutOfMemory, "transfers cannot be prepared");
}

HttpLoop::~HttpLoop() = default;

void HttpLoop::tick() {
    m_cancellation.throwIfRequested();
    if (!m_tick || Clock::now() - m_ticked < kMoment) return;
    m_ticked = Clock::now();
    m_tick();
}

void HttpLoop::sleep(std::chrono::milliseconds time) {
    const auto until = Clock::now() + time;
    for (tick(); Clock::now() < until; tick())
        std::this_thread::sleep_for(std::min<Clock::duration>(kMoment, until - Clock::now()));
}

void HttpLoop::begin(Transfer& transfer, const std::string& url) {
    auto* easy = transfer.easy;
    transfer.origin = httpOrigin(url);
    transfer.reply = HttpReply();
    const auto host = transfer.origin.find("://");
    if (host != std::string::npos) transfer.reply.host = transfer.origin.substr(host + 3);
    transfer.mark = Clock::now();
    transfer.markBytes = transfer.bytes;
    transfer.message[0] = '\0';
    curl_easy_reset(easy);
    curl_slist_free_all(transfer.list);
    transfer.list = nullptr;
    const auto add = [&](const std::string& line) {
        transfer.list = curl_slist_append(transfer.list, line.c_str());
    };
    // A compressed body has another length and other ranges.
    add("Accept-Encoding: identity");
    for (const auto& line : transfer.query.headers) add(line);
    if (!transfer.query.token.empty() && transfer.origin == transfer.home)
        add("Authorization: Bearer " + transfer.query.token);
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.list);
    curl_easy_setopt(easy, CURLOPT_NOBODY, transfer.query.head ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tessera/" TESSERA_VERSION);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    // Several ranges over one connection would share its speed.
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(m_options.stallTimeout.count()));
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    // A name that is being looked up does not hold up a request to stop.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    if (const char* file = std::getenv("SSL_CERT_FILE"); file && *file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, file);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.message);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::onHeader);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::onBody);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    if (curl_multi_add_handle(m_handles->multi, easy) != CURLM_OK)
        throw Error(ErrorCode::Internal, "a transfer cannot be started", url);
}

int HttpLoop::start(HttpQuery query) {
    auto transfer = std::make_unique<Transfer>(std::move(query), m_handles->multi);
    transfer->home = httpOrigin(transfer->query.url);
    begin(*transfer, transfer->query.url);
    m_transfers[m_next] = std::move(transfer);
    return m_next++;
}

void HttpLoop::drop(int request) {
    m_transfers.erase(request);
}

/// Goes on to where a redirect points; false: the reply says why not, or the redirect is the reply.
bool HttpLoop::hop(Transfer& transfer) {
    auto& reply = transfer.reply;
    if (transfer.query.endsAt && transfer.query.endsAt(reply)) return false;
    char* address = nullptr;
    curl_easy_getinfo(transfer.easy, CURLINFO_REDIRECT_URL, &address);
    const std::string url = address ? address : "", next = httpOrigin(url);
    const auto fails = [&](const std::string& why) {
        reply.problem = why;
        reply.worthRepeating = false;
        return false;
    };
    if (next.empty()) return fails("it redirects to an address that cannot be used");
    if (++transfer.redirects > kMostRedirects) return fails("it redirects again and again");
    if (transfer.origin.starts_with("https:") && !next.starts_with("https:"))
        return fails("it redirects from HTTPS to an address without");
    for (const auto& [name, value] : reply.headers)
        if (name.starts_with("x-")) transfer.earlier[name] = value;
    begin(transfer, url);
    return true;
}

HttpReply HttpLoop::conclude(Transfer& transfer, int result) {
    auto& reply = transfer.reply;
    const auto code = static_cast<CURLcode>(result);
    curl_off_t seconds = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RETRY_AFTER, &seconds);
    reply.retryAfter = std::chrono::seconds(std::clamp<curl_off_t>(seconds, 0, 1 << 30));
    if (reply.status >= 400) {
        reply.problem = "HTTP status " + std::to_string(reply.status);
        reply.worthRepeating = reply.status == 408 || reply.status == 425 || reply.status == 429 ||
                               (reply.status >= 500 && reply.status != 501 && reply.status != 505);
    } else if (reply.problem.empty() && code != CURLE_OK && !reply.refused) {
        reply.problem = transfer.message[0] ? transfer.message : curl_easy_strerror(code);
        reply.worthRepeating = !isLasting(code);
    }
    reply.headers.insert(transfer.earlier.begin(), transfer.earlier.end());
    return std::move(reply);
}

std::vector<std::pair<int, HttpReply>> HttpLoop::wait() {
    tick();
    std::vector<std::pair<int, HttpReply>> ended;
    int running = 0;
    curl_multi_perform(m_handles->multi, &running);
    const auto drain = [&] {
        int left = 0;
        while (const auto* message = curl_multi_info_read(m_handles->multi, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const auto result = message->data.result;
            const auto at = std::find_if(m_transfers.begin(), m_transfers.end(), [&](const auto& entry) {
                return entry.second->easy == message->easy_handle;
            });
            if (at == m_transfers.end()) continue;
            auto& transfer = *at->second;
            curl_multi_remove_handle(m_handles->multi, transfer.easy);
            if (transfer.thrown) std::rethrow_exception(transfer.thrown);
            if (result == CURLE_OK && isRedirect(transfer.reply.status) && hop(transfer)) continue;
            ended.emplace_back(at->first, conclude(transfer, result));
            m_transfers.erase(at);
        }
    };
    drain();
    for (auto at = m_transfers.begin(); at != m_transfers.end();) {
        auto& transfer = *at->second;
        if (!transfer.stalled(m_options)) {
            ++at;
            continue;
        }
        transfer.reply.problem = "fewer than " + std::to_string(m_options.slowestBytes) + " bytes came in " +
                                 secondsText(m_options.stallTimeout);
        ended.emplace_back(at->first, conclude(transfer, CURLE_OK));
        at = m_transfers.erase(at);
    }
    if (ended.empty()) {
        curl_multi_poll(m_handles->multi, nullptr, 0, static_cast<int>(kMoment.count()), nullptr);
        curl_multi_perform(m_handles->multi, &running);
        drain();
    }
    return ended;
}

HttpReply HttpLoop::ask(const HttpQuery& query, const std::string& what) {
    for (Attempts attempts(m_options);;) {
        const int request = start(query);
        HttpReply reply;
        for (bool over = false; !over;) {
            for (auto& [number, got] : wait()) {
                if (number != request) continue;
                reply = std::move(got);
                over = true;
            }
        }
        const bool answered = reply.problem.empty() || (reply.status >= 400 && !reply.worthRepeating);
        if (answered) return reply;
        sleep(attempts.next(reply, 0, what));
    }
}

std::chrono::milliseconds Attempts::next(const HttpReply& reply, std::uint64_t gained,
                                         const std::string& what) {
    const auto fail = [&](const std::string& why, const std::string& remedy) {
        throw Error(ErrorCode::Io, what + " cannot be fetched: " + why, reply.host, {{remedy, "", ""}});
    };
    if (!reply.worthRepeating)
        fail(reply.problem,
             "check the address, the network and its proxy (SSL_CERT_FILE names certificates "
             "that it may need), and try again");
    if (++m_failed >= m_options->attempts + static_cast<std::int64_t>(gained >> 20))
        fail(reply.problem + ", also after " + std::to_string(m_failed) + " attempts",
             "check the network and try again; what has come is kept");
    if (reply.retryAfter > m_options->longestWait)
        fail(reply.problem + ", and the server asks to wait for " + secondsText(reply.retryAfter),
             "try again after that time; what has come is kept");
    const auto doubled = m_options->backoff * (1 << std::min(m_failed - 1, 10));
    return std::max(reply.retryAfter, std::min(doubled, m_options->longestWait));
}

}  // namespace tessera
