#include <omp.h>
#include <torch/torch.h>

#include <QtTest>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <random>

#include "core/base/error.h"
#include "core/learn/pattern_masks.h"
#include "core/learn/prior.h"
#include "core/learn/trainer.h"
#include "core/model/torch_runtime.h"
#include "core/prune/one_shot.h"
#include "learn/trainer_state.h"
#include "support/support.h"

using namespace tessera;
using test::sameBits;
using test::sameState;
using test::stateOf;

namespace {

constexpr double kSparsity = 0.5;

enum Kind { Leap, Tile, Joint, Patterns };
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TrainerSettings settings(std::int64_t steps = 8) {
    TrainerSettings s;
    s.sparsity = kSparsity;
    s.steps = steps;
    s.batch = 2;
    s.context = 24;
    s.seed = 11;
    s.warmupSteps = 2;
    return s;
}

/// Numbers whose successor depends on the one before: something to learn from.
std::vector<std::int32_t> someIds() {
    std::mt19937 random(4);
    std::vector<std::int32_t> ids{7};
    while (ids.size() < 24 * 37 + 5)
        ids.push_back(static_cast<std::int32_t>((ids.back() * 5 + random() % 7) % 256));
    return ids;
}

bool sameMasks(const MaskSet& a, const MaskSet& b) {
    if (a.masks.size() != b.masks.size()) return false;
    for (const auto& [name, mask] : a.masks)
        if (b.masks.at(name).bits != mask.bits) return false;
    return true;
}

}  // namespace

Q_DECLARE_METATYPE(Kind)

class TrainerTest : public QObject {
    Q_OBJECT
    std::optional<ModelFiles> m_files;
    std::vector<std::int32_t> m_ids = someIds();
    test::Scratch m_scratch;

    Decoder decoder(torch::ScalarType dtype = torch::kFloat32) const {
        return Decoder::load(*m_files, dtype);
    }
    /// Masks that begin at the graded magnitude prior, or tiles of it over 2:4 or its patterns.
    MaskList masks(Kind kind = Leap) const {
        MaskList list;
        OneShotRequest request;
        request.target = parsePattern(kind == Leap ? "unstructured" : "2:4", kSparsity);
        request.onPruned = [&](const PrunableMatrix& matrix, const PrunedMatrix& pruned) {
            const auto& scores = pruned.scores;
            const auto unstructured =
                packMask(keepInMatrix(scores, PatternTarget{kSparsity}.removed(scores.numel())));
            if (kind == Tile) {
                list.push_back(std::make_unique<TileMask>(matrix, packMask(keepNM(scores, 2, 4)), 24, 20));
                takeTileScores(static_cast<TileMask&>(*list.back()), unstructured);
            } else if (kind == Joint) {
                list.push_back(std::make_unique<JointMask>(matrix, 24, 20));
                takeTileScores(static_cast<JointMask&>(*list.back()), unstructured);
                startPatterns(static_cast<JointMask&>(*list.back()), pruned.mask, scores, {});
            } else if (kind == Patterns) {
                list.push_back(std::make_unique<PatternMask>(matrix, 2, 4));
                startPatterns(static_cast<PatternMask&>(*list.back()), pruned.mask, scores, {});
            } else {
                list.push_back(std::make_unique<BernoulliMask>(matrix));
                takeScores(static_cast<BernoulliMask&>(*list.back()), scores);
            }
        };
        pruneOneShot(*m_files, *OneShotMethod::create("magnitude"), {}, torch::kFloat32, request);
        finishPrior(list, {});
        return list;
    }
    static void methods() {
        QTest::addColumn<Kind>("kind");
        QTest::addColumn<bool>("half");
        for (const bool half : {false, true})
            for (const auto& [name, kind] : {std::pair{"LEAP", Leap},
                                             {"PATCH-Tile", Tile},
                                             {"PATCH-Joint", Joint},
                                             {"MaskLLM", Patterns}})
                QTest::addRow("%s, %s", name, half ? "bf16" : "f32") << kind << half;
    }
    /// For tiles a target that both kinds of tiles are needed for.
    static TrainerSettings settingsFor(Kind kind) {
        auto s = settings();
        if (kind == Tile || kind == Joint) s.sparsity = 0.25;
        return s;
    }

