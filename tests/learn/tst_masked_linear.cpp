#include <torch/torch.h>

#include <QtTest>
#include <cmath>
#include <functional>
#include <random>

#include "core/learn/masked_linear.h"
#include "core/learn/pattern_masks.h"
#include "core/prune/selection.h"
#include "kernels/reference/gates.h"

using namespace tessera;
namespace reference = tessera::kernels::reference;

namespace {

using Matrix = std::vector<double>;

constexpr std::int64_t kTokens = 6, kCols = 20;
const kernels::GateParameters kGate{40.0f, 0.8f, 0.004f};
const kernels::GateParameters kPatternGate{60.0f, 0.9f};
/// What the trainer gives a mask beside the loss: constants of (density m + weight (m w)^2 / 2).
const kernels::GateRegularisers kRegularisers{0.03f, -0.2f};

/// Masks whose accumulated gradient a test may read.
struct OpenBernoulli : BernoulliMask {
    using BernoulliMask::BernoulliMask;
    using BernoulliMask::gradient;
};
struct OpenTile : TileMask {
    using TileMask::gradient;
    using TileMask::TileMask;
};
struct OpenJoint : JointMask {
    using JointMask::gradient;
    using JointMask::JointMask;
};
struct OpenPattern : PatternMask {
    OpenPattern(PrunableMatrix matrix) : PatternMask(std::move(matrix), 2, 4) {}
    using PatternMask::gradient;
};

enum Kind { Leap, Tile, Joint, Patterns };

PrunableMatrix matrixNamed(const std::string& name, std::int64_t rows) {
    return {name, "q", 0, rows, kCols};
}

Matrix widened(const torch::Tensor& tensor) {
    const auto wide = tensor.detach().to(torch::kFloat64).contiguous();
    return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

torch::Tensor drawn(std::initializer_list<std::int64_t> sizes, double scale, std::uint64_t seed) {
    auto generator = at::detail::createCPUGenerator(seed);
    return torch::randn(sizes, generator, torch::kFloat32) * scale;
}

/// How logits act on the weights of their matrix, in f64 and by definition.
struct Definition {
    Kind kind = Leap;
    std::int64_t rows = 0, tileRows = 1, tileCols = 1;  ///< tiles of one weight: LEAP
    std::vector<bool> inner;                            ///< kept whatever the gate; empty but for PATCH-Tile
    kernels::NoiseKey noise;

    std::int64_t tilesAcross() const { return (kCols + tileCols - 1) / tileCols; }
    std::size_t gateOf(std::int64_t row, std::int64_t col) const {
        return std::size_t(row / tileRows * tilesAcross() + col / tileCols);
    }
    std::size_t gates() const {
        return kind == Patterns ? 0 : std::size_t((rows + tileRows - 1) / tileRows * tilesAcross());
    }
    /// The soft mask of each weight of a group of four.
    std::vector<double> soft(const Matrix& logits, std::size_t group) const {
        const auto groups = std::size_t(rows * kCols / 4);
        std::vector<double> own, noises, masks(4, 0.0);
        for (std::size_t p = 0; p < 6; ++p) {
            own.push_back(logits[gates() + p * groups + group]);
            noises.push_back(reference::gumbelNoise(noise.seed, noise.step, noise.stream,
                                                    (group / 64 * 6 + p) * 64 + group % 64));
        }
        const auto shares = reference::patternShares(own, noises, {kPatternGate.kappa, kPatternGate.tau, 0});
        const auto patterns = reference::patternMasks(2, 4);
        for (std::size_t p = 0; p < 6; ++p)
            for (std::size_t i = 0; i < 4; ++i) masks[i] += shares[p] * patterns[p][i];
        return masks;
    }
    Matrix mask(const Matrix& logits) const {
        Matrix opened, mask;
        const auto stream = kind == Joint ? noise.stream | 0x80000000u : noise.stream;
        for (std::size_t i = 0; i < gates(); ++i)
            opened.push_back(reference::gate(logits[i],
                                             reference::logisticNoise(noise.seed, noise.step, stream, i),
                                             {kGate.kappa, kGate.tau, kGate.shift}));
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t c = 0; c < kCols; ++c) {
                const double gate = kind == Patterns ? 0.0 : opened[gateOf(r, c)];
                double within = 0;
                if (kind == Tile) within = inner[mask.size()];
                if (kind == Joint || kind == Patterns)
                    within = soft(logits, mask.size() / 4)[mask.size() % 4];
                mask.push_back(gate + (1 - gate) * within);
            }
        return mask;
    }
};

/// A group as the decoder makes it: masks of one method, and between them a matrix that stays dense.
class Case {
  public:
    explicit Case(Kind kind) : m_kind(kind) {
        // Rows and columns end in ragged tiles: 13 = 8 + 5, 9 = 8 + 1, 20 = 12 + 8.
        const std::int64_t rows[] = {13, 6, 9};
        group.weights = drawn({28, kCols}, 0.4, 1);
        group.masked = group.weights.clone();
        std::int64_t first = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            MaskedGroup::Member member;
            member.firstRow = first;
            member.rows = rows[i];
            if (i != 1) {
                member.step.gate = kGate;
                member.step.patternGate = kPatternGate;
                member.step.noise = {0x5eed5eed5eedull, 7, static_cast<std::uint32_t>(i)};
                member.step.regularisers = kRegularisers;
                makeMask(i, first, rows[i], member);
            }
            group.members.push_back(member);
            first += rows[i];
        }
        input = drawn({2, kTokens / 2, kCols}, 1.0, 2).requires_grad_(true);
        target = widened(drawn({kTokens, 28}, 1.0, 3));
    }

