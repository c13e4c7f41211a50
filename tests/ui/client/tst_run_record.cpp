// What the window knows of a run, from directories of every kind and from events as they come.
#include <sys/stat.h>

#include <QSignalSpy>
#include <QTest>

#include "client_support.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;
namespace fs = std::filesystem;

namespace {

Event eventOf(Json json) {
    return {json["type"].get<std::string>(), std::move(json)};
}

Json resultOf(const fs::path& run) {
    return {{"type", "result"},
            {"run", run.string()},
            {"sparsity", {{"target", 0.6}, {"achieved", 0.6}}},
            {"perplexity", {{"dense", 20.5}, {"pruned", 25.25}, {"window", 64}}}};
}

std::string filesOf(const fs::path& folder) {
    std::vector<std::string> list;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        list.push_back(entry.path().string() +
                       (entry.is_regular_file() ? std::to_string(entry.file_size()) : ""));
    std::sort(list.begin(), list.end());
    std::string text;
    for (const auto& line : list) text += line + "\n";
    return text;
}

}  // namespace

class RunRecordTest : public QObject {
    Q_OBJECT

    Home m_home;
    int m_made = 0;
    MadeRun newRun() { return MadeRun(m_home / ("made-" + std::to_string(++m_made))); }

  private Q_SLOTS:
    void aFinishedRun() {
        const auto run = newRun();
        run.add({{"type", "state"},
                 {"time", "2026-01-31T12:00:00Z"},
                 {"state", "running"},
                 {"run", run.path().string()},
                 {"options", {{"batch", "2"}}}});
        run.add({{"type", "phase"}, {"phase", "learn"}});
        for (int i = 1; i <= 40; ++i) run.add(stepEvent(i, 40, 4.0 / i));
        run.add({{"type", "layers"},
                 {"step", 20},
                 {"layers", {{{"name", "a"}, {"density", 0.5}}, {{"name", "b"}, {"density", 0.25}}}}});
        run.add({{"type", "map"}, {"step", 40}, {"file", "maps/step-40.bin"}});
        run.add({{"type", "map"}, {"step", 20}, {"file", "maps/step-20.bin"}});
        run.add({{"type", "checkpoint"}, {"step", 30}, {"bytes", 22000000}, {"seconds", 0.5}});
        run.add({{"type", "metric"}, {"metric", "perplexity"}, {"what", "dense"}, {"value", 20.5}});
        run.add({{"type", "log"}, {"text", "a word"}});
        run.add(stateEvent("finished"));
        run.add(resultOf(run.path()));
        run.file("result.json", resultOf(run.path()).dump());
        run.file("result-bench-2026-01-31T120000Z.json", R"({"end_to_end":{"speedup":1.1}})");
        run.file("result-bench-2026-02-01T120000Z.json", R"({"end_to_end":{"speedup":1.2}})");

        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        QCOMPARE(record.problem(), QString());
        QCOMPARE(record.state(), RunState::Finished);
        QVERIFY(!record.resumable() && !record.ownedElsewhere() && !record.stalled());
        QCOMPARE(record.name(), QString::fromStdString(run.path().filename().string()));
        QCOMPARE(record.model(), QString("starter"));
        QCOMPARE(record.method(), QString("leap"));
        QCOMPARE(record.targetSparsity(), 0.6);
        QCOMPARE(record.options()["batch"].get<std::string>(), std::string("2"));
        QCOMPARE(record.steps().size(), std::size_t(40));
        QCOMPARE(record.steps().loss[3], 1.0);
        QCOMPARE(record.layers().names, QStringList({"a", "b"}));
        QCOMPARE(record.layers().density[0][1], 0.25f);
        QCOMPARE(record.maps(), (std::vector<std::int64_t>{20, 40}));
        QCOMPARE(record.lastCheckpoint(), std::int64_t(30));
        QCOMPARE((*record.result())["perplexity"]["pruned"].get<double>(), 25.25);
        QCOMPARE((*record.benchmark())["end_to_end"]["speedup"].get<double>(), 1.2);
        QVERIFY(record.log().join('\n').contains("a word"));
        QVERIFY(record.log().join('\n').contains("Checkpoint at step 30"));

        run.file("result-bench-2026-02-02T120000Z.json", R"({"end_to_end":{"speedup":1.3}})");
        record.reloadMeasurements();
        QVERIFY(readUntil(record, [&] { return (*record.benchmark())["end_to_end"]["speedup"] == 1.3; }));
    }

