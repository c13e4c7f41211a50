#include <torch/torch.h>

#include <QtTest>
#include <cmath>

#include "core/base/error.h"
#include "core/evaluate/perplexity.h"
#include "core/learn/prior.h"
#include "core/learn/trainer.h"
#include "core/model/torch_runtime.h"
#include "core/prune/selection.h"
#include "kernels/reference/gates.h"
#include "support/support.h"

// What methods.md states about MaskLLM's masks (7) and PATCH-Joint's (8): sums, priors, densities, hard
// masks.

using namespace tessera;
namespace reference = tessera::kernels::reference;

namespace {

PrunableMatrix matrixNamed(const std::string& name, std::int64_t rows, std::int64_t cols, int block = 0) {
    return {name, "q", block, rows, cols};
}

/// Scores without ties.
torch::Tensor scoresOf(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
    auto generator = at::detail::createCPUGenerator(seed);
    return torch::rand({rows, cols}, generator, torch::kFloat64).exp().to(torch::kFloat32);
}

torch::Tensor noiseOf(std::int64_t count, double size, std::uint64_t seed) {
    auto generator = at::detail::createCPUGenerator(seed);
    return torch::randn({count}, generator, torch::kFloat32) * size;
}

MaskStep stepWith(double kappa, double tau) {
    MaskStep step;
    step.gate = step.patternGate = {static_cast<float>(kappa), static_cast<float>(tau)};
    step.noise = {2024, 3, 1};
    return step;
}

/// A draw on weights that are all one: the soft masks themselves.
torch::Tensor drawOf(MaskParameters& mask, const MaskStep& step, kernels::GateSums* sums = nullptr) {
    const auto ones = torch::ones({mask.matrix().rows, mask.matrix().cols});
    auto drawn = torch::empty_like(ones);
    const auto summed = mask.sample(ones, drawn, step);
    if (sums) *sums = summed;
    return drawn;
}

bool same(const PackedMask& a, const PackedMask& b) {
    return a.rows == b.rows && a.cols == b.cols && a.bits == b.bits;
}

/// Four matrices in two blocks, ragged tiles among them; logits without order.
MaskList jointMasks(std::int64_t tileRows, std::int64_t tileCols) {
    MaskList masks;
    std::uint64_t seed = 1;
    for (const auto& [name, rows, cols, block] :
         {std::tuple{"a", 256, 320, 0}, {"b", 128, 192, 0}, {"c", 200, 128, 1}, {"d", 90, 252, 1}}) {
        masks.push_back(
            std::make_unique<JointMask>(matrixNamed(name, rows, cols, block), tileRows, tileCols));
        masks.back()->logits().copy_(noiseOf(masks.back()->logits().numel(), 0.02, seed++));
    }
    return masks;
}

std::vector<std::int32_t> someIds() {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 32 * 40; ++i) ids.push_back((i * i + 7 * i) % 251);
    return ids;
}

TrainerSettings settings(std::int64_t steps) {
    TrainerSettings s;
    s.steps = steps;
    s.batch = 2;
    s.context = 32;
    s.seed = 5;
    s.warmupSteps = 0;
    s.lambdaDensity = s.lambdaWeight = 0;
    return s;
}

/// softmax((kappa P + G) / tau) and what it makes of each weight, in f64 from the reference's noise, with a
/// gradient to the logits [patterns, groups].
torch::Tensor softOf(const torch::Tensor& logits, const MaskStep& step) {
    const auto groups = logits.size(1);
    auto noise = torch::empty({6, groups}, torch::kFloat64);
    for (std::int64_t p = 0; p < 6; ++p)
        for (std::int64_t g = 0; g < groups; ++g)
            noise.data_ptr<double>()[p * groups + g] =
                reference::gumbelNoise(step.noise.seed, step.noise.step, step.noise.stream,
                                       std::uint64_t((g / 64 * 6 + p) * 64 + g % 64));
    auto patterns = torch::empty({6, 4}, torch::kFloat64);
    const auto masks = reference::patternMasks(2, 4);
    for (std::size_t p = 0; p < 6; ++p)
        for (std::size_t i = 0; i < 4; ++i) patterns.data_ptr<double>()[p * 4 + i] = masks[p][i];
    const double kappa = step.patternGate.kappa, tau = step.patternGate.tau;
    return torch::softmax((kappa * logits + noise) / tau, 0).t().matmul(patterns).reshape({-1});
}

}  // namespace

