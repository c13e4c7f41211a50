// Speed of the device's products beside cuBLAS (packaging/bench-gpu.sh): first their results against f64,
// then LLaMA-2-7B's matrices one by one, then its linear layers in order. Weights are random, masks too.
//   bench_gpu OUT.json
// Ends with 77 where no device is, 1 where a result is wrong or a call fails.

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/products.h"

namespace {

using namespace tessera::kernels::cuda;

void check(int error, const char* what) {
    if (error == 0) return;
    std::fprintf(stderr, "%s failed: %s\n", what, cudaGetErrorString(static_cast<cudaError_t>(error)));
    std::exit(1);
}
void checkBlas(cublasStatus_t status) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    std::fprintf(stderr, "cuBLAS failed: %s\n", cublasGetStatusString(status));
    std::exit(1);
}

/// Memory of the device, with what was copied into it.
class Memory {
  public:
    explicit Memory(std::size_t bytes) : m_bytes(bytes) {
        check(cudaMalloc(&m_data, std::max<std::size_t>(bytes, 16)), "cudaMalloc");
    }
    template <typename T>
    explicit Memory(const std::vector<T>& from) : Memory(from.size() * sizeof(T)) {
        check(cudaMemcpy(m_data, from.data(), m_bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    Memory(const Memory& from) : Memory(from.m_bytes) {
        check(cudaMemcpy(m_data, from.m_data, m_bytes, cudaMemcpyDeviceToDevice), "cudaMemcpy");
    }
    Memory& operator=(const Memory&) = delete;
    ~Memory() { cudaFree(m_data); }
    template <typename T>
    T* as() const {
        return static_cast<T*>(m_data);
    }
    std::size_t bytes() const { return m_bytes; }

  private:
    void* m_data = nullptr;
    std::size_t m_bytes;
};

enum class Form { Cublas, Dense, TwoOfFour, Hybrid25, Hybrid35, Hybrid45, Bitmap50, Bitmap60 };
constexpr Form kForms[] = {Form::Cublas,   Form::Dense,    Form::TwoOfFour, Form::Hybrid25,
                           Form::Hybrid35, Form::Hybrid45, Form::Bitmap50,  Form::Bitmap60};
constexpr const char* kNames[] = {"cuBLAS",      "dense",       "2:4",         "hybrid 25 %",
                                  "hybrid 35 %", "hybrid 45 %", "bitmap 50 %", "bitmap 60 %"};
const char* nameOf(Form form) {
    return kNames[static_cast<int>(form)];
}
bool isBitmap(Form form) {
    return form >= Form::Bitmap50;
}

struct Host {
    std::int64_t rows, cols;
    std::vector<std::uint16_t> weights;  ///< bf16, small and never 0
    std::vector<std::uint8_t> keep;

    Host(Form form, std::int64_t rows, std::int64_t cols)
        : rows(rows),
          cols(cols),
          weights(static_cast<std::size_t>(rows * cols)),
          keep((weights.size() + 7) / 8) {
        std::mt19937 random(static_cast<unsigned>(rows + 3 * cols));
        for (auto& weight : weights) {
            const auto bits = random();
            weight = static_cast<std::uint16_t>(0x3c00 | (bits & 0x80ff));  // 2^-7 to 2^-5, either sign
        }
        const unsigned sparseTiles = form == Form::TwoOfFour  ? 100
                                     : form == Form::Hybrid25 ? 50
                                     : form == Form::Hybrid35 ? 70
                                     : form == Form::Hybrid45 ? 90
                                                              : 0;
        // Tiles of 128 x 128, as PATCH learns them.
        const auto across = (cols + 127) / 128;
        std::vector<char> sparse(static_cast<std::size_t>(across * ((rows + 127) / 128)));
        for (auto& tile : sparse) tile = random() % 100 < sparseTiles;
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t col = 0; col < cols; col += 4) {
                unsigned four = 15;
                if (isBitmap(form)) {
                    for (int i = 0; i < 4; ++i)
                        if (random() % 100 < (form == Form::Bitmap50 ? 50u : 60u)) four &= ~(1u << i);
                } else if (sparse[static_cast<std::size_t>(row / 128 * across + col / 128)]) {
                    const unsigned first = random() % 4, second = (first + 1 + random() % 3) % 4;
                    four = 1u << first | 1u << second;
                }
                for (std::int64_t c = col; c < std::min(cols, col + 4); ++c)
                    if (four >> (c - col) & 1) {
                        const auto i = static_cast<std::size_t>(row * cols + c);
                        keep[i / 8] |= static_cast<std::uint8_t>(0x80 >> (i % 8));
                    }
            }
    }
    double at(std::size_t i) const {
        if (!(keep[i / 8] >> (7 - i % 8) & 1)) return 0;
        const std::uint32_t bits = std::uint32_t(weights[i]) << 16;
        float value;
        std::memcpy(&value, &bits, 4);
        return value;
    }
};

/// One matrix on the device, in one form.
struct Matrix {
    Form form;
    std::int64_t rows, cols;
    std::vector<Memory> parts;

    Matrix(Form form, const Host& host) : form(form), rows(host.rows), cols(host.cols) {
        parts.reserve(3);
        if (form == Form::Cublas) {
            parts.emplace_back(host.weights);
        } else if (isBitmap(form)) {
            const auto packed = packDeviceBitmap(host.weights.data(), host.keep.data(), rows, cols);
            parts.emplace_back(packed.masks);
            parts.emplace_back(packed.values);
            parts.emplace_back(packed.rowStarts);
        } else {
            const auto packed = packDeviceTiles(host.weights.data(), host.keep.data(), rows, cols);
            parts.emplace_back(packed.tileRows);
            parts.emplace_back(packed.columns);
            parts.emplace_back(packed.words);
        }
    }
    std::size_t bytes() const {
        std::size_t sum = 0;
        for (const auto& part : parts) sum += part.bytes();
        return sum;
    }
};

/// Inputs and room for results.
struct Bench {
    cudaStream_t stream;
    cublasHandle_t blas;
    Memory workspace{64 << 20};
    int processors = 0;

    Bench() {
        check(cudaStreamCreate(&stream), "cudaStreamCreate");
        checkBlas(cublasCreate(&blas));
        checkBlas(cublasSetStream(blas, stream));
        // Its own: none is allocated while a graph is recorded.
        checkBlas(cublasSetWorkspace(blas, workspace.as<void>(), workspace.bytes()));
        check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0),
              "cudaDeviceGetAttribute");
    }

