#include "ui/shell/screenshot.h"

#include <QElapsedTimer>
#include <QPixmap>
#include <QTimer>
#include <memory>
#include <utility>

#include "ui/client/run_record.h"
#include "ui/shell/main_window.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace {

constexpr int kLookMs = 50;
constexpr int kQuietLooks =
    8;  ///< so many looks in a row must find it settled: a page may go on to read more
constexpr int kMostMs = 120'000;

bool settled(const MainWindow& window) {
    const RunRecord* run = window.workspace().current();
    return window.pageWidget()->settled() && (!run || run->caughtUp() || !run->problem().isEmpty());
}

}  // namespace

void takeScreenshot(MainWindow& window, const QString& file, std::function<void(const QString&)> done) {
    auto* timer = new QTimer(&window);
    QElapsedTimer since;
    since.start();
    auto quiet = std::make_shared<int>(0);
    QObject::connect(
        timer, &QTimer::timeout, &window, [&window, file, done = std::move(done), timer, since, quiet] {
            *quiet = settled(window) ? *quiet + 1 : 0;
            const bool late = since.elapsed() > kMostMs;
            if (*quiet < kQuietLooks && !late) return;
            timer->stop();
            timer->deleteLater();
            if (late) {
                done(QObject::tr("The page '%1' was not ready after %2 s; no picture was written.")
                         .arg(pageName(window.page()))
                         .arg(kMostMs / 1000));
                return;
            }
            const QPixmap picture = window.grab();
            done(picture.save(file, "PNG")
                     ? QString()
                     : QObject::tr("The picture could not be written to %1.").arg(file));
        });
    timer->start(kLookMs);
}

}  // namespace tessera::ui
