// Models of the hub, from a hub on this machine: whole or not there, of one commit, with the token for the
// hub alone.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>

#include "session/hub_case.h"

using namespace tessera;
using namespace tessera::test;

class HubFetchTest : public QObject, HubCase {
    Q_OBJECT

  private Q_SLOTS:
    void init() { prepare(); }

    void whole() {
        checkNothing();
        fetch();
        checkWhole();
        QVERIFY(readFile(model() / "model.safetensors") == m_weights);
        QCOMPARE(readFile(model() / "config.json"), std::string(R"({"model_type": "llama"})"));
        QVERIFY(fs::exists(model() / "tokenizer.json") && !fs::exists(model() / "README.md") &&
                !fs::exists(model() / "pytorch_model.bin"));
        QCOMPARE(m_total, std::uint64_t(m_weights.size() + 23 + 13));
        const auto origin = readJsonFile(model() / "tessera-source.json");
        QCOMPARE(origin["commit"].get<std::string>(), std::string(40, 'a'));
        QCOMPARE(origin["repo"].get<std::string>(), std::string("org/tiny"));
        QCOMPARE(origin["files"].size(), std::size_t(3));
        QCOMPARE(origin["files"][1]["sha256"].get<std::string>(), sha256Hex(m_weights));
        // The commit that the first answer named, whatever the branch does meanwhile.
        const auto asked = m_hub->hub().asked();
        QCOMPARE(asked[0].path, std::string("/org/tiny/resolve/main/config.json"));
        for (std::size_t i = 1; i < asked.size(); ++i)
            QVERIFY2(asked[i].path.find("/resolve/" + std::string(40, 'a') + "/") != std::string::npos,
                     asked[i].path.c_str());
        // What is there is not asked for again.
        m_hub->forget();
        fetch();
        QVERIFY(m_hub->hub().asked().empty() && m_hub->store().asked().empty());
    }

    void shards() {
        putShards();
        fetch();
        checkWhole();
        const auto opened = SafetensorsFile::open(model() / "model.safetensors.index.json");
        QCOMPARE(opened->tensors().size(), std::size_t(2));
        QVERIFY(readFile(model() / "model-00001-of-00002.safetensors") == m_weights);
    }

    void revisions() {
        fetch("org/tiny@v1/x");
        QCOMPARE(resolveModel("org/tiny@v1/x").path, at("home/models/org--tiny@v1--x"));
        QCOMPARE(m_hub->hub().asked()[0].path, std::string("/org/tiny/resolve/v1%2Fx/config.json"));
        checkNothing();
        EXPECT_ERROR(fetch("org/tiny@v2"), NotFound, "no revision v2 of org/tiny");
    }

    void tokenGoesToTheHubAlone() {
        set("HF_TOKEN", " hf_secret\n");
        m_options.smallestPart = 100'000;
        fetch();
        checkWhole();
        for (const auto& one : m_hub->hub().asked())
            QCOMPARE(one.header("authorization"), std::string("Bearer hf_secret"));
        QCOMPARE(m_hub->store().asked().size(), std::size_t(4));
        for (const auto& one : m_hub->store().asked()) QVERIFY(!one.headers.contains("authorization"));
    }

