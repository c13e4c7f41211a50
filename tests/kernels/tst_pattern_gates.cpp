#include <omp.h>

#include <QTest>
#include <cmath>
#include <vector>

#include "kernels/cpu/mask_step.h"
#include "kernels/gate_inputs.h"
#include "kernels/reference/gates.h"

// The pattern gates of MaskLLM and PATCH-Joint against a scalar f64 twin: draws, gradients, Adam, tails.

using namespace tessera::kernels;
using namespace tessera::test;

namespace {

const GateParameters kGate{100.0f, 0.7f, 0.0f};
const GateParameters kTileGate{50.0f, 0.9f, 0.002f};
const NoiseKey kNoise{0x1234567890abcdefull, 17, 5}, kTileNoise{0x1234567890abcdefull, 17, 0x80000005u};
const GateRegularisers kRegularisers{1e-5f, 2e-3f};

/// The draw of one matrix by definition, in f64.
struct Twin {
    PatternGates gates;
    const Inputs& in;
    std::vector<float> logits;
    std::vector<std::vector<int>> patterns;

    Twin(const PatternGates& gates, const Inputs& in)
        : gates(gates), in(in), patterns(reference::patternMasks(gates.geometry.keep, gates.geometry.group)) {
        for (std::int64_t i = 0; i < gates.geometry.logits(); ++i)
            logits.push_back(in.logits[static_cast<std::size_t>(i) % in.logits.size()]);
    }
    reference::Gate constants() const { return {gates.gate.kappa, gates.gate.tau, 0}; }
    std::size_t place(std::size_t pattern, std::int64_t group) const {
        return pattern * static_cast<std::size_t>(gates.geometry.groups) + static_cast<std::size_t>(group);
    }
    std::vector<double> logitsOf(std::int64_t group) const {
        std::vector<double> own;
        for (std::size_t p = 0; p < patterns.size(); ++p) own.push_back(logits[place(p, group)]);
        return own;
    }
    std::vector<double> noiseOf(std::int64_t group) const {
        std::vector<double> noise;
        for (std::size_t p = 0; p < patterns.size(); ++p)
            noise.push_back(
                reference::gumbelNoise(kNoise.seed, kNoise.step, kNoise.stream,
                                       (static_cast<std::uint64_t>(group / 64) * patterns.size() + p) * 64 +
                                           static_cast<std::uint64_t>(group % 64)));
        return noise;
    }
    double tileOf(std::int64_t group) const {
        if (!gates.tileGates) return 0;
        const auto first = group * gates.geometry.group;
        const auto& t = gates.tiles;
        return gates.tileGates[first / t.cols / t.tileRows * t.gridCols() + first % t.cols / t.tileCols];
    }
    /// M of the group's weights under shares of its patterns.
    std::vector<double> masksOf(const std::vector<double>& shares, double tile) const {
        std::vector<double> masks(static_cast<std::size_t>(gates.geometry.group), tile);
        for (std::size_t p = 0; p < shares.size(); ++p)
            for (std::size_t i = 0; i < masks.size(); ++i)
                masks[i] += (1 - tile) * shares[p] * patterns[p][i];
        return masks;
    }
    std::vector<double> masksOf(std::int64_t group) const {
        return masksOf(reference::patternShares(logitsOf(group), noiseOf(group), constants()), tileOf(group));
    }
    /// What the group adds to the loss sum g w M + density M + weight (M w)^2 / 2.
    double loss(std::int64_t group, const std::vector<double>& logits, double tile) const {
        const auto masks = masksOf(reference::patternShares(logits, noiseOf(group), constants()), tile);
        double sum = 0;
        for (std::size_t i = 0; i < masks.size(); ++i) {
            const auto at = static_cast<std::size_t>(group * gates.geometry.group) + i;
            const double w = in.weightsFull[at], m = masks[i];
            sum += in.grad[at] * w * m + static_cast<double>(kRegularisers.density) * m +
                   0.5 * static_cast<double>(kRegularisers.weight) * m * w * m * w;
        }
        return sum;
    }
};

void patternRows() {
    QTest::addColumn<int>("keep");
    QTest::addColumn<int>("group");
    for (const auto& [keep, group] :
         {std::pair{2, 4}, {1, 4}, {3, 4}, {1, 2}, {4, 8}, {2, 5}, {1, 64}, {3, 3}})
        QTest::addRow("%d:%d", keep, group) << keep << group;
}

}  // namespace

