#include "core/report/pdf.h"

#include <cairo-pdf.h>

#include <algorithm>
#include <memory>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/report/document.h"
#include "core/report/drawing.h"

namespace tessera {

namespace {

constexpr double kPageWidth = 595.276, kPageHeight = 841.89;  // A4 in points
constexpr double kMarginX = 52, kMarginTop = 56, kMarginBottom = 60;
constexpr double kColumn = kPageWidth - 2 * kMarginX;
constexpr double kBottom = kPageHeight - kMarginBottom;

cairo_status_t append(void* closure, const unsigned char* data, unsigned int length) {
    static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
    return CAIRO_STATUS_SUCCESS;
}

/// Sets the blocks down the page and turns it where the next does not fit.
class PdfWriter {
  public:
    PdfWriter(cairo_t* cairo, std::string title) : m_cairo(cairo), m_title(std::move(title)) {}

    void operator()(const ReportHeading& heading) {
        constexpr double kSizes[] = {19, 15, 9.5};
        const bool section = heading.level >= 3;
        const double size = kSizes[std::clamp(heading.level, 1, 3) - 1];
        if (heading.level == 2 && m_sections++ > 0) turnPage();
        reserve(m_following + (section ? 44 : 80));
        m_y += m_y > kMarginTop ? (section ? 20 : 24) : 0;
        const TextStyle style{.size = size, .color = section ? kMuted : kInk, .bold = true, .wrap = kColumn};
        m_y += drawText(m_cairo, heading.text, kMarginX, m_y, style).height + (section ? 7 : 10);
    }

    void operator()(const ReportParagraph& paragraph) {
        const double inset = paragraph.warn ? 10 : 0;
        TextStyle style{.size = paragraph.lead ? 12.0 : 9.5, .wrap = kColumn - 2 * inset};
        if (paragraph.warn) style.color = colorOf(0x6b4300);
        const double height = measureText(m_cairo, paragraph.text, style).height;
        reserve(height + 2 * inset);
        if (paragraph.warn) fillRect(m_cairo, kMarginX, m_y, kColumn, height + 2 * inset, colorOf(0xfdf1dc));
        drawText(m_cairo, paragraph.text, kMarginX + inset, m_y + inset, style);
        m_y += height + 2 * inset + 8;
    }

    void operator()(const ReportTiles& tiles) {
        reserve(66);
        m_y += 6;
        drawLine(m_cairo, kMarginX, m_y, kMarginX + kColumn, m_y, kGrid, 0.8);
        const double width = kColumn / std::max<std::size_t>(4, tiles.tiles.size());
        double x = kMarginX;
        for (const ReportTile& tile : tiles.tiles) {
            const double fit = width - 8;
            drawText(m_cairo, tile.label, x, m_y + 8, {.size = 8, .color = kMuted, .fit = fit});
            drawText(m_cairo, tile.value, x, m_y + 19, {.size = 16, .color = kInk, .bold = true, .fit = fit});
            drawText(m_cairo, tile.note, x, m_y + 40, {.size = 8, .color = kMuted, .fit = fit});
            x += width;
        }
        m_y += 58;
        drawLine(m_cairo, kMarginX, m_y, kMarginX + kColumn, m_y, kGrid, 0.8);
        m_y += 6;
    }

    void operator()(const ReportTable& table) {
        double shares = 0;
        for (const auto& column : table.columns) shares += column.share;
        if (table.folded) return;
        std::vector<std::string> names;
        for (const auto& column : table.columns) names.push_back(column.name);
        if (!table.plain) drawRow(table, names, shares, true);
        for (const auto& row : table.rows) {
            if (m_y + rowHeight(table, row, shares, false) > kBottom) {
                turnPage();
                if (!table.plain) drawRow(table, names, shares, true);
            }
            drawRow(table, row, shares, false);
        }
        m_y += 8;
    }

    void operator()(const Figure& figure) {
        const double scale = scaleOf(figure);
        reserve(figure.height * scale + 24);
        m_y += drawText(m_cairo, figure.title, kMarginX, m_y, {.size = 9.5, .bold = true}).height + 5;
        cairo_save(m_cairo);
        cairo_translate(m_cairo, kMarginX, m_y);
        cairo_scale(m_cairo, scale, scale);
        figure.draw(m_cairo);
        cairo_restore(m_cairo);
        m_y += figure.height * scale + 12;
    }

    void operator()(const ReportCode& code) {
        const TextStyle style{.size = 8.5, .mono = true, .wrap = kColumn - 20};
        const double height = measureText(m_cairo, code.text, style).height;
        reserve(height + 20);
        fillRect(m_cairo, kMarginX, m_y, kColumn, height + 20, kBlank);
        drawText(m_cairo, code.text, kMarginX + 10, m_y + 10, style);
        m_y += height + 28;
    }