    void cutOffAndContinued() {
        std::atomic<bool> broken = true;
        m_hub->onStore([&](const Asked& asked, Line& line) {
            if (!broken) return false;
            const auto from = asked.from();
            if (from > 0) return line.answer(503), true;
            line.head(200, "ETag: \"store-" + FakeHub::nameOf(m_weights) +
                               "\"\r\nContent-Length: " + std::to_string(m_weights.size()) + "\r\n");
            line.send(std::string_view(m_weights).substr(0, 150'000));
            return true;
        });
        EXPECT_ERROR(fetch(), Io, "model.safetensors of org/tiny cannot be fetched");
        checkNothing();
        // Not even the folder in which it is put together is a model to anyone.
        QVERIFY(!fs::exists(model().string() + ".fetching/model.safetensors"));
        broken = false;
        m_hub->forget();
        fetch();
        checkWhole();
        QVERIFY(readFile(model() / "model.safetensors") == m_weights);
        QCOMPARE(m_hub->hub().count("GET", "config.json"), std::size_t(0));
        QCOMPARE(m_hub->store().asked().size(), std::size_t(1));
        QCOMPARE(m_hub->store().asked()[0].from(), std::size_t(150'000));
    }

    void branchMovesBetweenTwoCalls() {
        m_hub->onStore([](auto&, auto& line) { return line.answer(500), true; });
        m_hub->put("vocab.json", "{}");
        EXPECT_ERROR(fetch(), Io, "HTTP status 500");
        m_hub->onStore({});
        m_hub->setCommit('b');
        m_hub->remove("vocab.json");
        m_hub->put("config.json", R"({"model_type": "qwen2"})");
        const auto weights = tinyWeights(at("made"), 100'000, 9);
        m_hub->put("model.safetensors", weights, true);
        fetch();
        checkWhole();
        QVERIFY(readFile(model() / "model.safetensors") == weights);
        QCOMPARE(readFile(model() / "config.json"), std::string(R"({"model_type": "qwen2"})"));
        QVERIFY(!fs::exists(model() / "vocab.json"));
    }

    void wrongBytes() {
        m_hub->onStore([this](auto& asked, auto& line) {
            auto other = m_weights;
            other[200'000] ^= 1;
            line.answerFile(asked, other, "\"x\"");
            return true;
        });
        EXPECT_ERROR(fetch(), Corrupt, "the hub says " + sha256Hex(m_weights));
        checkNothing();
        m_hub->onStore({});
        fetch();
        checkWhole();
    }

    /// Without a checksum of the hub: a page that a proxy gives for every address.
    void pagesInPlaceOfFiles() {
        m_hub->onHub([](auto& asked, auto& line) {
            return line.answer(200, "Content-Length: 21\r\n",
                               asked.method == "HEAD" ? "" : "<html>log in</html>\r\n"),
                   true;
        });
        EXPECT_ERROR(fetch(), Corrupt,
                     "what came for org/tiny is no model: this is not valid JSON (config.json");
        checkNothing();
        m_hub->onHub({});
        m_hub->put("model.safetensors", "<html>log in</html>");
        EXPECT_ERROR(fetch(), Corrupt, "what came for org/tiny is no model");
        checkNothing();
        QVERIFY(fs::is_empty(model().string() + ".fetching"));
    }

    void hostileIndex_data() {
        QTest::addColumn<QString>("name");
        for (const char* name : {"../../../evil.safetensors", "/tmp/evil.safetensors", "a/b.safetensors",
                                 "evil.bin", "", ".safetensors", "a b.safetensors", "x?y.safetensors"})
            QTest::newRow(*name ? name : "empty") << name;
    }
    void hostileIndex() {
        QFETCH(QString, name);
        putShards(name.toStdString());
        EXPECT_ERROR(fetch(), Corrupt, "no safetensors file");
        checkNothing();
        for (const auto& one : m_hub->hub().asked()) QVERIFY(one.path.find("evil") == std::string::npos);
    }

    void impossibleSizes() {
        m_hub->onHub([](auto& asked, auto& line) {
            if (asked.path.find("model.safetensors") == std::string::npos) return false;
            line.answer(302, "X-Linked-Size: 70000000000000\r\nX-Linked-ETag: \"" + std::string(64, 'a') +
                                 "\"\r\nLocation: /x\r\n");
            return true;
        });
        EXPECT_ERROR(fetch(), DiskFull, "TESSERA_DATA_HOME");
        QCOMPARE(m_hub->hub().count("GET"), std::size_t(0));
        m_hub->onHub([](auto& asked, auto& line) {
            if (asked.path.find("model.safetensors") == std::string::npos) return false;
            line.answer(302,
                        "X-Linked-Size: 18446744073709551615\r\nX-Linked-ETag: \"x\"\r\nLocation: /x\r\n");
            return true;
        });
        EXPECT_ERROR(fetch(), Corrupt, "a size that cannot be");
        checkNothing();
    }

    void twoAtATime() {
        fs::create_directories(model().string() + ".fetching");
        const int fd = ::open((model().string() + ".fetching").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        QVERIFY(fd >= 0 && ::flock(fd, LOCK_EX) == 0);
        EXPECT_ERROR(fetch(), Locked, "another process is fetching this model");
        ::close(fd);
        fetch();
        checkWhole();
    }

    void aFolderInTheWay() {
        fs::create_directories(model() / "mine");
        EXPECT_ERROR(fetch(), Io, "in the way");
        QVERIFY(m_hub->hub().asked().empty());
        QVERIFY(fs::exists(model() / "mine"));
        fs::remove_all(model() / "mine");
        fetch();
        checkWhole();
    }
};

QTEST_GUILESS_MAIN(HubFetchTest)
#include "tst_hub_fetch.moc"
