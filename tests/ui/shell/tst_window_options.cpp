#include <QTest>

#include "ui/shell/window_options.h"

using namespace tessera::ui;

class TestWindowOptions : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void everyOption() {
        const auto result =
            parseWindowOptions({"--runs", "/r", "--open", "/r/a", "--page=inspect", "--theme", "dark",
                                "--size", "1280x800", "--screenshot", "a.png", "--safe-mode"});
        QCOMPARE(result.problem, QString());
        QCOMPARE(result.text, QString());
        const WindowOptions& o = result.options;
        QCOMPARE(o.runs, std::filesystem::path("/r"));
        QCOMPARE(o.open, std::filesystem::path("/r/a"));
        QVERIFY(o.page == PageId::Inspect);
        QVERIFY(o.theme == ThemeMode::Dark);
        QVERIFY(o.size == QSize(1280, 800));
        QCOMPARE(o.screenshot, QStringLiteral("a.png"));
        QVERIFY(o.safeMode);
        QVERIFY(!o.remembers());
    }

    void nothingIsTheUsual() {
        const auto result = parseWindowOptions({});
        QCOMPARE(result.problem, QString());
        QVERIFY(!result.options.page && !result.options.theme && !result.options.size);
        QVERIFY(result.options.remembers());
        QVERIFY(!parseWindowOptions({"--screenshot", "a.png"}).options.remembers());
    }

    void everyPageHasAName() {
        for (const char* name : {"home", "run", "inspect", "compare", "playground", "benchmark"}) {
            const auto result = parseWindowOptions({"--page", name});
            QVERIFY(result.options.page);
            QCOMPARE(pageName(*result.options.page), QLatin1String(name));
        }
    }

    void helpAndVersion() {
        for (const char* name :
             {"--runs", "--open", "--page", "--theme", "--size", "--screenshot", "--safe-mode"})
            QVERIFY(parseWindowOptions({"--help"}).text.contains(QLatin1String(name)));
        QVERIFY(parseWindowOptions({"--version"}).text.contains(QLatin1String(TESSERA_VERSION)));
    }

    void wrongOnesGetASentence_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("names");
        QTest::newRow("unknown") << QStringList{"--colour", "red"} << "--colour";
        QTest::newRow("a bare word") << QStringList{"run"} << "run";
        QTest::newRow("no value") << QStringList{"--open"} << "--open";
        QTest::newRow("empty value") << QStringList{"--open="} << "--open";
        QTest::newRow("page") << QStringList{"--page", "nowhere"} << "playground";
        QTest::newRow("theme") << QStringList{"--theme", "blue"} << "system";
        QTest::newRow("size without x") << QStringList{"--size", "1280"} << "1280";
        QTest::newRow("size of nothing") << QStringList{"--size", "0x0"} << "0x0";
        QTest::newRow("size beyond all screens") << QStringList{"--size", "99999x800"} << "99999x800";
        QTest::newRow("negative size") << QStringList{"--size", "-5x800"} << "-5x800";
        QTest::newRow("not a picture") << QStringList{"--screenshot", "a.txt"} << "a.txt";
    }
    void wrongOnesGetASentence() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, names);
        const QString problem = parseWindowOptions(arguments).problem;
        QVERIFY2(problem.contains(names), qPrintable(problem));
        QVERIFY(problem.endsWith(QLatin1Char('.')));
    }
};

QTEST_GUILESS_MAIN(TestWindowOptions)
#include "tst_window_options.moc"
