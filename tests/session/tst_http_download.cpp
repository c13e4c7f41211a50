// Downloads that are cut off, stall and are gone on with, in one part or several, from a server on this
// machine.
#include <atomic>

#include "session/download_case.h"

using namespace tessera;
using namespace tessera::test;

class HttpDownloadTest : public QObject, DownloadCase {
    Q_OBJECT

  private Q_SLOTS:
    void init() { prepare(); }

    void whole() {
        HttpServer server([](auto& asked, auto& line) { line.answerFile(asked, kContent, "\"a\""); });
        const auto target = targetAt(server.url() + "/f");
        QVERIFY(!isDownloaded(target));
        get(target);
        checkWhole();
        QCOMPARE(server.asked().size(), std::size_t(1));
        QCOMPARE(server.asked()[0].header("range"), std::string());
        QCOMPARE(server.asked()[0].header("accept-encoding"), std::string("identity"));
        // It is known again, and not under another name of its content.
        QVERIFY(isDownloaded(target));
        get(target);
        QCOMPARE(server.asked().size(), std::size_t(1));
        auto other = target;
        other.etag = "another";
        QVERIFY(!isDownloaded(other));
    }

    void severalPartsAtATime() {
        std::atomic<int> now = 0, most = 0;
        HttpServer server([&](auto& asked, auto& line) {
            most = std::max<int>(most, ++now);
            for (int i = 0; i < 200 && most < 4; ++i) std::this_thread::sleep_for(5ms);
            line.answerFile(asked, kContent, "\"a\"");
            --now;
        });
        m_options.smallestPart = 100'000;
        get(targetAt(server.url() + "/f"));
        checkWhole();
        QCOMPARE(server.asked().size(), std::size_t(4));
        QCOMPARE(most.load(), 4);
        for (const auto& one : server.asked()) QVERIFY(one.header("range").starts_with("bytes="));
    }

    void emptyFile() {
        HttpServer server([](auto&, auto& line) { line.answer(500); });
        auto target = targetAt(server.url() + "/f");
        target.bytes = 0;
        target.sha256 = sha256Hex(std::string());
        get(target);
        checkWhole("");
    }

