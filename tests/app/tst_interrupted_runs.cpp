// A run killed at any instant ends, once resumed, with the masks of one left alone.
#include <QElapsedTimer>
#include <QTest>
#include <QThread>
#include <random>

#include "child.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;
namespace fs = std::filesystem;

namespace {

constexpr int kKills = 20, kEarly = 6, kSteps = 20;

QString text(const fs::path& path) {
    return QString::fromStdString(path.string());
}

/// LEAP on the starter in a few seconds, a checkpoint after nearly every step.
QStringList runArguments(const fs::path& out) {
    return {"run",
            "--model",
            "starter",
            "--method",
            "leap",
            "--sparsity",
            "0.6",
            "--steps",
            QString::number(kSteps),
            "--seed",
            "7",
            "--threads",
            "2",
            "--text",
            TESSERA_SOURCE_DIR "/LICENSE",
            "--out",
            text(out),
            "--json",
            "--set",
            "context=64",
            "--set",
            "batch=2",
            "--set",
            "calibration_windows=4",
            "--set",
            "calibration_context=64",
            "--set",
            "eval_windows=2",
            "--set",
            "eval_window=64",
            "--set",
            "snapshots=5",
            "--set",
            "checkpoint_seconds=0.05"};
}

bool isBeingWritten(const fs::path& checkpoints) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(checkpoints, none))
        if (entry.path().extension() == ".part") return true;
    return false;
}

std::string lastPhase(const fs::path& run) {
    std::string phase = "before the folder";
    for (const auto& event : eventsOf(run))
        if (event.value("type", "") == "phase") phase = event.value("phase", "");
    return phase;
}

int lastStep(const fs::path& run) {
    int step = -1;
    for (const auto& event : eventsOf(run))
        if (event.value("type", "") == "step" && event.value("unit", "") == "step")
            step = event.value("step", 0);
    return step;
}

}  // namespace

class InterruptedRunsTest : public QObject {
    Q_OBJECT

    Scratch m_scratch;
    QByteArray m_masks;
    double m_secondsToFirstStep = 0, m_secondsAStep = 0;
    int m_pastStepZero = 0;
    std::map<std::string, int> m_phases;

  private Q_SLOTS:
    void initTestCase() {
        QElapsedTimer timer;
        timer.start();
        Child child(runArguments(m_scratch / "whole"), m_scratch / "home");
        while (m_secondsAStep == 0) {
            const auto event = child.await("step");
            QVERIFY2(!event.is_null(), child.errors().c_str());
            if (event.value("unit", "") != "step") continue;
            if (event["step"] == 1) m_secondsToFirstStep = static_cast<double>(timer.restart()) / 1000;
            if (event["step"] == kSteps)
                m_secondsAStep = static_cast<double>(timer.elapsed()) / 1000 / kSteps;
        }
        QVERIFY2(child.wait() == 0, child.errors().c_str());
        m_masks = bytesOf(m_scratch / "whole/masks.npz");
        QVERIFY(m_masks.size() > 1000);
        int checkpoints = 0;
        for (const auto& event : eventsOf(m_scratch / "whole")) checkpoints += event["type"] == "checkpoint";
        QVERIFY2(checkpoints >= 5, "too few checkpoints to be interrupted in");
    }

    void sameSeedSameBits() {
        Child child(runArguments(m_scratch / "again"), m_scratch / "home");
        QCOMPARE(child.wait(), 0);
        QVERIFY(bytesOf(m_scratch / "again/masks.npz") == m_masks);
    }