class TestPatternGates : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void patternsAreCountedAndInOrder() {
        QCOMPARE(patternCount(2, 4), 6);
        QCOMPARE(patternCount(4, 8), 70);
        QCOMPARE(patternCount(1, 64), 64);
        QCOMPARE(patternCount(5, 5), 1);
        QCOMPARE(patternCount(8, 16), kMostPatterns + 1);
        QCOMPARE(patternCount(32, 64), kMostPatterns + 1);
        for (const auto& [keep, group] : {std::pair{2, 4}, {1, 4}, {4, 8}, {2, 5}, {3, 3}, {63, 64}}) {
            const auto table = patternTable(keep, group);
            const auto masks = reference::patternMasks(keep, group);
            QCOMPARE(std::size_t(table.count), masks.size());
            QCOMPARE(table.count, patternCount(keep, group));
            for (std::size_t p = 0; p < masks.size(); ++p) {
                std::vector<int> mask(static_cast<std::size_t>(group));
                for (int i = 0; i < keep; ++i) mask[table.places[p][static_cast<std::size_t>(i)]] = 1;
                QCOMPARE(mask, masks[p]);
            }
        }
    }

    void forwardMatchesReference_data() { patternRows(); }
    void forwardMatchesReference() {
        QFETCH(int, keep);
        QFETCH(int, group);
        for (const std::int64_t groups : {1, 15, 63, 64, 65, 1000, 4096, 4099}) {
            if (group > 8 && groups > 65) break;
            const std::int64_t count = groups * group;
            const Inputs in(count);
            PatternGates gates{{groups, keep, group}, kGate, kNoise, nullptr, {}};
            const Twin twin(gates, in);
            onEveryTarget([&] {
                std::vector<std::uint16_t> half(static_cast<std::size_t>(count) + 8, 0x7777);
                std::vector<float> full(static_cast<std::size_t>(count) + 8, 7.0f);
                const auto sums = patternForward(in.weights.data(), twin.logits.data(), half.data(), gates);
                const auto fullSums =
                    patternForward(in.weightsFull.data(), twin.logits.data(), full.data(), gates);
                QCOMPARE(sums.squaredMasked, fullSums.squaredMasked);
                double squares = 0;
                for (std::int64_t g = 0; g < groups; ++g) {
                    const auto masks = twin.masksOf(g);
                    for (std::size_t i = 0; i < masks.size(); ++i) {
                        const auto at = static_cast<std::size_t>(g * group) + i;
                        const double masked = masks[i] * in.weightsFull[at], w = std::abs(in.weightsFull[at]);
                        squares += masked * masked;
                        QVERIFY2(std::abs(full[at] - masked) <= 2e-5 * w, qPrintable(QString::number(at)));
                        QVERIFY(std::abs(widen(half[at]) - masked) <= std::abs(masked) * 0.00395 + 2e-5 * w);
                    }
                }
                // Soft masks sum to N in every group, whatever was drawn.
                QVERIFY(std::abs(sums.gate - static_cast<double>(keep * groups)) <
                        1e-6 * static_cast<double>(keep * groups));
                QVERIFY(std::abs(sums.squaredMasked - squares) < 2e-5 * squares + 1e-12);
                for (auto i = static_cast<std::size_t>(count); i < half.size(); ++i) {
                    QCOMPARE(half[i], std::uint16_t(0x7777));
                    QCOMPARE(full[i], 7.0f);
                }
            });
        }
    }

    /// Against finite differences of the f64 loss with the noise frozen; those of a group add up to nothing.
    void backwardMatchesFiniteDifference_data() { patternRows(); }
    void backwardMatchesFiniteDifference() {
        QFETCH(int, keep);
        QFETCH(int, group);
        const std::int64_t groups = group > 8 ? 70 : 197, count = groups * group;
        const Inputs in(count);
        PatternGates gates{{groups, keep, group}, kGate, kNoise, nullptr, {}};
        const Twin twin(gates, in);
        onEveryTarget([&] {
            std::vector<float> gradient(twin.logits.size(), 0.5f), fromHalf = gradient, full = gradient,
                                                                   none(gradient.size());
            const auto sums = patternBackward(in.weights.data(), twin.logits.data(), in.grad.data(),
                                              gradient.data(), gates, kRegularisers);
            patternBackward(in.weights.data(), twin.logits.data(), in.gradHalf.data(), fromHalf.data(), gates,
                            kRegularisers);
            patternBackward(in.weightsFull.data(), twin.logits.data(), in.grad.data(), full.data(), gates,
                            kRegularisers);
            QCOMPARE(fromHalf, gradient);
            QCOMPARE(full, gradient);
            patternBackward(in.weights.data(), twin.logits.data(), in.grad.data(), none.data(), gates,
                            kRegularisers);
            double squares = 0;
            for (std::int64_t g = 0; g < groups; ++g) {
                auto logits = twin.logitsOf(g);
                double sum = 0, sizes = 0;
                for (std::size_t p = 0; p < logits.size(); ++p) {
                    const double h = 1e-6, kept = logits[p];
                    logits[p] = kept + h;
                    const double above = twin.loss(g, logits, 0);
                    logits[p] = kept - h;
                    const double difference = (above - twin.loss(g, logits, 0)) / (2 * h);
                    logits[p] = kept;
                    const double own = none[twin.place(p, g)];
                    squares += difference * difference;
                    sum += own;
                    sizes += std::abs(own);
                    QVERIFY2(std::abs(own - difference) < 2e-4 * std::abs(difference) + 1e-7,
                             qPrintable(QString("group %1, pattern %2: %3 against %4")
                                            .arg(g)
                                            .arg(p)
                                            .arg(own)
                                            .arg(difference)));
                    QVERIFY(std::abs(gradient[twin.place(p, g)] - 0.5f - own) < 1e-7);
                }
                QVERIFY(std::abs(sum) <= 1e-6 * sizes);
            }
            QVERIFY(std::abs(sums.squaredGradient - squares) < 1e-3 * squares + 1e-15);
        });
    }

    /// A pattern that is nearly certain has gradients that are small and right, not what rounding leaves.
    void nearlyCertainPatternsHaveExactGradients() {
        const std::int64_t groups = 64;
        const Inputs in(groups * 4);
        const PatternGates gates{{groups, 2, 4}, {100.0f, 1.0f, 0.0f}, kNoise, nullptr, {}};
        Twin twin(gates, in);
        for (std::size_t i = 0; i < twin.logits.size(); ++i) twin.logits[i] = i < 64 ? 0.3f : 0.0f;
        onEveryTarget([&] {
            std::vector<float> gradient(twin.logits.size());
            patternBackward(in.weightsFull.data(), twin.logits.data(), in.grad.data(), gradient.data(), gates,
                            {});
            for (std::int64_t g = 0; g < groups; ++g) {
                const auto shares =
                    reference::patternShares(twin.logitsOf(g), twin.noiseOf(g), twin.constants());
                std::vector<double> gain;
                double mean = 0;
                for (std::size_t p = 0; p < 6; ++p) {
                    double sum = 0;
                    for (std::size_t i = 0; i < 4; ++i) {
                        const auto at = static_cast<std::size_t>(4 * g) + i;
                        if (twin.patterns[p][i]) sum += in.grad[at] * static_cast<double>(in.weightsFull[at]);
                    }
                    gain.push_back(sum);
                }
                for (std::size_t p = 1; p < 6; ++p) mean += shares[p] * (gain[p] - gain[0]);
                const double scale = std::abs(gain[0]) + std::abs(gain[5]);
                for (std::size_t p = 0; p < 6; ++p) {
                    const double expected = 100 * shares[p] * (gain[p] - gain[0] - mean);
                    QVERIFY2(
                        std::abs(gradient[twin.place(p, g)] - expected) <=
                            1e-4 * std::abs(expected) + 1e-4 * 100 * (p ? shares[p] : 1 - shares[0]) * scale,
                        qPrintable(QString::number(p)));
                }
            }
        });
    }

    void fusedAdamEqualsTwoPasses_data() { patternRows(); }
    void fusedAdamEqualsTwoPasses() {
        QFETCH(int, keep);
        QFETCH(int, group);
        const std::int64_t groups = 211;
        const Inputs in(groups * group);
        const PatternGates gates{{groups, keep, group}, kGate, kNoise, nullptr, {}};
        const Twin twin(gates, in);
        onEveryTarget([&] {
            auto p1 = twin.logits, p2 = twin.logits;
            std::vector<float> a1(p1.size(), 0.001f), b1(p1.size(), 1e-6f), a2 = a1, b2 = b1,
                                                                            gradient(p1.size(), 0.0f);
            AdamParameters adam;
            adam.weightDecay = 0.01f;
            adam.step = 3;
            patternBackwardAdam(in.weights.data(), p1.data(), in.gradHalf.data(), a1.data(), b1.data(), gates,
                                kRegularisers, adam);
            patternBackward(in.weights.data(), p2.data(), in.gradHalf.data(), gradient.data(), gates,
                            kRegularisers);
            adamStep(p2.data(), gradient.data(), a2.data(), b2.data(), gates.geometry.logits(), 1.0f, adam);
            QVERIFY(p1 != twin.logits);
            QCOMPARE(p1, p2);
            QCOMPARE(a1, a2);
            QCOMPARE(b1, b2);
            // The same with moments in bf16.
            auto p3 = twin.logits, p4 = twin.logits;
            std::vector<std::uint16_t> a3(p3.size(), 0x3a83), b3(p3.size(), 0x3586), a4 = a3, b4 = b3;
            patternBackwardAdam(in.weights.data(), p3.data(), in.gradHalf.data(), a3.data(), b3.data(), gates,
                                kRegularisers, adam);
            adamStep(p4.data(), gradient.data(), a4.data(), b4.data(), gates.geometry.logits(), 1.0f, adam);
            QCOMPARE(p3, p4);
            QVERIFY(p3 != p1);
            QCOMPARE(a3, a4);
            QCOMPARE(b3, b4);
        });
    }

    void sameBitsOnAnyThreads() {
        const TileGeometry tiles{403, 248, 32, 24};
        const std::int64_t groups = tiles.rows * tiles.cols / 4;
        const Inputs in(groups * 4);
        std::vector<float> firstOut, firstLogits, firstSlopes;
        std::vector<double> firstSums;
        for (const int threads : {1, 2, 3, 4}) {
            omp_set_num_threads(threads);
            std::vector<float> tileGates(static_cast<std::size_t>(tiles.tiles()));
            gateValues(in.logits.data(), tileGates.data(), tiles.tiles(), kTileGate, kTileNoise);
            const PatternGates gates{{groups, 2, 4}, kGate, kNoise, tileGates.data(), tiles};
            const Twin twin(gates, in);
            auto logits = twin.logits;
            std::vector<float> out(static_cast<std::size_t>(groups * 4)), m1(logits.size()),
                m2(logits.size()), slopes(static_cast<std::size_t>(groups));
            const auto a = patternForward(in.weightsFull.data(), logits.data(), out.data(), gates);
            const auto b =
                patternBackwardAdam(in.weightsFull.data(), logits.data(), in.grad.data(), m1.data(),
                                    m2.data(), gates, kRegularisers, AdamParameters{}, slopes.data());
            const std::vector<double> sums{a.gate, a.squaredMasked, b.gate, b.squaredMasked,
                                           b.squaredGradient};
            if (threads == 1) {
                firstOut = out;
                firstLogits = logits;
                firstSlopes = slopes;
                firstSums = sums;
            }
            QCOMPARE(out, firstOut);
            QCOMPARE(logits, firstLogits);
            QCOMPARE(slopes, firstSlopes);
            QCOMPARE(sums, firstSums);
            QCOMPARE(a.gate, b.gate);
            QCOMPARE(a.squaredMasked, b.squaredMasked);
        }
        omp_set_num_threads(omp_get_num_procs());
    }

    void hugeArgumentsAreFinite() {
        const std::int64_t groups = 70;
        const Inputs in(groups * 4);
        const float huge[] = {1e30f, -1e30f, 3e38f, -3e38f, 100.0f, -100.0f, 0.0f};
        const PatternGeometry geometry{groups, 2, 4};
        std::vector<float> logits(static_cast<std::size_t>(geometry.logits()));
        for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = huge[i * i % std::size(huge)];
        onEveryTarget([&] {
            for (const float tau : {4.0f, 0.38f, 0.05f, 1e-4f}) {
                std::vector<float> out(static_cast<std::size_t>(groups * 4)), gradient(logits.size());
                const PatternGates gates{geometry, {1e6f, tau, 0.0f}, kNoise, nullptr, {}};
                const auto sums = patternForward(in.weightsFull.data(), logits.data(), out.data(), gates);
                patternBackward(in.weightsFull.data(), logits.data(), in.grad.data(), gradient.data(), gates,
                                kRegularisers);
                QVERIFY(std::abs(sums.gate - 2.0 * groups) < 1e-3);
                for (const float value : out) QVERIFY(std::isfinite(value));
                for (const float value : gradient) QVERIFY(std::isfinite(value));
            }
        });
    }

    /// As the temperature falls a draw is one pattern, number k with probability softmax(kappa P)_k.
    void drawsFollowTheSoftmax() {
        const std::int64_t groups = 200'000;
        const PatternGeometry geometry{groups, 2, 4};
        const std::vector<double> prior{0.042, 0, 0, 0, 0, -0.042};
        std::vector<float> logits;
        for (const double logit : prior) logits.insert(logits.end(), groups, static_cast<float>(logit));
        const std::vector<float> ones(static_cast<std::size_t>(groups * 4), 1.0f);
        std::vector<float> out(ones.size());
        const auto masks = reference::patternMasks(2, 4);
        for (const double kappa : {25.0, 100.0}) {
            patternForward(ones.data(), logits.data(), out.data(),
                           {geometry, {static_cast<float>(kappa), 1e-3f, 0.0f}, kNoise, nullptr, {}});
            std::vector<int> counts(6);
            for (std::int64_t g = 0; g < groups; ++g)
                for (std::size_t p = 0; p < 6; ++p) {
                    bool same = true;
                    for (std::size_t i = 0; i < 4; ++i)
                        same =
                            same && std::abs(out[static_cast<std::size_t>(4 * g) + i] - masks[p][i]) < 1e-3;
                    counts[p] += same;
                }
            const auto shares =
                reference::patternShares(prior, std::vector<double>(6, 0.0), {kappa, 1.0, 0.0});
            if (kappa == 100) QVERIFY(std::abs(shares[0] - 0.943) < 5e-4);
            for (std::size_t p = 0; p < 6; ++p) {
                const double error = 5 * std::sqrt(shares[p] * (1 - shares[p]) / groups) + 1e-3 * shares[p];
                QVERIFY2(std::abs(static_cast<double>(counts[p]) / groups - shares[p]) < error + 1e-4,
                         qPrintable(QString("%1: %2 against %3").arg(p).arg(counts[p]).arg(shares[p])));
            }
        }
    }

    /// Straight-through: the mask is the likeliest pattern's, the gradient the soft draw's at that mask.
    void hardMasksHaveSoftGradients() {
        const std::int64_t groups = 131;
        const Inputs in(groups * 4);
        PatternGates gates{{groups, 2, 4}, kGate, kNoise, nullptr, {}};
        gates.gate.hard = true;
        const Twin twin(gates, in);
        onEveryTarget([&] {
            std::vector<float> out(static_cast<std::size_t>(groups * 4)), gradient(twin.logits.size());
            const auto sums = patternForward(in.weightsFull.data(), twin.logits.data(), out.data(), gates);
            QCOMPARE(sums.gate, 2.0 * groups);
            patternBackward(in.weightsFull.data(), twin.logits.data(), in.grad.data(), gradient.data(), gates,
                            kRegularisers);
            for (std::int64_t g = 0; g < groups; ++g) {
                const auto shares =
                    reference::patternShares(twin.logitsOf(g), twin.noiseOf(g), twin.constants());
                const auto best =
                    static_cast<std::size_t>(std::max_element(shares.begin(), shares.end()) - shares.begin());
                std::vector<double> slope;
                for (std::size_t i = 0; i < 4; ++i) {
                    const auto at = static_cast<std::size_t>(4 * g) + i;
                    const double w = in.weightsFull[at], m = twin.patterns[best][i];
                    QCOMPARE(out[at], m ? in.weightsFull[at] : 0.0f);
                    slope.push_back(in.grad[at] * w + static_cast<double>(kRegularisers.weight) * m * w * w);
                }
                double mean = 0;
                std::vector<double> gain(6);
                for (std::size_t p = 0; p < 6; ++p) {
                    for (std::size_t i = 0; i < 4; ++i) gain[p] += twin.patterns[p][i] * slope[i];
                    mean += shares[p] * gain[p];
                }
                for (std::size_t p = 0; p < 6; ++p) {
                    const double expected = static_cast<double>(100.0f / 0.7f) * shares[p] * (gain[p] - mean);
                    QVERIFY(std::abs(gradient[twin.place(p, g)] - expected) <
                            2e-4 * std::abs(expected) + 1e-7);
                }
            }
        });
    }

    /// PATCH-Joint: M = g + (1 - g) soft over ragged tiles, and both gradients.
    void tilesOverPatterns_data() {
        QTest::addColumn<int>("keep");
        QTest::addColumn<int>("group");
        QTest::addColumn<int>("tileRows");
        QTest::addColumn<int>("tileCols");
        QTest::newRow("2:4, ragged") << 2 << 4 << 16 << 12;
        QTest::newRow("2:4, one group a tile") << 2 << 4 << 1 << 4;
        QTest::newRow("2:4, one tile") << 2 << 4 << 64 << 128;
        QTest::newRow("1:2") << 1 << 2 << 16 << 12;
    }
    void tilesOverPatterns() {
        QFETCH(int, keep);
        QFETCH(int, group);
        QFETCH(int, tileRows);
        QFETCH(int, tileCols);
        const TileGeometry tiles{50, 44, tileRows, tileCols};
        const std::int64_t count = tiles.rows * tiles.cols, groups = count / group;
        const Inputs in(count);
        std::vector<float> tileLogits(static_cast<std::size_t>(tiles.tiles()));
        for (std::size_t i = 0; i < tileLogits.size(); ++i)
            tileLogits[i] = 0.01f * static_cast<float>(i % 11) - 0.05f;
        onEveryTarget([&] {
            std::vector<float> tileGates(tileLogits.size());
            gateValues(tileLogits.data(), tileGates.data(), tiles.tiles(), kTileGate, kTileNoise);
            const PatternGates gates{{groups, keep, group}, kGate, kNoise, tileGates.data(), tiles};
            const Twin twin(gates, in);
            std::vector<float> out(static_cast<std::size_t>(count)), gradient(twin.logits.size()),
                tileGradient(tileLogits.size(), 0.25f), slopes(static_cast<std::size_t>(groups));
            const auto sums = patternForward(in.weightsFull.data(), twin.logits.data(), out.data(), gates);
            patternBackward(in.weightsFull.data(), twin.logits.data(), in.grad.data(), gradient.data(), gates,
                            kRegularisers, slopes.data());
            const double squares =
                tileGradients(slopes.data(), tileGates.data(), tileGradient.data(), tiles, group, kTileGate);
            std::vector<double> expected(tileLogits.size());
            double total = 0;
            for (std::int64_t g = 0; g < groups; ++g) {
                const auto first = g * group;
                const auto tile = static_cast<std::size_t>(first / tiles.cols / tileRows * tiles.gridCols() +
                                                           first % tiles.cols / tileCols);
                const double gate = tileGates[tile];
                const auto masks = twin.masksOf(g);
                for (std::size_t i = 0; i < masks.size(); ++i) {
                    const auto at = static_cast<std::size_t>(first) + i;
                    QVERIFY(std::abs(out[at] - masks[i] * in.weightsFull[at]) < 1e-6);
                    total += masks[i];
                }
                auto logits = twin.logitsOf(g);
                const double h = 1e-6;
                for (std::size_t p = 0; p < logits.size(); ++p) {
                    const double kept = logits[p];
                    logits[p] = kept + h;
                    const double above = twin.loss(g, logits, gate);
                    logits[p] = kept - h;
                    const double difference = (above - twin.loss(g, logits, gate)) / (2 * h);
                    logits[p] = kept;
                    QVERIFY(std::abs(gradient[twin.place(p, g)] - difference) <
                            3e-4 * std::abs(difference) + 1e-7);
                }
                // dL/dP of the tile by the chain: what its gate does, times the slope of the gate.
                const double noise =
                    reference::logisticNoise(kTileNoise.seed, kTileNoise.step, kTileNoise.stream, tile);
                expected[tile] += (twin.loss(g, logits, gate + h) - twin.loss(g, logits, gate - h)) /
                                  (2 * h) *
                                  reference::gateSlope(tileLogits[tile], noise, {50.0, 0.9f, 0.002f});
            }
            QVERIFY(std::abs(sums.gate - total) < 1e-3);
            double expectedSquares = 0;
            for (std::size_t i = 0; i < expected.size(); ++i) {
                expectedSquares += expected[i] * expected[i];
                QVERIFY(std::abs(tileGradient[i] - 0.25 - expected[i]) < 1e-3 * std::abs(expected[i]) + 1e-6);
            }
            QVERIFY(std::abs(squares - expectedSquares) < 2e-3 * expectedSquares);
        });
    }
};

QTEST_APPLESS_MAIN(TestPatternGates)
#include "tst_pattern_gates.moc"