    void cutOffIsContinued() {
        std::atomic<int> turn = 0;
        HttpServer server([&](auto& asked, auto& line) {
            if (++turn <= 2) return cut(asked, line, 300'000);
            line.answerFile(asked, kContent, "\"a\"");
        });
        get(targetAt(server.url() + "/f"));
        checkWhole();
        const auto asked = server.asked();
        QCOMPARE(asked.size(), std::size_t(3));
        QCOMPARE(asked[1].header("range"), std::string("bytes=300000-999999"));
        QCOMPARE(asked[1].header("if-range"), std::string("\"a\""));
        QCOMPARE(asked[2].header("range"), std::string("bytes=600000-999999"));
    }

    void cutOffAgainAndAgain() {
        HttpServer server([](auto& asked, auto& line) { cut(asked, line, 0); });
        EXPECT_ERROR(get(targetAt(server.url() + "/f")), Io, "after 4 attempts");
        QCOMPARE(server.asked().size(), std::size_t(4));
        checkNothing();
    }

    void stalls() {
        m_options.stallTimeout = 500ms;
        std::atomic<int> turn = 0;
        HttpServer server([&](auto& asked, auto& line) {
            if (++turn > 1) return line.answerFile(asked, kContent, "\"a\"");
            cut(asked, line, 400'000);
            line.stall();
        });
        get(targetAt(server.url() + "/f"));
        checkWhole();
        QCOMPARE(server.asked()[1].from(), std::size_t(400'000));
    }

    void stallsForEver() {
        m_options.stallTimeout = 100ms;
        m_options.attempts = 2;
        HttpServer server([](auto&, auto& line) { line.stall(); });
        EXPECT_ERROR(get(targetAt(server.url() + "/f")), Io, "fewer than 4096 bytes came in 100 ms");
        checkNothing();
    }

    void drips() {
        m_options.stallTimeout = 200ms;
        m_options.attempts = 1;
        HttpServer server([](auto& asked, auto& line) {
            cut(asked, line, 0);
            for (int i = 0; i < 100; ++i) {
                line.send("x");
                std::this_thread::sleep_for(20ms);
            }
        });
        EXPECT_ERROR(get(targetAt(server.url() + "/f")), Io, "fewer than 4096 bytes");
        checkNothing();
    }

    /// One connection gets no data, the other three do: a stop does not wait for the stall's end.
    void stoppedWhileItStalls() {
        m_options.smallestPart = 100'000;
        HttpServer server([](auto& asked, auto& line) {
            if (asked.from() == 0) return line.stall();
            line.answerFile(asked, kContent, "\"a\"");
        });
        m_tick = [this] {
            if (m_done == 750'000) m_stop->request();
        };
        EXPECT_ERROR(get(targetAt(server.url() + "/f")), Cancelled, "stopped");
        checkNothing();
        // The next call goes on with what came.
        const Cancellation fresh;
        HttpServer good([](auto& asked, auto& line) { line.answerFile(asked, kContent, "\"a\""); });
        HttpLoop loop(m_options, {}, fresh);
        const auto target = targetAt(good.url() + "/f");
        QCOMPARE(downloadedBytes(target), std::uint64_t(750'000));
        download(loop, target, m_done);
        checkWhole();
        QCOMPARE(good.asked().size(), std::size_t(1));
        QCOMPARE(good.asked()[0].header("range"), std::string("bytes=0-249999"));
    }

    void resumedLater_data() {
        QTest::addColumn<QString>("spoil");
        QTest::addColumn<int>("from");
        QTest::newRow("as it was") << "" << 300'000;
        QTest::newRow("another content") << "etag" << 0;
        QTest::newRow("another size") << "size" << 0;
        QTest::newRow("no part") << "no part" << 0;
        QTest::newRow("shorter part") << "short" << 0;
        QTest::newRow("no state") << "no state" << 0;
        QTest::newRow("state is no JSON") << "{" << 0;
        QTest::newRow("state is a list") << "[1,2]" << 0;
        QTest::newRow("types") << R"({"etag":5,"range_etag":"","bytes":1000000,"pieces":[]})" << 0;
        QTest::newRow("whole, it says")
            << R"({"etag":"name","range_etag":"","bytes":1000000,"pieces":[]})" << 0;
        QTest::newRow("gap")
            << R"({"etag":"name","range_etag":"","bytes":1000000,"pieces":[[0,10,10],[20,1000000,5]]})" << 0;
        QTest::newRow("more than all")
            << R"({"etag":"name","range_etag":"","bytes":1000000,"pieces":[[0,1000000,1000001]]})" << 0;
        QTest::newRow("huge")
            << R"({"etag":"name","range_etag":"","bytes":1000000,"pieces":[[0,18446744073709551615,1]]})"
            << 0;
        QTest::newRow("negative")
            << R"({"etag":"name","range_etag":"","bytes":1000000,"pieces":[[0,1000000,-1]]})" << 0;
    }
    void resumedLater() {
        QFETCH(QString, spoil);
        QFETCH(int, from);
        m_options.attempts = 1;
        HttpServer bad([](auto& asked, auto& line) { cut(asked, line, 300'000); });
        EXPECT_ERROR(get(targetAt(bad.url() + "/f")), Io, "file of org/name cannot be fetched");
        checkNothing();
        QVERIFY(fs::exists(part()));
        auto content = kContent;
        auto target = targetAt("");
        const auto state = PartState::pathOf(file());
        if (spoil == "etag") {
            target.etag = "new";
            content = kOther;
        } else if (spoil == "size") {
            content += "more";
        } else if (spoil == "no part") {
            fs::remove(part());
        } else if (spoil == "short") {
            fs::resize_file(part(), 1000);
        } else if (spoil == "no state") {
            fs::remove(state);
        } else if (!spoil.isEmpty()) {
            writeFileAtomically(state, spoil.toStdString());
        }
        target.bytes = content.size();
        target.sha256 = sha256Hex(content);
        HttpServer good([&](auto& asked, auto& line) { line.answerFile(asked, content, "\"a\""); });
        target.url = good.url() + "/f";
        get(target);
        checkWhole(content);
        QCOMPARE(good.asked().size(), std::size_t(1));
        QCOMPARE(good.asked()[0].from(), std::size_t(from));
    }

    void rangesAreNotKnown() {
        std::atomic<int> turn = 0;
        HttpServer server([&](auto& asked, auto& line) {
            auto plain = asked;
            plain.headers.erase("range");
            if (++turn == 1) return cut(plain, line, 300'000);
            if (turn == 3) return cut(plain, line, 100'000);
            line.answerFile(plain, kContent, "\"a\"");
        });
        get(targetAt(server.url() + "/f"));
        checkWhole();
        // Cut off; refused the range; cut off; the whole, asked for without a range.
        QCOMPARE(server.asked().size(), std::size_t(4));
        QCOMPARE(server.asked()[3].header("range"), std::string());
        server.forget();
        fs::remove(file());
        m_options.smallestPart = 100'000;
        turn = 10;
        get(targetAt(server.url() + "/f"));
        checkWhole();
    }

    void contentChangesOnTheWay() {
        // Without a checksum only the server's own names tell that two parts do not belong together.
        auto target = targetAt("");
        target.sha256.clear();
        for (const bool honest : {true, false}) {
            std::atomic<int> turn = 0;
            HttpServer server([&](auto& asked, auto& line) {
                if (++turn == 1) return cut(asked, line, 500'000);
                auto careless = asked;
                if (!honest) careless.headers.erase("if-range");
                line.answerFile(careless, kOther, "\"b\"");
            });
            target.url = server.url() + "/f";
            get(target);
            checkWhole(kOther);
            fs::remove(file());
        }
        std::atomic<int> turn = 0;
        HttpServer server([&](auto& asked, auto& line) {
            auto careless = asked;
            careless.headers.erase("if-range");
            cut(careless, line, 1000, "\"" + std::to_string(++turn) + "\"");
        });
        target.url = server.url() + "/f";
        m_options.attempts = 100;
        EXPECT_ERROR(get(target), Corrupt, "changes while it is fetched");
        checkNothing();
        QVERIFY(!fs::exists(part()));
    }
};

QTEST_GUILESS_MAIN(HttpDownloadTest)
#include "tst_http_download.moc"
