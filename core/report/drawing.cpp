#include "core/report/drawing.h"

#include <glib.h>
#include <pango/pangocairo.h>

#include <memory>

namespace tessera {

namespace {

constexpr const char* kSans = "Inter, Source Sans 3, Noto Sans, Cantarell, DejaVu Sans, sans-serif";
constexpr const char* kMono = "JetBrains Mono, Source Code Pro, DejaVu Sans Mono, monospace";

struct Unref {
    void operator()(PangoLayout* layout) const { g_object_unref(layout); }
    void operator()(PangoFontDescription* font) const { pango_font_description_free(font); }
    void operator()(cairo_font_options_t* options) const { cairo_font_options_destroy(options); }
};

std::unique_ptr<PangoLayout, Unref> layoutOf(cairo_t* cairo, std::string_view text, const TextStyle& style) {
    std::unique_ptr<PangoLayout, Unref> layout(pango_cairo_create_layout(cairo));
    // Unhinted, so that a line has the same width in every output.
    std::unique_ptr<cairo_font_options_t, Unref> options(cairo_font_options_create());
    cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
    PangoContext* context = pango_layout_get_context(layout.get());
    pango_cairo_context_set_font_options(context, options.get());
    pango_context_set_round_glyph_positions(context, false);
    pango_layout_context_changed(layout.get());

    std::unique_ptr<PangoFontDescription, Unref> font(pango_font_description_new());
    pango_font_description_set_family(font.get(), style.mono ? kMono : kSans);
    pango_font_description_set_absolute_size(font.get(), style.size * PANGO_SCALE);
    if (style.bold) pango_font_description_set_weight(font.get(), PANGO_WEIGHT_SEMIBOLD);
    pango_layout_set_font_description(layout.get(), font.get());

    const std::string cleaned = cleanText(text);
    pango_layout_set_text(layout.get(), cleaned.data(), int(cleaned.size()));
    if (style.wrap > 0) {
        pango_layout_set_width(layout.get(), int(style.wrap * PANGO_SCALE));
        pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
        pango_layout_set_line_spacing(layout.get(), 1.25f);
        if (style.alignX == 1) pango_layout_set_alignment(layout.get(), PANGO_ALIGN_RIGHT);
    } else if (style.fit > 0) {
        pango_layout_set_width(layout.get(), int(style.fit * PANGO_SCALE));
        pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
        pango_layout_set_single_paragraph_mode(layout.get(), true);
    }
    return layout;
}

/// The box of the lines; its left edge is not the layout's where they are set flush right.
struct Box {
    double left = 0;
    TextSize size;
};

Box boxOf(PangoLayout* layout) {
    PangoRectangle logical;
    pango_layout_get_extents(layout, nullptr, &logical);
    return {double(logical.x) / PANGO_SCALE,
            {double(logical.width) / PANGO_SCALE, double(logical.height) / PANGO_SCALE}};
}

}  // namespace

Color seriesColor(std::size_t index) {
    constexpr unsigned kColors[] = {0x0072b2, 0xc14f00, 0x00805c, 0x9c4a83, 0x8a6d00, 0x2b2b2b};
    return colorOf(kColors[index % std::size(kColors)]);
}

std::string cleanText(std::string_view text) {
    std::string printable(text);
    for (char& c : printable)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) c = ' ';
    gchar* made = g_utf8_make_valid(printable.data(), gssize(printable.size()));
    std::string valid(made);
    g_free(made);
    return valid;
}

TextSize measureText(cairo_t* cairo, std::string_view text, const TextStyle& style) {
    return boxOf(layoutOf(cairo, text, style).get()).size;
}

TextSize drawText(cairo_t* cairo, std::string_view text, double x, double y, const TextStyle& style) {
    const auto layout = layoutOf(cairo, text, style);
    const auto [left, size] = boxOf(layout.get());
    setColor(cairo, style.color);
    cairo_move_to(cairo, x - left - size.width * style.alignX, y - size.height * style.alignY);
    pango_cairo_show_layout(cairo, layout.get());
    cairo_new_path(cairo);
    return size;
}

void setColor(cairo_t* cairo, const Color& color, double alpha) {
    cairo_set_source_rgba(cairo, color.red, color.green, color.blue, alpha);
}

void fillRect(cairo_t* cairo, double x, double y, double width, double height, const Color& color) {
    setColor(cairo, color);
    cairo_rectangle(cairo, x, y, width, height);
    cairo_fill(cairo);
}

void drawLine(cairo_t* cairo, double x1, double y1, double x2, double y2, const Color& color, double width) {
    setColor(cairo, color);
    cairo_set_line_width(cairo, width);
    cairo_move_to(cairo, x1, y1);
    cairo_line_to(cairo, x2, y2);
    cairo_stroke(cairo);
}

}  // namespace tessera