    int partsFor(std::int64_t rows) const {
        const auto blocks = (heightTiles(rows) + 3) / 4;
        return static_cast<int>(std::clamp<std::int64_t>(8 * processors / blocks, 1, 16));
    }
    /// Queues y = x W^T with what it needs beforehand.
    void product(const Matrix& matrix, const Memory& x, std::int64_t inputs, const Memory& words,
                 const Memory& partial, const Memory& y) const {
        const auto* part = matrix.parts.data();
        if (matrix.form == Form::Cublas) {
            const float one = 1, zero = 0;
            const auto rows = static_cast<int>(matrix.rows), cols = static_cast<int>(matrix.cols);
            checkBlas(cublasGemmEx(blas, CUBLAS_OP_T, CUBLAS_OP_N, rows, static_cast<int>(inputs), cols, &one,
                                   part->as<void>(), CUDA_R_16BF, cols, x.as<void>(), CUDA_R_16BF, cols,
                                   &zero, y.as<void>(), CUDA_R_32F, rows, CUBLAS_COMPUTE_32F,
                                   CUBLAS_GEMM_DEFAULT));
        } else if (isBitmap(matrix.form)) {
            const BitmapMatrix bitmap{matrix.rows, matrix.cols, part[0].as<std::uint64_t>(),
                                      part[1].as<std::uint16_t>(), part[2].as<std::uint64_t>()};
            for (std::int64_t n = 0; n < inputs; n += 8)
                check(tesseraCudaProducts()->bitmapProduct(bitmap, x.as<std::uint16_t>() + n * matrix.cols,
                                                           std::min<std::int64_t>(8, inputs - n),
                                                           y.as<float>() + n * matrix.rows, stream),
                      "the bitmap's product");
        } else {
            const TileMatrix tiles{matrix.rows, matrix.cols, part[0].as<TileRow>(),
                                   part[1].as<std::uint32_t>(), part[2].as<std::uint32_t>()};
            check(tesseraCudaProducts()->tileInputs(x.as<std::uint16_t>(), inputs, matrix.cols,
                                                    words.as<std::uint32_t>(), stream),
                  "arranging the inputs");
            check(tesseraCudaProducts()->tileProduct(tiles, words.as<std::uint32_t>(), inputs,
                                                     partsFor(matrix.rows), partial.as<float>(),
                                                     y.as<float>(), stream),
                  "the tiles' product");
        }
    }
    double seconds(const std::function<void()>& work) const {
        cudaEvent_t begin, end;
        check(cudaEventCreate(&begin), "cudaEventCreate");
        check(cudaEventCreate(&end), "cudaEventCreate");
        check(cudaEventRecord(begin, stream), "cudaEventRecord");
        work();
        check(cudaEventRecord(end, stream), "cudaEventRecord");
        check(cudaEventSynchronize(end), "cudaEventSynchronize");
        float milliseconds = 0;
        check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
        cudaEventDestroy(begin);
        cudaEventDestroy(end);
        return milliseconds / 1000;
    }
};

