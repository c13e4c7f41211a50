#include <torch/torch.h>

#include <QtTest>

#include "core/model/attention.h"
#include "core/model/block_functions.h"

using namespace tessera;

namespace {

/// What transformers' eager code does, written in LibTorch's own operations: their values in f32 and, rounded
/// where it rounds, in bf16; their gradients by its autograd.
namespace eager {

torch::Tensor norm(const torch::Tensor& input, const torch::Tensor& weight, double eps) {
    const auto x = input.to(torch::kFloat32);
    const auto scale = torch::rsqrt(x.square().mean(-1, true) + eps);
    if (weight.scalar_type() != input.scalar_type()) return (weight * (x * scale)).to(input.scalar_type());
    return weight * (x * scale).to(input.scalar_type());
}

torch::Tensor gated(const torch::Tensor& gateUp, Activation activation) {
    const auto parts = gateUp.chunk(2, -1);
    // LibTorch 1.13 rounds within a bf16 activation, later ones, like ours, at its end; and 1 + tanh cancels
    // in f32.
    const auto x = parts[0].to(torch::kFloat64);
    const auto open = activation == Activation::Silu ? torch::silu(x) : torch::gelu(x, "tanh");
    return open.to(gateUp.scalar_type()) * parts[1];
}

std::vector<torch::Tensor> heads(const torch::Tensor& projected, const Turns& turns, std::int64_t heads,
                                 std::int64_t kvHeads) {
    const auto all =
        projected.view({projected.size(0), projected.size(1), heads + 2 * kvHeads, -1}).transpose(1, 2);
    const auto turn = [&](const torch::Tensor& x) {
        const auto half = x.size(-1) / 2;
        const auto rotated = torch::cat({x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)}, -1);
        return x * turns.cos + rotated * turns.sin;
    };
    return {turn(all.narrow(1, 0, heads)), turn(all.narrow(1, heads, kvHeads)),
            all.narrow(1, heads + kvHeads, kvHeads)};
}

torch::Tensor attention(const torch::Tensor& query, const torch::Tensor& key, const torch::Tensor& value,
                        std::int64_t window) {
    const auto tokens = query.size(2), share = query.size(1) / key.size(1);
    auto unseen = torch::ones({tokens, tokens}).triu(1);
    if (window > 0) unseen = unseen + torch::ones({tokens, tokens}).tril(-window);
    const auto scores = torch::matmul(query / std::sqrt(double(query.size(3))),
                                      key.repeat_interleave(share, 1).transpose(2, 3))
                            .masked_fill(unseen > 0, -std::numeric_limits<float>::infinity());
    return torch::matmul(torch::softmax(scores, -1), value.repeat_interleave(share, 1));
}

}  // namespace eager

void compare(const torch::Tensor& got, const torch::Tensor& want, double tolerance) {
    QCOMPARE(got.sizes().vec(), want.sizes().vec());
    const auto furthest = (got.to(torch::kFloat64) - want.to(torch::kFloat64)).abs().max().item<double>();
    const auto most = want.to(torch::kFloat64).abs().max().item<double>();
    QVERIFY2(furthest <= tolerance * most, qPrintable(QString("%1 of %2").arg(furthest).arg(most)));
}

/// Share of elements that are not the same.
double different(const torch::Tensor& got, const torch::Tensor& want) {
    return got.ne(want).to(torch::kFloat64).mean().item<double>();
}

}  // namespace

class BlockFunctionsTest : public QObject {
    Q_OBJECT

    /// The same function of a leaf both ways: values, and the gradient of a random projection of them.
    template <typename Ours, typename Theirs>
    static void both(const torch::Tensor& input, const Ours& ours, const Theirs& theirs) {
        const auto own = input.clone().requires_grad_(true), other = input.clone().requires_grad_(true);
        const auto y = ours(own), z = theirs(other);
        compare(y.detach(), z.detach(), 3e-6);
        const auto along = torch::randn_like(z);
        (y * along).sum().backward();
        (z * along).sum().backward();
        compare(own.grad(), other.grad(), 1e-5);
        // In bf16 both round in the same places; f32 sums in another order may turn a tie.
        torch::NoGradGuard guard;
        const auto half = input.to(torch::kBFloat16);
        QVERIFY(different(ours(half), theirs(half)) < 0.01);
    }

