#include "ui/inspect/colour_map.h"

#include <cmath>

namespace tessera::ui {

namespace {

// Ten evenly spaced colours of Matplotlib's tables (CC0); lightness grows in equal steps.
constexpr std::array<QRgb, 10> kViridis = {0x440154, 0x482878, 0x3e4a89, 0x31688e, 0x26828e,
                                           0x1f9e89, 0x35b779, 0x6ece58, 0xb5de2b, 0xfde725};
constexpr std::array<QRgb, 10> kCividis = {0x00224e, 0x123570, 0x3b496c, 0x575d6d, 0x707173,
                                           0x8a8678, 0xa59c74, 0xc3b369, 0xe1cc55, 0xfee838};

constexpr double kPaperEnd = 0.22;

double luminance(QRgb colour) {
    const auto linear = [](int channel) {
        const double c = channel / 255.0;
        return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(qRed(colour)) + 0.7152 * linear(qGreen(colour)) + 0.0722 * linear(qBlue(colour));
}

}  // namespace

QString paletteName(Palette palette) {
    switch (palette) {
        case Palette::Viridis:
            return QStringLiteral("Viridis");
        case Palette::Cividis:
            return QStringLiteral("Cividis");
        case Palette::Ink:
            break;
    }
    return QStringLiteral("Ink");
}

QRgb mixedColour(QRgb over, QRgb under, double share) {
    const auto mix = [share](int a, int b) {
        return static_cast<int>(std::lround(a * share + b * (1 - share)));
    };
    return qRgb(mix(qRed(over), qRed(under)), mix(qGreen(over), qGreen(under)),
                mix(qBlue(over), qBlue(under)));
}

ColourTable colourTable(Palette palette, const ThemeTokens& tokens) {
    ColourTable table{};
    for (std::size_t i = 0; i < table.size(); ++i) {
        const double share = static_cast<double>(i) / 255.0;
        if (palette == Palette::Ink) {
            table[i] = mixedColour(tokens.ink.rgb(), tokens.paper.rgb(), share);
            continue;
        }
        const auto& stops = palette == Palette::Viridis ? kViridis : kCividis;
        const double at = (tokens.dark ? share : 1 - share) * static_cast<double>(stops.size() - 1);
        const auto low = std::min(static_cast<std::size_t>(at), stops.size() - 2);
        table[i] = mixedColour(stops[low + 1], stops[low], at - static_cast<double>(low));
        // The lowest colours run into the paper, so that what is pruned is paper on these palettes, too.
        if (share < kPaperEnd)
            table[i] = mixedColour(tokens.paper.rgb(), table[i], 0.85 * (1 - share / kPaperEnd));
    }
    return table;
}

QColor readableOn(QRgb background) {
    const double light = luminance(background);
    return (1.05 / (light + 0.05)) > ((light + 0.05) / 0.05) ? QColor(Qt::white) : QColor(0x0b, 0x10, 0x18);
}

}  // namespace tessera::ui
