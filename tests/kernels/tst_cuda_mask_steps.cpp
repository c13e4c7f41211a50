#include <QTest>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/cuda_cases.h"
#include "kernels/cuda_host.h"
#include "kernels/reference/gates.h"

// The bodies of the CUDA kernels, run on the host thread by thread with the kernels' own arithmetic of
// indices, against the processor's kernels (to the bit) and the scalar twin in f64.

using namespace tessera::kernels;
using namespace tessera::test;
using tessera::kernels::cuda::GroupLayout;
using tessera::kernels::cuda::MaskSteps;
using tessera::kernels::cuda::NoiseLayout;
using tessera::kernels::cuda::StepsOf;
using tessera::kernels::cuda::StripLayout;
using tessera::kernels::cuda::TileStrips;

namespace {

const MaskSteps& kHost = StepsOf<HostLauncher<>>::kTable;
const MaskSteps kProcessor = ProcessorSteps::table();

/// A kernel's sums are in f32 over a thread's few elements, the processor's over a few hundred.
constexpr double kSumSlack = 3e-6;

/// The bodies round as the processor's vectors do where those have a fused multiply-add.
double slack() {
    const std::string target = maskKernelTarget();
    return target.starts_with("SSE") || target.starts_with("SSSE") || target.starts_with("EMU") ? 1e-5 : 0.0;
}

QString againstProcessor(const Outcome& found, const Outcome& expected) {
    return difference(found, expected, slack(), kSumSlack);
}

GateParameters hardGate(bool hard) {
    auto gate = kCudaGate;
    gate.hard = hard;
    return gate;
}

// Wrong ways to hand out work, which the checks must see.

/// Four elements beside each other have a counter.
struct WordsInARow {
    static std::int64_t element(std::int64_t counter, int word) { return 4 * counter + word; }
};
/// Two lanes next to each other have swapped their counters.
struct SwappedLanes {
    static std::int64_t element(std::int64_t counter, int word) {
        return NoiseLayout::element(counter ^ 1, word);
    }
};
/// Rows of a tile are one element too long.
struct LongRows {
    static std::int64_t element(const TileStrips::Area& area, std::int64_t cols, std::uint32_t i) {
        const auto width = static_cast<std::uint32_t>(area.width) + 1;
        return (area.top + i / width) * cols + area.left + i % width;
    }
};
/// The patterns of a chunk lie all chunks apart.
struct PatternsApart : GroupLayout {
    static std::int64_t counter(std::int64_t thread, int pattern, int patterns) {
        return thread * patterns + pattern;
    }
};
struct SwappedGroups : GroupLayout {
    static std::int64_t group(std::int64_t thread, int word) { return SwappedLanes::element(thread, word); }
};

const std::int64_t kCounts[] = {1, 15, 16, 17, 63, 64, 65, 1000, 4095, 4096, 4097, 20001};

const TileGeometry kTiles[] = {
    {50, 44, 16, 12},     // ragged at both edges
    {50, 44, 64, 64},     // one tile, larger than the matrix
    {7, 5, 1, 1},         // a weight a tile
    {300, 200, 256, 200}  // several strips a tile, those of the last one mostly empty
};

struct PatternCase {
    int keep, group;
    std::int64_t groups;
    TileGeometry tiles;
};
std::vector<PatternCase> patternCases() {
    std::vector<PatternCase> cases;
    for (const auto& [keep, group] : {std::pair{2, 4}, {1, 4}, {4, 8}, {2, 5}, {1, 64}, {3, 3}})
        for (const std::int64_t groups : {1, 15, 64, 65, 1024, 1103})
            if (group <= 8 || groups <= 65) cases.push_back({keep, group, groups, {}});
    cases.push_back({2, 4, 50 * 11, {50, 44, 16, 12}});
    cases.push_back({2, 4, 50 * 11, {50, 44, 1, 4}});
    cases.push_back({1, 2, 50 * 22, {50, 44, 64, 128}});
    return cases;
}

}  // namespace