    /// dL/dP of a masked member, as accumulated.
    torch::Tensor gradientOf(std::size_t member) {
        auto* mask = group.members[member].mask;
        switch (m_kind) {
            case Leap:
                return static_cast<OpenBernoulli*>(mask)->gradient();
            case Tile:
                return static_cast<OpenTile*>(mask)->gradient();
            case Joint:
                return static_cast<OpenJoint*>(mask)->gradient();
            default:
                return static_cast<OpenPattern*>(mask)->gradient();
        }
    }

    Matrix output(const Matrix& x, const std::vector<Matrix>& logits) const {
        const auto w = maskedWeights(logits);
        Matrix y;
        for (std::int64_t t = 0; t < kTokens; ++t)
            for (std::int64_t r = 0; r < 28; ++r) {
                double sum = 0;
                for (std::int64_t c = 0; c < kCols; ++c)
                    sum += x[std::size_t(t * kCols + c)] * w[std::size_t(r * kCols + c)];
                y.push_back(sum);
            }
        return y;
    }
    /// |y - target|^2 / 2 and the regularisers of each mask.
    double loss(const Matrix& x, const std::vector<Matrix>& logits) const {
        double loss = 0;
        const auto y = output(x, logits);
        for (std::size_t i = 0; i < y.size(); ++i) loss += 0.5 * (y[i] - target[i]) * (y[i] - target[i]);
        const auto weights = widened(group.weights);
        for (std::size_t i : {0u, 2u}) {
            const auto mask = definitions[i].mask(logits[i]);
            for (std::size_t k = 0; k < mask.size(); ++k) {
                const double masked = mask[k] * weights[std::size_t(group.members[i].firstRow * kCols) + k];
                loss += static_cast<double>(kRegularisers.density) * mask[k] +
                        0.5 * static_cast<double>(kRegularisers.weight) * masked * masked;
            }
        }
        return loss;
    }
    std::vector<Matrix> logits() const {
        std::vector<Matrix> all(3);
        for (std::size_t i : {0u, 2u}) all[i] = widened(group.members[i].mask->logits());
        return all;
    }
    /// The gradient of |y - target|^2 / 2 to y, as the layers above would hand it down.
    torch::Tensor lossOf(const torch::Tensor& y) const {
        const auto wanted =
            torch::tensor(target, torch::kFloat64).to(torch::kFloat32).view({2, kTokens / 2, 28});
        return (y - wanted).square().sum() * 0.5;
    }

    MaskedGroup group;
    torch::Tensor input;
    Matrix target;
    std::array<Definition, 3> definitions;

