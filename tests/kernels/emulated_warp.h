// A warp of 32 lanes in lock step on the processor, for the device's inner loops
// (kernels/cuda/warp_products.h). Where the fragments of mma and mma.sp lie is written as in the PTX manual
// ("Matrix Fragments for mma.m16n8k16 with floating point type", "... for sparse mma.m16n8k32 with .f16 and
// .bf16 types").
#pragma once

#include <array>
#include <cstdint>

#include "gemv_case.h"
#include "kernels/cuda/warp_products.h"

namespace tessera::kernels::test {

struct EmulatedWarp {
    template <typename T>
    struct Register {
        std::array<T, 32> lanes{};
        T& operator[](int lane) { return lanes[static_cast<std::size_t>(lane)]; }
        const T& operator[](int lane) const { return lanes[static_cast<std::size_t>(lane)]; }
    };
    using Words = Register<cuda::FourWords>;
    using Sums = Register<cuda::FourSums>;

    template <typename F>
    void each(const F& f) const {
        for (int lane = 0; lane < 32; ++lane) f(lane);
    }
    cuda::FourWords load(const std::uint32_t* from) const { return {{from[0], from[1], from[2], from[3]}}; }
    template <typename T>
    T pick(const Register<T>& r, int lane) const {
        return r[lane];
    }
    template <typename T>
    Register<T> xorLanes(const Register<T>& r, int mask) const {
        Register<T> result;
        each([&](int lane) { result[lane] = r[lane ^ mask]; });
        return result;
    }

    /// Element i (0 to 7) of a lane's four registers, two bf16 each.
    static float element(const cuda::FourWords& words, int i) {
        return widen(static_cast<std::uint16_t>(words.of[i / 2] >> 16 * (i % 2)));
    }
    /// A as it is stored: 16 rows of 16.
    using Stored = std::array<std::array<float, 16>, 16>;
    static Stored storedA(const Words& a) {
        Stored stored;
        for (int lane = 0; lane < 32; ++lane)
            for (int i = 0; i < 8; ++i) {
                const int row = i < 2 || (i >= 4 && i < 6) ? lane / 4 : lane / 4 + 8;
                const int col = lane % 4 * 2 + (i & 1) + (i >= 4 ? 8 : 0);
                stored[static_cast<std::size_t>(row)][static_cast<std::size_t>(col)] = element(a[lane], i);
            }
        return stored;
    }
    template <int K>
    static void add(Sums& d, const std::array<std::array<float, K>, 16>& a,
                    const std::array<std::array<float, 8>, K>& b) {
        for (int lane = 0; lane < 32; ++lane)
            for (int i = 0; i < 4; ++i) {
                const auto row = static_cast<std::size_t>(i < 2 ? lane / 4 : lane / 4 + 8);
                const auto col = static_cast<std::size_t>(lane % 4 * 2 + (i & 1));
                float sum = d[lane].of[i];
                for (std::size_t k = 0; k < K; ++k) sum += a[row][k] * b[k][col];
                d[lane].of[i] = sum;
            }
    }

    void mma(Sums& d, const Words& a, const Words& b, int first) const {
        std::array<std::array<float, 8>, 16> right;
        for (int lane = 0; lane < 32; ++lane)
            for (int i = 0; i < 4; ++i) {
                const int row = lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0);
                right[static_cast<std::size_t>(row)][static_cast<std::size_t>(lane / 4)] =
                    element(b[lane], 2 * first + i);
            }
        add<16>(d, storedA(a), right);
    }

    template <int selector>
    void mmaSparse(Sums& d, const Words& a, const Words& b, const Register<std::uint32_t>& metadata) const {
        std::array<std::array<float, 8>, 32> right;
        for (int lane = 0; lane < 32; ++lane)
            for (int i = 0; i < 8; ++i) {
                const int row = lane % 4 * 2 + (i & 1) + i / 2 * 8;
                right[static_cast<std::size_t>(row)][static_cast<std::size_t>(lane / 4)] =
                    element(b[lane], i);
            }
        const auto stored = storedA(a);
        std::array<std::array<float, 32>, 16> left{};
        for (std::size_t row = 0; row < 16; ++row)
            for (std::size_t s = 0; s < 16; ++s) {
                // Lane 2 * selector of the row's four has columns 0 to 15, the next one 16 to 31.
                const auto lane = static_cast<int>(row % 8 * 4 + 2 * selector + s / 8);
                const auto bits = metadata[lane] >> (row / 8 * 16 + s % 8 * 2) & 3;
                left[row][s / 2 * 4 + bits] += stored[row][s];
            }
        add<32>(d, left, right);
    }
};

}  // namespace tessera::kernels::test
