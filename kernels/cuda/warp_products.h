#pragma once

#include <cstdint>

#include "kernels/cuda/host_device.h"
#include "kernels/cuda/product_layout.h"

/// The inner loops of the device's products. `Warp` is a device's warp (products.cu), or one whose 32 lanes a
/// test runs in lock step; it has
///     Register<T>         a T a lane, read and written as register[lane]
///     each(f)             f(lane) for its lanes
///     load(from)          four words from 16-byte aligned memory
///     pick(r, lane)       register r of one lane
///     xorLanes(r, mask)   register r of lane ^ mask
///     mma(d, a, b0, b1)                 mma.m16n8k16, d += a b
///     mmaSparse<selector>(d, a, b, e)   mma.sp::ordered_metadata.m16n8k32
namespace tessera::kernels::cuda {

struct alignas(16) FourWords {
    std::uint32_t of[4];
};
struct FourSums {
    float of[4];
};

/// What tests break on purpose, to see that they would find it.
enum class Fault { None, LaneIndex, Selector, Prefix, SplitBound };

/// Part `part` of `parts` of `count` tiles.
struct TileRange {
    std::uint32_t first, last;
};
template <Fault kFault = Fault::None>
TESSERA_HOST_DEVICE inline TileRange splitRange(std::uint32_t count, std::uint32_t part,
                                                std::uint32_t parts) {
    const auto bound = [&](std::uint32_t p) {
        return static_cast<std::uint32_t>(std::uint64_t(count) * p / parts);
    };
    const auto last = bound(part + 1);
    return {bound(part), kFault == Fault::SplitBound && last > 0 ? last - 1 : last};
}

/// Word `index` of x in the order of the lanes (inputWords), from x [inputs, cols] row-major.
TESSERA_HOST_DEVICE inline std::uint32_t inputWord(const std::uint16_t* x, std::int64_t inputs,
                                                   std::int64_t cols, std::int64_t index) {
    const auto eights = (inputs + 7) / 8;
    const auto i = index % 4, lane = index / 4 % 32, step = index / 128 % 2, tile = index / kInputTileWords;
    const auto n = tile % eights * 8 + lane / 4;
    const auto k = tile / eights * kTileWidth + step * 32 + i * 8 + lane % 4 * 2;
    if (n >= inputs) return 0;
    const std::uint32_t low = k < cols ? x[n * cols + k] : 0, high = k + 1 < cols ? x[n * cols + k + 1] : 0;
    return low | high << 16;
}

/// Adds the products of a part of a row of tiles with Eights * 8 inputs, from the `firstEight`th eight on, to
/// sums[e] (D of the mma). `x`: inputWord's words, of `eights` eights in all.
template <int Eights, Fault kFault = Fault::None, typename Warp>
TESSERA_HOST_DEVICE inline void tileRowProduct(const Warp& warp, const TileMatrix& matrix,
                                               std::int64_t tileRow, std::uint32_t part, std::uint32_t parts,
                                               const std::uint32_t* x, std::int64_t eights,
                                               std::int64_t firstEight,
                                               typename Warp::template Register<FourSums> (&sums)[Eights]) {
    using Words = typename Warp::template Register<FourWords>;
    const auto tiles = matrix.tileRows[tileRow];
    const auto range = splitRange<kFault>(tiles.twoOfFour + tiles.dense, part, parts);
    const auto* columns = matrix.columns + tiles.columns;
    const auto inputs = [&](std::uint32_t tile, int e, int step, Words& b) {
        const auto* from = x + ((columns[tile] * eights + firstEight + e) * 2 + step) * 128;
        warp.each([&](int lane) {
            b[lane] = warp.load(from + 4 * (kFault == Fault::LaneIndex ? lane ^ 1 : lane));
        });
    };
    auto tile = range.first;
    for (; tile < range.last && tile < tiles.twoOfFour; ++tile) {
        const auto* words = matrix.words + tiles.start + std::uint64_t(tile) * kSparseTileWords;
        typename Warp::template Register<std::uint32_t> metadata;
        Words a[2];
        warp.each([&](int lane) {
            metadata[lane] = words[lane];
            a[0][lane] = warp.load(words + 32 + 4 * lane);
            a[1][lane] = warp.load(words + 160 + 4 * lane);
        });
        for (int e = 0; e < Eights; ++e) {
            Words b[2];
            inputs(tile, e, 0, b[0]);
            inputs(tile, e, 1, b[1]);
            // A lane's metadata serve both steps: lanes 0 and 1 of a four the first, 2 and 3 the second.
            warp.template mmaSparse<0>(sums[e], a[0], b[0], metadata);
            warp.template mmaSparse<kFault == Fault::Selector ? 0 : 1>(sums[e], a[1], b[1], metadata);
        }
    }
    const auto* denseWords = matrix.words + tiles.start + std::uint64_t(tiles.twoOfFour) * kSparseTileWords;
    for (; tile < range.last; ++tile) {
        const auto* words = denseWords + std::uint64_t(tile - tiles.twoOfFour) * kDenseTileWords;
        Words a[4];
        warp.each([&](int lane) {
            for (int step = 0; step < 4; ++step) a[step][lane] = warp.load(words + step * 128 + 4 * lane);
        });
        for (int e = 0; e < Eights; ++e) {
            Words b[2];
            inputs(tile, e, 0, b[0]);
            inputs(tile, e, 1, b[1]);
            for (int step = 0; step < 4; ++step) warp.mma(sums[e], a[step], b[step / 2], step % 2 * 2);
        }
    }
}

/// Writes a warp's sums to y [inputs, rows], leaving out what is padding.
template <int Eights, typename Warp>
TESSERA_HOST_DEVICE inline void storeSums(const Warp& warp,
                                          typename Warp::template Register<FourSums> (&sums)[Eights],
                                          std::int64_t tileRow, std::int64_t firstEight, std::int64_t rows,
                                          std::int64_t inputs, float* y) {
    warp.each([&](int lane) {
        for (int e = 0; e < Eights; ++e)
            for (int i = 0; i < 4; ++i) {
                const auto row = tileRow * kTileHeight + lane / 4 + i / 2 * 8;
                const auto n = (firstEight + e) * 8 + lane % 4 * 2 + i % 2;
                if (row < rows && n < inputs) y[n * rows + row] = sums[e][lane].of[i];
            }
    });
}

TESSERA_HOST_DEVICE inline int bitCount(std::uint64_t bits) {
#if defined(__CUDA_ARCH__)
    return __popcll(bits);
#else
    return __builtin_popcountll(bits);
#endif
}
TESSERA_HOST_DEVICE inline float widenBf16(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
    return __uint_as_float(bits << 16);
#else
    union {
        std::uint32_t bits;
        float value;
    } as{bits << 16};
    return as.value;
#endif
}

/// One row of a bitmap with Inputs inputs, into y [Inputs, rows]. A lane holds the masks of every 32nd 64
/// columns; these are handed round, and of each a lane does two columns, whose values it finds by counting
/// the bits below. `x` [Inputs, widthTiles(cols) * 64], padded with zeros, 4-byte aligned.
template <int Inputs, Fault kFault = Fault::None, typename Warp>
TESSERA_HOST_DEVICE inline void bitmapRowProduct(const Warp& warp, const BitmapMatrix& matrix,
                                                 std::int64_t row, const std::uint16_t* x, float* y) {
    const auto tiles = widthTiles(matrix.cols);
    const auto* masks = matrix.masks + row * tiles;
    const auto* values = matrix.values + matrix.rowStarts[row];
    typename Warp::template Register<float> sums[Inputs];
    warp.each([&](int lane) {
        for (auto& sum : sums) sum[lane] = 0;
    });
    for (std::int64_t first = 0; first < tiles; first += 32) {
        typename Warp::template Register<std::uint64_t> own;
        warp.each([&](int lane) { own[lane] = first + lane < tiles ? masks[first + lane] : 0; });
        for (int t = 0; t < 32 && first + t < tiles; ++t) {
            const std::uint64_t mask = warp.pick(own, t);
            warp.each([&](int lane) {
                const auto below = mask & ((std::uint64_t(1) << 2 * lane) - 1);
                const auto two = static_cast<unsigned>(mask >> 2 * lane) & 3;
                const int place = bitCount(below) + (kFault == Fault::Prefix && lane > 0 && below ? -1 : 0);
                const float low = two & 1 ? widenBf16(values[place]) : 0;
                const float high = two & 2 ? widenBf16(values[place + static_cast<int>(two & 1)]) : 0;
                for (int n = 0; n < Inputs; ++n) {
                    const auto* from = x + (n * tiles + first + t) * kTileWidth + 2 * lane;
                    const auto pair = *reinterpret_cast<const std::uint32_t*>(from);
                    sums[n][lane] += low * widenBf16(pair & 0xffff);
                    sums[n][lane] += high * widenBf16(pair >> 16);
                }
            });
            values += bitCount(mask);
        }
    }
    for (int n = 0; n < Inputs; ++n) {
        for (int mask = 16; mask > 0; mask /= 2) {
            const auto other = warp.xorLanes(sums[n], mask);
            warp.each([&](int lane) { sums[n][lane] += other[lane]; });
        }
        warp.each([&](int lane) {
            if (lane == 0) y[n * matrix.rows + row] = sums[n][lane];
        });
    }
}

}  // namespace tessera::kernels::cuda
