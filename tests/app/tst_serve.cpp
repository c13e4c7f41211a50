// The window's engine as a real child: commands in, events out.
#include <QElapsedTimer>
#include <QTest>

#include "child.h"
#include "core/session/run_directory.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;
namespace fs = std::filesystem;

namespace {

Json startCommand(const fs::path& out, int steps) {
    return {{"command", "start"},
            {"spec",
             {{"model", "starter"},
              {"method", "leap"},
              {"sparsity", 0.6},
              {"text", {TESSERA_SOURCE_DIR "/LICENSE"}},
              {"steps", steps},
              {"threads", 2},
              {"out", out.string()},
              {"set",
               {{"context", 64},
                {"batch", 2},
                {"calibration_windows", 4},
                {"calibration_context", 64},
                {"eval_windows", 2},
                {"eval_window", 64}}}}}};
}

/// Whether a step arrives within `ms`.
bool stepsArrive(Child& child, int ms) {
    QElapsedTimer timer;
    timer.start();
    while (timer.elapsed() < ms) {
        const auto event = child.next(ms);
        if (!event.is_null() && event["type"] == "step") return true;
    }
    return false;
}

Json awaitLearning(Child& child) {
    for (;;) {
        const auto event = child.await("step");
        if (event.is_null() || event.value("unit", "") == "step") return event;
    }
}

}  // namespace

class ServeTest : public QObject {
    Q_OBJECT

    Scratch m_scratch;

  private Q_SLOTS:
    void pauseHoldsAndResumeGoesOn() {
        const auto out = m_scratch / "paused";
        Child child({"serve"}, m_scratch / "home");
        QVERIFY(!child.await("state", "idle").is_null());
        child.send(startCommand(out, 60));
        QVERIFY(!awaitLearning(child).is_null());
        child.send({{"command", "pause"}});
        QVERIFY(!child.await("state", "paused").is_null());
        QVERIFY2(!stepsArrive(child, 1500), "a paused run steps on");
        QCOMPARE(QString::fromStdString(RunDirectory::open(out).status()), QString("paused"));
        child.send({{"command", "resume"}});
        QVERIFY(!child.await("state", "running").is_null());
        const auto result = child.await("result");
        QVERIFY(!result.is_null());
        QCOMPARE(result.at("steps").get<int>(), 60);
        QVERIFY(!child.await("state", "idle").is_null());
        QCOMPARE(QString::fromStdString(RunDirectory::open(out).status()), QString("finished"));

        // Same run without the pause: the same masks.
        child.send(startCommand(m_scratch / "unpaused", 60));
        QVERIFY(!child.await("result").is_null());
        child.send({{"command", "shutdown"}});
        QCOMPARE(child.wait(), 0);
        QVERIFY(bytesOf(out / "masks.npz") == bytesOf(m_scratch / "unpaused/masks.npz"));
    }

    void stopKeepsACheckpointThatGoesOn() {
        const auto out = m_scratch / "stopped";
        Child child({"serve"}, m_scratch / "home");
        child.send(startCommand(out, 60));
        QVERIFY(!awaitLearning(child).is_null());
        child.send({{"command", "stop"}});
        const auto checkpoint = child.await("checkpoint");
        QVERIFY(!checkpoint.is_null());
        QVERIFY(checkpoint.at("step").get<int>() < 60);
        QVERIFY(!child.await("state", "stopped").is_null());
        QVERIFY(!child.await("state", "idle").is_null());
        QCOMPARE(QString::fromStdString(RunDirectory::open(out).status()), QString("stopped"));
        QVERIFY(!fs::exists(out / "masks.npz"));
        child.send({{"command", "start"}, {"run", out.string()}});
        const auto resumed = child.await("resumed");
        QVERIFY(!resumed.is_null());
        QCOMPARE(resumed["step"].get<int>(), checkpoint["step"].get<int>());
        QVERIFY(!child.await("result").is_null());
        QVERIFY(bytesOf(out / "masks.npz") == bytesOf(m_scratch / "unpaused/masks.npz"));
    }