    void everyNumberOfManyStepsIsKept() {
        constexpr int kSteps = 100000, kSpike = 73211;
        const auto run = newRun();
        std::string text;
        for (int i = 1; i <= kSteps; ++i)
            text += dumpLine(stepEvent(i, kSteps, i == kSpike ? 1e6 : 3.0 / i)) + "\n";
        run.text(text);
        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        const auto& steps = record.steps();
        QCOMPARE(steps.size(), std::size_t(kSteps));
        for (int i = 1; i <= kSteps; ++i) {
            const auto at = static_cast<std::size_t>(i - 1);
            const auto event = stepEvent(i, kSteps, i == kSpike ? 1e6 : 3.0 / i);
            if (steps.step[at] != i || steps.loss[at] != event["loss"] ||
                steps.crossEntropy[at] != event["ce"] || steps.divergence[at] != event["kl"] ||
                steps.density[at] != event["density"] || steps.tau[at] != event["tau"] ||
                steps.tokens[at] != static_cast<float>(i) * 1024 ||
                steps.kappa[at] != static_cast<float>(event["kappa"].get<double>()))
                QFAIL(qPrintable(QString("step %1 differs").arg(i)));
        }
        QCOMPARE(record.unit(), QString("step"));
        QCOMPARE(record.unitDone(), std::int64_t(kSteps));
        QCOMPARE(record.unitsInAll(), std::int64_t(kSteps));
        QVERIFY(record.ghost().empty());
    }

    void aResumedRunLeavesAGhost() {
        const auto run = newRun();
        run.add(stateEvent("running"));
        for (int i = 1; i <= 100; ++i) run.add(stepEvent(i, 200, i));
        run.add({{"type", "map"}, {"step", 50}});
        run.add({{"type", "map"}, {"step", 100}});
        run.text("{\"type\":\"step\",\"time\":\"2026-");  // killed
        run.text("\n");
        run.add(stateEvent("running"));
        run.add({{"type", "resumed"}, {"step", 80}});
        for (int i = 81; i <= 90; ++i) run.add(stepEvent(i, 200, -i));
        run.add(stateEvent("running"));
        run.add({{"type", "resumed"}, {"step", 80}});
        for (int i = 81; i <= 120; ++i) run.add(stepEvent(i, 200, 1000 + i));

        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        const auto& steps = record.steps();
        QCOMPARE(steps.size(), std::size_t(80 + 1 + 40));
        for (std::size_t i = 1; i < steps.size(); ++i) QVERIFY(steps.step[i] >= steps.step[i - 1]);
        QCOMPARE(steps.loss[79], 80.0);
        QVERIFY(std::isnan(steps.loss[80]) && steps.step[80] == 80);
        QCOMPARE(steps.loss[81], 1081.0);
        // The last attempt's ghost, where two were cut off.
        const auto& ghost = record.ghost();
        for (std::size_t i = 1; i < ghost.size(); ++i) QVERIFY(ghost.step[i] >= ghost.step[i - 1]);
        QCOMPARE(ghost.step.back(), 90.0);
        QCOMPARE(ghost.loss.back(), -90.0);
        QCOMPARE(record.maps(), (std::vector<std::int64_t>{50}));
        QCOMPARE(record.lastCheckpoint(), std::int64_t(80));
        QCOMPARE(record.problem(), QString());  // one torn line is what a kill leaves
    }

    void stepsThatStartOverReplaceTheOldOnes() {
        const auto run = newRun();
        for (int i = 1; i <= 30; ++i) run.add(stepEvent(i, 30, i));
        run.add(stateEvent("running"));
        for (int i = 1; i <= 10; ++i) run.add(stepEvent(i, 30, 100 + i));
        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        QCOMPARE(record.steps().size(), std::size_t(10));
        QCOMPARE(record.steps().loss[9], 110.0);
        QCOMPARE(record.ghost().size(), std::size_t(30));
    }

