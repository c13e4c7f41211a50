// Matrices under masks of every kind, packed in every layout, for the tests of the decoding products.
#pragma once

#include <omp.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "kernels/cpu/gemv.h"

namespace tessera::kernels::test {

inline float widen(std::uint16_t bits) {
    const std::uint32_t wide = std::uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

/// Uninitialised memory on a cache line of its own; the address sanitizer sees its end.
template <typename T>
struct Aligned {
    explicit Aligned(std::size_t count)
        : data(static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) / 64 * 64)), &std::free) {}
    std::unique_ptr<T, decltype(&std::free)> data;
};

enum class Pattern { Whole, Half, TwoOfFour, AtMostTwo, Tiles, Nothing };

struct GemvCase {
    std::int64_t rows, cols;
    std::vector<std::uint16_t> weights, masked;  ///< bf16 [rows, cols]; with zeros where pruned
    std::vector<std::uint8_t> keep;              ///< packbits
    std::size_t kept = 0;
    std::vector<float> x;

    bool keeps(std::int64_t row, std::int64_t col) const {
        const auto index = static_cast<std::size_t>(row * cols + col);
        return keep[index / 8] >> (7 - index % 8) & 1;
    }

    /// A row's product with x in bf16, in f64: the sum and that of its terms' magnitudes.
    std::pair<double, double> expected(std::int64_t row, const std::uint16_t* bf16) const {
        double sum = 0, magnitude = 0;
        for (std::int64_t c = 0; c < cols; ++c) {
            const double product =
                double(widen(masked[static_cast<std::size_t>(row * cols + c)])) * widen(bf16[c]);
            sum += product;
            magnitude += std::abs(product);
        }
        return {sum, magnitude};
    }

    GemvCase(std::int64_t rows, std::int64_t cols, Pattern pattern)
        : rows(rows),
          cols(cols),
          weights(static_cast<std::size_t>(rows * cols)),
          masked(weights.size()),
          keep((weights.size() + 7) / 8),
          x(static_cast<std::size_t>(cols)) {
        std::mt19937 random(static_cast<unsigned>(rows * 1000 + cols * 10 + static_cast<int>(pattern)));
        std::normal_distribution<float> normal;
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t col = 0; col < cols; col += 4) {
                const unsigned first = random() % 4, second = (first + 1 + random() % 3) % 4;
                unsigned four = 1u << first | 1u << second;
                // Tiles of 16 x 64: dense, 2:4 and empty ones.
                const auto kind = (row / 16 * 5 + col / 64 * 3) % 7;
                if (pattern == Pattern::Whole || (pattern == Pattern::Tiles && kind < 3)) four = 15;
                if (pattern == Pattern::Half) four = random() % 16;
                if (pattern == Pattern::AtMostTwo) four &= random() % 16;
                if (pattern == Pattern::Nothing || (pattern == Pattern::Tiles && kind == 5)) four = 0;
                for (std::int64_t c = col; c < std::min(cols, col + 4); ++c) {
                    const auto index = static_cast<std::size_t>(row * cols + c);
                    const float value = normal(random);
                    std::uint32_t bits;
                    std::memcpy(&bits, &value, 4);
                    weights[index] = static_cast<std::uint16_t>(bits >> 16);
                    if (!(four >> (c - col) & 1)) continue;
                    keep[index / 8] |= static_cast<std::uint8_t>(0x80 >> (index % 8));
                    masked[index] = weights[index];
                    ++kept;
                }
            }
        for (auto& value : x) value = normal(random);
        // An outlier, as activations have them.
        x[x.size() / 2] *= 40;
    }
};

/// x as bf16 and as q8's int16.
struct Inputs {
    Aligned<std::uint16_t> rounded;
    Aligned<std::uint8_t> quantized;
    std::int64_t cols;

    explicit Inputs(const std::vector<float>& x)
        : rounded(inputBytes(static_cast<std::int64_t>(x.size())) / 2),
          quantized(inputBytes(static_cast<std::int64_t>(x.size()))),
          cols(static_cast<std::int64_t>(x.size())) {
        roundVector(x.data(), cols, rounded.data.get());
        quantizeVector(x.data(), cols, quantized.data.get());
    }
    const std::uint16_t* bf16() const { return rounded.data.get(); }
    InputQ8 q8() const { return inputQ8(quantized.data.get(), cols); }
};

struct PackedTiles {
    TilePlan plan;
    Aligned<std::uint8_t> bytes;
    std::int64_t rows, cols;

    PackedTiles(const GemvCase& from, bool masked, WeightValues values)
        : plan(planTiles(masked ? from.keep.data() : nullptr, from.rows, from.cols, values)),
          bytes(plan.bytes),
          rows(from.rows),
          cols(from.cols) {
        const auto pack = values == WeightValues::Q8 ? packTilesQ8 : packTiles;
        pack(from.weights.data(), masked ? from.keep.data() : nullptr, rows, cols, plan, bytes.data.get());
    }
    TilePanels bf16() const {
        return {rows, cols, plan.panels.data(), plan.columns.data(), bytes.data.get()};
    }
    TilePanelsQ8 q8() const {
        return {rows, cols, plan.panels.data(), plan.columns.data(), bytes.data.get()};
    }
};

struct PackedBitmapQ8 {
    Aligned<BitmapHeadQ8> heads;
    Aligned<std::int8_t> values;
    std::vector<std::uint64_t> starts;
    std::int64_t rows, cols;

    explicit PackedBitmapQ8(const GemvCase& from)
        : heads(static_cast<std::size_t>(panelsOf(from.rows) * tilesOf(from.cols))),
          values(from.kept + static_cast<std::size_t>(kValuePadding)),
          starts(static_cast<std::size_t>(panelsOf(from.rows) + 1)),
          rows(from.rows),
          cols(from.cols) {
        packBitmapQ8(from.weights.data(), from.keep.data(), rows, cols, heads.data.get(), values.data.get(),
                     starts.data());
    }
    BitmapPanelsQ8 panels() const { return {rows, cols, heads.data.get(), values.data.get(), starts.data()}; }
};

/// y = W x on so many threads.
template <typename Panels, typename Input>
void gemv(const Panels& panels, Input x, float* y, int threads) {
#pragma omp parallel num_threads(threads)
    gemvPart(panels, x, y, partRows(panels, omp_get_thread_num(), omp_get_num_threads()));
}

}  // namespace tessera::kernels::test
