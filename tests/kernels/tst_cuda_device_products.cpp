// The products on a device, where one is, through libtessera_cuda and the driver's own interface.
#include <dlfcn.h>

#include <QTest>
#include <stdexcept>

#include "emulated_warp.h"
#include "kernels/cuda/products.h"

using namespace tessera::kernels;
using namespace tessera::kernels::test;

namespace {

class Device {
  public:
    /// Why there is none; empty where there is one.
    QString open() {
        m_driver = dlopen("libcuda.so.1", RTLD_NOW);
        if (!m_driver) return "this machine has no libcuda.so.1";
        int devices = 0;
        if (call<int(unsigned)>(m_driver, "cuInit", 0u) ||
            call<int(int*)>(m_driver, "cuDeviceGetCount", &devices))
            return "the CUDA driver does not start";
        if (devices == 0) return "this machine has no CUDA device";
        const auto named = qEnvironmentVariable("TESSERA_CUDA_LIBRARY");
        const auto file = named.isEmpty() ? QString(TESSERA_BINARY_DIR "/lib/libtessera_cuda.so") : named;
        m_library = dlopen(file.toLocal8Bit().constData(), RTLD_NOW);
        if (!m_library) return "there is no " + file;
        void* context = nullptr;
        if (call<int(void**, int)>(m_driver, "cuDevicePrimaryCtxRetain", &context, 0) ||
            call<int(void*)>(m_driver, "cuCtxSetCurrent", context))
            return "the first CUDA device cannot be used";
        return {};
    }
    template <typename T>
    T* copy(const std::vector<T>& from) {
        auto* memory = room<T>(from.size());
        check(call<int(std::uint64_t, const void*, std::size_t)>(m_driver, "cuMemcpyHtoD_v2", address(memory),
                                                                 from.data(), from.size() * sizeof(T)));
        return memory;
    }
    template <typename T>
    T* room(std::size_t count) {
        std::uint64_t memory = 0;
        check(call<int(std::uint64_t*, std::size_t)>(m_driver, "cuMemAlloc_v2", &memory,
                                                     std::max<std::size_t>(16, count * sizeof(T))));
        m_memory.push_back(memory);
        return reinterpret_cast<T*>(memory);
    }
    std::vector<float> read(const float* from, std::size_t count) {
        std::vector<float> values(count);
        check(call<int()>(m_driver, "cuCtxSynchronize"));
        check(call<int(void*, std::uint64_t, std::size_t)>(m_driver, "cuMemcpyDtoH_v2", values.data(),
                                                           address(from), count * sizeof(float)));
        return values;
    }
    template <typename Function, typename... Arguments>
    void launch(const char* name, Arguments... arguments) {
        check(call<Function>(m_library, name, arguments...));
    }
    void releaseAll() {
        for (const auto memory : m_memory) call<int(std::uint64_t)>(m_driver, "cuMemFree_v2", memory);
        m_memory.clear();
    }

  private:
    template <typename Function, typename... Arguments>
    int call(void* library, const char* name, Arguments... arguments) {
        const auto function = reinterpret_cast<Function*>(dlsym(library, name));
        return function ? function(arguments...) : -1;
    }
    static std::uint64_t address(const void* memory) { return reinterpret_cast<std::uint64_t>(memory); }
    static void check(int error) {
        if (error != 0) throw std::runtime_error("a CUDA call failed with " + std::to_string(error));
    }

    void* m_driver = nullptr;
    void* m_library = nullptr;
    std::vector<std::uint64_t> m_memory;
};

}  // namespace

class TestCudaDeviceProducts : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() {
        if (const auto why = m_device.open(); !why.isEmpty()) QSKIP(qPrintable(why));
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
                    m_device.releaseAll();
                }
            }
    }

  private:
    std::vector<float> tileProduct(const GemvCase& from, const std::vector<std::uint16_t>& x,
                                   std::int64_t inputs, int parts) {
        const auto packed =
            cuda::packDeviceTiles(from.weights.data(), from.keep.data(), from.rows, from.cols);
        const cuda::TileMatrix matrix{from.rows, from.cols, m_device.copy(packed.tileRows),
                                      m_device.copy(packed.columns), m_device.copy(packed.words)};
        auto* words =
            m_device.room<std::uint32_t>(static_cast<std::size_t>(cuda::inputWords(inputs, from.cols)));
        const auto count = static_cast<std::size_t>(inputs * from.rows);
        auto* partial = m_device.room<float>(count * static_cast<std::size_t>(parts));
        auto* y = m_device.room<float>(count);
        m_device.launch<decltype(tesseraCudaTileInputs)>("tesseraCudaTileInputs", m_device.copy(x), inputs,
                                                         from.cols, words, nullptr);
        m_device.launch<decltype(tesseraCudaTileProduct)>("tesseraCudaTileProduct", &matrix, words, inputs,
                                                          parts, partial, y, nullptr);
        return m_device.read(y, count);
    }
    std::vector<float> bitmapProduct(const GemvCase& from, const std::vector<std::uint16_t>& x,
                                     std::int64_t inputs) {
        const auto packed =
            cuda::packDeviceBitmap(from.weights.data(), from.keep.data(), from.rows, from.cols);
        const cuda::BitmapMatrix matrix{from.rows, from.cols, m_device.copy(packed.masks),
                                        m_device.copy(packed.values), m_device.copy(packed.rowStarts)};
        const auto count = static_cast<std::size_t>(inputs * from.rows);
        auto* y = m_device.room<float>(count);
        m_device.launch<decltype(tesseraCudaBitmapProduct)>("tesseraCudaBitmapProduct", &matrix,
                                                            m_device.copy(x), inputs, y, nullptr);
        return m_device.read(y, count);
    }
    void check(const GemvCase& from, const std::vector<std::uint16_t>& x, std::int64_t inputs,
               const std::vector<float>& y) {
        for (std::int64_t n = 0; n < inputs; ++n)
            for (std::int64_t row = 0; row < from.rows; ++row) {
                double sum = 0, magnitude = 0;
                for (std::int64_t c = 0; c < from.cols; ++c) {
                    const double product =
                        double(widen(from.masked[static_cast<std::size_t>(row * from.cols + c)])) *
                        widen(x[static_cast<std::size_t>(n * from.cols + c)]);
                    sum += product;
                    magnitude += std::abs(product);
                }
                // Tensor cores may cut off where f32 rounds.
                QVERIFY(std::abs(y[static_cast<std::size_t>(n * from.rows + row)] - sum) <=
                        double(from.cols + 64) * 0x1p-23 * magnitude);
            }
    }

    Device m_device;
};

QTEST_APPLESS_MAIN(TestCudaDeviceProducts)
#include "tst_cuda_device_products.moc"