class PatternMasksTest : public QObject {
    Q_OBJECT
    std::optional<ModelFiles> m_files;
    std::optional<Decoder> m_decoder;
    std::vector<std::int32_t> m_ids = someIds();

    MaskList masksOf(bool joint) const {
        MaskList masks;
        for (const auto& matrix : prunableMatrices(m_files->config())) {
            if (joint)
                masks.push_back(std::make_unique<JointMask>(matrix, 24, 28));
            else
                masks.push_back(std::make_unique<PatternMask>(matrix, 2, 4));
            auto logits = masks.back()->logits();
            logits.copy_(noiseOf(logits.numel(), 0.02, masks.size()));
        }
        return masks;
    }
    torch::Tensor weightsOf(const PrunableMatrix& matrix) const {
        const auto& info = m_files->tensors().at(matrix.name);
        auto weights = torch::empty({info.elements()});
        m_files->tensors().readF32(info, 0, {weights.data_ptr<float>(), std::size_t(weights.numel())});
        return weights.to(torch::kFloat64);
    }
    /// What the trainer tells mask number `mask` in `step`.
    static MaskStep stepOf(const TrainerSettings& s, std::int64_t step, std::size_t mask) {
        MaskStep told;
        told.patternGate = {static_cast<float>(interpolate(Curve::Linear, s.patternKappaStart,
                                                           s.patternKappaEnd, step, s.steps)),
                            static_cast<float>(interpolate(Curve::Linear, s.patternTauStart, s.patternTauEnd,
                                                           step, s.steps))};
        told.noise = {s.seed, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(mask)};
        return told;
    }

    static void patterns() {
        QTest::addColumn<int>("keep");
        QTest::addColumn<int>("group");
        for (const auto& [keep, group] : {std::pair{2, 4}, {1, 4}, {3, 4}, {1, 2}, {4, 8}, {3, 3}})
            QTest::addRow("%d:%d", keep, group) << keep << group;
    }

  private Q_SLOTS:
    void initTestCase() {
        configureThreads(2);
        m_files = ModelFiles::open(test::data("tiny_llama"));
        m_decoder = Decoder::load(*m_files, torch::kFloat32);
    }

    /// 7: soft masks sum to N in every group, each within [0, 1], at any temperature; a constant on all of a
    /// group's logits changes nothing.
    void softMasksSumToN_data() { patterns(); }
    void softMasksSumToN() {
        QFETCH(int, keep);
        QFETCH(int, group);
        PatternMask mask(matrixNamed("m", 60, 24), keep, group),
            shifted(matrixNamed("m", 60, 24), keep, group);
        mask.logits().copy_(noiseOf(mask.logits().numel(), 0.02, 4));
        shifted.logits().copy_(mask.logits());
        shifted.patternLogits().add_(noiseOf(60 * 24 / group, 0.01, 5).unsqueeze(0));
        for (const auto& [kappa, tau] : {std::pair{25.0, 4.0}, {100.0, 2.0}, {500.0, 0.05}, {100.0, 1e-3}}) {
            const auto step = stepWith(kappa, tau);
            const auto soft = drawOf(mask, step);
            const auto sums = soft.view({-1, group}).to(torch::kFloat64).sum(1);
            QVERIFY((sums - keep).abs().max().item<double>() < 2e-6 * keep);
            QVERIFY(soft.min().item<float>() >= 0 && soft.max().item<float>() < 1 + 1e-6f);
            // Rounding the shifted logits moves the arguments by kappa / tau times 1e-9.
            QVERIFY((drawOf(shifted, step) - soft).abs().max().item<double>() < 4e-9 * kappa / tau + 1e-5);
        }
    }

