#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "core/report/drawing.h"
#include "core/report/figures.h"
#include "core/report/series.h"

namespace tessera {

namespace {

constexpr double kWidth = 720;
constexpr double kLeft = 46, kTop = 22, kGapX = 5;
constexpr int kPixelsPerPoint = 2;
constexpr double kDash[] = {3, 3};

/// Where each matrix goes: rows are blocks, columns projections, in the order of the forward pass.
struct Layout {
    std::vector<int> blocks;
    std::vector<std::string> projections;
    std::map<std::pair<int, std::string>, const ReportMatrix*> cells;

    double cellWidth() const {
        const double count = std::max<double>(1, projections.size());
        return (kWidth - kLeft - kGapX * (count - 1)) / count;
    }
    double columnX(std::size_t column) const { return kLeft + column * (cellWidth() + kGapX); }
};

int projectionOrder(const std::string& projection) {
    static const std::array<const char*, 7> order = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                     "gate_proj", "up_proj", "down_proj"};
    return int(std::find(order.begin(), order.end(), projection) - order.begin());
}

template <typename Wanted>
Layout layoutOf(const std::vector<ReportMatrix>& matrices, Wanted wanted) {
    Layout layout;
    std::set<int> blocks;
    for (const ReportMatrix& matrix : matrices) {
        if (!wanted(matrix)) continue;
        blocks.insert(matrix.block);
        if (layout.cells.emplace(std::pair(matrix.block, matrix.projection), &matrix).second &&
            std::find(layout.projections.begin(), layout.projections.end(), matrix.projection) ==
                layout.projections.end())
            layout.projections.push_back(matrix.projection);
    }
    layout.blocks.assign(blocks.begin(), blocks.end());
    std::sort(layout.projections.begin(), layout.projections.end(), [](const auto& a, const auto& b) {
        return std::pair(projectionOrder(a), a) < std::pair(projectionOrder(b), b);
    });
    return layout;
}

void drawHeader(cairo_t* cairo, const Layout& layout, double rowHeight) {
    for (std::size_t column = 0; column < layout.projections.size(); ++column) {
        std::string name = layout.projections[column];
        if (const auto end = name.rfind("_proj"); end != std::string::npos) name.erase(end);
        drawText(cairo, name, layout.columnX(column) + layout.cellWidth() / 2, kTop - 6,
                 {.size = 11, .color = kMuted, .alignX = 0.5, .alignY = 1, .fit = layout.cellWidth()});
    }
    const std::size_t every = std::max<std::size_t>(1, std::size_t(std::ceil(12 / rowHeight)));
    for (std::size_t row = 0; row < layout.blocks.size(); row += every)
        drawText(
            cairo, layout.blocks[row] < 0 ? std::string("other") : std::to_string(layout.blocks[row]),
            kLeft - 8, kTop + (row + 0.5) * rowHeight,
            {.size = std::min(10.5, std::max(8.0, rowHeight)), .color = kMuted, .alignX = 1, .alignY = 0.5});
}

double clampedRowHeight(std::size_t rows, double area, double least, double most) {
    return std::clamp(area / std::max<double>(1, rows), least, most);
}

struct Scale {
    double low = 0, high = 1;
};

bool hasGrid(const ReportMatrix& matrix) {
    return matrix.gridRows > 0 && matrix.gridCols > 0 &&
           matrix.tileDensity.size() == std::size_t(matrix.gridRows) * matrix.gridCols;
}

/// The range of nearly all tiles, on round numbers, never narrower than a tenth: small noise must not look
/// like structure.
Scale scaleOf(const Layout& layout) {
    std::vector<float> all;
    for (const auto& [key, matrix] : layout.cells)
        for (const float density : matrix->tileDensity)
            if (std::isfinite(density)) all.push_back(density);
    if (all.empty()) return {};
    std::sort(all.begin(), all.end());
    const std::size_t cut = all.size() / 100;
    double low = std::floor(all[cut] * 20) / 20, high = std::ceil(all[all.size() - 1 - cut] * 20) / 20;
    if (high - low < 0.1) low -= 0.05, high += 0.05;
    return {std::clamp(low, 0.0, 1.0), std::clamp(high, 0.0, 1.0)};
}

/// Paper to ink by the fraction kept.
std::uint32_t inkPixel(double density, const Scale& scale) {
    const double t =
        std::isfinite(density) ? std::clamp((density - scale.low) / (scale.high - scale.low), 0.0, 1.0) : 0;
    const auto mix = [&](double paper, double ink) {
        return std::uint32_t(std::lround((paper + (ink - paper) * t) * 255));
    };
    return mix(kBlank.red, kInk.red) << 16 | mix(kBlank.green, kInk.green) << 8 | mix(kBlank.blue, kInk.blue);
}

/// How much of each tile lies in pixel `pixel` of `pixels`: calls visit(tile, share).
template <typename Visit>
void sharesOf(int pixel, int pixels, int tiles, Visit visit) {
    const double begin = double(pixel) * tiles / pixels, end = double(pixel + 1) * tiles / pixels;
    for (int tile = int(begin); tile < tiles && tile < end; ++tile)
        visit(tile, std::min(end, tile + 1.0) - std::max<double>(begin, tile));
}

/// One picture of all cells: each pixel the mean of the tiles that it covers, so that nothing depends on how
/// a viewer scales images.
void drawCells(cairo_t* cairo, const Layout& layout, double rowHeight, double gapY, const Scale& scale) {
    const int width = int(layout.cellWidth() * kPixelsPerPoint),
              height = int((rowHeight - gapY) * kPixelsPerPoint);
    if (width < 1 || height < 1) return;
    for (std::size_t row = 0; row < layout.blocks.size(); ++row)
        for (std::size_t column = 0; column < layout.projections.size(); ++column) {
            const auto found = layout.cells.find({layout.blocks[row], layout.projections[column]});
            if (found == layout.cells.end()) continue;
            const ReportMatrix& matrix = *found->second;
            std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> image(
                cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height), cairo_surface_destroy);
            unsigned char* data = cairo_image_surface_get_data(image.get());
            if (!data) continue;
            const int stride = cairo_image_surface_get_stride(image.get());
            for (int y = 0; y < height; ++y)
                for (int x = 0; x < width; ++x) {
                    double sum = 0, area = 0;
                    sharesOf(y, height, matrix.gridRows, [&](int tileRow, double shareY) {
                        sharesOf(x, width, matrix.gridCols, [&](int tileColumn, double shareX) {
                            const float density = matrix.tileDensity[tileRow * matrix.gridCols + tileColumn];
                            if (!std::isfinite(density)) return;
                            sum += density * shareX * shareY;
                            area += shareX * shareY;
                        });
                    });
                    const std::uint32_t pixel = inkPixel(area > 0 ? sum / area : 0, scale);
                    std::memcpy(data + std::size_t(y) * stride + 4 * x, &pixel, 4);
                }
            cairo_surface_mark_dirty(image.get());
            cairo_save(cairo);
            cairo_translate(cairo, layout.columnX(column), kTop + row * rowHeight);
            cairo_scale(cairo, layout.cellWidth() / width, (rowHeight - gapY) / height);
            cairo_set_source_surface(cairo, image.get(), 0, 0);
            cairo_pattern_set_extend(cairo_get_source(cairo), CAIRO_EXTEND_PAD);
            cairo_rectangle(cairo, 0, 0, width, height);
            cairo_fill(cairo);
            cairo_restore(cairo);
        }
}