  private Q_SLOTS:
    void initTestCase() {
        configureThreads(2);
        m_files = ModelFiles::open(test::data("tiny_llama"));
    }

    /// The same seed gives the same masks to the bit, another seed others; and learning changes them.
    void theSeedDecides_data() { methods(); }
    void theSeedDecides() {
        QFETCH(Kind, kind);
        QFETCH(bool, half);
        const auto model = decoder(half ? torch::kBFloat16 : torch::kFloat32);
        const auto frozen = decoder(model.dtype());
        std::vector<std::vector<torch::Tensor>> states;
        std::vector<MaskSet> hard;
        std::vector<double> losses;
        for (const std::uint64_t seed : {11u, 11u, 12u}) {
            auto s = settingsFor(kind);
            s.seed = seed;
            MaskTrainer trainer(model, masks(kind), m_ids, s);
            hard.push_back(trainer.harden());
            double loss = 0;
            for (int i = 0; i < 8; ++i) loss = trainer.step().loss;
            losses.push_back(loss);
            states.push_back(stateOf(trainer));
            hard.push_back(trainer.harden());
        }
        QCOMPARE(losses[0], losses[1]);
        QVERIFY(losses[0] != losses[2]);
        QVERIFY(sameState(states[0], states[1]));
        QVERIFY(!sameState(states[0], states[2]));
        QVERIFY(sameMasks(hard[1], hard[3]));
        QVERIFY(!sameMasks(hard[0], hard[1]));
        // The model is frozen.
        for (std::size_t block = 0; block < model.blocks.size(); ++block)
            for (int g = 0; g < kGroups; ++g)
                QVERIFY(sameBits(model.blocks[block].groups[std::size_t(g)],
                                 frozen.blocks[block].groups[std::size_t(g)]));
    }

    /// What the product calls the kernels through, on one thread and on two.
    void maskStepsDoNotDependOnThreads_data() { methods(); }
    void maskStepsDoNotDependOnThreads() {
        QFETCH(Kind, kind);
        QFETCH(bool, half);
        const PrunableMatrix matrix{"m", "up", 0, 900, 260};
        const auto type = half ? torch::kBFloat16 : torch::kFloat32;
        torch::manual_seed(6);
        const auto weights = torch::randn({900, 260}).to(type), gradient = torch::randn({900, 260}).to(type);
        std::vector<std::vector<torch::Tensor>> results;
        std::vector<double> sums;
        for (const int threads : {1, 2}) {
            omp_set_num_threads(threads);
            std::unique_ptr<MaskParameters> mask;
            if (kind == Tile)
                mask = std::make_unique<TileMask>(
                    matrix, packMask(keepNM(weights.to(torch::kFloat32).abs().contiguous(), 2, 4)), 20, 12);
            else if (kind == Joint)
                mask = std::make_unique<JointMask>(matrix, 20, 12);
            else if (kind == Patterns)
                mask = std::make_unique<PatternMask>(matrix, 2, 4);
            else
                mask = std::make_unique<BernoulliMask>(matrix);
            torch::manual_seed(8);
            mask->logits().copy_(torch::randn({mask->logits().numel()}) * 0.02);
            MaskStep step;
            step.noise = {5, 3, 1};
            step.regularisers = {0.01f, -0.02f};
            const auto masked = torch::empty_like(weights);
            const auto forward = mask->sample(weights, masked, step);
            const auto backward = mask->backpropagateAndUpdate(weights, gradient, step);
            results.push_back({masked, mask->logits(), mask->moment1(), mask->moment2()});
            sums.insert(sums.end(), {forward.gate, forward.squaredMasked, backward.squaredGradient});
        }
        omp_set_num_threads(2);
        QVERIFY(sameState(results[0], results[1]));
        for (std::size_t i = 0; i < 3; ++i) QCOMPARE(sums[i], sums[i + 3]);
    }