    /// 7: where a prior begins, its mask is the likeliest everywhere, and the binary one of 2:4 is
    /// (similarity - 1) sigma strength, so that it is drawn with probability e^a / (e^a + 4 + e^-a).
    void priorsAreTheirMasks_data() { patterns(); }
    void priorsAreTheirMasks() {
        QFETCH(int, keep);
        QFETCH(int, group);
        const auto scores = scoresOf(96, 24, 7);
        const auto start = packMask(keepNM(scores, keep, group));
        for (const bool graded : {false, true})
            for (const bool scored : {false, true}) {
                PatternMask mask(matrixNamed("m", 96, 24), keep, group);
                PriorSettings settings;
                settings.graded = graded;
                startPatterns(mask, start, scored ? scores : torch::Tensor(), settings);
                QVERIFY(same(mask.harden({}), start));
                const auto logits = mask.patternLogits();
                QVERIFY(logits.mean(0).abs().max().item<double>() < 1e-8);
                if (keep != 2 || group != 4 || (graded && scored)) continue;
                const auto masks = reference::patternMasks(2, 4);
                for (std::int64_t g = 0; g < 96 * 6; ++g)
                    for (std::size_t p = 0; p < 6; ++p) {
                        int similarity = 0;
                        for (std::size_t i = 0; i < 4; ++i)
                            similarity += masks[p][i] && start.keeps(4 * g + std::int64_t(i));
                        QVERIFY(std::abs(logits[std::int64_t(p)][g].item<double>() -
                                         (similarity - 1) * 0.014 * 3) < 1e-8);
                    }
            }
    }

    /// The released settings draw the prior's pattern so often: 0.943 for a sigma of 0.014, 0.832 for 0.01.
    void priorsAreDrawnAsOftenAsStated() {
        const auto scores = scoresOf(1024, 1024, 8);
        const auto start = packMask(keepNM(scores, 2, 4));
        const auto keep = unpackMask(start).to(torch::kFloat32);
        for (const auto& [sigma, stated] : {std::pair{0.014, 0.943}, {0.01, 0.832}}) {
            PatternMask mask(matrixNamed("m", 1024, 1024), 2, 4);
            PriorSettings settings;
            settings.graded = false;
            settings.sigma = sigma;
            startPatterns(mask, start, scores, settings);
            const double a = 3 * sigma * 100, expected = std::exp(a) / (std::exp(a) + 4 + std::exp(-a));
            QVERIFY(std::abs(expected - stated) < 6e-4);
            const auto drawn = drawOf(mask, stepWith(100, 1e-3));
            const auto alike = ((drawn - keep).abs() < 0.5).view({-1, 4}).all(1).to(torch::kFloat64).mean();
            QVERIFY2(std::abs(alike.item<double>() - expected) <
                         5 * std::sqrt(expected * (1 - expected) / (1 << 18)),
                     qPrintable(QString::number(alike.item<double>())));
        }
    }

    /// A graded prior doubts where scores are near each other, and keeps to the mask where a method chose
    /// against its scores.
    void gradesFollowTheScores() {
        const auto scores = torch::tensor({{9.0f, 8.0f, 1.0f, 0.0f},
                                           {4.0f, 3.9f, 3.8f, 3.7f},
                                           {0.0f, 0.0f, 0.0f, 0.0f},
                                           {1.0f, 5.0f, 6.0f, 2.0f}});
        auto keep = torch::tensor({{1, 1, 0, 0}, {1, 1, 0, 0}, {0, 1, 1, 0}, {1, 1, 0, 0}}, torch::kUInt8);
        PatternMask mask(matrixNamed("m", 4, 4), 2, 4);
        startPatterns(mask, packMask(keep), scores, {});
        QVERIFY(torch::isfinite(mask.logits()).all().item<bool>());
        QVERIFY(same(mask.harden({}), packMask(keep)));
        const auto logits = mask.patternLogits();
        const auto margin = [&](std::int64_t g) {
            const auto sorted = std::get<0>(logits.select(1, g).sort(0, true));
            return (sorted[0] - sorted[1]).item<double>();
        };
        QVERIFY(margin(1) < 0.1 * margin(0));
        QVERIFY(margin(3) > 0);
        // No stronger than the clamp: of the best and the next pattern two weights differ.
        QVERIFY(margin(0) <= 3 * 0.014 * 1.5 + 1e-8);

        PriorSettings none;
        none.strength = 0;
        startPatterns(mask, packMask(keep), scores, none);
        QCOMPARE(mask.logits().abs().max().item<float>(), 0.0f);
        EXPECT_ERROR(startPatterns(mask, PackedMask(4, 8), {}, {}), InvalidInput, "the matrix is 4 x 4");
    }

