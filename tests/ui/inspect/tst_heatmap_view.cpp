#include <QSignalSpy>
#include <QTest>
#include <QWheelEvent>

#include "ui/inspect/heatmap_view.h"
#include "ui/inspect/read_out.h"
#include "ui/inspect/run_fixture.h"

using namespace tessera;
using namespace tessera::ui;

/// The widget by its keys, wheel, mouse and pixels; data comes at once instead of from a loader.
class HeatmapViewTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void init();
    void keysLeadThroughAllLevelsAndBack();
    void keysChangeMatrixAndBlock();
    void aDoubleClickOpensWhatIsUnderIt();
    void theWheelZoomsAboutThePointer();
    void draggingMovesThePictureExactly();
    void cellsAreWhereTheCameraSays();
    void escapeAtTheTopIsLeftToOthers();
    void theColouringOfALevelIsRemembered();
    void readOutCountsAreTheMasks();
    void autoContrastSpansWhatIsDrawn();
    void hasANameAndSaysWhatIsSelected();
    void drawsNothingWithoutData();

  private:
    void key(Qt::Key key, Qt::KeyboardModifiers modifiers = {}) {
        QTest::keyClick(m_view.get(), key, modifiers);
    }
    QColor pixelOf(std::int64_t row, std::int64_t col);
    void wheel(const QPointF& at, int delta);

    MaskSet m_masks;
    std::unique_ptr<HeatmapView> m_view;
};

void HeatmapViewTest::init() {
    Theme::instance().setMode(ThemeMode::Light);
    m_view = std::make_unique<HeatmapView>();
    m_view->resize(900, 700);
    m_masks = fixture::masksAt(10);
    const auto map = fixture::mapOf(m_masks);
    auto structure = std::make_shared<Structure>(structureOf(ModelFiles::open(fixture::starter()).config()));
    structure->tileRows = fixture::kTileRows;
    structure->tileCols = fixture::kTileCols;
    const StructurePtr shared = structure;
    connect(m_view.get(), &HeatmapView::detailWanted, this, [this, shared](int matrix, bool) {
        auto detail = std::make_shared<MatrixDetail>();
        detail->matrix = matrix;
        detail->step = 10;
        detail->mask = m_masks.masks.at(shared->matrices[static_cast<std::size_t>(matrix)].name);
        detail->pyramid = DensityPyramid(detail->mask);
        m_view->setDetail(detail);
    });
    m_view->setStructure(shared);
    m_view->setFacts(true, false, -1, false, false, "unstructured");
    m_view->setFrame(std::make_shared<const MapFrame>(frameOf(*shared, map, 10)));
    m_view->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_view.get()));
    m_view->setFocus();
}

QColor HeatmapViewTest::pixelOf(std::int64_t row, std::int64_t col) {
    const auto image = m_view->grab().toImage();
    const auto at =
        m_view->mapRect().topLeft() +
        m_view->paintedCamera().toView(static_cast<double>(col) + 0.5, static_cast<double>(row) + 0.5);
    const double ratio = image.devicePixelRatio();
    return image.pixelColor(static_cast<int>(at.x() * ratio), static_cast<int>(at.y() * ratio));
}

void HeatmapViewTest::wheel(const QPointF& at, int delta) {
    QWheelEvent event(at, m_view->mapToGlobal(at), {}, {0, delta}, Qt::NoButton, Qt::NoModifier,
                      Qt::NoScrollPhase, false);
    QCoreApplication::sendEvent(m_view.get(), &event);
}

