// Several processes learn one run together, on this machine's loopback: the masks of a process alone, whoever
// is lost or stops, and one sentence about what is wrong with how they were started.
#include <QTest>
#include <bit>
#include <cmath>
#include <csignal>

#include "child.h"
#include "core/formats/mask_set.h"
#include "core/session/learning_state.h"
#include "core/session/run_directory.h"
#include "outcome.h"
#include "support/port.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;

namespace {

QString text(const fs::path& path) {
    return QString::fromStdString(path.string());
}

using Variables = std::map<QString, QString>;

Variables variablesOf(int rank, int size, int port) {
    return {{"RANK", QString::number(rank)},       {"WORLD_SIZE", QString::number(size)},
            {"LOCAL_RANK", QString::number(rank)}, {"LOCAL_WORLD_SIZE", QString::number(size)},
            {"MASTER_ADDR", "127.0.0.1"},          {"MASTER_PORT", QString::number(port)},
            {"TESSERA_RANK_TIMEOUT", "120"}};
}

/// Learning on the starter in a second or two, a checkpoint after every step but the last. In f32, and with
/// an epsilon that keeps gradients of nearly nothing from moving a gate as far as any other.
QStringList runArguments(const fs::path& out, const QString& method, int steps,
                         const QStringList& sets = {}) {
    QStringList arguments{"run",
                          "--model",
                          "starter",
                          "--method",
                          method,
                          "--sparsity",
                          method == "leap" ? "0.6" : "0.25",
                          "--steps",
                          QString::number(steps),
                          "--seed",
                          "7",
                          "--threads",
                          "1",
                          "--dtype",
                          "f32",
                          "--text",
                          TESSERA_SOURCE_DIR "/LICENSE",
                          "--out",
                          text(out),
                          "--json"};
    const QStringList all{
        "context=64",     "batch=2",        "calibration_windows=4", "calibration_context=64",
        "eval_windows=2", "eval_window=64", "snapshots=2",           "checkpoint_seconds=0.001",
        "eps=1e-8"};
    for (const auto& set : all + sets) arguments << "--set" << set;
    return arguments;
}

/// The processes of one run, rank 0 first.
class Team {
  public:
    Team(const QStringList& arguments, int size, const fs::path& home) {
        const int port = Port().number();
        for (int rank = 0; rank < size; ++rank)
            m_ranks.push_back(std::make_unique<Child>(arguments, home, variablesOf(rank, size, port)));
    }
    Child& operator[](std::size_t rank) { return *m_ranks[rank]; }
    /// The exit statuses of all that have not been waited for.
    std::vector<int> wait() {
        std::vector<int> statuses;
        for (auto& rank : m_ranks) statuses.push_back(rank->wait());
        return statuses;
    }
    std::string errors() {
        std::string all;
        for (auto& rank : m_ranks) all += rank->errors();
        return all;
    }

  private:
    std::vector<std::unique_ptr<Child>> m_ranks;
};

/// Reads rank 0's events up to the end of this step; false where the run ends before.
bool awaitStep(Child& child, int step) {
    for (;;) {
        const auto event = child.await("step");
        if (event.is_null()) return false;
        if (event.value("unit", "") == "step" && event.value("step", 0) >= step) return true;
    }
}

/// The greatest difference of two runs' logits in their checkpoint of this step.
double logitDistance(const fs::path& a, const fs::path& b, int step) {
    const auto file = "checkpoints/step-" + std::to_string(step) + "/state.bin";
    const LearningState one(a / file), other(b / file);
    double most = one.masks() == other.masks() ? 0 : 1e30;
    for (std::size_t mask = 0; mask < std::min(one.masks(), other.masks()); ++mask) {
        std::vector<float> x(static_cast<std::size_t>(one.logits(mask))), y(x.size());
        one.read(mask, 0, x);
        other.read(mask, 0, y);
        for (std::size_t i = 0; i < x.size(); ++i)
            most = std::max(most, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    }
    return most;
}

/// The share of weights that two runs' masks treat differently.
double maskDistance(const fs::path& a, const fs::path& b) {
    const auto one = readMasks(a / "masks.npz"), other = readMasks(b / "masks.npz");
    std::int64_t different = 0;
    for (const auto& [name, mask] : one.masks)
        for (std::size_t i = 0; i < mask.bits.size(); ++i)
            different += std::popcount(static_cast<unsigned>(mask.bits[i] ^ other.masks.at(name).bits[i]));
    return static_cast<double>(different) / static_cast<double>(one.weights());
}

}  // namespace

class RanksTest : public QObject {
    Q_OBJECT

