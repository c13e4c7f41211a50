// Whole runs of the methods that change weights: what lies in the run's folder, and that it is the model that
// was measured, wherever a run is taken for a model.
#include <torch/torch.h>

#include <QtTest>
#include <cmath>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/deploy/packed_model.h"
#include "core/engine/engine.h"
#include "core/evaluate/perplexity.h"
#include "core/formats/export_hf.h"
#include "core/session/model_catalogue.h"
#include "core/session/run_directory.h"
#include "core/text/corpus.h"
#include "support/support.h"

using namespace tessera;
namespace fs = std::filesystem;

namespace {

/// Listens, and stops the run once a block or a learning step of this number is done.
struct Listener : EventSink {
    RunControl& control;
    std::string unit;
    int stopAfter;
    std::vector<Event> events;

    Listener(RunControl& control, std::string unit, int stopAfter)
        : control(control), unit(std::move(unit)), stopAfter(stopAfter) {}
    void emit(const Event& event) override {
        if (event.type == "step" && event.json["unit"] == unit && event.json["step"] == stopAfter)
            control.stop.store(true);
        events.push_back(event);
    }
    bool heard(const std::string& type) const {
        return std::any_of(events.begin(), events.end(), [&](const auto& e) { return e.type == type; });
    }
};

constexpr const char* kText = TESSERA_SOURCE_DIR "/LICENSE";

}  // namespace