void HeatmapViewTest::keysLeadThroughAllLevelsAndBack() {
    const auto& navigator = m_view->navigator();
    QCOMPARE(navigator.level(), Level::Model);
    key(Qt::Key_Right);
    key(Qt::Key_Down);
    QCOMPARE(navigator.matrix().block, 1);
    QCOMPARE(navigator.matrix().label, QStringLiteral("attn.k"));
    key(Qt::Key_Return);
    QCOMPARE(navigator.level(), Level::Matrix);
    key(Qt::Key_Right);
    key(Qt::Key_Down);
    QCOMPARE(navigator.selected().row, fixture::kTileRows);
    QCOMPARE(navigator.selected().col, fixture::kTileCols);
    key(Qt::Key_Enter);
    QCOMPARE(navigator.level(), Level::Tile);
    key(Qt::Key_Right);
    key(Qt::Key_Down);
    QCOMPARE(navigator.selected().row, fixture::kTileRows + 1);
    key(Qt::Key_Return);
    QCOMPARE(navigator.level(), Level::Group);
    key(Qt::Key_Left);
    QCOMPARE(navigator.selected().col, fixture::kTileCols);
    key(Qt::Key_Escape);
    QCOMPARE(navigator.level(), Level::Tile);
    key(Qt::Key_Backspace);
    QCOMPARE(navigator.level(), Level::Matrix);
    key(Qt::Key_Escape);
    QCOMPARE(navigator.level(), Level::Model);
    key(Qt::Key_Return);
    key(Qt::Key_Return);
    key(Qt::Key_Home);
    QCOMPARE(navigator.level(), Level::Model);
    // Zooming by keys alone comes to printed values, and back.
    for (int i = 0; i < 60 && navigator.level() != Level::Group; ++i) key(Qt::Key_Plus);
    QCOMPARE(navigator.level(), Level::Group);
    for (int i = 0; i < 60 && navigator.level() != Level::Model; ++i) key(Qt::Key_Minus);
    QCOMPARE(navigator.level(), Level::Model);
}

void HeatmapViewTest::keysChangeMatrixAndBlock() {
    key(Qt::Key_Return);
    key(Qt::Key_PageDown);
    QCOMPARE(m_view->navigator().selected().matrix, 1);
    key(Qt::Key_BracketRight);
    QCOMPARE(m_view->navigator().matrix().block, 1);
    key(Qt::Key_BracketLeft);
    key(Qt::Key_PageUp);
    QCOMPARE(m_view->navigator().selected().matrix, 0);
    QCOMPARE(m_view->navigator().level(), Level::Matrix);
    QSignalSpy stepped(m_view.get(), &HeatmapView::snapshotStepped);
    key(Qt::Key_Right, Qt::ShiftModifier);
    key(Qt::Key_Left, Qt::ShiftModifier);
    QCOMPARE(stepped.size(), 2);
    QCOMPARE(stepped[0][0].toInt(), 1);
    QCOMPARE(stepped[1][0].toInt(), -1);
}

void HeatmapViewTest::aDoubleClickOpensWhatIsUnderIt() {
    const auto corner = m_view->mapRect().topLeft();
    const auto cell = corner + m_view->navigator().camera().toView(4.5, 3.5);
    QTest::mouseDClick(m_view.get(), Qt::LeftButton, {}, cell.toPoint());
    QCOMPARE(m_view->navigator().level(), Level::Matrix);
    QCOMPARE(m_view->navigator().matrix().label, QStringLiteral("mlp.gate"));
    QCOMPARE(m_view->navigator().matrix().block, 3);
    const auto tile = corner + m_view->navigator().camera().toView(85, 50);
    QTest::mouseClick(m_view.get(), Qt::LeftButton, {}, tile.toPoint());
    QCOMPARE(m_view->navigator().tileRow(), std::int64_t(1));
    QCOMPARE(m_view->navigator().tileCol(), std::int64_t(1));
}

void HeatmapViewTest::theWheelZoomsAboutThePointer() {
    key(Qt::Key_Return);
    const QPointF pointer = m_view->mapRect().center() + QPointF(20, 30);
    for (int i = 0; i < 8; ++i) wheel(pointer, 120);
    const auto inMap = pointer - m_view->mapRect().topLeft();
    const auto before = m_view->navigator().camera();
    const auto under = before.toScene(inMap);
    wheel(pointer, 120);
    const auto after = m_view->navigator().camera();
    QVERIFY(after.scaleX > before.scaleX);
    QVERIFY((after.toScene(inMap) - under).manhattanLength() < 1e-6);
    for (int i = 0; i < 100; ++i) wheel(pointer, -120);
    QCOMPARE(m_view->navigator().level(), Level::Model);
}

