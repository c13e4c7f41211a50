// What a first look at each page, and a change of theme once every page is made, cost the window's thread:
// prints figures, asserts nothing.
#include <time.h>
#include <QApplication>
#include <QElapsedTimer>
#include <QSettings>
#include <QTest>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "ui/client/client_support.h"
#include "ui/shell/main_window.h"
#include "ui/shell/sample_run.h"
#include "ui/theme/theme.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::ui;

namespace {

double threadMilliseconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    const test::Home home;
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                       QString::fromStdString((home / "settings").string()));
    WindowOptions options;
    options.runs = home.runs();
    options.size = QSize(1280, 800);
    options.theme = ThemeMode::Light;
    options.safeMode = true;
    test::writeSampleRun(home.runs() / "finished-run", test::SampleEnd::Finished);
    options.open = home.runs() / "finished-run";
    MainWindow window(options);
    window.show();
    for (int i = 0; i < kPages; ++i) {
        const double from = threadMilliseconds();
        window.showPage(PageId(i));
        const double made = threadMilliseconds();
        QApplication::processEvents();
        std::printf("%-12s made and shown %7.1f ms, drawn after it %7.1f ms\n",
                    qPrintable(pageName(PageId(i))), made - from, threadMilliseconds() - made);
        QTest::qWait(700);
    }
    std::printf("%lld widgets\n", static_cast<long long>(QApplication::allWidgets().size()));
    for (int page = 0; page < kPages; ++page) {
        window.showPage(PageId(page));
        QTest::qWait(300);
        std::vector<double> first, longest;
        for (int turn = 0; turn < 6; ++turn) {
            const double from = threadMilliseconds();
            Theme::instance().setMode(turn % 2 == 0 ? ThemeMode::Dark : ThemeMode::Light);
            first.push_back(threadMilliseconds() - from);
            // The turns of the event loop behind it, the drawing among them.
            double worst = 0;
            QElapsedTimer quiet;
            quiet.start();
            while (quiet.elapsed() < 300) {
                const double before = threadMilliseconds();
                QApplication::processEvents();
                worst = std::max(worst, threadMilliseconds() - before);
            }
            longest.push_back(worst);
        }
        for (auto* each : {&first, &longest}) std::sort(each->begin(), each->end());
        std::printf("%-12s switch %7.1f ms (worst %7.1f), longest turn after it %7.1f ms (worst %7.1f)\n",
                    qPrintable(pageName(PageId(page))), first[3], first.back(), longest[3], longest.back());
        std::fflush(stdout);
    }
}
