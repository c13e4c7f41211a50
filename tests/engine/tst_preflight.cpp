#include <torch/torch.h>

#include <QtTest>

#include "core/engine/preflight.h"
#include "core/engine/requirements.h"
#include "core/formats/model_files.h"
#include "core/session/model_catalogue.h"
#include "support/support.h"

// What is said of a run before it starts.

using namespace tessera;

class PreflightTest : public QObject {
    Q_OBJECT

    test::Scratch m_scratch;

    Json ask(Json json, bool measure = false) {
        json["model"] = "starter";
        json["threads"] = 2;
        // A short one: the default text takes more to read than the starter to learn.
        if (!json.contains("text")) json["text"] = TESSERA_SOURCE_DIR "/LICENSE";
        if (!json.contains("out")) json["out"] = (m_scratch / "run").string();
        return preflight(
            ExperimentSpec::fromJson(json), measure, [](const std::string&) {}, m_cancellation);
    }
    Cancellation m_cancellation;

  private Q_SLOTS:
    void estimatesWhatALearningRunNeeds() {
        const auto found = ask({{"method", "leap"}, {"sparsity", 0.7}, {"steps", 50}});
        const auto& memory = found.at("memory");
        QVERIFY(memory.at("needed").get<std::uint64_t>() > 200u << 20);
        QVERIFY(memory.at("needed").get<std::uint64_t>() < 1500u << 20);
        QVERIFY(memory.at("free").get<std::uint64_t>() > 0);
        QVERIFY(memory.at("assumption").get<std::string>().find("batch 4, context 256 tokens, bf16") !=
                std::string::npos);  // a default is cut to what the model reads
        QVERIFY(found.at("disk").at("needed").get<std::uint64_t>() > 50u << 20);
        const auto& seconds = found.at("seconds");
        QCOMPARE(seconds.at("steps").get<int>(), 50);
        QVERIFY(!seconds.at("measured").get<bool>());
        const auto& phases = seconds.at("phases");
        double sum = 0;
        for (const auto& [name, value] : phases.items()) sum += value.get<double>();
        QVERIFY(std::abs(sum - seconds.at("total").get<double>()) < 1e-9 * sum);
        QCOMPARE(found.at("assumptions").size(), std::size_t(3));
        QVERIFY(found.at("levers").empty());
        QVERIFY(!std::filesystem::exists(m_scratch / "run"));  // nothing is written
    }

    /// A logit and its two moments for each weight of LEAP's, six for every four of 2:4 patterns, seventy for
    /// every eight of 4:8: twice on disk, once in memory.
    void patternsTakeTheirRoom() {
        const auto leap = ask({{"method", "leap"}, {"sparsity", 0.5}, {"steps", 50}});
        const auto weights = [] {
            double sum = 0;
            for (const auto& matrix :
                 prunableMatrices(ModelFiles::open(resolveModel("starter").path).config()))
                sum += static_cast<double>(matrix.elements());
            return sum;
        }();
        const auto more = [&](Json json, const char* what) {
            json["steps"] = 50;
            return ask(json).at(what).at("needed").get<double>() - leap.at(what).at("needed").get<double>();
        };
        const Json maskllm{{"method", "maskllm"}}, joint{{"method", "patch-joint"}, {"sparsity", 0.45}},
            eight{{"method", "maskllm"}, {"pattern", "4:8"}};
        for (const auto& [json, logits] : {std::pair{maskllm, 1.5}, {joint, 1.5}, {eight, 8.75}}) {
            QVERIFY(std::abs(more(json, "disk") - 24 * (logits - 1) * weights) < 0.01 * 24 * weights);
            QVERIFY(std::abs(more(json, "memory") - 12 * (logits - 1) * weights) < 0.01 * 12 * weights);
        }
    }