    /// Kill and go on at any step: the same bits as without.
    void goingOnIsTheSameRun_data() {
        QTest::addColumn<Kind>("kind");
        QTest::addColumn<bool>("half");
        QTest::addColumn<bool>("narrow");
        for (const auto& [name, kind] :
             {std::pair{"LEAP", Leap}, {"PATCH-Tile", Tile}, {"PATCH-Joint", Joint}, {"MaskLLM", Patterns}})
            for (const bool half : {false, true})
                for (const bool narrow : {false, true})
                    QTest::addRow("%s, %s, moments in %s", name, half ? "bf16" : "f32",
                                  narrow ? "bf16" : "f32")
                        << kind << half << narrow;
    }
    void goingOnIsTheSameRun() {
        QFETCH(Kind, kind);
        QFETCH(bool, half);
        QFETCH(bool, narrow);
        const auto masks = [&](Kind of) {
            auto list = this->masks(of);
            for (auto& mask : list)
                if (narrow) mask->narrowMoments();
            return list;
        };
        const auto model = decoder(half ? torch::kBFloat16 : torch::kFloat32);
        const auto folder = m_scratch / QTest::currentDataTag();
        std::filesystem::create_directory(folder);
        MaskTrainer whole(model, masks(kind), m_ids, settingsFor(kind));
        for (int i = 0; i < 3; ++i) whole.step();
        whole.save(folder);
        QCOMPARE(std::uint64_t(std::filesystem::file_size(folder / "state.bin")), whole.stateBytes());
        const auto atSave = stateOf(whole);
        std::vector<StepReport> reports;
        for (int i = 3; i < 8; ++i) reports.push_back(whole.step());

        // A fresh process has no prior: what is loaded must be all.
        auto blank = masks(kind);
        for (auto& mask : blank) mask->logits().zero_();
        MaskTrainer resumed(model, std::move(blank), m_ids, settingsFor(kind));
        resumed.load(folder);
        QCOMPARE(resumed.completedSteps(), std::int64_t(3));
        QVERIFY(sameState(stateOf(resumed), atSave));
        for (const auto& expected : reports) {
            const auto report = resumed.step();
            QCOMPARE(report.step, expected.step);
            QCOMPARE(report.loss, expected.loss);
            QCOMPARE(report.softDensity, expected.softDensity);
            QCOMPARE(report.tokens, expected.tokens);
        }
        QVERIFY(sameState(stateOf(resumed), stateOf(whole)));
        QVERIFY(sameMasks(resumed.harden(), whole.harden()));
    }

    /// A damaged checkpoint is refused; one of another run, too.
    void onlyWholeCheckpointsAreRead() {
        const auto model = decoder();
        const auto folder = m_scratch / "damaged";
        std::filesystem::create_directory(folder);
        MaskTrainer trainer(model, masks(), m_ids, settings());
        trainer.save(folder);
        MaskTrainer tiles(model, masks(Tile), m_ids, settings());
        EXPECT_ERROR(tiles.load(folder), Corrupt, "does not fit");
        std::filesystem::resize_file(folder / "state.bin", trainer.stateBytes() - 1);
        EXPECT_ERROR(trainer.load(folder), Corrupt, "does not fit");
        trainer.save(folder);
        std::fstream(folder / "state.bin", std::ios::in | std::ios::out | std::ios::binary).write("X", 1);
        EXPECT_ERROR(trainer.load(folder), Corrupt, "header");
    }

    /// --minutes measures a step first: that must not change the run.
    void measuringChangesNothing() {
        const auto model = decoder();
        MaskTrainer plain(model, masks(), m_ids, settings()), measured(model, masks(), m_ids, settings(0));
        QVERIFY(measured.measureStep() > 0);
        measured.setSteps(8);
        QVERIFY(sameState(stateOf(plain), stateOf(measured)));
        for (int i = 0; i < 2; ++i) QCOMPARE(plain.step().loss, measured.step().loss);
        QVERIFY(sameState(stateOf(plain), stateOf(measured)));
    }

