#pragma once

#include <QString>

#include "ui/inspect/map_painter.h"
#include "ui/inspect/navigator.h"

namespace tessera::ui {

/// What is at a place, in one line: the strip under the map and what a screen reader hears. Counts are exact
/// where the mask has been read, and the map's otherwise.
QString readOut(const MapData& data, const Navigator& navigator, const Place& place);

/// "attn.q", without its block; "Block 12 attn.q" with it.
QString matrixTitle(const MatrixInfo& info);
QString colouringText(Colouring colouring,
                      const MapData& data);  ///< as a choice: "Density", "Gate (step 120)"
QString groupedDigits(std::int64_t number);  ///< "16 384"
/// A weight as it is printed: three significant digits (two below 0.001) and a true minus.
QString weightText(double value);
QString probabilityText(double value);

}  // namespace tessera::ui