void drawScale(cairo_t* cairo, const Scale& scale, double y) {
    constexpr double kBar = 140;
    const double right = kWidth - 34, left = right - kBar;
    std::unique_ptr<cairo_pattern_t, decltype(&cairo_pattern_destroy)> ramp(
        cairo_pattern_create_linear(left, 0, right, 0), cairo_pattern_destroy);
    cairo_pattern_add_color_stop_rgb(ramp.get(), 0, kBlank.red, kBlank.green, kBlank.blue);
    cairo_pattern_add_color_stop_rgb(ramp.get(), 1, kInk.red, kInk.green, kInk.blue);
    cairo_set_source(cairo, ramp.get());
    cairo_rectangle(cairo, left, y, kBar, 9);
    cairo_fill(cairo);
    const TextStyle style{.size = 10.5, .color = kMuted, .alignX = 1, .alignY = 0.5};
    drawText(cairo, formatPercent(scale.low, 0), left - 6, y + 4.5, style);
    TextStyle after = style;
    after.alignX = 0;
    drawText(cairo, formatPercent(scale.high, 0), right + 6, y + 4.5, after);
    drawText(cairo, "weights kept in a tile", left - 50, y + 4.5, style);
    after.alignX = 0;
    drawText(cairo, "rows: blocks; columns: projections", kLeft, y + 4.5, after);
}

}  // namespace