class TestCudaMaskSteps : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    /// Every element's word is the one that the scalar twin draws for it.
    void drawsAreTheReferences() {
        for (const std::uint64_t counter : {0ull, 1ull, 15ull, 16ull, 0xffffffffull, 0x123456789abull}) {
            const auto drawn = cuda::philox(counter, kCudaNoise);
            const auto words = reference::philox(
                {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
                 kCudaNoise.step, kCudaNoise.stream},
                {static_cast<std::uint32_t>(kCudaNoise.seed),
                 static_cast<std::uint32_t>(kCudaNoise.seed >> 32)},
                7);
            for (std::size_t i = 0; i < 4; ++i) QCOMPARE(drawn.words[i], words[i]);
        }
        for (std::int64_t counter = 0; counter < 500; ++counter)
            for (int word = 0; word < 4; ++word) {
                const auto drawn = cuda::philox(static_cast<std::uint64_t>(counter), kCudaNoise).words[word];
                const auto element = static_cast<std::uint64_t>(NoiseLayout::element(counter, word));
                const double logistic = reference::logisticNoise(kCudaNoise.seed, kCudaNoise.step,
                                                                 kCudaNoise.stream, element),
                             gumbel = reference::gumbelNoise(kCudaNoise.seed, kCudaNoise.step,
                                                             kCudaNoise.stream, element);
                // u is exact in f32: its logit gives it back.
                const double u = cuda::uniformOf(drawn);
                QVERIFY(std::abs(std::log(u) - std::log1p(-u) - logistic) < 1e-12 * (1 + std::abs(logistic)));
                QVERIFY(std::abs(cuda::logisticOf(drawn) - logistic) < 2e-6 * (1 + std::abs(logistic)));
                QVERIFY(std::abs(cuda::gumbelOf(drawn) - gumbel) < 2e-6 * (1 + std::abs(gumbel)));
            }
    }

    void exponentialAndLogarithm() {
        for (double x = -87; x <= 87; x += 0.037) {
            const auto f = static_cast<float>(x);
            QVERIFY(std::abs(cuda::expOf(f) - std::exp(static_cast<double>(f))) <=
                    3e-7 * std::exp(static_cast<double>(f)));
            const float e = std::exp(f);
            if (std::isnormal(e))
                QVERIFY(std::abs(cuda::logOf(e) - std::log(static_cast<double>(e))) <= 1e-5);
        }
    }

    /// bf16 rounds to nearest even.
    void halvesRound() {
        std::uint16_t half = 0;
        const cuda::ElementsOut out(&half);
        const cuda::ElementsIn in(&half);
        for (const auto& [value, bits] : {std::pair{1.0f, 0x3f80},
                                          {-2.5f, 0xc020},
                                          {1.00390625f, 0x3f80},
                                          {1.01171875f, 0x3f82},
                                          {1.00390637f, 0x3f81},
                                          {0.0f, 0}}) {
            out.put(0, value);
            QCOMPARE(int(half), bits);
            QCOMPARE(in.at(0), widen(half));
        }
    }

    void bernoulliIsTheProcessors_data() {
        QTest::addColumn<qint64>("count");
        QTest::addColumn<bool>("hard");
        for (const auto count : kCounts)
            for (const bool hard : {false, true})
                QTest::addRow("%lld %s", static_cast<long long>(count), hard ? "hard" : "soft")
                    << qint64(count) << hard;
    }
    void bernoulliIsTheProcessors() {
        QFETCH(qint64, count);
        QFETCH(bool, hard);
        const Inputs in(count);
        const auto found = bernoulliOutcome(kHost, HostMemory(), in, hardGate(hard)),
                   expected = bernoulliOutcome(kProcessor, HostMemory(), in, hardGate(hard));
        QCOMPARE(againstProcessor(found, expected), QString());
        for (const char* name : {"f32", "gates"})
            for (auto i = static_cast<std::size_t>(count); i < found.exact.at(name).size(); ++i)
                QCOMPARE(found.exact.at(name)[i], 7.0f);
    }

    void bernoulliIsTheReference() {
        const std::int64_t count = 5003;
        const Inputs in(count);
        const auto found = bernoulliOutcome(kHost, HostMemory(), in, kCudaGate);
        const reference::Gate constants{100.0, 0.7f, 0.003f};
        double gates = 0, squares = 0, gradients = 0;
        for (std::size_t i = 0; i < in.logits.size(); ++i) {
            const double noise =
                reference::logisticNoise(kCudaNoise.seed, kCudaNoise.step, kCudaNoise.stream, i);
            const double m = reference::gate(in.logits[i], noise, constants), w = in.weightsFull[i];
            const double gradient = reference::gateSlope(in.logits[i], noise, constants) *
                                    (in.grad[i] * w + static_cast<double>(kCudaRegularisers.density) +
                                     static_cast<double>(kCudaRegularisers.weight) * m * w * w);
            gates += m;
            squares += m * w * m * w;
            gradients += gradient * gradient;
            QVERIFY(std::abs(found.exact.at("f32")[i] - m * w) <= 2e-5 * std::abs(w));
            QVERIFY(std::abs(found.exact.at("gradient")[i] - 0.25 - gradient) <
                    2e-4 * std::abs(gradient) + 3e-8);
        }
        const auto& sums = found.sums.at("backward");
        QVERIFY(std::abs(sums.gate - gates) < 1e-6 * gates);
        QVERIFY(std::abs(sums.squaredMasked - squares) < 1e-5 * squares);
        QVERIFY(std::abs(sums.squaredGradient - gradients) < 1e-4 * gradients);
    }

    void hugeArgumentsAreFinite() {
        const float huge[] = {1e30f, -1e30f, 3e38f, -3e38f, 100.0f, -100.0f, 0.0f};
        Inputs in(256);
        for (std::size_t i = 0; i < in.logits.size(); ++i) in.logits[i] = huge[i % std::size(huge)];
        const PatternGeometry geometry{70, 2, 4};
        std::vector<float> logits(static_cast<std::size_t>(geometry.logits()));
        for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = huge[i * i % std::size(huge)];
        for (const float tau : {4.0f, 0.38f, 0.05f, 1e-4f}) {
            for (const auto& outcome :
                 {bernoulliOutcome(kHost, HostMemory(), in, {350.0f, tau, 0.0f}),
                  patternOutcome(kHost, HostMemory(), geometry, {}, {1e6f, tau, 0.0f}, logits)}) {
                for (const auto& [name, values] : outcome.exact)
                    for (const float value : values) QVERIFY2(std::isfinite(value), name.c_str());
                for (const auto& [name, sums] : outcome.sums)
                    QVERIFY2(std::isfinite(sums.gate) && std::isfinite(sums.squaredMasked) &&
                                 std::isfinite(sums.squaredGradient),
                             name.c_str());
            }
            const auto found = bernoulliOutcome(kHost, HostMemory(), in, {350.0f, tau, 0.0f}),
                       expected = bernoulliOutcome(kProcessor, HostMemory(), in, {350.0f, tau, 0.0f});
            QCOMPARE(againstProcessor(found, expected), QString());
            const GateParameters steep{1e6f, tau, 0.0f};
            QCOMPARE(againstProcessor(patternOutcome(kHost, HostMemory(), geometry, {}, steep, logits),
                                      patternOutcome(kProcessor, HostMemory(), geometry, {}, steep, logits)),
                     QString());
        }
    }

    void tilesAreTheProcessors() {
        for (const auto& geometry : kTiles)
            for (const bool hard : {false, true}) {
                const auto found = tileOutcome(kHost, HostMemory(), geometry, hardGate(hard)),
                           expected = tileOutcome(kProcessor, HostMemory(), geometry, hardGate(hard));
                QCOMPARE(againstProcessor(found, expected), QString());
                QCOMPARE(found.exact.at("f32").back(), 7.0f);
                QCOMPARE(found.summed.at("gradient").back(), 0.25f);
            }
    }

    /// Strips cover every weight of every tile once, and nothing else.
    void stripsCoverTheMatrix() {
        for (const auto& geometry : kTiles) {
            const TileStrips strips(geometry);
            std::vector<std::int64_t> owner(static_cast<std::size_t>(geometry.rows * geometry.cols), -1);
            for (std::int64_t block = 0; block < cuda::stripBlocks(geometry); ++block) {
                const auto area = strips.area(block);
                for (std::uint32_t i = 0; i < area.size; ++i) {
                    auto& place =
                        owner.at(static_cast<std::size_t>(StripLayout::element(area, geometry.cols, i)));
                    QCOMPARE(place, std::int64_t(-1));
                    place = strips.tileOf(block);
                }
            }
            for (std::int64_t r = 0; r < geometry.rows; ++r)
                for (std::int64_t c = 0; c < geometry.cols; ++c)
                    QCOMPARE(owner[static_cast<std::size_t>(r * geometry.cols + c)],
                             r / geometry.tileRows * geometry.gridCols() + c / geometry.tileCols);
        }
    }

    void patternsAreTheProcessors() {
        for (const auto& [keep, group, groups, tiles] : patternCases())
            for (const bool hard : {false, true}) {
                const PatternGeometry geometry{groups, keep, group};
                const auto found = patternOutcome(kHost, HostMemory(), geometry, tiles, hardGate(hard)),
                           expected =
                               patternOutcome(kProcessor, HostMemory(), geometry, tiles, hardGate(hard));
                QVERIFY2(againstProcessor(found, expected).isEmpty(),
                         qPrintable(QString("%1:%2, %3 groups: %4")
                                        .arg(keep)
                                        .arg(group)
                                        .arg(groups)
                                        .arg(againstProcessor(found, expected))));
                for (std::size_t i = 1; i <= kBehind; ++i)
                    QCOMPARE(found.exact.at("f32").rbegin()[i - 1], 7.0f);
            }
    }

    void patternsAreTheReferences() {
        const PatternGeometry geometry{131, 2, 4};
        const Inputs in(geometry.weights());
        const auto logits = patternLogits(in, geometry);
        const auto found = patternOutcome(kHost, HostMemory(), geometry, {}, kCudaGate);
        const auto masks = reference::patternMasks(2, 4);
        for (std::int64_t g = 0; g < geometry.groups; ++g) {
            std::vector<double> own, noise;
            for (std::size_t p = 0; p < 6; ++p) {
                own.push_back(logits[p * 131 + static_cast<std::size_t>(g)]);
                noise.push_back(reference::gumbelNoise(
                    kCudaNoise.seed, kCudaNoise.step, kCudaNoise.stream,
                    (static_cast<std::uint64_t>(g / 64) * 6 + p) * 64 + static_cast<std::uint64_t>(g % 64)));
            }
            const auto shares = reference::patternShares(own, noise, {100.0, 0.7f, 0.0});
            for (std::size_t i = 0; i < 4; ++i) {
                double m = 0;
                for (std::size_t p = 0; p < 6; ++p) m += shares[p] * masks[p][i];
                const auto at = static_cast<std::size_t>(4 * g) + i;
                QVERIFY(std::abs(found.exact.at("f32")[at] - m * in.weightsFull[at]) <=
                        2e-5 * std::abs(in.weightsFull[at]));
            }
        }
        QVERIFY(std::abs(found.sums.at("forward").gate - 2.0 * 131) < 1e-5 * 131);
    }

    /// No thread waits for another one's numbers but at the sums' steps.
    void anyOrderOfThreadsGivesTheSameBits() {
        const MaskSteps& backwards = StepsOf<HostLauncher<true>>::kTable;
        const auto same = [](const Outcome& a, const Outcome& b) { return difference(a, b, 0, 0); };
        const Inputs in(20001);
        QCOMPARE(same(bernoulliOutcome(kHost, HostMemory(), in, kCudaGate),
                      bernoulliOutcome(backwards, HostMemory(), in, kCudaGate)),
                 QString());
        for (const auto& tiles : kTiles)
            QCOMPARE(same(tileOutcome(kHost, HostMemory(), tiles, kCudaGate),
                          tileOutcome(backwards, HostMemory(), tiles, kCudaGate)),
                     QString());
        for (const auto& [keep, group, groups, tiles] : patternCases())
            QCOMPARE(same(patternOutcome(kHost, HostMemory(), {groups, keep, group}, tiles, kCudaGate),
                          patternOutcome(backwards, HostMemory(), {groups, keep, group}, tiles, kCudaGate)),
                     QString());
    }

    /// The comparison with the processor fails for a thread that takes another one's place.
    void wrongLanesAreSeen() {
        const Inputs in(1000);
        const auto expected = bernoulliOutcome(kProcessor, HostMemory(), in, kCudaGate);
        using Rows = StepsOf<HostLauncher<>, WordsInARow>;
        using Swapped = StepsOf<HostLauncher<>, SwappedLanes>;
        QVERIFY(!againstProcessor(bernoulliOutcome(Rows::kTable, HostMemory(), in, kCudaGate), expected)
                     .isEmpty());
        QVERIFY(!againstProcessor(bernoulliOutcome(Swapped::kTable, HostMemory(), in, kCudaGate), expected)
                     .isEmpty());

        const auto& ragged = kTiles[0];
        using Long = StepsOf<HostLauncher<>, NoiseLayout, LongRows>;
        QVERIFY(!againstProcessor(tileOutcome(Long::kTable, HostMemory(), ragged, kCudaGate),
                                  tileOutcome(kProcessor, HostMemory(), ragged, kCudaGate))
                     .isEmpty());

        const PatternGeometry geometry{300, 2, 4};
        const auto patterns = patternOutcome(kProcessor, HostMemory(), geometry, {}, kCudaGate);
        using Apart = StepsOf<HostLauncher<>, NoiseLayout, StripLayout, PatternsApart>;
        using Groups = StepsOf<HostLauncher<>, NoiseLayout, StripLayout, SwappedGroups>;
        QVERIFY(
            !againstProcessor(patternOutcome(Apart::kTable, HostMemory(), geometry, {}, kCudaGate), patterns)
                 .isEmpty());
        QVERIFY(
            !againstProcessor(patternOutcome(Groups::kTable, HostMemory(), geometry, {}, kCudaGate), patterns)
                 .isEmpty());
    }
};

QTEST_APPLESS_MAIN(TestCudaMaskSteps)
#include "tst_cuda_mask_steps.moc"