  private Q_SLOTS:
    void init() { torch::manual_seed(1); }

    void norm() {
        for (const std::int64_t width : {5, 64, 576}) {
            const auto weight = torch::randn({width});
            const auto of = [&](const auto& function) {
                return [&](const torch::Tensor& x) { return function(x, weight.to(x.scalar_type()), 1e-5); };
            };
            both(torch::randn({2, 7, width}), of(rmsNorm), of(eager::norm));
            // One that is wider than the input.
            const auto half = torch::randn({3, width}).to(torch::kBFloat16);
            QVERIFY(different(rmsNorm(half, weight, 1e-6), eager::norm(half, weight, 1e-6)) < 0.01);
            const auto own = half.clone().requires_grad_(true), other = half.clone().requires_grad_(true);
            rmsNorm(own, weight, 1e-6).sum().backward();
            eager::norm(other, weight, 1e-6).sum().backward();
            compare(own.grad(), other.grad(), 0.02);
        }
    }

    void aPartOfARowIsNormed() {
        const auto wide = torch::randn({2, 3, 40});
        const auto part = wide.narrow(-1, 8, 16);
        compare(rmsNorm(part, torch::ones({16}), 1e-5), eager::norm(part, torch::ones({16}), 1e-5), 3e-6);
    }

    void gated() {
        for (const auto activation : {Activation::Silu, Activation::GeluTanh})
            for (const std::int64_t width : {3, 16, 100})
                both(
                    torch::randn({2, 5, 2 * width}) * 2,
                    [&](const torch::Tensor& x) { return gatedUnit(x, activation); },
                    [&](const torch::Tensor& x) { return eager::gated(x, activation); });
    }

    void heads() {
        const auto angle =
            torch::outer(torch::arange(9, torch::kFloat32), torch::tensor({1.0f, 0.3f, 0.1f, 0.02f}));
        const auto doubled = torch::cat({angle, angle}, -1);
        const auto turns = [&](const torch::Tensor& x, std::int64_t length) -> Turns {
            return {doubled.cos().to(x.scalar_type()).narrow(0, 0, length),
                    doubled.sin().to(x.scalar_type()).narrow(0, 0, length)};
        };
        // The table is longer than the text.
        both(
            torch::randn({2, 6, 8 * 8}),
            [&](const torch::Tensor& x) {
                const auto h = turnHeads(x, turns(x, 9), 4, 2);
                return torch::cat({h.query, h.key, h.value}, 1);
            },
            [&](const torch::Tensor& x) { return torch::cat(eager::heads(x, turns(x, 6), 4, 2), 1); });
    }

    void attention_data() {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("window");
        for (const int tokens : {1, 17, 128, 129, 300})
            for (const int window : {0, 1, 50, 200})
                QTest::addRow("%d tokens, window %d", tokens, window) << tokens << window;
    }
    void attention() {
        QFETCH(int, tokens);
        QFETCH(int, window);
        std::array<torch::Tensor, 3> own, other;
        for (std::size_t i = 0; i < 3; ++i) {
            own[i] = torch::randn({2, i == 0 ? 4 : 2, tokens, 16}).requires_grad_(true);
            other[i] = own[i].detach().clone().requires_grad_(true);
        }
        const auto y = causalAttention(own[0], own[1], own[2], {0, 0, window});
        const auto z = eager::attention(other[0], other[1], other[2], window);
        compare(y.detach(), z.detach(), 1e-5);
        const auto along = torch::randn_like(z);
        (y * along).sum().backward();
        (z * along).sum().backward();
        for (std::size_t i = 0; i < 3; ++i) compare(own[i].grad(), other[i].grad(), 1e-4);
    }
};

QTEST_APPLESS_MAIN(BlockFunctionsTest)
#include "tst_block_functions.moc"