Figure densityHeatmap(const std::vector<ReportMatrix>& matrices) {
    const Layout counted = layoutOf(matrices, hasGrid);
    const double rowHeight = clampedRowHeight(counted.blocks.size(), 660, 7, 46);
    const double gapY = rowHeight > 12 ? 3 : 1;
    const double bottom = kTop + counted.blocks.size() * rowHeight;
    const Scale scale = scaleOf(counted);
    Figure figure{.title = "Where the weights that are kept lie",
                  .description = {},
                  .width = kWidth,
                  .height = bottom + 28,
                  .draw = {}};
    figure.description = "A map of " + std::to_string(counted.cells.size()) + " matrices in " +
                         std::to_string(counted.blocks.size()) +
                         " blocks: darker where more weights are kept. " + "Nearly all tiles keep between " +
                         formatPercent(scale.low, 0) + " and " + formatPercent(scale.high, 0) +
                         " of their weights.";
    figure.draw = [matrices, rowHeight, gapY, bottom, scale](cairo_t* cairo) {
        const Layout layout = layoutOf(matrices, hasGrid);
        drawHeader(cairo, layout, rowHeight);
        drawCells(cairo, layout, rowHeight, gapY, scale);
        drawScale(cairo, scale, bottom + 10);
    };
    return figure;
}

Figure sparsityBars(const std::vector<ReportMatrix>& matrices, const std::optional<double>& target) {
    const auto known = [](const ReportMatrix& matrix) { return std::isfinite(matrix.sparsity); };
    const Layout counted = layoutOf(matrices, known);
    const double rowHeight = clampedRowHeight(counted.blocks.size(), 400, 5, 18);
    const double bottom = kTop + counted.blocks.size() * rowHeight;
    double low = 1, high = 0;
    for (const auto& [key, matrix] : counted.cells) {
        low = std::min(low, matrix->sparsity);
        high = std::max(high, matrix->sparsity);
    }
    Figure figure{.title = "Sparsity by block and projection",
                  .description = {},
                  .width = kWidth,
                  .height = bottom + 42,
                  .draw = {}};
    figure.description = "Sparsity of " + std::to_string(counted.cells.size()) + " matrices, from " +
                         formatPercent(low) + " to " + formatPercent(high) + ".";
    figure.draw = [matrices, known, rowHeight, bottom, target](cairo_t* cairo) {
        const Layout layout = layoutOf(matrices, known);
        const double width = layout.cellWidth(), bar = rowHeight * 0.72;
        drawHeader(cairo, layout, rowHeight);
        for (std::size_t column = 0; column < layout.projections.size(); ++column) {
            const double x = layout.columnX(column);
            for (std::size_t row = 0; row < layout.blocks.size(); ++row) {
                const auto found = layout.cells.find({layout.blocks[row], layout.projections[column]});
                if (found == layout.cells.end()) continue;
                const double y = kTop + row * rowHeight + (rowHeight - bar) / 2;
                fillRect(cairo, x, y, width, bar, kBlank);
                fillRect(cairo, x, y, width * std::clamp(found->second->sparsity, 0.0, 1.0), bar,
                         seriesColor(0));
            }
            if (target && std::isfinite(*target)) {
                cairo_set_dash(cairo, kDash, 2, 0);
                drawLine(cairo, x + width * *target, kTop, x + width * *target, bottom, kText, 1.1);
                cairo_set_dash(cairo, nullptr, 0, 0);
            }
            drawText(cairo, "0", x, bottom + 4, {.size = 9.5, .color = kMuted});
            drawText(cairo, formatPercent(1, 0), x + width, bottom + 4,
                     {.size = 9.5, .color = kMuted, .alignX = 1});
        }
        drawText(
            cairo,
            "rows: blocks; bars: fraction of zero weights" + std::string(target ? "; dashed: target" : ""),
            kLeft, bottom + 24, {.size = 10.5, .color = kMuted});
    };
    return figure;
}