    /// Each micro-batch has noise of its own: over windows that are all the same, two passes a step would
    /// otherwise be one.
    void microBatchesDrawTheirOwnNoise() {
        const auto model = decoder();
        std::vector<std::int32_t> same;
        for (int i = 0; i < 24 * 8; ++i) same.push_back(i % 24 * 3);
        auto s = settings();
        s.lambdaDensity = s.lambdaWeight = 0;
        MaskTrainer one(model, masks(), same, s);
        s.accumulate = 2;
        MaskTrainer two(model, masks(), same, s);
        const auto first = one.step(), both = two.step();
        QVERIFY(first.loss != both.loss);
        QVERIFY(!sameBits(one.masks()[0]->moment1(), two.masks()[0]->moment1()));
        // The mean of two draws, not their sum.
        QVERIFY(std::abs(both.loss / first.loss - 1) < 0.2);
        QVERIFY(both.gradientNorm < 1.2 * first.gradientNorm);
        QCOMPARE(both.tokens, 2 * first.tokens);
    }

    /// Activations computed again in backward are those that were thrown away: every step's report and every
    /// mask are the same to the bit, in both forms of the backward pass.
    void recomputedActivationsChangeNothing_data() {
        QTest::addColumn<int>("kind");
        QTest::addColumn<int>("accumulate");
        QTest::newRow("LEAP") << int(Leap) << 1;
        QTest::newRow("LEAP, two passes a step") << int(Leap) << 2;
        QTest::newRow("PATCH-Tile") << int(Tile) << 1;
        QTest::newRow("PATCH-Joint") << int(Joint) << 1;
    }
    void recomputedActivationsChangeNothing() {
        QFETCH(int, kind);
        QFETCH(int, accumulate);
        const auto model = decoder();
        auto s = settingsFor(Kind(kind));
        s.accumulate = accumulate;
        // One block's place for masked weights serves all: a matrix that stays dense is dense in its own.
        const auto someMasks = [&] {
            auto list = masks(Kind(kind));
            std::erase_if(list, [](const auto& mask) {
                return mask->matrix().block == 1 && mask->matrix().name.find("k_proj") != std::string::npos;
            });
            return list;
        };
        MaskTrainer kept(model, someMasks(), m_ids, s);
        s.activationCheckpointing = true;
        MaskTrainer recomputed(model, someMasks(), m_ids, s);
        for (int i = 0; i < 3; ++i) {
            const auto a = kept.step(), b = recomputed.step();
            QCOMPARE(b.loss, a.loss);
            QCOMPARE(b.gradientNorm, a.gradientNorm);
            QVERIFY(sameState(stateOf(recomputed), stateOf(kept)));
        }
        QVERIFY(sameMasks(recomputed.harden(), kept.harden()));
    }

    /// On disk, what is learned is what it is in memory; of the files nothing is seen but that they are
    /// mapped.
    void spilledStateIsTheSame_data() {
        QTest::addColumn<Kind>("kind");
        QTest::addColumn<int>("accumulate");
        QTest::newRow("LEAP") << Leap << 1;
        QTest::newRow("LEAP, two passes a step") << Leap << 2;
        QTest::newRow("PATCH-Joint, two passes a step") << Joint << 2;
    }
    void spilledStateIsTheSame() {
        QFETCH(Kind, kind);
        QFETCH(int, accumulate);
        const auto model = decoder();
        auto s = settingsFor(kind);
        s.accumulate = accumulate;
        const auto mapped = [] {
            std::ifstream maps("/proc/self/maps");
            int count = 0;
            for (std::string line; std::getline(maps, line);)
                count +=
                    line.find("spilled-") != std::string::npos && line.find("(deleted)") != std::string::npos;
            return count;
        };
        {
            const test::Scratch scratch;
            const auto folder = scratch / "run";
            std::filesystem::create_directories(folder);
            auto list = masks(kind);
            const auto count = static_cast<int>(list.size());
            for (auto& mask : list) mask->spill(folder);
            QCOMPARE(mapped(), 3 * count);
            MaskTrainer spilled(model, std::move(list), m_ids, s), kept(model, masks(kind), m_ids, s);
            for (int i = 0; i < 3; ++i) {
                const auto a = kept.step(), b = spilled.step();
                QCOMPARE(b.loss, a.loss);
                QVERIFY(sameState(stateOf(spilled), stateOf(kept)));
            }
            QCOMPARE(mapped(), (accumulate > 1 ? 4 : 3) * count);
            QVERIFY(std::filesystem::is_empty(folder));
            spilled.save(folder);
            MaskTrainer read(model, masks(kind), m_ids, s);
            read.load(folder);
            QVERIFY(sameState(stateOf(read), stateOf(kept)));
            EXPECT_ERROR(masks(kind)[0]->spill(m_scratch / "absent"), NotFound, "spill");
        }
        QCOMPARE(mapped(), 0);
    }

