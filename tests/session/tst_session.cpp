#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "core/base/file_io.h"
#include "core/session/event.h"
#include "core/session/run_directory.h"
#include "core/session/tile_map.h"
#include "support/support.h"

using namespace tessera;

namespace {

ExperimentSpec spec(const Json& changes = Json::object()) {
    Json json{{"model", "starter"}, {"method", "leap"}, {"sparsity", 0.5}};
    json.update(changes);
    return ExperimentSpec::fromJson(json);
}

}  // namespace

class TestSession : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

  private Q_SLOTS:
    void specRoundTrip() {
        const auto before =
            spec({{"steps", 7},
                  {"seed", 9},
                  {"text", {"a b.txt"}},
                  {"set", {{"lr", 0.001}, {"centring", false}, {"exclude", {"*.q_proj.weight", "x"}}}}});
        const auto after = ExperimentSpec::fromJson(before.toJson());
        QVERIFY(after.toJson() == before.toJson());
        QCOMPARE(after.set.real("lr"), 0.001);
        QCOMPARE(after.set.boolean("centring"), false);
        QCOMPARE(after.set.list("exclude"), (std::vector<std::string>{"*.q_proj.weight", "x"}));
        QVERIFY(before.commandLine().find("--text 'a b.txt'") != std::string::npos);
    }

    void specErrors() {
        EXPECT_ERROR(spec({{"sparsity", 1.7}}), InvalidInput, "1.7");
        EXPECT_ERROR(spec({{"sparsity", -0.1}}), InvalidInput, "impossible");
        EXPECT_ERROR(spec({{"sparsity", "half"}}), InvalidInput, "not a number");
        EXPECT_ERROR(spec({{"sparsty", 0.5}}), InvalidInput, "unknown key \"sparsty\"");
        EXPECT_ERROR(spec({{"method", "leep"}}), InvalidInput, "choose one of");
        EXPECT_ERROR(spec({{"method", "patch-tile"}, {"sparsity", 0.6}}), InvalidInput, "at most 0.5");
        EXPECT_ERROR(spec({{"method", "maskllm"}, {"pattern", "6:12"}}), InvalidInput, "more patterns");
        QCOMPARE(spec({{"method", "maskllm"}, {"pattern", "4:8"}}).sparsity, 0.5);
        EXPECT_ERROR(spec({{"pattern", "2:4"}}), InvalidInput, "no pattern");
        EXPECT_ERROR(spec({{"method", "wanda"}, {"pattern", "2:4"}, {"sparsity", 0.6}}), InvalidInput,
                     "makes a sparsity of 0.5");
        EXPECT_ERROR(spec({{"method", "wanda"}, {"steps", 5}}), InvalidInput, "takes no budget");
        EXPECT_ERROR(spec({{"steps", 5}, {"minutes", 5}}), InvalidInput, "both");
        EXPECT_ERROR(spec({{"steps", -1}}), InvalidInput, "whole number");
        EXPECT_ERROR(spec({{"dtype", "f8"}}), InvalidInput, "f8");
        EXPECT_ERROR(spec({{"set", {{"kapa_start", 3}}}}), InvalidInput, "kappa_start");
        EXPECT_ERROR(spec({{"set", {{"base", "wanda"}}}}), InvalidInput, "has no option \"base\"");
        EXPECT_ERROR(spec({{"set", {{"lr", "fast"}}}}), InvalidInput, "a number");
        EXPECT_ERROR(spec({{"set", {{"tile", "128by128"}}}}), InvalidInput, "128x128");
        EXPECT_ERROR(spec({{"set", {{"prior", "oracle"}}}}), InvalidInput, "wanda, magnitude");
    }

    void recipes() {
        QCOMPARE(spec().set.real("kappa_start"), 100.0);
        QCOMPARE(spec({{"set", {{"recipe", "paper"}}}}).set.real("kappa_start"), 25.0);
        QCOMPARE(spec({{"set", {{"recipe", "paper"}, {"kappa_start", 50}}}}).set.real("kappa_start"), 50.0);
        QCOMPARE(spec({{"method", "patch-tile"}, {"set", {{"recipe", "paper"}}}}).set.real("kappa_end"),
                 500.0);
        QCOMPARE(spec().set.real("lr"), 5e-4);
        QCOMPARE(spec({{"method", "patch-tile"}}).set.real("lr"), 8e-3);
        // The released MaskLLM's and PATCH-Joint's (methods.md 7, 8.5).
        const auto maskllm = spec({{"method", "maskllm"}, {"set", {{"recipe", "paper"}}}}).set;
        QCOMPARE(maskllm.real("lr"), 5e-4);
        QCOMPARE(maskllm.real("lr_end"), 0.1);
        QCOMPARE(maskllm.real("lambda_weight"), 1e-5);
        QCOMPARE(maskllm.real("kappa_start"), 100.0);
        QCOMPARE(maskllm.real("kappa_end"), 500.0);
        QCOMPARE(maskllm.real("tau_start"), 4.0);
        QVERIFY(!maskllm.has("centring") && !maskllm.has("prior") && !maskllm.has("target_scope"));
        const auto joint = spec({{"method", "patch-joint"}, {"set", {{"recipe", "paper"}}}}).set;
        QCOMPARE(joint.real("lr"), 1e-3);
        QCOMPARE(joint.real("kappa_start"), 25.0);
        QCOMPARE(joint.real("pattern_kappa_end"), 500.0);
        QCOMPARE(joint.real("pattern_tau_start"), 4.0);
    }

    /// Every default is a value that its own option takes.
    void defaultsAreValid() {
        for (const auto& method : methodDescriptions())
            for (const auto& option : optionDescriptions()) {
                if (!option.belongsTo(method.name)) continue;
                const auto json = option.toJson(method.name);
                QVERIFY2(!option.help.empty(), option.key.c_str());
                for (const char* recipe : {"default", "paper"})
                    OptionSet(method.name, {{option.key, json[recipe]}});
            }
    }

    void eventLogOutlivesATornLine() {
        const auto path = m_scratch / "events.jsonl";
        {
            EventLog log(path);
            log.emit(makeEvent("step", {{"step", 1}}));
        }
        std::ofstream(path, std::ios::app) << "{\"type\":\"step\",\"st";
        QCOMPARE(readEvents(path).size(), std::size_t(1));
        {
            EventLog log(path);
            log.emit(makeEvent("step", {{"step", 2}}));
        }
        std::uint64_t from = 0;
        const auto events = readEvents(path, &from);
        QCOMPARE(events.size(), std::size_t(2));
        QCOMPARE(events[1].json["step"].get<int>(), 2);
        EventLog(path).emit(makeEvent("log", {{"text", "caf\xc3\xa9 \xff"}}));
        QCOMPARE(readEvents(path, &from).size(), std::size_t(1));
    }

    /// Killed between its folder and its specification, a run has left nothing that it could go on with, and
    /// nothing that is in the way of the next one.
    void killedBeforeItsSpecification() {
        const auto path = m_scratch / "never";
        const auto torn = path / "spec.json.part-4242";
        for (int state = 0; state < 4; ++state) {
            std::filesystem::remove_all(path);
            std::filesystem::create_directories(path / "checkpoints");
            if (state >= 1)
                for (const char* folder : {"maps", "snapshots"})
                    std::filesystem::create_directories(path / folder);
            if (state >= 2) std::ofstream(path / "lock") << "{\"pid\":4242}\n";
            if (state >= 3) std::ofstream(torn) << "{\"mod";
            QVERIFY(!RunDirectory::isRun(path));
            const auto run = RunDirectory::create(path, spec(), {});
            QCOMPARE(run.status(), std::string("running"));
            QVERIFY(RunDirectory::isRun(path) && !std::filesystem::exists(torn));
        }
        // Anything else is somebody's.
        for (const char* file : {"notes.txt", "maps/step-1.bin"}) {
            std::filesystem::remove_all(path);
            std::filesystem::create_directories(path / "maps");
            std::ofstream(path / file) << "x";
            EXPECT_ERROR(RunDirectory::create(path, spec(), {}), InvalidInput, "something here already");
            QVERIFY(std::filesystem::exists(path / file));
        }
    }

    void runDirectories() {
        const auto path = m_scratch / "run";
        {
            auto run = RunDirectory::create(path, spec(), {{"model", "abc"}});
            QCOMPARE(run.status(), std::string("running"));
            EXPECT_ERROR(RunDirectory::create(path, spec(), {}), InvalidInput, "something here already");
            for (const int step : {1, 5, 12}) {
                auto checkpoint = run.beginCheckpoint(step);
                writeFileAtomically(checkpoint.folder() / "state.bin", std::to_string(step));
                checkpoint.commit();
            }
            QCOMPARE(run.latestCheckpoint()->step, std::int64_t(12));
            QVERIFY(!std::filesystem::exists(path / "checkpoints" / "step-1"));
            QVERIFY(std::filesystem::exists(path / "checkpoints" / "step-5"));
            { auto abandoned = run.beginCheckpoint(13); }
            QCOMPARE(run.latestCheckpoint()->step, std::int64_t(12));
        }
        // What a kill left half written is cleared by the next owner.
        std::filesystem::create_directories(path / "checkpoints" / "step-20.part");
        auto run = RunDirectory::open(path);
        QCOMPARE(run.status(), std::string("interrupted"));
        run.acquire();
        QVERIFY(!std::filesystem::exists(path / "checkpoints" / "step-20.part"));
        QCOMPARE(run.latestCheckpoint()->step, std::int64_t(12));
        run.writeResult({{"perplexity", {{"dense", 10.0}, {"pruned", 12.0}}}});
        const auto runs = listRuns(path.parent_path());
        QCOMPARE(runs.size(), std::size_t(1));
        QCOMPARE(*runs[0].perplexity, 12.0);
        QCOMPARE(runs[0].status, std::string("finished"));
        QCOMPARE(run.writeMeasurement("bench", Json::object()).filename().string().substr(0, 13),
                 std::string("result-bench-"));
    }

    /// A second process is refused while the owner lives, and let in the moment it is killed.
    void locks() {
        const auto path = m_scratch / "locked";
        std::filesystem::create_directories(path);
        int ready[2];
        QCOMPARE(::pipe(ready), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            const RunLock lock(path);
            char byte = 1;
            if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
            for (;;) ::pause();
        }
        char byte = 0;
        QCOMPARE(::read(ready[0], &byte, 1), ssize_t(1));
        QVERIFY(RunLock::isHeld(path));
        EXPECT_ERROR(RunLock{path}, Locked, std::to_string(child));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        QVERIFY(!RunLock::isHeld(path));
        const RunLock ours(path);
        QVERIFY(RunLock::isHeld(path));
    }

    void newerRunsAreRefused() {
        const auto path = m_scratch / "newer";
        std::filesystem::create_directories(path);
        auto json = spec().toJson();
        json["format"] = kRunFormat + 1;
        writeFileAtomically(path / "spec.json", json.dump());
        EXPECT_ERROR(RunDirectory::open(path), UnsupportedVersion, "newer version");
        EXPECT_ERROR(RunDirectory::open(m_scratch / "nowhere"), NotFound, "no run here");
    }

    void readOnlyAndFullDisks() {
        // /dev/full takes no byte; a folder without write permission no file (root may write anywhere).
        const auto sparse = std::string(100, 'x');
        if (::geteuid() != 0) {
            const auto folder = m_scratch / "readonly";
            std::filesystem::create_directories(folder);
            std::filesystem::permissions(
                folder, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
            EXPECT_ERROR(writeFileAtomically(folder / "a", sparse), ReadOnly, "readonly");
            EXPECT_ERROR(RunDirectory::create(folder / "run", spec(), {}), ReadOnly, "readonly");
        }
        writeFileAtomically(m_scratch / "file", sparse);
        EXPECT_ERROR(RunDirectory::create(m_scratch / "file/run", spec(), {}), Io, "file/run");
        std::filesystem::create_symlink("/dev/full", m_scratch / "full.jsonl");
        EventLog log(m_scratch / "full.jsonl");
        EXPECT_ERROR(log.emit(makeEvent("log", {{"text", "x"}})), DiskFull, "full.jsonl");
    }

    void tileMaps() {
        PackedMask mask(10, 12);
        for (std::int64_t r = 0; r < 10; ++r)
            for (std::int64_t c = 0; c < 12; ++c) {
                const bool dense = r < 4 && c < 8, twoFour = r >= 4 && r < 8 && c < 8 && c % 4 < 2,
                           odd = r < 4 && c == 9;
                if (dense || twoFour || odd) mask.keep(r * 12 + c);
            }
        const auto tiles = tilesOf("m", mask, 4, 8);
        QCOMPARE(tiles.kind,
                 (std::vector<TileKind>{TileKind::Dense, TileKind::Unstructured, TileKind::TwoFour,
                                        TileKind::Empty, TileKind::Empty, TileKind::Empty}));
        QCOMPARE(tiles.density[2], 0.5f);
        QCOMPARE(tiles.density[1], 0.25f);  // a ragged tile of 4 x 4
        writeTileMap(m_scratch / "map.bin", {{tiles}});
        const auto again = readTileMap(m_scratch / "map.bin").matrices.at(0);
        QCOMPARE(again.kind, tiles.kind);
        QCOMPARE(again.rows, std::int64_t(10));
        for (std::size_t i = 0; i < tiles.density.size(); ++i)
            QVERIFY(std::abs(again.density[i] - tiles.density[i]) < 1e-4f);
        const auto bytes = readFile(m_scratch / "map.bin");
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            writeFileAtomically(m_scratch / "cut.bin", bytes.substr(0, length));
            EXPECT_ERROR(readTileMap(m_scratch / "cut.bin"), Corrupt, "");
        }
    }
};

QTEST_APPLESS_MAIN(TestSession)
#include "tst_session.moc"
