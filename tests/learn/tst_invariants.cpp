#include <torch/torch.h>

#include <QtTest>
#include <cmath>
#include <random>

#include "core/evaluate/perplexity.h"
#include "core/learn/prior.h"
#include "core/learn/trainer.h"
#include "core/model/torch_runtime.h"
#include "core/prune/one_shot.h"
#include "kernels/reference/gates.h"
#include "support/support.h"

// What methods.md states about soft masks, priors and budgets: the table of 8.8, the identities of 8.9.

using namespace tessera;
namespace reference = tessera::kernels::reference;

namespace {

constexpr std::int64_t kRows = 1024, kCols = 1024, kCount = kRows * kCols;

double sigmoid(double x) {
    return 1 / (1 + std::exp(-x));
}

PrunableMatrix matrixNamed(const std::string& name, std::int64_t rows, std::int64_t cols) {
    return {name, "q", 0, rows, cols};
}

/// Logits that are all `value`, on weights that are all one: what is sampled are the gates themselves.
struct Draw {
    explicit Draw(double kappa, double tau, double value, std::int64_t rows = kRows)
        : mask(matrixNamed("m", rows, kCols)), ones(torch::ones({rows, kCols})) {
        step.gate = {static_cast<float>(kappa), static_cast<float>(tau), 0.0f};
        step.noise = {2024, 3, 1};
        mask.logits().fill_(value);
    }
    torch::Tensor gates() {
        auto gates = torch::empty_like(ones);
        mask.sample(ones, gates, step);
        return gates;
    }
    BernoulliMask mask;
    torch::Tensor ones;
    MaskStep step;
};

/// Moments over the logistic noise by the midpoint rule.
struct Moments {
    double mean = 0, deviation = 0, slope = 0, slopeDeviation = 0;
    Moments(double kappa, double tau, double logit) {
        const int points = 400'000;
        double squares = 0, slopes = 0;
        for (int i = 0; i < points; ++i) {
            const double u = (i + 0.5) / points, noise = std::log(u / (1 - u));
            const double m = reference::gate(logit, noise, {kappa, tau, 0}),
                         s = reference::gateSlope(logit, noise, {kappa, tau, 0});
            mean += m / points;
            squares += m * m / points;
            slope += s / points;
            slopes += s * s / points;
        }
        deviation = std::sqrt(squares - mean * mean);
        slopeDeviation = std::sqrt(slopes - slope * slope);
    }
};

/// Scores without ties, none more likely than another.
torch::Tensor scoresOf(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
    auto generator = at::detail::createCPUGenerator(seed);
    return torch::rand({rows, cols}, generator, torch::kFloat64).exp().to(torch::kFloat32);
}

std::vector<std::int32_t> someIds() {
    std::mt19937 random(9);
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 32 * 40; ++i) ids.push_back(static_cast<std::int32_t>(random() % 256));
    return ids;
}

TrainerSettings settings(std::int64_t steps) {
    TrainerSettings s;
    s.steps = steps;
    s.batch = 2;
    s.context = 32;
    s.seed = 5;
    s.warmupSteps = 0;
    return s;
}

}  // namespace

class InvariantsTest : public QObject {
    Q_OBJECT
    std::optional<ModelFiles> m_files;
    std::optional<Decoder> m_decoder;
    std::vector<std::int32_t> m_ids = someIds();

