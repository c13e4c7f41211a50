#include <QImage>
#include <QProcess>
#include <QTest>
#include <fstream>

#include "core/base/file_io.h"
#include "ui/client/client_support.h"
#include "ui/shell/sample_run.h"

using namespace tessera;

/// The program itself, as people and scripts call it.
class TestWindowProgram : public QObject {
    Q_OBJECT

    struct Outcome {
        int code = -1;
        QString out, error;
    };
    static Outcome tessera(const QStringList& arguments, const QStringList& unset = {}) {
        QProcess process;
        auto environment = QProcessEnvironment::systemEnvironment();
        for (const QString& name : unset) environment.remove(name);
        process.setProcessEnvironment(environment);
        process.start(QStringLiteral(TESSERA_BINARY_DIR "/bin/tessera"), arguments);
        if (!process.waitForFinished(180000)) return {};
        Outcome outcome;
        outcome.code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
        outcome.out = QString::fromUtf8(process.readAllStandardOutput());
        outcome.error = QString::fromUtf8(process.readAllStandardError());
        return outcome;
    }

  private Q_SLOTS:
    void wrongOptionsEndWithTwo() {
        const Outcome outcome = tessera({"--page", "attic"});
        QCOMPARE(outcome.code, 2);
        QVERIFY2(outcome.error.contains(QLatin1String("There is no page 'attic'")),
                 qPrintable(outcome.error));
        QCOMPARE(outcome.error.count(QLatin1Char('\n')), 1);
    }

    void withoutADisplayItSaysSo() {
        const Outcome outcome = tessera({}, {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"});
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.error.contains(QLatin1String("no display")), qPrintable(outcome.error));
    }

    void picturesOfEveryPage_data() {
        QTest::addColumn<QString>("page");
        for (const char* page : {"home", "run", "inspect", "compare", "playground", "benchmark"})
            QTest::newRow(page) << page;
    }
    void picturesOfEveryPage() {
        QFETCH(QString, page);
        const test::Home home;
        test::writeSampleRun(home.runs() / "a", test::SampleEnd::Finished);
        const QString file = QString::fromStdString((home / "picture.png").string());
        // Without a display, as packaging/screenshots.sh may find itself.
        const Outcome outcome = tessera({"--runs", QString::fromStdString(home.runs().string()), "--open",
                                         QString::fromStdString((home.runs() / "a").string()), "--page", page,
                                         "--theme", "dark", "--size", "1024x700", "--screenshot", file},
                                        {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"});
        QVERIFY2(outcome.code == 0, qPrintable(outcome.error));
        const QImage picture(file);
        QCOMPARE(picture.size(), QSize(1024, 700));
        // Something is on it: the page is not one colour.
        QSet<QRgb> colours;
        for (int y = 60; y < 640; y += 3)
            for (int x = 110; x < 1010; x += 3) colours.insert(picture.pixel(x, y));
        QVERIFY(colours.size() > 8);
    }

    /// New runs must go where the window lists them.
    void theEngineKeepsItsRunsWhereTheWindowLooks() {
        const test::Home home;
        const auto engine = home / "engine", asked = home / "asked", runs = home / "other runs";
        std::ofstream(engine) << "#!/bin/sh\nprintf '%s' \"$TESSERA_RUNS\" >'" << asked.string()
                              << "'\necho '{}'\n";
        std::filesystem::permissions(engine, std::filesystem::perms::owner_all);
        const auto before = qgetenv("TESSERA_CLI");
        qputenv("TESSERA_CLI", engine.c_str());
        // The form asks what its run would need.
        const Outcome outcome =
            tessera({"--safe-mode", "--runs", QString::fromStdString(runs.string()), "--page", "run",
                     "--screenshot", QString::fromStdString((home / "picture.png").string())},
                    {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"});
        qputenv("TESSERA_CLI", before);
        QVERIFY2(outcome.code == 0, qPrintable(outcome.error));
        QCOMPARE(readFile(asked), runs.string());
    }

    void picturesThatCannotBeWrittenAreSaid() {
        const test::Home home;
        const Outcome outcome = tessera(
            {"--runs", QString::fromStdString(home.runs().string()), "--screenshot", "/nowhere/at/all.png"},
            {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"});
        QCOMPARE(outcome.code, 1);
        QVERIFY2(outcome.error.contains(QLatin1String("/nowhere/at/all.png")), qPrintable(outcome.error));
    }
};

QTEST_GUILESS_MAIN(TestWindowProgram)
#include "tst_window_program.moc"
