#include <hwy/targets.h>
#include <omp.h>

#include <QtTest>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "kernels/reference/block_ops.h"

using namespace tessera::kernels;

namespace {

using Values = std::vector<float>;
using Doubles = std::vector<double>;

Values normal(std::size_t count, unsigned seed, float deviation = 1.0f) {
    std::mt19937 random(seed);
    std::normal_distribution<float> draw(0.0f, deviation);
    Values values(count);
    for (auto& value : values) value = draw(random);
    return values;
}

Doubles part(const Values& values, std::size_t first, std::size_t count) {
    return {values.begin() + static_cast<std::ptrdiff_t>(first),
            values.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

/// d(sum of weights * f(x)) / dx by central differences in f64.
Doubles differenceQuotient(const Doubles& x, const Values& weights,
                           const std::function<Doubles(const Doubles&)>& f) {
    const auto at = [&](std::size_t i, double step) {
        auto moved = x;
        moved[i] += step;
        const auto y = f(moved);
        double sum = 0;
        for (std::size_t k = 0; k < y.size(); ++k) sum += weights[k] * y[k];
        return sum;
    };
    Doubles gradient;
    for (std::size_t i = 0; i < x.size(); ++i) gradient.push_back((at(i, 1e-5) - at(i, -1e-5)) / 2e-5);
    return gradient;
}

/// Within `tolerance` of the row's largest value, or of `least` where all are smaller: what cancels is as
/// exact as its terms.
void compareRow(const Values& got, std::size_t first, const Doubles& want, double tolerance,
                double least = 1e-3) {
    double most = least;
    for (const double value : want) most = std::max(most, std::abs(value));
    for (std::size_t i = 0; i < want.size(); ++i)
        QVERIFY2(std::abs(got[first + i] - want[i]) <= tolerance * most,
                 qPrintable(QString("[%1] %2 instead of %3").arg(i).arg(got[first + i]).arg(want[i])));
}

void eachTarget(const char* name, std::initializer_list<int> sizes) {
    QTest::addColumn<qint64>("target");
    QTest::addColumn<int>("size");
    for (const auto target : hwy::SupportedAndGeneratedTargets())
        for (const int size : sizes)
            QTest::addRow("%s %d, %s", name, size, hwy::TargetName(target)) << qint64(target) << size;
}

}  // namespace

/// The kernels against their twins in f64, for widths with and without a rest, on every instruction set that
/// this machine has. That bf16 rounds where transformers does is tests/model/tst_block_functions.cpp's
/// business.
class BlockOpsTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void cleanup() { hwy::SetSupportedTargetsForTest(0); }

    void norm_data() { eachTarget("width", {2, 3, 15, 16, 17, 64, 65, 576}); }
    void norm() {
        QFETCH(qint64, target);
        QFETCH(int, size);
        hwy::SetSupportedTargetsForTest(target);
        const std::size_t width = static_cast<std::size_t>(size), rows = 3;
        const auto x = normal(rows * width, 1, 2.0f), weight = normal(width, 2),
                   gradY = normal(rows * width, 3);
        Values y(x.size()), scales(rows), gradX(x.size());
        rmsNorm(x.data(), weight.data(), y.data(), scales.data(), rows, size, 1e-5f);
        rmsNormGradient(x.data(), weight.data(), scales.data(), gradY.data(), gradX.data(), rows, size);
        for (std::size_t row = 0; row < rows; ++row) {
            const auto of = [&](const Doubles& input) {
                return reference::rmsNorm(input, part(weight, 0, width), 1e-5);
            };
            const auto input = part(x, row * width, width);
            compareRow(y, row * width, of(input), 2e-6);
            const Values weights(gradY.begin() + static_cast<std::ptrdiff_t>(row * width),
                                 gradY.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
            compareRow(gradX, row * width, differenceQuotient(input, weights, of), 1e-5, 0.1);
        }
    }

    void gated_data() { eachTarget("width", {1, 2, 15, 16, 33, 128}); }
    void gated() {
        QFETCH(qint64, target);
        QFETCH(int, size);
        hwy::SetSupportedTargetsForTest(target);
        const std::size_t width = static_cast<std::size_t>(size), rows = 2;
        const auto x = normal(rows * 2 * width, 4, 3.0f), gradY = normal(rows * width, 5);
        for (const auto gating : {Gating::Silu, Gating::GeluTanh}) {
            Values y(rows * width), gradX(x.size());
            gatedUnit(x.data(), y.data(), rows, size, gating);
            gatedUnitGradient(x.data(), gradY.data(), gradX.data(), rows, size, gating);
            for (std::size_t row = 0; row < rows; ++row) {
                const auto of = [&](const Doubles& input) { return reference::gatedUnit(input, gating); };
                const auto input = part(x, row * 2 * width, 2 * width);
                compareRow(y, row * width, of(input), 1e-6);
                const Values weights(gradY.begin() + static_cast<std::ptrdiff_t>(row * width),
                                     gradY.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
                compareRow(gradX, row * 2 * width, differenceQuotient(input, weights, of), 1e-5, 0.1);
            }
        }
    }

    void gatesAtTheEndsOfTheRange() {
        const float most = std::numeric_limits<float>::max(), nan = std::nanf("");
        const Values x{most, -most, 200.0f, -200.0f, nan, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f};
        Values y(5), gradient(10);
        const Values ones(5, 1.0f);
        gatedUnit(x.data(), y.data(), 1, 5, Gating::Silu);
        gatedUnitGradient(x.data(), ones.data(), gradient.data(), 1, 5, Gating::Silu);
        QCOMPARE(y[0], most);
        QCOMPARE(y[2], 200.0f);
        QVERIFY(std::abs(y[3]) < 1e-30f && std::isfinite(y[1]));
        QVERIFY(std::isnan(y[4]));
        QCOMPARE(gradient[2], 1.0f);
        QVERIFY(std::abs(gradient[3]) < 1e-30f);
    }

    void heads_data() { eachTarget("dim", {2, 6, 32, 64, 80}); }
    void heads() {
        QFETCH(qint64, target);
        QFETCH(int, size);
        hwy::SetSupportedTargetsForTest(target);
        const HeadShape shape{2, 3, 4, 2, size};
        const std::size_t dim = static_cast<std::size_t>(size), all = 8;
        const auto x = normal(2 * 3 * all * dim, 6);
        Values cos(3 * dim), sin(3 * dim);
        const auto angle = [&](std::size_t token, std::size_t i) {
            return 0.7 * double(token + 1) / double(i + 1);
        };
        for (std::size_t token = 0; token < 3; ++token)
            for (std::size_t i = 0; i < dim; ++i) {
                cos[token * dim + i] = static_cast<float>(std::cos(angle(token, i % (dim / 2))));
                sin[token * dim + i] = static_cast<float>(std::sin(angle(token, i % (dim / 2))));
            }
        Values query(2 * 4 * 3 * dim), key(2 * 2 * 3 * dim), value(key.size()), back(x.size());
        turnHeads(x.data(), cos.data(), sin.data(), query.data(), key.data(), value.data(), shape);
        for (std::size_t batch = 0; batch < 2; ++batch)
            for (std::size_t token = 0; token < 3; ++token) {
                Doubles angles;
                for (std::size_t i = 0; i < dim / 2; ++i) angles.push_back(angle(token, i));
                const auto row = (batch * 3 + token) * all * dim;
                for (std::size_t head = 0; head < 4; ++head)
                    compareRow(query, ((batch * 4 + head) * 3 + token) * dim,
                               reference::turned(part(x, row + head * dim, dim), angles), 1e-6);
                for (std::size_t head = 0; head < 2; ++head) {
                    const auto at = ((batch * 2 + head) * 3 + token) * dim;
                    compareRow(key, at, reference::turned(part(x, row + (4 + head) * dim, dim), angles),
                               1e-6);
                    compareRow(value, at, part(x, row + (6 + head) * dim, dim), 0.0);
                }
            }
        // A turn's transpose turns back: the gradient of what was turned is where it began.
        turnHeadsGradient(query.data(), key.data(), value.data(), cos.data(), sin.data(), back.data(), shape);
        compareRow(back, 0, Doubles(x.begin(), x.end()), 1e-6);
    }

    void softmax_data() { eachTarget("keys", {1, 7, 16, 17, 40, 129}); }
    void softmax() {
        QFETCH(qint64, target);
        QFETCH(int, size);
        hwy::SetSupportedTargetsForTest(target);
        const auto keys = static_cast<std::size_t>(size);
        const qint64 queries = std::min(5, size);
        for (const qint64 window : {0, 1, 3, 1000}) {
            const CausalShape shape{2 * queries, queries, size, size - queries, window};
            const auto scores = normal(static_cast<std::size_t>(shape.rows) * keys, 7, 6.0f);
            const auto given = normal(scores.size(), 8);
            auto probabilities = scores, gradient = given;
            causalSoftmax(probabilities.data(), shape);
            causalSoftmaxGradient(probabilities.data(), gradient.data(), shape);
            for (qint64 row = 0; row < shape.rows; ++row) {
                const auto last = row % queries + shape.offset;
                const auto first = window > 0 ? std::max<qint64>(0, last - window + 1) : 0;
                const auto of = [&](const Doubles& input) {
                    return reference::softmax(input, first, last - first + 1);
                };
                const auto at = static_cast<std::size_t>(row) * keys;
                const auto input = part(scores, at, keys);
                compareRow(probabilities, at, of(input), 2e-6);
                const Values weights(given.begin() + static_cast<std::ptrdiff_t>(at),
                                     given.begin() + static_cast<std::ptrdiff_t>(at + keys));
                compareRow(gradient, at, differenceQuotient(input, weights, of), 1e-5, 0.1);
                for (qint64 i = 0; i < size; ++i)
                    if (i < first || i > last) {
                        QCOMPARE(probabilities[at + static_cast<std::size_t>(i)], 0.0f);
                        QCOMPARE(gradient[at + static_cast<std::size_t>(i)], 0.0f);
                    }
            }
        }
    }

    void aScoreThatIsNotFiniteShows() {
        for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
            Values scores(40, 1.0f);
            scores[3] = bad;
            causalSoftmax(scores.data(), {2, 2, 20, 18, 0});
            QVERIFY(std::isnan(scores[0]) && std::isnan(scores[18]));
            QCOMPARE(scores[19], 0.0f);
            QVERIFY(std::isfinite(scores[20]));
        }
        // What is not seen does not matter.
        Values scores(40, 1.0f);
        scores[19] = std::nanf("");
        causalSoftmax(scores.data(), {2, 2, 20, 18, 0});
        for (const float value : scores) QVERIFY(std::isfinite(value));
    }

    /// One token over what is kept: heads in threes and what is left, one to many keys, f32 and bf16.
    void cached_data() { eachTarget("dim", {1, 15, 16, 64, 72}); }
    void cached() {
        QFETCH(qint64, target);
        QFETCH(int, size);
        hwy::SetSupportedTargetsForTest(target);
        const auto dim = static_cast<std::size_t>(size);
        for (const auto [heads, keys, cap] : {std::tuple{1, 1, 0.0f}, {3, 7, 0.0f}, {5, 130, 2.0f}}) {
            const CachedShape shape{heads, keys, size, size + 3, 0.37f, cap};
            const auto kept = static_cast<std::size_t>(keys) * (dim + 3);
            const auto query = normal(static_cast<std::size_t>(heads) * dim, 11),
                       exactKeys = normal(kept, 12, 2.0f), exactValues = normal(kept, 13);
            const auto check = [&](const auto& k, const auto& v, const Doubles& wantedKeys,
                                   const Doubles& wantedValues) {
                Values scores(static_cast<std::size_t>(heads * keys)), out(query.size());
                cachedAttention(query.data(), k.data(), v.data(), scores.data(), out.data(), shape);
                for (std::size_t head = 0; head < static_cast<std::size_t>(heads); ++head)
                    compareRow(out, head * dim,
                               reference::cachedAttention(part(query, head * dim, dim), wantedKeys,
                                                          wantedValues, shape),
                               2e-6, 0.1);
            };
            check(exactKeys, exactValues, part(exactKeys, 0, kept), part(exactValues, 0, kept));
            std::vector<std::uint16_t> halfKeys, halfValues;
            Doubles wantedKeys, wantedValues;
            for (std::size_t i = 0; i < kept; ++i) {
                halfKeys.push_back(
                    static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(exactKeys[i]) >> 16));
                halfValues.push_back(
                    static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(exactValues[i]) >> 16));
                wantedKeys.push_back(std::bit_cast<float>(std::uint32_t(halfKeys[i]) << 16));
                wantedValues.push_back(std::bit_cast<float>(std::uint32_t(halfValues[i]) << 16));
            }
            check(halfKeys, halfValues, wantedKeys, wantedValues);
        }
    }
    void aKeyThatIsNotFiniteShows() {
        Values query(16, 1.0f), keys(64, 0.5f), values(64, 1.0f), scores(4), out(16);
        keys[20] = std::nanf("");
        cachedAttention(query.data(), keys.data(), values.data(), scores.data(), out.data(),
                        {1, 4, 16, 16, 1.0f, 0});
        for (const float value : out) QVERIFY(std::isnan(value));
    }

    void theBitsDoNotDependOnTheThreads() {
        const auto x = normal(64 * 200, 9), weight = normal(200, 10);
        const auto threads = omp_get_max_threads();
        std::vector<Values> normed, soft;
        for (const int count : {1, 2, 4}) {
            omp_set_num_threads(count);
            Values y(x.size()), scores = x;
            rmsNorm(x.data(), weight.data(), y.data(), nullptr, 64, 200, 1e-5f);
            causalSoftmax(scores.data(), {64, 64, 200, 136, 0});
            normed.push_back(y);
            soft.push_back(scores);
        }
        omp_set_num_threads(threads);
        QCOMPARE(normed[1], normed[0]);
        QCOMPARE(normed[2], normed[0]);
        QCOMPARE(soft[1], soft[0]);
        QCOMPARE(soft[2], soft[0]);
    }
};

QTEST_APPLESS_MAIN(BlockOpsTest)
#include "tst_block_ops.moc"