    /// LEAP's masks of the small model with the binary prior of its magnitudes.
    MaskList leapMasks(double sparsity = 0.5) const {
        MaskList masks;
        OneShotRequest request;
        request.target.sparsity = sparsity;
        request.onPruned = [&](const PrunableMatrix& matrix, const PrunedMatrix& pruned) {
            const auto& scores = pruned.scores;
            masks.push_back(std::make_unique<BernoulliMask>(matrix));
            takeScores(static_cast<BernoulliMask&>(*masks.back()), scores);
        };
        pruneOneShot(*m_files, *OneShotMethod::create("magnitude"), {}, torch::kFloat32, request);
        PriorSettings prior;
        prior.sparsity = sparsity;
        prior.graded = false;
        finishPrior(masks, prior);
        return masks;
    }
    MaskList tileMasks() const {
        MaskList masks;
        OneShotRequest request;
        request.onPruned = [&](const PrunableMatrix& matrix, const PrunedMatrix& pruned) {
            const auto& scores = pruned.scores;
            masks.push_back(std::make_unique<TileMask>(matrix, packMask(keepNM(scores, 2, 4)), 24, 28));
            torch::manual_seed(std::int64_t(masks.size()));
            masks.back()->logits().copy_(torch::randn({masks.back()->logits().numel()}) * 0.02);
        };
        pruneOneShot(*m_files, *OneShotMethod::create("magnitude"), {}, torch::kFloat32, request);
        return masks;
    }
    torch::Tensor weightsOf(const PrunableMatrix& matrix) const {
        return loadTensor(m_files->tensors(), matrix.name, torch::kFloat64);
    }
    /// The gates of mask number `index` at step `step`, in f64.
    static torch::Tensor gatesOf(const torch::Tensor& logits, const TrainerSettings& s, std::int64_t step,
                                 std::size_t index) {
        auto gates = torch::empty({logits.numel()}, torch::kFloat64);
        const reference::Gate constants{
            interpolate(s.temperatureCurve, s.kappaStart, s.kappaEnd, step, s.steps),
            interpolate(s.temperatureCurve, s.tauStart, s.tauEnd, step, s.steps), 0};
        for (std::int64_t i = 0; i < logits.numel(); ++i)
            gates.data_ptr<double>()[i] = reference::gate(
                logits.data_ptr<float>()[i],
                reference::logisticNoise(s.seed, static_cast<std::uint32_t>(step),
                                         static_cast<std::uint32_t>(index), static_cast<std::uint64_t>(i)),
                constants);
        return gates;
    }

  private Q_SLOTS:
    void initTestCase() {
        configureThreads(2);
        m_files = ModelFiles::open(test::data("tiny_llama"));
        m_decoder = Decoder::load(*m_files, torch::kFloat32);
    }

    /// 8.8: a million gates against every column of the table; 5 standard errors, and half a unit of the
    /// table's last digit.
    void referenceValues_data() {
        QTest::addColumn<double>("kappa");
        QTest::addColumn<double>("tau");
        QTest::addColumn<double>("logit");
        QTest::addColumn<double>("mean");
        QTest::addColumn<double>("deviation");
        QTest::addColumn<double>("above");
        QTest::addColumn<double>("slope");
        QTest::newRow("25, 4") << 25. << 4. << 0.042 << 0.56233 << 0.1052 << 0.74077 << 1.4691;
        QTest::newRow("25, 2") << 25. << 2. << 0.042 << 0.61093 << 0.1813 << 0.74077 << 2.5603;
        QTest::newRow("25, 4, no prior") << 25. << 4. << 0. << 0.5 << 0.1066 << 0.5 << 1.4915;
        QTest::newRow("100, 2") << 100. << 2. << 0.042 << 0.86245 << 0.1078 << 0.98523 << 5.3506;
        QTest::newRow("350, 0.05") << 350. << 0.05 << 0.014 << 0.99258 << 0.0837 << 0.99261 << 2.578;
        QTest::newRow("350, 0.05, low") << 350. << 0.05 << 0.005 << 0.85159 << 0.3465 << 0.85195 << 44.19;
    }
    void referenceValues() {
        QFETCH(double, kappa);
        QFETCH(double, tau);
        QFETCH(double, logit);
        QFETCH(double, mean);
        QFETCH(double, deviation);
        QFETCH(double, above);
        QFETCH(double, slope);
        const Moments moments(kappa, tau, logit);
        const double root = std::sqrt(static_cast<double>(kCount));
        // The table itself, so that a slip in it does not pass as noise.
        QVERIFY(std::abs(moments.mean - mean) < 1e-5);
        QVERIFY(std::abs(moments.deviation - deviation) < 1e-4);
        QVERIFY(std::abs(moments.slope / slope - 1) < 4e-4);
        QVERIFY(std::abs(sigmoid(kappa * logit) - above) < 1e-5);

        const auto near = [](double value, double expected, double allowed, const char* what) {
            const auto text =
                QString("%1: %2, expected %3 +- %4").arg(what).arg(value).arg(expected).arg(allowed);
            QVERIFY2(std::abs(value - expected) < allowed, qPrintable(text));
        };
        for (const double sign : {1.0, -1.0}) {  // a negative logit mirrors
            Draw draw(kappa, tau, sign * logit);
            const auto gates = draw.gates().to(torch::kFloat64);
            const double wanted = sign > 0 ? mean : 1 - mean, share = sign > 0 ? above : 1 - above;
            near(gates.mean().item<double>(), wanted, 5 * deviation / root + 1e-5, "mean");
            near(gates.std().item<double>(), deviation, 0.005 * deviation + 1e-4, "deviation");
            near(gates.gt(0.5).to(torch::kFloat64).mean().item<double>(), share,
                 5 * std::sqrt(share * (1 - share)) / root + 1e-5, "share above one half");
            // With a gradient of one to each masked weight the moment is (1 - beta1) dm/dP.
            draw.step.adam.beta1 = 0;
            draw.mask.backpropagateAndUpdate(draw.ones, draw.ones, draw.step);
            near(draw.mask.moment1().to(torch::kFloat64).mean().item<double>(), slope,
                 5 * moments.slopeDeviation / root + 4e-4 * slope, "slope");
        }
    }