    void aTornLastLineIsReadOnceItIsWhole() {
        const auto run = newRun();
        run.add(stepEvent(1, 9, 1));
        const auto line = dumpLine(stepEvent(2, 9, 2)) + "\n";
        run.text(line.substr(0, 50));
        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        QCOMPARE(record.steps().size(), std::size_t(1));
        QCOMPARE(record.problem(), QString());
        run.text(line.substr(50));
        QVERIFY(readUntil(record, [&] { return record.steps().size() == 2; }));
        QCOMPARE(record.steps().loss[1], 2.0);
    }

    void directoriesThatAreNoRuns_data() {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("says");
        QTest::newRow("nothing there") << "missing"
                                       << "no folder";
        QTest::newRow("some folder") << "foreign"
                                     << "no run here";
        QTest::newRow("a file") << "file"
                                << "no run here";
        QTest::newRow("a newer version") << "newer"
                                         << "newer version";
        QTest::newRow("a spec that is no JSON") << "broken"
                                                << "not valid JSON";
        QTest::newRow("a spec without format") << "formatless"
                                               << "format";
        QTest::newRow("events of garbage") << "garbage"
                                           << "events.jsonl can be read";
        QTest::newRow("events that are a folder") << "folder"
                                                  << "";
        QTest::newRow("a result of garbage") << "result"
                                             << "result";
        QTest::newRow("many bad lines") << "many"
                                        << "lines of";
        QTest::newRow("no events yet") << "empty"
                                       << "";
    }
    void directoriesThatAreNoRuns() {
        QFETCH(QString, kind);
        QFETCH(QString, says);
        auto path = m_home / ("bad-" + kind.toStdString());
        if (kind == "foreign") {
            fs::create_directories(path / "photos");
        } else if (kind == "file") {
            std::ofstream(path) << "hello";
        } else if (kind != "missing") {
            const MadeRun run(path);
            if (kind == "newer") run.file("spec.json", R"({"format":99,"model":"x"})");
            if (kind == "broken") run.file("spec.json", "{{{");
            if (kind == "formatless") run.file("spec.json", "{}");
            if (kind == "garbage") {
                std::string bytes;
                for (int i = 0; i < 100000; ++i) bytes += static_cast<char>(i * 2654435761u >> 24);
                run.text(bytes + "\n[]\n{}\n\"x\"\n");
            }
            if (kind == "folder") fs::create_directory(run.events());
            if (kind == "result") run.file("result.json", "\"\"");
            if (kind == "many")
                for (int i = 0; i < 20; ++i) run.text("noise\n" + dumpLine(stepEvent(i, 20, i)) + "\n");
        }
        RunRecord record;
        record.follow(path);
        QVERIFY(readWhole(record));
        record.catchUp(10);
        if (says.isEmpty())
            QCOMPARE(record.problem(), QString());
        else
            QVERIFY2(record.problem().contains(says), qPrintable(record.problem()));
        QVERIFY2(record.problem().isEmpty() || record.problem().endsWith('.'), qPrintable(record.problem()));
        QVERIFY(!record.problem().contains('\n'));
        const bool readable =
            kind == "garbage" || kind == "folder" || kind == "result" || kind == "many" || kind == "empty";
        QCOMPARE(record.state(), readable ? RunState::Interrupted : RunState::None);
        QCOMPARE(record.resumable(), readable);
        if (kind == "many") QCOMPARE(record.steps().size(), std::size_t(20));
        if (!fs::exists(path)) QVERIFY(!fs::exists(path));
    }

    void aRunThatGoesAwayAndComesBack() {
        const auto run = newRun();
        run.add(stateEvent("running"));
        for (int i = 1; i <= 5; ++i) run.add(stepEvent(i, 9, i));
        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        const auto away = run.path().string() + "-away";
        fs::rename(run.path(), away);
        QVERIFY(readUntil(record, [&] { return !record.problem().isEmpty(); }));
        QVERIFY2(record.problem().contains("no longer there"), qPrintable(record.problem()));
        QVERIFY(!record.resumable());
        QCOMPARE(record.steps().size(), std::size_t(5));  // what was seen may be looked at
        fs::rename(away, run.path());
        QVERIFY(readUntil(record, [&] { return record.problem().isEmpty() && record.caughtUp(); }));
        QCOMPARE(record.steps().size(), std::size_t(5));
        QVERIFY(record.resumable());

        // Another run in its place.
        fs::remove_all(run.path());
        const MadeRun other(run.path());
        for (int i = 1; i <= 3; ++i) other.add(stepEvent(i, 9, 10 + i));
        QVERIFY(readUntil(record, [&] { return record.steps().size() == 3 && record.caughtUp(); }));
        QCOMPARE(record.steps().loss[2], 13.0);
    }

