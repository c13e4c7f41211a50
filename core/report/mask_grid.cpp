#include "core/report/mask_grid.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>

namespace tessera {

namespace {

constexpr std::int64_t kTile = 64, kMostTiles = 24;

/// Tiles stay multiples of 64, so that they begin at whole bytes and no tile straddles a block of a pattern.
std::int64_t tileSize(std::int64_t extent) {
    const std::int64_t smallest = (extent + kMostTiles - 1) / kMostTiles;
    return std::max<std::int64_t>(1, (smallest + kTile - 1) / kTile) * kTile;
}

/// How many weights of [begin, end) are kept; whole bytes at once between the edges.
std::int64_t keptWithin(const PackedMask& mask, std::int64_t begin, std::int64_t end) {
    std::int64_t kept = 0;
    for (; begin < end && (begin & 7); ++begin) kept += mask.keeps(begin);
    for (; begin + 8 <= end; begin += 8) kept += std::popcount(mask.bits[begin >> 3]);
    for (; begin < end; ++begin) kept += mask.keeps(begin);
    return kept;
}

std::string projectionName(const std::string& part) {
    static const std::map<std::string, std::string> kGgufNames = {
        {"attn_q", "q_proj"},      {"attn_k", "k_proj"},  {"attn_v", "v_proj"},     {"attn_output", "o_proj"},
        {"ffn_gate", "gate_proj"}, {"ffn_up", "up_proj"}, {"ffn_down", "down_proj"}};
    const auto found = kGgufNames.find(part);
    return found == kGgufNames.end() ? part : found->second;
}

}  // namespace

void nameParts(const std::string& name, int& block, std::string& projection) {
    block = -1;
    projection = name;
    for (const char* marker : {".layers.", "blk.", ".h."}) {
        const std::size_t at = name.find(marker);
        if (at == std::string::npos) continue;
        std::size_t digit = at + std::string(marker).size();
        int index = 0, digits = 0;
        for (; digit < name.size() && std::isdigit(static_cast<unsigned char>(name[digit])) && digits < 6;
             ++digit, ++digits)
            index = index * 10 + (name[digit] - '0');
        if (digits == 0 || digit >= name.size() || name[digit] != '.') continue;
        std::string rest = name.substr(digit + 1);
        if (rest.ends_with(".weight")) rest.erase(rest.size() - 7);
        if (rest.empty()) continue;
        block = index;
        projection = projectionName(rest.substr(rest.rfind('.') + 1));
        return;
    }
}

void fillMaskGrid(const PackedMask& mask, ReportMatrix& matrix) {
    if (mask.rows <= 0 || mask.cols <= 0) return;
    const std::int64_t tileRows = tileSize(mask.rows), tileCols = tileSize(mask.cols);
    matrix.rows = mask.rows;
    matrix.cols = mask.cols;
    matrix.gridRows = int((mask.rows + tileRows - 1) / tileRows);
    matrix.gridCols = int((mask.cols + tileCols - 1) / tileCols);
    std::vector<std::int64_t> kept(std::size_t(matrix.gridRows) * matrix.gridCols, 0);
    for (std::int64_t row = 0; row < mask.rows; ++row)
        for (int column = 0; column < matrix.gridCols; ++column) {
            const std::int64_t begin = row * mask.cols + column * tileCols;
            const std::int64_t end = row * mask.cols + std::min(mask.cols, (column + 1) * tileCols);
            kept[(row / tileRows) * matrix.gridCols + column] += keptWithin(mask, begin, end);
        }
    matrix.tileDensity.resize(kept.size());
    std::int64_t all = 0;
    for (int row = 0; row < matrix.gridRows; ++row)
        for (int column = 0; column < matrix.gridCols; ++column) {
            const std::int64_t high = std::min(tileRows, mask.rows - row * tileRows);
            const std::int64_t wide = std::min(tileCols, mask.cols - column * tileCols);
            const std::size_t tile = std::size_t(row) * matrix.gridCols + column;
            matrix.tileDensity[tile] = float(double(kept[tile]) / double(high * wide));
            all += kept[tile];
        }
    matrix.sparsity = 1 - double(all) / (double(mask.rows) * double(mask.cols));
}

void addMaskGrids(const std::filesystem::path& masks, std::vector<ReportMatrix>& matrices) {
    const MaskSet set = readMasks(masks);
    std::map<std::string, std::size_t> known;
    for (std::size_t i = 0; i < matrices.size(); ++i) known.emplace(matrices[i].name, i);
    for (const auto& [name, mask] : set.masks) {
        const auto [at, added] = known.emplace(name, matrices.size());
        if (added) {
            matrices.emplace_back().name = name;
            nameParts(name, matrices.back().block, matrices.back().projection);
        }
        fillMaskGrid(mask, matrices[at->second]);
    }
}

std::optional<double> overallSparsity(const std::vector<ReportMatrix>& matrices) {
    double weights = 0, zeros = 0;
    for (const ReportMatrix& matrix : matrices) {
        const double count = double(matrix.rows) * double(matrix.cols);
        if (!(count > 0) || !std::isfinite(matrix.sparsity)) return std::nullopt;
        weights += count;
        zeros += count * matrix.sparsity;
    }
    return weights > 0 ? std::optional(zeros / weights) : std::nullopt;
}

}  // namespace tessera
