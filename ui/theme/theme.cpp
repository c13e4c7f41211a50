#include "ui/theme/theme.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QFontDatabase>
#include <QFontInfo>
#include <QPainter>
#include <QPalette>
#include <QProxyStyle>
#include <QRegularExpression>
#include <QStyleFactory>
#include <QStyleHints>
#include <QStyleOption>
#include <QTimer>
#include <QWidget>
#include <QWindow>
#include <algorithm>
#include <utility>

#include "ui/theme/desktop_scheme.h"
#include "ui/theme/tokens.h"

namespace tessera::ui {

namespace {

constexpr int kTurnMs = 4;
/// Widgets that are dressed together without being missed: some milliseconds.
constexpr int kMostTogether = 24;

/// The classes that a sheet's selectors name, and the names of objects, with # in front.
QStringList typesOf(const QString& sheet) {
    static const QRegularExpression selector(QStringLiteral("^([^{]+)\\{"),
                                             QRegularExpression::MultilineOption);
    static const QRegularExpression type(QStringLiteral("(?:^|[\\s,])(#?[A-Za-z][\\w-]*)"));
    QStringList types;
    for (auto at = selector.globalMatch(sheet); at.hasNext();)
        for (auto each = type.globalMatch(at.next().captured(1)); each.hasNext();)
            types << each.next().captured(1).replace(QLatin1String("--"), QLatin1String("::"));
    types.removeDuplicates();
    return types;
}

/// What holds a page's parts, however few they are yet.
bool isFrameOfMore(const QWidget& widget) {
    for (const char* type : {"tessera::ui::Page", "QSplitter", "QStackedWidget", "QScrollArea"})
        if (widget.inherits(type)) return true;
    return false;
}

Theme* theOne = nullptr;

/// What the platform's own palette or Qt says, where the desktop itself says nothing.
bool platformIsDark() {
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
    return QGuiApplication::styleHints()->colorScheme() == Qt::ColorScheme::Dark;
#else
    // Before Qt 6.5 the platform's choice is only to be seen in its palette, which ours hides.
    const QPalette ours = QApplication::palette();
    QApplication::setPalette(QPalette());
    const bool dark = QApplication::palette().color(QPalette::Window).lightness() < 128;
    QApplication::setPalette(ours);
    return dark;
#endif
}

QPalette paletteOf(const ThemeTokens& t) {
    QPalette p;
    p.setColor(QPalette::Window, t.window);
    p.setColor(QPalette::WindowText, t.text);
    p.setColor(QPalette::Base, t.raised);
    p.setColor(QPalette::AlternateBase, t.surface);
    p.setColor(QPalette::Text, t.text);
    p.setColor(QPalette::Button, t.raised);
    p.setColor(QPalette::ButtonText, t.text);
    p.setColor(QPalette::BrightText, t.bad);
    p.setColor(QPalette::ToolTipBase, t.raised);
    p.setColor(QPalette::ToolTipText, t.text);
    p.setColor(QPalette::PlaceholderText, t.textMuted);
    p.setColor(QPalette::Highlight, t.accent);
    p.setColor(QPalette::HighlightedText, t.onAccent);
    p.setColor(QPalette::Link, t.link);
    p.setColor(QPalette::LinkVisited, t.link);
    p.setColor(QPalette::Light, t.dark ? t.border : t.raised);
    p.setColor(QPalette::Midlight, t.grid);
    p.setColor(QPalette::Mid, t.border);
    p.setColor(QPalette::Dark, t.dark ? t.window.darker(130) : t.border.darker(125));
    p.setColor(QPalette::Shadow, t.dark ? QColor(Qt::black) : t.textMuted);
    QColor faint = t.textMuted;
    faint.setAlphaF(0.6F);
    for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        p.setColor(QPalette::Disabled, role, faint);
    p.setColor(QPalette::Disabled, QPalette::Highlight, t.border);
    p.setColor(QPalette::Disabled, QPalette::HighlightedText, t.textMuted);
    return p;
}

/// Fusion, without lines under the letters of menus, where Alt and the letter work all the same, and with
/// handles of splitters that are seen under the pointer only. The sheet says nothing of splitters, so that
/// what they hold can be dressed in parts.
class QuietFusion : public QProxyStyle {
  public:
    QuietFusion() : QProxyStyle(QStyleFactory::create(QStringLiteral("Fusion"))) {}
    int styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget,
                  QStyleHintReturn* answer) const override {
        if (hint == SH_UnderlineShortcut) return 0;
        return QProxyStyle::styleHint(hint, option, widget, answer);
    }
    void drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                     const QWidget* widget) const override {
        if (element != CE_Splitter) return QProxyStyle::drawControl(element, option, painter, widget);
        if (option->state & State_MouseOver)
            painter->fillRect(option->rect, Theme::instance().tokens().border);
    }
};