    void lookingChangesNothing() {
        const auto run = newRun();
        for (int i = 1; i <= 5; ++i) run.add(stepEvent(i, 9, i));
        const auto before = filesOf(run.path());
        fs::permissions(run.path(), fs::perms::owner_read | fs::perms::owner_exec);
        {
            RunRecord record;
            record.follow(run.path());
            QVERIFY(readWhole(record));
            QTest::qWait(600);
            record.catchUp(10);
            QCOMPARE(record.problem(), QString());
            QCOMPARE(record.steps().size(), std::size_t(5));
        }
        fs::permissions(run.path(), fs::perms::owner_all);
        QCOMPARE(filesOf(run.path()), before);
    }

    void anotherProcessRunsIt() {
        const auto run = newRun();
        run.add(stateEvent("running"));
        run.add(stepEvent(1, 9, 1));
        auto owner = std::make_unique<RunLock>(run.path());
        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        QCOMPARE(record.state(), RunState::Running);
        QVERIFY(record.ownedElsewhere() && !record.resumable());
        record.asked(RunState::Pausing);  // not ours to pause
        QCOMPARE(record.state(), RunState::Running);

        run.add(stepEvent(2, 9, 2));
        QVERIFY(readUntil(record, [&] { return record.steps().size() == 2; }));
        run.add(stateEvent("paused"));
        QVERIFY(readUntil(record, [&] { return record.state() == RunState::Paused; }));
        run.add(stateEvent("running"));
        QVERIFY(readUntil(record, [&] { return record.state() == RunState::Running; }));
        owner.reset();
        QVERIFY(readUntil(
            record, [&] { return record.state() == RunState::Interrupted; }, 5000));
        QVERIFY(record.resumable() && !record.ownedElsewhere());

        // It is taken up again, and ends.
        owner = std::make_unique<RunLock>(run.path());
        QVERIFY(readUntil(record, [&] { return record.state() == RunState::Running; }));
        run.add(stateEvent("finished"));
        run.add(resultOf(run.path()));
        QVERIFY(readUntil(record, [&] { return record.state() == RunState::Finished && record.result(); }));
        owner.reset();
        QTest::qWait(500);
        record.catchUp(10);
        QCOMPARE(record.state(), RunState::Finished);
    }

    void whatIsAskedForShowsUntilItIsDone() {
        RunRecord record;
        QSignalSpy changed(&record, &RunRecord::changed);
        record.begin(smallSpec(10));
        QCOMPARE(record.state(), RunState::Starting);
        QCOMPARE(record.name(), QString("starter-leap-60"));
        QVERIFY(record.live() && record.path().empty() && !record.resumable());
        record.apply(eventOf({{"type", "phase"}, {"phase", "load"}}));
        QCOMPARE(record.state(), RunState::Starting);
        QCOMPARE(record.phase(), QString("load"));
        const auto run = newRun();
        auto running = stateEvent("running");
        running["run"] = run.path().string();
        running["spec"] = smallSpec(10);
        record.apply(eventOf(running));
        QCOMPARE(record.state(), RunState::Running);
        QCOMPARE(record.path(), run.path());
        record.flush();
        QCOMPARE(changed.size(), 1);
        QCOMPARE(changed[0][0].toBool(), true);

        record.apply(eventOf(stepEvent(1, 10, 1)));
        record.apply(eventOf(stepEvent(2, 10, 2)));
        record.flush();
        record.flush();
        QCOMPARE(changed.size(), 2);
        QCOMPARE(changed[1][0].toBool(), false);  // points only

        record.asked(RunState::Pausing);
        QCOMPARE(record.state(), RunState::Pausing);
        record.apply(eventOf(stepEvent(3, 10, 3)));
        QCOMPARE(record.state(), RunState::Pausing);
        record.apply(eventOf(stateEvent("paused")));
        QCOMPARE(record.state(), RunState::Paused);
        record.asked(RunState::Running);
        record.apply(eventOf(stateEvent("running")));
        QCOMPARE(record.state(), RunState::Running);
        record.asked(RunState::Pausing);
        record.apply(eventOf(stateEvent("paused")));
        record.asked(RunState::Stopping);
        record.apply(eventOf(stateEvent("running")));  // it leaves the pause in order to stop
        QCOMPARE(record.state(), RunState::Stopping);
        record.apply(eventOf({{"type", "checkpoint"}, {"step", 3}, {"bytes", 1}, {"seconds", 1}}));
        record.apply(eventOf(stateEvent("stopped")));
        QCOMPARE(record.state(), RunState::Stopped);
        record.engineDone();
        QCOMPARE(record.state(), RunState::Stopped);
        QVERIFY(record.resumable());
    }

