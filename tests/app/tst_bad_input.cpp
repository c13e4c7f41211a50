// Bad input, full disks and interruptions: one sentence that says what, where and what to do, the exit status
// of cli.md, and nothing harmed that was there before.
#include <sys/resource.h>

#include <csignal>

#include "bad_files.h"
#include "outcome.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;

namespace {

const QStringList kQuick{"--text",        TESSERA_SOURCE_DIR "/LICENSE", "--set", "eval_windows=1", "--set",
                         "eval_window=64"};
const QStringList kQuickLeap = QStringList{"--method", "leap", "--sparsity", "0.5", "--steps", "12"} +
                               kQuick + QStringList{"--set", "context=64",
                                                    "--set", "batch=1",
                                                    "--set", "calibration_windows=2",
                                                    "--set", "calibration_context=64"};
const QStringList kQuickMagnitude = QStringList{"--method", "magnitude", "--sparsity", "0.5"} + kQuick;

}  // namespace

class BadInputTest : public QObject {
    Q_OBJECT

    Scratch m_scratch;
    bool m_vast = false, m_mounts = false;

    QString at(const std::string& name) { return QString::fromStdString((m_scratch / name).string()); }

    /// Starts the program; `setting`, a shell command, makes the surroundings that it runs in.
    void start(QProcess& process, const QStringList& arguments, const QString& setting = {}) {
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert("TESSERA_RESOURCES", TESSERA_SOURCE_DIR "/resources");
        environment.insert("TESSERA_DATA_HOME", at("home"));
        process.setProcessEnvironment(environment);
        const QString program = TESSERA_BINARY_DIR "/bin/tessera-cli";
        if (setting.isEmpty())
            process.start(program, arguments);
        else
            process.start("unshare",
                          (m_mounts ? QStringList{"-m"} : QStringList{}) +
                              QStringList{"bash", "-c", setting + " && exec \"$0\" \"$@\"", program} +
                              arguments);
        QVERIFY(process.waitForStarted());
        process.closeWriteChannel();
    }
    Outcome run(const QStringList& arguments, const QString& setting = {}) {
        QProcess process;
        start(process, arguments, setting);
        return outcomeOf(process);
    }

  private Q_SLOTS:
    void initTestCase() {
        const auto files = m_scratch / "files";
        putBadFiles(files);
        m_vast = putVastModel(files / "vast");
        put(files / "key.json", R"({"model":"starter","method":"leap","sparsity":0.5,"sparsty":1})");
        put(files / "sparsity.json", R"({"model":"starter","method":"leap","sparsity":1.7})");
        put(files / "short.txt", "Too short.");
        put(files / "latin.txt", std::string(3000, 'a') + "\xe9");
        put(files / "kept.html", "mine");
        put(files / "kept.npz", "mine");
        put(files / "folder/mine.txt", "mine");

        const auto done = run(QStringList{"run", "--model", "starter", "--out", at("files/done"), "--json"} +
                              kQuickMagnitude);
        QVERIFY2(done.status == 0, done.errors.join('\n').toUtf8().constData());
        const auto packed =
            run({"export", at("files/done"), "--format", "tessera", "--out", at("files/packed.tessera")});
        QVERIFY2(packed.status == 0, packed.errors.join('\n').toUtf8().constData());
        const auto container = readFile(files / "packed.tessera");
        put(files / "cut.tessera", container.substr(0, container.size() / 2));
        put(files / "empty.tessera", "");
        put(files / "other.tessera", readFile(kStarter / "model.safetensors").substr(0, 1000));
        const auto damaged = [&](const char* name, std::size_t at) {
            auto bytes = container;
            bytes[at] = static_cast<char>(bytes[at] ^ 1);
            put(files / name, bytes);
        };
        damaged("header.tessera", 100);
        damaged("weights.tessera", container.size() - 1000);
        auto spec = readJsonFile(files / "done/spec.json");
        fs::copy(files / "done", files / "newer", fs::copy_options::recursive);
        spec["format"] = spec["format"].get<int>() + 1;
        put(files / "newer/spec.json", spec.dump());
        fs::copy(files / "done", files / "damaged", fs::copy_options::recursive);
        put(files / "damaged/result.json", "{}");
        fs::create_directories(m_scratch / "disk");
        m_mounts = QProcess::execute("unshare", {"-m", "mount", "-t", "tmpfs", "none", at("disk")}) == 0;
    }

