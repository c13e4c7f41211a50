// The engine as a child of the window: what it says arrives, whatever it says, and its end is told.
#include <signal.h>

#include <QSignalSpy>
#include <QTest>

#include "client_support.h"
#include "ui/client/sentences.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;
namespace fs = std::filesystem;

namespace {

/// $TESSERA_CLI is a shell script while this lives.
class FakeEngine {
  public:
    FakeEngine(const fs::path& path, const std::string& script) : m_before(qgetenv("TESSERA_CLI")) {
        std::ofstream(path) << "#!/bin/bash\n" << script;
        fs::permissions(path, fs::perms::owner_all);
        qputenv("TESSERA_CLI", path.c_str());
    }
    ~FakeEngine() { qputenv("TESSERA_CLI", m_before); }

  private:
    QByteArray m_before;
};

}  // namespace

class EngineClientTest : public QObject {
    Q_OBJECT

    Home m_home;

  private Q_SLOTS:
    void noProgram() {
        const auto before = qgetenv("TESSERA_CLI");
        for (const auto& program : {m_home / "no-such-program", m_home / "runs"}) {
            qputenv("TESSERA_CLI", program.c_str());
            EngineClient client;
            QSignalSpy unavailable(&client, &EngineClient::unavailable);
            client.send({{"command", "start"}});
            QCOMPARE(unavailable.size(), 1);
            QVERIFY2(unavailable[0][0].toString().contains("missing"),
                     qPrintable(unavailable[0][0].toString()));
            QVERIFY(!client.alive() && !client.busy());
            CliCall call({"models"});
            QSignalSpy failed(&call, &CliCall::failed);
            call.start();
            QVERIFY(failed.wait());
            QVERIFY(failed[0][0].toString().contains("missing"));
        }
        qputenv("TESSERA_CLI", before);
    }

    void garbageAmongEventsIsPassedOver() {
        const FakeEngine fake(m_home / "garbage", R"(
            printf 'hello\n\n{"type":"log","text":"one"}\n'
            head -c 30000000 /dev/zero | tr '\0' 'x'
            printf '\n{"no type":1}\n[1]\n\xff\xfe\n{"type":"log","text":"two"}\n'
            read line; echo '{"type":"log","text":"three"}'; read line)");
        EngineClient client;
        QStringList texts;
        connect(&client, &EngineClient::event, this,
                [&](const Event& event) { texts << textAt(event.json, "text"); });
        QSignalSpy drained(&client, &EngineClient::drained);
        client.send({{"command", "anything"}});
        QTRY_COMPARE_WITH_TIMEOUT(texts, QStringList({"one", "two", "three"}), 30000);
        QVERIFY(drained.size() >= 1);
        QVERIFY(client.alive());
    }

    void theEndIsToldAfterTheLastWord_data() {
        QTest::addColumn<QString>("script");
        QTest::addColumn<QString>("says");
        QTest::newRow("killed") << "kill -9 $$"
                                << "signal 9";
        QTest::newRow("failed") << "echo 'tessera-cli: the roof is down' >&2; exit 3"
                                << "The roof is down.";
        QTest::newRow("left") << "exit 0"
                              << "ended";
    }
    void theEndIsToldAfterTheLastWord() {
        QFETCH(QString, script);
        QFETCH(QString, says);
        const FakeEngine fake(m_home / "ending",
                              "for i in $(seq 2000); do echo '{\"type\":\"log\",\"text\":\"'$i'\"}'; done\n" +
                                  script.toStdString());
        EngineClient client;
        int events = 0, eventsAtEnd = -1;
        QString sentence;
        connect(&client, &EngineClient::event, this, [&] { ++events; });
        connect(&client, &EngineClient::gone, this, [&](const QString& said) {
            eventsAtEnd = events;
            sentence = said;
        });
        client.send({{"command", "start"}});
        QVERIFY(client.busy());
        QTRY_VERIFY_WITH_TIMEOUT(!sentence.isEmpty(), 20000);
        QCOMPARE(eventsAtEnd, 2000);
        QVERIFY2(sentence.contains(says), qPrintable(sentence));
        QVERIFY(!client.alive() && !client.busy());
        client.send({{"command", "start"}});  // and again
        QVERIFY(client.alive());
    }

    void aProgramThatCannotBeStarted() {
        const FakeEngine fake(m_home / "binary", "");
        std::ofstream(m_home / "binary") << "\x7f"
                                            "ELF nonsense";
        EngineClient client;
        QSignalSpy unavailable(&client, &EngineClient::unavailable), gone(&client, &EngineClient::gone);
        client.send({{"command", "start"}});
        QTRY_VERIFY(unavailable.size() + gone.size() == 1);
        QVERIFY(!client.busy());
    }

