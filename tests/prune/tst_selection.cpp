#include <torch/torch.h>

#include <QtTest>
#include <algorithm>
#include <numeric>

#include "core/base/error.h"
#include "core/prune/method.h"
#include "core/prune/selection.h"

using namespace tessera;

namespace {

/// The definition, slowly: sort (score, place) and remove the first `remove`.
std::vector<bool> keptBySorting(const std::vector<float>& scores, std::size_t remove) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return scores[a] < scores[b]; });
    std::vector<bool> keep(scores.size(), true);
    for (std::size_t i = 0; i < remove; ++i) keep[order[i]] = false;
    return keep;
}

PackedMask pruned(const char* method, const torch::Tensor& weights, const torch::Tensor& squaredNorms,
                  double sparsity) {
    return OneShotMethod::create(method)
        ->prepare({squaredNorms, {}, 1}, "input")
        ->prune(weights, {sparsity, 0, 0}, "m")
        .mask;
}

/// Scores with many ties, as bf16 magnitudes have.
torch::Tensor tiedScores(std::int64_t rows, std::int64_t cols) {
    torch::manual_seed(7);
    return torch::randint(0, 6, {rows, cols}).to(torch::kFloat32);
}

}  // namespace

class SelectionTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void matrixSelectionRemovesExactlyTheLowest() {
        for (const double sparsity : {0.0, 0.3, 0.5, 0.613, 0.99}) {
            const auto scores = tiedScores(13, 21);
            const auto remove = static_cast<std::size_t>(sparsity * 13 * 21);
            const auto mask = packMask(keepInMatrix(scores, std::int64_t(remove)));
            QCOMPARE(mask.kept(), std::int64_t(13 * 21 - remove));
            const auto keep =
                keptBySorting({scores.data_ptr<float>(), scores.data_ptr<float>() + scores.numel()}, remove);
            for (std::int64_t i = 0; i < scores.numel(); ++i)
                QCOMPARE(mask.keeps(i), bool(keep[std::size_t(i)]));
        }
    }

    void rowSelectionIsExactInEveryRow() {
        const auto scores = tiedScores(9, 40);
        const auto mask = packMask(keepInRows(scores, 22));
        for (std::int64_t row = 0; row < 9; ++row) {
            const float* begin = scores.data_ptr<float>() + row * 40;
            const auto keep = keptBySorting({begin, begin + 40}, 22);
            for (std::int64_t col = 0; col < 40; ++col)
                QCOMPARE(mask.keeps(row * 40 + col), bool(keep[std::size_t(col)]));
        }
    }

    void nmSelectionKeepsNOfEveryM() {
        const auto scores = torch::rand({6, 24});
        for (const auto& [keep, group] : {std::pair{2, 4}, {4, 8}, {1, 4}, {5, 6}}) {
            const auto mask = packMask(keepNM(scores, keep, group));
            for (std::int64_t first = 0; first < scores.numel(); first += group) {
                int count = 0;
                float lowestKept = 2, highestRemoved = -1;
                for (std::int64_t i = first; i < first + group; ++i) {
                    const float score = scores.data_ptr<float>()[i];
                    if (mask.keeps(i))
                        ++count, lowestKept = std::min(lowestKept, score);
                    else
                        highestRemoved = std::max(highestRemoved, score);
                }
                QCOMPARE(count, keep);
                QVERIFY(lowestKept >= highestRemoved);
            }
        }
        QVERIFY_THROWS_EXCEPTION(Error, requireGroups({0.5, 2, 4}, 6, "m"));
    }

    void patternsAreParsedAndRefused() {
        QCOMPARE(parsePattern("2:4", 0.9).sparsity, 0.5);
        QCOMPARE(parsePattern("unstructured", 0.6).group, 0);
        for (const char* bad : {"4:2", "0:4", "2:", "a:b", "2:400", "tiles", "2"})
            QVERIFY_THROWS_EXCEPTION(Error, parsePattern(bad, 0.5));
    }

    void equalNormsMakeWandaRowMagnitude() {
        const auto weights = torch::randn({8, 32});
        const auto mask = pruned("wanda", weights, torch::full({32}, 3.0f), 0.5);
        QVERIFY(mask.bits == packMask(keepInRows(weights.abs(), 16)).bits);
    }

    /// Thousands of scores are counted by bins instead of moved about, in f32 and f64.
    void manyScoresAreCutAsFewAre() {
        torch::manual_seed(11);
        auto scores = torch::randn({150, 400}).abs();
        scores.narrow(0, 0, 20).mul_(100).round_();
        scores[30].zero_();
        scores[31].fill_(std::numeric_limits<float>::infinity());
        for (const std::int64_t remove : {0, 1, 399, 30000, 59999, 60000}) {
            const auto keep = keptBySorting(
                {scores.data_ptr<float>(), scores.data_ptr<float>() + scores.numel()}, std::size_t(remove));
            for (const auto& each : {scores, scores.to(torch::kFloat64)}) {
                const auto mask = keepInMatrix(each, remove);
                for (std::int64_t i = 0; i < scores.numel(); ++i)
                    QCOMPARE(mask.data_ptr<std::uint8_t>()[i] != 0, bool(keep[std::size_t(i)]));
            }
        }
    }

    void wandaDoesNotSeeFeatureScalingAndMagnitudeDoes() {
        const auto weights = torch::randn({16, 32});
        const auto norms = torch::rand({32}) + 0.5;
        const auto scale = torch::pow(2.0, torch::randint(-3, 4, {32}).to(torch::kFloat32));
        const auto before = pruned("wanda", weights, norms.square(), 0.5);
        QVERIFY(before.bits == pruned("wanda", weights / scale, (norms * scale).square(), 0.5).bits);
        QVERIFY(pruned("magnitude", weights, {}, 0.5).bits !=
                pruned("magnitude", weights / scale, {}, 0.5).bits);
    }

    void deadFeaturesGoFirst() {
        const auto weights = torch::randn({4, 16});
        auto norms = torch::ones({16});
        norms[5] = 0;
        const auto mask = pruned("wanda", weights, norms, 0.25);
        for (int row = 0; row < 4; ++row) QVERIFY(!mask.keeps(row * 16 + 5));
    }

    void appliedMasksZeroAndKeepBits() {
        auto weights = torch::randn({5, 7}).to(torch::kBFloat16);
        const auto before = weights.clone();
        const auto mask = packMask(keepInMatrix(before.abs().to(torch::kFloat32), 17));
        applyMask(weights, mask);
        for (std::int64_t i = 0; i < weights.numel(); ++i) {
            const auto value = weights.view({-1})[i].item<float>();
            QCOMPARE(value, mask.keeps(i) ? before.view({-1})[i].item<float>() : 0.0f);
        }
    }
};

QTEST_APPLESS_MAIN(SelectionTest)
#include "tst_selection.moc"
