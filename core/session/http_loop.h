#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/cancellation.h"
#include "core/session/http_options.h"

namespace tessera {

/// The answer to one request, after all redirects.
struct HttpReply {
    long status = 0;  ///< 0: none came
    /// Of the last response, names in lower case; "x-..." ones of redirects before it, too.
    std::map<std::string, std::string> headers;
    std::string host;            ///< that gave it
    std::string problem;         ///< why the transfer did not come to its end; empty where it did
    bool refused = false;        ///< HttpQuery::onHeaders did not want it
    bool worthRepeating = true;  ///< another attempt may end better
    std::chrono::milliseconds retryAfter{0};

    /// Empty where there is none.
    const std::string& header(const std::string& name) const;
};

struct HttpQuery {
    std::string url;
    bool head = false;
    /// Sent as a bearer token to the scheme, host and port of `url`, and never to another.
    std::string token;
    std::vector<std::string> headers;
    /// The headers of a 200 or 206 are there; false ends the request.
    std::function<bool(const HttpReply&)> onHeaders;
    /// A piece of the body of a 200 or 206; of other bodies nothing is kept. What it throws, wait() throws.
    std::function<void(std::span<const std::byte>)> onBytes;
    /// True: this redirect says all that is wanted and is the reply.
    std::function<bool(const HttpReply&)> endsAt;
};

/// HTTP(S) requests that run at the same time on the caller's thread, which drives them with wait(). Follows
/// up to ten redirects, never from HTTPS to HTTP. Proxies as the environment names them; certificates as the
/// system has them, or $SSL_CERT_FILE.
class HttpLoop {
  public:
    /// `tick` is called ten to twenty times a second while anything is waited for. Whatever waits throws
    /// Error{Cancelled} within a fifth of a second after a request to stop.
    HttpLoop(const HttpOptions& options, std::function<void()> tick, const Cancellation& cancellation);
    ~HttpLoop();
    HttpLoop(const HttpLoop&) = delete;
    HttpLoop& operator=(const HttpLoop&) = delete;

    const HttpOptions& options() const { return m_options; }
    /// Begins a request and returns its number.
    int start(HttpQuery query);
    /// Ends a request without a reply; one that is over already is none.
    void drop(int request);
    /// Drives all requests for a moment; the replies of those that came to an end.
    std::vector<std::pair<int, HttpReply>> wait();
    /// One request alone, repeated as Attempts allows. `what` is named in errors. Throws Error{Io}.
    HttpReply ask(const HttpQuery& query, const std::string& what);
    void sleep(std::chrono::milliseconds time);
    /// For work between waits that takes long.
    void tick();

  private:
    struct Transfer;
    void begin(Transfer& transfer, const std::string& url);
    bool hop(Transfer& transfer);
    HttpReply conclude(Transfer& transfer, int result);

    struct Handles;
    const HttpOptions m_options;
    std::function<void()> m_tick;
    const Cancellation& m_cancellation;
    std::unique_ptr<Handles> m_handles;
    std::map<int, std::unique_ptr<Transfer>> m_transfers;
    int m_next = 0;
    std::chrono::steady_clock::time_point m_ticked;
};

/// Counts the attempts of one transfer.
class Attempts {
  public:
    explicit Attempts(const HttpOptions& options) : m_options(&options) {}
    /// How long to wait before the next attempt, when `gained` bytes have come in all. Throws Error{Io} with
    /// what failed where there is none left, where another would end no better, or where the server asks for
    /// more patience than there is.
    std::chrono::milliseconds next(const HttpReply& reply, std::uint64_t gained, const std::string& what);

  private:
    const HttpOptions* m_options;
    int m_failed = 0;
};

/// "https://host:443". Empty where the address is none of HTTP(S).
std::string httpOrigin(const std::string& url);

}  // namespace tessera
