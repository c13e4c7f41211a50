#include "ui/run/layer_strip.h"

#include <QRegularExpression>
#include <algorithm>
#include <cmath>

#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

int blockOf(const QString& name) {
    static const QRegularExpression number(QStringLiteral("\\.(\\d+)\\."));
    const auto match = number.match(name);
    return match.hasMatch() ? match.captured(1).toInt() : -1;
}

double lower(float least) {
    return std::floor(static_cast<double>(least) * 20) / 20;
}
double upper(float least, float greatest) {
    return std::max(lower(least) + 0.05, std::ceil(static_cast<double>(greatest) * 20) / 20);
}

}  // namespace

QString shortMatrixName(const QString& name) {
    static const QRegularExpression parts(QStringLiteral("\\.(\\d+)\\.(.+?)(_proj)?\\.weight$"));
    const auto match = parts.match(name);
    return match.hasMatch() ? QStringLiteral("block %1 %2").arg(match.captured(1), match.captured(2)) : name;
}

LayerStrip::LayerStrip(QCPAxis* keyAxis, QCPAxis* valueAxis) : QCPAbstractPlottable(keyAxis, valueAxis) {
    setSelectable(QCP::stNone);
    removeFromLegend();
    valueAxis->setRangeReversed(true);
    valueAxis->grid()->setVisible(false);
    valueAxis->setTicker(QSharedPointer<QCPAxisTickerText>::create());
}

void LayerStrip::clear() {
    m_names.clear();
    m_steps.clear();
    m_density.clear();
    m_least = 1, m_greatest = 0;
}

void LayerStrip::update(const QStringList& names, const std::vector<double>& steps,
                        const std::vector<std::vector<float>>& density) {
    const auto known = m_steps.size();
    const bool grown = names == m_names && steps.size() >= known &&
                       std::equal(m_steps.begin(), m_steps.end(), steps.begin());
    if (!grown) clear();
    const bool fresh = m_names != names;
    m_names = names;
    for (auto i = m_steps.size(); i < steps.size(); ++i) {
        m_steps.push_back(steps[i]);
        m_density.push_back(density[i]);
        for (const float value : density[i]) {
            if (!std::isfinite(value)) continue;
            m_least = std::min(m_least, value);
            m_greatest = std::max(m_greatest, value);
        }
    }
    if (fresh) labelBlocks();
}

void LayerStrip::labelBlocks() {
    auto ticker = QSharedPointer<QCPAxisTickerText>::create();
    const int rows = static_cast<int>(m_names.size());
    int first = 0;
    std::vector<std::pair<double, int>> centres;
    for (int i = 1; i <= rows; ++i) {
        if (i < rows && blockOf(m_names[i]) == blockOf(m_names[first])) continue;
        centres.push_back({(first + i) / 2.0, blockOf(m_names[first])});
        first = i;
    }
    // At most four names, evenly spread: a strip is low.
    const auto every = std::max<std::size_t>(1, (centres.size() + 3) / 4);
    for (std::size_t i = 0; i < centres.size(); i += every)
        ticker->addTick(centres[i].first, QString::number(centres[i].second));
    mValueAxis->setTicker(ticker);
    mValueAxis->setRange(0, std::max(1, rows));
}

QString LayerStrip::rangeText() const {
    if (empty() || m_least > m_greatest) return {};
    return tr("Kept in each block, from %1 (paper) to %2 (ink)")
        .arg(percentText(lower(m_least), 0), percentText(upper(m_least, m_greatest), 0));
}

std::size_t LayerStrip::nearest(double step) const {
    const auto after = std::lower_bound(m_steps.begin(), m_steps.end(), step);
    if (after == m_steps.end()) return m_steps.size() - 1;
    if (after == m_steps.begin()) return 0;
    return static_cast<std::size_t>((step - *(after - 1) < *after - step ? after - 1 : after) -
                                    m_steps.begin());
}

