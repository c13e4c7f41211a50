#include "kernels/cuda/products.h"

#include <cuda_runtime.h>

#include "kernels/cuda/warp_products.h"

namespace {

using namespace tessera::kernels::cuda;

/// One lane's view of its warp.
struct DeviceWarp {
    template <typename T>
    struct Register {
        T value;
        TESSERA_HOST_DEVICE T& operator[](int) { return value; }
        TESSERA_HOST_DEVICE const T& operator[](int) const { return value; }
    };
    int lane;

    template <typename F>
    TESSERA_HOST_DEVICE void each(const F& f) const {
        f(lane);
    }
    TESSERA_HOST_DEVICE FourWords load(const std::uint32_t* from) const {
        const auto four = *reinterpret_cast<const uint4*>(from);
        return {{four.x, four.y, four.z, four.w}};
    }
    template <typename T>
    TESSERA_HOST_DEVICE T pick(const Register<T>& r, int from) const {
#if defined(__CUDA_ARCH__)
        return __shfl_sync(0xffffffffu, r.value, from);
#else
        return r.value;
#endif
    }
    template <typename T>
    TESSERA_HOST_DEVICE Register<T> xorLanes(const Register<T>& r, int mask) const {
#if defined(__CUDA_ARCH__)
        return {__shfl_xor_sync(0xffffffffu, r.value, mask)};
#else
        return r;
#endif
    }
    TESSERA_HOST_DEVICE void mma([[maybe_unused]] Register<FourSums>& sums,
                                 [[maybe_unused]] const Register<FourWords>& a,
                                 [[maybe_unused]] const Register<FourWords>& b,
                                 [[maybe_unused]] int first) const {
#if defined(__CUDA_ARCH__)
        auto& d = sums.value.of;
        const auto& aa = a.value.of;
        const auto& bb = b.value.of;
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
            "{%0,%1,%2,%3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(aa[0]), "r"(aa[1]), "r"(aa[2]), "r"(aa[3]), "r"(bb[first]), "r"(bb[first + 1]));
#endif
    }
    template <int selector>
    TESSERA_HOST_DEVICE void mmaSparse([[maybe_unused]] Register<FourSums>& sums,
                                       [[maybe_unused]] const Register<FourWords>& a,
                                       [[maybe_unused]] const Register<FourWords>& b,
                                       [[maybe_unused]] const Register<std::uint32_t>& metadata) const {
#if defined(__CUDA_ARCH__)
        auto& d = sums.value.of;
        const auto& aa = a.value.of;
        const auto& bb = b.value.of;
        asm volatile(
            "mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, "
            "{%4,%5,%6,%7}, {%8,%9,%10,%11}, {%0,%1,%2,%3}, %12, %13;"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(aa[0]), "r"(aa[1]), "r"(aa[2]), "r"(aa[3]), "r"(bb[0]), "r"(bb[1]), "r"(bb[2]), "r"(bb[3]),
              "r"(metadata.value), "n"(selector));
#endif
    }
};

constexpr int kWarps = 4;  // of a block, on neighbouring rows: they find each other's x in the cache

__device__ std::int64_t warpRow() {
    return std::int64_t(blockIdx.x) * kWarps + threadIdx.x / 32;
}
__device__ DeviceWarp ownWarp() {
    return {static_cast<int>(threadIdx.x % 32)};
}

template <int Eights>
__global__ void __launch_bounds__(32 * kWarps)
    tileProduct(TileMatrix matrix, const std::uint32_t* words, std::int64_t inputs, float* y) {
    const auto tileRow = warpRow();
    if (tileRow >= heightTiles(matrix.rows)) return;
    const auto firstEight = std::int64_t(blockIdx.z) * Eights;
    DeviceWarp::Register<FourSums> sums[Eights] = {};
    // Eights divides what there is (tileProducts).
    tileRowProduct<Eights>(ownWarp(), matrix, tileRow, blockIdx.y, gridDim.y, words, (inputs + 7) / 8,
                           firstEight, sums);
    storeSums<Eights>(ownWarp(), sums, tileRow, firstEight, matrix.rows, inputs,
                      y + blockIdx.y * inputs * matrix.rows);
}

__global__ void sumParts(const float* partial, int parts, std::int64_t count, float* y) {
    const auto i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= count) return;
    float sum = 0;
    for (int part = 0; part < parts; ++part) sum += partial[part * count + i];
    y[i] = sum;
}