// Without a desktop that names a font Qt takes DejaVu Sans at 9 points, which is wide and small. A desktop's
// own choice is left alone.
void chooseFont() {
    const QFont given = QApplication::font();
    if (!QFontInfo(given).family().startsWith(QLatin1String("DejaVu Sans"))) return;
    for (const char* family : {"Roboto", "Noto Sans", "Open Sans", "Inter"}) {
        if (!QFontDatabase::hasFamily(QLatin1String(family))) continue;
        QFont better(QLatin1String(family), std::max(given.pointSize(), 10));
        better.setHintingPreference(QFont::PreferNoHinting);
        QApplication::setFont(better);
        return;
    }
}

}  // namespace

Theme::Theme(QObject* parent) : QObject(parent), m_desktop(new DesktopScheme(this)) {
    theOne = this;
    chooseFont();
    QApplication::setStyle(new QuietFusion);
    m_systemDark = systemIsDark();
    apply();
    qApp->installEventFilter(this);
    connect(m_desktop, &DesktopScheme::changed, this, &Theme::followSystem);
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
    connect(QGuiApplication::styleHints(), &QStyleHints::colorSchemeChanged, this, &Theme::followSystem);
#endif
}

Theme::~Theme() {
    if (theOne == this) theOne = nullptr;
}

Theme& Theme::instance() {
    if (!theOne) new Theme(qApp);
    return *theOne;
}

void Theme::setMode(ThemeMode mode) {
    if (mode == m_mode) return;
    m_mode = mode;
    apply();
}

void Theme::apply() {
    const bool dark = m_mode == ThemeMode::Dark || (m_mode == ThemeMode::System && m_systemDark);
    if (m_applied && dark == m_tokens.dark) return;
    m_tokens = dark ? darkTokens() : lightTokens();
    m_applied = true;
    QElapsedTimer turn;
    turn.start();
    m_tasks.clear();
    m_sheet = styleSheet(m_tokens);
    if (m_styledTypes.isEmpty()) m_styledTypes = typesOf(m_sheet);
    holdWindows();
    // Palette and sheet send events through our own filter.
    m_applying = true;
    QApplication::setPalette(paletteOf(m_tokens));
    m_applying = false;
    for (QWidget* widget : QApplication::allWidgets())
        if (m_parts.contains(widget) && widget->isVisible())
            beforeDrawing(widget, [this, widget] { bringUpToDate(widget); });
    Q_EMIT changed();
    goOn(turn);
}

// Half of one theme and half of the other is not shown: a window is drawn when its last part is done.
void Theme::holdWindows() {
    for (QWidget* window : QApplication::topLevelWidgets()) {
        if (!window->isVisible() || !window->updatesEnabled()) continue;
        window->setUpdatesEnabled(false);
        m_heldWindows.emplace_back(window);
    }
}

void Theme::beforeDrawing(QWidget* widget, std::function<void()> work) {
    m_tasks.push_back({widget, std::move(work)});
}