    /// The same noise opens the same gates at any temperature, with the probability sigmoid(kappa P); in the
    /// limit nothing lies between.
    void temperatureOnlySharpens() {
        Draw hot(100, 4, 0.01), warm(100, 1, 0.01), cold(100, 1e-4, 0.01);
        const auto open = hot.gates().gt(0.5);
        QVERIFY(torch::equal(open, warm.gates().gt(0.5)));
        const auto limit = cold.gates();
        QVERIFY(torch::equal(open, limit.gt(0.5)));
        const auto between = limit.gt(1e-6).logical_and(limit.lt(1 - 1e-6));
        QVERIFY(between.sum().item<std::int64_t>() < kCount / 500);
        const double share = open.to(torch::kFloat64).mean().item<double>(), p = sigmoid(1);
        QVERIFY(std::abs(share - p) < 5 * std::sqrt(p * (1 - p) / kCount));
    }

    /// The pair softmax of the released code is the logistic sigmoid of the noises' difference, and the
    /// complement of a gate is the gate of the opposite.
    void pairSoftmaxIsASigmoid() {
        std::mt19937_64 random(1);
        std::uniform_real_distribution<double> uniform(1e-12, 1);
        for (int i = 0; i < 1000; ++i) {
            const double g0 = -std::log(-std::log(uniform(random))),
                         g1 = -std::log(-std::log(uniform(random)));
            const double logit = 0.1 * (uniform(random) - 0.5), kappa = 100, tau = 0.5 + uniform(random);
            const double a = std::exp((kappa * logit + g1) / tau), b = std::exp(g0 / tau);
            QVERIFY(std::abs(a / (a + b) - reference::gate(logit, g1 - g0, {kappa, tau, 0})) < 1e-12);
            QVERIFY(std::abs(reference::gate(-logit, g0 - g1, {kappa, tau, 0}) - b / (a + b)) < 1e-12);
        }
    }