    /// Cross-entropy alone (the published loss), divergence alone, and both: gradients add up.
    void partsOfTheLoss() {
        const auto model = decoder();
        std::vector<std::vector<torch::Tensor>> gradients;
        for (const HeadLossWeights loss : {HeadLossWeights{1, 0}, {0, 1}, {0.25, 0.5}}) {
            auto s = settings();
            s.lambdaDensity = s.lambdaWeight = 0;
            s.beta1 = 0;  // the first moment is the gradient
            s.loss = loss;
            MaskTrainer trainer(model, masks(), m_ids, s);
            const auto report = trainer.step();
            QCOMPARE(report.divergence > 0, loss.divergence > 0);
            QVERIFY(report.crossEntropy > 0);
            QVERIFY(std::abs(report.loss - loss.crossEntropy * report.crossEntropy -
                             loss.divergence * report.divergence) < 1e-9);
            gradients.emplace_back();
            for (const auto& mask : trainer.masks()) gradients.back().push_back(mask->moment1().clone());
        }
        for (std::size_t i = 0; i < gradients[0].size(); ++i)
            QVERIFY(torch::allclose(gradients[2][i], 0.25 * gradients[0][i] + 0.5 * gradients[1][i], 1e-3,
                                    1e-5 * gradients[0][i].abs().max().item<double>()));
    }

    /// The gradient that Adam sees is cut to the given norm.
    void clippingHoldsTheNorm() {
        const auto model = decoder();
        auto s = settings();
        MaskTrainer plain(model, masks(), m_ids, s);
        const double norm = plain.step().gradientNorm;
        s.clip = norm / 4;
        MaskTrainer clipped(model, masks(), m_ids, s);
        QVERIFY(std::abs(clipped.step().gradientNorm / norm - 1) < 1e-5);
        double squares = 0;
        for (std::size_t i = 0; i < plain.masks().size(); ++i) {
            const auto moment = clipped.masks()[i]->moment1();
            squares += moment.to(torch::kFloat64).square().sum().item<double>();
            QVERIFY(torch::allclose(moment, plain.masks()[i]->moment1() / 4, 1e-4, 1e-12));
        }
        QVERIFY(std::abs(std::sqrt(squares) / (0.1 * s.clip) - 1) < 1e-4);
    }

    /// Something that is not finite stops the step with its number and the first matrix behind it, and the
    /// masks stay as they were: with the damage undone the run goes on to the bits of one without.
    void aLossThatIsNotFiniteStopsTheStep_data() {
        QTest::addColumn<QString>("where");
        QTest::addColumn<QString>("named");
        QTest::newRow("input norm") << "inputNorm"
                                    << "model.layers.1.self_attn.q_proj.weight";
        QTest::newRow("second norm") << "postNorm"
                                     << "model.layers.1.mlp.gate_proj.weight";
        QTest::newRow("weight") << "weight"
                                << "model.layers.1.mlp.down_proj.weight";
        QTest::newRow("head") << "head"
                              << "the head";
        QTest::newRow("NaN") << "nan"
                             << "model.layers.1.self_attn.q_proj.weight";
    }
    void aLossThatIsNotFiniteStopsTheStep() {
        QFETCH(QString, where);
        QFETCH(QString, named);
        for (const std::int64_t accumulate : {1, 2}) {
            auto s = settings();
            s.accumulate = accumulate;
            auto model = decoder();
            MaskTrainer healthy(model, masks(), m_ids, s), trainer(model, masks(), m_ids, s);
            for (int i = 0; i < 2; ++i) healthy.step(), trainer.step();
            const auto before = stateOf(trainer);

            auto& block = model.blocks[1];
            torch::Tensor victim = where == "inputNorm" || where == "nan" ? block.inputNorm
                                   : where == "postNorm"                  ? block.postNorm
                                   : where == "head"                      ? model.outer.head
                                                                          : block.group(Group::Down);
            victim = victim.view({-1})[5];
            const auto kept = victim.clone();
            victim.fill_(where == "nan" ? NAN : kInfinity);
            EXPECT_ERROR(trainer.step(), Numerical, "step 3");
            EXPECT_ERROR(trainer.step(), Numerical, named.toStdString());
            QVERIFY(sameState(stateOf(trainer), before));
            QCOMPARE(trainer.completedSteps(), std::int64_t(2));
            // What it advises is an option's value, and below the rate that failed.
            try {
                trainer.step();
            } catch (const Error& error) {
                QCOMPARE(error.remedies().size(), std::size_t(1));
                QCOMPARE(error.remedies()[0].option, std::string("lr"));
                QCOMPARE(std::stod(error.remedies()[0].value), s.learningRate / 4);
            }

            victim.copy_(kept);
            QCOMPARE(trainer.step().loss, healthy.step().loss);
            QVERIFY(sameState(stateOf(trainer), stateOf(healthy)));
        }
    }

