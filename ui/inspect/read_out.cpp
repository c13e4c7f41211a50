#include "ui/inspect/read_out.h"

#include <QStringList>
#include <algorithm>
#include <cmath>

#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr QChar kNoBreak(0xa0);

QString keptText(std::int64_t kept, std::int64_t of) {
    return QStringLiteral("kept %1 of %2 (%3)")
        .arg(groupedDigits(kept), groupedDigits(of),
             percentText(static_cast<double>(kept) / static_cast<double>(std::max<std::int64_t>(of, 1))));
}

QString spanText(const QString& what, std::int64_t first, std::int64_t count) {
    return QStringLiteral("%1 %2–%3").arg(what).arg(first).arg(first + count - 1);
}

QString kindsText(const MatrixSummary& summary) {
    if (!summary.pruned) return QStringLiteral("not pruned by this run");
    QStringList parts;
    for (const auto kind : {TileKind::Dense, TileKind::TwoFour, TileKind::Unstructured, TileKind::Empty})
        if (const auto count = summary.kinds[static_cast<std::size_t>(kind)]; count > 0)
            parts << tileKindText(kind) + QLatin1Char(' ') + groupedDigits(count);
    return QStringLiteral("tiles: ") + parts.join(QStringLiteral(", "));
}

}  // namespace

QString groupedDigits(std::int64_t number) {
    auto text = QString::number(number);
    for (auto at = text.size() - 3; at > 0; at -= 3) text.insert(at, kNoBreak);
    return text;
}

QString weightText(double value) {
    const double size = std::abs(value);
    // Three significant digits with their zeros, so that columns of them can be compared at a glance; tiny
    // ones shorter, so that all fit a cell of one width.
    auto text =
        size == 0 || (size >= 1e-3 && size < 1e3)
            ? QString::number(
                  value, 'f',
                  size == 0 ? 0 : std::clamp(2 - static_cast<int>(std::floor(std::log10(size))), 0, 5))
            : QString::number(value, 'e', 1);
    text.replace(QLatin1String("e-0"), QLatin1String("e-")).replace(QLatin1String("e+0"), QLatin1String("e"));
    return text.replace(QLatin1Char('-'), QChar(0x2212));
}

QString probabilityText(double value) {
    if (value > 0 && value < 0.0005) return QStringLiteral("< 0.001");
    if (value < 1 && value > 0.9995) return QStringLiteral("> 0.999");
    return QString::number(value, 'f', 3);
}

QString matrixTitle(const MatrixInfo& info) {
    return QStringLiteral("Block %1 %2").arg(info.block).arg(info.label);
}

QString colouringText(Colouring colouring, const MapData& data) {
    switch (colouring) {
        case Colouring::Density:
            return QStringLiteral("Density");
        case Colouring::TileDensity:
            return QStringLiteral("Density of tiles");
        case Colouring::TileKind:
            return QStringLiteral("Kind of tiles");
        case Colouring::Kept:
            return QStringLiteral("Kept and pruned");
        case Colouring::Magnitude:
            return QStringLiteral("Magnitude |w|");
        case Colouring::Gate:
            return QStringLiteral("Gate probability (step %1)").arg(data.gateStep);
        case Colouring::Changed:
            break;
    }
    return QStringLiteral("Changed since the last snapshot");
}

QString readOut(const MapData& data, const Navigator& navigator, const Place& place) {
    if (navigator.empty() || !data.frame || place.matrix < 0) return {};
    const auto index = static_cast<std::size_t>(place.matrix);
    const auto& info = data.structure->matrices[index];
    const auto& summary = data.frame->summary[index];
    const auto* detail = data.detailOf(place.matrix);
    QStringList parts{matrixTitle(info)};
    if (navigator.level() == Level::Model) {
        parts << QStringLiteral("%1 rows × %2 columns").arg(info.rows).arg(info.cols)
              << keptText(summary.kept, info.elements()) << kindsText(summary);
        if (data.changes && data.changes->step == data.frame->step)
            parts << QStringLiteral("changed since step %1: %2 weights")
                         .arg(data.changes->previousStep)
                         .arg(groupedDigits(data.changes->changed[index]));
        return parts.join(QStringLiteral("  ·  "));
    }

    const auto& structure = *data.structure;
    const auto tileRow = place.row / structure.tileRows, tileCol = place.col / structure.tileCols;
    const auto top = tileRow * structure.tileRows, left = tileCol * structure.tileCols;
    const auto rows = std::min(structure.tileRows, info.rows - top),
               cols = std::min(structure.tileCols, info.cols - left);
    const auto tile = static_cast<std::size_t>(tileRow * structure.gridCols(place.matrix) + tileCol);
    const auto kept =
        detail ? keptWithin(detail->mask, top, left, top + rows, left + cols)
               : static_cast<std::int64_t>(static_cast<double>(data.frame->tiles[index].density[tile]) *
                                               static_cast<double>(rows * cols) +
                                           0.5);
    const auto kind = summary.pruned ? tileKindText(data.frame->tiles[index].kind[tile])
                                     : QStringLiteral("not pruned by this run");
    const auto tileText = QStringLiteral("tile (%1, %2)").arg(tileRow).arg(tileCol);
    if (navigator.level() == Level::Matrix) {
        parts << tileText << spanText(QStringLiteral("rows"), top, rows)
              << spanText(QStringLiteral("columns"), left, cols) << keptText(kept, rows * cols) << kind;
        if (detail && tile < detail->tileGates.size())
            parts << QStringLiteral("gate %1 at step %2")
                         .arg(probabilityText(static_cast<double>(detail->tileGates[tile])))
                         .arg(data.gateStep);
        if (detail && detail->hasChanges)
            parts << QStringLiteral("%1 changed since step %2")
                         .arg(groupedDigits(keptWithin(detail->changed, top, left, top + rows, left + cols)))
                         .arg(detail->previousStep);
        return parts.join(QStringLiteral("  ·  "));
    }

    parts << QStringLiteral("row %1, column %2").arg(place.row).arg(place.col);
    if (detail) {
        const auto at = place.row * info.cols + place.col;
        parts << (detail->mask.keeps(at) ? QStringLiteral("kept") : QStringLiteral("pruned"));
        if (const auto* values = data.valuesOf(place.matrix, tileRow, tileCol)) {
            if (!values->weights.empty())
                parts << QStringLiteral("value ") +
                             weightText(static_cast<double>(values->weight(place.row, place.col)));
            if (!values->gates.empty())
                parts << QStringLiteral("gate %1 at step %2")
                             .arg(probabilityText(static_cast<double>(values->gate(place.row, place.col))))
                             .arg(data.gateStep);
        }
        if (detail->hasChanges && detail->changed.keeps(at))
            parts << QStringLiteral("changed since step %1").arg(detail->previousStep);
        const auto first = place.col / 4 * 4, end = std::min(first + 4, info.cols);
        parts << QStringLiteral("group keeps %1 of %2")
                     .arg(keptWithin(detail->mask, place.row, first, place.row + 1, end))
                     .arg(end - first);
    }
    parts << tileText + QStringLiteral(": ") + keptText(kept, rows * cols) + QStringLiteral(", ") + kind;
    return parts.join(QStringLiteral("  ·  "));
}

}  // namespace tessera::ui