    /// A tile of one weight over a base that keeps nothing is LEAP's gate.
    void tilesOfOneWeightAreElementwise() {
        const auto matrix = matrixNamed("m", 37, 44);
        BernoulliMask weights(matrix);
        TileMask tiles(matrix, PackedMask(37, 44), 1, 1);
        torch::manual_seed(2);
        const auto logits = torch::randn({37 * 44}) * 0.02;
        const auto w = torch::randn({37, 44}), gradient = torch::randn({37, 44});
        std::vector<torch::Tensor> out;
        for (MaskParameters* mask :
             {static_cast<MaskParameters*>(&weights), static_cast<MaskParameters*>(&tiles)}) {
            mask->logits().copy_(logits);
            MaskStep step;
            step.noise = {4, 4, 4};
            step.regularisers = {0.1f, 0.2f};
            const auto masked = torch::empty_like(w);
            mask->sample(w, masked, step);
            mask->backpropagateAndUpdate(w, gradient, step);
            out.insert(out.end(), {masked, mask->moment1()});
        }
        QVERIFY(torch::allclose(out[0], out[2], 1e-6, 1e-9));
        QVERIFY(torch::allclose(out[1], out[3], 1e-4, 1e-6));
    }

    /// 8.8: the mean of the first soft masks with the published prior (binary, strength 3, N(0, 0.014)).
    void firstDensityOfLeap_data() {
        QTest::addColumn<double>("density");
        QTest::addColumn<double>("expected");
        QTest::newRow("one half") << 0.5 << 0.5;
        QTest::newRow("0.4") << 0.4 << 0.4876;
    }
    void firstDensityOfLeap() {
        QFETCH(double, density);
        QFETCH(double, expected);
        MaskList masks;
        masks.push_back(std::make_unique<BernoulliMask>(matrixNamed("m", kRows, kCols)));
        takeScores(static_cast<BernoulliMask&>(*masks[0]), scoresOf(kRows, kCols, 1));
        PriorSettings prior;
        prior.sparsity = 1 - density;
        prior.graded = false;
        prior.noise = true;
        finishPrior(masks, prior);
        MaskStep step;
        step.gate = {25, 4, 0};
        const auto ones = torch::ones({kRows, kCols});
        const double soft = masks[0]->sample(ones, torch::empty_like(ones), step).gate / kCount;
        // A standard error is 0.13 / 1024; the value has four digits.
        QVERIFY2(std::abs(soft - expected) < 5 * 1.3e-4 + 5e-5, qPrintable(QString::number(soft)));
    }

    void firstDensityOfPatch() {
        const auto matrix = matrixNamed("m", 1024, 2048);
        const auto scores = scoresOf(1024, 2048, 3);
        MaskList masks;
        masks.push_back(std::make_unique<TileMask>(matrix, packMask(keepNM(scores, 2, 4)), 4, 4));
        auto& tiles = static_cast<TileMask&>(*masks[0]);
        // Scores without ties: those of tiles this small, taken from a mask, have seventeen values only.
        tiles.logits().copy_(scoresOf(256, 512, 4).reshape({-1}));
        PriorSettings prior;
        prior.sparsity = 0.45;
        prior.graded = false;
        prior.noise = true;
        prior.threshold = PriorThreshold::Matrix;
        finishPrior(masks, prior);
        MaskStep step;
        step.gate = {100, 2, 0};
        const auto ones = torch::ones({1024, 2048});
        const double soft = tiles.sample(ones, torch::empty_like(ones), step).gate / matrix.elements();
        // 131072 tiles: a standard error is 0.5 * 0.3 / 362.
        QVERIFY2(std::abs(soft - 0.611) < 5 * 4.2e-4 + 5e-4, qPrintable(QString::number(soft)));
    }

