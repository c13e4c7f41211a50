// What `tessera-cli devices` tells of a machine, and what a run on a device that cannot be had is told: with
// a stand-in for libtessera_cuda, so that every machine can be had.
#include "outcome.h"
#include "support/support.h"

using namespace tessera;
using namespace tessera::test;

class DevicesTest : public QObject {
    Q_OBJECT

    Outcome run(const QStringList& arguments, const QString& machine,
                const QString& library = TESSERA_BINARY_DIR "/tests/libstub_cuda_library.so") {
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert("TESSERA_RESOURCES", TESSERA_SOURCE_DIR "/resources");
        environment.insert("TESSERA_CUDA_LIBRARY", library);
        environment.insert("TESSERA_STUB_CUDA", machine);
        QProcess process;
        process.setProcessEnvironment(environment);
        process.start(TESSERA_BINARY_DIR "/bin/tessera-cli", arguments);
        return outcomeOf(process);
    }

  private Q_SLOTS:
    void devicesAreTold() {
        const auto found = run({"devices", "--json"}, "fine");
        QCOMPARE(found.status, 0);
        const auto json = Json::parse(found.output.toStdString());
        QVERIFY(json.at("cpu").at("cores").get<int>() >= 1);
        const auto& cuda = json.at("cuda");
        QCOMPARE(cuda.at("devices").size(), std::size_t(1));
        QCOMPARE(cuda.at("devices")[0].at("name").get<std::string>(), std::string("New"));
        QCOMPARE(cuda.at("devices")[0].at("capability").get<std::string>(), std::string("9.0"));
        QVERIFY(cuda.at("why").is_null() && cuda.at("remedy").is_null());
        const auto lines = run({"devices"}, "fine").output;
        QVERIFY2(lines.contains("cuda 1  New, compute capability 9.0, 1.1 GB"), lines.constData());
    }

    void whyThereAreNone() {
        const auto json = Json::parse(run({"devices", "--json"}, "no driver").output.toStdString());
        QVERIFY(json.at("cuda").at("devices").empty());
        QCOMPARE(json.at("cuda").at("why").get<std::string>(),
                 std::string("this machine has no NVIDIA driver"));
        const auto lines = run({"devices"}, "", "/no/such.so").output;
        QVERIFY2(lines.contains("none: there is no /no/such.so"), lines.constData());
    }

    void runsAreRefusedWithTheReason_data() {
        QTest::addColumn<QString>("device");
        QTest::addColumn<QString>("machine");
        QTest::addColumn<QStringList>("parts");
        QTest::newRow("no device of that name")
            << "tpu"
            << "fine" << QStringList{"\"tpu\" is no device", "choose cpu"};
        QTest::newRow("no driver") << "cuda"
                                   << "no driver"
                                   << QStringList{"this machine has no NVIDIA driver", "leave --device out"};
        QTest::newRow("no device") << "cuda"
                                   << "no device" << QStringList{"sees no device", "nvidia-smi"};
        QTest::newRow("a device") << "cuda"
                                  << "fine" << QStringList{"on the cpu alone", "New"};
    }
    void runsAreRefusedWithTheReason() {
        QFETCH(QString, device);
        QFETCH(QString, machine);
        QFETCH(QStringList, parts);
        const Scratch scratch;
        const auto out = QString::fromStdString((scratch / "run").string());
        for (const char* command : {"run", "preflight"})
            checkSentence(run({command, "--model", "starter", "--method", "magnitude", "--sparsity", "0.5",
                               "--device", device, "--out", out},
                              machine),
                          1, parts);
        QVERIFY(!fs::exists(scratch / "run"));
    }
};

QTEST_GUILESS_MAIN(DevicesTest)
#include "tst_devices.moc"
