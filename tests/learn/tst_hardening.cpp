#include <torch/torch.h>

#include <QtTest>
#include <algorithm>
#include <cmath>

#include "core/learn/hardening.h"
#include "core/prune/selection.h"

using namespace tessera;

namespace {

PrunableMatrix matrixNamed(const std::string& name, int block, std::int64_t rows, std::int64_t cols) {
    return {name, "q", block, rows, cols};
}

/// Three matrices in two blocks; logits with ties.
MaskList bernoulliMasks() {
    torch::manual_seed(3);
    MaskList masks;
    masks.push_back(std::make_unique<BernoulliMask>(matrixNamed("a", 0, 8, 12)));
    masks.push_back(std::make_unique<BernoulliMask>(matrixNamed("b", 0, 5, 7)));
    masks.push_back(std::make_unique<BernoulliMask>(matrixNamed("c", 1, 9, 11)));
    for (auto& mask : masks) mask->logits().copy_((torch::randn({mask->logits().numel()}) * 3).round());
    return masks;
}

MaskList tileMasks(std::int64_t tile) {
    torch::manual_seed(5);
    MaskList masks;
    for (const auto& [name, rows, cols] : {std::tuple{"a", 96, 160}, {"b", 64, 96}, {"c", 100, 64}}) {
        const auto inner = packMask(keepNM(torch::rand({rows, cols}), 2, 4));
        masks.push_back(std::make_unique<TileMask>(matrixNamed(name, 0, rows, cols), inner, tile, tile));
        masks.back()->logits().copy_(torch::randn({masks.back()->logits().numel()}));
    }
    return masks;
}

}  // namespace

class HardeningTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void weightsAreShutExactlyAndInOrder() {
        const auto masks = bernoulliMasks();
        const std::int64_t total = 8 * 12 + 5 * 7 + 9 * 11;
        for (const double sparsity : {0.0, 0.25, 0.5, 0.6, 0.731, 0.99}) {
            const auto set = hardenToBudget(masks, sparsity, TargetScope::Global);
            const auto zeros = static_cast<std::int64_t>(std::floor(sparsity * total));
            QCOMPARE(set.kept(), total - zeros);
            // By definition: the lowest (logit, place) are the shut ones.
            std::vector<std::pair<float, std::int64_t>> order;
            std::vector<bool> kept;
            for (const auto& mask : masks)
                for (std::int64_t i = 0; i < mask->logits().numel(); ++i) {
                    order.emplace_back(mask->logits()[i].item<float>(), std::int64_t(order.size()));
                    kept.push_back(set.masks.at(mask->matrix().name).keeps(i));
                }
            std::sort(order.begin(), order.end());
            for (std::size_t rank = 0; rank < order.size(); ++rank)
                QCOMPARE(bool(kept[std::size_t(order[rank].second)]), std::int64_t(rank) >= zeros);
        }
    }

    void scopesHoldTheirOwnBudgets() {
        const auto masks = bernoulliMasks();
        const auto byMatrix = hardenToBudget(masks, 0.5, TargetScope::Matrix);
        for (const auto& mask : masks)
            QCOMPARE(byMatrix.masks.at(mask->matrix().name).kept(),
                     mask->matrix().elements() - mask->matrix().elements() / 2);
        const auto byBlock = hardenToBudget(masks, 0.5, TargetScope::Block);
        QCOMPARE(byBlock.masks.at("a").kept() + byBlock.masks.at("b").kept(), std::int64_t(131 - 65));
    }

    void sparsityZeroKeepsEverything() {
        const auto set = hardenToBudget(bernoulliMasks(), 0.0, TargetScope::Global);
        QCOMPARE(set.kept(), set.weights());
    }

    void patchIsExactToOneTile() {
        for (const std::int64_t tile : {32, 64, 128}) {
            const auto masks = tileMasks(tile);
            std::int64_t total = 0;
            for (const auto& mask : masks) total += mask->matrix().elements();
            for (const double sparsity : {0.0, 0.125, 0.25, 0.375, 0.45, 0.5}) {
                const auto set = hardenToBudget(masks, sparsity, TargetScope::Global);
                const double zeros = static_cast<double>(total - set.kept());
                QVERIFY(std::abs(zeros - sparsity * static_cast<double>(total)) <=
                        0.5 * static_cast<double>(tile * tile) / 2);
                for (const auto& mask : masks) checkTiles(set.masks.at(mask->matrix().name), tile);
            }
            QCOMPARE(hardenToBudget(masks, 0.5, TargetScope::Global).kept() * 2, total);
            QCOMPARE(hardenToBudget(masks, 0.0, TargetScope::Global).kept(), total);
        }
    }

    void theQuantileSplitsAtTheBudget() {
        torch::manual_seed(11);
        MaskList masks;
        masks.push_back(std::make_unique<BernoulliMask>(matrixNamed("a", 0, 300, 400)));
        masks[0]->logits().copy_(torch::randn({300 * 400}));
        const float shift = budgetQuantile({masks[0].get()}, 0.6);
        const double above = masks[0]->logits().gt(shift).to(torch::kFloat64).mean().item<double>();
        QVERIFY(std::abs(above - 0.4) < 1e-4);
    }

    void theQuantileOfTilesCountsWeights() {
        const auto masks = tileMasks(64);
        std::vector<MaskParameters*> group;
        for (const auto& mask : masks) group.push_back(mask.get());
        const float shift = budgetQuantile(group, 0.25);
        double zeros = 0, total = 0;
        for (const auto* mask : group) {
            total += static_cast<double>(mask->matrix().elements());
            for (std::int64_t i = 0; i < mask->logits().numel(); ++i)
                if (mask->logits()[i].item<float>() <= shift)
                    zeros += static_cast<double>(mask->zerosBehind(i));
        }
        QVERIFY(std::abs(zeros / total - 0.25) <= 2048.0 / total + 1e-9);
    }

  private:
    /// Every tile keeps all its weights or exactly two of every aligned four.
    static void checkTiles(const PackedMask& mask, std::int64_t tile) {
        for (std::int64_t r0 = 0; r0 < mask.rows; r0 += tile)
            for (std::int64_t c0 = 0; c0 < mask.cols; c0 += tile) {
                bool dense = true, half = true;
                for (std::int64_t r = r0; r < std::min(mask.rows, r0 + tile); ++r)
                    for (std::int64_t c = c0; c < std::min(mask.cols, c0 + tile); c += 4) {
                        int kept = 0;
                        for (int i = 0; i < 4; ++i) kept += mask.keeps(r * mask.cols + c + i);
                        dense = dense && kept == 4;
                        half = half && kept == 2;
                    }
                QVERIFY(dense != half);
            }
    }
};

QTEST_APPLESS_MAIN(HardeningTest)
#include "tst_hardening.moc"
