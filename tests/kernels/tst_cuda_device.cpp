#include <QTest>

#include "kernels/cuda_cases.h"
#include "kernels/cuda_host.h"
#include "kernels/device_memory.h"

// The mask steps on a device against the same bodies on the host: equal to the bit, sums too.

using namespace tessera::kernels;
using namespace tessera::test;

namespace {

const cuda::MaskSteps& kHost = cuda::StepsOf<HostLauncher<>>::kTable;

QString notTheSame(const Outcome& a, const Outcome& b) {
    return difference(a, b, 0, 0);
}

}  // namespace

class TestCudaDevice : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() {
        const auto& library = cuda::Library::ofProcess();
        if (!library.usable()) QSKIP(qPrintable(QString::fromStdString(library.why())));
        m_runtime = &library.runtime();
        m_steps = &library.maskSteps();
        QCOMPARE(m_runtime->useDevice(library.devices().front().number), 0);
        qInfo("%s", library.devices().front().name.c_str());
    }

    void bernoulli() {
        for (const std::int64_t count : {1, 63, 64, 65, 4097, 100'003})
            for (const bool hard : {false, true}) {
                const Inputs in(count);
                auto gate = kCudaGate;
                gate.hard = hard;
                QCOMPARE(notTheSame(bernoulliOutcome(*m_steps, DeviceMemory(*m_runtime), in, gate),
                                    bernoulliOutcome(kHost, HostMemory(), in, gate)),
                         QString());
            }
    }

    void tiles() {
        for (const auto& geometry :
             {TileGeometry{50, 44, 16, 12}, {7, 5, 1, 1}, {300, 200, 256, 200}, {512, 384, 128, 128}})
            QCOMPARE(notTheSame(tileOutcome(*m_steps, DeviceMemory(*m_runtime), geometry, kCudaGate),
                                tileOutcome(kHost, HostMemory(), geometry, kCudaGate)),
                     QString());
    }

    void patterns() {
        for (const auto& [keep, group] : {std::pair{2, 4}, {1, 4}, {4, 8}, {1, 64}})
            for (const std::int64_t groups : {1, 65, 1103}) {
                const PatternGeometry geometry{groups, keep, group};
                QCOMPARE(
                    notTheSame(patternOutcome(*m_steps, DeviceMemory(*m_runtime), geometry, {}, kCudaGate),
                               patternOutcome(kHost, HostMemory(), geometry, {}, kCudaGate)),
                    QString());
            }
        const PatternGeometry geometry{50 * 11, 2, 4};
        const TileGeometry tiles{50, 44, 16, 12};
        QCOMPARE(notTheSame(patternOutcome(*m_steps, DeviceMemory(*m_runtime), geometry, tiles, kCudaGate),
                            patternOutcome(kHost, HostMemory(), geometry, tiles, kCudaGate)),
                 QString());
    }

    /// The same call twice: the same bits.
    void twiceTheSame() {
        const Inputs in(1'000'003);
        QCOMPARE(notTheSame(bernoulliOutcome(*m_steps, DeviceMemory(*m_runtime), in, kCudaGate),
                            bernoulliOutcome(*m_steps, DeviceMemory(*m_runtime), in, kCudaGate)),
                 QString());
    }

  private:
    const cuda::Runtime* m_runtime = nullptr;
    const cuda::MaskSteps* m_steps = nullptr;
};

QTEST_APPLESS_MAIN(TestCudaDevice)
#include "tst_cuda_device.moc"