  private:
    Matrix maskedWeights(const std::vector<Matrix>& logits) const {
        auto weights = widened(group.weights);
        for (std::size_t i : {0u, 2u}) {
            const auto mask = definitions[i].mask(logits[i]);
            for (std::size_t k = 0; k < mask.size(); ++k)
                weights[std::size_t(group.members[i].firstRow * kCols) + k] *= mask[k];
        }
        return weights;
    }
    void makeMask(std::size_t i, std::int64_t first, std::int64_t rows, MaskedGroup::Member& member) {
        const auto matrix = matrixNamed("m" + std::to_string(i), rows);
        auto& definition = definitions[i];
        definition.kind = m_kind;
        definition.rows = rows;
        definition.noise = member.step.noise;
        if (m_kind == Tile || m_kind == Joint) {
            definition.tileRows = 8;
            definition.tileCols = 12;
        }
        if (m_kind == Tile) {
            const auto inner =
                packMask(keepNM(group.weights.narrow(0, first, rows).abs().contiguous(), 2, 4));
            for (std::int64_t k = 0; k < matrix.elements(); ++k) definition.inner.push_back(inner.keeps(k));
            m_masks.push_back(std::make_unique<OpenTile>(matrix, inner, 8, 12));
        } else if (m_kind == Joint) {
            m_masks.push_back(std::make_unique<OpenJoint>(matrix, 8, 12));
        } else if (m_kind == Patterns) {
            m_masks.push_back(std::make_unique<OpenPattern>(matrix));
        } else {
            m_masks.push_back(std::make_unique<OpenBernoulli>(matrix));
        }
        member.mask = m_masks.back().get();
        member.mask->logits().copy_(drawn({member.mask->logits().numel()}, 0.03, 10 + i));
    }

    Kind m_kind;
    std::vector<std::unique_ptr<MaskParameters>> m_masks;
};

double centralDifference(const std::function<double(double)>& loss, double at) {
    const double h = 1e-5;
    return (loss(at + h) - loss(at - h)) / (2 * h);
}

/// The greatest deviation of `values` from `expected` in units of the expected ones' largest.
double deviation(const Matrix& values, const Matrix& expected) {
    double most = 0, largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        most = std::max(most, std::abs(values[i] - expected[i]));
        largest = std::max(largest, std::abs(expected[i]));
    }
    return values.size() == expected.size() ? most / largest : INFINITY;
}

}  // namespace

Q_DECLARE_METATYPE(Kind)

class MaskedLinearTest : public QObject {
    Q_OBJECT

    static void methods() {
        QTest::addColumn<Kind>("kind");
        QTest::newRow("LEAP") << Leap;
        QTest::newRow("PATCH-Tile, ragged") << Tile;
        QTest::newRow("PATCH-Joint, ragged") << Joint;
        QTest::newRow("MaskLLM") << Patterns;
    }

  private Q_SLOTS:
    void forwardIsTheExplicitProduct_data() { methods(); }
    void forwardIsTheExplicitProduct() {
        QFETCH(Kind, kind);
        Case c(kind);
        sampleGroup(c.group);
        const auto y = maskedLinear(c.input, c.group);
        QCOMPARE(y.dim(), std::int64_t(3));
        const double off = deviation(widened(y), c.output(widened(c.input), c.logits()));
        QVERIFY2(off < 1e-6, qPrintable(QString::number(off)));
        // The soft mask is soft: with all gates open or shut this test would show little.
        const auto gates = c.definitions[0].mask(c.logits()[0]);
        QVERIFY(std::any_of(gates.begin(), gates.end(), [](double m) { return m > 0.2 && m < 0.8; }));
        double sum = 0;
        for (const double m : gates) sum += m;
        QVERIFY(std::abs(c.group.members[0].forward.gate - sum) < 1e-5 * sum);
    }

    void gradientsAreFiniteDifferences_data() { methods(); }
    void gradientsAreFiniteDifferences() {
        QFETCH(Kind, kind);
        Case c(kind);
        c.group.updateAtOnce = false;
        sampleGroup(c.group);
        c.lossOf(maskedLinear(c.input, c.group)).backward();

        const auto x = widened(c.input);
        const auto logits = c.logits();
        for (const std::size_t member : {0u, 2u}) {
            Matrix expected;
            for (std::size_t k = 0; k < logits[member].size(); ++k) {
                auto moved = logits;
                expected.push_back(centralDifference(
                    [&](double value) {
                        moved[member][k] = value;
                        return c.loss(x, moved);
                    },
                    logits[member][k]));
            }
            const double off = deviation(widened(c.gradientOf(member)), expected);
            QVERIFY2(off < 1e-6, qPrintable(QString::number(off)));
            double squares = 0;
            for (const double g : expected) squares += g * g;
            QVERIFY(std::abs(c.group.members[member].backward.squaredGradient - squares) < 1e-4 * squares);
        }
        Matrix expected;
        for (std::size_t k = 0; k < x.size(); ++k) {
            auto moved = x;
            expected.push_back(centralDifference(
                [&](double value) {
                    moved[k] = value;
                    return c.loss(moved, logits);
                },
                x[k]));
        }
        const double off = deviation(widened(c.input.grad()), expected);
        QVERIFY2(off < 1e-6, qPrintable(QString::number(off)));
    }