    void finish() {
        if (m_y > kMarginTop || m_page == 0) turnPage();
    }
    /// What follows the next heading: the two stay together.
    void announce(const ReportBlock* following) {
        const Figure* figure = following ? std::get_if<Figure>(following) : nullptr;
        m_following = figure ? figure->height * scaleOf(*figure) + 24 : 60;
    }

  private:
    /// Fills the column, or the page below a heading where the figure is tall.
    static double scaleOf(const Figure& figure) {
        return std::min(kColumn / figure.width, (kBottom - kMarginTop - 80) / figure.height);
    }
    static double widthOf(const ReportTable& table, std::size_t column, double shares) {
        return kColumn * table.columns[column].share / shares;
    }
    TextStyle cellStyle(const ReportTable& table, std::size_t column, double shares, bool header) const {
        TextStyle style{.size = 8.5, .wrap = widthOf(table, column, shares) - 8};
        if (header || (table.plain && column == 0)) style.color = kMuted;
        style.bold = header;
        return style;
    }
    double rowHeight(const ReportTable& table, const std::vector<std::string>& row, double shares,
                     bool header) {
        double height = 0;
        for (std::size_t i = 0; i < std::min(row.size(), table.columns.size()); ++i)
            height =
                std::max(height, measureText(m_cairo, row[i], cellStyle(table, i, shares, header)).height);
        // A cell longer than a page is cut rather than pushed on for ever.
        return std::min(height + 7, kBottom - kMarginTop - 30);
    }
    void drawRow(const ReportTable& table, const std::vector<std::string>& row, double shares, bool header) {
        const double height = rowHeight(table, row, shares, header);
        if (header) reserve(height + 20);
        double x = kMarginX;
        cairo_save(m_cairo);
        cairo_rectangle(m_cairo, kMarginX - 2, m_y, kColumn + 4, height + 1);
        cairo_clip(m_cairo);
        for (std::size_t i = 0; i < std::min(row.size(), table.columns.size()); ++i) {
            TextStyle style = cellStyle(table, i, shares, header);
            const double width = widthOf(table, i, shares);
            const bool number = table.columns[i].number;
            const bool last = i + 1 == table.columns.size();
            // Flush right by the drawn width, which for wrapped text is its widest line.
            style.alignX = number ? 1 : 0;
            drawText(m_cairo, row[i], number ? x + width - (last ? 0 : 8) : x, m_y + 3.5, style);
            x += width;
        }
        cairo_restore(m_cairo);
        m_y += height;
        drawLine(m_cairo, kMarginX, m_y, kMarginX + kColumn, m_y, kGrid, 0.6);
    }

    void reserve(double height) {
        if (m_y > kMarginTop && m_y + height > kBottom) turnPage();
    }
    void turnPage() {
        ++m_page;
        const TextStyle style{.size = 8, .color = kMuted, .fit = kColumn - 60};
        drawText(m_cairo, m_title, kMarginX, kPageHeight - 38, style);
        TextStyle right = style;
        right.fit = 0, right.alignX = 1;
        drawText(m_cairo, std::to_string(m_page), kPageWidth - kMarginX, kPageHeight - 38, right);
        cairo_show_page(m_cairo);
        m_y = kMarginTop;
    }

    cairo_t* m_cairo;
    std::string m_title;
    double m_y = kMarginTop;
    double m_following = 60;
    int m_page = 0;
    int m_sections = 0;
};

}  // namespace

void writePdf(const std::filesystem::path& path, const std::vector<ReportData>& runs) {
    const std::vector<ReportBlock> blocks = composeReport(runs);
    const std::string title = cleanText(std::get<ReportHeading>(blocks.front()).text);
    std::string bytes;
    {
        std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> surface(
            cairo_pdf_surface_create_for_stream(append, &bytes, kPageWidth, kPageHeight),
            cairo_surface_destroy);
        cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, title.c_str());
        cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATOR, "Tessera " TESSERA_VERSION);
        std::unique_ptr<cairo_t, decltype(&cairo_destroy)> cairo(cairo_create(surface.get()), cairo_destroy);
        PdfWriter writer(cairo.get(), title + " – Tessera");
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            writer.announce(i + 1 < blocks.size() ? &blocks[i + 1] : nullptr);
            std::visit(writer, blocks[i]);
        }
        writer.finish();
        cairo_surface_finish(surface.get());
        if (cairo_status(cairo.get()) != CAIRO_STATUS_SUCCESS)
            throw Error(ErrorCode::Internal,
                        std::string("could not set the report's pages: ") +
                            cairo_status_to_string(cairo_status(cairo.get())),
                        path.string());
    }
    writeFileAtomically(path, bytes);
}

}  // namespace tessera