    /// The loss may be finite and its gradient not (here a huge head). Then the masks of the step are gone,
    /// but not those of the checkpoint before it.
    void aGradientThatIsNotFiniteLeavesTheCheckpoint() {
        auto model = decoder();
        MaskTrainer healthy(model, masks(), m_ids, settings()), trainer(model, masks(), m_ids, settings());
        const auto folder = m_scratch / "gradient";
        std::filesystem::create_directory(folder);
        for (int i = 0; i < 2; ++i) healthy.step(), trainer.step();
        trainer.save(folder);
        const auto kept = model.outer.head.clone();
        model.outer.head.mul_(1e32);
        EXPECT_ERROR(trainer.step(), Numerical,
                     "the gradient of the mask is not finite (step 3, model.layers.0");
        model.outer.head.copy_(kept);
        trainer.load(folder);
        QCOMPARE(trainer.step().loss, healthy.step().loss);
        QVERIFY(sameState(stateOf(trainer), stateOf(healthy)));
    }

    /// The same where only the second of a step's passes meets the damage: what the first has accumulated
    /// does not go into a later step.
    void aStepIsAllOrNothing() {
        auto s = settings();
        s.accumulate = 2;
        // Token 255 stands in one window only: the first of the third step's second pass.
        auto ids = m_ids;
        for (auto& id : ids) id = std::min(id, 254);
        WindowOrder order(static_cast<std::int64_t>(ids.size()) / s.context, s.seed);
        ids[std::size_t(order.at((2 * 2 + 1) * s.batch) * s.context + 3)] = 255;
        auto model = decoder();
        MaskTrainer healthy(model, masks(), ids, s), trainer(model, masks(), ids, s);
        for (int i = 0; i < 2; ++i) healthy.step(), trainer.step();
        const auto victim = model.outer.embedding[255], kept = victim.clone();
        victim.fill_(NAN);
        EXPECT_ERROR(trainer.step(), Numerical, "step 3");
        victim.copy_(kept);
        QCOMPARE(trainer.step().loss, healthy.step().loss);
        QVERIFY(sameState(stateOf(trainer), stateOf(healthy)));
    }