    /// The prior's noise reaches MaskLLM's patterns and PATCH-Joint's tiles, not its patterns.
    void noiseGoesWhereTheReleasesHaveIt() {
        MaskList masks;
        masks.push_back(std::make_unique<PatternMask>(matrixNamed("a", 512, 512), 2, 4));
        masks.push_back(std::make_unique<JointMask>(matrixNamed("b", 512, 512), 4, 4));
        PriorSettings settings;
        settings.strength = 0;
        settings.noise = true;
        finishPrior(masks, settings);
        QVERIFY(std::abs(masks[0]->logits().std().item<double>() - 0.014) < 2e-4);
        QVERIFY(std::abs(masks[1]->logits().slice(0, 0, masks[1]->gates()).std().item<double>() - 0.014) <
                4e-4);
        QCOMPARE(masks[1]->logits().slice(0, masks[1]->gates()).abs().max().item<float>(), 0.0f);
    }

    /// 8.8: where PATCH-Joint begins at 45 %, its soft density is 0.725 at a temperature of 4 and 0.706 at 2.
    void jointBeginsAtTheStatedDensity() {
        const auto scores = scoresOf(1024, 1024, 9);
        MaskList masks;
        masks.push_back(std::make_unique<JointMask>(matrixNamed("m", 1024, 1024), 4, 4));
        auto& joint = static_cast<JointMask&>(*masks[0]);
        // Tiles without ties of their shares.
        joint.logits().slice(0, 0, joint.gates()).copy_(scoresOf(256, 256, 10).reshape({-1}));
        PriorSettings settings;
        settings.sparsity = 0.45;
        settings.graded = false;
        settings.noise = true;
        settings.threshold = PriorThreshold::Matrix;
        startPatterns(joint, packMask(keepNM(scores, 2, 4)), scores, settings);
        finishPrior(masks, settings);
        for (const auto& [tau, stated] : {std::pair{4.0, 0.725}, {2.0, 0.706}}) {
            auto step = stepWith(25, tau);
            step.patternGate = {100, 4};
            kernels::GateSums sums;
            const auto drawn = drawOf(joint, step, &sums);
            const double density = sums.gate / (1 << 20);
            QVERIFY2(std::abs(density - stated) < 1.5e-3, qPrintable(QString::number(density)));
            // D = 0.5 + 0.5 mean(g), whatever the patterns.
            QVERIFY(std::abs(density - drawn.to(torch::kFloat64).mean().item<double>()) < 1e-6);
            step.patternGate = {500, 0.05f};
            drawOf(joint, step, &sums);
            QVERIFY(std::abs(density - sums.gate / (1 << 20)) < 1e-6);
        }
    }