    void anErrorIsKeptUntilItGoesOn() {
        const auto run = newRun();
        run.add(stateEvent("running"));
        run.add(stepEvent(1, 9, 1));
        run.add({{"type", "error"}, {"code", "disk_full"}, {"summary", "the disk is full"}, {"where", "/x"}});
        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        QCOMPARE(record.state(), RunState::Failed);
        QCOMPARE((*record.error())["code"].get<std::string>(), std::string("disk_full"));
        QVERIFY(record.resumable());
        record.goOn();
        QCOMPARE(record.state(), RunState::Starting);
        QVERIFY(!record.error());
    }

    void goingOnJoinsHistoryAndWhatComes() {
        const auto run = newRun();
        run.add(stateEvent("running"));
        for (int i = 1; i <= 5000; ++i) run.add(stepEvent(i, 9000, i));
        run.text("{\"type\":\"st");  // killed
        RunRecord record;
        record.follow(run.path());
        record.goOn();  // before a line of it has been read
        // The engine goes on: its lines are in the file, too, and must not be taken twice.
        run.text("\n");
        for (const auto& event : {stateEvent("running"), Json{{"type", "resumed"}, {"step", 4000}},
                                  stepEvent(4001, 9000, 1), stepEvent(4002, 9000, 2)}) {
            run.add(event);
            record.apply(eventOf(event));
        }
        QVERIFY(readWhole(record));
        QCOMPARE(record.state(), RunState::Running);
        QCOMPARE(record.steps().size(), std::size_t(4003));
        QCOMPARE(record.steps().loss.back(), 2.0);
        QCOMPARE(record.ghost().size(), std::size_t(1000));
        QTest::qWait(400);
        record.catchUp(10);
        QCOMPARE(record.steps().size(), std::size_t(4003));
        record.engineDone();
        QCOMPARE(record.state(), RunState::Interrupted);
        QVERIFY(record.resumable());
        // Someone else goes on with it: followed from the file again, nothing twice.
        run.add(stepEvent(4003, 9000, 3));
        QVERIFY(readUntil(record, [&] { return record.steps().size() == 4004; }));
        QTest::qWait(300);
        record.catchUp(10);
        QCOMPARE(record.steps().size(), std::size_t(4004));
    }

    void anEngineThatDiesBeforeHistoryIsRead() {
        const auto run = newRun();
        for (int i = 1; i <= 3000; ++i) run.add(stepEvent(i, 9000, i));
        RunRecord record;
        record.follow(run.path());
        record.goOn();
        const auto event = stepEvent(3001, 9000, 7);
        run.add(event);
        record.apply(eventOf(event));
        record.engineDone();
        QCOMPARE(record.state(), RunState::Interrupted);
        QVERIFY(readUntil(record, [&] { return record.steps().size() == 3001; }));
        QCOMPARE(record.steps().loss.back(), 7.0);
    }