    /// 8.9: without noise and without a step LEAP's masks are the one-shot ones; with the published noise a
    /// logit flips its sign with probability Phi(-3).
    void thePriorIsTheOneShotMask() {
        for (const bool graded : {true, false}) {
            MaskList masks;
            OneShotRequest request;
            request.target.sparsity = 0.5;
            request.onPruned = [&](const PrunableMatrix& matrix, const PrunedMatrix& pruned) {
                const auto& scores = pruned.scores;
                masks.push_back(std::make_unique<BernoulliMask>(matrix));
                takeScores(static_cast<BernoulliMask&>(*masks.back()), scores);
            };
            const auto windows = calibrationWindows(m_ids, 8, 32);
            const auto oneShot =
                pruneOneShot(*m_files, *OneShotMethod::create("wanda"), windows, torch::kFloat32, request);
            PriorSettings prior;
            prior.graded = graded;
            finishPrior(masks, prior);
            const auto hard = hardenToBudget(masks, 0.5, TargetScope::Global);
            for (const auto& [name, mask] : oneShot.masks)
                QVERIFY2(hard.masks.at(name).bits == mask.bits, name.c_str());
        }
        MaskList masks;
        masks.push_back(std::make_unique<BernoulliMask>(matrixNamed("m", kRows, kCols)));
        const auto scores = scoresOf(kRows, kCols, 6);
        takeScores(static_cast<BernoulliMask&>(*masks[0]), scores);
        PriorSettings prior;
        prior.graded = false;
        prior.noise = true;
        finishPrior(masks, prior);
        const auto mask = packMask(keepInRows(scores, kCols / 2));
        std::int64_t flips = 0;
        for (std::int64_t i = 0; i < kCount; ++i)
            flips += mask.keeps(i) != (masks[0]->logits().data_ptr<float>()[i] > 0);
        const double share = static_cast<double>(flips) / kCount,
                     expected = 0.5 * std::erfc(3 / std::sqrt(2.0));
        QVERIFY2(std::abs(share - expected) < 5 * std::sqrt(expected / kCount),
                 qPrintable(QString::number(share)));
    }

    /// Centring splits the logits at the budget to the weight while all of them are looked at, and to the
    /// sampling error of a million where there are more.
    void centringIsExact() {
        for (const double sparsity : {0.1, 0.5, 0.625}) {
            BernoulliMask mask(matrixNamed("m", 500, 300));
            mask.logits().copy_(scoresOf(500, 300, 8).reshape({-1}));
            const float shift = budgetQuantile({&mask}, sparsity);
            const auto shut = mask.logits().le(shift).sum().item<std::int64_t>();
            QVERIFY2(std::abs(static_cast<double>(shut) - sparsity * 150000) <= 1,
                     qPrintable(QString::number(shut)));
        }
        BernoulliMask first(matrixNamed("a", 2048, 1500)), second(matrixNamed("b", 1000, 1001));
        first.logits().copy_(scoresOf(2048, 1500, 9).reshape({-1}));
        second.logits().copy_(scoresOf(1000, 1001, 10).reshape({-1}) + 0.5);
        const float shift = budgetQuantile({&first, &second}, 0.6);
        const double total = 2048.0 * 1500 + 1000.0 * 1001;
        const double shut = first.logits().le(shift).to(torch::kFloat64).sum().item<double>() +
                            second.logits().le(shift).to(torch::kFloat64).sum().item<double>();
        QVERIFY2(std::abs(shut / total - 0.6) < 2.5e-3, qPrintable(QString::number(shut / total)));
    }

    /// 8.9: the gradient of the density term to a gate is sign(D - rho) lambda1 / N kappa / tau m (1 - m),
    /// times the zeros that a shut tile makes.
    void densityTerm_data() {
        QTest::addColumn<bool>("tiles");
        QTest::addColumn<double>("sparsity");
        QTest::newRow("LEAP, too dense") << false << 0.7;
        QTest::newRow("LEAP, too sparse") << false << 0.2;
        QTest::newRow("PATCH-Tile, too dense") << true << 0.45;
        QTest::newRow("PATCH-Tile, too sparse") << true << 0.1;
    }
    void densityTerm() {
        QFETCH(bool, tiles);
        QFETCH(double, sparsity);
        auto s = settings(4);
        s.sparsity = sparsity;
        s.lambdaDensity = 7;
        s.lambdaWeight = 0;
        s.loss = {0, 0};
        s.centring = false;
        s.beta1 = 0;  // the first moment is the gradient
        MaskTrainer trainer(*m_decoder, tiles ? tileMasks() : leapMasks(), m_ids, s);
        std::vector<torch::Tensor> before;
        double total = 0, open = 0;
        for (std::size_t i = 0; i < trainer.masks().size(); ++i) {
            const auto& mask = *trainer.masks()[i];
            before.push_back(mask.logits().clone());
            const auto gates = gatesOf(before[i], s, 0, i);
            total += static_cast<double>(mask.matrix().elements());
            open += static_cast<double>(mask.matrix().elements());
            for (std::int64_t k = 0; k < gates.numel(); ++k)
                open -= static_cast<double>(mask.zerosBehind(k)) * (1 - gates.data_ptr<double>()[k]);
        }
        const auto report = trainer.step();
        const double density = open / total, target = 1 - sparsity;
        QVERIFY(std::abs(report.softDensity - density) < 1e-6);
        QVERIFY(std::abs(report.loss - 7 * std::abs(density - target)) < 1e-5);
        for (std::size_t i = 0; i < before.size(); ++i) {
            const auto gates = gatesOf(before[i], s, 0, i);
            auto expected = gates * (1 - gates) * (s.kappaStart / s.tauStart * 7 / total);
            if (density < target) expected = -expected;
            for (std::int64_t k = 0; k < gates.numel(); ++k)
                expected.data_ptr<double>()[k] *= static_cast<double>(trainer.masks()[i]->zerosBehind(k));
            QVERIFY(
                torch::allclose(trainer.masks()[i]->moment1().to(torch::kFloat64), expected, 1e-3, 1e-12));
        }
    }