    /// 8.9: M = g + (1 - g) soft with g of the tile, soft of the same draw of the patterns.
    void jointIsTilesOverPatterns() {
        JointMask joint(matrixNamed("m", 100, 60), 32, 24);
        PatternMask patterns(matrixNamed("m", 100, 60), 2, 4);
        joint.logits().copy_(noiseOf(joint.logits().numel(), 0.02, 11));
        patterns.patternLogits().copy_(joint.patternLogits());
        auto step = stepWith(50, 1.5);
        const auto drawn = drawOf(joint, step), soft = drawOf(patterns, step);
        for (std::int64_t r = 0; r < 100; ++r)
            for (std::int64_t c = 0; c < 60; ++c) {
                const auto tile = r / 32 * 3 + c / 24;
                const double g = reference::gate(
                    joint.logits()[tile].item<double>(),
                    reference::logisticNoise(2024, 3, 0x80000001u, std::uint64_t(tile)), {50, 1.5, 0});
                const double inner = soft[r][c].item<double>();
                QVERIFY(std::abs(drawn[r][c].item<double>() - (g + (1 - g) * inner)) < 1e-5);
            }
    }

    /// 8.9: a hard tile is dense or 2:4 with its likeliest patterns; the budget is met to one tile, in
    /// everything or in each block.
    void budgetsAreMetToATile_data() {
        QTest::addColumn<double>("sparsity");
        for (const double sparsity : {0.0, 0.125, 0.25, 0.375, 0.45, 0.5})
            QTest::addRow("%g", sparsity) << sparsity;
    }
    void budgetsAreMetToATile() {
        QFETCH(double, sparsity);
        for (const auto& [tileRows, tileCols] : {std::pair{32, 32}, {64, 20}, {1, 4}})
            for (const auto scope : {TargetScope::Global, TargetScope::Block}) {
                const auto masks = jointMasks(tileRows, tileCols);
                const auto set = hardenToBudget(masks, sparsity, scope);
                std::map<int, std::pair<std::int64_t, std::int64_t>> groups;  // zeros, weights
                for (const auto& mask : masks) {
                    const auto& joint = static_cast<const JointMask&>(*mask);
                    const auto& matrix = joint.matrix();
                    const auto& hard = set.masks.at(matrix.name);
                    const auto inner = joint.PatternMask::harden({});
                    auto& [zeros, weights] = groups[scope == TargetScope::Block ? matrix.block : 0];
                    zeros += matrix.elements() - hard.kept();
                    weights += matrix.elements();
                    for (std::int64_t tile = 0; tile < joint.gates(); ++tile) {
                        const auto top = tile / joint.tiles()->gridCols() * tileRows,
                                   left = tile % joint.tiles()->gridCols() * tileCols;
                        bool open = true, shut = true;
                        std::int64_t removed = 0;
                        for (auto r = top; r < std::min(matrix.rows, top + tileRows); ++r)
                            for (auto c = left; c < std::min(matrix.cols, left + tileCols); ++c) {
                                const auto i = r * matrix.cols + c;
                                open = open && hard.keeps(i);
                                shut = shut && hard.keeps(i) == inner.keeps(i);
                                removed += !inner.keeps(i);
                            }
                        QVERIFY(open != shut);
                        QCOMPARE(removed, joint.zerosBehind(tile));
                    }
                    if (sparsity == 0.5) QVERIFY(same(hard, inner));
                }
                for (const auto& [key, group] : groups) {
                    const double off =
                        static_cast<double>(group.first) - sparsity * static_cast<double>(group.second);
                    QVERIFY2(std::abs(off) <= 0.5 * static_cast<double>(tileRows * tileCols) / 2,
                             qPrintable(QString::number(off)));
                }
            }
    }

    /// Of equal logits the first pattern; exactly N of M whatever the logits; the budget says nothing here.
    void patternsHoldWhateverTheLogits_data() { patterns(); }
    void patternsHoldWhateverTheLogits() {
        QFETCH(int, keep);
        QFETCH(int, group);
        MaskList masks;
        masks.push_back(std::make_unique<PatternMask>(matrixNamed("m", 35, 24), keep, group));
        auto hard = hardenToBudget(masks, 0.5, TargetScope::Global).masks.at("m");
        for (std::int64_t i = 0; i < 35 * 24; ++i) QCOMPARE(hard.keeps(i), i % group < keep);
        masks[0]->logits().copy_((noiseOf(masks[0]->logits().numel(), 2, 3)).round());
        hard = hardenToBudget(masks, 0.1, TargetScope::Matrix).masks.at("m");
        const auto groups = unpackMask(hard).view({-1, group}).to(torch::kInt64).sum(1);
        QVERIFY((groups == keep).all().item<bool>());
        QCOMPARE(budgetQuantile({masks[0].get()}, 0.5), 0.0f);
    }

