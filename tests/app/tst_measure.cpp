// The documents of eval, bench, info and tokenize: the names that cli.md promises, and numbers that can be.
#include <QTest>
#include <cmath>
#include <csignal>

#include "child.h"
#include "core/formats/mask_set.h"
#include "core/text/corpus.h"
#include "outcome.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;

class MeasureTest : public QObject {
    Q_OBJECT

    Scratch m_scratch;
    QString m_run;

    Json document(const QStringList& arguments) {
        Child child(arguments + QStringList{"--json"}, m_scratch / "home");
        const int status = child.wait();
        const auto lines = linesOf(child.process().readAllStandardOutput());
        if (status != 0 || lines.isEmpty()) {
            qWarning("%s", child.errors().c_str());
            return nullptr;
        }
        if (lines.size() != 1) qWarning("%d lines on standard output", int(lines.size()));
        return lines.size() == 1 ? Json::parse(lines[0].toStdString()) : Json();
    }
    static void hasAll(const Json& json, const std::vector<const char*>& names) {
        for (const auto* name : names) QVERIFY2(json.contains(name), name);
    }

  private Q_SLOTS:
    void initTestCase() {
        m_run = QString::fromStdString((m_scratch / "run").string());
        Child child({"run", "--model", "starter", "--method", "magnitude", "--sparsity", "0.5", "--text",
                     TESSERA_SOURCE_DIR "/LICENSE", "--set", "eval_window=64", "--set", "eval_windows=2",
                     "--out", m_run, "--json"},
                    m_scratch / "home");
        QVERIFY2(child.wait() == 0, child.errors().c_str());
        // The last line is the result.
        const auto last = Json::parse(linesOf(child.process().readAllStandardOutput()).last().toStdString());
        QCOMPARE(last.value("type", ""), std::string("result"));
        hasAll(last, {"run", "sparsity", "perplexity", "seconds", "peak_bytes", "tokens_trained"});
        hasAll(last["sparsity"], {"target", "achieved"});
        hasAll(last["perplexity"], {"dense", "pruned", "window"});
        QCOMPARE(last["run"].get<std::string>(), m_run.toStdString());
        QVERIFY(last["seconds"].size() >= 3);
    }

    void benchModel() {
        const auto bench = document({"bench", "model", m_run, "--repeats", "2"});
        QVERIFY(bench.is_object());
        hasAll(bench["machine"], {"cpu", "cores", "memory_bytes", "kernels"});
        QVERIFY(bench["rows"].size() >= 4);
        int dense = 0, sparse = 0;
        for (const auto& row : bench["rows"]) {
            hasAll(row, {"kernel", "shape", "batch", "threads", "dense_us", "torch_us", "sparse_us",
                         "speedup", "ci95", "limit", "efficiency"});
            QCOMPARE(row["shape"].size(), std::size_t(2));
            QCOMPARE(row["batch"].get<int>(), 1);
            QVERIFY(row["threads"].get<int>() >= 1);
            QVERIFY(row["dense_us"].get<double>() > 0 && row["torch_us"].get<double>() > 0);
            const double speedup = row["speedup"], limit = row["limit"], efficiency = row["efficiency"];
            if (row["kernel"] == "dense") {
                ++dense;
                QVERIFY(row["sparse_us"].is_null());
                QCOMPARE(limit, 1.0);
                QVERIFY(efficiency > 0);
                continue;
            }
            ++sparse;
            QCOMPARE(row["kernel"].get<std::string>(), std::string("bitmap-50"));
            QVERIFY(row["sparse_us"].get<double>() > 0);
            // 16 bits against one of the map and half of the weights'.
            QVERIFY2(std::abs(limit - 16.0 / 9) < 0.05, qPrintable(QString::number(limit)));
            QVERIFY(std::abs(efficiency - speedup / limit) < 1e-9);
            QVERIFY(row["ci95"][0] <= row["speedup"] && row["speedup"] <= row["ci95"][1]);
        }
        QCOMPARE(dense, sparse);
        const auto& end = bench["end_to_end"];
        hasAll(end, {"dense_tokens_per_second", "sparse_tokens_per_second", "speedup"});
        QVERIFY(end["dense_tokens_per_second"].get<double>() > 0);
        QVERIFY(end["sparse_tokens_per_second"].get<double>() > 0);
        // Prompts and batches are told to be dense.
        QVERIFY(bench["note"].get<std::string>().find("dense path") != std::string::npos);
        // Kept with the run, beside its result.
        int kept = 0;
        for (const auto& entry : fs::directory_iterator(m_run.toStdString()))
            if (entry.path().filename().string().starts_with("result-bench-")) {
                ++kept;
                QVERIFY(readJsonFile(entry.path())["rows"] == bench["rows"]);
            }
        QCOMPARE(kept, 1);
    }

