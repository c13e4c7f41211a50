#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <QtEndian>
#include <map>

#include "kernels/cuda/library.h"

// Why there is no device to compute on, in words; and what libtessera_cuda holds where it was built.

using tessera::kernels::cuda::Library;
using tessera::kernels::cuda::MaskSteps;
using tessera::kernels::cuda::Products;

namespace {

Library stub(const char* machine) {
    qputenv("TESSERA_STUB_CUDA", machine);
    return Library({TESSERA_STUB_CUDA_LIBRARY});
}

/// How often each architecture's machine code is in a library: the entries of kind 2 of its fat binaries.
[[maybe_unused]] std::map<int, int> machineCodes(const QByteArray& library) {
    const auto at = [&](qsizetype place, auto number) {
        return place + qsizetype(sizeof number) <= library.size()
                   ? qFromLittleEndian<decltype(number)>(library.constData() + place)
                   : decltype(number)(0);
    };
    std::map<int, int> codes;
    const QByteArray magic = QByteArray::fromHex("50ed55ba");
    for (qsizetype i = library.indexOf(magic); i >= 0; i = library.indexOf(magic, i + 4)) {
        const auto header = at(i + 6, quint16());
        if (at(i + 4, quint16()) != 1 || header != 16) continue;
        const auto end = i + header + static_cast<qsizetype>(at(i + 8, quint64()));
        for (auto entry = i + header; entry + 64 <= end && end <= library.size();) {
            if (at(entry, quint16()) == 2) ++codes[static_cast<int>(at(entry + 28, quint32()))];
            entry += static_cast<qsizetype>(at(entry + 4, quint32()) + at(entry + 8, quint64()));
        }
    }
    return codes;
}

}  // namespace

class TestCudaLibrary : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void cleanup() { qunsetenv("TESSERA_STUB_CUDA"); }

    void everyReasonIsTold_data() {
        QTest::addColumn<QString>("why");
        QTest::addColumn<QString>("remedy");
        QTest::newRow("no driver") << "this machine has no NVIDIA driver"
                                   << "install";
        QTest::newRow("old driver") << "the NVIDIA driver runs CUDA 12.2, the library needs 13.0"
                                    << "update";
        QTest::newRow("no device") << "the NVIDIA driver sees no device"
                                   << "CUDA_VISIBLE_DEVICES";
        QTest::newRow("broken") << "the NVIDIA driver fails: the stub's error"
                                << "nvidia-smi";
        QTest::newRow("old device") << "Old has compute capability 7.5, Old has compute capability 7.5"
                                    << "8.0 or newer";
        QTest::newRow("other interface") << "has interface 2, this program needs 1"
                                         << "same sources";
    }
    void everyReasonIsTold() {
        QFETCH(QString, why);
        QFETCH(QString, remedy);
        const auto library = stub(QTest::currentDataTag());
        QVERIFY(!library.usable());
        QVERIFY(library.devices().empty());
        QVERIFY2(QString::fromStdString(library.why()).contains(why), library.why().c_str());
        QVERIFY2(QString::fromStdString(library.remedy()).contains(remedy), library.remedy().c_str());
    }

    void devicesAreCounted() {
        const auto library = stub("fine");
        QVERIFY2(library.usable(), library.why().c_str());
        // The first one is too old.
        QCOMPARE(library.devices().size(), std::size_t(1));
        const auto& device = library.devices().front();
        QCOMPARE(device.name, std::string("New"));
        QCOMPARE(device.number, 1);
        QCOMPARE(device.major, 9);
        QCOMPARE(device.memoryBytes, std::uint64_t(1) << 30);
        QVERIFY(!library.table<MaskSteps>("tesseraCudaMaskSteps"));
    }

    void filesThatAreNoLibrary() {
        const QTemporaryDir folder;
        const auto missing = folder.filePath("none.so").toStdString(),
                   text = folder.filePath("text.so").toStdString();
        QFile file(QString::fromStdString(text));
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write("no library") > 0);
        file.close();
        const Library none({missing, missing + "2"});
        QCOMPARE(none.why(), "there is no " + missing + " or " + missing + "2");
        QVERIFY(none.remedy().find("TESSERA_CUDA=ON") != std::string::npos);
        const Library broken({missing, text});
        QVERIFY2(broken.why().starts_with(text + " cannot be loaded: "), broken.why().c_str());
        // A library, but of something else.
        const Library other({"/proc/self/exe"});
        QVERIFY(!other.usable());
        QVERIFY(!other.table<MaskSteps>("tesseraCudaMaskSteps"));
    }

    /// What was built is loaded and is whole, whether or not there is a device.
    void builtLibraryIsWhole() {
#ifndef TESSERA_CUDA_LIBRARY_FILE
        QSKIP("libtessera_cuda was not built: no nvcc 12.8 or newer, or TESSERA_CUDA=OFF");
#else
        const Library library({TESSERA_CUDA_LIBRARY_FILE});
        QVERIFY2(library.usable() || library.why().find("NVIDIA driver") != std::string::npos ||
                     library.why().find("compute capability") != std::string::npos,
                 library.why().c_str());
        const auto* steps = library.table<MaskSteps>("tesseraCudaMaskSteps");
        QVERIFY(steps && steps->bernoulliForward && steps->patternBackwardAdam);
        const auto* products = library.table<Products>("tesseraCudaProducts");
        QVERIFY(products && products->tileInputs && products->tileProduct && products->bitmapProduct);
        // Every source for every architecture.
        QFile file(QStringLiteral(TESSERA_CUDA_LIBRARY_FILE));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const auto codes = machineCodes(file.readAll());
        for (const int architecture : {80, 86, 89, 90, 100, 120}) {
            QVERIFY2(codes.contains(architecture), qPrintable(QString("sm_%1").arg(architecture)));
            QCOMPARE(codes.at(architecture), TESSERA_CUDA_SOURCES);
        }
#endif
    }
};

QTEST_APPLESS_MAIN(TestCudaLibrary)
#include "tst_cuda_library.moc"
