#include <torch/torch.h>

#include <QtTest>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/prune/admm.h"
#include "core/prune/optima.h"
#include "core/prune/thanos.h"
#include "prune/problem.h"

// What must hold of the methods that change weights, whatever the matrix: theorems in f64, and the values of
// an independent reference.

using namespace tessera;
using test::distance;
using test::energy;
using test::Problem;

namespace {

constexpr PatternTarget kHalf{0.5, 0, 0}, kTwoOfFour{0.5, 2, 4};

/// A mask by Wanda's scores over the whole matrix.
torch::Tensor wandaMask(const Problem& problem, double sparsity = 0.5) {
    const auto scores = (problem.weights.abs() * problem.norms()).contiguous();
    return keepInMatrix(scores, std::int64_t(sparsity * double(scores.numel())));
}

std::int64_t zeros(const torch::Tensor& keep) {
    return keep.eq(0).sum().item<std::int64_t>();
}

bool isNM(const torch::Tensor& keep, int n, int m) {
    return keep.reshape({-1, m}).to(torch::kInt64).sum(1).eq(n).all().item<bool>();
}

/// Zero exactly where the mask says so.
bool fits(const UpdatedWeights& updated) {
    return updated.weights.eq(0).eq(updated.keep.eq(0)).all().item<bool>();
}

}  // namespace

class WeightUpdatesTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void theFactorIsTheInversesOfAllTrailingParts() {
        const Problem problem(1);
        const auto damped = problem.damped();
        const auto& u = damped.inverseFactor;
        QVERIFY(distance(torch::mm(torch::mm(u.t(), u), damped.matrix), torch::eye(64, torch::kFloat64)) <
                1e-11);
        QVERIFY(u.tril(-1).eq(0).all().item<bool>());
        for (const int i : {0, 17, 63}) {
            const auto trailing = damped.matrix.slice(0, i).slice(1, i);
            const auto first = torch::inverse(trailing)[0][0].item<double>();
            QVERIFY(std::abs(u[i][i].square().item<double>() / first - 1) < 1e-11);
        }
    }

    void gramPanelsMakeTheWholeProduct() {
        const auto inputs = torch::randn({50, 700}, torch::kFloat64);
        torch::Tensor gram;
        addToGram(gram, inputs.narrow(0, 0, 20));
        addToGram(gram, inputs.narrow(0, 20, 30));
        symmetriseGram(gram);
        QVERIFY(distance(gram, torch::mm(inputs.t(), inputs)) < 1e-13);
    }

    /// tr(dW H dW^T) is the sum of the squared errors, exactly: nothing of the update is lost or counted
    /// twice.
    void sparseGptLosesWhatItSays() {
        for (const auto& target : {kHalf, PatternTarget{0.7, 0, 0}, kTwoOfFour}) {
            const Problem problem(2);
            const auto damped = problem.damped();
            const auto updated = sparseGpt(problem.weights, damped, target, 16);
            QVERIFY(fits(updated));
            QVERIFY(std::abs(energy(updated.weights, problem.weights, damped.matrix) / updated.loss - 1) <
                    1e-12);
        }
    }

    void sparseGptsBlocksLeaveNoTrace() {
        const Problem problem(3);
        const auto damped = problem.damped();
        const auto keep = wandaMask(problem);
        const auto whole = sparseGpt(problem.weights, damped, kHalf, 64, keep);
        QVERIFY(whole.keep.equal(keep));
        for (const int block : {1, 7, 16, 1000})
            QVERIFY(distance(sparseGpt(problem.weights, damped, kHalf, block, keep).weights, whole.weights) <
                    1e-12);
    }

    /// Uncorrelated inputs: nothing can be made good, and the choice is Wanda's over the rows of a block.
    void sparseGptOnADiagonalIsWanda() {
        const Problem problem(4);
        const auto gram = torch::diag(problem.gram.diagonal());
        const auto updated = sparseGpt(problem.weights, dampGram(gram, 0, {}, "input"), kHalf, 16);
        QVERIFY(updated.weights.equal(problem.weights * updated.keep));
        for (int begin = 0; begin < 64; begin += 16) {
            const auto scores = (problem.weights.abs() * problem.norms()).narrow(1, begin, 16).contiguous();
            QVERIFY(updated.keep.narrow(1, begin, 16).equal(keepInMatrix(scores, 32 * 16 / 2)));
        }
    }

    void thanosOfOneColumnIsSparseGpt() {
        const Problem problem(5);
        const auto damped = problem.damped();
        const auto keep = wandaMask(problem);
        const auto one = thanos(problem.weights, damped, problem.norms(), kHalf, {1, 0}, keep);
        const auto other = sparseGpt(problem.weights, damped, kHalf, 16, keep);
        QVERIFY(distance(one.weights, other.weights) < 1e-11);
    }

    void thanosOfAllColumnsIsOptima() {
        const Problem problem(6);
        const auto damped = problem.damped();
        const auto keep = wandaMask(problem, 0.6);
        const auto one = thanos(problem.weights, damped, problem.norms(), kHalf, {64, 0}, keep);
        QVERIFY(distance(one.weights, optima(problem.weights, keep, damped)) < 1e-10);
    }

    /// The gradient vanishes on what is kept; both solvers and any row's closed form agree; no other weights
    /// under this mask lose less.
    void optimaIsTheLeastLoss() {
        const Problem problem(7);
        const auto damped = problem.damped();
        const auto keep = wandaMask(problem);
        const auto best = optima(problem.weights, keep, damped);
        QVERIFY(best.eq(0).eq(keep.eq(0)).all().item<bool>());
        const auto gradient = torch::mm(best - problem.weights, damped.matrix);
        QVERIFY(((gradient * keep).abs().max() / gradient.abs().max()).item<double>() < 1e-12);
        const auto byGradients = optima(problem.weights, keep, damped, {0, 1e-12, 5000});
        QVERIFY(distance(byGradients, best) < 1e-9);
        const auto kept = keep[3].nonzero().flatten(), removed = keep[3].eq(0).nonzero().flatten();
        const auto rows = damped.matrix.index_select(0, kept);
        const auto right =
            torch::mv(rows.index_select(1, removed), problem.weights[3].index_select(0, removed));
        const auto closed = problem.weights[3].index_select(0, kept) +
                            torch::mv(torch::inverse(rows.index_select(1, kept)), right);
        QVERIFY(distance(best[3].index_select(0, kept), closed) < 1e-11);

        const double least = energy(best, problem.weights, damped.matrix);
        const auto input = admmInput(problem.gram, 0.1, 1, {}, "input");
        const std::array others{
            problem.weights * keep,
            sparseGpt(problem.weights, damped, kHalf, 16, keep).weights,
            thanos(problem.weights, damped, problem.norms(), kHalf, {16, 0}, keep).weights,
            admm(problem.weights, input, kHalf, {}, keep).weights,
            best + 1e-3 * torch::randn_like(best) * keep,
        };
        for (const auto& other : others) QVERIFY(energy(other, problem.weights, damped.matrix) > least);
    }

    void whatNothingIsTakenFromStays() {
        const Problem problem(8);
        const auto damped = problem.damped();
        auto keep = wandaMask(problem);
        keep.narrow(0, 0, 4).fill_(1);
        for (const auto& settings : {OptimaSettings{}, OptimaSettings{0, 1e-10, 500}})
            QVERIFY(optima(problem.weights, keep, damped, settings)
                        .narrow(0, 0, 4)
                        .equal(problem.weights.narrow(0, 0, 4)));
        const PatternTarget none{0, 0, 0};
        QVERIFY(sparseGpt(problem.weights, damped, none, 16).weights.equal(problem.weights));
        QVERIFY(thanos(problem.weights, damped, problem.norms(), none, {}).weights.equal(problem.weights));
        QVERIFY(admm(problem.weights, admmInput(problem.gram, 0.1, 1, {}, "i"), none, {})
                    .weights.equal(problem.weights));
        // A diagonal Gram matrix has nothing to make good with.
        const auto diagonal = dampGram(torch::diag(problem.gram.diagonal()), 0, {}, "input");
        QVERIFY(optima(problem.weights, keep, diagonal).equal(problem.weights * keep));
    }

    /// With the mask fixed ADMM goes to the least squares of its damped, normalised problem; after twenty
    /// steps it is within a thousandth of it.
    void admmGoesToTheLeastLossOfItsMask() {
        const Problem problem(9);
        const auto input = admmInput(problem.gram, 0.1, 1, {}, "input");
        const auto keep = wandaMask(problem);
        const DampedGram normalised{input.gram, {}, input.dead};
        const auto best = optima(problem.weights * input.norms, keep, normalised);
        const auto lossAfter = [&](int steps) {
            const auto made = admm(problem.weights, input, kHalf, {steps, 15, 1, false}, keep).weights;
            return std::pair{made * input.norms,
                             energy(made * input.norms, problem.weights * input.norms, input.gram)};
        };
        const double least = energy(best, problem.weights * input.norms, input.gram);
        QVERIFY(distance(lossAfter(4000).first, best) < 1e-9);
        QVERIFY(lossAfter(5).second < least * 1.03);
        QVERIFY2(lossAfter(20).second < least * 1.001,
                 qPrintable(QString::number(lossAfter(20).second / least, 'g', 10)));
        QVERIFY(lossAfter(20).second >= least * (1 - 1e-12));
    }

    void admmOfNoStepsIsWandaOverTheMatrix() {
        const Problem problem(10);
        const auto input = admmInput(problem.gram, 0.1, 1, {}, "input");
        const auto made = admm(problem.weights, input, kHalf, {0, 15, 1, false});
        QVERIFY(made.keep.equal(wandaMask(problem)));
        QVERIFY(distance(made.weights, problem.weights * made.keep) < 1e-15);
    }

    /// X_j -> c X_j and W_j -> W_j / c is the same layer: the same mask, the outcome scaled back.
    void admmDoesNotSeeFeatureScaling() {
        const Problem problem(11);
        const auto scale = torch::pow(2.0, torch::randint(-3, 4, {64}).to(torch::kFloat64));
        const auto one = admm(problem.weights, admmInput(problem.gram, 0.1, 1, {}, "i"), kHalf, {});
        const auto other =
            admm(problem.weights / scale,
                 admmInput(problem.gram * torch::outer(scale, scale), 0.1, 1, {}, "i"), kHalf, {});
        QVERIFY(one.keep.equal(other.keep));
        QVERIFY(distance(other.weights * scale, one.weights) < 1e-12);
    }

    void admmsScheduleRisesToItsTarget() {
        double before = 0;
        for (int t = 0; t < 15; ++t) {
            const double share = admmSparsity(0.6, t, 15);
            QVERIFY(share > before);
            before = share;
        }
        QCOMPARE(before, 0.6);
        QVERIFY(std::abs(admmSparsity(0.6, 0, 15) - 0.6 * (1 - std::pow(14.0 / 15, 3))) < 1e-15);
        // The gradual schedule is at work: it is not the one that starts at its end.
        const Problem problem(12);
        const auto input = admmInput(problem.gram, 0.1, 1, {}, "input");
        QVERIFY(!admm(problem.weights, input, kHalf, {})
                     .keep.equal(admm(problem.weights, input, kHalf, {20, 15, 1, true}).keep));
    }

    void countsAreExact_data() {
        QTest::addColumn<double>("sparsity");
        QTest::addColumn<int>("keep");
        QTest::addColumn<int>("group");
        for (const double sparsity : {0.1, 0.5, 0.613, 0.9})
            QTest::addRow("%g", sparsity) << sparsity << 0 << 0;
        for (const auto& [n, m] : {std::pair{2, 4}, {4, 8}, {1, 4}, {5, 6}, {3, 16}})
            QTest::addRow("%d:%d", n, m) << 1 - double(n) / m << n << m;
    }
    void countsAreExact() {
        QFETCH(double, sparsity);
        QFETCH(int, keep);
        QFETCH(int, group);
        const Problem problem(13, 21, 48);
        const auto damped = problem.damped();
        const PatternTarget target{sparsity, keep, group};
        const auto input = admmInput(problem.gram, 0.1, 1, {}, "input");
        for (const auto& made : {sparseGpt(problem.weights, damped, target, 20),
                                 thanos(problem.weights, damped, problem.norms(), target, {20, 0}),
                                 admm(problem.weights, input, target, {}),
                                 admm(problem.weights, input, target, {3, 15, 1, true})}) {
            QVERIFY(fits(made));
            QCOMPARE(zeros(made.keep), group ? std::int64_t(21 * 48 / group * (group - keep))
                                             : std::int64_t(std::floor(sparsity * 21 * 48)));
            if (group) QVERIFY(isNM(made.keep, keep, group));
        }
    }

    /// The published code leaves one row of N:M dense; ours exempts none unasked, and as many as asked.
    void thanosExemptsTheRowsItIsTold() {
        const Problem problem(14, 40, 64);
        const auto damped = problem.damped();
        const auto strict = thanos(problem.weights, damped, problem.norms(), kTwoOfFour, {16, 0});
        QVERIFY(isNM(strict.keep, 2, 4));
        const auto order =
            (torch::mm(problem.weights, damped.matrix) * problem.weights).sum(1).argsort(0, true);
        for (const auto& target : {kTwoOfFour, kHalf}) {
            const auto made = thanos(problem.weights, damped, problem.norms(), target, {16, 0.1});
            for (int i = 0; i < 40; ++i) {
                const auto row = order[i].item<std::int64_t>();
                QCOMPARE(made.weights[row].equal(problem.weights[row]), i < 4);
            }
            QCOMPARE(zeros(made.keep), std::int64_t(target.isNM() ? 36 * 32 : 40 * 32));
        }
        EXPECT_ERROR(thanos(problem.weights, damped, problem.norms(), {0.95, 0, 0}, {16, 0.1}), InvalidInput,
                     "outlier rows");
    }

    /// Scores are in units of what decided: the mask is where they exceed one.
    void scoresTellTheMask() {
        const Problem problem(15);
        const auto damped = problem.damped();
        for (const auto& made : {sparseGpt(problem.weights, damped, kHalf, 16),
                                 thanos(problem.weights, damped, problem.norms(), kHalf, {16, 0})})
            QVERIFY(made.scores.gt(1).eq(made.keep).all().item<bool>());
        const auto made = admm(problem.weights, admmInput(problem.gram, 0.1, 1, {}, "i"), kHalf, {});
        QVERIFY(keepInMatrix(made.scores, made.scores.numel() / 2).equal(made.keep));
    }

    void referenceAgrees_data() {
        QTest::addColumn<QString>("name");
        for (const char* name : {"sparsegpt", "sparsegpt-2:4", "thanos", "thanos-4:8", "admm", "admm-release",
                                 "admm-2:4", "optima"})
            QTest::newRow(name) << name;
    }
    /// Values of tests/reference/one_shot.py, which forms every inverse and loops over every column and row.
    void referenceAgrees() {
        QFETCH(QString, name);
        const auto weights = test::golden("weights"), inputs = test::golden("inputs");
        torch::Tensor gram;
        addToGram(gram, inputs);
        symmetriseGram(gram);
        const auto damped = dampGram(gram, 0.01, {}, "input");
        const auto norms = gram.diagonal().sqrt();
        const auto input = admmInput(gram, 0.1, 1, {}, "input");
        const PatternTarget sixty{0.6, 0, 0};
        UpdatedWeights made;
        if (name == "sparsegpt") made = sparseGpt(weights, damped, sixty, 8);
        if (name == "sparsegpt-2:4") made = sparseGpt(weights, damped, kTwoOfFour, 8);
        if (name == "thanos") made = thanos(weights, damped, norms, sixty, {8, 0});
        if (name == "thanos-4:8") made = thanos(weights, damped, norms, {0.5, 4, 8}, {16, 0});
        if (name == "admm") made = admm(weights, input, sixty, {});
        if (name == "admm-release") made = admm(weights, input, sixty, {20, 15, 1, true});
        if (name == "admm-2:4") made = admm(weights, input, kTwoOfFour, {});
        if (name == "optima") {
            made.keep = test::golden("wanda.keep");
            made.weights = optima(weights, made.keep, damped);
        }
        QVERIFY(made.keep.equal(test::golden(name.toStdString() + ".keep")));
        const double off = distance(made.weights, test::golden(name.toStdString() + ".weights"));
        QVERIFY2(off < 1e-9, qPrintable(QString::number(off)));
    }
};

QTEST_APPLESS_MAIN(WeightUpdatesTest)
#include "tst_weight_updates.moc"