    /// Values and head in eight bits: told by the kernels' names, and by what they read.
    void benchModelInQ8() {
        const auto bench =
            document({"bench", "model", m_run, "--repeats", "2", "--values", "q8", "--head", "q8"});
        QVERIFY(bench.is_object());
        QCOMPARE(bench["values"].get<std::string>(), std::string("q8"));
        for (const auto& row : bench["rows"]) {
            if (row["kernel"] == "dense") continue;
            QCOMPARE(row["kernel"].get<std::string>(), std::string("bitmap-50-q8"));
            const double limit = row["limit"];
            // 16 bits against one of the map, four of the weights, and a scale of 16 for 64.
            QVERIFY2(std::abs(limit - 16.0 / 5.25) < 0.08, qPrintable(QString::number(limit)));
        }
        QCOMPARE(bench["matrices"].size(), std::size_t(6 * 4 + 1));
        QCOMPARE(bench["matrices"].back()["kernel"].get<std::string>(), std::string("dense-q8"));
        for (const auto& matrix : bench["matrices"])
            hasAll(matrix, {"block", "name", "kernel", "shape", "kept", "bytes", "dense_bytes", "limit"});
    }

    /// hf is raw on the text that the published protocol makes of the file.
    void evalProtocols() {
        const auto text = readFile(fs::path(TESSERA_SOURCE_DIR) / "LICENSE").substr(0, 6000) + "\n \n";
        writeFileAtomically(m_scratch / "text.txt", text);
        writeFileAtomically(m_scratch / "joined.txt", joinedAsPublished(text));
        const auto eval = [&](const char* file, const char* protocol, const QStringList& more = {}) {
            return document(QStringList{"eval", "starter", "--text",
                                        QString::fromStdString((m_scratch / file).string()), "--window",
                                        "128", "--protocol", protocol} +
                            more);
        };
        const auto hf = eval("text.txt", "hf"), joined = eval("joined.txt", "raw"),
                   raw = eval("text.txt", "raw");
        hasAll(raw["perplexity"], {"value", "window", "windows", "tokens"});
        QVERIFY(hf["perplexity"]["value"] == joined["perplexity"]["value"]);
        QVERIFY(hf["perplexity"]["value"] != raw["perplexity"]["value"]);
        QCOMPARE(raw["perplexity"]["tokens"].get<int>(), 128 * raw["perplexity"]["windows"].get<int>());
        QCOMPARE(eval("text.txt", "raw", {"--windows", "3"})["perplexity"]["windows"].get<int>(), 3);
        // A run is its model under its mask, and so is the model with the run's mask named.
        const auto run = document({"eval", m_run, "--text", TESSERA_SOURCE_DIR "/LICENSE", "--windows", "2",
                                   "--window", "128"}),
                   named = document({"eval", "starter", "--masks", m_run + "/masks.npz", "--text",
                                     TESSERA_SOURCE_DIR "/LICENSE", "--windows", "2", "--window", "128"});
        QVERIFY(run["perplexity"]["value"].is_number());
        QVERIFY(run["perplexity"]["value"] == named["perplexity"]["value"]);
        QVERIFY(run["perplexity"]["value"] > raw["perplexity"]["value"]);
    }

    void infoNamesWhatItCosts() {
        const auto info = document({"info", "starter"});
        hasAll(info, {"model", "architecture", "parameters", "prunable", "methods"});
        std::int64_t weights = 0;
        for (const auto& matrix : info["prunable"]["matrices"])
            weights += matrix.at("rows").get<std::int64_t>() * matrix.at("cols").get<std::int64_t>();
        QCOMPARE(info["prunable"]["weights"].get<std::int64_t>(), weights);
        for (const char* method :
             {"magnitude", "wanda", "leap", "patch-tile", "patch-joint", "maskllm", "proxsparse"}) {
            QVERIFY(info["methods"].contains(method));
            QVERIFY(info["methods"][method].at("bytes").get<double>() > 1e6);
            QVERIFY(info["methods"][method].at("seconds").get<double>() > 0);
        }
    }