    /// Stopped before there is anything to keep, it stops at once all the same.
    void stopWhilePaused() {
        const auto out = m_scratch / "pausedThenStopped";
        Child child({"serve"}, m_scratch / "home");
        child.send(startCommand(out, 60));
        QVERIFY(!awaitLearning(child).is_null());
        child.send({{"command", "pause"}});
        QVERIFY(!child.await("state", "paused").is_null());
        child.send({{"command", "stop"}});
        QVERIFY(!child.await("state", "stopped").is_null());
    }

    void theEndOfTheInputKeepsACheckpoint() {
        const auto out = m_scratch / "abandoned";
        Child child({"serve"}, m_scratch / "home");
        child.send(startCommand(out, 4000));
        QVERIFY(!awaitLearning(child).is_null());
        child.process().closeWriteChannel();
        QCOMPARE(child.wait(), 0);
        QVERIFY(!fs::is_empty(out / "checkpoints"));
        QCOMPARE(QString::fromStdString(RunDirectory::open(out).status()), QString("stopped"));
    }

    void wrongCommandsAreErrorsThatHarmNothing_data() {
        QTest::addColumn<QByteArray>("line");
        QTest::addColumn<QString>("says");
        QTest::newRow("no JSON") << QByteArray("{start") << "command";
        QTest::newRow("a number") << QByteArray("5") << "no command";
        QTest::newRow("unknown") << QByteArray(R"({"command":"dance"})") << "dance";
        QTest::newRow("no spec") << QByteArray(R"({"command":"start"})") << "spec";
        QTest::newRow("a sparsity of 1.7")
            << QByteArray(R"({"command":"start","spec":{"model":"starter","method":"leap","sparsity":1.7}})")
            << "sparsity";
        QTest::newRow("an unknown key")
            << QByteArray(R"({"command":"start","spec":{"model":"starter","method":"leap","colour":1}})")
            << "colour";
        QTest::newRow("no such run") << QByteArray(R"({"command":"start","run":"/no/such"})") << "/no/such";
        QTest::newRow("nothing to stop") << QByteArray(R"({"command":"stop"})") << "stop";
        QTest::newRow("deep") << QByteArray(100000, '[') << "command";
    }
    void wrongCommandsAreErrorsThatHarmNothing() {
        QFETCH(QByteArray, line);
        QFETCH(QString, says);
        Child child({"serve"}, m_scratch / "home");
        QVERIFY(!child.await("state", "idle").is_null());
        child.process().write(line + "\n");
        child.process().waitForBytesWritten();
        const auto error = child.await("error");
        QVERIFY(!error.is_null());
        QVERIFY2(QString::fromStdString(error.dump()).contains(says), error.dump().c_str());
        // What went wrong on the engine's own thread is over with its idle.
        if (says == "/no/such") QVERIFY(!child.await("state", "idle").is_null());
        child.send({{"command", "generate"}, {"model", "starter"}, {"prompt", "The"}, {"tokens", 4}});
        QVERIFY(!child.await("generated").is_null());
        child.send({{"command", "shutdown"}});
        QCOMPARE(child.wait(), 0);
    }

    void oneThingAtATime() {
        const auto out = m_scratch / "busy";
        Child child({"serve"}, m_scratch / "home");
        child.send(startCommand(out, 4000));
        QVERIFY(!awaitLearning(child).is_null());
        child.send(startCommand(m_scratch / "second", 10));
        QVERIFY(child.await("error").dump().find("busy") != std::string::npos);
        QVERIFY(!fs::exists(m_scratch / "second"));
        // Another engine is told who owns the run.
        Child other({"resume", QString::fromStdString(out.string())}, m_scratch / "home");
        QCOMPARE(other.wait(), 1);
        const auto said = other.errors();
        QVERIFY2(said.find(std::to_string(child.process().processId())) != std::string::npos, said.c_str());
    }