    void refused_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("status");
        QTest::addColumn<QStringList>("parts");
        const auto row = [](const char* name, const QStringList& arguments, const QStringList& parts,
                            int status = 1) { QTest::newRow(name) << arguments << status << parts; };
        const auto magnitude = [&](const QString& model, const QString& out = {}) {
            return QStringList{"run", "--model", model, "--out", out.isEmpty() ? at("out/none") : out} +
                   kQuickMagnitude;
        };
        const auto leap = [&](const QString& model, const QStringList& more = {}) {
            return QStringList{"run", "--model", model, "--out", at("out/leap")} + kQuickLeap + more;
        };
        const auto eval = [&](const QString& model, const QString& text = TESSERA_SOURCE_DIR "/LICENSE") {
            return QStringList{"eval", model, "--window", "64", "--windows", "1", "--text", text};
        };

        row("safetensors cut off", magnitude(at("files/cut")), {"outside the file", "files/cut"});
        row("safetensors header of 2^63 bytes", eval(at("files/header63")), {"9223372036854775808"});
        row("safetensors tensors that overlap", {"info", at("files/overlap")}, {"a and b overlap"});
        row("tensor name with a line end", {"info", at("files/rude")}, {"lacks dtype"});
        row("gguf of 2^40 strings", {"info", at("files/strings.gguf")}, {"1099511627776 array elements"});
        row("gguf of 2^40 keys", eval(at("files/keys.gguf")), {"1099511627776 metadata keys"});
        row("gguf of 2^40 tensors", magnitude(at("files/tensors.gguf")), {"1099511627776 tensors"});
        row("gguf tensors that overlap", {"info", at("files/overlap.gguf")}, {"a and b overlap"});
        row("gguf without merges", {"tokenize", at("files/nomerges.gguf")}, {"no merges", "nomerges.gguf"});
        row("gguf cut off", {"info", at("files/cut.gguf")}, {"beyond the end of the file"});
        row("gguf cut off in its header", {"tokenize", at("files/cuthead.gguf")}, {"cuthead.gguf"});
        row("nested config.json", {"info", at("files/deepconfig")}, {"nested deeper", "config.json"});
        row("nested tokenizer.json", eval(at("files/deeptokenizer")), {"nested deeper", "tokenizer.json"});
        row("nested safetensors header", magnitude(at("files/deepheader")),
            {"nested deeper", "model.safetensors"});
        row("nested spec", {"run", at("files/deep.json")}, {"nested deeper", "deep.json"});
        row("tokenizer without merges", eval(at("files/nomerges")), {"no merges", "tokenizer.json"});
        const QStringList nan{"not a finite number", "model.layers.3.mlp.up_proj.weight"};
        row("NaN, magnitude", magnitude(at("files/nan"), at("out/nan-magnitude")), nan);
        row("NaN, leap", leap(at("files/nan")), nan);
        row("NaN, wanda",
            QStringList{"run", "--model", at("files/nan"), "--method", "wanda", "--sparsity", "0.5", "--out",
                        at("out/nan-wanda")} +
                kQuick + QStringList{"--set", "calibration_windows=2", "--set", "calibration_context=64"},
            nan);
        row("NaN, eval", eval(at("files/nan")), nan);
        row("NaN, generate", {"generate", at("files/nan"), "--prompt", "a"}, nan.mid(1));