    void generateSaysWhatItUsed() {
        const auto made = document(
            {"generate", m_run, "--prompt", "The mask", "--tokens", "8", "--greedy", "--ignore-eos"});
        hasAll(made, {"text", "ids", "tokens_per_second", "kernel"});
        QCOMPARE(made["ids"].size(), std::size_t(8));
        QVERIFY(made["kernel"].get<std::string>().starts_with("bitmap"));
        const auto again = document(
            {"generate", m_run, "--prompt", "The mask", "--tokens", "8", "--greedy", "--ignore-eos"});
        QVERIFY(again["ids"] == made["ids"]);
        const auto q8 = document({"generate", m_run, "--prompt", "The mask", "--tokens", "8", "--greedy",
                                  "--ignore-eos", "--values", "q8", "--head", "q8"});
        QVERIFY(q8["kernel"].get<std::string>().starts_with("bitmap-q8, head q8, "));
        QCOMPARE(q8["ids"].size(), std::size_t(8));
    }

    void containerStandsForItsRun_data() {
        QTest::addColumn<QStringList>("packing");
        QTest::addColumn<QString>("kernel");
        QTest::newRow("bf16") << QStringList() << "bitmap, ";
        QTest::newRow("q8") << QStringList{"--values", "q8", "--head", "q8"} << "bitmap-q8, head q8, ";
    }
    /// The exported file alone: the tokens of the run, what it holds, its speed, its tokenizer.
    void containerStandsForItsRun() {
        QFETCH(QStringList, packing);
        QFETCH(QString, kernel);
        const bool q8 = !packing.isEmpty();
        const auto file = m_scratch / (q8 ? "q8.tessera" : "bf16.tessera");
        const auto path = QString::fromStdString(file.string());
        const auto made =
            document(QStringList{"export", m_run, "--format", "tessera", "--out", path} + packing);
        QCOMPARE(made["path"].get<std::string>(), file.string());
        const auto generate = [&](const QString& model, const QStringList& more = {}) {
            return document(QStringList{"generate", model, "--prompt", "The mask", "--tokens", "12",
                                        "--greedy", "--ignore-eos"} +
                            more);
        };
        const auto ofFile = generate(path), ofRun = generate(m_run, packing);
        QVERIFY(ofFile["kernel"].get<std::string>().starts_with(kernel.toStdString()));
        QCOMPARE(ofFile["ids"].size(), std::size_t(12));
        QVERIFY(ofFile["ids"] == ofRun["ids"]);
        QVERIFY(ofFile["text"] == ofRun["text"]);

        const auto info = document({"info", path, "--verify"});
        hasAll(info, {"model", "architecture", "parameters", "prunable", "methods", "container"});
        const auto& container = info["container"];
        QVERIFY(container["verified"] == true);
        QVERIFY(document({"info", path})["container"]["verified"].is_null());
        QCOMPARE(container["values"].get<std::string>(), std::string(q8 ? "q8" : "bf16"));
        QVERIFY(container["about"] == (Json{{"model", "starter"},
                                            {"method", "magnitude"},
                                            {"pattern", "unstructured"},
                                            {"sparsity", 0.5}}));
        QCOMPARE(container["kept"].get<std::int64_t>() * 2, info["prunable"]["weights"].get<std::int64_t>());
        QCOMPARE(container["forms"][q8 ? "bitmap-q8" : "bitmap"].get<int>(), 6 * 4);
        QVERIFY(info["file_bytes"].get<double>() > container["bytes_per_token"].get<double>());
        QVERIFY(info["parameters"] == document({"info", "starter"})["parameters"]);

        const auto bench = document({"bench", "model", path, "--repeats", "2"});
        QVERIFY(bench["container"].is_string() && bench["dense"].is_string());
        QCOMPARE(bench["values"].get<std::string>(), std::string(q8 ? "q8" : "bf16"));
        QVERIFY(bench["rows"].size() >= 4);
        QVERIFY(bench["end_to_end"]["sparse_bytes_per_token"] == container["bytes_per_token"]);
        QVERIFY(bench["end_to_end"]["limit"] == container["limit"]);

        const QStringList license{"--text", TESSERA_SOURCE_DIR "/LICENSE"};
        QVERIFY(document(QStringList{"tokenize", path} + license)["ids"] ==
                document(QStringList{"tokenize", "starter"} + license)["ids"]);
    }

