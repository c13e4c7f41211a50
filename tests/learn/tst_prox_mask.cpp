#include <QtTest>
#include <cmath>
#include <filesystem>

#include "core/learn/prox_mask.h"
#include "core/learn/trainer.h"
#include "core/model/torch_runtime.h"
#include "support/support.h"

using namespace tessera;

namespace {

MaskStep stepOf(double rate) {
    MaskStep step;
    step.patternAdam.learningRate = static_cast<float>(rate);
    step.patternAdam.beta1 = 0.0f;
    return step;
}

std::int64_t groupsWithMoreThanTwo(const torch::Tensor& weights) {
    return weights.view({-1, 4}).ne(0).sum(1).gt(2).sum().item<std::int64_t>();
}

}  // namespace

class ProxMaskTest : public QObject {
    Q_OBJECT

    std::optional<ModelFiles> m_files;
    std::vector<std::int32_t> m_ids;
    test::Scratch m_scratch;

    MaskList masks(const ProxSettings& settings) const {
        MaskList list;
        for (const auto& matrix : prunableMatrices(m_files->config())) {
            auto mask = std::make_unique<ProxMask>(matrix, settings);
            mask->begin(loadTensor(m_files->tensors(), matrix.name, torch::kFloat32));
            list.push_back(std::move(mask));
        }
        return list;
    }
    static TrainerSettings settings() {
        TrainerSettings s;
        s.steps = 30;
        s.batch = 2;
        s.context = 24;
        s.seed = 5;
        s.learningRate = s.patternLearningRate = 1e-3;
        s.warmupSteps = 2;
        s.clip = 1;
        s.centring = false;
        s.lambdaDensity = s.lambdaWeight = 0;
        s.loss = {1, 0};
        return s;
    }

  private Q_SLOTS:
    void initTestCase() {
        configureThreads(2);
        m_files = ModelFiles::open(test::data("tiny_llama"));
        for (int i = 0; i < 24 * 16; ++i) m_ids.push_back((i * 7 + i / 24 * 3) % 60);
    }

    void itsForwardIsTheLearnedWeights() {
        const PrunableMatrix matrix{"m", "q", 0, 6, 8};
        ProxMask mask(matrix, {});
        const auto weights = torch::randn({6, 8});
        mask.begin(weights);
        for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
            const auto frozen = torch::zeros({6, 8}, type), masked = torch::empty_like(frozen);
            const auto sums = mask.sample(frozen, masked, {});
            QVERIFY(torch::equal(masked, weights.to(type)));
            QCOMPARE(sums.gate, 48.0);
        }
    }

    /// The distance's gradient against differences in f64, the loss's added to it.
    void theGradientIsThePenaltysAndTheLosss() {
        const PrunableMatrix matrix{"m", "q", 0, 3, 4};
        const ProxSettings settings{0, 0.7, 0.1};
        auto original = torch::randn({3, 4}, torch::kFloat64);
        original[0][1] = 0.0;
        const auto learned = (original + 0.3 * torch::randn({3, 4}, torch::kFloat64)).to(torch::kFloat32);
        const auto gradLoss = torch::randn({3, 4});
        ProxMask mask(matrix, settings);
        mask.begin(learned);
        // Adam without memory of the mean: its first moment is the gradient.
        mask.backpropagateAndUpdate(original.to(torch::kFloat32), gradLoss, stepOf(0));
        const auto penalty = [&](const torch::Tensor& w) {
            const auto sign =
                torch::where(original < 0, -torch::ones_like(original), torch::ones_like(original));
            return settings.frozenLambda *
                   (w / (original + settings.frozenEpsilon * sign) * (w - original)).square().sum();
        };
        for (std::int64_t i = 0; i < 12; ++i) {
            const double h = 1e-6;
            auto up = learned.to(torch::kFloat64).clone(), down = up.clone();
            up.view({-1})[i] += h;
            down.view({-1})[i] -= h;
            const double wanted = ((penalty(up) - penalty(down)) / (2 * h)).item<double>() +
                                  gradLoss.view({-1})[i].item<double>();
            const double got = mask.moment1()[i].item<double>();
            QVERIFY2(std::abs(got - wanted) < 2e-4 * (1 + std::abs(wanted)),
                     qPrintable(QString("%1 %2").arg(got).arg(wanted)));
        }
    }

    /// With no gradient a step is the proximal step alone, and enough of them leave two of every four.
    void stepsPullTowardsTwoOfFour() {
        const PrunableMatrix matrix{"m", "q", 0, 32, 64};
        ProxMask mask(matrix, {2.0, 0, 0.1});
        const auto weights = torch::randn({32, 64}), none = torch::zeros({32, 64});
        mask.begin(weights);
        QCOMPARE(groupsWithMoreThanTwo(mask.logits()), std::int64_t(512));
        std::int64_t before = 512;
        for (int i = 0; i < 40; ++i) {
            mask.backpropagateAndUpdate(weights, none, stepOf(0));
            const auto now = groupsWithMoreThanTwo(mask.logits());
            QVERIFY(now <= before);
            before = now;
        }
        QVERIFY2(before < 10, qPrintable(QString::number(before)));
        // The two that stay are the two largest: the mask is magnitude's, whatever was taken from them.
        const auto hard = mask.harden({});
        const auto rows = weights.view({-1, 4}).abs();
        for (std::int64_t g = 0; g < 512; ++g) {
            const auto largest = std::get<1>(rows[g].topk(2));
            for (int i = 0; i < 2; ++i) QVERIFY(hard.keeps(4 * g + largest[i].item<std::int64_t>()));
            int kept = 0;
            for (int i = 0; i < 4; ++i) kept += hard.keeps(4 * g + i);
            QCOMPARE(kept, 2);
        }
    }

    /// A whole model: the loss stays finite, groups come to two, the same seed gives the same bits, and a
    /// checkpoint goes on to them.
    void trainsAModel() {
        for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
            const auto model = Decoder::load(*m_files, type);
            const ProxSettings prox{4.0, 0, 0.1};
            MaskTrainer whole(model, masks(prox), m_ids, settings());
            const auto folder = m_scratch / "state";
            std::filesystem::create_directories(folder);
            double first = 0, last = 0;
            for (int i = 0; i < 30; ++i) {
                const auto report = whole.step();
                QVERIFY(std::isfinite(report.loss) && report.gradientNorm > 0);
                if (i == 0) first = report.softDensity;
                last = report.softDensity;
                if (i == 9) whole.save(folder);
            }
            QCOMPARE(first, 1.0);
            QVERIFY2(last < 0.9, qPrintable(QString::number(last)));
            MaskTrainer resumed(model, masks(prox), m_ids, settings());
            resumed.load(folder);
            for (int i = 10; i < 30; ++i) resumed.step();
            for (std::size_t i = 0; i < whole.masks().size(); ++i)
                QVERIFY(torch::equal(whole.masks()[i]->logits(), resumed.masks()[i]->logits()));
        }
    }

    void raggedGroupsAreRefused() {
        EXPECT_ERROR(ProxMask({"odd", "q", 0, 4, 6}, {}), InvalidInput, "do not divide");
    }
};

QTEST_APPLESS_MAIN(ProxMaskTest)
#include "tst_prox_mask.moc"
