// The products on a device, where one is, against f64.
#include <QTest>

#include "gemv_case.h"
#include "kernels/cuda/library.h"
#include "kernels/device_memory.h"

using namespace tessera::kernels;
using namespace tessera::kernels::test;
using tessera::test::DeviceMemory;

class TestCudaDeviceProducts : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() {
        const auto& library = cuda::Library::ofProcess();
        if (!library.usable()) QSKIP(qPrintable(QString::fromStdString(library.why())));
        m_runtime = &library.runtime();
        m_products = &library.products();
        QCOMPARE(m_runtime->useDevice(library.devices().front().number), 0);
        qInfo("%s", library.devices().front().name.c_str());
    }

    void matchF64() {
        for (const auto pattern : {Pattern::Whole, Pattern::Half, Pattern::TwoOfFour, Pattern::Tiles})
            for (const auto& [rows, cols] : {std::pair{1, 64}, {33, 128}, {333, 2112}}) {
                const GemvCase from(rows, cols, pattern);
                for (const std::int64_t inputs : {1, 3, 8, 16, 17, 32}) {
                    std::vector<std::uint16_t> x(static_cast<std::size_t>(inputs * cols));
                    for (std::size_t i = 0; i < x.size(); ++i)
                        x[i] = static_cast<std::uint16_t>(0x3f80 | (i * 37 & 0x807f));
                    check(from, x, inputs, tileProduct(from, x, inputs, 1));
                    const auto split = tileProduct(from, x, inputs, 3);
                    check(from, x, inputs, split);
                    // Same inputs, same bits.
                    QCOMPARE(tileProduct(from, x, inputs, 3), split);
                    if (inputs <= 8) check(from, x, inputs, bitmapProduct(from, x, inputs));
                }
            }
    }

  private:
    std::vector<float> tileProduct(const GemvCase& from, std::vector<std::uint16_t> x, std::int64_t inputs,
                                   int parts) const {
        auto packed = cuda::packDeviceTiles(from.weights.data(), from.keep.data(), from.rows, from.cols);
        std::vector<std::uint32_t> words(static_cast<std::size_t>(cuda::inputWords(inputs, from.cols)));
        std::vector<float> y(static_cast<std::size_t>(inputs * from.rows)),
            partial(y.size() * static_cast<std::size_t>(parts));
        DeviceMemory memory(*m_runtime);
        const cuda::TileMatrix matrix{from.rows, from.cols, memory.put(packed.tileRows),
                                      memory.put(packed.columns), memory.put(packed.words)};
        auto* arranged = memory.put(words);
        require(m_products->tileInputs(memory.put(x), inputs, from.cols, arranged, nullptr));
        require(m_products->tileProduct(matrix, arranged, inputs, parts, memory.put(partial), memory.put(y),
                                        nullptr));
        memory.fetch();
        return y;
    }
    std::vector<float> bitmapProduct(const GemvCase& from, std::vector<std::uint16_t> x,
                                     std::int64_t inputs) const {
        auto packed = cuda::packDeviceBitmap(from.weights.data(), from.keep.data(), from.rows, from.cols);
        std::vector<float> y(static_cast<std::size_t>(inputs * from.rows));
        DeviceMemory memory(*m_runtime);
        const cuda::BitmapMatrix matrix{from.rows, from.cols, memory.put(packed.masks),
                                        memory.put(packed.values), memory.put(packed.rowStarts)};
        require(m_products->bitmapProduct(matrix, memory.put(x), inputs, memory.put(y), nullptr));
        memory.fetch();
        return y;
    }
    void require(int code) const {
        if (code != 0) throw std::runtime_error(m_runtime->errorText(code));
    }
    static void check(const GemvCase& from, const std::vector<std::uint16_t>& x, std::int64_t inputs,
                      const std::vector<float>& y) {
        for (std::int64_t n = 0; n < inputs; ++n)
            for (std::int64_t row = 0; row < from.rows; ++row) {
                const auto [sum, magnitude] = from.expected(row, x.data() + n * from.cols);
                // Tensor cores may cut off where f32 rounds.
                QVERIFY(std::abs(y[static_cast<std::size_t>(n * from.rows + row)] - sum) <=
                        double(from.cols + 64) * 0x1p-23 * magnitude);
            }
    }

    const cuda::Runtime* m_runtime = nullptr;
    const cuda::Products* m_products = nullptr;
};

QTEST_APPLESS_MAIN(TestCudaDeviceProducts)
#include "tst_cuda_device_products.moc"