    void tokenizeThereAndBack() {
        const auto text = QString::fromUtf8("Ünïcode, code(x) {\n\treturn 42; }\n");
        writeFileAtomically(m_scratch / "t.txt", text.toStdString());
        const auto ids = document(
            {"tokenize", "starter", "--text", QString::fromStdString((m_scratch / "t.txt").string())})["ids"];
        QVERIFY(ids.size() > 5);
        std::string list;
        for (const auto& id : ids) list += std::to_string(id.get<int>()) + " ";
        writeFileAtomically(m_scratch / "ids.txt", list);
        const auto back =
            document({"tokenize", TESSERA_SOURCE_DIR "/resources/starter/tokenizer.json", "--decode",
                      "--text", QString::fromStdString((m_scratch / "ids.txt").string())});
        QCOMPARE(back["text"].get<std::string>(), text.toStdString());
    }

    void runsAreListed() {
        const auto runs = document(
            {"runs", QString::fromStdString(fs::path(m_run.toStdString()).parent_path().string())})["runs"];
        QCOMPARE(runs.size(), std::size_t(1));
        hasAll(runs[0], {"run", "model", "method", "sparsity", "status", "perplexity"});
        QCOMPARE(runs[0]["status"].get<std::string>(), std::string("finished"));
    }

    void exportsAreToTheLetter() {
        const auto out = QString::fromStdString((m_scratch / "masks.npz").string());
        const auto made = document({"export", m_run, "--format", "npz", "--out", out});
        QCOMPARE(made["path"].get<std::string>(), out.toStdString());
        QVERIFY(bytesOf(out.toStdString()) == bytesOf(fs::path(m_run.toStdString()) / "masks.npz"));
    }

    /// The run's own page stands alone: no script, nothing loaded, every matrix drawn; and the same as a PDF.
    void reportOfTheRun() {
        const auto page = bytesOf(fs::path(m_run.toStdString()) / "report.html");
        QVERIFY(page.size() > 10000);
        QVERIFY(!page.contains("<script") && !page.contains("javascript:") && !page.contains("<link"));
        QVERIFY(!page.contains("src=\"http") && !page.contains("url(http") && !page.contains("@import"));
        for (int block = 0; block < 6; ++block)
            for (const char* part : {"q", "k", "v", "o", "gate", "up", "down"})
                QVERIFY2(
                    page.contains(
                        QString("model.layers.%1.%2.%3_proj.weight")
                            .arg(block)
                            .arg(QStringList({"gate", "up", "down"}).contains(part) ? "mlp" : "self_attn",
                                 part)
                            .toUtf8()),
                    part);
        QVERIFY(page.contains("tessera-cli run --model starter --method magnitude"));
        const auto pdf = QString::fromStdString((m_scratch / "report.pdf").string());
        QCOMPARE(document({"report", m_run, "--out", pdf})["path"].get<std::string>(), pdf.toStdString());
        QVERIFY(bytesOf(pdf.toStdString()).startsWith("%PDF-"));
        QVERIFY(bytesOf(pdf.toStdString()).trimmed().endsWith("%%EOF"));
        QProcess pdfinfo;
        pdfinfo.start("pdfinfo", {pdf});
        if (!pdfinfo.waitForStarted())
            QSKIP("pdfinfo (poppler-utils) is not installed: the PDF is not opened");
        QVERIFY(pdfinfo.waitForFinished());
        const auto said = pdfinfo.readAllStandardOutput();
        QCOMPARE(pdfinfo.exitCode(), 0);
        QVERIFY2(QRegularExpression("Pages: +[1-9]").match(said).hasMatch(), said.constData());
    }

    /// Interrupted, an export leaves nothing of itself.
    void interruptedExport() {
        const auto out = m_scratch / "exported";
        Child child({"export", m_run, "--format", "hf", "--out", QString::fromStdString(out.string())},
                    m_scratch / "home");
        // At whatever moment it is once its folder appears beside the name.
        const auto begun = [&] {
            for (const auto& entry : fs::directory_iterator(out.parent_path()))
                if (entry.path().filename().string().starts_with("exported")) return true;
            return false;
        };
        while (!begun() && child.process().state() == QProcess::Running) child.process().waitForReadyRead(0);
        ::kill(static_cast<pid_t>(child.process().processId()), SIGINT);
        const int status = child.wait();
        if (status == 0) {
            QVERIFY(fs::exists(out / "config.json"));  // it was faster
        } else {
            QCOMPARE(status, 130);
            QVERIFY(!begun());
        }
    }
};

QTEST_GUILESS_MAIN(MeasureTest)
#include "tst_measure.moc"
