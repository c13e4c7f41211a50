// What the run page costs the window's thread: prints figures, asserts nothing.
#include <time.h>
#include <QApplication>
#include <QFile>
#include <QTest>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "ui/client/run_record.h"
#include "ui/run/run_charts.h"
#include "ui/widgets/curve_plot.h"
#include "ui/widgets/qcustomplot.h"
#include "ui/workspace/actions.h"

using namespace tessera;
using namespace tessera::ui;

namespace {

struct Milliseconds {
    std::vector<double> all;
    void add(qint64 nanoseconds) { all.push_back(static_cast<double>(nanoseconds) / 1e6); }
    double at(double share) {
        std::sort(all.begin(), all.end());
        return all[std::min(all.size() - 1,
                            static_cast<std::size_t>(share * static_cast<double>(all.size())))];
    }
    void print(const char* what) {
        std::printf("%-58s median %7.2f ms, 95 %% %7.2f ms\n", what, at(0.5), at(0.95));
    }
};

/// Of this thread alone: other work on the machine does not count.
qint64 threadNanoseconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

struct Work {
    qint64 from = threadNanoseconds();
    qint64 nanoseconds() const { return threadNanoseconds() - from; }
};

double residentMegabytes() {
    QFile file(QStringLiteral("/proc/self/status"));
    if (!file.open(QIODevice::ReadOnly)) return 0;
    for (const auto& line : file.readAll().split('\n'))
        if (line.startsWith("RssAnon:")) return line.simplified().split(' ')[1].toDouble() / 1024;
    return 0;
}

std::vector<double> noise(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal(3, 0.3);
    std::vector<double> values(count);
    for (auto& value : values) value = normal(generator);
    return values;
}

/// A replot now, as the timer does it, and the picture's way to the screen.
qint64 drawOnce(CurvePlot& plot) {
    const Work work;
    plot.canvas()->replot(QCustomPlot::rpImmediateRefresh);
    return work.nanoseconds();
}

/// Two charts of three noisy series each, smoothed, that grow while they are drawn.
void twoCharts(std::size_t points, double zoom, double smoothing) {
    CurvePlot plot;
    plot.resize(1200, 600);
    std::vector<double> x;
    std::vector<std::vector<double>> y(6);
    for (int panel = 0; panel < 2; ++panel) {
        plot.addPanel({QStringLiteral("Loss"), {}, 1, {}, {}, {}});
        for (int i = 0; i < 3; ++i) {
            CurveStyle style;
            style.name = QString::number(3 * panel + i);
            style.kind = CurveKind::Noisy;
            style.colour = [i](const ThemeTokens& t) { return t.runs[static_cast<std::size_t>(i)]; };
            plot.addCurve(panel, style);
        }
    }
    for (std::size_t i = 0; i < points; ++i) x.push_back(static_cast<double>(i));
    for (int i = 0; i < 6; ++i) {
        y[static_cast<std::size_t>(i)] = noise(points, static_cast<unsigned>(i));
        plot.setSource(i, [&x, &y, i] { return CurvePoints{x, y[static_cast<std::size_t>(i)]}; });
    }
    plot.setSmoothing(smoothing);
    plot.show();
    QTest::qWait(300);
    if (zoom < 1) plot.setXRange(0, zoom * static_cast<double>(points));
    QTest::qWait(300);
    Milliseconds frame, refresh, crosshair;
    const auto more = noise(600, 99);
    for (std::size_t round = 0; round < 60; ++round) {
        for (std::size_t k = 0; k < 10; ++k) {
            x.push_back(static_cast<double>(x.size()));
            for (auto& series : y) series.push_back(more[(round * 10 + k) % more.size()]);
        }
        const Work taking;
        plot.refresh();
        refresh.add(taking.nanoseconds());
        frame.add(drawOnce(plot));
        const Work moving;
        plot.setCrosshair(static_cast<double>(round) * static_cast<double>(points) * zoom / 60);
        crosshair.add(moving.nanoseconds());
    }
    std::printf("2 charts x 3 noisy series x %zu points, %g of them seen, at scale %g\n", points, zoom,
                plot.devicePixelRatioF());
    refresh.print("  taking in ten new points of each");
    frame.print("  drawing all of it");
    crosshair.print("  moving the crosshair");
}

void wholePage(int steps) {
    const double before = residentMegabytes();
    Actions actions;
    RunRecord record;
    record.begin({{"model", "starter"}, {"method", "leap"}, {"sparsity", 0.7}, {"steps", steps}});
    const auto losses = noise(4096, 5);
    const auto say = [&](int step) {
        record.apply({"step",
                      {{"type", "step"},
                       {"unit", "step"},
                       {"step", step},
                       {"steps", steps},
                       {"loss", losses[static_cast<std::size_t>(step) % losses.size()]},
                       {"ce", losses[static_cast<std::size_t>(step) % losses.size()]},
                       {"kl", 0.3},
                       {"density", 0.3 + 0.2 * std::exp(-step / 1e4)},
                       {"tau", 2.0 * (1 - double(step) / steps)},
                       {"tokens", step * 2048},
                       {"seconds", 0.4}}});
    };
    RunCharts charts(actions);
    charts.resize(900, 600);
    charts.setRecord(&record);
    charts.show();
    for (int step = 1; step <= steps - 6000; ++step) say(step);
    record.flush();
    charts.refresh();
    QTest::qWait(500);
    Milliseconds frame, refresh;
    for (int round = 0, step = steps - 6000; round < 90; ++round) {
        for (int k = 0; k < 66; ++k) say(++step);  // 2000 a second, drained every 33 ms
        record.flush();
        const Work taking;
        charts.refresh();
        refresh.add(taking.nanoseconds());
        frame.add(drawOnce(charts.plot()));
    }
    std::printf("the run page's charts with %d steps; %.0f MB of memory for all of it\n", steps,
                residentMegabytes() - before);
    refresh.print("  taking in 66 new steps");
    frame.print("  drawing all of it");
}

}  // namespace

int main(int argc, char** argv) {
    QApplication app(argc, argv);
    Theme::instance().setMode(ThemeMode::Light);
    twoCharts(100000, 1, 0);
    twoCharts(100000, 1, 100);
    twoCharts(100000, 0.02, 100);
    twoCharts(1000000, 1, 100);
    wholePage(100000);
    wholePage(1000000);
    return 0;
}