void HeatmapViewTest::draggingMovesThePictureExactly() {
    const auto structure = m_view->data().structure;
    const auto& info = structure->matrices[5];
    for (std::int64_t row = 0; row < structure->gridRows(5); ++row)
        for (std::int64_t col = 0; col < structure->gridCols(5); ++col) {
            const auto rows = std::min(structure->tileRows, info.rows - row * structure->tileRows),
                       cols = std::min(structure->tileCols, info.cols - col * structure->tileCols);
            std::vector<float> weights(static_cast<std::size_t>(rows * cols));
            for (std::size_t i = 0; i < weights.size(); ++i)
                weights[i] = 0.001f * static_cast<float>(i % 997) - 0.4f;
            m_view->setValues(std::make_shared<const TileValues>(TileValues{5,
                                                                            row,
                                                                            col,
                                                                            row * structure->tileRows,
                                                                            col * structure->tileCols,
                                                                            rows,
                                                                            cols,
                                                                            std::move(weights),
                                                                            {}}));
        }
    // Far enough that between two looks the picture is drawn over more than once.
    const QPoint places[] = {{37, -21}, {-64, 40},  {-300, 90},  {-450, 300}, {-200, 340},
                             {60, 310}, {240, 200}, {430, -100}, {100, -250}, {101, -249}};
    for (const auto level : {Level::Matrix, Level::Tile, Level::Group}) {
        m_view->select({5, 300, 100});
        m_view->goTo(level);
        m_view->setColouring(level == Level::Matrix ? Colouring::Density : Colouring::Magnitude);
        m_view->zoomBy(level == Level::Group ? 1 : 4);
        m_view->grab();
        const QPoint from = m_view->mapRect().center().toPoint();
        QTest::mousePress(m_view.get(), Qt::LeftButton, {}, from);
        QImage dragged;
        for (std::size_t i = 0; i < std::size(places); ++i) {
            QMouseEvent move(QEvent::MouseMove, from + places[i], m_view->mapToGlobal(from + places[i]),
                             Qt::NoButton, Qt::LeftButton, {});
            QCoreApplication::sendEvent(m_view.get(), &move);
            dragged = m_view->grab().toImage();
            if (i % 3 != 0) continue;
            Q_EMIT Theme::instance().changed();  // everything is drawn again
            QCOMPARE(dragged, m_view->grab().toImage());
        }
        QTest::mouseRelease(m_view.get(), Qt::LeftButton, {}, from);
    }
}

void HeatmapViewTest::cellsAreWhereTheCameraSays() {
    const int matrix = 5;  // 704 x 256 in tiles of 48 x 80: the last are 32 high and 16 wide
    const auto& mask = m_masks.masks.at(m_view->data().structure->matrices[matrix].name);
    m_view->select({matrix, 0, 0});
    m_view->goTo(Level::Matrix);
    m_view->setColouring(Colouring::TileDensity);
    const auto tokens = Theme::instance().tokens();
    const auto table = colourTable(Palette::Viridis, tokens);
    const auto tiles = tilesOf("m", mask, fixture::kTileRows, fixture::kTileCols);
    const auto last = tiles.density.size() - 1;
    QCOMPARE(pixelOf(696, 248), QColor::fromRgb(colourAt(table, static_cast<double>(tiles.density[last]))));
    // Beyond the ragged edge there is nothing.
    QCOMPARE(pixelOf(696, 262), tokens.raised);
    m_view->select({matrix, 700, 250});
    m_view->goTo(Level::Tile);
    for (const auto& [row, col] :
         {std::pair<std::int64_t, std::int64_t>{699, 245}, {690, 241}, {673, 255}, {703, 240}})
        QCOMPARE(pixelOf(row, col), mask.keeps(row * 256 + col) ? tokens.ink : tokens.paper);
}

void HeatmapViewTest::escapeAtTheTopIsLeftToOthers() {
    QKeyEvent event(QEvent::KeyPress, Qt::Key_Escape, Qt::NoModifier);
    event.accept();
    QCoreApplication::sendEvent(m_view.get(), &event);
    QVERIFY(!event.isAccepted());
}

