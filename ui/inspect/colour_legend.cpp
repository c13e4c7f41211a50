#include "ui/inspect/colour_legend.h"

#include <QPainter>
#include <cmath>

#include "ui/inspect/read_out.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr double kBarWidth = 120;

QString magnitudeText(double exponent) {
    return numberText(std::pow(10.0, exponent), 2);
}

}  // namespace

ColourLegend::ColourLegend(QWidget* parent) : QWidget(parent) {
    auto policy = sizePolicy();
    policy.setHeightForWidth(true);
    policy.setVerticalPolicy(QSizePolicy::Minimum);
    setSizePolicy(policy);
    setAccessibleName(tr("Legend"));
}

void ColourLegend::show(const HeatmapView& view) {
    const auto& tokens = Theme::instance().tokens();
    const auto& data = view.data();
    const auto& navigator = view.navigator();
    const auto colouring = view.look().colouring;
    const auto& range = view.range();
    m_palette = colouring == Colouring::Changed ? Palette::Ink : view.look().palette;
    m_items.clear();
    const auto swatch = [&](const QColor& colour, const QString& text) {
        m_items.push_back({colour, false, false, {}, text});
    };
    const auto bar = [&](const QString& low, const QString& high) {
        const bool strong = range.adapted;
        m_items.push_back({{}, true, strong, low, high});
    };
    switch (colouring) {
        case Colouring::Density:
        case Colouring::TileDensity:
            bar(percentText(range.low, range.adapted ? 1 : 0),
                percentText(range.high, range.adapted ? 1 : 0) + QStringLiteral(" of weights kept"));
            break;
        case Colouring::TileKind: {
            if (!data.frame) break;
            std::array<std::int64_t, kTileKinds> counts{};
            std::int64_t all = 0;
            const auto add = [&](const MatrixSummary& summary) {
                for (std::size_t k = 0; k < counts.size(); ++k) counts[k] += summary.kinds[k];
                all += summary.tiles;
            };
            if (navigator.level() == Level::Model)
                for (const auto& summary : data.frame->summary) add(summary);
            else if (!navigator.empty())
                add(data.frame->summary[static_cast<std::size_t>(navigator.selected().matrix)]);
            const MapPainter painter(data, view.look(), tokens);
            for (const auto kind :
                 {TileKind::Dense, TileKind::TwoFour, TileKind::Unstructured, TileKind::Empty}) {
                const auto count = counts[static_cast<std::size_t>(kind)];
                // Dense and 2:4 are what tiles are chosen between; the others are told where there are some.
                if (count == 0 && (kind == TileKind::Empty || !(data.claimsTiles || data.claimsTwoFour)))
                    continue;
                if (count == 0 && kind == TileKind::Unstructured) continue;
                swatch(QColor::fromRgb(painter.kindColour(kind)),
                       QStringLiteral("%1: %2 tiles (%3)")
                           .arg(tileKindText(kind), groupedDigits(count),
                                percentText(static_cast<double>(count) /
                                            static_cast<double>(std::max<std::int64_t>(all, 1)))));
            }
            break;
        }
        case Colouring::Magnitude:
            bar(magnitudeText(range.low), magnitudeText(range.high) + QStringLiteral(" |w|, logarithmic"));
            swatch(tokens.paper, QStringLiteral("pruned: faint"));
            break;
        case Colouring::Gate:
            bar(QStringLiteral("0"), (navigator.level() == Level::Matrix
                                          ? QStringLiteral("1 probability that a tile stays dense, step %1")
                                          : QStringLiteral("1 probability of being kept, step %1"))
                                         .arg(data.gateStep));
            break;
        case Colouring::Changed:
            if (navigator.level() < Level::Tile) {
                bar(percentText(0, 0), percentText(range.high, range.high < 0.001 ? 4 : 2) +
                                           QStringLiteral(" of weights changed"));
            } else {
                swatch(tokens.good, QStringLiteral("kept now, pruned before"));
                swatch(tokens.bad, QStringLiteral("pruned now, kept before"));
            }
            break;
        case Colouring::Kept:
            break;
    }
    if (colouring == Colouring::Kept) {
        swatch(tokens.ink, tr("ink: kept"));
        swatch(tokens.paper, tr("paper: pruned"));
    } else if (colouring == Colouring::Density || colouring == Colouring::TileDensity) {
        m_items.push_back({{}, false, false, {}, tr("Ink is kept, paper is pruned.")});
    }
    if ((data.claimsTwoFour || data.claimsTiles) && navigator.level() >= Level::Tile)
        m_items.push_back({tokens.bad, false, false, {}, QStringLiteral("outlined: not 2 of 4")});
    setAccessibleDescription(text());
    updateGeometry();
    update();
}