struct Room {
    Memory x, words, partial, y;
    Room(std::int64_t inputs, std::int64_t rows, std::int64_t cols)
        : x(inputsOf(inputs, cols)),
          words(static_cast<std::size_t>(inputWords(inputs, cols)) * 4),
          partial(static_cast<std::size_t>(16 * inputs * rows) * 4),
          y(static_cast<std::size_t>(inputs * rows) * 4) {}
    /// 1 to 2, bf16.
    static std::vector<std::uint16_t> inputsOf(std::int64_t inputs, std::int64_t cols) {
        std::vector<std::uint16_t> x(static_cast<std::size_t>(inputs * cols));
        std::mt19937 random(7);
        for (auto& value : x) value = static_cast<std::uint16_t>(0x3f80 | (random() & 0x7f));
        return x;
    }
};

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
}

/// Columns are a multiple of 64 where bitmaps are tried: x is not padded here.
bool isRight(const Bench& bench, Form form, std::int64_t rows, std::int64_t cols, std::int64_t inputs) {
    Host host(form, rows, cols);
    if (form == Form::Cublas) std::fill(host.keep.begin(), host.keep.end(), std::uint8_t(0xff));
    const Matrix matrix(form, host);
    const Room room(inputs, rows, cols);
    bench.product(matrix, room.x, inputs, room.words, room.partial, room.y);
    std::vector<float> y(static_cast<std::size_t>(inputs * rows));
    check(cudaStreamSynchronize(bench.stream), "cudaStreamSynchronize");
    check(cudaMemcpy(y.data(), room.y.as<void>(), y.size() * 4, cudaMemcpyDeviceToHost), "cudaMemcpy");
    const auto x = Room::inputsOf(inputs, cols);
    for (std::int64_t n = 0; n < inputs; ++n)
        for (std::int64_t row = 0; row < rows; ++row) {
            double sum = 0, magnitude = 0;
            for (std::int64_t c = 0; c < cols; ++c) {
                const std::uint32_t bits = std::uint32_t(x[static_cast<std::size_t>(n * cols + c)]) << 16;
                float value;
                std::memcpy(&value, &bits, 4);
                const double product = host.at(static_cast<std::size_t>(row * cols + c)) * value;
                sum += product;
                magnitude += std::abs(product);
            }
            // Tensor cores may cut off where f32 rounds.
            if (!(std::abs(y[static_cast<std::size_t>(n * rows + row)] - sum) <=
                  double(cols + 64) * 0x1p-23 * magnitude)) {
                std::fprintf(stderr, "%s, %lldx%lld, %lld inputs: y[%lld, %lld] is %g instead of %g\n",
                             nameOf(form), static_cast<long long>(rows), static_cast<long long>(cols),
                             static_cast<long long>(inputs), static_cast<long long>(n),
                             static_cast<long long>(row), y[static_cast<std::size_t>(n * rows + row)], sum);
                return false;
            }
        }
    return true;
}

