#include <QApplication>
#include <QProcess>
#include <QPushButton>
#include <QSettings>
#include <QTest>
#include <memory>

#include "ui/client/client_support.h"
#include "ui/shell/layout_check.h"
#include "ui/shell/main_window.h"
#include "ui/shell/sample_run.h"
#include "ui/theme/theme.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::ui;

/// Walks over all pages, in both themes, small and large, with and without a run, and looks at every widget.
/// The scale of 2 is that of a process of its own, because Qt takes it once.
class TestLayoutWalk : public QObject {
    Q_OBJECT

    std::unique_ptr<test::Home> m_home;

    static void settle(MainWindow& window) {
        QTRY_VERIFY_WITH_TIMEOUT(window.pageWidget()->settled(), 60000);
        QTest::qWait(60);
    }

  private Q_SLOTS:
    void init() {
        m_home = std::make_unique<test::Home>();
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                           QString::fromStdString((*m_home / "settings").string()));
    }

    void theCheckerSeesWhatIsWrong() {
        QWidget window;
        window.resize(300, 200);
        auto* cut = new QLabel(QStringLiteral("a text that needs more room than this"), &window);
        cut->setGeometry(10, 10, 40, 20);
        auto* over = new QPushButton(QStringLiteral("OK"), &window);
        over->setGeometry(30, 15, 100, 40);
        auto* outside = new QLineEdit(&window);
        outside->setGeometry(200, 180, 150, 40);
        auto* wrapped = new QLabel(QStringLiteral("several words that do not fit into one line"), &window);
        wrapped->setWordWrap(true);
        wrapped->setGeometry(10, 80, 60, 18);
        window.show();
        QCOMPARE(test::overlaps(&window).size(), 1);
        QCOMPARE(test::clippings(&window).size(), 3);
        QCOMPARE(test::nameless(&window).size(), 1);
        cut->setGeometry(10, 10, 280, 20);
        over->setGeometry(10, 35, 100, 40);
        outside->setGeometry(150, 40, 140, 40);
        outside->setAccessibleName(QStringLiteral("Name"));
        wrapped->setGeometry(10, 80, 280, 60);
        QCOMPARE(test::overlaps(&window) + test::clippings(&window) + test::nameless(&window), QStringList());
    }

    void everyPage_data() {
        QTest::addColumn<QSize>("size");
        QTest::addColumn<bool>("dark");
        QTest::addColumn<bool>("withRun");
        for (const QSize& size : {QSize(640, 480), QSize(1024, 680), QSize(1280, 800), QSize(1920, 1080)})
            for (const bool dark : {false, true})
                for (const bool run : {false, true})
                    QTest::addRow("%dx%d %s %s", size.width(), size.height(), dark ? "dark" : "light",
                                  run ? "with a run" : "empty")
                        << size << dark << run;
    }
    void everyPage() {
        QFETCH(QSize, size);
        QFETCH(bool, dark);
        QFETCH(bool, withRun);
        WindowOptions options;
        options.runs = m_home->runs();
        options.size = size;
        options.theme = dark ? ThemeMode::Dark : ThemeMode::Light;
        options.safeMode = true;
        if (withRun) {
            test::writeSampleRun(m_home->runs() / "finished-run", test::SampleEnd::Finished);
            test::writeSampleRun(m_home->runs() / "interrupted-run", test::SampleEnd::Interrupted);
            options.open = m_home->runs() / "finished-run";
        }
        MainWindow window(options);
        window.show();
        QVERIFY(QTest::qWaitForWindowExposed(&window));
        QStringList wrong;
        for (int i = 0; i < kPages; ++i) {
            window.showPage(PageId(i));
            settle(window);
            QCOMPARE(window.size(), size);
            QStringList here;
            // A layout that is still under way is not what anybody sees.
            for (int look = 0; look < 5; ++look) {
                here = test::overlaps(&window) + test::clippings(&window) + test::nameless(&window);
                if (here.isEmpty()) break;
                QTest::qWait(100);
            }
            for (const QString& each : std::as_const(here))
                if (!wrong.contains(each)) wrong << each;
        }
        // QtTest shortens long messages: one line each.
        for (const QString& each : std::as_const(wrong)) qWarning("%s", qPrintable(each));
        QCOMPARE(wrong.size(), 0);
    }

    void everyPageAtTwiceTheScale() {
        if (qApp->devicePixelRatio() > 1.5) QSKIP("this is the walk at twice the scale");
        QProcess again;
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("QT_SCALE_FACTOR"), QStringLiteral("2"));
        again.setProcessEnvironment(environment);
        again.setProcessChannelMode(QProcess::MergedChannels);
        again.start(QCoreApplication::applicationFilePath(), {QStringLiteral("everyPage")});
        QVERIFY(again.waitForFinished(600000));
        QVERIFY2(again.exitStatus() == QProcess::NormalExit && again.exitCode() == 0,
                 again.readAll().constData());
    }
};

QTEST_MAIN(TestLayoutWalk)
#include "tst_layout_walk.moc"