    /// At a high temperature most of what comes are fragments of characters.
    void tokensAreWholeCharactersAndAddUpToTheText() {
        Child child({"serve"}, m_scratch / "home");
        const Json command{{"command", "generate"}, {"model", "starter"}, {"prompt", "The user"},
                           {"tokens", 120},         {"seed", 5},          {"temperature", 50},
                           {"ignore_eos", true}};
        const auto generate = [&](Json* document) {
            child.send(command);
            std::string text;
            Json ids = Json::array(), phases = Json::array();
            for (;;) {
                const auto event = child.next();
                if (event.is_null() || event["type"] == "error") return Json();
                if (event["type"] == "phase") phases.push_back(event["phase"]);
                if (event["type"] == "token") {
                    text += event["text"].get<std::string>();
                    if (event.contains("id")) ids.push_back(event["id"]);
                }
                if (event["type"] == "generated") *document = event;
                if (event["type"] == "state" && event["state"] == "idle" && !document->is_null())
                    return Json{{"text", text}, {"ids", ids}, {"phases", phases}};
            }
        };
        Json document, again;
        const auto first = generate(&document);
        QVERIFY(!first.is_null());
        QCOMPARE(first["ids"].size(), std::size_t(120));
        QVERIFY(first["ids"] == document["ids"]);
        QCOMPARE(first["text"].get<std::string>(), document["text"].get<std::string>());
        QCOMPARE(first["phases"].dump(), std::string(R"(["load","prompt","decode"])"));
        // The model is still there, and the seed decides.
        const auto second = generate(&again);
        QVERIFY(second["text"] == first["text"] && second["ids"] == first["ids"]);
        QCOMPARE(second["phases"].dump(), std::string(R"(["prompt","decode"])"));
    }

    void aTextIsStoppedAmidThePrompt() {
        Child child({"serve"}, m_scratch / "home");
        QVERIFY(!child.await("state", "idle").is_null());
        std::string prompt;
        for (int i = 0; i < 40; ++i) prompt += "The user can ";
        child.send({{"command", "generate"}, {"model", "starter"}, {"prompt", prompt}, {"tokens", 100}});
        QVERIFY(!child.await("phase").is_null());
        child.send({{"command", "stop"}});
        QVERIFY(!child.await("state", "stopped").is_null());
        QVERIFY(!child.await("state", "idle").is_null());
        // It takes the next text.
        child.send({{"command", "generate"}, {"model", "starter"}, {"prompt", "The"}, {"tokens", 3}});
        QCOMPARE(child.await("generated")["ids"].size(), std::size_t(3));
    }

    /// Two models stay, a third one takes the place of the one used longest ago.
    void twoModelsStayPacked() {
        Child child({"serve"}, m_scratch / "home");
        const auto loads = [&](const std::string& model) {
            child.send({{"command", "generate"}, {"model", model}, {"prompt", "The"}, {"tokens", 1}});
            int count = 0;
            for (;;) {
                const auto event = child.next();
                if (event.is_null() || event["type"] == "error") return -1;
                count += event["type"] == "phase" && event["phase"] == "load";
                if (event["type"] == "generated") break;
            }
            return child.await("state", "idle").is_null() ? -1 : count;
        };
        const auto paused = (m_scratch / "paused").string(), unpaused = (m_scratch / "unpaused").string();
        QVERIFY(fs::exists(m_scratch / "unpaused/masks.npz"));
        QVERIFY(!child.await("state", "idle").is_null());
        QCOMPARE(loads("starter"), 1);
        QCOMPARE(loads(paused), 1);
        QCOMPARE(loads("starter"), 0);
        QCOMPARE(loads(unpaused), 1);
        QCOMPARE(loads("starter"), 0);
        QCOMPARE(loads(paused), 1);
    }
};

QTEST_GUILESS_MAIN(ServeTest)
#include "tst_serve.moc"