    Scratch m_scratch;
    fs::path m_home = m_scratch / "home";

    void learnAlone(const QStringList& arguments) {
        Child child(arguments, m_home);
        QVERIFY2(child.wait() == 0, child.errors().c_str());
    }
    void learnTogether(const QStringList& arguments, int size) {
        Team team(arguments, size, m_home);
        QVERIFY2(team.wait() == std::vector<int>(static_cast<std::size_t>(size), 0), team.errors().c_str());
    }

  private Q_SLOTS:
    /// N processes with a forward pass each are one that accumulates N: the same windows, the same noise.
    void theyLearnWhatOneLearns_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<int>("size");
        QTest::addColumn<QStringList>("sets");
        QTest::newRow("LEAP, 2") << "leap" << 2 << QStringList{};
        QTest::newRow("LEAP, 4") << "leap" << 4 << QStringList{};
        QTest::newRow("LEAP, 2, on text of the model's own, with narrow moments")
            << "leap" << 2 << QStringList{"own_samples=0.5", "own_tokens=512", "moments=bf16"};
        QTest::newRow("LEAP, 2, clipped and recomputed")
            << "leap" << 2 << QStringList{"clip=1e-4", "activation_checkpointing=true"};
        QTest::newRow("PATCH-Tile, 2") << "patch-tile" << 2 << QStringList{};
        QTest::newRow("PATCH-Joint, 2") << "patch-joint" << 2 << QStringList{};
    }
    void theyLearnWhatOneLearns() {
        QFETCH(QString, method);
        QFETCH(int, size);
        QFETCH(QStringList, sets);
        const auto alone = m_scratch / (std::string(QTest::currentDataTag()) + " alone"),
                   together = m_scratch / QTest::currentDataTag();
        learnAlone(runArguments(alone, method, 6, sets + QStringList{"accumulate=" + QString::number(size)}));
        learnTogether(runArguments(together, method, 6, sets), size);
        const auto distance = logitDistance(alone, together, 5);
        QVERIFY2(distance <= 1e-6, qPrintable(QString::number(distance)));
        QVERIFY(maskDistance(alone, together) < 1e-5);

        const auto result = RunDirectory::open(together).result();
        QCOMPARE(result->at("tokens_trained").get<int>(), 6 * size * 2 * 64);
        QCOMPARE(result->at("machine").at("processes").get<int>(), size);
        // What is told of each step is the mean over all.
        std::vector<std::vector<double>> losses(2);
        for (const bool second : {false, true})
            for (const auto& event : eventsOf(second ? together : alone))
                if (event["type"] == "step" && event["unit"] == "step")
                    losses[second].push_back(event["objective"].get<double>());
        QCOMPARE(losses[0].size(), std::size_t(6));
        QCOMPARE(losses[1].size(), std::size_t(6));
        for (std::size_t i = 0; i < 6; ++i)
            QVERIFY(std::abs(losses[0][i] - losses[1][i]) < 1e-4 * std::abs(losses[0][i]));
    }

