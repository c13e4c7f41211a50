#include "ui/theme/icons.h"

#include <QFile>
#include <QIconEngine>
#include <QPainter>
#include <QPixmapCache>
#include <QSvgRenderer>

// A static library's resources are dropped by the linker unless something names them, from the global
// namespace.
static void registerIcons() {
    Q_INIT_RESOURCE(icons);
}

namespace tessera::ui {

namespace {

class TintedIcon : public QIconEngine {
  public:
    TintedIcon(QString name, QByteArray drawing, QColor ThemeTokens::*tint)
        : m_name(std::move(name)), m_drawing(std::move(drawing)), m_tint(tint) {}

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State state) override {
        const qreal scale = painter->device() ? painter->device()->devicePixelRatioF() : 1.0;
        QPixmap drawn = pixmap(rect.size() * scale, mode, state);
        drawn.setDevicePixelRatio(scale);
        painter->drawPixmap(rect, drawn);
    }

    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
        // A button may be squeezed while its layout is under way.
        if (size.isEmpty()) return {};
        const QColor colour = colourOf(mode, state);
        const QString key = QStringLiteral("tessera-icon-%1-%2x%3-%4")
                                .arg(m_name)
                                .arg(size.width())
                                .arg(size.height())
                                .arg(colour.name(QColor::HexArgb));
        QPixmap drawn;
        if (QPixmapCache::find(key, &drawn)) return drawn;
        QByteArray svg = m_drawing;
        svg.replace("currentColor", colour.name().toLatin1());
        // Two units of twenty-four look heavy where there are many pixels to draw them with.
        svg.replace("stroke-width=\"2\"",
                    size.height() < 36 ? "stroke-width=\"1.8\"" : "stroke-width=\"1.4\"");
        QSvgRenderer renderer(svg);
        renderer.setAspectRatioMode(Qt::KeepAspectRatio);
        drawn = QPixmap(size);
        drawn.fill(Qt::transparent);
        QPainter painter(&drawn);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setOpacity(colour.alphaF());
        renderer.render(&painter);
        painter.end();
        QPixmapCache::insert(key, drawn);
        return drawn;
    }

    QIconEngine* clone() const override { return new TintedIcon(m_name, m_drawing, m_tint); }
    QString key() const override { return QStringLiteral("TesseraTintedIcon"); }
    QString iconName() override { return m_name; }
    bool isNull() override { return m_drawing.isEmpty(); }

  private:
    QColor colourOf(QIcon::Mode mode, QIcon::State state) const {
        const ThemeTokens& tokens = Theme::instance().tokens();
        if (mode == QIcon::Disabled) {
            QColor grey = tokens.textMuted;
            grey.setAlphaF(0.5F);
            return grey;
        }
        if (state == QIcon::On) return tokens.accent;
        return m_tint ? tokens.*m_tint : tokens.text;
    }

    QString m_name;
    QByteArray m_drawing;
    QColor ThemeTokens::*m_tint;
};

}  // namespace

QIcon themedIcon(const QString& name) {
    return themedIcon(name, nullptr);
}

QIcon themedIcon(const QString& name, QColor ThemeTokens::*tint) {
    registerIcons();
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    if (name.isEmpty() || !file.open(QIODevice::ReadOnly)) return {};
    return QIcon(new TintedIcon(name, file.readAll(), tint));
}

}  // namespace tessera::ui