Figure speedBars(const std::vector<ReportSpeedRow>& rows) {
    constexpr std::size_t kMostBars = 40;  // more would not fit a page; the table has them all
    std::vector<ReportSpeedRow> shown;
    double high = 1;
    for (const ReportSpeedRow& row : rows) {
        if (!std::isfinite(row.speedup) || row.speedup < 0 || row.kernel.rfind("dense", 0) == 0) continue;
        high = std::max(high, row.speedup);
        if (std::isfinite(row.limit)) high = std::max(high, row.limit);
        shown.push_back(row);
        if (shown.size() == kMostBars) break;
    }
    constexpr double kRow = 22, kLabel = 190, kValue = 150;
    Figure figure{.title = "Speedup over dense",
                  .description = {},
                  .width = kWidth,
                  .height = kTop + shown.size() * kRow + 26,
                  .draw = {}};
    for (const ReportSpeedRow& row : shown)
        figure.description += row.kernel + " " + row.shape + ": " + formatNumber(row.speedup, 3) + " times. ";
    figure.draw = [shown, high](cairo_t* cairo) {
        const double scale = (kWidth - kLabel - kValue) / high, bottom = kTop + shown.size() * kRow;
        for (std::size_t i = 0; i < shown.size(); ++i) {
            const double y = kTop + i * kRow, middle = y + kRow / 2;
            drawText(cairo, shown[i].kernel + "  " + shown[i].shape, kLabel - 10, middle,
                     {.size = 10.5, .alignX = 1, .alignY = 0.5, .fit = kLabel - 14});
            fillRect(cairo, kLabel, y + 4, shown[i].speedup * scale, kRow - 8, seriesColor(0));
            if (std::isfinite(shown[i].limit) && shown[i].limit > 0)
                drawLine(cairo, kLabel + shown[i].limit * scale, y + 2, kLabel + shown[i].limit * scale,
                         y + kRow - 2, seriesColor(1), 2);
            drawText(cairo, formatNumber(shown[i].speedup, 3) + "×  " + shown[i].interval,
                     kWidth - kValue + 10, middle,
                     {.size = 10.5, .color = kMuted, .alignY = 0.5, .fit = kValue - 10});
        }
        cairo_set_dash(cairo, kDash, 2, 0);
        drawLine(cairo, kLabel + scale, kTop - 4, kLabel + scale, bottom + 2, kText, 1.1);
        cairo_set_dash(cairo, nullptr, 0, 0);
        drawText(cairo, "1×", kLabel + scale, kTop - 5,
                 {.size = 10.5, .color = kMuted, .alignX = 0.5, .alignY = 1});
        drawText(cairo, "bar: measured; upright mark: what memory traffic allows; dashed: dense", kLabel,
                 bottom + 8, {.size = 10.5, .color = kMuted});
    };
    return figure;
}

}  // namespace tessera