    /// Logits that leave f32's range would end as arbitrary masks: an absurd learning rate overflows them, a
    /// vanishing epsilon divides no gradient by none.
    void logitsOutOfRangeAreNoticed_data() {
        QTest::addColumn<Kind>("kind");
        QTest::addColumn<double>("rate");
        QTest::addColumn<double>("epsilon");
        QTest::addColumn<bool>("centring");
        QTest::newRow("rate, LEAP") << Leap << 3e38 << 1e-12 << true;
        QTest::newRow("rate, LEAP, no centring") << Leap << 3e38 << 1e-12 << false;
        QTest::newRow("rate, PATCH-Tile") << Tile << 3e38 << 1e-12 << true;
        QTest::newRow("rate, PATCH-Joint") << Joint << 3e38 << 1e-12 << true;
        QTest::newRow("rate, MaskLLM") << Patterns << 3e38 << 1e-12 << false;
        QTest::newRow("epsilon, PATCH-Tile") << Tile << 1e-3 << 0.0 << true;
    }
    void logitsOutOfRangeAreNoticed() {
        QFETCH(Kind, kind);
        QFETCH(double, rate);
        QFETCH(double, epsilon);
        QFETCH(bool, centring);
        const auto model = decoder();
        auto s = settingsFor(kind);
        s.learningRate = s.patternLearningRate = rate;
        s.learningRateCurve = Curve::Constant;
        s.warmupSteps = 0;
        s.epsilon = epsilon;
        s.centring = centring;
        if (epsilon == 0) s.tauStart = s.tauEnd = 1e-4;  // every gate saturated
        MaskTrainer trainer(model, masks(kind), m_ids, s);
        const auto run = [&] {
            for (int i = 0; i < 8; ++i) trainer.step();
        };
        EXPECT_ERROR(run(), Numerical, ", model.layers.");
        QVERIFY(trainer.completedSteps() < 8);
    }

    /// Gates that are saturated from the first step on (tau 0.05, kappa 350, logits of any size) have no
    /// gradient left, and Adam's moments stay zeros without dividing by them.
    void saturatedGatesStayFinite_data() { methods(); }
    void saturatedGatesStayFinite() {
        QFETCH(Kind, kind);
        QFETCH(bool, half);
        const auto model = decoder(half ? torch::kBFloat16 : torch::kFloat32);
        for (const float size : {1.0f, 1e4f, 1e30f}) {
            auto s = settingsFor(kind);
            s.kappaStart = s.kappaEnd = s.patternKappaStart = s.patternKappaEnd = 350;
            s.tauStart = s.tauEnd = s.patternTauStart = s.patternTauEnd = 0.05;
            auto list = masks(kind);
            for (auto& mask : list) mask->logits().sign_().mul_(size);
            MaskTrainer trainer(model, std::move(list), m_ids, s);
            for (int i = 0; i < 3; ++i) {
                const auto report = trainer.step();
                QVERIFY(std::isfinite(report.loss) && std::isfinite(report.gradientNorm));
            }
            for (const auto& tensor : stateOf(trainer)) QVERIFY(torch::isfinite(tensor).all().item<bool>());
        }
    }

    /// Learning lowers what it minimises: the masks after it predict the text better than those before.
    void learningHelps_data() {
        QTest::addColumn<Kind>("kind");
        QTest::newRow("LEAP") << Leap;
        QTest::newRow("PATCH-Joint") << Joint;
        QTest::newRow("MaskLLM") << Patterns;
    }
    void learningHelps() {
        QFETCH(Kind, kind);
        const auto model = decoder();
        auto s = settingsFor(kind);
        s.steps = 40;
        s.lambdaDensity = s.lambdaWeight = 0;
        s.loss = {0, 1};
        MaskTrainer trainer(model, masks(kind), m_ids, s);
        const auto divergence = [&] {
            // The same draw of nearly hard masks before and after.
            auto fixed = s;
            fixed.learningRate = fixed.patternLearningRate = 0;
            fixed.kappaStart = fixed.kappaEnd = fixed.patternKappaStart = fixed.patternKappaEnd = 350;
            fixed.tauStart = fixed.tauEnd = fixed.patternTauStart = fixed.patternTauEnd = 0.05;
            auto list = masks(kind);
            for (std::size_t i = 0; i < list.size(); ++i)
                list[i]->logits().copy_(trainer.masks()[i]->logits());
            return MaskTrainer(model, std::move(list), m_ids, fixed).step().divergence;
        };
        const double before = divergence();
        for (int i = 0; i < 40; ++i) trainer.step();
        const double after = divergence();
        QVERIFY2(after < 0.9 * before, qPrintable(QString("%1, then %2").arg(before).arg(after)));
    }
};

QTEST_APPLESS_MAIN(TrainerTest)
#include "tst_trainer.moc"
