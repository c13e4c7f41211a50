// Every method on every family of models (tests/reference/make_tiny_families.py): the blocks one at a time
// are the decoder, and each method keeps its budget.
#include <torch/torch.h>

#include <QtTest>
#include <cmath>

#include "core/evaluate/perplexity.h"
#include "core/learn/prior.h"
#include "core/learn/trainer.h"
#include "core/prune/one_shot.h"
#include "support/families.h"

using namespace tessera;

namespace {

constexpr std::int64_t kWindow = 48;  ///< longer than the windows of attention

std::vector<std::int32_t> idsOf(const QString& family) {
    const auto file = SafetensorsFile::open(test::familyFolder(family) / "golden.safetensors");
    const auto ids = test::golden(*file, "input_ids");
    return {ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel()};
}

/// Masks that begin at the magnitude prior, or tiles of it over 2:4.
MaskList masksOf(const ModelFiles& files, bool tiles) {
    MaskList list;
    OneShotRequest request;
    request.target = parsePattern(tiles ? "2:4" : "unstructured", 0.5);
    request.onPruned = [&](const PrunableMatrix& matrix, const PrunedMatrix& pruned) {
        const auto& scores = pruned.scores;
        if (tiles) {
            list.push_back(std::make_unique<TileMask>(matrix, packMask(keepNM(scores, 2, 4)), 16, 16));
            takeTileScores(static_cast<TileMask&>(*list.back()),
                           packMask(keepInMatrix(scores, PatternTarget{0.25}.removed(scores.numel()))));
        } else {
            list.push_back(std::make_unique<BernoulliMask>(matrix));
            takeScores(static_cast<BernoulliMask&>(*list.back()), scores);
        }
    };
    pruneOneShot(files, *OneShotMethod::create("magnitude"), {}, torch::kFloat32, request);
    finishPrior(list, {});
    return list;
}

}  // namespace

class TestFamilyMethods : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { configureThreads(2); }

    void blocksOneAtATimeAreTheDecoder_data() { test::familyRows(); }
    void blocksOneAtATimeAreTheDecoder() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto files = ModelFiles::open(test::familyFolder(family));
        const auto decoder = Decoder::load(files, torch::kFloat32);
        const auto windows = calibrationWindows(idsOf(family), 4, kWindow);
        BlockStream stream(files, windows, torch::kFloat32);
        for (int block = 0; block < stream.blocks(); ++block) {
            int groups = 0;
            stream.observe([&](Group, const torch::Tensor& input) {
                ++groups;
                QVERIFY(torch::isfinite(input).all().item<bool>());
            });
            QCOMPARE(groups, kGroups);
            stream.advance();
        }
        const auto hidden = rmsNorm(stream.activations(), decoder.outer.finalNorm, decoder.config.rmsEps);
        QVERIFY(hidden.equal(decoder.hidden(windows)));
    }

    void perplexityIsThatOfTheLogits_data() { test::familyRows(); }
    void perplexityIsThatOfTheLogits() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto decoder = Decoder::load(ModelFiles::open(test::familyFolder(family)), torch::kFloat32);
        const auto ids = idsOf(family);
        PerplexityRequest request;
        request.window = 100;
        request.windows = 2;
        const auto measured = measurePerplexity(decoder, ids, request);
        for (std::int64_t w = 0; w < 2; ++w) {
            const std::vector<std::int64_t> own(ids.begin() + w * 100, ids.begin() + (w + 1) * 100);
            const auto window = torch::tensor(own).unsqueeze(0);
            const auto log =
                torch::log_softmax(decoder.logits(decoder.hidden(window))[0].to(torch::kFloat64), -1);
            const double want = -log.narrow(0, 0, 99)
                                     .gather(1, window[0].narrow(0, 1, 99).unsqueeze(1))
                                     .mean()
                                     .item<double>();
            QVERIFY(std::abs(measured.crossEntropies[std::size_t(w)] - want) < 1e-5);
        }
    }

    void oneShotMethodsKeepTheBudget_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<QString>("method");
        for (const char* family : test::kFamilies)
            for (const char* method : {"magnitude", "wanda", "sparsegpt", "thanos", "admm", "wanda+optima"})
                QTest::addRow("%s, %s", family, method) << family << method;
    }
    void oneShotMethodsKeepTheBudget() {
        QFETCH(QString, family);
        QFETCH(QString, method);
        const auto files = ModelFiles::open(test::familyFolder(family));
        const auto windows = calibrationWindows(idsOf(family), 4, kWindow);
        OneShotSettings settings;
        settings.finish = method.endsWith("+optima");
        settings.block = 32;
        const auto made = OneShotMethod::create(method.section('+', 0, 0).toStdString(), settings);
        const auto matrices = prunableMatrices(files.config());
        for (const char* pattern : {"unstructured", "2:4"}) {
            OneShotRequest request;
            request.target = parsePattern(pattern, 0.5);
            int changed = 0;
            request.onPruned = [&](const PrunableMatrix&, const PrunedMatrix& pruned) {
                changed += pruned.weights.defined();
            };
            const auto set = pruneOneShot(files, *made, windows, torch::kFloat32, request);
            QCOMPARE(set.masks.size(), matrices.size());
            for (const auto& matrix : matrices)
                QCOMPARE(set.masks.at(matrix.name).kept(), matrix.elements() / 2);
            QCOMPARE(changed, made->changesWeights() ? static_cast<int>(matrices.size()) : 0);
        }
    }

    void learningKeepsTheBudget_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<bool>("tiles");
        QTest::addColumn<bool>("half");
        for (const char* family : test::kFamilies)
            for (const bool tiles : {false, true})
                for (const bool half : {false, true})
                    QTest::addRow("%s, %s, %s", family, tiles ? "PATCH-Tile" : "LEAP", half ? "bf16" : "f32")
                        << family << tiles << half;
    }
    void learningKeepsTheBudget() {
        QFETCH(QString, family);
        QFETCH(bool, tiles);
        QFETCH(bool, half);
        const auto files = ModelFiles::open(test::familyFolder(family));
        const auto decoder = Decoder::load(files, half ? torch::kBFloat16 : torch::kFloat32);
        const auto ids = idsOf(family);
        TrainerSettings settings;
        settings.sparsity = tiles ? 0.25 : 0.5;
        settings.steps = 2;
        settings.batch = 2;
        settings.context = kWindow;
        settings.seed = 3;
        MaskTrainer trainer(decoder, masksOf(files, tiles), ids, settings);
        for (int i = 0; i < 2; ++i) {
            const auto report = trainer.step();
            QVERIFY(std::isfinite(report.loss) && report.gradientNorm > 0);
            QVERIFY(report.crossEntropy > 0 && report.divergence > 0);
        }
        const auto set = trainer.harden();
        std::int64_t weights = 0;
        for (const auto& matrix : prunableMatrices(files.config())) weights += matrix.elements();
        QCOMPARE(set.weights(), weights);
        const auto zeros = weights - set.kept();
        // A tile of 16 x 16 has 128 zeros: the budget is met to half of them.
        if (tiles)
            QVERIFY(std::abs(static_cast<double>(zeros) - 0.25 * static_cast<double>(weights)) <= 64);
        else
            QCOMPARE(zeros, weights / 2);
    }
};

QTEST_GUILESS_MAIN(TestFamilyMethods)
#include "tst_family_methods.moc"
