#include <QTest>

#include "ui/inspect/map_painter.h"
#include "ui/inspect/run_fixture.h"

using namespace tessera;
using namespace tessera::ui;

/// What reaches the pixels: flat where masks are uniform, exact where cells are, at true size where tiles are
/// ragged.
class MapPainterTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void aUniformMaskIsFlatGreyAtEveryZoom_data();
    void aUniformMaskIsFlatGreyAtEveryZoom();
    void whatIsDrawnHasTheMasksMeanAtEveryZoom();
    void weightsAreDrawnAsTheyAre();
    void raggedTilesHaveTheirTrueSize();
    void tilesBelowAPixelAreAveraged();
    void keptIsTheInksEndInBothThemes();
    void brokenGroupsAreFoundWhereTwoOfFourIsClaimed();
};

namespace {

struct Scene {
    MapData data;
    Navigator navigator;
};

Scene sceneOf(const PackedMask& mask, std::int64_t tileRows = 64, std::int64_t tileCols = 64) {
    Structure structure;
    structure.matrices.push_back({"m", QStringLiteral("mlp.up"), 0, 0, mask.rows, mask.cols});
    structure.projections << QStringLiteral("up");
    structure.blocks = 1;
    structure.tileRows = tileRows;
    structure.tileCols = tileCols;
    Scene scene;
    scene.data.structure = std::make_shared<const Structure>(structure);
    TileMap map;
    map.matrices.push_back(tilesOf("m", mask, tileRows, tileCols));
    scene.data.frame = std::make_shared<const MapFrame>(frameOf(structure, map, 1));
    auto detail = std::make_shared<MatrixDetail>();
    detail->matrix = 0;
    detail->step = 1;
    detail->mask = mask;
    detail->pyramid = DensityPyramid(mask);
    scene.data.detail = detail;
    scene.navigator.setStructure(scene.data.structure);
    scene.navigator.setViewport({640, 480});
    return scene;
}

/// Draws at a scale in device pixels a weight, with weight (0, 0) at (x, y). Pixels off the matrix stay
/// `paper`.
QImage drawn(Scene& scene, Level level, Look look, double scale, double x, double y,
             const ThemeTokens& tokens, QSize size = {320, 240}, double ratio = 1) {
    scene.navigator.goTo(level);
    QImage image(size, QImage::Format_RGB32);
    const MapPainter painter(scene.data, look, tokens);
    painter.paint(image, image.rect(), scene.navigator, Camera{scale, scale, {x, y}}, ratio);
    return image;
}

/// Black ink on white paper: grey is the density itself.
ThemeTokens inkTokens() {
    ThemeTokens tokens = Theme::instance().tokens();
    tokens.ink = Qt::black;
    tokens.paper = Qt::white;
    tokens.raised = QColor(0, 0, 255);
    return tokens;
}

bool onMatrix(double x, double y, double scale, double originX, double originY, const PackedMask& mask) {
    const double col = (x + 0.5 - originX) / scale, row = (y + 0.5 - originY) / scale;
    return col >= 0 && row >= 0 && col < static_cast<double>(mask.cols) &&
           row < static_cast<double>(mask.rows);
}

}  // namespace

void MapPainterTest::aUniformMaskIsFlatGreyAtEveryZoom_data() {
    QTest::addColumn<qint64>("rows");
    QTest::addColumn<qint64>("cols");
    QTest::addColumn<unsigned>("seed");
    QTest::newRow("the same two everywhere") << qint64(512) << qint64(1024) << 0u;
    QTest::newRow("any two") << qint64(512) << qint64(1024) << 7u;
    QTest::newRow("ragged against every cell") << qint64(333) << qint64(692) << 9u;
    QTest::newRow("wide") << qint64(96) << qint64(11008) << 3u;
}