__global__ void arrangeInputs(const std::uint16_t* x, std::int64_t inputs, std::int64_t cols,
                              std::uint32_t* words) {
    const auto i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < inputWords(inputs, cols)) words[i] = inputWord(x, inputs, cols, i);
}

template <int Inputs>
__global__ void __launch_bounds__(32 * kWarps)
    bitmapProduct(BitmapMatrix matrix, const std::uint16_t* x, float* y) {
    const auto row = warpRow();
    if (row < matrix.rows) bitmapRowProduct<Inputs>(ownWarp(), matrix, row, x, y);
}

unsigned blocksFor(std::int64_t count, std::int64_t each) {
    return static_cast<unsigned>((count + each - 1) / each);
}

int tileInputs(const std::uint16_t* x, std::int64_t inputs, std::int64_t cols, std::uint32_t* words,
               void* stream) {
    if (inputs < 1 || cols < 1) return cudaErrorInvalidValue;
    arrangeInputs<<<blocksFor(inputWords(inputs, cols), 256), 256, 0, static_cast<cudaStream_t>(stream)>>>(
        x, inputs, cols, words);
    return cudaGetLastError();
}

int tileProducts(const TileMatrix& matrix, const std::uint32_t* words, std::int64_t inputs, int parts,
                 float* partial, float* y, void* stream) {
    const auto eights = (inputs + 7) / 8;
    if (inputs < 1 || matrix.rows < 1 || parts < 1 || parts > 65535 || (parts > 1 && !partial) ||
        eights > 65535)
        return cudaErrorInvalidValue;
    const auto queue = static_cast<cudaStream_t>(stream);
    const auto blocks = blocksFor(heightTiles(matrix.rows), kWarps);
    float* to = parts > 1 ? partial : y;
    const auto grid = [&](unsigned each) {
        return dim3(blocks, static_cast<unsigned>(parts), static_cast<unsigned>(eights) / each);
    };
    if (eights % 4 == 0)
        tileProduct<4><<<grid(4), 32 * kWarps, 0, queue>>>(matrix, words, inputs, to);
    else if (eights % 2 == 0)
        tileProduct<2><<<grid(2), 32 * kWarps, 0, queue>>>(matrix, words, inputs, to);
    else
        tileProduct<1><<<grid(1), 32 * kWarps, 0, queue>>>(matrix, words, inputs, to);
    if (const auto error = cudaGetLastError(); error != cudaSuccess || parts == 1) return error;
    const auto count = inputs * matrix.rows;
    sumParts<<<blocksFor(count, 256), 256, 0, queue>>>(partial, parts, count, y);
    return cudaGetLastError();
}

int bitmapProducts(const BitmapMatrix& matrix, const std::uint16_t* x, std::int64_t inputs, float* y,
                   void* stream) {
    if (inputs < 1 || inputs > 8 || matrix.rows < 1) return cudaErrorInvalidValue;
    const auto queue = static_cast<cudaStream_t>(stream);
    const auto blocks = blocksFor(matrix.rows, kWarps);
    const auto padded = widthTiles(matrix.cols) * kTileWidth;
    // Eight inputs are done as four and four and so on: each size is compiled once.
    for (std::int64_t done = 0; done < inputs;) {
        const auto* from = x + done * padded;
        auto* to = y + done * matrix.rows;
        if (inputs - done >= 4) {
            bitmapProduct<4><<<blocks, 32 * kWarps, 0, queue>>>(matrix, from, to);
            done += 4;
        } else {
            bitmapProduct<1><<<blocks, 32 * kWarps, 0, queue>>>(matrix, from, to);
            done += 1;
        }
    }
    return cudaGetLastError();
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const Products* tesseraCudaProducts() {
    static const Products products{tileInputs, tileProducts, bitmapProducts};
    return &products;
}