    /// 8.4: R is the sum of the masked matrices' norms over the sum of the matrices' own, not squared; its
    /// weight falls with (1 - s / S), and its gradient is lambda2 m w^2 / (||M W|| sum ||W||) kappa / tau m
    /// (1 - m).
    void weightTerm() {
        auto s = settings(3);
        s.lambdaDensity = 0;
        s.lambdaWeight = 10;
        s.loss = {0, 0};
        s.centring = false;
        s.beta1 = 0;
        s.learningRate = 0;
        MaskTrainer trainer(*m_decoder, leapMasks(), m_ids, s);
        double norms = 0;
        for (const auto& mask : trainer.masks()) norms += weightsOf(mask->matrix()).norm().item<double>();
        for (std::int64_t step = 0; step < 3; ++step) {
            const double pull = 10 * (1 - static_cast<double>(step) / 3);
            const auto report = trainer.step();
            double masked = 0;
            for (std::size_t i = 0; i < trainer.masks().size(); ++i) {
                const auto& mask = *trainer.masks()[i];
                const auto gates = gatesOf(mask.logits(), s, step, i);
                const auto weights = weightsOf(mask.matrix()).reshape({-1});
                const double norm = (gates * weights).norm().item<double>();
                masked += norm;
                const auto expected = -pull / (norm * norms) * gates * weights.square() * gates *
                                      (1 - gates) * report.kappa / report.tau;
                QVERIFY(torch::allclose(mask.moment1().to(torch::kFloat64), expected, 1e-3, 1e-12));
            }
            QVERIFY(std::abs(report.loss + pull * masked / norms) < 1e-5);
        }
    }

