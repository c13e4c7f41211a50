// Figures of the window's non-visual half: how long its thread is held up while events pour in, and what a
// long run costs in memory and time. Prints them; asserts nothing. A fake engine is a shell's and awk's loop.
#include <QCoreApplication>
#include <QElapsedTimer>
#include <QTimer>
#include <cstdio>
#include <fstream>
#include <thread>

#include "client_support.h"
#include "core/base/system_info.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;
namespace fs = std::filesystem;

namespace {

/// Anonymous memory of this process in MB (what is mapped from files is not counted).
double anonymousMegabytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("RssAnon:")) return std::stod(line.substr(8)) / 1024 * 1.048576;
    return 0;
}

double threadSeconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// The longest time between two ticks of a 5 ms timer on this thread, and the most that the thread itself
/// worked between two: on a machine that does other things, too, the difference is theirs.
class Watchdog {
  public:
    Watchdog() {
        m_timer.setTimerType(Qt::PreciseTimer);
        m_timer.setInterval(5);
        QObject::connect(&m_timer, &QTimer::timeout, [this] {
            m_longest = std::max(m_longest, 1e-6 * static_cast<double>(m_clock.nsecsElapsed()));
            m_clock.start();
            const auto cpu = threadSeconds();
            m_work = std::max(m_work, 1e3 * (cpu - m_cpu));
            m_cpu = cpu;
        });
        m_timer.start();
        m_clock.start();
    }
    void print() const {
        std::printf("longest gap of a 5 ms timer   %.1f ms, of it at most %.1f ms work of this thread\n",
                    m_longest, m_work);
    }

  private:
    QTimer m_timer;
    QElapsedTimer m_clock;
    double m_longest = 0, m_work = 0, m_cpu = threadSeconds();
};

void wait(int ms, const std::function<bool()>& done) {
    QElapsedTimer timer;
    timer.start();
    while (!done() && timer.elapsed() < ms) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
}

void pour(const Home& home, int seconds, int perSecond) {
    const auto script = home / "engine";
    // Twenty portions a second, of events that a run tells.
    std::ofstream(script)
        << "#!/bin/bash\nread line\nexec awk 'BEGIN {\n"
        << "for (s = 0; s < " << seconds * 20 << "; ++s) {\n"
        << " for (i = 0; i < " << perSecond / 20 << "; ++i) { ++n; printf "
        << R"("{\"type\":\"step\",\"time\":\"2026-01-31T12:00:00Z\",\"unit\":\"step\",\"step\":%d,)"
        << R"(\"steps\":1000000,\"loss\":%.9f,\"ce\":%.9f,\"kl\":0.0,\"density\":0.5123456789,)"
        << R"(\"gradient_norm\":0.1234567,\"kappa\":1.5,\"tau\":0.75,\"lr\":0.01,\"tokens\":%d,)"
        << R"(\"seconds\":0.0005}\n", n, 3 + 1 / n, 3 - 1 / n, n * 1024 })"
        << "\n"
        << " fflush(); system(\"sleep 0.042\") } }'\n";
    fs::permissions(script, fs::perms::owner_all);
    qputenv("TESSERA_CLI", script.c_str());
    EngineClient client;
    RunRecord record;
    record.begin(smallSpec(1000));
    std::int64_t events = 0;
    bool ended = false;
    QObject::connect(&client, &EngineClient::event, [&](const Event& event) {
        ++events;
        record.apply(event);
    });
    QObject::connect(&client, &EngineClient::drained, [&] { record.flush(); });
    QObject::connect(&client, &EngineClient::gone, [&] { ended = true; });
    Watchdog watchdog;
    QElapsedTimer timer;
    timer.start();
    const auto before = threadSeconds();
    client.send({{"command", "start"}});
    wait(4 * seconds * 1000, [&] { return ended; });
    const double took = static_cast<double>(timer.elapsed()) / 1000;
    std::printf("events through the drain      %lld in %.1f s, %.0f a second, %zu rows kept\n",
                static_cast<long long>(events), took, static_cast<double>(events) / took,
                record.steps().size());
    watchdog.print();
    std::printf("window's thread at work       %.1f %%\n", 100 * (threadSeconds() - before) / took);
}

void openLong(const Home& home, int steps) {
    const MadeRun run(home / "long");
    {
        std::ofstream file(run.events(), std::ios::binary);
        for (int i = 1; i <= steps; ++i) file << dumpLine(stepEvent(i, steps, 3.0 / i)) << '\n';
    }
    const double before = anonymousMegabytes();
    RunRecord record;
    Watchdog watchdog;
    QElapsedTimer timer;
    timer.start();
    const auto thread = threadSeconds();
    record.follow(run.path());
    QTimer tick;
    tick.setInterval(33);
    QObject::connect(&tick, &QTimer::timeout, [&] { record.catchUp(4); });
    tick.start();
    double peak = 0;
    wait(600000, [&] {
        peak = std::max(peak, anonymousMegabytes());
        return record.caughtUp();
    });
    std::printf("a run of %d events        %.0f MB on disk, read in %.1f s, %zu rows\n", steps,
                static_cast<double>(fs::file_size(run.events())) / 1e6,
                static_cast<double>(timer.elapsed()) / 1000, record.steps().size());
    watchdog.print();
    std::printf("window's thread at work       %.2f s\n", threadSeconds() - thread);
    std::printf("anonymous memory              %.1f MB before, %.1f MB at most, %.1f MB open\n", before, peak,
                anonymousMegabytes());
}

}  // namespace

int main(int argc, char** argv) {
    QCoreApplication app(argc, argv);
    const int seconds = argc > 1 ? std::atoi(argv[1]) : 60;
    const int steps = argc > 2 ? std::atoi(argv[2]) : 1000000;
    const Home home;
    const auto machine = systemInfo();
    std::printf("machine                       %s, %d cores\n", machine.cpu.c_str(), machine.cores);
    pour(home, seconds, 2000);
    openLong(home, steps);
    return 0;
}
