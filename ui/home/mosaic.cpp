#include "ui/home/mosaic.h"

#include <QPainter>
#include <cstdint>

#include "ui/theme/theme.h"

namespace tessera::ui {

namespace {

constexpr int kTiles = 8;

/// FNV-1a and SplitMix64: the same on every machine, unlike qHash.
std::uint64_t seedOf(const QString& name) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char byte : name.toUtf8()) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
    return hash;
}

double next(std::uint64_t& state) {
    std::uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

}  // namespace

Mosaic::Mosaic(QWidget* parent) : QWidget(parent) {
    const int side = fontMetrics().height() * 7 / 2;
    setFixedSize(side, side);
    setAttribute(Qt::WA_TransparentForMouseEvents);
}

void Mosaic::depict(const QString& name, bool faint) {
    m_name = name;
    m_faint = faint;
    update();
}

void Mosaic::paintEvent(QPaintEvent*) {
    const auto& t = Theme::instance().tokens();
    QPainter painter(this);
    // Whole device pixels, so that all tiles and gaps are alike.
    const double scale = devicePixelRatioF();
    const int gap = std::max(1, static_cast<int>(width() * scale / 60));
    const int tile = (static_cast<int>(width() * scale) - gap * (kTiles - 1)) / kTiles;
    painter.scale(1 / scale, 1 / scale);
    auto random = seedOf(m_name);
    for (int row = 0; row < kTiles; ++row) {
        // Rows differ as the matrices of a model do.
        const double dense = 0.25 + 0.5 * next(random);
        for (int column = 0; column < kTiles; ++column) {
            const double draw = next(random), shade = next(random);
            QColor colour = draw < dense ? t.tileDense : draw < dense + 0.07 ? t.tileTwoFour : t.grid;
            if (draw < dense) colour.setAlphaF(static_cast<float>(0.45 + 0.55 * shade));
            if (m_faint) {
                colour = draw < dense ? t.border : t.grid;
            }
            painter.fillRect(column * (tile + gap), row * (tile + gap), tile, tile, colour);
        }
    }
}

}  // namespace tessera::ui