    /// With every gate open the masked model is the dense one.
    void openGatesAreTheDenseModel() {
        auto s = settings(2);
        s.lambdaDensity = s.lambdaWeight = 0;
        s.centring = false;
        auto masks = leapMasks();
        for (auto& mask : masks) mask->logits().fill_(10);
        MaskTrainer trainer(*m_decoder, std::move(masks), m_ids, s);
        const auto report = trainer.step();
        QCOMPARE(report.softDensity, 1.0);
        QVERIFY(std::abs(report.divergence) < 1e-9);
        WindowOrder order(static_cast<std::int64_t>(m_ids.size()) / s.context, s.seed);
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 2; ++i) {
            const auto first = m_ids.begin() + order.at(i) * s.context;
            ids.insert(ids.end(), first, first + s.context);
        }
        PerplexityRequest request;
        request.window = s.context;
        const auto dense = measurePerplexity(*m_decoder, ids, request);
        QVERIFY(std::abs(report.crossEntropy - std::log(dense.value)) < 1e-6);
    }

    /// At the end of a run the soft masks are nearly hard: their density is the budget's within 0.01.
    void softAndHardAgreeAtTheEnd_data() {
        QTest::addColumn<bool>("tiles");
        QTest::addColumn<double>("sparsity");
        QTest::newRow("LEAP 50 %") << false << 0.5;
        QTest::newRow("LEAP 60 %") << false << 0.6;
        QTest::newRow("PATCH-Tile 25 %") << true << 0.25;
    }
    void softAndHardAgreeAtTheEnd() {
        QFETCH(bool, tiles);
        QFETCH(double, sparsity);
        auto s = settings(30);
        s.sparsity = sparsity;
        MaskTrainer trainer(*m_decoder, tiles ? tileMasks() : leapMasks(sparsity), m_ids, s);
        StepReport report;
        for (int i = 0; i < 30; ++i) report = trainer.step();
        const auto hard = trainer.harden();
        const double density = static_cast<double>(hard.kept()) / static_cast<double>(hard.weights());
        const auto text = QString("soft %1, hard %2").arg(report.softDensity).arg(density);
        // A tile of 24 x 28 is a good deal of this small model.
        const double grain = tiles ? 24 * 28 / 2.0 / static_cast<double>(hard.weights()) : 0;
        QVERIFY2(std::abs(density - (1 - sparsity)) < 1e-5 + grain, qPrintable(text));
        QVERIFY2(std::abs(report.softDensity - (1 - sparsity)) < 0.01 + grain, qPrintable(text));
    }

    /// 8.3 and 8.5: where the schedules begin and end.
    void schedulesMeetTheirEnds() {
        for (const auto curve : {Curve::Linear, Curve::Cosine}) {
            QCOMPARE(interpolate(curve, 25, 350, 0, 2000), 25.0);
            QVERIFY(std::abs(interpolate(curve, 25, 350, 2000, 2000) - 350) < 1e-9);
            QVERIFY(std::abs(interpolate(curve, 25, 350, 1000, 2000) - 187.5) < 1e-9);
            QVERIFY(std::abs(interpolate(curve, 25, 350, 3000, 2000) - 350) < 1e-9);
        }
        QVERIFY(std::abs(interpolate(Curve::Linear, 4, 0.05, 1999, 2000) - (4 - 3.95 * 0.9995)) < 1e-12);
        QCOMPARE(interpolate(Curve::Constant, 4, 0.05, 1999, 2000), 4.0);
        double before = 0;
        for (int done = 0; done < 5; ++done) {  // up, over five steps
            const double rate = learningRate(Curve::Cosine, 1e-3, 5, done, 2000);
            QVERIFY(rate > before && rate < 1e-3);
            before = rate;
        }
        QCOMPARE(learningRate(Curve::Cosine, 1e-3, 5, 5, 2000), 1e-3);
        QVERIFY(learningRate(Curve::Cosine, 1e-3, 5, 1999, 2000) < 1e-8);
        QCOMPARE(learningRate(Curve::Cosine, 1e-3, 5, 5, 2000, 1e-4), 1e-3);
        QVERIFY(std::abs(learningRate(Curve::Cosine, 1e-3, 5, 2000, 2000, 1e-4) - 1e-4) < 1e-12);
        auto s = settings(3);
        MaskTrainer trainer(*m_decoder, leapMasks(), m_ids, s);
        const auto first = trainer.step();
        QVERIFY(first.kappa == s.kappaStart && first.tau == s.tauStart);
    }

    /// Every epoch reads every window once, each in another order.
    void epochsArePermutations() {
        WindowOrder order(23, 7);
        std::vector<std::int64_t> first, second;
        for (int i = 0; i < 23; ++i) first.push_back(order.at(i));
        for (int i = 23; i < 46; ++i) second.push_back(order.at(i));
        QVERIFY(first != second);
        QCOMPARE(order.at(3), first[3]);
        for (auto* epoch : {&first, &second}) {
            std::sort(epoch->begin(), epoch->end());
            for (int i = 0; i < 23; ++i) QCOMPARE((*epoch)[std::size_t(i)], std::int64_t(i));
        }
    }
};

QTEST_APPLESS_MAIN(InvariantsTest)
#include "tst_invariants.moc"