    /// The fused step makes the moments of the very gradient that the other form stores, and moves the
    /// logits against it.
    void theStepAtOnceUsesTheSameGradient_data() { methods(); }
    void theStepAtOnceUsesTheSameGradient() {
        QFETCH(Kind, kind);
        Case stored(kind), fused(kind);
        stored.group.updateAtOnce = false;
        for (auto* c : {&stored, &fused}) {
            sampleGroup(c->group);
            c->lossOf(maskedLinear(c->input, c->group)).backward();
        }
        for (const std::size_t member : {0u, 2u}) {
            const auto gradient = stored.gradientOf(member).clone();
            auto* mask = fused.group.members[member].mask;
            QVERIFY(torch::allclose(mask->moment1(), gradient * 0.1, 1e-6, 1e-12));
            auto* other = stored.group.members[member].mask;
            other->update(1.0, stored.group.members[member].step);
            QVERIFY(torch::equal(mask->logits(), other->logits()));
            QVERIFY(torch::equal(mask->moment2(), other->moment2()));
            // The first step of Adam is the learning rate against the gradient's sign.
            const auto before = torch::tensor(Case(kind).logits()[member]).to(torch::kFloat32);
            const auto moved = mask->logits() - before;
            const auto rate = fused.group.members[member].step.adam.learningRate;
            const auto steep = gradient.abs() > 1e-6;
            QVERIFY(torch::allclose(moved.masked_select(steep),
                                    (-rate * gradient.sign()).masked_select(steep), 1e-3, 1e-8));
            QCOMPARE(stored.gradientOf(member).abs().max().item<float>(), 0.0f);
        }
    }

    /// Two backward passes add their gradients up: what `accumulate` relies on.
    void gradientsAccumulate_data() { methods(); }
    void gradientsAccumulate() {
        QFETCH(Kind, kind);
        Case once(kind), twice(kind);
        for (auto* c : {&once, &twice}) {
            c->group.updateAtOnce = false;
            for (int i = 0; i < (c == &twice ? 2 : 1); ++i) {
                sampleGroup(c->group);
                c->lossOf(maskedLinear(c->input, c->group)).backward();
            }
        }
        for (const std::size_t member : {0u, 2u})
            QVERIFY(torch::allclose(twice.gradientOf(member), 2 * once.gradientOf(member), 1e-6, 1e-12));
    }

    /// Frozen is frozen: neither the weights nor a matrix without a mask change, and no gradient reaches
    /// them.
    void weightsStayAsTheyAre_data() { methods(); }
    void weightsStayAsTheyAre() {
        QFETCH(Kind, kind);
        Case c(kind);
        const auto before = c.group.weights.clone();
        sampleGroup(c.group);
        c.lossOf(maskedLinear(c.input, c.group)).backward();
        QVERIFY(torch::equal(c.group.weights, before));
        QVERIFY(!c.group.weights.grad().defined() && !c.group.masked.grad().defined());
        QVERIFY(torch::equal(c.group.masked.narrow(0, 13, 6), before.narrow(0, 13, 6)));
        QVERIFY(!torch::equal(c.group.masked.narrow(0, 0, 13), before.narrow(0, 0, 13)));
    }

    /// A new step draws new noise, the same step the same.
    void noiseBelongsToTheStep_data() { methods(); }
    void noiseBelongsToTheStep() {
        QFETCH(Kind, kind);
        Case c(kind);
        sampleGroup(c.group);
        const auto first = c.group.masked.clone();
        sampleGroup(c.group);
        QVERIFY(torch::equal(c.group.masked, first));
        for (auto& member : c.group.members) ++member.step.noise.step;
        sampleGroup(c.group);
        QVERIFY(!torch::equal(c.group.masked, first));
    }
};

QTEST_APPLESS_MAIN(MaskedLinearTest)
#include "tst_masked_linear.moc"