void MapPainterTest::aUniformMaskIsFlatGreyAtEveryZoom() {
    QFETCH(qint64, rows);
    QFETCH(qint64, cols);
    QFETCH(unsigned, seed);
    const auto mask = fixture::twoFourMask(rows, cols, seed);
    auto scene = sceneOf(mask);
    const auto tokens = inkTokens();
    const double tolerance = 0.02 * 255;
    int scales = 0;
    for (double scale = 0.02; scale < 24; scale *= 1.0931)
        for (const double ratio : {1.0, 1.25, 2.0})
            for (const auto& [dx, dy] :
                 {std::pair(0.0, 0.0), std::pair(-13.0, 7.0), std::pair(-401.0, -77.0)}) {
                // The density of a matrix, at any zoom; and a tile's weights while they are too small to be
                // drawn.
                for (const auto level : {Level::Matrix, Level::Tile}) {
                    Look look{Palette::Ink, false,
                              level == Level::Matrix ? Colouring::Density : Colouring::Kept};
                    if (level == Level::Tile && scale >= 2) continue;
                    const auto image = drawn(scene, level, look, scale, dx, dy, tokens, {320, 240}, ratio);
                    int count = 0;
                    for (int y = 0; y < image.height(); ++y)
                        for (int x = 0; x < image.width(); ++x) {
                            if (!onMatrix(x, y, scale, dx, dy, mask)) continue;
                            ++count;
                            const int grey = qGreen(image.pixel(x, y));
                            if (std::abs(grey - 127.5) > tolerance)
                                QFAIL(qPrintable(QStringLiteral("%1 at (%2, %3), scale %4, offset %5, %6")
                                                     .arg(grey)
                                                     .arg(x)
                                                     .arg(y)
                                                     .arg(scale)
                                                     .arg(dx)
                                                     .arg(dy)));
                        }
                    scales += count > 0;
                }
            }
    QVERIFY(scales > 100);
}

void MapPainterTest::whatIsDrawnHasTheMasksMeanAtEveryZoom() {
    // Columns that are kept in stripes of 3: any picking of single weights would show other stripes.
    PackedMask mask(512, 768);
    for (std::int64_t r = 0; r < mask.rows; ++r)
        for (std::int64_t c = 0; c < mask.cols; ++c)
            if (c % 3 == 0) mask.keep(r * mask.cols + c);
    auto scene = sceneOf(mask);
    const auto tokens = inkTokens();
    for (double scale = 0.05; scale < 0.42; scale *= 1.13) {
        const auto image =
            drawn(scene, Level::Matrix, {Palette::Ink, false, Colouring::Density}, scale, 0, 0, tokens);
        double sum = 0;
        int count = 0;
        for (int y = 0; y < image.height(); ++y)
            for (int x = 0; x < image.width(); ++x)
                if (onMatrix(x, y, scale, 0, 0, mask)) {
                    sum += 255 - qGreen(image.pixel(x, y));
                    ++count;
                }
        QVERIFY(count > 100);
        QVERIFY2(std::abs(sum / count / 255 - 1.0 / 3) < 0.01,
                 qPrintable(QString::number(sum / count / 255)));
    }
}

void MapPainterTest::weightsAreDrawnAsTheyAre() {
    const auto mask = fixture::randomMask(40, 50, 0.4, 11);
    auto scene = sceneOf(mask, 16, 16);
    const auto tokens = inkTokens();
    for (const double scale : {2.0, 3.7, 9.0}) {
        const auto image =
            drawn(scene, Level::Tile, {Palette::Viridis, false, Colouring::Kept}, scale, 5, 3, tokens);
        for (std::int64_t row = 0; row < mask.rows; ++row)
            for (std::int64_t col = 0; col < mask.cols; ++col) {
                const QPoint middle(static_cast<int>(5 + (static_cast<double>(col) + 0.5) * scale),
                                    static_cast<int>(3 + (static_cast<double>(row) + 0.5) * scale));
                if (!image.rect().contains(middle)) continue;
                QCOMPARE(QColor(image.pixel(middle)),
                         mask.keeps(row * mask.cols + col) ? tokens.ink : tokens.paper);
            }
    }
}