QString ColourLegend::text() const {
    QStringList parts;
    for (const auto& item : m_items)
        parts << (item.bar ? item.low + QStringLiteral(" – ") + item.text : item.text);
    return parts.join(QStringLiteral("; "));
}

double ColourLegend::lineHeight() const {
    return std::ceil(fontMetrics().height() * 1.35);
}

double ColourLegend::itemWidth(const Item& item) const {
    QFont strong = font();
    strong.setBold(item.strong);
    const QFontMetricsF metrics(strong);
    const double words = metrics.horizontalAdvance(item.text);
    if (item.bar) return metrics.horizontalAdvance(item.low) + kGap + kBarWidth + kGap + words;
    return item.swatch.isValid() ? metrics.height() + kGap * 0.75 + words : words;
}

std::vector<QPointF> ColourLegend::places(double width) const {
    std::vector<QPointF> list;
    double x = 0, y = 0;
    for (const auto& item : m_items) {
        const double wide = itemWidth(item);
        if (x > 0 && x + wide > width) {
            x = 0;
            y += lineHeight();
        }
        list.emplace_back(x, y);
        x += wide + kGap * 3;
    }
    return list;
}

int ColourLegend::heightForWidth(int width) const {
    const auto list = places(width);
    return static_cast<int>((list.empty() ? 0 : list.back().y()) + lineHeight());
}

QSize ColourLegend::sizeHint() const {
    return {fontMetrics().height() * 24, static_cast<int>(lineHeight())};
}

QSize ColourLegend::minimumSizeHint() const {
    return {fontMetrics().height() * 12, static_cast<int>(lineHeight())};
}

void ColourLegend::paintEvent(QPaintEvent*) {
    const auto& tokens = Theme::instance().tokens();
    const auto table = colourTable(m_palette, tokens);
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const auto list = places(width());
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto& item = m_items[i];
        QFont strong = font();
        strong.setBold(item.strong);
        painter.setFont(strong);
        const QFontMetricsF metrics(strong);
        const double height = lineHeight();
        double x = list[i].x();
        const double y = list[i].y();
        const auto word = [&](const QString& text, const QColor& colour) {
            painter.setPen(colour);
            painter.drawText(QRectF(x, y, metrics.horizontalAdvance(text) + 2, height), Qt::AlignVCenter,
                             text);
            x += metrics.horizontalAdvance(text);
        };
        if (item.bar) {
            word(item.low, tokens.text);
            x += kGap;
            QLinearGradient gradient(x, 0, x + kBarWidth, 0);
            for (std::size_t stop = 0; stop <= 16; ++stop)
                gradient.setColorAt(static_cast<double>(stop) / 16,
                                    QColor::fromRgb(table[std::min<std::size_t>(255, stop * 16)]));
            const double thick = metrics.height() * 0.7;
            painter.setPen(QPen(tokens.border, 1));
            painter.setBrush(gradient);
            painter.drawRoundedRect(QRectF(x + 0.5, y + (height - thick) / 2, kBarWidth - 1, thick), 2, 2);
            x += kBarWidth + kGap;
            word(item.text, tokens.text);
            continue;
        }
        if (!item.swatch.isValid()) {
            word(item.text, tokens.textMuted);
            continue;
        }
        const double side = metrics.height() * 0.8;
        painter.setPen(QPen(tokens.border, 1));
        painter.setBrush(item.swatch);
        const bool outline = item.swatch == tokens.bad && item.text.startsWith(QLatin1String("outlined"));
        if (outline) {
            painter.setPen(QPen(item.swatch, 2));
            painter.setBrush(Qt::NoBrush);
        }
        painter.drawRoundedRect(QRectF(x + 0.5, y + (height - side) / 2, side, side), 2, 2);
        x += metrics.height() + kGap * 0.75;
        word(item.text, tokens.textMuted);
    }
}

}  // namespace tessera::ui
