#pragma once

#include <cmath>
#include <functional>
#include <random>

#include "core/formats/mask_set.h"
#include "core/formats/model_files.h"

/// Masks of each kind for a whole model.
namespace tessera::test {

using Keeps = std::function<bool(std::int64_t row, std::int64_t col)>;

inline PackedMask maskOf(std::int64_t rows, std::int64_t cols, const Keeps& keeps) {
    PackedMask mask(rows, cols);
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t col = 0; col < cols; ++col)
            if (keeps(row, col)) mask.keep(row * cols + col);
    return mask;
}

/// Keeps a random half of every prunable matrix.
inline MaskSet halfMasks(const ModelConfig& config) {
    std::mt19937 random(5);
    MaskSet set;
    for (const auto& matrix : prunableMatrices(config)) {
        PackedMask mask(matrix.rows, matrix.cols);
        for (std::int64_t i = 0; i < matrix.elements(); ++i)
            if (random() & 1) mask.keep(i);
        set.masks.emplace(matrix.name, std::move(mask));
    }
    return set;
}

/// The two greatest of every four; in tiles of 64 x 64 of which every fourth is dense, if asked for.
inline MaskSet twoOfFour(const ModelFiles& files, bool tiles) {
    MaskSet set;
    for (const auto& matrix : prunableMatrices(files.config())) {
        const auto& info = files.tensors().at(matrix.name);
        std::vector<float> values(static_cast<std::size_t>(info.elements()));
        files.tensors().readF32(info, 0, values);
        set.masks.emplace(matrix.name, maskOf(matrix.rows, matrix.cols, [&](auto row, auto col) {
                              if (tiles && (row / 64 + col / 64) % 4 == 1) return true;
                              const auto* four =
                                  &values[static_cast<std::size_t>(row * matrix.cols + col / 4 * 4)];
                              int greater = 0;
                              for (int i = 0; i < 4; ++i)
                                  greater += std::abs(four[i]) > std::abs(four[col % 4]) ||
                                             (std::abs(four[i]) == std::abs(four[col % 4]) && i < col % 4);
                              return greater < 2;
                          }));
    }
    return set;
}

}  // namespace tessera::test