    /// On disk instead of in memory: a logit and two moments a weight, and a gradient where it is
    /// accumulated.
    void spilledStateIsOnDisk() {
        const Json plain{{"method", "leap"}, {"sparsity", 0.5}, {"steps", 50}};
        double weights = 0;
        for (const auto& matrix : prunableMatrices(ModelFiles::open(resolveModel("starter").path).config()))
            weights += static_cast<double>(matrix.elements());
        for (const auto& [accumulate, bytes] : {std::pair{1, 12.0}, {2, 16.0}}) {
            auto kept = plain, spilled = plain;
            kept["set"] = {{"accumulate", accumulate}};
            spilled["set"] = {{"accumulate", accumulate}, {"spill_state", true}};
            const auto a = ask(kept), b = ask(spilled, true);
            const auto of = [](const Json& found, const char* what) {
                return found.at(what).at("needed").get<double>();
            };
            QVERIFY(std::abs(of(a, "memory") - of(b, "memory") - bytes * weights) < 0.01 * weights);
            QVERIFY(std::abs(of(b, "disk") - of(a, "disk") - bytes * weights) < 0.01 * weights);
            QVERIFY(b.at("disk").at("assumption").get<std::string>().starts_with("logits and moments"));
            QVERIFY(!b.at("seconds").at("measured").get<bool>());
        }
    }

    /// Two moments of a weight in two bytes each instead of four.
    void narrowMomentsTakeLess() {
        const Json plain{{"method", "leap"}, {"sparsity", 0.5}, {"steps", 50}};
        double weights = 0;
        for (const auto& matrix : prunableMatrices(ModelFiles::open(resolveModel("starter").path).config()))
            weights += static_cast<double>(matrix.elements());
        auto narrow = plain;
        narrow["set"] = {{"moments", "bf16"}};
        const auto of = [](const Json& found, const char* what) {
            return found.at(what).at("needed").get<double>();
        };
        const auto wide = ask(plain), half = ask(narrow);
        QVERIFY(std::abs(of(wide, "memory") - of(half, "memory") - 4 * weights) < 0.01 * weights);
        QCOMPARE(of(wide, "disk"), of(half, "disk"));
    }

    /// A model that writes its text is whole in memory for it, and takes its time.
    void ownTextTakesItsShare() {
        const Json plain{{"method", "leap"}, {"sparsity", 0.5}, {"steps", 50}};
        auto own = plain;
        Json blind{{"method", "magnitude"}, {"sparsity", 0.5}};
        own["set"] = {{"own_samples", 1}};
        const auto seconds = [](const Json& found) {
            return found.at("seconds").at("phases").at("sample").get<double>();
        };
        const auto read = ask(plain), written = ask(own);
        QCOMPARE(seconds(read), 0.0);
        QVERIFY(seconds(written) > 0);
        QVERIFY(written.at("seconds").at("total").get<double>() >= seconds(written));
        QCOMPARE(written.at("disk").at("needed").get<double>() - read.at("disk").at("needed").get<double>(),
                 12.0 * 131072);
        own["set"]["own_tokens"] = 2 * 131072;
        const auto twice = seconds(ask(own)) / seconds(written);
        QVERIFY2(twice > 1 && twice < 4, qPrintable(QString::number(twice)));
        blind["set"] = {{"own_samples", 1}};
        QCOMPARE(seconds(ask(blind)), 0.0);
    }

    void measuresAStepOfEachMethod() {
        for (const auto& method : methodDescriptions()) {
            if (!method.learns) continue;
            const auto found = ask({{"method", method.name},
                                    {"sparsity", 0.5},
                                    {"steps", 10},
                                    {"set", {{"batch", 1}, {"context", 32}}}},
                                   true);
            QVERIFY(found.at("seconds").at("measured").get<bool>());
            QVERIFY(found.at("seconds").at("step").get<double>() > 0);
        }
    }

