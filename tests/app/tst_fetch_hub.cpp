// Fetching a model of the hub with the program, from a hub on this machine, and using it under its name.
#include <QDeadlineTimer>
#include <QThread>
#include <atomic>
#include <csignal>

#include "child.h"
#include "outcome.h"
#include "support/fake_hub.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;

class FetchHubTest : public QObject {
    Q_OBJECT

    std::unique_ptr<Scratch> m_scratch;
    std::unique_ptr<FakeHub> m_hub;
    std::string m_weights;
    std::atomic<bool> m_stalled = false;

    fs::path at(const std::string& name) { return *m_scratch / name; }
    fs::path model() { return at("home/models/org--tiny"); }

    void start(QProcess& process, const QStringList& arguments) {
        auto environment = QProcessEnvironment::systemEnvironment();
        for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE",
                                 "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"})
            environment.remove(name);
        environment.insert("TESSERA_RESOURCES", TESSERA_SOURCE_DIR "/resources");
        environment.insert("TESSERA_DATA_HOME", QString::fromStdString(at("home").string()));
        environment.insert("HF_HOME", QString::fromStdString(at("hf").string()));
        environment.insert("HF_ENDPOINT", QString::fromStdString(m_hub->url()));
        environment.insert("no_proxy", "127.0.0.1");
        environment.insert("OMP_NUM_THREADS", "2");
        process.setProcessEnvironment(environment);
        process.start(TESSERA_BINARY_DIR "/bin/tessera-cli", arguments);
        QVERIFY(process.waitForStarted());
    }
    Outcome call(const QStringList& arguments) {
        QProcess process;
        start(process, arguments);
        return outcomeOf(process);
    }
    void checkFetched(const Outcome& outcome) {
        QVERIFY2(outcome.status == 0, outcome.errors.join('\n').toUtf8().constData());
        const auto document = Json::parse(outcome.output.toStdString());
        QCOMPARE(document["name"].get<std::string>(), std::string("org/tiny"));
        QCOMPARE(document["path"].get<std::string>(), model().string());
        QCOMPARE(document["installed"].get<bool>(), true);
        QVERIFY(readFile(model() / "model.safetensors") == m_weights);
    }
    /// Half of the weights, and then nothing.
    void stallInTheMiddle() {
        m_hub->onStore([this](const Asked& asked, Line& line) {
            if (asked.from() >= m_weights.size() / 2) return false;
            line.head(200, "ETag: \"store-" + FakeHub::nameOf(m_weights) +
                               "\"\r\nContent-Length: " + std::to_string(m_weights.size()) + "\r\n");
            line.send(std::string_view(m_weights).substr(0, m_weights.size() / 2));
            m_stalled = true;
            line.stall();
            return true;
        });
    }

  private Q_SLOTS:
    void init() {
        m_scratch = std::make_unique<Scratch>();
        m_hub = std::make_unique<FakeHub>();
        m_stalled = false;
        const fs::path starter = TESSERA_SOURCE_DIR "/resources/starter";
        for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json"})
            m_hub->put(name, readFile(starter / name));
        m_weights = readFile(starter / "model.safetensors");
        m_hub->put("model.safetensors", m_weights, true);
    }

    void fetchedAndUsed() {
        // Nothing but the fetch asks the network.
        auto outcome = call({"info", "org/tiny"});
        checkSentence(outcome, 1, {"is not on this machine", "tessera-cli models fetch org/tiny"});
        outcome = call({"run", "--model", "org/tiny", "--method", "magnitude", "--sparsity", "0.5", "--out",
                        QString::fromStdString(at("run").string())});
        QVERIFY(outcome.status == 1 && outcome.errors.last().contains("tessera-cli models fetch org/tiny"));
        QVERIFY(m_hub->hub().asked().empty());

        outcome = call({"models", "fetch", "org/tiny", "--json", "--connections", "2"});
        checkFetched(outcome);
        double last = 0;
        for (const auto& line : outcome.errors) {
            const auto progress = Json::parse(line.toStdString());
            QCOMPARE(progress["type"].get<std::string>(), std::string("progress"));
            QVERIFY(progress["done"].get<double>() >= last);
            last = progress["done"].get<double>();
        }
        QVERIFY(last > static_cast<double>(m_weights.size()));

        const auto asked = m_hub->hub().asked().size();
        outcome = call({"tokenize", "org/tiny", "--text", TESSERA_SOURCE_DIR "/LICENSE", "--json"});
        QCOMPARE(outcome.status, 0);
        const auto ids = outcome.output;
        QCOMPARE(call({"tokenize", "starter", "--text", TESSERA_SOURCE_DIR "/LICENSE", "--json"}).output,
                 ids);
        outcome = call({"info", "org/tiny", "--method", "magnitude", "--json"});
        QCOMPARE(outcome.status, 0);
        QCOMPARE(Json::parse(outcome.output.toStdString())["parameters"].get<int>(), 5475584);
        checkFetched(call({"models", "fetch", "org/tiny", "--json"}));
        QCOMPARE(m_hub->hub().asked().size(), asked);
    }

    void catalogueIsListed() {
        const auto models = call({"models", "list", "--json"});
        QCOMPARE(models.status, 0);
        QCOMPARE(call({"models", "--json"}).output, models.output);
        bool found = false;
        const auto listed = Json::parse(models.output.toStdString());
        for (const auto& model : listed.at("models")) {
            if (model["name"] != "llama-2-7b") continue;
            found = true;
            QVERIFY(model["gated"].get<bool>() && model["approximate"].get<bool>() &&
                    !model["installed"].get<bool>());
            QCOMPARE(model["source"].get<std::string>(),
                     std::string("Hugging Face meta-llama/Llama-2-7b-hf"));
        }
        QVERIFY(found);
        const auto people = call({"models"});
        QVERIFY(people.output.contains("to be accepted on the hub") && people.output.contains("~13.5 GB"));
        QVERIFY(m_hub->hub().asked().empty());
    }

    void cutOff_data() { addEndings(); }
    void cutOff() {
        QFETCH(int, number);
        QFETCH(int, status);
        stallInTheMiddle();
        QProcess process;
        start(process, {"models", "fetch", "org/tiny", "--json"});
        for (const QDeadlineTimer deadline(20000); !m_stalled && !deadline.hasExpired();) QThread::msleep(10);
        QVERIFY(m_stalled);
        QCOMPARE(::kill(static_cast<pid_t>(process.processId()), number), 0);
        // Long before the program would lose patience with the server by itself.
        QVERIFY(process.waitForFinished(15000));
        QCOMPARE(outcomeOf(process).status, status);
        QVERIFY(!fs::exists(model()));
        QCOMPARE(call({"info", "org/tiny"}).status, 1);
        m_hub->onStore({});
        m_hub->forget();
        checkFetched(call({"models", "fetch", "org/tiny", "--json"}));
        if (number == SIGINT) QVERIFY(m_hub->store().asked()[0].from() > 0);
    }

    void refused() {
        m_hub->onHub([](auto&, auto& line) {
            return line.answer(401, "X-Error-Code: GatedRepo\r\n", "{\"error\": \"no\"}"), true;
        });
        const auto outcome = call({"models", "fetch", "org/tiny", "--json"});
        QCOMPARE(outcome.status, 1);
        QVERIFY(outcome.output.isEmpty());
        QCOMPARE(outcome.errors.filter(QRegularExpression("^tessera-cli: ")).size(), 1);
        for (const auto* part : {"org/tiny is given only to people who accepted its terms",
                                 "What to do: ", "/org/tiny, make a token", "huggingface-cli login"})
            QVERIFY2(outcome.errors.last().contains(part), outcome.errors.last().toUtf8().constData());
        QVERIFY(!fs::exists(model()));
    }
};

QTEST_GUILESS_MAIN(FetchHubTest)
#include "tst_fetch_hub.moc"
