#include <QAction>
#include <QApplication>
#include <QDir>
#include <QDirIterator>
#include <QImage>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QPainter>
#include <QPushButton>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QTest>
#include <QWindow>
#include <array>
#include <cmath>

#include "ui/theme/icons.h"
#include "ui/theme/theme.h"
#include "ui/theme/tokens.h"

using namespace tessera::ui;

namespace {

double linear(double channel) {
    return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& c) {
    return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF());
}

double contrast(const QColor& a, const QColor& b) {
    const double x = luminance(a), y = luminance(b);
    return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

using Rgb = std::array<double, 3>;

// Linear RGB as eyes without red (protan), green (deutan) or blue (tritan) receptors see it; Machado,
// Oliveira and Fernandes 2009, severity 1. The first is the ordinary eye.
constexpr double kEyes[4][9] = {
    {1, 0, 0, 0, 1, 0, 0, 0, 1},
    {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
    {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
    {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900}};

Rgb lab(const QColor& colour, const double (&eye)[9]) {
    const Rgb in = {linear(colour.redF()), linear(colour.greenF()), linear(colour.blueF())};
    Rgb seen{};
    for (std::size_t i = 0; i < 3; ++i)
        seen[i] = std::clamp(eye[i * 3] * in[0] + eye[i * 3 + 1] * in[1] + eye[i * 3 + 2] * in[2], 0.0, 1.0);
    const double x = (0.4124 * seen[0] + 0.3576 * seen[1] + 0.1805 * seen[2]) / 0.95047;
    const double y = 0.2126 * seen[0] + 0.7152 * seen[1] + 0.0722 * seen[2];
    const double z = (0.0193 * seen[0] + 0.1192 * seen[1] + 0.9505 * seen[2]) / 1.08883;
    const auto f = [](double t) { return t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116; };
    return {116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))};
}

double distance(const QColor& a, const QColor& b, const double (&eye)[9]) {
    const Rgb p = lab(a, eye), q = lab(b, eye);
    return std::sqrt(std::pow(p[0] - q[0], 2) + std::pow(p[1] - q[1], 2) + std::pow(p[2] - q[2], 2));
}

// The most saturated opinion of an icon's drawing: the colour of its most opaque pixel.
QColor drawnColour(const QIcon& icon, QIcon::Mode mode, QIcon::State state) {
    const QImage image = icon.pixmap(QSize(32, 32), 1.0, mode, state).toImage();
    QColor found(0, 0, 0, 0);
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x)
            if (image.pixelColor(x, y).alpha() > found.alpha()) found = image.pixelColor(x, y);
    return found;
}

bool near(const QColor& a, const QColor& b) {
    return std::abs(a.red() - b.red()) <= 3 && std::abs(a.green() - b.green()) <= 3 &&
           std::abs(a.blue() - b.blue()) <= 3;
}

}  // namespace

