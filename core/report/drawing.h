#pragma once

#include <cairo.h>

#include <string>
#include <string_view>

namespace tessera {

struct Color {
    double red = 0;
    double green = 0;
    double blue = 0;
};

constexpr Color colorOf(unsigned rgb) {
    return {(rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0};
}

/// Paper and ink. Ink stands for kept weights everywhere.
constexpr Color kPaper = colorOf(0xffffff);
constexpr Color kInk = colorOf(0x16263d);
constexpr Color kText = colorOf(0x1f2733);
constexpr Color kMuted = colorOf(0x5b6675);
constexpr Color kGrid = colorOf(0xe4e7eb);
constexpr Color kBlank = colorOf(0xf3f1ec);

/// Colour of the n-th series: told apart with every common colour blindness (Okabe and Ito), dark enough on
/// white for thin lines.
Color seriesColor(std::size_t index);

struct TextStyle {
    double size = 11;
    Color color = kText;
    bool bold = false;
    bool mono = false;
    double alignX = 0;  ///< 0: x is the left edge, 0.5: the middle, 1: the right edge
    double alignY = 0;  ///< likewise from the top
    double wrap = 0;    ///< width at which lines break; 0: never
    double fit = 0;     ///< width at which the end is replaced with an ellipsis; 0: never
};

struct TextSize {
    double width = 0;
    double height = 0;
};

/// Valid UTF-8 without control characters but line feed: bytes that are not become U+FFFD, controls a space.
std::string cleanText(std::string_view text);

/// The `text` is cleaned first.
TextSize measureText(cairo_t* cairo, std::string_view text, const TextStyle& style);
TextSize drawText(cairo_t* cairo, std::string_view text, double x, double y, const TextStyle& style);

void setColor(cairo_t* cairo, const Color& color, double alpha = 1);
void fillRect(cairo_t* cairo, double x, double y, double width, double height, const Color& color);
void drawLine(cairo_t* cairo, double x1, double y1, double x2, double y2, const Color& color, double width);

}  // namespace tessera
