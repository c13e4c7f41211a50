#pragma once

#include <cstdint>
#include <vector>

#include "core/formats/mask_set.h"

namespace tessera::ui {

/// Counts of kept weights in square cells of 4, 8, ... 128 weights, whole groups of four columns always
/// together: a uniform 2:4 mask has exactly one half in every cell of every level, whatever the zoom. Cells
/// at the right and lower edge are as ragged as the matrix. Immutable once made; safe to read from any
/// thread.
class DensityPyramid {
  public:
    static constexpr std::int64_t kFinest = 4, kCoarsest = 128;

    struct Level {
        std::int64_t cell = kFinest;  ///< weights along a side
        std::int64_t rows = 0, cols = 0;
        std::vector<std::uint16_t> kept;  ///< row-major
    };

    DensityPyramid() = default;
    explicit DensityPyramid(const PackedMask& mask);

    std::int64_t rows() const { return m_rows; }
    std::int64_t cols() const { return m_cols; }
    const std::vector<Level>& levels() const { return m_levels; }
    /// The finest level whose cells are at least `weights` weights wide; the coarsest where none is.
    const Level& levelFor(double weights) const;

    /// Weights in a cell, fewer at the ragged edges.
    std::int64_t size(const Level& level, std::int64_t row, std::int64_t col) const;
    double density(const Level& level, std::int64_t row, std::int64_t col) const;

  private:
    std::int64_t m_rows = 0, m_cols = 0;
    std::vector<Level> m_levels;
};

/// Kept weights in rows [top, bottom) and columns [left, right), counted in the bits themselves.
std::int64_t keptWithin(const PackedMask& mask, std::int64_t top, std::int64_t left, std::int64_t bottom,
                        std::int64_t right);
/// Where two masks of one shape differ.
PackedMask difference(const PackedMask& a, const PackedMask& b);

}  // namespace tessera::ui
