// Trainers of two processes, here threads with a group each: what one of them meets, both make of it.
#include <torch/torch.h>

#include <QtTest>
#include <cmath>
#include <functional>
#include <thread>

#include "core/base/error.h"
#include "core/learn/trainer.h"
#include "core/model/torch_runtime.h"
#include "learn/trainer_state.h"
#include "support/port.h"
#include "support/support.h"

using namespace tessera;
using test::sameState;
using test::stateOf;

namespace {

constexpr int kWindows = 37;
constexpr std::int64_t kContext = 24;

TrainerSettings settings() {
    TrainerSettings s;
    s.steps = 8;
    s.batch = 2;
    s.context = kContext;
    s.accumulate = 2;
    s.seed = 11;
    return s;
}

/// Does the same as rank 0 and as rank 1 of two; what they threw.
std::array<std::string, 2> asTwo(const std::function<void(ProcessGroup&)>& work) {
    std::array<std::string, 2> thrown;
    const int port = test::Port().number();
    const auto as = [&](int rank) {
        try {
            RankVariables variables;
            variables.rank = rank;
            variables.size = 2;
            variables.address = "127.0.0.1";
            variables.port = port;
            variables.patience = std::chrono::seconds(60);
            ProcessGroup group(variables);
            work(group);
        } catch (const std::exception& error) {
            thrown[static_cast<std::size_t>(rank)] = error.what();
        }
    };
    std::thread other(as, 1);
    as(0);
    other.join();
    return thrown;
}

MaskList masksOf(const ModelConfig& config) {
    MaskList list;
    auto generator = at::detail::createCPUGenerator(3);
    for (const auto& matrix : prunableMatrices(config)) {
        list.push_back(std::make_unique<BernoulliMask>(matrix));
        auto& logits = list.back()->logits();
        logits.copy_(torch::randn(logits.sizes(), generator, torch::kFloat32) * 0.02);
    }
    return list;
}

}  // namespace

class ProcessesTest : public QObject {
    Q_OBJECT
    std::optional<ModelFiles> m_files;
    std::vector<std::int32_t> m_ids;

  private Q_SLOTS:
    void initTestCase() {
        configureThreads(1);
        m_files = ModelFiles::open(test::data("tiny_llama"));
        for (std::int64_t i = 0; i < kWindows * kContext; ++i)
            m_ids.push_back(static_cast<std::int32_t>((i * 7 + i / 5) % 250));
    }

    /// Sums are the same everywhere, of any size and in any number at once; rank 0's values reach all.
    void sumsAndBroadcasts() {
        const auto thrown = asTwo([](ProcessGroup& group) {
            const double rank = group.rank();
            std::vector<torch::Tensor> sums;
            for (int i = 0; i < 20; ++i)
                sums.push_back(torch::full({i == 7 ? 3'000'000 : i + 1}, rank + i, torch::kFloat32));
            for (const auto& tensor : sums) group.beginSum(tensor);
            group.finishSums();
            for (int i = 0; i < 20; ++i)
                if (!sums[static_cast<std::size_t>(i)].eq(1.0 + 2 * i).all().item<bool>())
                    throw std::runtime_error("a sum is wrong");
            const auto word = torch::full({3}, group.rank() == 0 ? 5 : 9, torch::kUInt8);
            group.broadcast(word);
            if (!word.eq(5).all().item<bool>()) throw std::runtime_error("a broadcast is wrong");
        });
        QCOMPARE(thrown[0], std::string());
        QCOMPARE(thrown[1], std::string());
    }

    /// A loss that is not finite in one process stops the step in both, each masks as before; the one names
    /// where it was, the other that it was not here. Without the damage both go on as if nothing had been.
    void aLossThatIsNotFiniteStopsBoth() {
        const auto s = settings();
        // Token 255 stands in one window only: the first of rank 1's share of the second step.
        auto ids = m_ids;
        WindowOrder order(kWindows, s.seed);
        ids[static_cast<std::size_t>(order.at((2 * 1 + 1) * s.batch) * kContext + 3)] = 255;

        const auto healthy = Decoder::load(*m_files, torch::kFloat32);
        MaskTrainer alone(healthy, masksOf(healthy.config), ids, s);
        for (int i = 0; i < 3; ++i) alone.step();
        const auto expected = stateOf(alone);

        std::array<std::string, 2> said;
        std::array<bool, 2> kept{}, same{};
        const auto thrown = asTwo([&](ProcessGroup& group) {
            const auto rank = static_cast<std::size_t>(group.rank());
            auto model = Decoder::load(*m_files, torch::kFloat32);
            MaskTrainer trainer(model, masksOf(model.config), ids, s, &group);
            trainer.step();
            const auto before = stateOf(trainer);
            const auto victim = model.outer.embedding[255], intact = victim.clone();
            victim.fill_(NAN);
            try {
                trainer.step();
            } catch (const Error& error) {
                if (error.code() == ErrorCode::Numerical) said[rank] = error.what();
            }
            kept[rank] = sameState(stateOf(trainer), before) && trainer.completedSteps() == 1;
            victim.copy_(intact);
            for (int i = 0; i < 2; ++i) trainer.step();
            same[rank] = sameState(stateOf(trainer), expected);
        });
        QCOMPARE(thrown[0], std::string());
        QCOMPARE(thrown[1], std::string());
        QVERIFY2(said[0].starts_with("the loss of another process is not a finite number (step 2)"),
                 said[0].c_str());
        QVERIFY2(
            said[1].starts_with("the loss is not a finite number (step 2, first seen after model.layers.0"),
            said[1].c_str());
        QVERIFY(kept[0] && kept[1]);
        QVERIFY(same[0] && same[1]);
    }
};

QTEST_APPLESS_MAIN(ProcessesTest)
#include "tst_processes.moc"