void HeatmapViewTest::theColouringOfALevelIsRemembered() {
    m_view->setColouring(Colouring::TileKind);
    m_view->goTo(Level::Tile);
    QCOMPARE(m_view->look().colouring, Colouring::Kept);
    m_view->setColouring(Colouring::Magnitude);
    m_view->goTo(Level::Group);
    QCOMPARE(m_view->look().colouring, Colouring::Magnitude);
    m_view->goTo(Level::Model);
    QCOMPARE(m_view->look().colouring, Colouring::TileKind);
    // What is not there any more is not shown.
    m_view->setFacts(false, false, -1, false, false, "unstructured");
    m_view->goTo(Level::Tile);
    QCOMPARE(m_view->look().colouring, Colouring::Kept);
    QVERIFY(!colouringsAt(Level::Tile, m_view->data()).contains(Colouring::Gate));
}

void HeatmapViewTest::readOutCountsAreTheMasks() {
    const int matrix = 33;
    const auto& info = m_view->data().structure->matrices[matrix];
    const auto& mask = m_masks.masks.at(info.name);
    m_view->select({matrix, 0, 0});
    const auto kept = groupedDigits(mask.kept()), all = groupedDigits(info.elements());
    QVERIFY2(m_view->readOut().contains(QStringLiteral("kept %1 of %2").arg(kept, all)),
             qPrintable(m_view->readOut()));
    m_view->goTo(Level::Matrix);
    for (const auto& [row, col] :
         {std::pair<std::int64_t, std::int64_t>{0, 0}, {50, 90}, {info.rows - 1, info.cols - 1}}) {
        m_view->select({matrix, row, col});
        const auto top = row / fixture::kTileRows * fixture::kTileRows,
                   left = col / fixture::kTileCols * fixture::kTileCols;
        std::int64_t inTile = 0, size = 0;
        for (auto r = top; r < std::min(info.rows, top + fixture::kTileRows); ++r)
            for (auto c = left; c < std::min(info.cols, left + fixture::kTileCols); ++c, ++size)
                inTile += mask.keeps(r * info.cols + c);
        const auto wanted = QStringLiteral("kept %1 of %2").arg(groupedDigits(inTile), groupedDigits(size));
        QVERIFY2(m_view->readOut().contains(wanted), qPrintable(m_view->readOut()));
        QVERIFY(m_view->readOut().contains(
            QStringLiteral("tile (%1, %2)").arg(row / fixture::kTileRows).arg(col / fixture::kTileCols)));
        m_view->goTo(Level::Tile);
        QVERIFY(m_view->readOut().contains(QStringLiteral("row %1, column %2").arg(row).arg(col)));
        QVERIFY(m_view->readOut().contains(mask.keeps(row * info.cols + col) ? QStringLiteral("  kept  ")
                                                                             : QStringLiteral("  pruned  ")));
        QVERIFY(m_view->readOut().contains(wanted));
        m_view->goTo(Level::Matrix);
    }
}

void HeatmapViewTest::autoContrastSpansWhatIsDrawn() {
    QCOMPARE(m_view->range().low, 0.0);
    QCOMPARE(m_view->range().high, 1.0);
    QVERIFY(!m_view->range().adapted);
    m_view->setAutoContrast(true);
    // Blocks keep 21 % to 71 %.
    QVERIFY(m_view->range().adapted);
    QVERIFY(std::abs(m_view->range().low - 0.21) < 0.01);
    QVERIFY(std::abs(m_view->range().high - 0.71) < 0.01);
    m_view->setAutoContrast(false);
    QCOMPARE(m_view->range().high, 1.0);
}

void HeatmapViewTest::hasANameAndSaysWhatIsSelected() {
    QVERIFY(!m_view->accessibleName().isEmpty());
    const auto before = m_view->accessibleDescription();
    QVERIFY(before.contains(QStringLiteral("Block 0 attn.q")));
    key(Qt::Key_Down);
    QVERIFY(m_view->accessibleDescription() != before);
    QVERIFY(m_view->accessibleDescription().contains(QStringLiteral("Block 1 attn.q")));
}

void HeatmapViewTest::drawsNothingWithoutData() {
    HeatmapView empty;
    empty.resize(300, 200);
    const auto image = empty.grab().toImage();
    QCOMPARE(image.pixelColor(150, 100), Theme::instance().tokens().raised);
    QTest::keyClick(&empty, Qt::Key_Return);
    QTest::mouseClick(&empty, Qt::LeftButton, {}, QPoint(150, 100));
    QCOMPARE(empty.navigator().level(), Level::Model);
}

QTEST_MAIN(HeatmapViewTest)
#include "tst_heatmap_view.moc"
