#pragma once

#include "core/base/file_io.h"
#include "core/base/sha256.h"
#include "core/session/http_download.h"
#include "core/session/part_file.h"
#include "support/http_server.h"
#include "support/support.h"

namespace tessera::test {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

inline const std::string kContent = noise(1'000'000, 1), kOther = noise(1'000'000, 2);

/// Says that `size` bytes of the content come and ends after `sent`.
inline void cut(const Asked& asked, Line& line, std::size_t sent, const std::string& etag = "\"a\"") {
    const auto from = asked.from(), to = asked.to(kContent.size());
    auto headers = "ETag: " + etag + "\r\nContent-Length: " + std::to_string(to - from) + "\r\n";
    if (!asked.header("range").empty())
        headers += "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(to - 1) + "/" +
                   std::to_string(kContent.size()) + "\r\n";
    line.head(asked.header("range").empty() ? 200 : 206, headers);
    line.send(std::string_view(kContent).substr(from, std::min(sent, to - from)));
}

/// What the tests of downloads share: one file to fetch, impatiently.
struct DownloadCase {
    std::unique_ptr<Scratch> m_scratch;
    HttpOptions m_options;
    std::unique_ptr<Cancellation> m_stop;
    std::function<void()> m_tick;
    std::uint64_t m_done = 0;

    fs::path file() { return *m_scratch / "file"; }
    fs::path part() { return PartFile::pathOf(file()); }

    DownloadTarget targetAt(const std::string& url) {
        return {url,
                "",
                file(),
                kContent.size(),
                "name",
                sha256Hex(kContent),
                "file of org/name",
                [](const HttpReply& reply) {
                    return Error(ErrorCode::NotFound, "explained " + std::to_string(reply.status));
                }};
    }
    void get(const DownloadTarget& target) {
        HttpLoop loop(
            m_options,
            [this] {
                if (m_tick) m_tick();
            },
            *m_stop);
        download(loop, target, m_done);
    }
    void checkWhole(const std::string& content = kContent) {
        QVERIFY(readFile(file()) == content);
        QVERIFY(!fs::exists(part()));
        QCOMPARE(m_done, std::uint64_t(content.size()));
    }
    void checkNothing() { QVERIFY(!fs::exists(file())); }

    void prepare() {
        qputenv("no_proxy", "127.0.0.1,localhost");
        m_scratch = std::make_unique<Scratch>();
        m_options = HttpOptions();
        m_options.backoff = 1ms;
        m_options.attempts = 4;
        m_stop = std::make_unique<Cancellation>();
        m_tick = {};
        m_done = 0;
    }
};

}  // namespace tessera::test
