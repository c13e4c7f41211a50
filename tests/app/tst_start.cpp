// tessera-cli without its engine: it decodes, and says what is missing for everything else.
#include <QtTest>

#include "app/child.h"
#include "app/outcome.h"
#include "support/support.h"

using namespace tessera;
namespace fs = std::filesystem;

class TestStart : public QObject {
    Q_OBJECT

    test::Scratch m_scratch;
    fs::path m_alone = m_scratch / "tessera-cli";

    test::Outcome run(const fs::path& program, const QStringList& arguments) const {
        test::Child child(arguments, m_scratch / "home", {}, program);
        return test::outcomeOf(child.process());
    }

  private Q_SLOTS:
    void initTestCase() { fs::copy_file(TESSERA_BINARY_DIR "/bin/tessera-cli", m_alone); }

    void decodesAlone() {
        const QStringList arguments{"generate", "starter",  "--prompt",  "The", "--tokens",
                                    "8",        "--greedy", "--threads", "1",   "--json"};
        const auto alone = run(m_alone, arguments);
        QVERIFY2(alone.status == 0, qPrintable(alone.errors.join('\n')));
        const auto engine = run(TESSERA_BINARY_DIR "/bin/tessera-engine", arguments);
        QCOMPARE(engine.status, 0);
        const auto idsOf = [](const QByteArray& output) {
            return Json::parse(output.toStdString()).at("ids").get<std::vector<int>>();
        };
        QCOMPARE(idsOf(alone.output).size(), std::size_t(8));
        QCOMPARE(idsOf(alone.output), idsOf(engine.output));
    }

    void startsWithoutLibTorch() {
        const auto listed = run("/usr/bin/ldd", {QString::fromStdString(m_alone.string())});
        QVERIFY(listed.output.contains("libc.so"));
        QVERIFY(!listed.output.contains("libtorch"));
    }

    void saysThatTheEngineIsMissing() {
        for (const auto& arguments :
             {QStringList{"options", "--json"}, QStringList{}, QStringList{"--help"}}) {
            const auto outcome = run(m_alone, arguments);
            QCOMPARE(outcome.status, 1);
            QCOMPARE(outcome.errors.size(), 1);
            QVERIFY(outcome.errors[0].contains("the engine cannot be started: No such file"));
            QVERIFY(outcome.errors[0].contains("packaging/build.sh"));
            QVERIFY(outcome.output.isEmpty());
        }
    }

    void becomesTheEngineBesideIt() {
        const auto outcome = run(TESSERA_BINARY_DIR "/bin/tessera-cli", {"options", "--json"});
        QCOMPARE(outcome.status, 0);
        QVERIFY(Json::parse(outcome.output.toStdString()).is_object());
        // What is wrong with a command is said in the same words on both ways.
        QCOMPARE(run(TESSERA_BINARY_DIR "/bin/tessera-cli", {"generate"}).status,
                 run(TESSERA_BINARY_DIR "/bin/tessera-engine", {"generate"}).status);
    }
};

QTEST_GUILESS_MAIN(TestStart)
#include "tst_start.moc"
