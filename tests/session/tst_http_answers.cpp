// Downloads from a server that lies, is busy or sends people elsewhere: each ends in the right bytes or in
// one Error, and nothing half done stands under the file's name.
#include <sys/resource.h>

#include <atomic>
#include <csignal>

#include "session/download_case.h"

using namespace tessera;
using namespace tessera::test;

class HttpAnswersTest : public QObject, DownloadCase {
    Q_OBJECT

  private Q_SLOTS:
    void init() { prepare(); }

    void wrongChecksum() {
        HttpServer server([](auto& asked, auto& line) { line.answerFile(asked, kOther, "\"a\""); });
        EXPECT_ERROR(get(targetAt(server.url() + "/f")), Corrupt, "has the SHA-256 " + sha256Hex(kOther));
        checkNothing();
        QVERIFY(!fs::exists(part()) && !fs::exists(PartState::pathOf(file())));
    }

    void lies_data() {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("said");
        QTest::newRow("longer") << "longer"
                                << "announces 1000004 bytes";
        QTest::newRow("shorter") << "shorter"
                                 << "announces 512 bytes";
        QTest::newRow("a page in place of the rest") << "page"
                                                     << "announces 21 bytes";
        QTest::newRow("more than all, without a length") << "endless"
                                                         << "sends more bytes than it should";
        QTest::newRow("another range") << "range"
                                       << "sends another range (bytes 5-9/1000000)";
        QTest::newRow("of another file") << "total"
                                         << "sends another range (bytes 300000-999999/2000000)";
        QTest::newRow("more than the range") << "overlong"
                                             << "sends more bytes than it should";
        QTest::newRow("no range named") << "unnamed"
                                        << "sends another range ()";
    }
    void lies() {
        QFETCH(QString, kind);
        QFETCH(QString, said);
        HttpServer server([&](auto& asked, auto& line) {
            const auto name = std::string("ETag: \"a\"\r\n");
            if (kind == "longer") return line.answer(200, name, kContent + "more");
            if (kind == "shorter") return line.answer(200, name, kContent.substr(0, 512));
            if (kind == "endless") {
                line.head(200, name);
                return line.send(kContent + "more");
            }
            if (asked.header("range").empty()) return cut(asked, line, 300'000);
            if (kind == "page") return line.answer(200, "", "<html>log in</html>\r\n");
            const auto range = kind == "range"      ? "Content-Range: bytes 5-9/1000000\r\n"
                               : kind == "total"    ? "Content-Range: bytes 300000-999999/2000000\r\n"
                               : kind == "overlong" ? "Content-Range: bytes 300000-999999/1000000\r\n"
                                                    : "";
            line.answer(206, name + range, kContent.substr(300'000) + "more");
        });
        EXPECT_ERROR(get(targetAt(server.url() + "/f")), Corrupt, said.toStdString());
        checkNothing();
        // Where bytes came that are not the file's, the good ones before are not trusted either.
        const bool spoilt = kind == "endless" || kind == "overlong";
        QCOMPARE(fs::exists(part()), !spoilt);
        const bool begun = kind == "page" || kind == "range" || kind == "total" || kind == "unnamed";
        QCOMPARE(downloadedBytes(targetAt("")), std::uint64_t(begun ? 300'000 : 0));
    }

    /// Servers may send less of a range than was asked for.
    void shorterRangesAreFine() {
        HttpServer server([&](auto& asked, auto& line) {
            if (asked.header("range").empty()) return cut(asked, line, 100'000);
            const auto from = asked.from(), to = std::min(from + 400'000, kContent.size());
            line.answer(206,
                        "ETag: \"a\"\r\nContent-Range: bytes " + std::to_string(from) + "-" +
                            std::to_string(to - 1) + "/*\r\n",
                        kContent.substr(from, to - from));
        });
        get(targetAt(server.url() + "/f"));
        checkWhole();
    }

    void busyServers() {
        std::atomic<int> turn = 0;
        HttpServer server([&](auto& asked, auto& line) {
            if (++turn == 1) return line.answer(429, "Retry-After: 1\r\n", "slow down");
            if (turn == 2) return line.answer(503);
            line.answerFile(asked, kContent, "\"a\"");
        });
        get(targetAt(server.url() + "/f"));
        checkWhole();
        QCOMPARE(server.asked().size(), std::size_t(3));
    }

    void tooBusyServers() {
        HttpServer patient([](auto&, auto& line) { line.answer(429, "Retry-After: 86400\r\n"); });
        EXPECT_ERROR(get(targetAt(patient.url() + "/f")), Io, "asks to wait for 86400 s");
        QCOMPARE(patient.asked().size(), std::size_t(1));
        HttpServer broken([](auto&, auto& line) { line.answer(500, "", "a page of excuses"); });
        EXPECT_ERROR(get(targetAt(broken.url() + "/f")), Io, "HTTP status 500, also after 4 attempts");
        HttpServer gone([](auto&, auto& line) { line.answer(404); });
        EXPECT_ERROR(get(targetAt(gone.url() + "/f")), NotFound, "explained 404");
        QCOMPARE(gone.asked().size(), std::size_t(1));
        checkNothing();
    }

    void nobodyIsThere() {
        std::string url;
        {
            HttpServer server([](auto&, auto&) {});
            url = server.url();
        }
        EXPECT_ERROR(get(targetAt(url + "/f")), Io, "also after 4 attempts");
        checkNothing();
    }

    void sizeIsNotKnown() {
        std::atomic<int> turn = 0;
        HttpServer server([&](auto&, auto& line) {
            line.head(200, "Transfer-Encoding: chunked\r\n");
            line.send("f4240\r\n" + kContent + "\r\n");  // 1000000
            if (++turn == 1) return;
            line.send("0\r\nX-Sum: 1\r\n\r\n");
        });
        auto target = targetAt(server.url() + "/f");
        target.bytes.reset();
        get(target);
        checkWhole();
        QCOMPARE(server.asked().size(), std::size_t(2));
        QVERIFY(!isDownloaded(target));
    }

    void redirects() {
        HttpServer other([](auto& asked, auto& line) { line.answerFile(asked, kContent, "\"a\""); });
        HttpServer home([&](auto& asked, auto& line) {
            if (asked.path == "/f") return line.answer(307, "Location: /here\r\n");
            if (asked.path == "/here")
                return line.answer(302, "Location: " + other.url() + "/there\r\n", "moved");
            line.answer(302, "Location: " + asked.path + "\r\n");
        });
        auto target = targetAt(home.url() + "/f");
        target.token = "hf_secret";
        get(target);
        checkWhole();
        for (const auto& one : home.asked())
            QCOMPARE(one.header("authorization"), std::string("Bearer hf_secret"));
        QCOMPARE(home.asked().size(), std::size_t(2));
        QCOMPARE(other.asked().size(), std::size_t(1));
        QVERIFY(!other.asked()[0].headers.contains("authorization"));
        // Another name of the same machine is another host.
        fs::remove(file());
        target.url = "http://localhost" + home.url().substr(home.url().rfind(':')) + "/here";
        get(target);
        QVERIFY(!other.asked().back().headers.contains("authorization"));
        fs::remove(file());
        target.url = home.url() + "/round";
        EXPECT_ERROR(get(target), Io, "redirects again and again");
        checkNothing();
    }

    void redirectsToNoAddress_data() {
        QTest::addColumn<QString>("location");
        QTest::newRow("file") << "Location: file:///etc/passwd\r\n";
        QTest::newRow("ftp") << "Location: ftp://127.0.0.1/f\r\n";
        QTest::newRow("none") << "";
    }
    void redirectsToNoAddress() {
        QFETCH(QString, location);
        HttpServer server([&](auto&, auto& line) { line.answer(302, location.toStdString()); });
        EXPECT_ERROR(get(targetAt(server.url() + "/f")), Io, "an address that cannot be used");
        QCOMPARE(server.asked().size(), std::size_t(1));
        checkNothing();
    }

    void diskIsFull() {
        std::signal(SIGXFSZ, SIG_IGN);
        struct rlimit before {};
        QCOMPARE(::getrlimit(RLIMIT_FSIZE, &before), 0);
        struct rlimit small = before;
        small.rlim_cur = 500'000;
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &small), 0);
        HttpServer server([](auto& asked, auto& line) { line.answerFile(asked, kContent, "\"a\""); });
        EXPECT_ERROR(get(targetAt(server.url() + "/f")), DiskFull, "cannot write the file");
        ::setrlimit(RLIMIT_FSIZE, &before);
        checkNothing();
        server.forget();
        get(targetAt(server.url() + "/f"));
        checkWhole();
        QVERIFY(server.asked()[0].from() > 0 && server.asked()[0].from() <= 500'000);
    }

    void origins() {
        QCOMPARE(httpOrigin("https://HuggingFace.co/x"), std::string("https://huggingface.co:443"));
        QCOMPARE(httpOrigin("http://h:80"), httpOrigin("http://h/y"));
        QVERIFY(httpOrigin("http://h:81") != httpOrigin("http://h"));
        QVERIFY(httpOrigin("http://h") != httpOrigin("https://h"));
        QCOMPARE(httpOrigin("https://user:word@evil.org/huggingface.co"),
                 std::string("https://evil.org:443"));
        for (const char* text : {"", "huggingface.co", "ftp://h", "file:///x", "http://"})
            QCOMPARE(httpOrigin(text), std::string());
    }
};

QTEST_GUILESS_MAIN(HttpAnswersTest)
#include "tst_http_answers.moc"
