#pragma once

#include <QColor>
#include <QString>
#include <array>

#include "ui/theme/theme.h"

namespace tessera::ui {

enum class Palette { Viridis, Cividis, Ink };
QString paletteName(Palette palette);

/// 256 colours from nothing kept to all kept. What is kept is always at the ink's end: on light paper the
/// perceptual palettes run from their light end to their dark one, on dark paper the other way.
using ColourTable = std::array<QRgb, 256>;
ColourTable colourTable(Palette palette, const ThemeTokens& tokens);

inline QRgb colourAt(const ColourTable& table, double share) {
    const int index = static_cast<int>(share * 255.0 + 0.5);
    return table[static_cast<std::size_t>(index < 0 ? 0 : index > 255 ? 255 : index)];
}
QRgb mixedColour(QRgb over, QRgb under, double share);
/// Black or white, whichever is easier to read on it.
QColor readableOn(QRgb background);

}  // namespace tessera::ui
