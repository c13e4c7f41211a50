#include <omp.h>

#include <QTest>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu/mask_step.h"
#include "kernels/gate_inputs.h"
#include "kernels/reference/gates.h"

using namespace tessera::kernels;
using namespace tessera::test;

namespace {

const GateParameters kGate{100.0f, 0.7f, 0.003f};
const NoiseKey kNoise{0x1234567890abcdefull, 17, 5};
const GateRegularisers kRegularisers{1e-5f, 2e-3f};
const reference::Gate kReference{100.0, 0.7f, 0.003f};

}  // namespace

class TestMaskStep : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    /// The published known answers of Random123 (kat_vectors, philox4x32 of 7 and 10 rounds).
    void philoxKnownAnswers() {
        using Words = std::array<std::uint32_t, 4>;
        QCOMPARE(reference::philox({0, 0, 0, 0}, {0, 0}, 7),
                 (Words{0x5f6fb709, 0x0d893f64, 0x4f121f81, 0x4f730a48}));
        QCOMPARE(reference::philox({0, 0, 0, 0}, {0, 0}, 10),
                 (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
        const std::uint32_t f = 0xffffffff;
        QCOMPARE(reference::philox({f, f, f, f}, {f, f}, 10),
                 (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    }

    void forwardMatchesReference() {
        for (const std::int64_t count : {1, 15, 63, 64, 65, 1000, 4096, 4097, 20001}) {
            const Inputs in(count);
            onEveryTarget([&] {
                std::vector<std::uint16_t> out(static_cast<std::size_t>(count) + 8, 0x7777);
                const auto sums =
                    bernoulliForward(in.weights.data(), in.logits.data(), out.data(), count, kGate, kNoise);
                double gates = 0, squares = 0;
                for (std::int64_t i = 0; i < count; ++i) {
                    const auto at = static_cast<std::size_t>(i);
                    const double noise = reference::logisticNoise(kNoise.seed, kNoise.step, kNoise.stream,
                                                                  static_cast<std::uint64_t>(i));
                    const double m = reference::gate(in.logits[at], noise, kReference),
                                 masked = m * in.weightsFull[at];
                    gates += m;
                    squares += masked * masked;
                    QVERIFY2(std::abs(widen(out[at]) - masked) <= std::abs(masked) * 0.00395 + 1e-9,
                             qPrintable(QString("%1 of %2").arg(i).arg(count)));
                }
                QVERIFY(std::abs(sums.gate - gates) < 2e-6 * static_cast<double>(count) + 1e-5);
                QVERIFY(std::abs(sums.squaredMasked - squares) < 1e-5 * squares + 1e-12);
                for (std::size_t i = static_cast<std::size_t>(count); i < out.size(); ++i)
                    QCOMPARE(out[i], std::uint16_t(0x7777));
            });
        }
    }

    /// Against the finite difference of the f64 loss sum g w m + density m + weight (m w)^2 / 2 with the
    /// noise frozen.
    void backwardMatchesFiniteDifference() {
        const std::int64_t count = 777;
        const Inputs in(count);
        onEveryTarget([&] {
            std::vector<float> gradient(static_cast<std::size_t>(count), 1.0f), fromHalf = gradient,
                                                                                full = gradient;
            const auto sums = bernoulliBackward(in.weights.data(), in.logits.data(), in.grad.data(),
                                                gradient.data(), count, kGate, kRegularisers, kNoise);
            bernoulliBackward(in.weights.data(), in.logits.data(), in.gradHalf.data(), fromHalf.data(), count,
                              kGate, kRegularisers, kNoise);
            bernoulliBackward(in.weightsFull.data(), in.logits.data(), in.grad.data(), full.data(), count,
                              kGate, kRegularisers, kNoise);
            QCOMPARE(fromHalf, gradient);
            QCOMPARE(full, gradient);
            double squares = 0;
            for (std::int64_t i = 0; i < count; ++i) {
                const auto at = static_cast<std::size_t>(i);
                const double noise = reference::logisticNoise(kNoise.seed, kNoise.step, kNoise.stream,
                                                              static_cast<std::uint64_t>(i));
                const auto loss = [&](double logit) {
                    const double m = reference::gate(logit, noise, kReference), w = in.weightsFull[at];
                    return in.grad[at] * w * m + static_cast<double>(kRegularisers.density) * m +
                           0.5 * static_cast<double>(kRegularisers.weight) * m * w * m * w;
                };
                const double h = 1e-6,
                             difference = (loss(in.logits[at] + h) - loss(in.logits[at] - h)) / (2 * h);
                squares += difference * difference;
                QVERIFY2(std::abs(gradient[at] - 1.0 - difference) < 2e-4 * std::abs(difference) + 3e-7,
                         qPrintable(QString::number(i)));
            }
            QVERIFY(std::abs(sums.squaredGradient - squares) < 1e-3 * squares);
        });
    }

    void fusedAdamEqualsTwoPasses() {
        const std::int64_t count = 4999;
        const Inputs in(count);
        onEveryTarget([&] {
            auto p1 = in.logits, p2 = in.logits;
            std::vector<float> a1(p1.size(), 0.001f), b1(p1.size(), 1e-6f), a2 = a1, b2 = b1,
                                                                            gradient(p1.size(), 0.0f);
            AdamParameters adam;
            adam.weightDecay = 0.01f;
            adam.step = 3;
            bernoulliBackwardAdam(in.weights.data(), p1.data(), in.gradHalf.data(), a1.data(), b1.data(),
                                  count, kGate, kRegularisers, kNoise, adam);
            bernoulliBackward(in.weights.data(), p2.data(), in.gradHalf.data(), gradient.data(), count, kGate,
                              kRegularisers, kNoise);
            adamStep(p2.data(), gradient.data(), a2.data(), b2.data(), count, 1.0f, adam);
            QCOMPARE(p1, p2);
            QCOMPARE(a1, a2);
            QCOMPARE(b1, b2);
            // Adam itself, in f64.
            for (std::size_t i = 0; i < p1.size(); i += 97) {
                const double g = gradient[i], m = 0.9f * 0.001f + (1 - 0.9f) * g,
                             v = 0.95f * 1e-6f + (1 - 0.95f) * g * g;
                const double expected =
                    in.logits[i] -
                    1e-3 * (m / (1 - std::pow(0.9f, 3)) / (std::sqrt(v / (1 - std::pow(0.95f, 3))) + 1e-12) +
                            0.01 * in.logits[i]);
                QVERIFY(std::abs(p1[i] - expected) < 2e-6 * std::abs(expected) + 2e-8);
            }
        });
    }

    /// Moments in bf16: the step is of exact moments, only what is kept of them is rounded, to nearest even.
    void narrowMomentsAreRoundedOnes() {
        const std::int64_t count = 4999;
        const Inputs in(count);
        const auto half = [](const std::vector<float>& wide) {
            std::vector<std::uint16_t> narrow;
            for (const float value : wide) {
                const auto bits = std::bit_cast<std::uint32_t>(value);
                narrow.push_back(static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
            }
            return narrow;
        };
        const auto full = [](const std::vector<std::uint16_t>& narrow) {
            std::vector<float> wide;
            for (const auto bits : narrow) wide.push_back(std::bit_cast<float>(std::uint32_t(bits) << 16));
            return wide;
        };
        onEveryTarget([&] {
            AdamParameters adam;
            adam.weightDecay = 0.01f;
            std::vector<float> gradient(in.logits.size(), 0.0f);
            bernoulliBackward(in.weights.data(), in.logits.data(), in.gradHalf.data(), gradient.data(), count,
                              kGate, kRegularisers, kNoise);
            auto wide = in.logits, fused = in.logits, apart = in.logits;
            std::vector<std::uint16_t> a1(wide.size()), b1(wide.size()), a2 = a1, b2 = b1;
            for (adam.step = 1; adam.step < 4; ++adam.step) {
                // f32 moments that begin each step as the narrow ones do.
                auto m = full(a2), v = full(b2);
                adamStep(wide.data(), gradient.data(), m.data(), v.data(), count, 1.0f, adam);
                adamStep(apart.data(), gradient.data(), a2.data(), b2.data(), count, 1.0f, adam);
                QCOMPARE(apart, wide);
                QCOMPARE(a2, half(m));
                QCOMPARE(b2, half(v));
                if (adam.step > 1) continue;
                bernoulliBackwardAdam(in.weights.data(), fused.data(), in.gradHalf.data(), a1.data(),
                                      b1.data(), count, kGate, kRegularisers, kNoise, adam);
                QCOMPARE(fused, apart);
                QCOMPARE(a1, a2);
                QCOMPARE(b1, b2);
            }
        });
    }

    void sameBitsOnAnyThreads() {
        const std::int64_t count = 100'003;
        const Inputs in(count);
        std::vector<std::uint16_t> first;
        std::vector<float> firstLogits;
        for (const int threads : {1, 2, 3, 4}) {
            omp_set_num_threads(threads);
            std::vector<std::uint16_t> out(static_cast<std::size_t>(count));
            auto logits = in.logits;
            std::vector<float> m1(logits.size()), m2(logits.size());
            const auto a =
                bernoulliForward(in.weights.data(), logits.data(), out.data(), count, kGate, kNoise);
            const auto b =
                bernoulliBackwardAdam(in.weights.data(), logits.data(), in.gradHalf.data(), m1.data(),
                                      m2.data(), count, kGate, kRegularisers, kNoise, {});
            static GateSums keptA, keptB;
            if (threads == 1) {
                first = out;
                firstLogits = logits;
                keptA = a;
                keptB = b;
            }
            QCOMPARE(out, first);
            QCOMPARE(logits, firstLogits);
            QCOMPARE(a.gate, keptA.gate);
            QCOMPARE(b.squaredGradient, keptB.squaredGradient);
        }
        omp_set_num_threads(omp_get_num_procs());
    }

    void hugeArgumentsAreFinite() {
        const std::int64_t count = 256;
        const Inputs in(count);
        const float huge[] = {1e30f, -1e30f, 3e38f, -3e38f, 100.0f, -100.0f, 0.0f};
        std::vector<float> logits(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = huge[i % std::size(huge)];
        onEveryTarget([&] {
            for (const float tau : {2.0f, 0.38f, 0.05f, 1e-4f}) {
                std::vector<float> out(logits.size()), gradient(logits.size());
                const GateParameters gate{350.0f, tau, 0.0f};
                const auto sums =
                    bernoulliForward(in.weightsFull.data(), logits.data(), out.data(), count, gate, kNoise);
                bernoulliBackward(in.weightsFull.data(), logits.data(), in.grad.data(), gradient.data(),
                                  count, gate, kRegularisers, kNoise);
                QVERIFY(std::isfinite(sums.gate));
                for (std::size_t i = 0; i < out.size(); ++i) {
                    QVERIFY(std::isfinite(out[i]) && std::isfinite(gradient[i]));
                    if (logits[i] > 10) QCOMPARE(out[i], in.weightsFull[i]);
                    if (logits[i] < -10) QVERIFY(std::abs(out[i]) < 1e-20f);
                }
            }
        });
    }

    /// Means of gates at given logits against quadrature over the logistic distribution.
    void softMaskStatistics() {
        const std::int64_t count = 1 << 20;
        const std::vector<float> ones(static_cast<std::size_t>(count), 1.0f);
        for (const auto& [kappaP, tau] : {std::pair{0.0, 1.0}, {1.0, 2.0}, {-3.0, 0.5}, {4.0, 0.05}}) {
            std::vector<float> logits(static_cast<std::size_t>(count), static_cast<float>(kappaP / 100.0)),
                out(logits.size());
            const auto sums = bernoulliForward(ones.data(), logits.data(), out.data(), count,
                                               {100.0f, static_cast<float>(tau), 0.0f}, kNoise);
            double mean = 0, square = 0;
            const int points = 200000;
            for (int i = 0; i < points; ++i) {
                const double u = (i + 0.5) / points,
                             m = 1 / (1 + std::exp(-(kappaP + std::log(u / (1 - u))) / tau));
                mean += m / points;
                square += m * m / points;
            }
            const double error = 5 * std::sqrt((square - mean * mean) / count) + 1e-4;
            QVERIFY2(std::abs(sums.gate / count - mean) < error,
                     qPrintable(QString("%1 against %2").arg(sums.gate / count).arg(mean)));
            QVERIFY(std::abs(sums.squaredMasked / count - square) < error);
        }
    }

    /// Straight-through: the mask is 0 or 1, the gradient the soft gate's at that mask.
    void hardGatesHaveSoftGradients() {
        const std::int64_t count = 777;
        const Inputs in(count);
        auto hard = kGate;
        hard.hard = true;
        onEveryTarget([&] {
            std::vector<float> out(static_cast<std::size_t>(count)), gradient(out.size()), gates(out.size());
            const auto sums =
                bernoulliForward(in.weightsFull.data(), in.logits.data(), out.data(), count, hard, kNoise);
            bernoulliBackward(in.weightsFull.data(), in.logits.data(), in.grad.data(), gradient.data(), count,
                              hard, kRegularisers, kNoise);
            gateValues(in.logits.data(), gates.data(), count, hard, kNoise);
            std::int64_t open = 0;
            for (std::int64_t i = 0; i < count; ++i) {
                const auto at = static_cast<std::size_t>(i);
                const double noise = reference::logisticNoise(kNoise.seed, kNoise.step, kNoise.stream,
                                                              static_cast<std::uint64_t>(i));
                const double m = reference::gate(in.logits[at], noise, kReference), w = in.weightsFull[at],
                             mask = m >= 0.5;
                open += m >= 0.5;
                QCOMPARE(out[at], m >= 0.5 ? in.weightsFull[at] : 0.0f);
                QCOMPARE(gates[at], static_cast<float>(mask));
                const double expected = reference::gateSlope(in.logits[at], noise, kReference) *
                                        (in.grad[at] * w + static_cast<double>(kRegularisers.density) +
                                         static_cast<double>(kRegularisers.weight) * mask * w * w);
                QVERIFY(std::abs(gradient[at] - expected) < 2e-4 * std::abs(expected) + 3e-7);
            }
            QCOMPARE(sums.gate, static_cast<double>(open));
        });
    }

    /// M = g + (1 - g) inner, ragged tiles, and the gradient of each tile's gate; hard and soft.
    void tiles_data() {
        QTest::addColumn<bool>("hard");
        QTest::newRow("soft") << false;
        QTest::newRow("straight-through") << true;
    }
    void tiles() {
        QFETCH(bool, hard);
        auto tileGate = kGate;
        tileGate.hard = hard;
        const TileGeometry geometry{50, 44, 16, 12};
        const std::int64_t count = geometry.rows * geometry.cols;
        const Inputs in(count);
        std::vector<std::uint8_t> inner(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < inner.size(); ++i) inner[i] = (i * 7 + i / 44) % 4 < 2;
        std::vector<float> logits(static_cast<std::size_t>(geometry.tiles()));
        for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = 0.01f * static_cast<float>(i) - 0.05f;
        onEveryTarget([&] {
            std::vector<float> gates(logits.size()), out(static_cast<std::size_t>(count)),
                gradient(logits.size());
            const auto sums = tileForward(in.weightsFull.data(), inner.data(), logits.data(), gates.data(),
                                          out.data(), geometry, tileGate, kNoise);
            tileBackward(in.weightsFull.data(), inner.data(), logits.data(), in.grad.data(), gradient.data(),
                         geometry, tileGate, kRegularisers, kNoise);
            std::vector<double> expected(logits.size());
            double total = 0;
            for (std::int64_t r = 0; r < geometry.rows; ++r)
                for (std::int64_t c = 0; c < geometry.cols; ++c) {
                    const auto tile = static_cast<std::size_t>(r / 16 * geometry.gridCols() + c / 12),
                               at = static_cast<std::size_t>(r * geometry.cols + c);
                    const double noise =
                        reference::logisticNoise(kNoise.seed, kNoise.step, kNoise.stream, tile);
                    const double soft = reference::gate(logits[tile], noise, kReference),
                                 g = hard ? soft >= 0.5 : soft, mask = inner[at] ? 1.0 : g;
                    QVERIFY(std::abs(gates[tile] - g) < 2e-5);
                    QVERIFY(std::abs(out[at] - mask * in.weightsFull[at]) < 1e-6);
                    total += mask;
                    if (!inner[at]) {
                        const double w = in.weightsFull[at];
                        expected[tile] += reference::gateSlope(logits[tile], noise, kReference) *
                                          (in.grad[at] * w + static_cast<double>(kRegularisers.density) +
                                           static_cast<double>(kRegularisers.weight) * mask * w * w);
                    }
                }
            QVERIFY(std::abs(sums.gate - total) < 1e-3);
            for (std::size_t i = 0; i < logits.size(); ++i)
                QVERIFY(std::abs(gradient[i] - expected[i]) < 1e-3 * std::abs(expected[i]) + 1e-6);
        });
    }
};

QTEST_APPLESS_MAIN(TestMaskStep)
#include "tst_mask_step.moc"