    void measuresOneRealStep() {
        const Json set{{"batch", 1}, {"context", 32}};
        const auto found = ask({{"method", "leap"}, {"sparsity", 0.5}, {"steps", 10}, {"set", set}}, true);
        const auto& seconds = found.at("seconds");
        QVERIFY(seconds.at("measured").get<bool>());
        const double step = seconds.at("step").get<double>();
        QVERIFY(step > 0);
        QVERIFY(std::abs(seconds.at("phases").at("learn").get<double>() - 10 * 1.05 * step) < 1e-9);
        // A budget of time becomes the steps that the engine would take.
        const auto timed =
            ask({{"method", "patch-tile"}, {"sparsity", 0.4}, {"minutes", 2}, {"set", set}}, true);
        const double each = timed.at("seconds").at("step").get<double>();
        QCOMPARE(timed.at("seconds").at("steps").get<std::int64_t>(),
                 std::max<std::int64_t>(1, static_cast<std::int64_t>(120 / (each * 1.05))));
    }

    void quickRunsTakeTheModelsOwnSteps() {
        const auto files = ModelFiles::open(resolveModel("starter").path);
        const auto found = ask({{"method", "leap"}, {"sparsity", 0.5}});
        QCOMPARE(found.at("seconds").at("steps").get<std::int64_t>(), defaultSteps(files.config()));
    }

    void methodsThatLearnNothingHaveNoSteps() {
        const auto found = ask({{"method", "wanda"}, {"sparsity", 0.5}}, true);
        QVERIFY(found.at("seconds").at("step").is_null() && found.at("seconds").at("steps").is_null());
        QVERIFY(found.at("seconds").at("total").get<double>() > 0);
        QVERIFY(!found.at("seconds").at("measured").get<bool>());
    }

    void whatDoesNotFitGetsALeverThatHelps() {
        // 4096 windows at a time need more than a hundred gigabytes of activations.
        const Json set{{"batch", 4096}};
        const auto found = ask({{"method", "leap"}, {"sparsity", 0.5}, {"set", set}}, true);
        const auto needed = found.at("memory").at("needed").get<std::uint64_t>();
        const auto free = found.at("memory").at("free").get<std::uint64_t>();
        if (needed <= free) QSKIP("this machine holds even that");
        QVERIFY(!found.at("seconds").at("measured").get<bool>());  // not tried
        QVERIFY(!found.at("levers").empty());
        const auto& lever = found.at("levers")[0];
        QCOMPARE(lever.at("for").get<std::string>(), std::string("memory"));
        QCOMPARE(lever.at("option").get<std::string>(), std::string("batch"));
        Json changed = set;
        changed["batch"] = lever.at("value");
        const auto after = ask({{"method", "leap"}, {"sparsity", 0.5}, {"set", changed}});
        QVERIFY(after.at("memory").at("needed").get<std::uint64_t>() <= free);
    }

    void longRunsAreOfferedAShorterOne() {
        const auto found = ask({{"method", "leap"}, {"sparsity", 0.5}, {"steps", 10000000}});
        QCOMPARE(found.at("levers").size(), std::size_t(1));
        QCOMPARE(found.at("levers")[0].at("option").get<std::string>(), std::string("minutes"));
        QCOMPARE(found.at("levers")[0].at("for").get<std::string>(), std::string("seconds"));
    }

    void saysWhatIsMissing() {
        EXPECT_ERROR(ask({{"method", "leap"}, {"sparsity", 0.5}, {"text", {"/nowhere/text.txt"}}}), NotFound,
                     "/nowhere/text.txt");
        EXPECT_ERROR(ask({{"method", "leap"}, {"sparsity", 0.5}, {"set", {{"context", 100000}}}}),
                     InvalidInput, "at most 256");
        EXPECT_ERROR(ask({{"method", "leap"}, {"sparsity", 0.5}, {"set", {{"exclude", "*"}}}}, true),
                     InvalidInput, "every matrix is excluded");
        Cancellation cancelled;
        cancelled.request();
        EXPECT_ERROR(
            preflight(
                ExperimentSpec::fromJson({{"model", "starter"}, {"method", "leap"}, {"sparsity", 0.5}}), true,
                [](const std::string&) {}, cancelled),
            Cancelled, "stopped");
    }
};

QTEST_GUILESS_MAIN(PreflightTest)
#include "tst_preflight.moc"