    /// 7: MaskLLM rewards the sum of ||M W||^2 with a weight that falls to nothing along its schedule.
    void weightTermIsSquared_data() {
        QTest::addColumn<int>("curve");
        QTest::addColumn<QList<double>>("weights");
        QTest::newRow("linear") << int(Curve::Linear) << QList<double>{3, 2, 1};
        QTest::newRow("cosine") << int(Curve::Cosine) << QList<double>{3, 2.25, 0.75};
        QTest::newRow("constant") << int(Curve::Constant) << QList<double>{3, 3, 3};
    }
    void weightTermIsSquared() {
        QFETCH(int, curve);
        QFETCH(QList<double>, weights);
        auto s = settings(3);
        s.lambdaWeight = 3;
        s.weightCurve = Curve(curve);
        s.weightReward = WeightReward::SquaredNorm;
        s.loss = {0, 0};
        s.centring = false;
        s.beta1 = 0;  // the first moment is the gradient
        s.patternLearningRate = 0;
        MaskTrainer trainer(*m_decoder, masksOf(false), m_ids, s);
        for (std::int64_t step = 0; step < 3; ++step) {
            const auto report = trainer.step();
            double reward = 0;
            for (std::size_t i = 0; i < trainer.masks().size(); ++i) {
                const auto& mask = static_cast<const PatternMask&>(*trainer.masks()[i]);
                auto logits = mask.patternLogits().to(torch::kFloat64).requires_grad_(true);
                const auto own =
                    (softOf(logits, stepOf(s, step, i)) * weightsOf(mask.matrix())).square().sum();
                reward += own.item<double>();
                (-weights[int(step)] * own).backward();
                const auto expected = logits.grad().reshape({-1});
                const double off = (mask.moment1().to(torch::kFloat64) - expected).abs().max().item<double>();
                QVERIFY2(off < 2e-4 * expected.abs().max().item<double>(), qPrintable(QString::number(off)));
            }
            QVERIFY(std::abs(report.loss + weights[int(step)] * reward) < 1e-4 * reward);
            QVERIFY(std::abs(report.softDensity - 0.5) < 1e-6);
        }
    }