QString LayerStrip::readOut(double step, double row) const {
    if (empty()) return {};
    if (!std::isfinite(step)) return rangeText();
    const auto i = static_cast<std::size_t>(std::clamp(row, 0.0, static_cast<double>(m_names.size()) - 1));
    const auto record = nearest(step);
    if (i >= m_density[record].size()) return {};
    return tr("%1: %2 zero at step %3")
        .arg(shortMatrixName(m_names[static_cast<int>(i)]),
             percentText(1 - static_cast<double>(m_density[record][i])))
        .arg(m_steps[record], 0, 'g', 9);
}

QCPRange LayerStrip::getKeyRange(bool& found, QCP::SignDomain) const {
    found = !empty();
    return found ? QCPRange(m_steps.front(), m_steps.back()) : QCPRange();
}

QCPRange LayerStrip::getValueRange(bool& found, QCP::SignDomain, const QCPRange&) const {
    found = !empty();
    return QCPRange(0, std::max<double>(1, static_cast<double>(m_names.size())));
}

void LayerStrip::draw(QCPPainter* painter) {
    if (empty() || m_names.isEmpty()) return;
    const auto area = mKeyAxis->axisRect()->rect();
    const bool vector = painter->modes().testFlag(QCPPainter::pmVectorized);
    const double ratio = vector || !painter->device() ? 2.0 : painter->device()->devicePixelRatioF();
    // From half a record before the first to the last one: what is not recorded is not drawn.
    const double half = m_steps.size() > 1 ? (m_steps[1] - m_steps[0]) / 2 : 0.5;
    const double left = std::max<double>(
        area.left(), mKeyAxis->coordToPixel(std::max(m_steps.front() - half, mKeyAxis->range().lower)));
    const double right = std::min<double>(
        area.right() + 1, mKeyAxis->coordToPixel(m_steps.back() + (m_steps.size() > 1 ? 0 : half)));
    const int width = static_cast<int>(std::ceil((right - left) * ratio));
    const int height = static_cast<int>(std::ceil(area.height() * ratio));
    if (width <= 0 || height <= 0) return;

    const auto& t = Theme::instance().tokens();
    std::array<QRgb, 256> colours;
    for (int i = 0; i < 256; ++i) {
        const double ink = i / 255.0;
        const auto mix = [&](int a, int b) { return static_cast<int>(std::lround(a * ink + b * (1 - ink))); };
        colours[static_cast<std::size_t>(i)] =
            qRgb(mix(t.ink.red(), t.paper.red()), mix(t.ink.green(), t.paper.green()),
                 mix(t.ink.blue(), t.paper.blue()));
    }
    const double low = lower(m_least), span = upper(m_least, m_greatest) - low;
    QImage image(width, height, QImage::Format_RGB32);
    const auto rows = static_cast<std::size_t>(m_names.size());
    std::vector<QRgb> column(static_cast<std::size_t>(height));
    std::size_t drawn = m_steps.size();
    for (int x = 0; x < width; ++x) {
        const auto record = nearest(mKeyAxis->pixelToCoord(left + (x + 0.5) / ratio));
        if (record != drawn) {
            drawn = record;
            const auto& values = m_density[record];
            for (int y = 0; y < height; ++y) {
                const auto first =
                    std::min(rows - 1, static_cast<std::size_t>(y) * rows / static_cast<std::size_t>(height));
                const auto last = std::max(
                    first + 1, static_cast<std::size_t>(y + 1) * rows / static_cast<std::size_t>(height));
                double sum = 0;
                std::size_t count = 0;
                for (auto i = first; i < std::min({last, rows, values.size()}); ++i)
                    if (std::isfinite(values[i])) sum += static_cast<double>(values[i]), ++count;
                const double share =
                    count ? std::clamp((sum / static_cast<double>(count) - low) / span, 0.0, 1.0) : 0;
                column[static_cast<std::size_t>(y)] =
                    count ? colours[static_cast<std::size_t>(std::lround(share * 255))]
                          : t.tileExcluded.rgb();
            }
        }
        for (int y = 0; y < height; ++y)
            reinterpret_cast<QRgb*>(image.scanLine(y))[x] = column[static_cast<std::size_t>(y)];
    }
    painter->drawImage(QRectF(left, area.top(), width / ratio, height / ratio), image);
}

}  // namespace tessera::ui
