#include <QImage>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <QVBoxLayout>
#include <cmath>
#include <limits>

#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

using namespace tessera::ui;

namespace {

QList<QPushButton*> visibleButtons(const QWidget& widget) {
    QList<QPushButton*> found;
    for (auto* button : widget.findChildren<QPushButton*>())
        if (!button->isHidden()) found << button;
    return found;
}

}  // namespace

class TestBasics : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { Theme::instance().setMode(ThemeMode::Light); }

    void ratios() {
        QCOMPARE(ratioText(1.314), QStringLiteral("1.31x"));
        QCOMPARE(ratioText(0.966), QStringLiteral("0.97x"));
        QCOMPARE(ratioText(12.34), QStringLiteral("12.3x"));
        QCOMPARE(ratioText(std::numeric_limits<double>::quiet_NaN()), QStringLiteral("–"));
    }
    void percents() {
        QCOMPARE(percentText(0.487), QStringLiteral("48.7 %"));
        QCOMPARE(percentText(0.5, 0), QStringLiteral("50 %"));
        QCOMPARE(percentText(INFINITY), QStringLiteral("–"));
    }
    void durations() {
        QCOMPARE(durationText(185), QStringLiteral("3 min 05 s"));
        QCOMPARE(durationText(59.6), QStringLiteral("1 min 00 s"));
        QCOMPARE(durationText(42), QStringLiteral("42 s"));
        QCOMPARE(durationText(1.21), QStringLiteral("1.2 s"));
        QCOMPARE(durationText(9.96), QStringLiteral("10 s"));
        QCOMPARE(durationText(0.0123), QStringLiteral("12.3 ms"));
        QCOMPARE(durationText(42e-6), QStringLiteral("42.0 µs"));
        QCOMPARE(durationText(3600), QStringLiteral("1 h 00 min"));
        QCOMPARE(durationText(3600 * 26 + 59 * 60 + 40), QStringLiteral("27 h 00 min"));
        QCOMPARE(durationText(-1), QStringLiteral("–"));
    }
    void sizes() {
        QCOMPARE(bytesText(913.0 * 1024 * 1024), QStringLiteral("913 MiB"));
        QCOMPARE(bytesText(512), QStringLiteral("512 B"));
        QCOMPARE(bytesText(1536), QStringLiteral("1.50 KiB"));
        QCOMPARE(bytesText(1023.9 * 1024 * 1024), QStringLiteral("1.00 GiB"));
        QCOMPARE(bytesText(18.46 * 1024 * 1024 * 1024), QStringLiteral("18.5 GiB"));
        QCOMPARE(bytesText(-5), QStringLiteral("–"));
    }
    void counts() {
        QCOMPARE(countText(134.515e6), QStringLiteral("134.5 M"));
        QCOMPARE(countText(4200), QStringLiteral("4200"));
        QCOMPARE(countText(42000), QStringLiteral("42.0 k"));
        QCOMPARE(countText(1.7e9), QStringLiteral("1.70 B"));
        QCOMPARE(countText(999.9e6), QStringLiteral("1.00 B"));
    }
    void numbers() {
        QCOMPARE(numberText(23.4567), QStringLiteral("23.46"));
        QCOMPARE(numberText(0.00123456), QStringLiteral("0.001235"));
        QCOMPARE(numberText(0), QStringLiteral("0"));
        QCOMPARE(numberText(123456), QStringLiteral("123456"));
        QCOMPARE(numberText(2e-7, 2), QStringLiteral("2.0e-07"));
        QCOMPARE(numberText(-INFINITY), QStringLiteral("–"));
    }

    void bannerHoldsASentenceAndThreeButtons() {
        QWidget window;
        auto* column = new QVBoxLayout(&window);
        Banner banner(&window);
        column->addWidget(&banner);
        window.show();
        QVERIFY(banner.isHidden());
        banner.tell(Banner::Kind::Warning, QStringLiteral("The engine was killed."));
        QVERIFY(!banner.isHidden());
        QCOMPARE(banner.accessibleDescription(), QStringLiteral("The engine was killed."));
        int pressed = 0;
        for (int i = 0; i < 4; ++i)
            banner.addButton(QStringLiteral("Button %1").arg(i), [&pressed, i] { pressed = i + 1; });
        QCOMPARE(visibleButtons(banner).size(), 3);
        QTest::mouseClick(visibleButtons(banner).last(), Qt::LeftButton);
        QCOMPARE(pressed, 3);
        banner.tell(Banner::Kind::Failure, QStringLiteral("Something else."));
        QVERIFY(visibleButtons(banner).isEmpty());
        banner.clear();
        QVERIFY(banner.isHidden());
    }

    void bannerMayBeToldAnewByItsOwnButton() {
        Banner banner;
        banner.tell(Banner::Kind::Information, QStringLiteral("First."));
        banner.addButton(QStringLiteral("Next"), [&banner] {
            banner.tell(Banner::Kind::Information, QStringLiteral("Second."));
            banner.addButton(QStringLiteral("Done"), [&banner] { banner.clear(); });
        });
        QTest::mouseClick(visibleButtons(banner).first(), Qt::LeftButton);
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        QCOMPARE(banner.accessibleDescription(), QStringLiteral("Second."));
        QCOMPARE(visibleButtons(banner).size(), 1);
        QTest::mouseClick(visibleButtons(banner).first(), Qt::LeftButton);
        QVERIFY(banner.isHidden());
    }

    void emptyStateHasOnePrimaryButton() {
        EmptyState empty(QStringLiteral("table"), QStringLiteral("No runs yet"),
                         QStringLiteral("They appear here."));
        bool pressed = false;
        QPushButton* first = empty.addButton(QStringLiteral("Prune"), [&pressed] { pressed = true; });
        QPushButton* second = empty.addButton(QStringLiteral("Open"), [] {});
        QCOMPARE(first->property("look").toString(), QStringLiteral("primary"));
        QVERIFY(second->property("look").toString().isEmpty());
        QTest::keyClick(first, Qt::Key_Space);
        QVERIFY(pressed);
    }

    void keyFigureTellsItsValueToReaders() {
        KeyFigure figure(QStringLiteral("faster"));
        figure.setValue(QStringLiteral("1.31x"), QStringLiteral("1.28 to 1.34"));
        QCOMPARE(figure.accessibleName(), QStringLiteral("faster"));
        QCOMPARE(figure.accessibleDescription(), QStringLiteral("1.31x, 1.28 to 1.34"));
        figure.setValue(QStringLiteral("1.2x"));
        QCOMPARE(figure.accessibleDescription(), QStringLiteral("1.2x"));
    }

    void widgetsTakeTheThemesColours() {
        QWidget window;
        window.resize(200, 120);
        auto* column = new QVBoxLayout(&window);
        auto* card = new Card;
        auto* button = primaryButton(QStringLiteral("Go"));
        column->addWidget(card, 1);
        column->addWidget(button);
        window.show();
        for (const ThemeMode mode : {ThemeMode::Dark, ThemeMode::Light}) {
            Theme::instance().setMode(mode);
            QTRY_VERIFY(window.updatesEnabled());
            const ThemeTokens& t = Theme::instance().tokens();
            const QImage image = window.grab().toImage();
            const double scale = image.devicePixelRatio();
            const auto at = [&](QPoint p) {
                return image.pixelColor(QPoint(int(p.x() * scale), int(p.y() * scale)));
            };
            QCOMPARE(at({2, 2}), t.window);
            QCOMPARE(at(card->geometry().center()), t.raised);
            QCOMPARE(at(button->geometry().topLeft() + QPoint(12, 5)), t.accent);
        }
    }

    void figuresAreOfOneWidth() {
        // Numbers that change must not shift what stands beside them.
        const QFontMetrics metrics(KeyFigure(QStringLiteral("x")).findChild<QLabel*>()->font());
        if (!QFontInfo(qApp->font()).family().contains(QLatin1String("Roboto")))
            QSKIP("the desktop has chosen another font");
        for (char digit = '1'; digit <= '9'; ++digit)
            QCOMPARE(metrics.horizontalAdvance(QLatin1Char(digit)),
                     metrics.horizontalAdvance(QLatin1Char('0')));
    }
};

QTEST_MAIN(TestBasics)
#include "tst_basics.moc"