class ChangedWeightsTest : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;
    int m_runs = 0;

    Json spec(const std::string& method, const Json& set = Json::object(),
              const Json& changes = Json::object()) {
        Json json{{"model", "starter"},
                  {"method", method},
                  {"sparsity", method.starts_with("patch") ? 0.375 : 0.5},
                  {"text", kText},
                  {"threads", 2},
                  {"out", (m_scratch / ("run" + std::to_string(++m_runs))).string()}};
        Json all{{"eval_window", 48},
                 {"eval_windows", 2},
                 {"calibration_windows", 3},
                 {"calibration_context", 64}};
        if (methodNamed(method).learns) {
            json["steps"] = 2;
            all.update({{"context", 32}, {"batch", 1}, {"snapshots", 1}, {"warmup_steps", 0}});
            if (method.starts_with("patch")) all["tile"] = "64x64";
        }
        all.update(set);
        json.update(changes);
        json["set"] = all;
        return json;
    }
    static Json run(const Json& json) {
        RunControl control;
        Listener listener(control, "", 0);
        return Engine::run(ExperimentSpec::fromJson(json), listener, control);
    }
    static fs::path out(const Json& json) { return json["out"].get<std::string>(); }
    static std::string masksOf(const Json& json) { return readFile(out(json) / "masks.npz"); }
    static std::string weightsOf(const Json& json) { return readFile(out(json) / "weights.safetensors"); }

    static void methods(std::initializer_list<const char*> finished) {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("finish");
        for (const char* method : {"sparsegpt", "thanos", "admm"}) QTest::newRow(method) << method << "none";
        for (const char* method : finished) QTest::addRow("%s, finished", method) << method << "optima";
    }

  private Q_SLOTS:
    void theRunIsTheModelThatWasMeasured_data() {
        methods({"wanda", "leap", "patch-tile", "patch-joint", "maskllm", "proxsparse"});
    }
    void theRunIsTheModelThatWasMeasured() {
        QFETCH(QString, method);
        QFETCH(QString, finish);
        const auto json = spec(method.toStdString(), {{"finish", finish.toStdString()}}, {{"dtype", "f32"}});
        const auto result = run(json);
        QVERIFY(!fs::exists(out(json) / "blocks") && !fs::exists(out(json) / "learned.npz"));
        const auto resolved = resolveModel(out(json).string());
        QVERIFY(resolved.masks && resolved.weights);
        const auto files = ModelFiles::open(resolved.path, resolved.weights);
        const auto masks = readMasks(*resolved.masks);
        if (!method.startsWith("patch"))
            QVERIFY(std::abs(result["sparsity"]["achieved"].get<double>() - 0.5) < 1e-3);

        // The text's end, which the run held out.
        auto ids = tokenizeCorpus(*loadTokenizer(files), {kText}, CorpusPart::Learn, 48).ids;
        const std::vector<std::int32_t> heldOut(ids.end() - 96, ids.end());
        PerplexityRequest request;
        request.window = 48;
        const auto measured =
            measurePerplexity(Decoder::load(files, torch::kFloat32), heldOut, request).value;
        QVERIFY(std::abs(measured / result["perplexity"]["pruned"].get<double>() - 1) < 1e-9);
        const auto base = Decoder::load(ModelFiles::open(resolved.path), torch::kFloat32);
        QVERIFY(measurePerplexity(maskedDecoder(base, masks), heldOut, request).value != measured);

        // As packed for decoding, and as exported, it holds the same weights.
        const auto& config = files.config();
        const auto packed = PackedModel::load(files, &masks, Layout::Sparse),
                   dense = PackedModel::load(ModelFiles::open(resolved.path), &masks, Layout::Sparse);
        const std::vector<float> x(static_cast<std::size_t>(config.intermediateSize), 0.25f);
        AlignedBytes prepared(kernels::inputBytes(config.intermediateSize));
        const auto product = [&](const PackedMatrix& matrix) {
            std::vector<float> y(static_cast<std::size_t>(matrix.rows()) + 64);
            matrix.prepare(x.data(), prepared.as<std::byte>());
            matrix.product(prepared.as<std::byte>(), y.data(), matrix.part(0, 1));
            y.resize(static_cast<std::size_t>(matrix.rows()));
            return y;
        };
        const auto down = product(packed.blocks[1].down);
        QVERIFY(down != product(dense.blocks[1].down));
        const auto exported = m_scratch / ("export-" + method.toStdString());
        exportHuggingFace(files, &masks, {Json::object(), Json::object()}, exported, [](int, int) {});
        const auto whole = ModelFiles::open(exported);
        for (const auto& info : files.tensors().tensors()) {
            std::vector<float> a(static_cast<std::size_t>(info.elements())), b(a.size());
            files.tensors().readF32(info, 0, a);
            whole.tensors().readF32(whole.tensors().at(info.name), 0, b);
            QVERIFY2(a == b, info.name.c_str());
        }

        fs::remove(out(json) / "weights.safetensors");
        EXPECT_ERROR(resolveModel(out(json).string()), NotFound, "lacks weights.safetensors");
    }

    // What has been learned is one file for every method: one of each form of mask.
    void stoppedRunsEndTheSame_data() { methods({"wanda", "leap", "patch-joint"}); }
    /// Stopped behind the first block and gone on with, a run ends with the bytes of one left alone.
    void stoppedRunsEndTheSame() {
        QFETCH(QString, method);
        QFETCH(QString, finish);
        Json own{{"finish", finish.toStdString()}, {"eval_windows", 0}};
        const OptionSet options(method.toStdString(), Json::object());
        for (const char* start : {"prior", "base"})
            if (options.has(start)) own[start] = "magnitude";
        const auto whole = spec(method.toStdString(), own), cut = spec(method.toStdString(), own);
        run(whole);
        RunControl control;
        Listener listener(control, "block", methodNamed(method.toStdString()).learns ? 0 : 1);
        if (methodNamed(method.toStdString()).learns) {
            // Learning is over; the first block of the finish is what is stopped behind.
            struct Late : Listener {
                using Listener::Listener;
                void emit(const Event& event) override {
                    if (event.type == "phase" && event.json["phase"] == "finish") stopAfter = 1;
                    Listener::emit(event);
                }
            } late(control, "block", 0);
            EXPECT_ERROR(Engine::run(ExperimentSpec::fromJson(cut), late, control), Cancelled, "resume");
            QVERIFY(fs::exists(out(cut) / "learned.npz"));
        } else {
            EXPECT_ERROR(Engine::run(ExperimentSpec::fromJson(cut), listener, control), Cancelled, "resume");
            QVERIFY(listener.heard("checkpoint"));
        }
        QVERIFY(!fs::exists(out(cut) / "masks.npz") && !fs::exists(out(cut) / "weights.safetensors"));
        EXPECT_ERROR(resolveModel(out(cut).string()), NotFound, "not finished");
        RunControl again;
        Listener second(again, "", 0);
        Engine::resume(out(cut), second, again);
        QCOMPARE(second.heard("resumed"), !methodNamed(method.toStdString()).learns);
        QVERIFY(masksOf(cut) == masksOf(whole));
        QVERIFY(weightsOf(cut) == weightsOf(whole));
    }

    /// What a method learns may start from any one-shot method: each leaves a mask of its own.
    void priorsComeFromAnyMethod() {
        std::set<std::string> masks;
        for (const char* prior : {"wanda", "sparsegpt", "thanos", "admm"}) {
            const auto json = spec("leap",
                                   {{"prior", prior},
                                    {"eval_windows", 0},
                                    {"prior_threshold", "matrix"},
                                    {"target_scope", "matrix"}},
                                   {{"steps", 0}});
            run(json);
            masks.insert(masksOf(json));
            if (std::string(prior) != "sparsegpt" && std::string(prior) != "admm") continue;
            // Unlearned, it is the method's own mask, but for what is rounded away at the threshold.
            const auto own = spec(prior, {{"eval_windows", 0}});
            run(own);
            const auto a = readMasks(out(json) / "masks.npz"), b = readMasks(out(own) / "masks.npz");
            std::int64_t different = 0;
            for (const auto& [name, mask] : a.masks)
                for (std::int64_t i = 0; i < mask.rows * mask.cols; ++i)
                    different += mask.keeps(i) != b.masks.at(name).keeps(i);
            QVERIFY2(double(different) < 1e-3 * double(a.weights()), qPrintable(QString::number(different)));
        }
        QCOMPARE(masks.size(), std::size_t(4));
        const auto patch =
            spec("patch-tile", {{"prior", "sparsegpt"}, {"base", "sparsegpt"}, {"eval_windows", 0}});
        run(patch);
        QVERIFY(!fs::exists(out(patch) / "weights.safetensors"));
    }

    void impossibleRequestsAreRefused() {
        const auto uneven =
            spec("sparsegpt", Json::object(), {{"pattern", "5:7"}, {"sparsity", 1 - 5.0 / 7}});
        EXPECT_ERROR(run(uneven), InvalidInput, "do not divide");
        QVERIFY(!fs::exists(out(uneven)));
        EXPECT_ERROR(run(spec("admm", {{"calibration_context", 128}, {"calibration_windows", 1}},
                              {{"text", (m_scratch / "short.txt").string()}})),
                     NotFound, "short.txt");
        writeFileAtomically(m_scratch / "short.txt", "Far too short a text.\n");
        const auto brief =
            spec("admm", {{"calibration_context", 128}}, {{"text", (m_scratch / "short.txt").string()}});
        EXPECT_ERROR(run(brief), InvalidInput, "tokens");
        QVERIFY(!fs::exists(out(brief)));
        EXPECT_ERROR(ExperimentSpec::fromJson(spec("wanda", {{"damping", 0.1}})), InvalidInput, "damping");
        EXPECT_ERROR(ExperimentSpec::fromJson(spec("admm", {{"imitate", "paper"}})), InvalidInput, "release");
    }
};

QTEST_GUILESS_MAIN(ChangedWeightsTest)
#include "tst_changed_weights.moc"