    void aRefusedResumptionLeavesTheRunAsItWas_data() {
        QTest::addColumn<QByteArray>("last");
        QTest::addColumn<int>("state");
        QTest::addColumn<bool>("readBefore");
        for (const bool read : {true, false}) {
            const char* when = read ? ", read before" : ", not read yet";
            QTest::addRow("stopped%s", when) << QByteArray("stopped") << int(RunState::Stopped) << read;
            QTest::addRow("killed%s", when) << QByteArray("running") << int(RunState::Interrupted) << read;
        }
    }
    void aRefusedResumptionLeavesTheRunAsItWas() {
        QFETCH(QByteArray, last);
        QFETCH(int, state);
        QFETCH(bool, readBefore);
        const auto run = newRun();
        run.add(stateEvent("running"));
        run.add({{"type", "phase"}, {"phase", "learn"}});
        run.add(stepEvent(1, 9, 1));
        run.add(stateEvent(last.constData()));
        RunRecord record;
        record.follow(run.path());
        if (readBefore) QVERIFY(readWhole(record));
        record.goOn();
        QCOMPARE(record.state(), RunState::Starting);
        record.apply(eventOf({{"type", "error"}, {"code", "io"}, {"summary", "the disk is read-only"}}));
        record.engineDone();
        QVERIFY(readUntil(record, [&] { return record.error() && int(record.state()) == state; }));
        QVERIFY(record.resumable());
        QCOMPARE(record.phase(), QStringLiteral("learn"));
        QCOMPARE(record.steps().size(), std::size_t(1));
        // Asked again, it goes on, and what was refused before is forgotten.
        record.goOn();
        record.apply(eventOf(stateEvent("running")));
        QVERIFY(readUntil(record, [&] { return record.state() == RunState::Running; }));
        QVERIFY(!record.error());
    }

    void aRunThatSomeoneElseHasCannotBeTakenOver() {
        const auto run = newRun();
        run.add(stateEvent("running"));
        run.add(stepEvent(1, 9, 1));
        RunRecord record;
        record.follow(run.path());
        QVERIFY(readWhole(record));
        record.goOn();
        const RunLock owner(run.path());
        record.apply(
            eventOf({{"type", "error"}, {"code", "locked"}, {"summary", "in the hands of process 5"}}));
        record.engineDone();
        QVERIFY(readUntil(record, [&] { return record.ownedElsewhere(); }));
        QCOMPARE(record.state(), RunState::Running);
        QVERIFY(record.error());
        run.add(stepEvent(2, 9, 2));
        QVERIFY(readUntil(record, [&] { return record.steps().size() == 2; }));
    }

    void remainingTime() {
        UnitClock clock;
        for (int i = 0; i < 19; ++i) clock.add(0.1);
        QVERIFY(!clock.remaining(100));
        clock.add(0.1);
        QCOMPARE(clock.remaining(100)->low, 10.0);
        clock.clear();
        for (int i = 0; i < 50; ++i) clock.add(i < 49 ? 1 : 1000);  // one slow checkpoint
        QCOMPARE(clock.remaining(10)->high, 10.0);
        QCOMPARE(clock.median(), 1.0);
        clock.clear();
        for (int i = 0; i < 3; ++i) clock.add(4);
        QCOMPARE(clock.remaining(2)->low, 8.0);
        clock.add(-1);
        clock.add(NAN);
        QCOMPARE(clock.remaining(2)->high, 8.0);
        for (int i = 0; i < 50; ++i) clock.add(i % 2 ? 1 : 3);
        QCOMPARE(clock.remaining(10)->low, 10.0);
        QCOMPARE(clock.remaining(10)->high, 30.0);
    }

    void blocksAndWindowsAreNoSteps() {
        RunRecord record;
        record.begin(smallSpec(10));
        record.apply(eventOf({{"type", "phase"}, {"phase", "prune"}}));
        record.apply(eventOf({{"type", "step"}, {"unit", "block"}, {"step", 3}, {"steps", 8}}));
        QCOMPARE(record.unit(), QString("block"));
        QCOMPARE(record.unitDone(), std::int64_t(3));
        QCOMPARE(record.unitsInAll(), std::int64_t(8));
        QVERIFY(record.steps().empty());
        record.apply(eventOf({{"type", "phase"}, {"phase", "save"}}));
        QCOMPARE(record.unit(), QString());
        QVERIFY(!record.eta());
        record.apply(eventOf({{"type", "step"}, {"unit", "window"}, {"step", 1e300}, {"steps", "many"}}));
        QCOMPARE(record.unitDone(), std::int64_t(0));
    }
};

QTEST_GUILESS_MAIN(RunRecordTest)
#include "tst_run_record.moc"