    /// One of four is killed: the others end at once and say so, and any number of processes goes on from the
    /// last checkpoint to the masks of a run that was left alone.
    void aLostProcessEndsTheRunAtItsLastCheckpoint() {
        constexpr int kSteps = 20;
        const auto whole = m_scratch / "whole", broken = m_scratch / "broken";
        learnTogether(runArguments(whole, "leap", kSteps), 4);
        {
            Team team(runArguments(broken, "leap", kSteps), 4, m_home);
            QVERIFY2(awaitStep(team[0], 5), team.errors().c_str());
            team[2].kill();
            const auto error = team[0].await("error");
            QVERIFY(error.is_object());
            QCOMPARE(error.at("code").get<std::string>(), std::string("io"));
            QVERIFY(
                error.at("summary").get<std::string>().starts_with("another process of the run has ended"));
            QCOMPARE(error.at("where").get<std::string>(), std::string("rank 0 of 4"));
            QCOMPARE(team.wait(), (std::vector<int>{1, 1, -1, 1}));
            for (const std::size_t rank : {0u, 1u, 3u}) {
                const auto said = team[rank].errors();
                QVERIFY2(said.find("tessera-cli resume RUN") != std::string::npos, said.c_str());
            }
        }
        const auto run = RunDirectory::open(broken);
        QCOMPARE(run.status(), std::string("failed"));
        const auto checkpoint = run.latestCheckpoint();
        QVERIFY(checkpoint && checkpoint->step >= 4 && checkpoint->step < kSteps);

        for (const int size : {1, 3}) {
            const auto copy = m_scratch / ("broken " + std::to_string(size));
            fs::copy(broken, copy, fs::copy_options::recursive);
            learnTogether({"resume", text(copy), "--json"}, size);
            bool resumed = false;
            for (const auto& event : eventsOf(copy))
                resumed |= event["type"] == "resumed" && event["step"] == checkpoint->step;
            QVERIFY(resumed);
            const auto distance = maskDistance(whole, copy);
            QVERIFY2(distance < 1e-3, qPrintable(QString::number(distance)));
            QCOMPARE(RunDirectory::open(copy).result()->at("tokens_trained").get<int>(), kSteps * 4 * 2 * 64);
        }
    }

    /// A scheduler may ask one process alone to end: the run stops with a checkpoint, everywhere.
    void aStopOfOneStopsAll() {
        const auto whole = m_scratch / "unstopped", run = m_scratch / "stopped";
        learnTogether(runArguments(whole, "leap", 20), 2);
        Team team(runArguments(run, "leap", 20), 2, m_home);
        QVERIFY2(awaitStep(team[0], 3), team.errors().c_str());
        ::kill(static_cast<pid_t>(team[1].process().processId()), SIGTERM);
        QVERIFY(!team[0].await("state", "stopped").is_null());
        QCOMPARE(team.wait(), (std::vector<int>{130, 130}));
        QCOMPARE(RunDirectory::open(run).status(), std::string("stopped"));
        // Of three there is one that has no forward pass: the run's two are the others'.
        learnTogether({"resume", text(run), "--json"}, 3);
        QVERIFY(bytesOf(run / "masks.npz") == bytesOf(whole / "masks.npz"));
        // Of a finished run every process has nothing to do.
        learnTogether({"resume", text(run), "--json"}, 2);
    }

    /// The window's engine leads as the command line does; a pause holds all.
    void aPauseHoldsAll() {
        const int port = Port().number();
        const auto run = m_scratch / "paused";
        Child leader({"serve"}, m_home, variablesOf(0, 2, port));
        QVERIFY(!leader.await("state", "idle").is_null());
        Json set{{"context", 64},
                 {"batch", 1},
                 {"calibration_windows", 4},
                 {"calibration_context", 64},
                 {"eval_windows", 0}};
        leader.send({{"command", "start"},
                     {"spec",
                      {{"model", "starter"},
                       {"method", "leap"},
                       {"sparsity", 0.5},
                       {"minutes", 0.05},
                       {"threads", 1},
                       {"text", TESSERA_SOURCE_DIR "/LICENSE"},
                       {"out", run.string()},
                       {"set", set}}}});
        // What another process was told of the run is of no weight: it follows rank 0.
        Child follower(runArguments(m_scratch / "never", "patch-tile", 3), m_home, variablesOf(1, 2, port));
        QVERIFY(awaitStep(leader, 2));
        leader.send({{"command", "pause"}});
        QVERIFY(!leader.await("state", "paused").is_null());
        QVERIFY(!follower.process().waitForFinished(2500));
        leader.send({{"command", "resume"}});
        const auto result = leader.await("result");
        QVERIFY(result.is_object());
        QCOMPARE(follower.wait(), 0);
        leader.send({{"command", "shutdown"}});
        QCOMPARE(leader.wait(), 0);
        QVERIFY(!fs::exists(m_scratch / "never"));
        const auto plan = readJsonFile(run / "plan.json");
        QCOMPARE(plan.at("passes").get<int>(), 2);
        QVERIFY(plan.at("measured_step_seconds").get<double>() > 0);
        QVERIFY(result.at("steps") == plan.at("steps"));
    }