        row("unknown key in the spec", {"run", at("files/key.json")}, {"unknown key \"sparsty\""});
        row("sparsity 1.7 in the spec", {"run", at("files/sparsity.json")}, {"1.7"});
        row("sparsity 1.7 by option", {"run", "--model", "starter", "--method", "leap", "--sparsity", "1.7"},
            {"1.7"});
        row("sparsity that is no number",
            {"run", "--model", "starter", "--method", "leap", "--sparsity", "half"}, {"half"});
        row("impossible window", {"eval", "starter", "--window", "1"}, {"--window"});
        row("impossible protocol", {"eval", "starter", "--protocol", "soup"}, {"soup"});
        row("unknown method", {"run", "--model", "starter", "--method", "leep", "--sparsity", "0.5"},
            {"leep", "magnitude, wanda"});
        row("unknown --set key", leap("starter", {"--set", "kapa_start=3"}),
            {"kapa_start", "\"kappa_start\"?"});
        row("missing model", magnitude("no-such-model"), {"no-such-model", "starter"});
        row("missing model folder", eval(at("files/nowhere")), {"nowhere"});
        row("model name without end", {"info", QString(5000, 'm')}, {"name too long"});
        row("missing text", eval("starter", at("files/none.txt")), {"none.txt"});
        row("missing masks", eval("starter") + QStringList{"--masks", at("files/none.npz")}, {"none.npz"});
        row("missing spec", {"run", at("files/none.json")}, {"none.json"});
        row("text that is not UTF-8", eval("starter", at("files/latin.txt")), {"UTF-8", "byte 3000"});
        row("text shorter than a window, eval", eval("starter", at("files/short.txt")), {"64"});
        row("text shorter than a window, run",
            {"run", "--model", "starter", "--method", "magnitude", "--sparsity", "0.5", "--text",
             at("files/short.txt"), "--out", at("out/short")},
            {"at least", "short.txt"});

        row("text shorter than a window, leap",
            {"run", "--model", "starter", "--method", "leap", "--sparsity", "0.5", "--text",
             at("files/short.txt"), "--out", at("out/short")},
            {"at least", "short.txt"});
        row("text shorter than a window, patch-tile",
            {"run", "--model", "starter", "--method", "patch-tile", "--sparsity", "0.25", "--text",
             at("files/short.txt"), "--out", at("out/short")},
            {"at least", "short.txt"});

        for (const auto* verb : {"resume", "report", "eval", "export"}) {
            auto arguments = QStringList{verb, at("files/newer")};
            if (QString(verb) == "export") arguments += {"--format", "npz", "--out", at("files/new.npz")};
            row(qPrintable(QString("newer run, %1").arg(verb)), arguments, {"newer version", "spec.json"});
        }
        row("resume of no run", {"resume", at("files/folder")}, {"no run here"});
        row("resume of nothing", {"resume", at("files/nowhere")}, {"no run here"});
        row("resume of a run with a damaged result", {"resume", at("files/damaged")}, {"result.json"});
        row("run into a run", magnitude("starter", at("files/done")), {"something here already"});
        row("run into a folder with files", magnitude("starter", at("files/folder")),
            {"something here already"});
        const auto packed = at("files/packed.tessera");
        const auto generate = [](const QString& model, const QStringList& more = {}) {
            return QStringList{"generate", model, "--prompt", "a", "--tokens", "1"} + more;
        };
        row("container cut off", generate(at("files/cut.tessera")), {"it is cut off", "cut.tessera"});
        row("container cut off, bench", {"bench", "model", at("files/cut.tessera")}, {"it is cut off"});
        row("container of nothing", {"info", at("files/empty.tessera")}, {"it has 0", "empty.tessera"});
        row("container that is none", generate(at("files/other.tessera")), {"no packed container"});
        row("container's header damaged", generate(at("files/header.tessera")), {"the header is damaged"});
        row("container's weights damaged", {"info", at("files/weights.tessera"), "--verify"},
            {"the section is damaged", "section blocks.5.down.weights"});
        row("container, eval", eval(packed), {"packed container", "packed.tessera"});
        row("container, run", magnitude(packed), {"packed container", "packed.tessera"});
        row("container in another packing", generate(packed, {"--values", "q8"}),
            {"holds bf16 weights, not q8", "--values"});
        row("container in another packing, bench", {"bench", "model", packed, "--head", "q8"},
            {"holds bf16 weights, not q8", "--head"});
        row("container under a mask", generate(packed, {"--masks", at("files/done/masks.npz")}),
            {"has its mask in it", "masks.npz"});
        row("container, info of a method", {"info", packed, "--method", "leap"}, {"not pruned again"});
        row("checksums of a model", {"info", "starter", "--verify"}, {"only packed containers"});
        row("packing of another format",
            {"export", at("files/done"), "--format", "hf", "--values", "q8", "--out", at("files/new")},
            {"only a packed container"});
        row("container over a file",
            {"export", at("files/done"), "--format", "tessera", "--out", at("files/kept.npz")},
            {"something here already", "kept.npz"});
        row("export over a file",
            {"export", at("files/done"), "--format", "npz", "--out", at("files/kept.npz")},
            {"something here already"});
        row("export of no format", {"export", at("files/done"), "--format", "soup", "--out", at("files/new")},
            {"soup"});
        row("report of no kind", {"report", at("files/done"), "--out", at("files/kept.txt")}, {"kept.txt"});
        row("run into /sys", magnitude("starter", "/sys/tessera-run"), {"/sys/tessera-run"});
        row("export into /sys", {"export", at("files/done"), "--format", "npz", "--out", "/sys/tessera.npz"},
            {"/sys/tessera.npz"});

