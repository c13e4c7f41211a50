#include <torch/torch.h>

#include <QtTest>
#include <algorithm>
#include <numeric>

#include "core/base/error.h"
#include "core/prune/one_shot.h"
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
            const auto mask = selectInMatrix(scores, sparsity);
            const auto remove = static_cast<std::size_t>(sparsity * 13 * 21);
            QCOMPARE(mask.kept(), std::int64_t(13 * 21 - remove));
            const auto keep =
                keptBySorting({scores.data_ptr<float>(), scores.data_ptr<float>() + scores.numel()}, remove);
            for (std::int64_t i = 0; i < scores.numel(); ++i)
                QCOMPARE(mask.keeps(i), bool(keep[std::size_t(i)]));
        }
    }

    void rowSelectionIsExactInEveryRow() {
        const auto scores = tiedScores(9, 40);
        const auto mask = selectInRows(scores, 0.55);
        for (std::int64_t row = 0; row < 9; ++row) {
            const float* begin = scores.data_ptr<float>() + row * 40;
            const auto keep = keptBySorting({begin, begin + 40}, 22);
            for (std::int64_t col = 0; col < 40; ++col)
                QCOMPARE(mask.keeps(row * 40 + col), bool(keep[std::size_t(col)]));
        }
    }

    void nmSelectionKeepsNOfEveryM() {
        const auto scores = torch::rand({6, 24});
        for (const auto [keep, group] : {std::pair{2, 4}, {4, 8}, {1, 4}, {5, 6}}) {
            const auto mask = selectNM(scores, keep, group, "m");
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
        QVERIFY_THROWS_EXCEPTION(Error, selectNM(torch::rand({2, 6}), 2, 4, "m"));
    }

    void patternsAreParsedAndRefused() {
        QCOMPARE(parsePattern("2:4", 0.9).sparsity, 0.5);
        QCOMPARE(parsePattern("unstructured", 0.6).group, 0);
        for (const char* bad : {"4:2", "0:4", "2:", "a:b", "2:400", "tiles", "2"})
            QVERIFY_THROWS_EXCEPTION(Error, parsePattern(bad, 0.5));
    }

    void equalNormsMakeWandaRowMagnitude() {
        const auto weights = torch::randn({8, 32});
        const InputStatistics input{torch::full({32}, 3.0f), 10};
        const auto wanda = OneShotMethod::create("wanda"), magnitude = OneShotMethod::create("magnitude");
        const auto mask = wanda->select(wanda->scores(weights, input), {0.5, 0, 0}, "m");
        const auto expected = selectInRows(magnitude->scores(weights, input).contiguous(), 0.5);
        QVERIFY(mask.bits == expected.bits);
    }

    void wandaDoesNotSeeFeatureScalingAndMagnitudeDoes() {
        const auto weights = torch::randn({16, 32});
        const auto norms = torch::rand({32}) + 0.5;
        const auto scale = torch::pow(2.0, torch::randint(-3, 4, {32}).to(torch::kFloat32));
        const auto wanda = OneShotMethod::create("wanda"), magnitude = OneShotMethod::create("magnitude");
        const PatternTarget target{0.5, 0, 0};
        const auto before =
            wanda->select(wanda->scores(weights, {norms.square(), 1}).contiguous(), target, "m");
        const auto after = wanda->select(
            wanda->scores(weights / scale, {(norms * scale).square(), 1}).contiguous(), target, "m");
        QVERIFY(before.bits == after.bits);
        const auto plain = magnitude->select(magnitude->scores(weights, {}).contiguous(), target, "m");
        const auto scaled =
            magnitude->select(magnitude->scores(weights / scale, {}).contiguous(), target, "m");
        QVERIFY(plain.bits != scaled.bits);
    }

    void deadFeaturesGoFirst() {
        const auto weights = torch::randn({4, 16});
        auto norms = torch::ones({16});
        norms[5] = 0;
        const auto wanda = OneShotMethod::create("wanda");
        const auto mask = wanda->select(wanda->scores(weights, {norms, 1}).contiguous(), {0.25, 0, 0}, "m");
        for (int row = 0; row < 4; ++row) QVERIFY(!mask.keeps(row * 16 + 5));
    }

    void appliedMasksZeroAndKeepBits() {
        auto weights = torch::randn({5, 7}).to(torch::kBFloat16);
        const auto before = weights.clone();
        const auto mask = selectInMatrix(before.abs().to(torch::kFloat32).contiguous(), 0.5);
        applyMask(weights, mask);
        for (std::int64_t i = 0; i < weights.numel(); ++i) {
            const auto value = weights.view({-1})[i].item<float>();
            QCOMPARE(value, mask.keeps(i) ? before.view({-1})[i].item<float>() : 0.0f);
        }
    }
};

QTEST_APPLESS_MAIN(SelectionTest)
#include "tst_selection.moc"
