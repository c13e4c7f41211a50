#include <QClipboard>
#include <QImage>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QWheelEvent>
#include <cmath>
#include <random>

#include "ui/widgets/curve_export.h"
#include "ui/widgets/curve_plot.h"
#include "ui/widgets/qcustomplot.h"
#include "ui/widgets/series_index.h"
#include "ui/workspace/actions.h"

using namespace tessera::ui;

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<double> ramp(std::size_t count, double from = 0) {
    std::vector<double> x(count);
    for (std::size_t i = 0; i < count; ++i) x[i] = from + static_cast<double>(i);
    return x;
}

std::vector<double> noise(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal(3, 0.2);
    std::vector<double> y(count);
    for (auto& value : y) value = normal(generator);
    return y;
}

/// The definition, in the square of the time.
double meanByDefinition(const std::vector<double>& x, const std::vector<double>& y, std::size_t at,
                        double length) {
    double sum = 0, weight = 0;
    for (std::size_t j = 0; j <= at; ++j) {
        if (!std::isfinite(y[j])) continue;
        const double w = std::exp(-(x[at] - x[j]) / length);
        sum += w * y[j];
        weight += w;
    }
    return sum / weight;
}

/// Where a column of many points ends.
std::size_t snapped(std::size_t index) {
    return (index + 16) / 32 * 32;
}

Extent extentByDefinition(const std::vector<double>& y, std::size_t begin, std::size_t end) {
    Extent extent;
    for (auto i = begin; i < end; ++i)
        if (std::isfinite(y[i])) extent.add(y[i]);
    return extent;
}

CurveStyle style(const QString& name, CurveKind kind, const QColor& colour) {
    CurveStyle made;
    made.name = name;
    made.kind = kind;
    made.colour = [colour](const ThemeTokens&) { return colour; };
    made.band = made.colour;
    return made;
}

/// A plot as a page has it: shown, and drawn once.
struct Shown {
    CurvePlot plot;
    Shown() {
        plot.addPanel({QStringLiteral("Loss"), {}, 1, {}, {}, {}});
        plot.resize(640, 320);
        plot.show();
        settle();
    }
    void settle() {
        // A replot is queued behind a timer.
        QTest::qWait(300);
    }
    QImage picture() { return plot.canvas()->toPixmap(640, 320, 1.0).toImage(); }
};

/// The pointer, wherever the display's own is.
void movePointer(CurvePlot& plot, const QPoint& to, Qt::MouseButtons buttons = Qt::NoButton) {
    QMouseEvent move(QEvent::MouseMove, to, plot.canvas()->mapToGlobal(to), Qt::NoButton, buttons,
                     Qt::NoModifier);
    QCoreApplication::sendEvent(plot.canvas(), &move);
}

int columnsOf(const QImage& image, QRgb colour) {
    int count = 0;
    for (int x = 0; x < image.width(); ++x)
        for (int y = 0; y < image.height(); ++y)
            if (image.pixel(x, y) == colour) {
                ++count;
                break;
            }
    return count;
}

}  // namespace

class CurvePlotTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void extentsOfAnyRangeAreExact() {
        auto y = noise(1000, 1);
        y[333] = 90, y[334] = -7, y[500] = kNone, y[999] = 12;
        auto x = ramp(1000, 5);
        x[700] = kNone;
        SeriesIndex index;
        // In uneven portions, as they come.
        for (std::size_t known = 0; known < 1000; known = std::min<std::size_t>(1000, known + 37))
            index.update({std::span(x).first(known), std::span(y).first(known)});
        index.update({x, y});
        QCOMPARE(index.size(), std::size_t(1000));
        QCOMPARE(index.notPositive(), std::size_t(1));
        std::mt19937 generator(7);
        for (int trial = 0; trial < 500; ++trial) {
            auto begin = generator() % 1001, end = generator() % 1001;
            if (begin > end) std::swap(begin, end);
            auto withGap = y;
            withGap[700] = kNone;
            const auto expected = extentByDefinition(withGap, begin, end);
            const auto extent = index.extent({x, y}, begin, end);
            QCOMPARE(extent.empty(), expected.empty());
            QCOMPARE(extent.least, expected.least);
            QCOMPARE(extent.greatest, expected.greatest);
            QCOMPARE(extent.leastPositive, expected.leastPositive);
        }
        QCOMPARE(index.lowerBound({x, y}, 705.0), std::size_t(701));  // x[700] would have been 705
        QCOMPARE(index.lowerBound({x, y}, -100), std::size_t(0));
        QCOMPARE(index.lowerBound({x, y}, 1e9), std::size_t(1000));
        for (std::size_t i = 0; i < 1000; ++i)
            if (i != 700) QCOMPARE(index.lowerBound({x, y}, x[i]), i);
    }

    void manyRowsWithoutAnyXAreWalkedOver() {
        std::vector<double> x(640, kNone), y(640, kNone);
        x[3] = 1, y[3] = 10, x[600] = 2, y[600] = 20;
        SeriesIndex index;
        index.update({x, y});
        QCOMPARE(index.lowerBound({x, y}, 0), std::size_t(3));
        QCOMPARE(index.lowerBound({x, y}, 1.5), std::size_t(600));
        QCOMPARE(index.firstX(), 1.0);
        QCOMPARE(index.lastX(), 2.0);
    }

    void columnsSeeEverySpikeAndEveryGap() {
        const auto x = ramp(100000);
        auto y = noise(100000, 2);
        y[54321] = 1000;
        y[77777] = kNone;
        SeriesIndex index;
        index.update({x, y});
        std::vector<double> edges;
        for (int i = 0; i <= 500; ++i) edges.push_back(i * 200.0);
        std::vector<Column> columns;
        index.columns({x, y}, edges, columns);
        QCOMPARE(columns.size(), std::size_t(500));
        QCOMPARE(std::max(columns[54321 / 200].values.greatest, columns[54321 / 200 + 1].values.greatest),
                 1000.0);
        for (std::size_t c = 0; c < 500; ++c) {
            const auto begin = c == 0 ? 0 : snapped(c * 200),
                       end = c == 499 ? y.size() : snapped((c + 1) * 200);
            const auto expected = extentByDefinition(y, begin, end);
            QCOMPARE(columns[c].values.least, expected.least);
            QCOMPARE(columns[c].values.greatest, expected.greatest);
            QCOMPARE(columns[c].first, y[begin]);
        }
        // A gap inside of a column is no hole in the picture; at its end it is one.
        const auto last = snapped(77800) - 1;
        y[last] = kNone;
        index.clear();
        index.update({x, y});
        index.columns({x, y}, edges, columns);
        QVERIFY(columns[77777 / 200].gapAfter);
        QVERIFY(!columns[77777 / 200 + 1].gapBefore);
        QCOMPARE(columns[77777 / 200].last, y[last - 1]);
    }

    void columnsOfTheMeanAreExact() {
        // Few and many points a column, uneven steps, gaps: against every point's mean.
        std::mt19937 generator(11);
        for (const double perColumn : {3.0, 60.0, 700.0}) {
            const auto count = static_cast<std::size_t>(perColumn * 60);
            auto y = noise(count, 12);
            std::vector<double> x(count);
            double at = 1;
            for (auto& value : x) value = at, at += generator() % 5 == 0 ? 3 : 1;
            for (std::size_t i = 500; i < count; i += 1711) y[i] = kNone;
            SeriesIndex index;
            index.setLength(25, {});
            index.update({x, y});
            std::vector<double> means;
            index.means({x, y}, 0, count, means);
            std::vector<double> edges;
            for (int i = 0; i <= 50; ++i) edges.push_back(10 + i * (at - 20) / 50);
            std::vector<Column> columns;
            index.columns({x, y}, edges, columns);
            for (std::size_t c = 0; c < columns.size(); ++c) {
                const auto at = [&](double edge) {
                    return static_cast<std::size_t>(std::lower_bound(x.begin(), x.end(), edge) - x.begin());
                };
                const bool snaps = perColumn >= 32;
                const auto begin = snaps && c > 0 ? snapped(at(edges[c])) : at(edges[c]);
                const auto end =
                    snaps && c + 1 < columns.size() ? snapped(at(edges[c + 1])) : at(edges[c + 1]);
                const auto values = extentByDefinition(y, begin, end),
                           mean = extentByDefinition(means, begin, end);
                QCOMPARE(columns[c].values.least, values.least);
                QCOMPARE(columns[c].values.greatest, values.greatest);
                QCOMPARE(columns[c].means.least, mean.least);
                QCOMPARE(columns[c].means.greatest, mean.greatest);
                if (!std::isnan(y[end - 1])) {
                    QCOMPARE(columns[c].last, y[end - 1]);
                    QCOMPARE(columns[c].lastMean, means[end - 1]);
                }
                if (!std::isnan(y[begin])) QCOMPARE(columns[c].firstMean, means[begin]);
            }
        }
    }

    void theMeanIsTheDebiasedOne() {
        // Steps are counted from 1: the first distance, from nothing, must not pass for one between two
        // steps.
        auto x = ramp(700, 1);
        for (std::size_t i = 350; i < 700; ++i)
            x[i] = 351 + 7.5 * static_cast<double>(i - 350);  // logged less often
        auto y = noise(700, 3);
        y[200] = kNone;
        SeriesIndex index;
        index.setLength(40, {});
        index.update({std::span(x).first(123), std::span(y).first(123)});
        index.update({x, y});
        std::vector<double> means;
        index.means({x, y}, 0, 700, means);
        QCOMPARE(means[0], y[0]);  // no pull towards 0
        QVERIFY(std::isnan(means[200]));
        for (const std::size_t i : {1u, 63u, 64u, 130u, 201u, 349u, 351u, 500u, 699u}) {
            const double expected = meanByDefinition(x, y, i, 40);
            QVERIFY2(std::abs(means[i] - expected) < 1e-9, qPrintable(QString::number(i)));
            std::vector<double> one;
            index.means({x, y}, i, i + 1, one);
            QCOMPARE(one.front(), means[i]);
        }
        // Another length, computed anew over the same points.
        index.setLength(5, {x, y});
        index.means({x, y}, 600, 601, means);
        QVERIFY(std::abs(means[0] - meanByDefinition(x, y, 600, 5)) < 1e-9);
        // What has been said of a point stays when more come.
        index.means({x, y}, 300, 301, means);
        const double before = means[0];
        x.push_back(x.back() + 1), y.push_back(100);
        index.update({x, y});
        index.means({x, y}, 300, 301, means);
        QCOMPARE(means[0], before);
    }

    void noSpikeIsLostInThePicture() {
        Shown shown;
        const QColor colour(1, 200, 3);
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Noisy, colour));
        std::vector<double> y(200000, 1.0);
        y[123456] = 50;
        shown.plot.append(curve, ramp(200000), y);
        shown.settle();
        auto* axis = shown.plot.panelRect(0)->axis(QCPAxis::atLeft);
        QVERIFY(axis->range().contains(50));
        const auto image = shown.picture();
        const int top = static_cast<int>(std::lround(axis->coordToPixel(50)));
        const int column =
            static_cast<int>(shown.plot.panelRect(0)->axis(QCPAxis::atBottom)->coordToPixel(123456));
        bool seen = false;
        for (int x = column - 1; x <= column + 1; ++x)
            for (int y0 = top; y0 <= top + 1; ++y0) seen = seen || image.pixel(x, y0) == colour.rgb();
        QVERIFY(seen);
    }

    void gapsBreakTheLine() {
        Shown shown;
        const QColor colour(1, 200, 3);
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Noisy, colour));
        auto y = std::vector<double>(100000, 1.0);
        for (std::size_t i = 40000; i < 60000; ++i) y[i] = kNone;
        shown.plot.append(curve, ramp(100000), y);
        shown.settle();
        const auto area = shown.plot.panelRect(0)->rect();
        const auto image = shown.picture().copy(area);
        const int drawn = columnsOf(image, colour.rgb());
        QVERIFY2(std::abs(drawn - area.width() * 0.8) < 6, qPrintable(QString::number(drawn)));
        QCOMPARE(
            columnsOf(image.copy(area.width() * 45 / 100, 0, area.width() / 10, area.height()), colour.rgb()),
            0);
    }

    void logarithmicAxesCountWhatTheyCannotShow() {
        Shown shown;
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Line, Qt::blue));
        shown.plot.append(curve, ramp(100), [] {
            auto y = std::vector<double>(100, 0.5);
            y[3] = 0, y[4] = -1, y[50] = 100;
            return y;
        }());
        QCOMPARE(shown.plot.hiddenByLog(0), 0);
        QSignalSpy switched(&shown.plot, &CurvePlot::logYChanged);
        shown.plot.setLogY(0, CurveSide::Left, true);
        QCOMPARE(switched.size(), 1);
        shown.settle();
        QCOMPARE(shown.plot.hiddenByLog(0), 2);
        auto* axis = shown.plot.panelRect(0)->axis(QCPAxis::atLeft);
        QCOMPARE(axis->scaleType(), QCPAxis::stLogarithmic);
        QVERIFY(axis->range().lower > 0.1 && axis->range().lower < 0.5 && axis->range().upper > 100);
        // Decades have equal heights: a true logarithm.
        QVERIFY(std::abs((axis->coordToPixel(1) - axis->coordToPixel(10)) -
                         (axis->coordToPixel(10) - axis->coordToPixel(100))) < 0.01);
        shown.plot.setLogX(true);
        shown.settle();
        QCOMPARE(shown.plot.hiddenByLog(0), 3);  // and the point at 0
        QVERIFY(shown.plot.xRange().first > 0);
    }

    void followsUntilThePersonMoves() {
        Shown shown;
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Line, Qt::blue));
        auto x = ramp(100);
        shown.plot.append(curve, x, noise(100, 4));
        shown.settle();
        QVERIFY(shown.plot.following());
        QVERIFY(shown.plot.xRange().second >= 99);
        const auto centre = shown.plot.panelRect(0)->rect().center();
        QWheelEvent wheel(centre, shown.plot.canvas()->mapToGlobal(centre), {}, {0, 120}, Qt::NoButton,
                          Qt::NoModifier, Qt::NoScrollPhase, false);
        QSignalSpy changed(&shown.plot, &CurvePlot::followingChanged);
        QCoreApplication::sendEvent(shown.plot.canvas(), &wheel);
        QVERIFY(!shown.plot.following());
        QCOMPARE(changed.size(), 1);
        const auto zoomed = shown.plot.xRange();
        QVERIFY(zoomed.second - zoomed.first < 99);
        shown.plot.append(curve, ramp(900, 100), noise(900, 5));
        shown.settle();
        QCOMPARE(shown.plot.xRange(), zoomed);
        auto* pill = shown.plot.findChild<QPushButton*>();
        QVERIFY(pill && pill->isVisible());
        pill->click();
        shown.settle();
        QVERIFY(shown.plot.following() && !pill->isVisible());
        QVERIFY(shown.plot.xRange().second >= 999);
        // Dragging moves the curve with the pointer.
        QTest::mousePress(shown.plot.canvas(), Qt::LeftButton, Qt::NoModifier, centre);
        movePointer(shown.plot, centre + QPoint(100, 0), Qt::LeftButton);
        QTest::mouseRelease(shown.plot.canvas(), Qt::LeftButton, Qt::NoModifier, centre + QPoint(100, 0));
        QVERIFY(!shown.plot.following());
        QVERIFY(shown.plot.xRange().first < -100);
        QTest::mouseDClick(shown.plot.canvas(), Qt::LeftButton, Qt::NoModifier, centre);
        QVERIFY(shown.plot.following());
    }

    void theYAxisFitsWhatIsSeenUntilItIsZoomed() {
        Shown shown;
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Line, Qt::blue));
        auto y = std::vector<double>(1000, 1.0);
        y[10] = 500, y[900] = 2;
        shown.plot.append(curve, ramp(1000), y);
        shown.plot.setXRange(500, 999);
        shown.settle();
        auto* axis = shown.plot.panelRect(0)->axis(QCPAxis::atLeft);
        QVERIFY(axis->range().upper < 3);
        const auto centre = shown.plot.panelRect(0)->rect().center();
        QWheelEvent wheel(centre, shown.plot.canvas()->mapToGlobal(centre), {}, {0, 120}, Qt::NoButton,
                          Qt::ControlModifier, Qt::NoScrollPhase, false);
        QCoreApplication::sendEvent(shown.plot.canvas(), &wheel);
        const auto zoomed = axis->range();
        shown.plot.setXRange(0, 999);
        shown.settle();
        QCOMPARE(axis->range(), zoomed);
        shown.plot.fit();
        shown.settle();
        QVERIFY(axis->range().upper > 500);
    }

    void theAxisWaitsForTheWholeRun() {
        Shown shown;
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Line, Qt::blue));
        shown.plot.setExpectedX({{0, 300}});
        shown.plot.setTarget(0, CurveSide::Left, 0.7, QStringLiteral("target 70 %"));
        shown.settle();
        QCOMPARE(shown.plot.xRange(), std::pair(0.0, 300.0));
        QVERIFY(shown.plot.panelRect(0)->axis(QCPAxis::atLeft)->range().contains(0.7));
        shown.plot.append(curve, ramp(13), noise(13, 1));
        shown.settle();
        QCOMPARE(shown.plot.xRange(), std::pair(0.0, 20.0));
        shown.plot.append(curve, ramp(200, 13), noise(200, 1));
        shown.settle();
        QCOMPARE(shown.plot.xRange(), std::pair(0.0, 300.0));
    }

    void sourcesAreReadInPlace() {
        Shown shown;
        std::vector<double> x = ramp(50), y = noise(50, 6);
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Noisy, Qt::blue));
        shown.plot.setSource(curve, [&] { return CurvePoints{x, y}; });
        QCOMPARE(shown.plot.valueAt(curve, 49), y[49]);
        for (int i = 50; i < 5000; ++i) x.push_back(i), y.push_back(i * 0.5);
        QCOMPARE(shown.plot.valueAt(curve, 4999), y[49]);  // not asked yet
        shown.plot.refresh();
        QCOMPARE(shown.plot.valueAt(curve, 4999), 2499.5);
        QCOMPARE(shown.plot.valueAt(curve, 100.4), 50.0);
        // A shorter series is another one.
        x = ramp(10), y = noise(10, 7);
        shown.plot.refresh();
        QCOMPARE(shown.plot.valueAt(curve, 4999), y[9]);
        shown.settle();
    }

    void tablesHoldAllPoints() {
        Shown shown;
        const int loss =
            shown.plot.addCurve(0, style(QStringLiteral("Loss, raw"), CurveKind::Noisy, Qt::blue));
        const int density =
            shown.plot.addCurve(0, style(QStringLiteral("Density"), CurveKind::Line, Qt::red));
        const auto y = noise(20000, 8);
        shown.plot.append(loss, ramp(20000), y);
        shown.plot.append(density, std::vector<double>{0.5, 1, 2}, std::vector<double>{0.1, kNone, 0.3});
        shown.plot.setXRange(100, 200);  // zooming takes nothing out of it
        const auto lines = shown.plot.toText(',').split('\n');
        QCOMPARE(lines[0], QByteArray("Step,\"Loss, raw\",Density"));
        QCOMPARE(lines.size(), 20000 + 1 + 1 + 1);  // 0.5 is a row of its own; the end of the last line
        QCOMPARE(lines[2], QByteArray("0.5,,0.1"));
        QVERIFY(lines[4].endsWith(",0.3") && lines[4].startsWith("2,"));
        for (std::size_t i = 10; i < 20000; i += 777)
            QCOMPARE(lines[static_cast<int>(i) + 2].split(',')[1].toDouble(), y[i]);
        QTemporaryDir folder;
        QSignalSpy exported(&shown.plot, &CurvePlot::exported);
        const auto csv = folder.filePath(QStringLiteral("a.csv"));
        shown.plot.exportTo(csv);
        QVERIFY(exported.wait());
        QFile file(csv);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(file.readAll(), shown.plot.toText(','));
        shown.plot.copyTable();
        QTRY_COMPARE(QGuiApplication::clipboard()->text().count(QLatin1Char('\n')), 20002);
    }

    void picturesAreWritten() {
        Shown shown;
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Noisy, Qt::blue));
        shown.plot.setSmoothing(20);
        shown.plot.append(curve, ramp(100000), noise(100000, 9));
        shown.settle();
        QTemporaryDir folder;
        QSignalSpy exported(&shown.plot, &CurvePlot::exported);
        for (const char* name : {"a.png", "a.svg", "a.pdf"})
            shown.plot.exportTo(folder.filePath(QLatin1String(name)));
        QCOMPARE(exported.size(), 3);
        QCOMPARE(QImage(folder.filePath(QStringLiteral("a.png"))).size(), shown.plot.canvas()->size() * 2);
        QFile svg(folder.filePath(QStringLiteral("a.svg"))), pdf(folder.filePath(QStringLiteral("a.pdf")));
        QVERIFY(svg.open(QIODevice::ReadOnly) && svg.readAll().contains("<svg") && svg.size() < 1 << 20);
        QVERIFY(pdf.open(QIODevice::ReadOnly) && pdf.readAll().startsWith("%PDF"));
        shown.plot.exportTo(folder.filePath(QStringLiteral("none/a.png")));
        QCOMPARE(exported.last()[1].toBool(), true);
    }

    void theCrosshairReadsTheNearestPoint() {
        Shown shown;
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("loss"), CurveKind::Line, Qt::blue));
        shown.plot.append(curve, ramp(11), ramp(11, 100));
        shown.settle();
        QSignalSpy moved(&shown.plot, &CurvePlot::crosshairMoved);
        auto* axis = shown.plot.panelRect(0)->axis(QCPAxis::atBottom);
        movePointer(shown.plot, {static_cast<int>(axis->coordToPixel(7.1)), 150});
        QVERIFY(!moved.isEmpty());
        QVERIFY(std::abs(shown.plot.crosshair().value() - 7.1) < 0.1);
        QCOMPARE(shown.plot.valueAt(curve, *shown.plot.crosshair()), 107.0);
        // It is drawn through that point, between the points as at them.
        movePointer(shown.plot, {static_cast<int>(axis->coordToPixel(7.4)), 150});
        const auto picture = shown.plot.canvas()->grab().toImage();
        const double ratio = picture.devicePixelRatio();
        const auto line = [&](double x) {
            int count = 0;
            for (int y = 0; y < picture.height(); ++y)
                count += picture.pixel(static_cast<int>(std::lround(axis->coordToPixel(x)) * ratio), y) ==
                         Theme::instance().tokens().textMuted.rgb();
            return count;
        };
        QVERIFY(line(7) > 100 * ratio);
        QVERIFY(line(7.4) < 20 * ratio);
        QTest::keyClick(shown.plot.canvas(), Qt::Key_Escape);
        QVERIFY(!shown.plot.crosshair());
        QTest::keyClick(shown.plot.canvas(), Qt::Key_Right);
        QVERIFY(shown.plot.crosshair());
    }

    void saysItInASentence() {
        Shown shown;
        QCOMPARE(shown.plot.summary(), QStringLiteral("No points yet."));
        const int curve = shown.plot.addCurve(0, style(QStringLiteral("Loss"), CurveKind::Line, Qt::blue));
        auto y = std::vector<double>(1201, 2.72);
        y.back() = 2.41;
        shown.plot.append(curve, ramp(1201), y);
        QCOMPARE(shown.plot.summary(),
                 QStringLiteral("Loss 2.41 at step 1200, down 0.31 over the last 500."));
        shown.settle();
        QCOMPARE(shown.plot.accessibleDescription(), shown.plot.summary());
    }

    void coloursFollowTheTheme() {
        Shown shown;
        auto look = style(QStringLiteral("loss"), CurveKind::Line, Qt::blue);
        look.colour = [](const ThemeTokens& t) { return t.dark ? QColor(250, 1, 2) : QColor(3, 4, 250); };
        const int curve = shown.plot.addCurve(0, look);
        shown.plot.append(curve, ramp(100), std::vector<double>(100, 1.0));
        Theme::instance().setMode(ThemeMode::Light);
        shown.settle();
        QVERIFY(columnsOf(shown.picture(), QColor(3, 4, 250).rgb()) > 100);
        Theme::instance().setMode(ThemeMode::Dark);
        // With the page around it: as soon as anything is drawn.
        QTRY_VERIFY(shown.plot.window()->updatesEnabled());
        const auto dark = shown.plot.canvas()->grab().toImage();
        QVERIFY(columnsOf(dark, QColor(250, 1, 2).rgb()) > 100);
        QCOMPARE(columnsOf(dark, QColor(3, 4, 250).rgb()), 0);
        QVERIFY(dark.pixelColor(2, 2).lightness() < 80);
        // One that is hidden at the change is drawn anew when it is shown.
        shown.plot.hide();
        Theme::instance().setMode(ThemeMode::Light);
        QTRY_VERIFY(shown.plot.window()->updatesEnabled());
        shown.plot.show();
        const auto light = shown.plot.canvas()->grab().toImage();
        QVERIFY(columnsOf(light, QColor(3, 4, 250).rgb()) > 100);
        QCOMPARE(columnsOf(light, QColor(250, 1, 2).rgb()), 0);
    }

    void actionsAreMadeOnceAndActOnWhatIsSeen() {
        Actions actions;
        Shown shown;
        CurvePlot hidden;
        hidden.addPanel({QStringLiteral("Loss"), {}, 1, {}, {}, {}});
        shown.plot.bindActions(actions);
        hidden.bindActions(actions);
        QCOMPARE(actions.all().size(), 4);
        auto* log = actions.action(QStringLiteral("chart.logY"));
        QVERIFY(log->isEnabled());
        log->trigger();
        QVERIFY(shown.plot.logY(0, CurveSide::Left));
        QVERIFY(!hidden.logY(0, CurveSide::Left));
        shown.plot.hide();
        QVERIFY(!log->isEnabled());
        shown.plot.show();
        QVERIFY(log->isEnabled());
    }
};

QTEST_MAIN(CurvePlotTest)
#include "tst_curve_plot.moc"