    void wrongVariables_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("said");
        QTest::newRow("no address") << "MASTER_ADDR"
                                    << ""
                                    << "WORLD_SIZE is 2, but MASTER_ADDR is not set";
        QTest::newRow("no port") << "MASTER_PORT"
                                 << ""
                                 << "but MASTER_PORT is not set";
        QTest::newRow("no rank") << "RANK"
                                 << ""
                                 << "but RANK is not set";
        QTest::newRow("rank out of range") << "RANK"
                                           << "2"
                                           << "RANK is \"2\", not a whole number from 0 to 1";
        QTest::newRow("no number") << "WORLD_SIZE"
                                   << "many"
                                   << "WORLD_SIZE is \"many\"";
        QTest::newRow("port out of range") << "MASTER_PORT"
                                           << "70000"
                                           << "MASTER_PORT is \"70000\"";
        QTest::newRow("patience") << "TESSERA_RANK_TIMEOUT"
                                  << "0"
                                  << "TESSERA_RANK_TIMEOUT is \"0\"";
    }
    void wrongVariables() {
        QFETCH(QString, name);
        QFETCH(QString, value);
        QFETCH(QString, said);
        auto variables = variablesOf(1, 2, 1);
        variables[name] = value;
        Child child(runArguments(m_scratch / "wrong", "leap", 3), m_home, variables);
        const auto outcome = outcomeOf(child.process());
        checkSentence(outcome, 1, {said});
        QVERIFY(!fs::exists(m_scratch / "wrong"));
    }

    void methodsThatDoNotLearnAreForOne() {
        Child child(runArguments(m_scratch / "wrong", "magnitude", 3).mid(0, 7) +
                        QStringList{"--out", text(m_scratch / "wrong")},
                    m_home, variablesOf(0, 2, 1));
        checkSentence(outcomeOf(child.process()), 1, {"magnitude does not learn", "WORLD_SIZE"});
    }

    /// Nobody else comes, nobody listens, and somebody else listens already.
    void theyDoNotMeet_data() {
        QTest::addColumn<int>("rank");
        QTest::addColumn<bool>("taken");
        QTest::newRow("nobody comes") << 0 << false;
        QTest::newRow("nobody listens") << 1 << false;
        QTest::newRow("taken") << 0 << true;
    }
    void theyDoNotMeet() {
        QFETCH(int, rank);
        QFETCH(bool, taken);
        auto other = std::make_unique<Port>();
        auto variables = variablesOf(rank, 2, other->number());
        variables["TESSERA_RANK_TIMEOUT"] = "2";
        if (!taken) other.reset();
        Child child(runArguments(m_scratch / "wrong", "leap", 3), m_home, variables);
        auto outcome = outcomeOf(child.process());
        // LibTorch has words of its own before.
        outcome.errors = outcome.errors.mid(outcome.errors.size() - 1);
        checkSentence(outcome, 1,
                      {"the 2 processes of the run do not meet at 127.0.0.1:" + variables["MASTER_PORT"],
                       "rank " + QString::number(rank) + " of 2", "MASTER_ADDR"});
        QVERIFY(!fs::exists(m_scratch / "wrong"));
    }
};

QTEST_GUILESS_MAIN(RanksTest)
#include "tst_ranks.moc"
