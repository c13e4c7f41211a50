#pragma once

#include <QDir>
#include <QElapsedTimer>
#include <QTest>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/session/run_directory.h"
#include "support/support.h"
#include "ui/client/engine_client.h"
#include "ui/client/own_settings.h"
#include "ui/client/run_record.h"

namespace tessera::test {

/// A home of its own for a test: runs, data and settings in a folder that goes away, the built engine.
class Home {
  public:
    Home() {
        qputenv("TESSERA_RESOURCES", TESSERA_SOURCE_DIR "/resources");
        qputenv("TESSERA_DATA_HOME", (m_scratch / "data").c_str());
        qputenv("TESSERA_RUNS", runs().c_str());
        qputenv("OMP_NUM_THREADS", "2");
        if (qEnvironmentVariableIsEmpty("TESSERA_CLI"))
            qputenv("TESSERA_CLI", TESSERA_BINARY_DIR "/bin/tessera-cli");
        std::filesystem::create_directories(runs());
    }
    std::filesystem::path operator/(const std::string& name) const { return m_scratch / name; }
    std::filesystem::path runs() const { return m_scratch / "runs"; }
    static bool hasEngine() { return !ui::cliProgram().empty(); }

  private:
    Scratch m_scratch;
};

/// LEAP on the starter, as short as it goes.
inline Json smallSpec(int steps, const std::string& out = {}) {
    Json spec{{"model", "starter"},
              {"method", "leap"},
              {"sparsity", 0.6},
              {"text", {TESSERA_SOURCE_DIR "/LICENSE"}},
              {"steps", steps},
              {"threads", 2},
              {"set",
               {{"context", 64},
                {"batch", 2},
                {"calibration_windows", 4},
                {"calibration_context", 64},
                {"eval_windows", 2},
                {"eval_window", 64}}}};
    if (!out.empty()) spec["out"] = out;
    return spec;
}

/// A learning step as the engine says it, of values that all differ.
inline Json stepEvent(std::int64_t step, std::int64_t steps, double loss) {
    const auto x = static_cast<double>(step);
    return {{"type", "step"},
            {"time", "2026-01-31T12:00:00Z"},
            {"unit", "step"},
            {"step", step},
            {"steps", steps},
            {"loss", loss},
            {"ce", loss / 2},
            {"kl", loss / 3},
            {"density", 1 / (1 + x / 1000)},
            {"gradient_norm", 0.125},
            {"kappa", 1 + x / 7},
            {"tau", 4 * std::exp(-x / 500)},
            {"lr", 0.01 / (1 + x)},
            {"tokens", step * 1024},
            {"seconds", 0.25 + 0.001 * std::fmod(x, 10)}};
}

inline Json stateEvent(const std::string& state) {
    return {{"type", "state"}, {"time", "2026-01-31T12:00:00Z"}, {"state", state}};
}

/// A run directory that no engine made, with these events.
class MadeRun {
  public:
    explicit MadeRun(std::filesystem::path path) : m_path(std::move(path)) {
        RunDirectory::create(m_path, ExperimentSpec::fromJson(smallSpec(1000)), Json::object());
    }
    const std::filesystem::path& path() const { return m_path; }
    std::filesystem::path events() const { return m_path / "events.jsonl"; }
    void add(const Json& event) const { text(dumpLine(event) + "\n"); }
    void text(const std::string& bytes) const {
        std::ofstream(events(), std::ios::app | std::ios::binary) << bytes;
    }
    void file(const std::string& name, const std::string& bytes) const {
        std::ofstream(m_path / name, std::ios::binary) << bytes;
    }

  private:
    std::filesystem::path m_path;
};

/// Reads until everything on disk is taken over.
inline bool readWhole(ui::RunRecord& record, int ms = 60000) {
    QElapsedTimer timer;
    timer.start();
    while (record.catchUp(20) && timer.elapsed() < ms) QTest::qWait(1);
    return record.caughtUp();
}

/// Reads on until something holds; false after `ms`.
template <typename Condition>
bool readUntil(ui::RunRecord& record, Condition&& condition, int ms = 20000) {
    QElapsedTimer timer;
    timer.start();
    while (!condition() && timer.elapsed() < ms) {
        record.catchUp(20);
        QTest::qWait(5);
    }
    return condition();
}

}  // namespace tessera::test

#define NEEDS_ENGINE() \
    if (!tessera::test::Home::hasEngine()) QSKIP("no tessera-cli is built beside this test")