void MapPainterTest::raggedTilesHaveTheirTrueSize() {
    // 100 x 150 in tiles of 48 x 64: the last are 4 rows high and 22 columns wide. A tile a value of its own.
    PackedMask mask(100, 150);
    const auto keepTile = [&](std::int64_t tileRow, std::int64_t tileCol) {
        for (auto r = tileRow * 48; r < std::min<std::int64_t>(100, tileRow * 48 + 48); ++r)
            for (auto c = tileCol * 64; c < std::min<std::int64_t>(150, tileCol * 64 + 64); ++c)
                mask.keep(r * 150 + c);
    };
    keepTile(0, 2);
    keepTile(2, 1);
    keepTile(2, 2);
    auto scene = sceneOf(mask, 48, 64);
    const auto tokens = inkTokens();
    const double scale = 2;
    const auto image = drawn(scene, Level::Matrix, {Palette::Ink, false, Colouring::TileDensity}, scale, 10,
                             6, tokens, {340, 230});
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) {
            const int col = static_cast<int>(std::floor((x - 10) / scale)),
                      row = static_cast<int>(std::floor((y - 6) / scale));
            QColor wanted = tokens.raised;
            if (row >= 0 && col >= 0 && row < 100 && col < 150)
                wanted = mask.keeps(row * 150 + col) ? tokens.ink : tokens.paper;
            if (QColor(image.pixel(x, y)) != wanted)
                QFAIL(qPrintable(QStringLiteral("pixel (%1, %2) is %3")
                                     .arg(x)
                                     .arg(y)
                                     .arg(QColor(image.pixel(x, y)).name())));
        }
}

void MapPainterTest::tilesBelowAPixelAreAveraged() {
    // A chessboard of dense and empty tiles of 4 x 4, four tiles a pixel.
    PackedMask mask(256, 256);
    for (std::int64_t r = 0; r < 256; ++r)
        for (std::int64_t c = 0; c < 256; ++c)
            if ((r / 4 + c / 4) % 2 == 0) mask.keep(r * 256 + c);
    auto scene = sceneOf(mask, 4, 4);
    const auto tokens = inkTokens();
    const auto image =
        drawn(scene, Level::Matrix, {Palette::Ink, false, Colouring::TileDensity}, 0.125, 0, 0, tokens);
    for (int y = 0; y < 32; ++y)
        for (int x = 0; x < 32; ++x) QVERIFY(std::abs(qGreen(image.pixel(x, y)) - 127) <= 1);
}

void MapPainterTest::keptIsTheInksEndInBothThemes() {
    for (const auto mode : {ThemeMode::Light, ThemeMode::Dark}) {
        Theme::instance().setMode(mode);
        const auto& tokens = Theme::instance().tokens();
        for (const auto palette : {Palette::Viridis, Palette::Cividis, Palette::Ink}) {
            const auto table = colourTable(palette, tokens);
            double before = -1;
            for (std::size_t i = 0; i < table.size(); i += 5) {
                const double light =
                    0.2126 * qRed(table[i]) + 0.7152 * qGreen(table[i]) + 0.0722 * qBlue(table[i]);
                const double ink = tokens.dark ? light : 255 - light;
                QVERIFY2(ink >= before - 1,
                         qPrintable(QStringLiteral("%1 at %2").arg(paletteName(palette)).arg(i)));
                before = ink;
            }
        }
    }
    Theme::instance().setMode(ThemeMode::Light);
}

void MapPainterTest::brokenGroupsAreFoundWhereTwoOfFourIsClaimed() {
    auto mask = fixture::twoFourMask(64, 64, 3);
    // One group keeps three.
    for (std::int64_t c = 8; c < 12; ++c)
        if (!mask.keeps(5 * 64 + c)) {
            mask.keep(5 * 64 + c);
            break;
        }
    auto scene = sceneOf(mask, 32, 32);
    const auto broken = [&] {
        int count = 0;
        for (std::int64_t r = 0; r < 64; ++r)
            for (std::int64_t c = 0; c < 64; c += 4) count += scene.data.violates(0, r, c);
        return count;
    };
    // The tile is unstructured now, and nobody said that it should not be.
    QCOMPARE(broken(), 0);
    scene.data.claimsTwoFour = true;
    QCOMPARE(broken(), 1);
    QVERIFY(scene.data.violates(0, 5, 9));
}

QTEST_MAIN(MapPainterTest)
#include "tst_map_painter.moc"