struct Shape {
    std::int64_t rows, cols;
};

void benchShape(const Bench& bench, Shape shape, double peak, std::FILE* json, bool& first) {
    constexpr std::size_t kWorkingSet = std::size_t(512) << 20;  // beyond every cache
    std::vector<std::vector<Matrix>> sets;
    for (const auto form : kForms) {
        const Matrix one(form, Host(form, shape.rows, shape.cols));
        sets.emplace_back(std::max<std::size_t>(2, kWorkingSet / one.bytes() + 1), one);
    }
    for (const std::int64_t inputs : {1, 16}) {
        const Room room(inputs, shape.rows, shape.cols);
        std::vector<std::vector<double>> times(sets.size());
        for (int round = 0; round < 22; ++round)
            for (std::size_t f = 0; f < sets.size(); ++f) {
                const auto time = bench.seconds([&] {
                    for (const auto& matrix : sets[f])
                        bench.product(matrix, room.x, inputs, room.words, room.partial, room.y);
                });
                if (round > 0) times[f].push_back(time / static_cast<double>(sets[f].size()));
            }
        for (std::size_t f = 0; f < sets.size(); ++f) {
            std::vector<double> toCublas, toDense;
            for (std::size_t i = 0; i < times[f].size(); ++i) {
                toCublas.push_back(times[0][i] / times[f][i]);
                toDense.push_back(times[1][i] / times[f][i]);
            }
            const double time = median(times[f]), rate = double(sets[f][0].bytes()) / time / 1e9;
            const double limit = double(sets[0][0].bytes()) / double(sets[f][0].bytes());
            std::printf(
                "%5lldx%-5lld  %2lld  %-11s  %8.1f us  %6.0f GB/s  %3.0f %%  %5.2fx cuBLAS  %5.2fx dense"
                "  limit %4.2fx\n",
                static_cast<long long>(shape.rows), static_cast<long long>(shape.cols),
                static_cast<long long>(inputs), nameOf(sets[f][0].form), time * 1e6, rate, 100 * rate / peak,
                median(toCublas), median(toDense), limit);
            std::fprintf(
                json,
                "%s\n    {\"rows\": %lld, \"cols\": %lld, \"inputs\": %lld, \"form\": \"%s\", "
                "\"seconds\": %.9g, \"gb_per_second\": %.6g, \"to_cublas\": %.6g, \"to_dense\": %.6g, "
                "\"limit\": %.6g}",
                first ? "" : ",", static_cast<long long>(shape.rows), static_cast<long long>(shape.cols),
                static_cast<long long>(inputs), nameOf(sets[f][0].form), time, rate, median(toCublas),
                median(toDense), limit);
            first = false;
        }
    }
}