    void killed_data() {
        QTest::addColumn<double>("share");
        QTest::addColumn<int>("step");
        QTest::addColumn<QString>("moment");
        // Instants by chance before the first step; then by steps, so that a slower machine kills in the same
        // phases; then moments that chance would seldom hit.
        std::mt19937 random(20);
        std::uniform_real_distribution<double> within(0.0, 1.0);
        const char* moments[] = {"", "", "", "",       "",     "",         "",
                                 "", "", "", "harden", "save", "evaluate", "report"};
        for (int i = 0; i < kKills; ++i) {
            const double share = within(random);
            if (i < kEarly) {
                QTest::addRow("%02d early, at %.2f", i, (i + share) / kEarly)
                    << (i + share) / kEarly << -1 << QString();
                continue;
            }
            const auto name = QString(i % 3 == 0 ? "checkpoint" : "");
            const QString moment = *moments[i - kEarly] ? QString(moments[i - kEarly]) : name;
            const int step = 4 + (i - kEarly) * (kSteps - 6) / (kKills - kEarly);
            QTest::addRow("%02d step %d and %.2f %s", i, step, share, qPrintable(moment))
                << share << step << moment;
        }
    }
    void killed() {
        QFETCH(double, share);
        QFETCH(int, step);
        QFETCH(QString, moment);
        const auto run = m_scratch / QTest::currentDataTag();
        {
            Child child(runArguments(run), m_scratch / "home");
            const auto waitFor = [&](auto&& reached) {
                QElapsedTimer timer;
                timer.start();
                while (timer.elapsed() < 60000 && child.process().state() == QProcess::Running &&
                       !reached()) {
                    QThread::usleep(200);
                    child.process().waitForReadyRead(0);
                }
            };
            if (step < 0) {
                QThread::msleep(static_cast<unsigned long>(share * m_secondsToFirstStep * 1000));
            } else if (moment.isEmpty() || moment == "checkpoint") {
                waitFor([&] { return lastStep(run) >= step; });
                if (moment == "checkpoint") waitFor([&] { return isBeingWritten(run / "checkpoints"); });
                // Anywhere within a step, or within the few milliseconds that a checkpoint takes.
                QThread::usleep(
                    static_cast<unsigned long>(share * (moment.isEmpty() ? m_secondsAStep * 1e6 : 4000)));
            } else {
                waitFor([&] { return lastPhase(run) == moment.toStdString(); });
            }
            child.kill();
        }
        ++m_phases[lastPhase(run)];
        // Killed before there was anything to go on with: a new run is the way on, over nothing left behind.
        const bool begun = fs::exists(run / "spec.json");
        Child again(begun ? QStringList{"resume", text(run), "--json"} : runArguments(run),
                    m_scratch / "home");
        QVERIFY2(again.wait() == 0, again.errors().c_str());
        for (const auto& event : eventsOf(run))
            if (event["type"] == "resumed" && event.at("step").get<int>() > 0) ++m_pastStepZero;
        QVERIFY(bytesOf(run / "masks.npz") == m_masks);
        QVERIFY(fs::exists(run / "result.json"));
        QVERIFY(fs::exists(run / "report.html"));
        for (const auto* folder : {"checkpoints", "maps", "snapshots", "."})
            for (const auto& entry : fs::directory_iterator(run / folder))
                QVERIFY2(entry.path().extension() != ".part", entry.path().c_str());
    }

    void enoughResumptionsWerePastStepZero() {
        for (const auto& [phase, count] : m_phases) qInfo("killed in %s: %d", phase.c_str(), count);
        qInfo("resumed past step 0: %d of %d", m_pastStepZero, kKills);
        QVERIFY(m_pastStepZero >= 10);
    }

    /// A finished run is told again, and left as it is.
    void resumingAFinishedRunPrintsItsResult() {
        const auto before = bytesOf(m_scratch / "whole/result.json");
        const auto log = bytesOf(m_scratch / "whole/events.jsonl");
        Child child({"resume", text(m_scratch / "whole"), "--json"}, m_scratch / "home");
        const auto result = child.await("result");
        QVERIFY(!result.is_null());
        QCOMPARE(child.wait(), 0);
        QVERIFY(bytesOf(m_scratch / "whole/result.json") == before);
        QVERIFY(bytesOf(m_scratch / "whole/events.jsonl") == log);
    }
};

QTEST_GUILESS_MAIN(InterruptedRunsTest)
#include "tst_interrupted_runs.moc"