        row("unknown command", {"frobnicate"}, {"frobnicate"}, 2);
        row("unknown second command", {"bench", "soup"}, {"soup"}, 2);
        row("unknown option", {"eval", "starter", "--nope"}, {"--nope"}, 2);
        row("option without its value", {"eval", "starter", "--window"}, {"--window"}, 2);
        row("no model", {"eval"}, {"model"}, 2);
        row("nothing", {}, {}, 2);
    }
    void refused() {
        QFETCH(QStringList, arguments);
        QFETCH(int, status);
        QFETCH(QStringList, parts);
        const auto before = treeOf(m_scratch / "files");
        const auto outcome = run(status == 2 ? arguments : arguments + QStringList{"--json"});
        checkSentence(outcome, status, parts);
        QVERIFY(treeOf(m_scratch / "files") == before);
        // A text that is too short is found before there is a run.
        QVERIFY(!fs::exists(m_scratch / "out/short"));
    }

    void largerThanMemory_data() {
        QTest::addColumn<QStringList>("arguments");
        const QStringList text{"--text", TESSERA_SOURCE_DIR "/LICENSE"};
        const auto vast = at("files/vast");
        QTest::newRow("leap") << QStringList{"run", "--model", vast, "--out", at("out/vast")} + kQuickLeap;
        QTest::newRow("eval") << QStringList{"eval", vast} + text;
        QTest::newRow("generate") << QStringList{"generate", vast, "--prompt", "a"};
    }
    void largerThanMemory() {
        if (!m_vast) QSKIP("the file system has no sparse files");
        QFETCH(QStringList, arguments);
        const auto outcome = run(arguments + QStringList{"--json"});
        checkSentence(outcome, 1, {"needs about ", "MiB of memory, ", " MiB are free"});
        QVERIFY(!fs::exists(m_scratch / "out/vast"));
    }

    void fullOrReadOnlyDisk_data() {
        QTest::addColumn<QString>("setting");
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("part");
        const auto done = at("files/done"), disk = at("disk");
        const auto magnitude = [&](const QString& out) {
            return QStringList{"run", "--model", "starter", "--out", out} + kQuickMagnitude;
        };
        const auto exported = [&](const char* format, const QString& out) {
            return QStringList{"export", done, "--format", format, "--out", out};
        };
        const QString limit = "ulimit -f 8";
        QTest::newRow("limit, export npz") << limit << exported("npz", at("files/new.npz")) << "new.npz";
        QTest::newRow("limit, export hf") << limit << exported("hf", at("files/new")) << "files/new";
        QTest::newRow("limit, export tessera")
            << limit << exported("tessera", at("files/new.tessera")) << "new.tessera";
        QTest::newRow("limit, report")
            << limit << QStringList{"report", done, "--out", at("files/kept.html")} << "kept.html";
        QTest::newRow("output, info") << "exec >/dev/full" << QStringList{"info", "starter"} << "output";
        const auto small = "mount -t tmpfs -o size=64k none " + disk;
        QTest::newRow("disk of 64 kB, run") << small << magnitude(disk + "/run") << disk;
        QTest::newRow("disk of 64 kB, export npz") << small << exported("npz", disk + "/m.npz") << "m.npz";
        QTest::newRow("disk of 64 kB, export hf") << small << exported("hf", disk + "/m") << "are free";
        QTest::newRow("disk of 64 kB, export tessera")
            << small << exported("tessera", disk + "/m.tessera") << "are free";
        QTest::newRow("disk of 64 kB, leap")
            << small << QStringList{"run", "--model", "starter", "--out", disk + "/run"} + kQuickLeap << disk;
        const auto readOnly = "mount -t tmpfs -o ro none " + disk;
        QTest::newRow("read-only, run") << readOnly << magnitude(disk + "/run") << "Read-only";
        QTest::newRow("read-only, export npz") << readOnly << exported("npz", disk + "/m.npz") << "Read-only";
        QTest::newRow("read-only, export hf") << readOnly << exported("hf", disk + "/m") << disk;
        QTest::newRow("read-only, export tessera")
            << readOnly << exported("tessera", disk + "/m.tessera") << disk;
        QTest::newRow("read-only, report")
            << readOnly << QStringList{"report", done, "--out", disk + "/r.html"} << "Read-only";
    }
    void fullOrReadOnlyDisk() {
        QFETCH(QString, setting);
        QFETCH(QStringList, arguments);
        QFETCH(QString, part);
        if (setting.startsWith("mount") && !m_mounts) QSKIP("nothing can be mounted here");
        const auto before = treeOf(m_scratch / "files");
        checkSentence(run(arguments + QStringList{"--json"}, setting), 1, {part});
        QVERIFY(treeOf(m_scratch / "files") == before);
        QVERIFY(fs::is_empty(m_scratch / "disk"));
    }

    void interrupted_data() {
        QTest::addColumn<QByteArray>("until");
        QTest::newRow("while the prior is made") << QByteArray("\"phase\":\"prior\"");
        QTest::newRow("while learning") << QByteArray("\"step\":5,\"steps\":12");
    }
    /// 130, one sentence with the way on, and on that way the masks of a run left alone.
    void interrupted() {
        QFETCH(QByteArray, until);
        const auto out = at(std::string("out/") + QTest::currentDataTag()), whole = at("out/whole");
        const auto arguments = [&](const QString& folder) {
            return QStringList{"run", "--model", "starter", "--json", "--out", folder} + kQuickLeap;
        };
        if (!fs::exists(m_scratch / "out/whole")) QCOMPARE(run(arguments(whole)).status, 0);
        QProcess process;
        start(process, arguments(out));
        QByteArray seen;
        while (!seen.contains(until) && process.waitForReadyRead(20000))
            seen += process.readAllStandardOutput();
        QVERIFY2(seen.contains(until), seen.constData());
        QCOMPARE(::kill(static_cast<pid_t>(process.processId()), SIGINT), 0);
        auto outcome = outcomeOf(process);
        outcome.output.clear();
        checkSentence(outcome, 130, {"stopped on request", "resume"});
        // A full disk on the way costs nothing of what there was.
        const auto checkpoints = treeOf(fs::path(out.toStdString()) / "checkpoints");
        auto full = run({"resume", out, "--json"}, "ulimit -f 200");
        full.output.clear();
        checkSentence(full, 1, {"cannot write the file", "free some space"});
        QVERIFY(treeOf(fs::path(out.toStdString()) / "checkpoints") == checkpoints);
        const auto resumed = run({"resume", out, "--json"});
        QVERIFY2(resumed.status == 0, resumed.errors.join('\n').toUtf8().constData());
        const auto masks = [](const QString& folder) {
            return readFile(fs::path(folder.toStdString()) / "masks.npz");
        };
        QVERIFY(masks(out) == masks(whole));
    }

    /// People see progress, too; the sentence comes last, on a line of its own.
    void sentenceAfterProgress() {
        const auto outcome =
            run(QStringList{"run", "--model", at("files/nan"), "--out", at("out/people")} + kQuickMagnitude);
        QCOMPARE(outcome.status, 1);
        QCOMPARE(outcome.errors.filter(QRegularExpression("^tessera-cli: ")).size(), 1);
        QVERIFY(outcome.errors.last().startsWith("tessera-cli: "));
        QVERIFY(outcome.output.isEmpty());
    }

    /// No child allocated by what a file claimed.
    void cleanupTestCase() {
        struct rusage usage {};
        ::getrusage(RUSAGE_CHILDREN, &usage);
        qInfo("most memory of a child: %ld MiB", usage.ru_maxrss >> 10);
        QVERIFY(usage.ru_maxrss >> 10 < 1500);
    }
};

QTEST_GUILESS_MAIN(BadInputTest)
#include "tst_bad_input.moc"
