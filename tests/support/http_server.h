#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tessera::test {

struct Asked {
    std::string method, path;
    std::map<std::string, std::string> headers;  ///< names in lower case

    std::string header(const std::string& name) const {
        const auto found = headers.find(name);
        return found == headers.end() ? std::string() : found->second;
    }
    /// First byte of "Range: bytes=A-B", 0 without.
    std::size_t from() const {
        const auto range = header("range");
        return range.empty() ? 0 : std::stoul(range.substr(range.find('=') + 1));
    }
    /// One past its last byte, `size` without.
    std::size_t to(std::size_t size) const {
        const auto range = header("range");
        const auto dash = range.find('-');
        return dash == std::string::npos || dash + 1 == range.size() ? size
                                                                     : std::stoul(range.substr(dash + 1)) + 1;
    }
};

/// One connection, on which one request is answered as well or as badly as a test wants.
class Line {
  public:
    explicit Line(int fd) : m_fd(fd) {}
    void send(std::string_view text) {
        while (!text.empty()) {
            const auto put = ::send(m_fd, text.data(), text.size(), MSG_NOSIGNAL);
            if (put <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(put));
        }
    }
    /// Head and body; headers as "Name: value\r\n" lines, with Content-Length where they have none.
    void answer(int status, const std::string& headers = {}, std::string_view body = {}) {
        head(status, headers.find("Content-Length") == std::string::npos
                         ? headers + "Content-Length: " + std::to_string(body.size()) + "\r\n"
                         : headers);
        send(body);
    }
    void head(int status, const std::string& headers) {
        send("HTTP/1.1 " + std::to_string(status) + " X\r\nConnection: close\r\n" + headers + "\r\n");
    }
    /// What a well-behaved store answers: ranges, If-Range, ETag (with its quotes).
    void answerFile(const Asked& asked, const std::string& content, const std::string& etag,
                    const std::string& more = {}) {
        const auto name = more + "ETag: " + etag + "\r\nAccept-Ranges: bytes\r\n";
        const auto given = asked.header("if-range");
        if (asked.header("range").empty() || (!given.empty() && given != etag)) {
            answer(200, name + "Content-Length: " + std::to_string(content.size()) + "\r\n",
                   asked.method == "HEAD" ? std::string_view() : std::string_view(content));
            return;
        }
        const auto from = asked.from(), to = asked.to(content.size());
        answer(206,
               name + "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(to - 1) + "/" +
                   std::to_string(content.size()) + "\r\n",
               std::string_view(content).substr(from, to - from));
    }
    /// Says nothing more until the other side or the server ends the connection.
    void stall() {
        char byte = 0;
        while (::recv(m_fd, &byte, 1, 0) > 0) {
        }
    }

  private:
    int m_fd;
};

/// A server on a free port of this machine, a thread a connection.
class HttpServer {
  public:
    using Handler = std::function<void(const Asked&, Line&)>;

    explicit HttpServer(Handler handler) : m_handler(std::move(handler)) {
        m_listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (m_listener < 0 || ::bind(m_listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(m_listener, 64) != 0 ||
            ::getsockname(m_listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
            throw std::runtime_error("no server can be made");
        m_port = ntohs(address.sin_port);
        m_acceptor = std::thread([this] { accept(); });
    }
    ~HttpServer() {
        ::shutdown(m_listener, SHUT_RDWR);
        m_acceptor.join();
        {
            const std::lock_guard lock(m_mutex);
            for (const int fd : m_open) ::shutdown(fd, SHUT_RDWR);
        }
        for (auto& thread : m_threads) thread.join();
        ::close(m_listener);
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(m_port); }
    std::vector<Asked> asked() const {
        const std::lock_guard lock(m_mutex);
        return m_asked;
    }
    /// How many requests of this method had this in their path.
    std::size_t count(const std::string& method, const std::string& part = {}) const {
        std::size_t number = 0;
        for (const auto& one : asked())
            number += one.method == method && one.path.find(part) != std::string::npos;
        return number;
    }
    void forget() {
        const std::lock_guard lock(m_mutex);
        m_asked.clear();
    }

  private:
    void accept() {
        for (;;) {
            const int fd = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) return;
            const std::lock_guard lock(m_mutex);
            m_open.push_back(fd);
            m_threads.emplace_back([this, fd] { serve(fd); });
        }
    }
    void serve(int fd) {
        Asked asked;
        if (read(fd, asked)) {
            {
                const std::lock_guard lock(m_mutex);
                m_asked.push_back(asked);
            }
            Line line(fd);
            m_handler(asked, line);
        }
        const std::lock_guard lock(m_mutex);
        std::erase(m_open, fd);
        ::close(fd);
    }
    static bool read(int fd, Asked& asked) {
        std::string text;
        char buffer[4096];
        while (text.find("\r\n\r\n") == std::string::npos) {
            const auto got = ::recv(fd, buffer, sizeof buffer, 0);
            if (got <= 0 || text.size() > 65536) return false;
            text.append(buffer, static_cast<std::size_t>(got));
        }
        const auto space = text.find(' '), second = text.find(' ', space + 1);
        asked.method = text.substr(0, space);
        asked.path = text.substr(space + 1, second - space - 1);
        for (auto at = text.find("\r\n") + 2; text.compare(at, 2, "\r\n") != 0;) {
            const auto end = text.find("\r\n", at), colon = text.find(": ", at);
            auto name = text.substr(at, colon - at);
            for (auto& letter : name) letter = static_cast<char>(std::tolower(letter));
            asked.headers[name] = text.substr(colon + 2, end - colon - 2);
            at = end + 2;
        }
        return true;
    }

    Handler m_handler;
    int m_listener = -1, m_port = 0;
    mutable std::mutex m_mutex;
    std::vector<Asked> m_asked;
    std::vector<int> m_open;
    std::vector<std::thread> m_threads;
    std::thread m_acceptor;
};

/// Bytes without a pattern.
inline std::string noise(std::size_t bytes, std::uint32_t seed) {
    std::string text(bytes, '\0');
    for (auto& byte : text) byte = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
    return text;
}

}  // namespace tessera::test
