#include "ui/inspect/density_pyramid.h"

#include <algorithm>
#include <bit>

namespace tessera::ui {

namespace {

constexpr std::uint8_t kBits[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};

/// `count` (at most 32) bits from bit `at` on, the first one on top.
std::uint32_t bitsAt(const std::vector<std::uint8_t>& bits, std::int64_t at, std::int64_t count) {
    const auto first = static_cast<std::size_t>(at >> 3);
    std::uint64_t window = 0;
    for (std::size_t i = 0; i < 5; ++i)
        window = window << 8 | (first + i < bits.size() ? bits[first + i] : 0u);
    return static_cast<std::uint32_t>(window >> (40 - (at & 7) - count) & ((std::uint64_t(1) << count) - 1));
}

}  // namespace

DensityPyramid::DensityPyramid(const PackedMask& mask) : m_rows(mask.rows), m_cols(mask.cols) {
    if (m_rows <= 0 || m_cols <= 0) return;
    Level finest{kFinest, (m_rows + 3) / 4, (m_cols + 3) / 4, {}};
    finest.kept.resize(static_cast<std::size_t>(finest.rows * finest.cols));
    constexpr std::int64_t kChunk = 32;  // eight cells from one window of bits
    for (std::int64_t row = 0; row < m_rows; ++row) {
        auto* cells = finest.kept.data() + row / 4 * finest.cols;
        for (std::int64_t col = 0; col < m_cols; col += kChunk) {
            const auto count = std::min(kChunk, m_cols - col);
            auto window = bitsAt(mask.bits, row * m_cols + col, count);
            if (count < kChunk) window <<= kChunk - count;
            for (auto* cell = cells + col / 4; window != 0; ++cell, window <<= 4)
                *cell = static_cast<std::uint16_t>(*cell + kBits[window >> 28]);
        }
    }
    m_levels.push_back(std::move(finest));
    while (m_levels.back().cell < kCoarsest && (m_levels.back().rows > 1 || m_levels.back().cols > 1)) {
        const Level& fine = m_levels.back();
        Level coarse{fine.cell * 2, (fine.rows + 1) / 2, (fine.cols + 1) / 2, {}};
        coarse.kept.resize(static_cast<std::size_t>(coarse.rows * coarse.cols));
        for (std::int64_t row = 0; row < fine.rows; ++row) {
            const auto* from = fine.kept.data() + row * fine.cols;
            auto* to = coarse.kept.data() + row / 2 * coarse.cols;
            for (std::int64_t col = 0; col < fine.cols; ++col)
                to[col / 2] = static_cast<std::uint16_t>(to[col / 2] + from[col]);
        }
        m_levels.push_back(std::move(coarse));
    }
}

const DensityPyramid::Level& DensityPyramid::levelFor(double weights) const {
    for (const auto& level : m_levels)
        if (static_cast<double>(level.cell) >= weights) return level;
    return m_levels.back();
}

std::int64_t DensityPyramid::size(const Level& level, std::int64_t row, std::int64_t col) const {
    return std::min(level.cell, m_rows - row * level.cell) * std::min(level.cell, m_cols - col * level.cell);
}

double DensityPyramid::density(const Level& level, std::int64_t row, std::int64_t col) const {
    return static_cast<double>(level.kept[static_cast<std::size_t>(row * level.cols + col)]) /
           static_cast<double>(size(level, row, col));
}

std::int64_t keptWithin(const PackedMask& mask, std::int64_t top, std::int64_t left, std::int64_t bottom,
                        std::int64_t right) {
    std::int64_t kept = 0;
    for (std::int64_t row = top; row < bottom; ++row)
        for (std::int64_t col = left; col < right; col += 32)
            kept += std::popcount(
                bitsAt(mask.bits, row * mask.cols + col, std::min<std::int64_t>(32, right - col)));
    return kept;
}

PackedMask difference(const PackedMask& a, const PackedMask& b) {
    PackedMask changed(a.rows, a.cols);
    for (std::size_t i = 0; i < changed.bits.size(); ++i) changed.bits[i] = a.bits[i] ^ b.bits[i];
    return changed;
}

}  // namespace tessera::ui