/// Seconds of 128 steps through 32 layers of seven matrices at batch 16; 0 where memory does not suffice.
double decoderSeconds(const Bench& bench, Form form) {
    const Matrix square(form, Host(form, 4096, 4096)), up(form, Host(form, 11008, 4096)),
        down(form, Host(form, 4096, 11008));
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    if (32 * (4 * square.bytes() + 2 * up.bytes() + down.bytes()) + (std::size_t(256) << 20) > free) return 0;
    std::vector<Matrix> matrices;
    matrices.reserve(32 * 7);
    for (int layer = 0; layer < 32; ++layer)
        for (const auto* matrix : {&square, &square, &square, &square, &up, &up, &down})
            matrices.push_back(*matrix);
    const Room room(16, 11008, 11008);
    const auto step = [&] {
        for (const auto& matrix : matrices)
            bench.product(matrix, room.x, 16, room.words, room.partial, room.y);
    };
    step();
    check(cudaStreamSynchronize(bench.stream), "cudaStreamSynchronize");
    cudaGraph_t graph;
    cudaGraphExec_t ready;
    check(cudaStreamBeginCapture(bench.stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    step();
    check(cudaStreamEndCapture(bench.stream, &graph), "cudaStreamEndCapture");
    check(cudaGraphInstantiate(&ready, graph, 0), "cudaGraphInstantiate");
    std::vector<double> times;
    for (int round = 0; round < 4; ++round) {
        const auto time = bench.seconds([&] {
            for (int token = 0; token < 128; ++token)
                check(cudaGraphLaunch(ready, bench.stream), "cudaGraphLaunch");
        });
        if (round > 0) times.push_back(time);
    }
    cudaGraphExecDestroy(ready);
    cudaGraphDestroy(graph);
    return median(times);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: bench_gpu OUT.json\n");
        return 2;
    }
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) return 77;
    cudaDeviceProp card;
    check(cudaGetDeviceProperties(&card, 0), "cudaGetDeviceProperties");
    int clock = 0, width = 0;
    check(cudaDeviceGetAttribute(&clock, cudaDevAttrMemoryClockRate, 0), "cudaDeviceGetAttribute");
    check(cudaDeviceGetAttribute(&width, cudaDevAttrGlobalMemoryBusWidth, 0), "cudaDeviceGetAttribute");
    const double peak = 2.0 * clock * width / 8 / 1e6;
    std::printf("%s, sm_%d%d, %.0f GB/s of memory bandwidth\n", card.name, card.major, card.minor, peak);

    const Bench bench;
    for (const auto form : kForms)
        for (const std::int64_t inputs : {1, 3, 8, 16, 17, 32})
            for (const auto& [rows, cols] : {Shape{333, 1024}, {16, 64}, {1, 2112}})
                if (!isRight(bench, form, rows, cols, inputs)) return 1;
    std::printf("all forms agree with f64\n");

    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> json(std::fopen(arguments[1], "w"), &std::fclose);
    if (!json) {
        std::fprintf(stderr, "%s cannot be written\n", arguments[1]);
        return 1;
    }
    std::fprintf(json.get(), "{\"device\": \"%s\", \"gb_per_second\": %.6g, \"products\": [", card.name,
                 peak);
    bool first = true;
    for (const auto shape : {Shape{4096, 4096}, {11008, 4096}, {4096, 11008}})
        benchShape(bench, shape, peak, json.get(), first);
    std::fprintf(json.get(), "\n  ], \"decoder\": [");
    std::printf("linear layers of LLaMA-2-7B, batch 16, 128 steps in a graph\n");
    double cublas = 0;
    for (const auto form :
         {Form::Cublas, Form::Dense, Form::TwoOfFour, Form::Hybrid25, Form::Hybrid35, Form::Hybrid45}) {
        const double time = decoderSeconds(bench, form);
        if (form == Form::Cublas) cublas = time;
        std::printf("%-11s  %8.1f ms  %5.2fx cuBLAS%s\n", nameOf(form), time * 1e3,
                    time > 0 ? cublas / time : 0, time > 0 ? "" : " (not enough memory)");
        std::fprintf(json.get(), "%s\n    {\"form\": \"%s\", \"seconds\": %.9g}",
                     form == Form::Cublas ? "" : ",", nameOf(form), time);
    }
    std::fprintf(json.get(), "\n  ]}\n");
    return 0;
}