void Theme::goOn(const QElapsedTimer& turn) {
    while (!m_tasks.empty()) {
        // A timer, which has a turn of its own: what is merely queued would be done within the present one.
        if (turn.elapsed() >= kTurnMs)
            return QTimer::singleShot(0, this, [this] {
                QElapsedTimer next;
                next.start();
                goOn(next);
            });
        const auto task = std::move(m_tasks.front());
        m_tasks.pop_front();
        if (task.widget && task.widget->isVisible()) task.work();
    }
    for (const auto& window : std::exchange(m_heldWindows, {}))
        if (window) window->setUpdatesEnabled(true);
}

void Theme::leaveToItsParts(QWidget* window) {
    m_leftToParts.insert(window);
    connect(window, &QObject::destroyed, this, [this](QObject* gone) { m_leftToParts.remove(gone); });
}

bool Theme::isPlain(const QWidget& widget) const {
    return std::none_of(m_styledTypes.begin(), m_styledTypes.end(), [&](const QString& type) {
        return type.startsWith(QLatin1Char('#')) ? widget.objectName() == QStringView(type).mid(1)
                                                 : widget.inherits(type.toLatin1().constData());
    });
}

void Theme::dress(QWidget* part) {
    connect(part, &QObject::destroyed, this, [this](QObject* gone) {
        m_parts.remove(gone);
        m_plain.remove(gone);
    });
    const auto inside = part->findChildren<QWidget*>().size();
    if (isPlain(*part) && (inside == 0 || inside > kMostTogether || isFrameOfMore(*part))) {
        m_plain.insert(part);
        for (QObject* child : part->children())
            if (auto* widget = qobject_cast<QWidget*>(child); widget && !widget->isWindow()) dress(widget);
        return;
    }
    m_parts.insert(part);
    bringUpToDate(part);
}

bool Theme::isDressed(const QWidget* widget) const {
    for (; widget; widget = widget->parentWidget())
        if (m_parts.contains(widget)) return true;
    return false;
}

void Theme::bringUpToDate(QWidget* part) const {
    if (part->styleSheet() != m_sheet) part->setStyleSheet(m_sheet);
}

void Theme::beforeShown(QObject* watched, const QEvent& event) {
    if (!watched->isWidgetType()) return;
    auto* widget = static_cast<QWidget*>(watched);
    if (event.type() == QEvent::Show) {
        if (m_parts.contains(watched)) bringUpToDate(widget);
    } else if (!widget->isWindow()) {
        if (m_plain.contains(widget->parentWidget()) && !m_parts.contains(widget) &&
            !m_plain.contains(widget))
            dress(widget);
    } else if (!m_leftToParts.contains(watched) && !isDressed(widget)) {
        dress(widget);
    }
}

bool Theme::systemIsDark() const {
    const auto asked = m_desktop->dark();
    return asked ? *asked : platformIsDark();
}

void Theme::followSystem() {
    if (m_applying) return;
    m_applying = true;
    m_systemDark = systemIsDark();
    m_applying = false;
    apply();
}

bool Theme::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Show || event->type() == QEvent::Polish) beforeShown(watched, *event);
    // ApplicationPaletteChange comes while no palette of ours is set; once one is, Qt reports a change of the
    // desktop's theme to the windows only.
    const bool palette = event->type() == QEvent::ApplicationPaletteChange && watched == qApp;
    const bool theme = event->type() == QEvent::ThemeChange && watched->isWindowType();
    if ((palette || theme) && !m_applying && !m_asked) {
        // Later, and once for all windows: the palette must not change under the widgets being told.
        m_asked = true;
        QMetaObject::invokeMethod(
            this,
            [this] {
                m_asked = false;
                followSystem();
            },
            Qt::QueuedConnection);
    }
    return QObject::eventFilter(watched, event);
}

}  // namespace tessera::ui