class TestTheme : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() { Theme::instance().setMode(ThemeMode::Light); }

    void textsAreReadable_data() {
        QTest::addColumn<bool>("dark");
        QTest::newRow("light") << false;
        QTest::newRow("dark") << true;
    }
    void textsAreReadable() {
        QFETCH(bool, dark);
        const ThemeTokens t = dark ? darkTokens() : lightTokens();
        QCOMPARE(t.dark, dark);
        for (const QColor& back : {t.window, t.surface, t.raised}) {
            for (const QColor& text : {t.text, t.textMuted, t.link, t.good, t.warning, t.bad, t.accent})
                QVERIFY2(contrast(text, back) >= 4.5, qPrintable(text.name() + " on " + back.name()));
            for (const QColor& curve : {t.lossSmooth, t.target, t.sparsity, t.temperature})
                QVERIFY2(contrast(curve, back) >= 3.0, qPrintable(curve.name() + " on " + back.name()));
            for (const QColor& run : t.runs)
                QVERIFY2(contrast(run, back) >= 3.0, qPrintable(run.name() + " on " + back.name()));
        }
        QVERIFY(contrast(t.onAccent, t.accent) >= 4.5);
        QVERIFY(contrast(t.ink, t.paper) >= 10);
        // What is drawn between texts and backgrounds is there, but quiet.
        QVERIFY(contrast(t.border, t.raised) > 1.2 && contrast(t.border, t.raised) < 3);
        QVERIFY(contrast(t.lossRaw, t.raised) > 1.3 &&
                contrast(t.lossRaw, t.raised) < contrast(t.lossSmooth, t.raised));
    }

    void categoriesStayApartForEveryEye() {
        for (const ThemeTokens& t : {lightTokens(), darkTokens()}) {
            const QColor kinds[] = {t.tileDense, t.tileTwoFour, t.tileUndecided, t.tileExcluded};
            for (const auto& eye : kEyes)
                for (int a = 0; a < 4; ++a)
                    for (int b = a + 1; b < 4; ++b)
                        QVERIFY2(distance(kinds[a], kinds[b], eye) >= 25,
                                 qPrintable(QStringLiteral("%1 and %2: %3")
                                                .arg(kinds[a].name(), kinds[b].name())
                                                .arg(distance(kinds[a], kinds[b], eye))));
        }
    }

    void modesChangePaletteAndTokensOnce() {
        Theme& theme = Theme::instance();
        QSignalSpy changed(&theme, &Theme::changed);
        theme.setMode(ThemeMode::Dark);
        QCOMPARE(changed.count(), 1);
        QVERIFY(theme.tokens().dark);
        QCOMPARE(QApplication::palette().color(QPalette::Window), darkTokens().window);
        theme.setMode(ThemeMode::Dark);
        QCOMPARE(changed.count(), 1);
        theme.setMode(ThemeMode::Light);
        QCOMPARE(changed.count(), 2);
        QCOMPARE(QApplication::palette().color(QPalette::Window), lightTokens().window);
    }

    void shownPartsChangeSoonAndHiddenOnesWhenShown() {
        Theme& theme = Theme::instance();
        theme.setMode(ThemeMode::Light);
        const auto dark = [](const QWidget& part) {
            return part.styleSheet().contains(darkTokens().raised.name());
        };
        QWidget window;
        theme.leaveToItsParts(&window);
        auto* shown = new QLabel(&window);
        auto* hidden = new QLabel(&window);
        theme.dress(shown);
        theme.dress(hidden);
        hidden->hide();
        window.show();
        QVERIFY(window.styleSheet().isEmpty());
        theme.setMode(ThemeMode::Dark);
        QTRY_VERIFY(dark(*shown));
        QVERIFY(!dark(*hidden));
        hidden->show();
        QVERIFY(dark(*hidden));
        theme.setMode(ThemeMode::Light);
        QTRY_VERIFY(!dark(*shown) && !dark(*hidden));
        delete hidden;
        theme.setMode(ThemeMode::Dark);
        QTRY_VERIFY(dark(*shown));
    }

    void largePlainPartsAreDressedChildByChild() {
        Theme& theme = Theme::instance();
        theme.setMode(ThemeMode::Light);
        QWidget window;
        theme.leaveToItsParts(&window);
        auto* large = new QWidget(&window);
        auto* label = new QLabel(QStringLiteral("text"), large);
        for (int i = 0; i < 60; ++i) new QWidget(large);
        auto* menus = new QMenuBar(&window);  // as large, but the sheet has rules for it
        for (int i = 0; i < 60; ++i) new QWidget(menus);
        theme.dress(large);
        theme.dress(menus);
        QVERIFY(large->styleSheet().isEmpty());
        QCOMPARE(label->styleSheet(), styleSheet(theme.tokens()));
        QCOMPARE(menus->styleSheet(), styleSheet(theme.tokens()));
        window.show();
        auto* late = new QPushButton(QStringLiteral("late"), large);
        late->show();
        QCOMPARE(late->styleSheet(), styleSheet(theme.tokens()));
        theme.setMode(ThemeMode::Dark);
        QTRY_COMPARE(late->styleSheet(), styleSheet(darkTokens()));
        QTRY_COMPARE(label->styleSheet(), styleSheet(darkTokens()));
        delete late;
        delete large;
        theme.setMode(ThemeMode::Light);
        QTRY_COMPARE(menus->styleSheet(), styleSheet(lightTokens()));
    }

    void nothingIsDrawnHalfway() {
        Theme& theme = Theme::instance();
        theme.setMode(ThemeMode::Light);
        QWidget window;
        theme.leaveToItsParts(&window);
        auto* slow = new QLabel(&window);
        auto* hidden = new QLabel(&window);
        theme.dress(slow);
        window.show();
        hidden->hide();
        QStringList done;
        bool held = true;
        const auto connection = connect(&theme, &Theme::changed, &theme, [&] {
            for (int i = 0; i < 3; ++i)
                theme.beforeDrawing(slow, [&, i] {
                    held = held && !window.updatesEnabled();
                    QTest::qSleep(10);
                    done << QString::number(i);
                });
            theme.beforeDrawing(hidden, [&] { done << QStringLiteral("hidden"); });
        });
        theme.setMode(ThemeMode::Dark);
        QVERIFY2(done.size() < 3, "what takes long has turns of its own");
        QTRY_COMPARE(done, (QStringList{QStringLiteral("0"), QStringLiteral("1"), QStringLiteral("2")}));
        QTRY_VERIFY(window.updatesEnabled());
        QVERIFY(held);
        disconnect(connection);
    }

    void otherWindowsAreDressedAsAWhole() {
        Theme& theme = Theme::instance();
        QWidget window;
        auto* inside = new QMenu(&window);
        window.show();
        QVERIFY(!window.styleSheet().isEmpty());
        inside->ensurePolished();
        QVERIFY2(inside->styleSheet().isEmpty(), "what belongs to a dressed window has its sheet already");
        theme.setMode(theme.tokens().dark ? ThemeMode::Light : ThemeMode::Dark);
        QCOMPARE(window.styleSheet(), styleSheet(theme.tokens()));
    }

    void styleSheetIsSmallAndWhole() {
        for (const ThemeTokens& t : {lightTokens(), darkTokens()}) {
            const QString sheet = styleSheet(t);
            QVERIFY2(!sheet.contains(QLatin1Char('@')), "a colour of the sheet has no token");
            QVERIFY(sheet.count(QLatin1Char('\n')) < 110);
            static const QRegularExpression picture(QStringLiteral("url\\(([^)]+)\\)"));
            for (auto it = picture.globalMatch(sheet); it.hasNext();)
                QVERIFY(QFile::exists(it.next().captured(1)));
        }
    }

    void changingTheModeFromASlotIsSafe() {
        Theme& theme = Theme::instance();
        int seen = 0;
        const auto connection = connect(&theme, &Theme::changed, &theme, [&] {
            ++seen;
            if (seen == 1) theme.setMode(ThemeMode::Light);
        });
        theme.setMode(ThemeMode::Dark);
        disconnect(connection);
        QCOMPARE(seen, 2);
        QVERIFY(!theme.tokens().dark);
        QCOMPARE(QApplication::palette().color(QPalette::Window), lightTokens().window);
    }

    void foreignPalettesAndThemeEventsDoNotStick() {
        Theme& theme = Theme::instance();
        theme.setMode(ThemeMode::System);
        const bool dark = theme.tokens().dark;
        QLabel label(QStringLiteral("text"));
        label.show();
        QEvent event(QEvent::ThemeChange);
        QCoreApplication::sendEvent(label.windowHandle(), &event);
        QCoreApplication::sendEvent(label.windowHandle(), &event);
        QTest::qWait(20);
        QCOMPARE(theme.tokens().dark, dark);
        QCOMPARE(QApplication::palette().color(QPalette::Window), theme.tokens().window);
    }

    void iconsTakeTheThemesColours() {
        Theme& theme = Theme::instance();
        const QIcon icon = themedIcon(QStringLiteral("home"));
        for (const ThemeMode mode : {ThemeMode::Dark, ThemeMode::Light}) {
            theme.setMode(mode);
            const ThemeTokens& t = theme.tokens();
            QVERIFY(near(drawnColour(icon, QIcon::Normal, QIcon::Off), t.text));
            QVERIFY(near(drawnColour(icon, QIcon::Normal, QIcon::On), t.accent));
            const QColor disabled = drawnColour(icon, QIcon::Disabled, QIcon::Off);
            QVERIFY(disabled.alpha() < 200);
            QVERIFY(near(
                drawnColour(themedIcon(QStringLiteral("home"), &ThemeTokens::bad), QIcon::Normal, QIcon::Off),
                t.bad));
        }
        QVERIFY(themedIcon(QStringLiteral("there-is-none")).isNull());
        QVERIFY(themedIcon({}).isNull());
    }

    void iconsAreSharpAtTwiceTheScale() {
        const QPixmap pixmap = themedIcon(QStringLiteral("home")).pixmap(QSize(24, 24), 2.0);
        QCOMPARE(pixmap.size(), QSize(48, 48));
        QCOMPARE(pixmap.devicePixelRatio(), 2.0);
        QImage image(48, 48, QImage::Format_ARGB32_Premultiplied);
        image.fill(Qt::transparent);
        image.setDevicePixelRatio(2);
        QPainter painter(&image);
        themedIcon(QStringLiteral("home")).paint(&painter, QRect(0, 0, 24, 24));
        painter.end();
        QCOMPARE(image, pixmap.toImage().convertToFormat(image.format()));
    }

    void anIconWithoutRoomDrawsNothing() {
        QTest::failOnWarning(QRegularExpression(QStringLiteral(".?")));
        QVERIFY(themedIcon(QStringLiteral("plus")).pixmap(QSize(0, 4)).isNull());
    }

    void everyIconDrawsSomething() {
        int count = 0;
        for (QDirIterator it(QStringLiteral(":/icons")); it.hasNext(); ++count) {
            const QString name = QFileInfo(it.next()).completeBaseName();
            QVERIFY2(drawnColour(themedIcon(name), QIcon::Normal, QIcon::Off).alpha() > 100,
                     qPrintable(name));
        }
        QVERIFY(count > 40);
    }

    // A misspelt name would be an empty place on some page.
    void everyNameInTheCodeHasAnIcon() {
        static const QRegularExpression use(QStringLiteral(
            "(?:themedIcon|picture)\\(\\s*(?:QStringLiteral\\(|QLatin1String\\()?\"([a-z0-9-]+)\""));
        int uses = 0;
        for (QDirIterator it(QStringLiteral(TESSERA_SOURCE_DIR "/ui"), {QStringLiteral("*.cpp")}, QDir::Files,
                             QDirIterator::Subdirectories);
             it.hasNext();) {
            QFile file(it.next());
            QVERIFY(file.open(QIODevice::ReadOnly));
            for (auto names = use.globalMatch(QString::fromUtf8(file.readAll())); names.hasNext(); ++uses) {
                const QString name = names.next().captured(1);
                QVERIFY2(!themedIcon(name).isNull(), qPrintable(file.fileName() + ": " + name));
            }
        }
        QVERIFY(uses > 5);
    }
};

QTEST_MAIN(TestTheme)
#include "tst_theme.moc"