    void busyFromStartToIdle() {
        const FakeEngine fake(m_home / "busy", R"(
            echo '{"type":"state","state":"idle","version":"1"}'
            while read line; do
                case "$line" in
                *bad*) echo '{"type":"error","code":"invalid_input","command":"start"}';;
                *generate*) echo '{"type":"error","code":"locked","command":"generate"}';;
                *end*) echo '{"type":"state","state":"idle"}';;
                esac
                echo '{"type":"log"}'
            done)");
        EngineClient client;
        QSignalSpy events(&client, &EngineClient::event);
        const auto sendAndHear = [&](const Json& command) {
            const auto before = events.size();
            client.send(command);
            QTRY_VERIFY(events.size() > before && events.last()[0].value<Event>().type == "log");
        };
        sendAndHear({{"command", "start"}});
        QVERIFY(client.busy());  // the first idle only says that it is there
        sendAndHear({{"command", "generate"}});
        QVERIFY(client.busy());  // refused, the run goes on
        sendAndHear({{"command", "end"}});
        QVERIFY(!client.busy());
        sendAndHear({{"command", "start"}, {"spec", "bad"}});
        QVERIFY(!client.busy());
    }

    void theWholeProtocol() {
        NEEDS_ENGINE();
        EngineClient client;
        QStringList states;
        std::vector<double> steps;
        Json result;
        connect(&client, &EngineClient::event, this, [&](const Event& event) {
            if (event.type == "state") states << textAt(event.json, "state");
            if (const auto row = stepRow(event.json)) steps.push_back(row->step);
            if (event.type == "result") result = event.json;
        });
        client.send({{"command", "start"}, {"spec", smallSpec(6, (m_home / "protocol").string())}});
        QTRY_VERIFY_WITH_TIMEOUT(!client.busy(), 300000);
        QCOMPARE(states, QStringList({"idle", "running", "finished", "idle"}));
        QCOMPARE(steps, (std::vector<double>{1, 2, 3, 4, 5, 6}));
        QCOMPARE(result["steps"].get<int>(), 6);
        QVERIFY(client.alive());
    }

    void callsAnswerOrFail() {
        NEEDS_ENGINE();
        CliCall models({"models"});
        Json document;
        connect(&models, &CliCall::done, this, [&](const Json& json) { document = json; });
        models.start();
        QTRY_VERIFY_WITH_TIMEOUT(document.is_object(), 60000);
        QCOMPARE(document["models"][0]["name"].get<std::string>(), std::string("starter"));

        CliCall wrong({"info", "/no/such/model"});
        QSignalSpy failed(&wrong, &CliCall::failed), done(&wrong, &CliCall::done);
        wrong.start();
        QVERIFY(failed.wait(60000));
        const auto sentence = failed[0][0].toString();
        QVERIFY2(sentence.contains("/no/such/model") && sentence.contains("What to do") &&
                     sentence.endsWith('.') && !sentence.startsWith("tessera-cli"),
                 qPrintable(sentence));
        QCOMPARE(done.size(), 0);
    }

    void progressIsToldInNumbers() {
        NEEDS_ENGINE();
        CliCall call(
            {"eval", "starter", "--text", TESSERA_SOURCE_DIR "/LICENSE", "--window", "64", "--windows", "4"});
        QSignalSpy progress(&call, &CliCall::progress), done(&call, &CliCall::done);
        call.start();
        QVERIFY(done.wait(120000));
        QVERIFY(!progress.isEmpty());
        QCOMPARE(progress.last()[1].toDouble(), 4.0);
        QCOMPARE(progress.last()[2].toDouble(), 4.0);
        QVERIFY2(progress.last()[0].toString().contains("window 4 of 4"),
                 qPrintable(progress.last()[0].toString()));
    }

    void aCancelledCallEndsWithoutAWord() {
        NEEDS_ENGINE();
        CliCall call({"eval", "starter", "--window", "128"});
        QSignalSpy progress(&call, &CliCall::progress), failed(&call, &CliCall::failed),
            done(&call, &CliCall::done);
        call.start();
        QVERIFY(progress.wait(120000));
        call.cancel();
        QVERIFY(failed.wait(60000));
        QCOMPARE(failed[0][0].toString(), QString());
        QVERIFY(!call.running());
        QCOMPARE(done.size(), 0);
    }

    void answersThatAreNone() {
        const FakeEngine fake(m_home / "answers", R"(
            case "$1" in
            text) echo 'no JSON';;
            silent) exit 4;;
            noise) echo '{"type":"progress","text":"half","done":1,"total":2}' >&2
                   echo 'a warning' >&2; echo '{}';;
            deaf) trap '' INT; echo '{"type":"progress"}' >&2; sleep 60 & wait; sleep 60;;
            esac)");
        const auto call = [&](const char* verb) {
            CliCall cli({verb});
            QString said = "?";
            connect(&cli, &CliCall::failed, this, [&](const QString& sentence) { said = sentence; });
            connect(&cli, &CliCall::done, this, [&] { said = "done"; });
            cli.start();
            QElapsedTimer timer;
            timer.start();
            while (said == "?" && timer.elapsed() < 20000) QTest::qWait(10);
            return said;
        };
        QVERIFY2(call("text").contains("cannot be read"), qPrintable(call("text")));
        QVERIFY2(call("silent").contains("status 4"), qPrintable(call("silent")));
        QCOMPARE(call("noise"), QString("done"));

        // One that does not listen to an interrupt is killed in the end.
        CliCall deaf({"deaf"});
        QSignalSpy progress(&deaf, &CliCall::progress), failed(&deaf, &CliCall::failed);
        deaf.start();
        QVERIFY(progress.wait());
        deaf.cancel();
        QVERIFY(failed.wait(20000));
        QCOMPARE(failed[0][0].toString(), QString());
    }
};

QTEST_GUILESS_MAIN(EngineClientTest)
#include "tst_engine_client.moc"