    /// 8.9: the density term moves PATCH-Joint's tiles, not its patterns: 0.5 + 0.5 mean(g) does not see
    /// them.
    void densityIsTheTilesAlone() {
        auto s = settings(4);
        s.sparsity = 0.4;
        s.lambdaDensity = 7;
        s.loss = {0, 0};
        s.centring = false;
        s.beta1 = 0;
        s.learningRate = s.patternLearningRate = 0;
        MaskTrainer trainer(*m_decoder, masksOf(true), m_ids, s);
        const auto report = trainer.step();
        QVERIFY(report.softDensity > 0.6);
        double total = 0, open = 0;
        std::vector<torch::Tensor> expected;
        for (std::size_t i = 0; i < trainer.masks().size(); ++i) {
            const auto& mask = *trainer.masks()[i];
            total += static_cast<double>(mask.matrix().elements());
            open += static_cast<double>(mask.matrix().elements());
            auto slopes = torch::empty({mask.gates()}, torch::kFloat64);
            for (std::int64_t tile = 0; tile < mask.gates(); ++tile) {
                const double noise =
                    reference::logisticNoise(s.seed, 0, 0x80000000u | std::uint32_t(i), std::uint64_t(tile));
                const reference::Gate gate{s.kappaStart, s.tauStart, 0};
                const double logit = mask.logits()[tile].item<double>(),
                             zeros = static_cast<double>(mask.zerosBehind(tile));
                open -= zeros * (1 - reference::gate(logit, noise, gate));
                slopes[tile] = 7 * zeros * reference::gateSlope(logit, noise, gate);
            }
            expected.push_back(slopes);
        }
        QVERIFY(std::abs(report.softDensity - open / total) < 1e-6);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const auto& mask = *trainer.masks()[i];
            const auto gradient = mask.moment1().to(torch::kFloat64);
            QVERIFY(torch::allclose(gradient.slice(0, 0, mask.gates()), expected[i] / total, 1e-3, 1e-10));
            QCOMPARE(gradient.slice(0, mask.gates()).abs().max().item<double>(), 0.0);
        }
    }

    /// With every tile open the masked model is the dense one; hard, it is so to the bit.
    void openTilesAreTheDenseModel() {
        auto s = settings(2);
        s.centring = false;
        auto masks = masksOf(true);
        for (auto& mask : masks) mask->logits().slice(0, 0, mask->gates()).fill_(10);
        MaskTrainer trainer(*m_decoder, std::move(masks), m_ids, s);
        const auto report = trainer.step();
        QCOMPARE(report.softDensity, 1.0);
        QVERIFY(std::abs(report.divergence) < 1e-9);
        QCOMPARE(hardenToBudget(trainer.masks(), 0, TargetScope::Global).kept(),
                 hardenToBudget(trainer.masks(), 0, TargetScope::Global).weights());
    }

    /// Straight-through: each forward pass is through masks of zeros and ones, and learning goes on.
    void straightThroughMasksAreHard() {
        for (const bool joint : {false, true}) {
            auto s = settings(3);
            s.sparsity = joint ? 0.25 : 0.5;
            s.straightThrough = true;
            MaskTrainer trainer(*m_decoder, masksOf(joint), m_ids, s);
            const auto before = trainer.masks()[0]->logits().clone();
            const auto report = trainer.step();
            std::int64_t weights = 0;
            for (const auto& mask : trainer.masks()) weights += mask->matrix().elements();
            const double kept = report.softDensity * static_cast<double>(weights);
            QVERIFY(std::abs(kept - std::round(kept)) < 1e-6);
            if (!joint) QCOMPARE(report.softDensity, 0.5);
            QVERIFY(report.gradientNorm > 0);
            QVERIFY(!torch::equal(before, trainer.masks()[0]->logits()));
        }
    }

    /// At the end of a run soft and hard masks are alike: so is their density.
    void softAndHardAgreeAtTheEnd() {
        auto s = settings(30);
        s.sparsity = 0.25;
        MaskTrainer trainer(*m_decoder, masksOf(true), m_ids, s);
        StepReport report;
        for (int i = 0; i < 30; ++i) report = trainer.step();
        const auto hard = trainer.harden();
        const double density = static_cast<double>(hard.kept()) / static_cast<double>(hard.weights());
        const double grain = 24 * 28 / 2.0 / static_cast<double>(hard.weights());
        QVERIFY2(std::abs(density - 0.75) < grain, qPrintable(QString::number(density)));
        QVERIFY2(std::abs(report.softDensity - 0.75) < 0.01 + grain,
                 qPrintable(QString::number(report.softDensity)));
    }

    void impossiblePatternsAreRefused() {
        EXPECT_ERROR(PatternMask(matrixNamed("m", 8, 30), 2, 4), InvalidInput, "do not divide the 30 inputs");
        EXPECT_ERROR(PatternMask(matrixNamed("m", 8, 32), 8, 16), InvalidInput, "8:16");
        EXPECT_ERROR(JointMask(matrixNamed("m", 8, 30), 4, 4), InvalidInput, "do not divide the 30 inputs");
        EXPECT_ERROR(JointMask(matrixNamed("m", 8, 32), 4, 6), Internal, "2:4");
    }
};

QTEST_APPLESS_MAIN(PatternMasksTest)
#include "tst_pattern_masks.moc"
