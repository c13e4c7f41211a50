// Scores of trees against each request on its own in f64, and tasks against lm-evaluation-harness
// (tests/reference/make_task_choices.py).
#include <torch/torch.h>

#include <QtTest>
#include <cmath>
#include <numeric>

#include "core/base/json.h"
#include "core/evaluate/zero_shot.h"
#include "core/formats/model_files.h"
#include "core/session/model_catalogue.h"
#include "support/support.h"

using namespace tessera;

class TestZeroShot : public QObject {
    Q_OBJECT
    std::optional<ModelFiles> m_files;

    static torch::Tensor tensorOf(const std::vector<std::int32_t>& ids) {
        return torch::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), torch::kInt64).view({1, -1});
    }

    /// log p of each target and whether it is the likeliest, the request alone, through the plain decoder.
    static std::pair<double, bool> alone(const Decoder& decoder, const EncodedRequest& request) {
        torch::NoGradGuard guard;
        const auto logits = decoder.logits(decoder.hidden(tensorOf(request.input)))[0];
        const auto logProbabilities = torch::log_softmax(logits.to(torch::kFloat64), -1);
        const auto first = static_cast<std::int64_t>(request.input.size() - request.targets.size());
        double sum = 0;
        bool greedy = true;
        for (std::size_t i = 0; i < request.targets.size(); ++i) {
            const auto row = logProbabilities[first + static_cast<std::int64_t>(i)];
            sum += row[request.targets[i]].item<double>();
            greedy = greedy && row.argmax().item<std::int64_t>() == request.targets[i];
        }
        return {sum, greedy};
    }

    static EncodedRequest request(std::vector<std::int32_t> context, std::vector<std::int32_t> continuation) {
        EncodedRequest made{std::move(context), continuation};
        made.input.insert(made.input.end(), continuation.begin(), continuation.end() - 1);
        return made;
    }

    static std::optional<ModelFiles> smollm2() {
        const auto model = catalogueModel("smollm2-135m");
        return model.installed() ? std::optional(ModelFiles::open(model.path())) : std::nullopt;
    }

  private Q_SLOTS:
    void initTestCase() { m_files = ModelFiles::open(test::data("tiny_llama")); }

    void treesAreTheRequestsAlone_data() {
        QTest::addColumn<bool>("full");
        QTest::addColumn<double>("tolerance");
        QTest::addRow("f32") << true << 2e-4;
        QTest::addRow("bf16") << false << 0.15;
    }
    /// Shared beginnings of one token up to a long trunk, several roots, a choice that begins another,
    /// several trees in one forward.
    void treesAreTheRequestsAlone() {
        QFETCH(bool, full);
        QFETCH(double, tolerance);
        const auto decoder = Decoder::load(*m_files, full ? torch::kFloat32 : torch::kBFloat16);
        std::uint32_t state = 11;
        const auto some = [&](std::size_t count) {
            std::vector<std::int32_t> ids(count);
            for (auto& id : ids) id = static_cast<std::int32_t>((state = state * 1664525 + 1013904223) >> 24);
            return ids;
        };
        const auto likeliest = [&](const std::vector<std::int32_t>& context) {
            return decoder.logits(decoder.hidden(tensorOf(context)))[0][-1].argmax().item<std::int32_t>();
        };
        std::vector<EncodedRequest> requests;
        std::vector<TokenTree> trees;
        const auto grow = [&](const std::vector<EncodedRequest>& own) {
            trees.emplace_back();
            for (const auto& one : own) {
                trees.back().add(one, requests.size());
                requests.push_back(one);
            }
        };
        const auto shortContext = some(5), longContext = some(230);
        grow({request(shortContext, {7}), request(shortContext, {9}), request(shortContext, {9, 3, 1}),
              request(shortContext, {9, 3, 200, 17})});
        grow({request(longContext, some(6)), request(longContext, some(3)), request(longContext, {4})});
        grow({request({1, 2}, {3, 4}), request({8, 2}, {3, 4})});
        grow({request(some(200), {5})});
        grow({request(shortContext, {likeliest(shortContext)})});
        std::vector<const TokenTree*> all;
        for (const auto& tree : trees) all.push_back(&tree);
        const auto scores = scoreTrees(decoder, all, true);
        std::vector<double> sums(requests.size());
        std::vector<bool> greedy(requests.size(), true);
        for (std::size_t t = 0; t < trees.size(); ++t)
            for (std::size_t p = 0; p < trees[t].predictions().size(); ++p) {
                const auto own = trees[t].predictions()[p].request;
                sums[own] += scores[t].logLikelihoods[p];
                greedy[own] = greedy[own] && scores[t].greedy[p];
            }
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const auto [sum, likeliestToo] = alone(decoder, requests[i]);
            QVERIFY2(std::abs(sums[i] - sum) < tolerance * static_cast<double>(requests[i].targets.size()),
                     qPrintable(QString("request %1: %2, alone %3").arg(i).arg(sums[i]).arg(sum)));
            if (full) QCOMPARE(bool(greedy[i]), likeliestToo);
        }
        QVERIFY(greedy.back());
    }

    /// Every log-likelihood of the small files, all ten tasks, and how they are cut into tokens.
    void smallFilesAreTheHarnesss() {
        const auto files = smollm2();
        if (!files) QSKIP("SmolLM2 is not installed: tessera-cli models fetch smollm2-135m");
        const auto decoder = Decoder::load(*files, torch::kFloat32);
        const auto tokenizer = loadTokenizer(*files);
        const auto golden = readJsonFile(test::data("tasks/golden.json"))["requests"];
        for (const auto& layout : taskLayouts()) {
            const std::string name = layout.name;
            const auto task = readTask(name, test::data("tasks/" + name));
            for (const std::int64_t batch : {1, 4096}) {
                ZeroShotRequest zeroShot;
                zeroShot.batchTokens = batch;
                std::size_t told = 0, correct = 0;
                zeroShot.progress = [&](std::size_t done, std::size_t items, std::size_t right) {
                    QVERIFY(done > told && done <= items);
                    QVERIFY(right >= correct && right <= done);
                    told = done;
                    correct = right;
                };
                const auto scores = scoreTask(decoder, *tokenizer, task, zeroShot);
                QCOMPARE(told, task.items.size());
                const auto accuracy = taskResult(task, scores)["acc"].get<double>();
                QCOMPARE(double(correct), std::round(accuracy * double(task.items.size())));
                std::size_t at = 0;
                for (const auto& part :
                     name == "mmlu" ? std::vector<std::string>{"mmlu/anatomy", "mmlu/high_school_physics"}
                                    : std::vector<std::string>{name})
                    for (const auto& item : golden[part]["items"])
                        for (std::size_t r = 0; r < item["log_likelihoods"].size(); ++r) {
                            const auto& own = scores.at(at++);
                            const double expected = item["log_likelihoods"][r].get<double>();
                            QVERIFY2(std::abs(own.logLikelihood - expected) < 2e-3,
                                     qPrintable(QString("%1, request %2: %3, the harness %4")
                                                    .arg(part.c_str())
                                                    .arg(at - 1)
                                                    .arg(own.logLikelihood)
                                                    .arg(expected)));
                            if (!task.multipleChoice) QCOMPARE(own.greedy, item["greedy"][r].get<bool>());
                        }
                QCOMPARE(at, scores.size());
                if (name == "mmlu") continue;
                const auto result = taskResult(task, scores);
                for (const auto* metric : {"acc", "acc_norm", "perplexity"})
                    if (golden[name]["metrics"].contains(metric))
                        QVERIFY2(std::abs(result.at(metric).get<double>() -
                                          golden[name]["metrics"][metric].get<double>()) <
                                     1e-3 * std::max(1.0, result[metric].get<double>()),
                                 qPrintable(QString("%1 %2").arg(name.c_str(), metric)));
            }
        }
    }

    void publishedPicksAreTheHarnesss_data() {
        QTest::addColumn<QString>("name");
        for (const auto* name : {"piqa", "arc_easy", "winogrande", "openbookqa"})
            QTest::addRow("%s", name) << name;
    }
    /// The first items of the published data, item by item.
    void publishedPicksAreTheHarnesss() {
        QFETCH(QString, name);
        const auto folder = test::evaluationData("tasks/" + name.toStdString());
        if (folder.empty()) QSKIP("the evaluation data are not there (TESSERA_TEST_DATA)");
        const auto files = smollm2();
        if (!files) QSKIP("SmolLM2 is not installed: tessera-cli models fetch smollm2-135m");
        const auto golden = readJsonFile(test::data("tasks/golden.json"))["choices"][name.toStdString()];
        const auto task = readTask(name.toStdString(), folder, golden["acc"].size());
        const auto decoder = Decoder::load(*files, torch::kFloat32);
        const auto result = taskResult(task, scoreTask(decoder, *loadTokenizer(*files), task, {}));
        QCOMPARE(result["choices"].dump(), golden["acc"].dump());
        QVERIFY(std::abs(result["acc"].get<double>() - golden["metrics"]["acc"].get<double>()) < 1e-12);
        if (!golden.contains("acc_norm")) return;
        QCOMPARE(result["choices_norm"].dump(), golden["acc_norm"].dump());
        QVERIFY(std::abs(result["acc_norm"].get<double>() - golden["metrics"]["acc_norm"].get<double>()) <
                1e-12);
    }

    void cutsAsTheHarnessDoes() {
        const auto tokenizer = loadTokenizerFrom(TESSERA_SOURCE_DIR "/resources/starter");
        const auto encode = [&](const char* context, const char* continuation, EncodeSettings settings = {}) {
            return encodeRequest(*tokenizer, {context, continuation}, settings);
        };
        const auto plain = encode("The cat sat", " down on it");
        auto whole = tokenizer->encode("The cat sat down on it");
        QCOMPARE(plain.input.back(), whole[whole.size() - 2]);
        QCOMPARE(plain.targets.back(), whole.back());
        QCOMPARE(plain.input.size(), whole.size() - 1);
        // The space at the context's end goes with the continuation.
        const auto spaced = encode("The cat sat ", "down on it");
        QCOMPARE(spaced.input, plain.input);
        QCOMPARE(spaced.targets, plain.targets);
        // Too long: the beginning goes.
        const auto cut = encode("The cat sat", " down on it", {false, 3});
        QCOMPARE(cut.input, std::vector<std::int32_t>(plain.input.end() - 3, plain.input.end()));
        EXPECT_ERROR(encode("a", " down on it and on and on", {false, 2}), InvalidInput, "the model reads 2");
        EXPECT_ERROR(encode("a", ""), InvalidInput, "no token to score");
        // No context: a special token in its place.
        const auto first = tokenizer->bosToken() >= 0 ? tokenizer->bosToken() : tokenizer->eosToken();
        if (first >= 0) QCOMPARE(encode("", " down").input[0], first);
        if (tokenizer->bosToken() >= 0) {
            const auto begun = encode("The cat sat", " down on it", {true, 100});
            QCOMPARE(begun.input[0], tokenizer->bosToken());
            QCOMPARE(begun.targets, plain.targets);
            QCOMPARE(begun.input.size(), plain.input.size() + 1);
        } else {
            EXPECT_ERROR(encode("a", " b", {true, 100}), InvalidInput, "--bos");
        }
    }

    void stops() {
        const auto decoder = Decoder::load(*m_files, torch::kFloat32);
        const auto tokenizer = loadTokenizerFrom(TESSERA_SOURCE_DIR "/resources/starter");
        Cancellation cancellation;
        cancellation.request();
        ZeroShotRequest request;
        request.cancellation = &cancellation;
        EXPECT_ERROR(scoreTask(decoder, *tokenizer, readTask("piqa", test::data("tasks/piqa")), request),
                     Cancelled, "stopped");
    }
};

QTEST_APPLESS_MAIN(TestZeroShot)
#include "tst_zero_shot.moc"
