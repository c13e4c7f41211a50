// What makes a run the same run: its spec and its seed, whatever text it is given and however it is cut.
#include <QtTest>
#include <fstream>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/engine/engine.h"
#include "core/engine/own_samples.h"
#include "core/formats/model_files.h"
#include "core/session/model_catalogue.h"
#include "core/session/run_directory.h"
#include "support/numpy.h"
#include "support/support.h"

using namespace tessera;
namespace fs = std::filesystem;

namespace {

/// Listens, and stops the run once so many learning steps are done.
struct Listener : EventSink {
    RunControl& control;
    int stopAfter;
    std::vector<Event> events;
    bool planBeforeFirstStep = false;
    fs::path plan;

    explicit Listener(RunControl& control, int stopAfter = 0) : control(control), stopAfter(stopAfter) {}
    void emit(const Event& event) override {
        if (event.type == "step" && event.json["unit"] == "step") {
            if (event.json["step"] == 1) planBeforeFirstStep = fs::exists(plan);
            if (event.json["step"] == stopAfter) control.stop.store(true);
        }
        events.push_back(event);
    }
};

}  // namespace

class TestRuns : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;
    int m_runs = 0;

    Json spec(const std::string& method, const Json& changes = Json::object(),
              const Json& set = Json::object()) {
        const bool learns = methodNamed(method).learns, tiles = method.starts_with("patch");
        Json json{{"model", "starter"},
                  {"method", method},
                  {"sparsity", tiles ? 0.375 : 0.5},
                  {"text", TESSERA_SOURCE_DIR "/LICENSE"},
                  {"threads", 2},
                  {"out", (m_scratch / ("run" + std::to_string(++m_runs))).string()}};
        if (learns && !changes.contains("minutes")) json["steps"] = 3;
        json.update(changes);
        Json all{{"eval_window", 48}, {"eval_windows", 0}};
        if (method != "magnitude") all.update({{"calibration_windows", 2}, {"calibration_context", 64}});
        if (learns)
            all.update({{"context", 32}, {"batch", 1}, {"snapshots", 1}, {"warmup_steps", 0}, {"lr", 0.02}});
        if (tiles) all["tile"] = "64x64";
        all.update(set);
        json["set"] = all;
        return json;
    }
    static Json run(const Json& json, int stopAfter = 0, Listener** listening = nullptr) {
        RunControl control;
        static std::unique_ptr<Listener> listener;
        listener = std::make_unique<Listener>(control, stopAfter);
        listener->plan = fs::path(json["out"].get<std::string>()) / "plan.json";
        if (listening) *listening = listener.get();
        return Engine::run(ExperimentSpec::fromJson(json), *listener, control);
    }
    static std::string masksOf(const Json& json) {
        return readFile(fs::path(json["out"].get<std::string>()) / "masks.npz");
    }
    static void stopped(const Json& json, int after) { EXPECT_ERROR(run(json, after), Cancelled, "resume"); }
    static Json resume(const Json& json) {
        RunControl control;
        Listener listener(control);
        return Engine::resume(json["out"].get<std::string>(), listener, control);
    }

  private Q_SLOTS:
    void sameSpecSameBytes_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("dtype");
        for (const auto& method : methodDescriptions())
            for (const char* dtype : {"bf16", "f32"})
                QTest::addRow("%s, %s", method.name.c_str(), dtype)
                    << QString::fromStdString(method.name) << dtype;
    }
    /// Two runs of one spec leave the same masks.npz to the byte; another seed others where there is noise.
    void sameSpecSameBytes() {
        QFETCH(QString, method);
        QFETCH(QString, dtype);
        const auto name = method.toStdString();
        const Json changes{{"dtype", dtype.toStdString()}, {"seed", 11}};
        // Without a prior every logit is the noise's and the data's; weights have none, and move by their
        // rate.
        const Json set = !methodNamed(name).learns ? Json::object()
                         : name == "proxsparse"    ? Json{{"lr", 0.05}, {"warmup_steps", 0}}
                                                   : Json{{"prior_strength", 0}};
        const auto one = spec(name, changes, set), two = spec(name, changes, set);
        run(one);
        run(two);
        QVERIFY(masksOf(one) == masksOf(two));
        if (set.empty()) return;
        auto other = spec(name, changes, set);
        other["seed"] = 12;
        run(other);
        QVERIFY(masksOf(one) != masksOf(other));
    }

    /// trace: the first steps in Chrome's trace format, with every kind of work in its place; and the shares
    /// of the result are of the same spans.
    void theTraceShowsTheSteps() {
        const auto file = (m_scratch / "trace.json").string();
        const auto result = run(spec("leap", {{"steps", 7}}, {{"trace", file}}));
        const auto trace = readJsonFile(file);
        std::vector<std::pair<double, double>> steps;
        std::map<std::string, int> kinds, names;
        for (const auto& event : trace.at("traceEvents")) {
            ++kinds[event.at("cat").get<std::string>()];
            ++names[event.at("name").get<std::string>()];
            const auto begin = event.at("ts").get<double>();
            if (event.at("name") == "step") steps.emplace_back(begin, begin + event.at("dur").get<double>());
        }
        QCOMPARE(steps.size(), std::size_t(5));
        for (const auto& event : trace.at("traceEvents")) {
            const auto begin = event.at("ts").get<double>(), end = begin + event.at("dur").get<double>();
            QVERIFY(std::any_of(steps.begin(), steps.end(), [&](const auto& step) {
                return begin >= step.first && end <= step.second + 1e-3;
            }));
        }
        for (const char* kind : {"teacher", "products", "mask_kernels", "attention", "row_ops", "loss"})
            QVERIFY2(kinds[kind] > 0, kind);
        // A block has four groups; the dense model's products are counted apart from the masked ones.
        const int groups = 4 * ModelFiles::open(catalogueModel("starter").path()).config().layers;
        QCOMPARE(names["masked product"], 5 * groups);
        QCOMPARE(names["dense product"], 5 * groups);
        QCOMPARE(names["mask backward and Adam"], 5 * groups);
        QCOMPARE(names["norm backward"], 5 * (groups / 2 + 1));
        double all = 0;
        for (const char* kind : {"products", "mask_kernels", "row_ops", "loss"}) {
            const auto share = result.at("step_shares").at(kind).get<double>();
            QVERIFY2(share > 0, kind);
            all += share;
        }
        QVERIFY(all < 1);
        // Nothing is begun where the trace could not be written.
        const auto wrong =
            spec("leap", Json::object(), {{"trace", (m_scratch / "none" / "trace.json").string()}});
        EXPECT_ERROR(run(wrong), NotFound, "trace.json");
    }

    /// With no text named, the installed one: its learning part to calibrate on, its held-out part to
    /// measure.
    void theDefaultTextIsUsed() {
        const auto text = readFile(fs::path(TESSERA_SOURCE_DIR) / "LICENSE");
        const auto folder = m_scratch / "text";
        fs::create_directories(folder);
        writeFileAtomically(folder / "learn.txt", text.substr(0, 20000));
        writeFileAtomically(folder / "heldout.txt", text.substr(20000));
        qputenv("TESSERA_TEXT_HOME", QByteArray::fromStdString(folder.string()));
        auto none = spec("wanda", Json::object(), {{"eval_windows", 2}});
        none.erase("text");
        const auto result = run(none);
        qunsetenv("TESSERA_TEXT_HOME");
        QVERIFY(result["perplexity"]["text"].get<std::string>().find("held-out part") != std::string::npos);
        QCOMPARE(result["perplexity"]["windows"].get<int>(), 2);
        const auto named = spec("wanda", {{"text", (folder / "learn.txt").string()}}),
                   other = spec("wanda", {{"text", (folder / "heldout.txt").string()}});
        run(named);
        run(other);
        QVERIFY(masksOf(none) == masksOf(named));
        QVERIFY(masksOf(none) != masksOf(other));
    }

    void jsonLinesAreTheirTexts() {
        const auto text = readFile(fs::path(TESSERA_SOURCE_DIR) / "LICENSE").substr(0, 20000);
        const auto middle = text.find("\n\n", 9000);
        Json one{{"text", text.substr(0, middle)}, {"meta", 1}}, two{{"text", text.substr(middle + 2)}};
        writeFileAtomically(m_scratch / "text.jsonl", one.dump() + "\n\n" + two.dump() + "\n");
        writeFileAtomically(m_scratch / "text.txt", text + "\n\n");
        const auto lines = spec("wanda", {{"text", (m_scratch / "text.jsonl").string()}}),
                   plain = spec("wanda", {{"text", {(m_scratch / "text.txt").string()}}});
        run(lines);
        run(plain);
        QVERIFY(masksOf(lines) == masksOf(plain));
    }

    /// A run goes on with the text and the model that it began with, and with no others.
    void changedInputsStopAResumption() {
        const auto text = m_scratch / "changing.txt";
        const auto original = readFile(fs::path(TESSERA_SOURCE_DIR) / "LICENSE");
        writeFileAtomically(text, original);
        const auto model = m_scratch / "model";
        fs::copy(resolveModel("starter").path, model);
        const Json changes{{"text", text.string()}, {"model", model.string()}};
        const auto cut = spec("leap", changes), whole = spec("leap", changes);
        run(whole);
        stopped(cut, 2);
        const auto path = fs::path(cut["out"].get<std::string>());
        QVERIFY(!fs::exists(path / "masks.npz"));
        QVERIFY(fs::exists(path / "checkpoints/step-2"));

        writeFileAtomically(text, "A" + original);
        EXPECT_ERROR(resume(cut), Corrupt, "the text has changed");
        writeFileAtomically(text, original);
        auto weights = readFile(model / "model.safetensors");
        weights.back() = static_cast<char>(weights.back() ^ 1);
        const auto kept = readFile(model / "model.safetensors");
        writeFileAtomically(model / "model.safetensors", weights);
        EXPECT_ERROR(resume(cut), Corrupt, "the model has changed");
        writeFileAtomically(model / "model.safetensors", kept);
        const auto result = resume(cut);
        QCOMPARE(result["steps"].get<int>(), 3);
        QVERIFY(masksOf(cut) == masksOf(whole));
    }

    /// A run that was cut off and gone on with leaves the masks of one that was left alone, to the byte.
    void cutRunsEndAlike_data() {
        QTest::addColumn<QString>("method");
        for (const auto& method : methodDescriptions())
            if (method.learns) QTest::newRow(method.name.c_str()) << QString::fromStdString(method.name);
    }
    void cutRunsEndAlike() {
        QFETCH(QString, method);
        const auto cut = spec(method.toStdString()), whole = spec(method.toStdString());
        run(whole);
        stopped(cut, 2);
        const auto path = fs::path(cut["out"].get<std::string>());
        QVERIFY(!fs::exists(path / "masks.npz"));
        const auto result = resume(cut);
        QCOMPARE(result["steps"].get<int>(), 3);
        QVERIFY(masksOf(cut) == masksOf(whole));
        const auto other = fs::path(whole["out"].get<std::string>());
        QVERIFY(readFile(path / "maps/step-3.bin") == readFile(other / "maps/step-3.bin"));
    }

    /// The model writes what it learns from: kept in the run, the same again after a cut within the writing.
    void theModelWritesItsText() {
        const Json own{{"own_samples", 1}, {"own_tokens", 4000}};
        const auto whole = spec("leap", {{"text", Json::array()}}, own),
                   cut = spec("leap", {{"text", Json::array()}}, own);
        run(whole);
        const auto written = fs::path(whole["out"].get<std::string>()) / "own_samples.jsonl";
        std::ifstream lines(written);
        std::string line;
        int texts = 0;
        for (; std::getline(lines, line); ++texts) {
            const auto text = Json::parse(line);
            QCOMPARE(text["ids"].size(), std::size_t(32));
            QVERIFY(!text["text"].get<std::string>().empty());
        }
        // The last is not cut short: 125 texts of 32 tokens.
        QCOMPARE(texts, 125);
        // Once half of it is there.
        RunControl control;
        struct Cutter : EventSink {
            RunControl& control;
            explicit Cutter(RunControl& control) : control(control) {}
            void emit(const Event& event) override {
                if (event.type == "step" && event.json["unit"] == "token" && event.json["step"] == 64 * 32)
                    control.stop.store(true);
            }
        } cutter(control);
        EXPECT_ERROR(Engine::run(ExperimentSpec::fromJson(cut), cutter, control), Cancelled, "resume");
        const auto half = fs::path(cut["out"].get<std::string>()) / "own_samples.jsonl";
        const auto kept = readFile(half);
        QCOMPARE(std::count(kept.begin(), kept.end(), '\n'), 64);
        resume(cut);
        QCOMPARE(readFile(half), readFile(written));
        QVERIFY(masksOf(cut) == masksOf(whole));
        // Another seed writes other texts, and a one-shot method calibrates on them, too.
        auto other = spec("wanda", {{"text", Json::array()}, {"seed", 5}}, own);
        run(other);
        QVERIFY(readFile(fs::path(other["out"].get<std::string>()) / "own_samples.jsonl") !=
                readFile(written));
        // No more than is calibrated on: two windows of 64 tokens.
        const auto few = readFile(fs::path(other["out"].get<std::string>()) / "own_samples.jsonl");
        QCOMPARE(std::count(few.begin(), few.end(), '\n'), 2);
        // Enough for a prior's window, however little is asked for.
        run(spec("leap", {{"text", Json::array()}}, {{"own_samples", 1}, {"own_tokens", 16}}));
        // A method that reads no text has none written.
        auto blind = spec("magnitude", Json::object(), own);
        run(blind);
        QVERIFY(!fs::exists(fs::path(blind["out"].get<std::string>()) / "own_samples.jsonl"));
    }
    void damagedOwnTextIsRefused() {
        const auto json = spec("leap", Json::object(), {{"own_samples", 0.5}, {"own_tokens", 512}});
        stopped(json, 1);
        const auto file = fs::path(json["out"].get<std::string>()) / "own_samples.jsonl";
        const auto whole = readFile(file);
        for (const auto& [from, to] : std::map<std::string, std::string>{{"\"ids\":[", "\"ids\":[-1,"},
                                                                         {"\"ids\"", "\"idz\""},
                                                                         {"{", "["},
                                                                         {"\"ids\":[", "\"ids\":[1e9,"}}) {
            auto damaged = whole;
            damaged.replace(damaged.find(from), from.size(), to);
            writeFileAtomically(file, damaged);
            EXPECT_ERROR(resume(json), Corrupt, "own_samples.jsonl");
        }
        writeFileAtomically(file, whole);
        resume(json);
    }
    /// The share that was asked for, the windows of the text spread over it; all of a text that is too short.
    void ownTextIsMixedIn() {
        std::vector<std::int32_t> own(40, -1), read(100);
        for (int i = 0; i < 100; ++i) read[static_cast<std::size_t>(i)] = i;
        QCOMPARE(mixedText(own, read, 1, 10), own);
        auto mixed = mixedText(own, read, 0.5, 10);
        QCOMPARE(mixed.size(), std::size_t(80));
        QVERIFY(std::equal(own.begin(), own.end(), mixed.begin()));
        for (int window = 0; window < 4; ++window)
            for (int i = 0; i < 10; ++i)
                QCOMPARE(mixed[static_cast<std::size_t>(40 + 10 * window + i)], 10 * window / 4 * 10 + i);
        QCOMPARE(mixedText(own, read, 0.1, 10).size(), std::size_t(140));
        QCOMPARE(mixedText(own, {1, 2, 3}, 0.5, 10), own);
    }

    /// Minutes become steps once, written down before the first of them; a resumed run keeps to that.
    void minutesBecomeStepsOnce() {
        const auto json = spec("leap", {{"minutes", 0.05}});
        const auto plan = fs::path(json["out"].get<std::string>()) / "plan.json";
        Listener* listener = nullptr;
        EXPECT_ERROR(run(json, 1, &listener), Cancelled, "resume");
        QVERIFY(listener->planBeforeFirstStep);
        const auto recorded = readFile(plan);
        const auto steps = readJsonFile(plan)["steps"].get<std::int64_t>();
        QVERIFY(steps > 1);
        QVERIFY(readJsonFile(plan)["measured_step_seconds"].get<double>() > 0);
        const auto result = resume(json);
        QCOMPARE(result["steps"].get<std::int64_t>(), steps);
        QCOMPARE(readFile(plan), recorded);
        // The same number of steps asked for by number is the same run.
        auto counted = spec("leap", {{"steps", steps}});
        run(counted);
        QVERIFY(masksOf(counted) == masksOf(json));
    }

    /// The run's mask file is the published one to the letter: read by numpy with allow_pickle=False.
    void masksAreThePublishedFile_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<double>("sparsity");
        QTest::addColumn<QString>("percent");
        QTest::addColumn<QString>("pattern");
        QTest::newRow("tiles") << "patch-tile" << 0.45 << "45%"
                               << "Dense/2:4 tiles";
        QTest::newRow("joint") << "patch-joint" << 0.25 << "25%"
                               << "Dense/2:4 tiles";
        QTest::newRow("learned 2:4") << "maskllm" << 0.5 << "50%"
                                     << "2:4";
        QTest::newRow("2:4") << "wanda" << 0.5 << "50%"
                             << "2:4";
    }
    void masksAreThePublishedFile() {
        QFETCH(QString, method);
        QFETCH(double, sparsity);
        QFETCH(QString, percent);
        QFETCH(QString, pattern);
        const auto python = test::numpyPython();
        if (python.isEmpty()) QSKIP("python3 with numpy is not installed");
        Json changes{{"sparsity", sparsity}};
        if (method == "wanda") changes["pattern"] = "2:4";
        const auto json = spec(method.toStdString(), changes);
        run(json);
        const auto said = test::runPython(
            python, R"(
import json, sys, numpy as np
path, method, percent, pattern, config = sys.argv[1:]
z = np.load(path, allow_pickle=False)
meta = z['__meta__']
assert meta.shape == () and meta.dtype.kind == 'U', meta
meta = json.loads(str(meta))
for key in ('repo', 'base_model', 'method', 'variant', 'sparsity', 'pattern', 'format', 'measured_sparsity'):
    assert key in meta, key
assert meta['method'] == method and meta['sparsity'] == percent and meta['pattern'] == pattern, meta
config = json.load(open(config))
names = [f'model.layers.{i}.{part}_proj.weight' for i in range(config['num_hidden_layers'])
         for part in ('self_attn.q', 'self_attn.k', 'self_attn.v', 'self_attn.o', 'mlp.gate', 'mlp.up', 'mlp.down')]
assert sorted(z.files) == sorted(names + [n + '.__shape__' for n in names] + ['__meta__'])
kept = weights = 0
for name in names:
    bits, shape = z[name], z[name + '.__shape__']
    assert bits.dtype == np.uint8 and bits.ndim == 1 and shape.dtype == np.int64 and shape.shape == (2,)
    rows, cols = shape
    assert bits.size == (rows * cols + 7) // 8
    mask = np.unpackbits(bits)[:rows * cols].reshape(rows, cols)
    groups = mask.reshape(rows, cols // 4, 4).sum(2)
    assert ((groups == 2) | (groups == 4 if pattern != '2:4' else groups == 2)).all()
    kept += int(mask.sum()); weights += mask.size
assert abs(meta['measured_sparsity'] - (1 - kept / weights)) < 1e-12
)",
            {QString::fromStdString(json["out"].get<std::string>() + "/masks.npz"), method, percent, pattern,
             QString::fromStdString((resolveModel("starter").path / "config.json").string())});
        QVERIFY2(said.isEmpty(), said.constData());
    }
};

QTEST_GUILESS_MAIN(TestRuns)
#include "tst_runs.moc"
