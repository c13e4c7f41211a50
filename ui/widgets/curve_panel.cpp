#include "ui/widgets/curve_panel.h"

#include <algorithm>
#include <cmath>

namespace tessera::ui {

namespace {

const ThemeTokens& tokens() {
    return Theme::instance().tokens();
}

}  // namespace

PanelLegend::PanelLegend(QCustomPlot* plot) : QCPLayoutElement(plot) {
    setAutoMargins(QCP::msNone);
    setMargins({});
}

QSize PanelLegend::minimumOuterSizeHint() const {
    return {0, QFontMetrics(mParentPlot->font()).height() + 6};
}

void PanelLegend::draw(QCPPainter* painter) {
    if (!content) return;
    std::vector<Entry> entries;
    QString right;
    content(entries, right);
    const QFont font = mParentPlot->font();
    const QFontMetrics metrics(font);
    painter->setFont(font);
    const auto area = outerRect();
    const int from = above ? above->rect().left() : area.left();
    const int to = above ? above->rect().right() : area.right();
    const int middle = area.center().y() + 1, gap = metrics.horizontalAdvance(QLatin1Char('x'));
    const auto write = [&](int x, const QColor& colour, const QString& text) {
        painter->setPen(colour);
        painter->drawText(QRect(x, area.top(), metrics.horizontalAdvance(text) + 2, area.height()),
                          Qt::AlignLeft | Qt::AlignVCenter, text);
    };
    int end = to;
    if (!right.isEmpty()) {
        end -= metrics.horizontalAdvance(right);
        write(end, tokens().text, right);
        end -= 2 * gap;
    }
    // Long enough for a dash pattern to be told from a line.
    const auto swatch = [&](const Entry& entry) {
        return entry.plain ? 0 : entry.dash == Qt::SolidLine ? 2 * gap : 3 * gap + gap / 2;
    };
    // Names go before values do: a colour with a number is still read.
    const auto widthOf = [&](const Entry& entry, bool named) {
        return swatch(entry) + (swatch(entry) ? gap : 0) +
               (named ? metrics.horizontalAdvance(entry.name) : 0) +
               (entry.value.isEmpty() ? 0 : gap + metrics.horizontalAdvance(entry.value)) + 2 * gap;
    };
    int whole = 0;
    for (const auto& entry : entries) whole += widthOf(entry, true);
    int x = from;
    for (const auto& entry : entries) {
        const bool named = whole <= end - from || entry.plain;
        if (x + widthOf(entry, named) - 2 * gap > end) {
            if (x + gap < end) write(x, tokens().textMuted, QStringLiteral("…"));
            break;
        }
        if (!entry.plain) {
            painter->setAntialiasing(true);
            if (entry.band) {
                painter->setPen(Qt::NoPen);
                painter->setBrush(entry.colour);
                painter->drawRect(QRectF(x, middle - gap / 2.0, 2 * gap, gap));
                painter->setBrush(Qt::NoBrush);
            } else {
                QPen pen(entry.colour, 2, entry.dash);
                pen.setCapStyle(Qt::FlatCap);
                painter->setPen(pen);
                painter->drawLine(QLineF(x, middle, x + swatch(entry), middle));
            }
        }
        int at = x + swatch(entry) + (entry.plain ? 0 : gap);
        if (named) {
            write(at, tokens().textMuted, entry.name);
            at += metrics.horizontalAdvance(entry.name);
        }
        if (!entry.value.isEmpty()) write(at + (named ? gap : 0), tokens().text, entry.value);
        x += widthOf(entry, named);
    }
}

PanelLines::PanelLines(QCPAxisRect* rect, const std::vector<Mark>* marks, bool namesMarks)
    : QCPLayerable(rect->parentPlot(), QStringLiteral("main"), rect),
      m_rect(rect),
      m_marks(marks),
      m_namesMarks(namesMarks) {}

void PanelLines::draw(QCPPainter* painter) {
    const auto area = m_rect->rect();
    const QFont font = mParentPlot->font();
    const QFontMetrics metrics(font);
    painter->setFont(font);
    painter->setAntialiasing(false);
    const auto* keys = m_rect->axis(QCPAxis::atBottom);
    for (const auto& mark : *m_marks) {
        if (!keys->range().contains(mark.x)) continue;
        const int x = static_cast<int>(std::lround(keys->coordToPixel(mark.x)));
        painter->setPen(QPen(tokens().textMuted, 1, Qt::DotLine));
        painter->drawLine(QLine(x, area.top(), x, area.bottom()));
        if (!m_namesMarks) continue;
        const int width = metrics.horizontalAdvance(mark.name);
        painter->setPen(tokens().textMuted);
        painter->drawText(QRect(x + 4 + width < area.right() ? x + 4 : x - 4 - width, area.top() + 2,
                                width + 1, metrics.height()),
                          Qt::AlignLeft, mark.name);
    }
    for (const auto& target : targets) {
        if (!target.axis->range().contains(target.value)) continue;
        const int y = static_cast<int>(std::lround(target.axis->coordToPixel(target.value)));
        painter->setPen(QPen(tokens().target, 1, Qt::DashLine));
        painter->drawLine(QLine(area.left(), y, area.right(), y));
    }
}

PanelOverlay::PanelOverlay(QCPAxisRect* rect)
    : QCPLayerable(rect->parentPlot(), QStringLiteral("overlay"), rect), m_rect(rect) {}

void PanelOverlay::draw(QCPPainter* painter) {
    const auto area = m_rect->rect();
    if (!sentence.isEmpty()) {
        painter->setFont(mParentPlot->font());
        painter->setPen(tokens().textMuted);
        painter->drawText(area.adjusted(8, 8, -8, -8), Qt::AlignCenter | Qt::TextWordWrap, sentence);
    }
    if (!x) return;
    const double at = m_rect->axis(QCPAxis::atBottom)->coordToPixel(*x);
    if (!std::isfinite(at) || at < area.left() || at > area.right() + 1) return;
    painter->setAntialiasing(false);
    painter->setPen(QPen(tokens().textMuted, 1));
    const int pixel = static_cast<int>(std::lround(at));
    painter->drawLine(QLine(pixel, area.top(), pixel, area.bottom()));
    if (!dots) return;
    painter->setAntialiasing(true);
    for (const auto& dot : dots(*x)) {
        painter->setPen(QPen(tokens().surface, 1.5));
        painter->setBrush(dot.colour);
        painter->drawEllipse(dot.at, 4, 4);
    }
    painter->setBrush(Qt::NoBrush);
}

}  // namespace tessera::ui
