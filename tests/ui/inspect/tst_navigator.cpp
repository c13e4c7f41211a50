#include <QTest>

#include "ui/inspect/navigator.h"
#include "ui/inspect/run_fixture.h"

using namespace tessera;
using namespace tessera::ui;

class NavigatorTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void init();
    void goesDownAndUpThroughAllLevels();
    void whatIsUnderThePointerStaysThere();
    void theWheelSwitchesLevelsWithHysteresis();
    void arrowsMoveByTheCellsOfTheLevel();
    void matricesAndBlocksFollowEachOther();
    void draggingTakesTheSelectionAlong();
    void theMapCannotBeDraggedAway();
    void growsWithItsWindow();

  private:
    Navigator m_navigator;
};

void NavigatorTest::init() {
    auto structure = structureOf(ModelFiles::open(fixture::starter()).config());
    structure.tileRows = structure.tileCols = 64;
    m_navigator = {};
    m_navigator.setViewport({800, 600});
    m_navigator.setValueSide(60);
    m_navigator.setStructure(std::make_shared<const Structure>(structure));
}

void NavigatorTest::goesDownAndUpThroughAllLevels() {
    QCOMPARE(m_navigator.level(), Level::Model);
    QCOMPARE(m_navigator.visible(), QRectF(0, 0, 7, 6));
    for (const auto level : {Level::Matrix, Level::Tile, Level::Group, Level::Group}) {
        m_navigator.descend();
        QCOMPARE(m_navigator.level(), level);
        // What is selected is in view at every level.
        const auto& place = m_navigator.selected();
        QVERIFY(m_navigator.visible().contains(QPointF(place.col + 0.5, place.row + 0.5)));
    }
    QVERIFY(m_navigator.camera().scaleX >= m_navigator.valueSide());
    for (const auto level : {Level::Tile, Level::Matrix, Level::Model, Level::Model}) {
        m_navigator.ascend();
        QCOMPARE(m_navigator.level(), level);
    }
}

void NavigatorTest::whatIsUnderThePointerStaysThere() {
    m_navigator.select(Place{m_navigator.structure()->at(2, 5), 0, 0});
    m_navigator.goTo(Level::Matrix);
    m_navigator.zoom(2, {400, 300});
    for (const double factor : {1.3, 1.7, 0.9}) {
        const QPointF pointer(420, 280);
        const auto before = m_navigator.camera().toScene(pointer);
        m_navigator.zoom(factor, pointer);
        const auto after = m_navigator.camera().toScene(pointer);
        QVERIFY(std::abs(before.x() - after.x()) < 1e-6 ||
                m_navigator.scene().width() * m_navigator.camera().scaleX < 800);
        QVERIFY(std::abs(before.y() - after.y()) < 1e-6);
    }
}

void NavigatorTest::theWheelSwitchesLevelsWithHysteresis() {
    const double step = 1.08;
    const auto turn = [&](double factor, Level until) {
        int turns = 0;
        while (m_navigator.level() != until && ++turns < 200) m_navigator.zoom(factor, {400, 300});
        return turns;
    };
    QVERIFY(turn(step, Level::Matrix) < 200);
    QVERIFY(turn(step, Level::Tile) < 200);
    const double openTile = m_navigator.camera().scaleX;
    m_navigator.zoom(1 / step, {400, 300});
    QCOMPARE(m_navigator.level(), Level::Tile);  // one notch back does not flicker
    QVERIFY(turn(1 / step, Level::Matrix) < 200);
    QVERIFY(m_navigator.camera().scaleX < openTile / 1.15);
    QVERIFY(turn(step, Level::Group) < 200);
    const double openGroup = m_navigator.camera().scaleX;
    m_navigator.zoom(1 / step, {400, 300});
    QCOMPARE(m_navigator.level(), Level::Group);
    QVERIFY(turn(1 / step, Level::Tile) < 200);
    QVERIFY(m_navigator.camera().scaleX < openGroup / 1.15);
    QVERIFY(turn(1 / step, Level::Model) < 200);
    // Back at the model one notch does not open the matrix again.
    m_navigator.zoom(step, {400, 300});
    QCOMPARE(m_navigator.level(), Level::Model);
}

void NavigatorTest::arrowsMoveByTheCellsOfTheLevel() {
    m_navigator.move(1, 2);
    QCOMPARE(m_navigator.matrix().projection, 1);
    QCOMPARE(m_navigator.matrix().block, 2);
    m_navigator.move(-9, -9);
    QCOMPARE(m_navigator.selected().matrix, 0);
    m_navigator.descend();
    m_navigator.move(1, 1);
    QCOMPARE(m_navigator.selected(), (Place{0, 64, 64}));
    m_navigator.move(100, 100);
    QCOMPARE(m_navigator.tileRow(), (m_navigator.matrix().rows - 1) / 64);
    QCOMPARE(m_navigator.tileCol(), (m_navigator.matrix().cols - 1) / 64);
    m_navigator.descend();
    const auto before = m_navigator.selected();
    m_navigator.move(-3, 2);
    QCOMPARE(m_navigator.selected(), (Place{0, before.row + 2, before.col - 3}));
    for (int i = 0; i < 500; ++i) m_navigator.move(-1, -1);
    QCOMPARE(m_navigator.selected(), (Place{0, 0, 0}));
    QVERIFY(m_navigator.visible().contains(QPointF(0.5, 0.5)));
}

void NavigatorTest::matricesAndBlocksFollowEachOther() {
    m_navigator.goTo(Level::Tile);
    m_navigator.stepMatrix(1);
    QCOMPARE(m_navigator.selected().matrix, 1);
    QCOMPARE(m_navigator.level(), Level::Tile);
    m_navigator.stepBlock(3);
    QCOMPARE(m_navigator.matrix().block, 3);
    QCOMPARE(m_navigator.matrix().projection, 1);
    m_navigator.stepBlock(9);  // there is none: it stays
    QCOMPARE(m_navigator.matrix().block, 3);
    m_navigator.stepMatrix(-1000);
    QCOMPARE(m_navigator.selected().matrix, 0);
    // A place beyond a smaller matrix comes back inside.
    m_navigator.select(Place{m_navigator.structure()->at(0, 6), 200, 700});
    m_navigator.stepMatrix(1);
    QVERIFY(m_navigator.selected().col < m_navigator.matrix().cols);
}

void NavigatorTest::draggingTakesTheSelectionAlong() {
    m_navigator.select(Place{m_navigator.structure()->at(0, 5), 0, 0});
    m_navigator.goTo(Level::Tile);
    QCOMPARE(m_navigator.tileRow(), std::int64_t(0));
    m_navigator.pan({0, -2500});
    QVERIFY(m_navigator.tileRow() > 1);
    QVERIFY(m_navigator.visible().contains(QPointF(static_cast<double>(m_navigator.selected().col),
                                                   static_cast<double>(m_navigator.selected().row))));
}

void NavigatorTest::theMapCannotBeDraggedAway() {
    for (const auto level : {Level::Model, Level::Matrix, Level::Tile, Level::Group}) {
        m_navigator.goTo(level);
        for (const auto& by : {QPointF(1e6, 1e6), QPointF(-1e6, -1e6)}) {
            m_navigator.pan(by);
            const auto seen = m_navigator.visible();
            QVERIFY(seen.width() * m_navigator.camera().scaleX > 100);
            QVERIFY(seen.height() * m_navigator.camera().scaleY > 100);
        }
    }
}

void NavigatorTest::growsWithItsWindow() {
    m_navigator.goTo(Level::Matrix);
    m_navigator.setViewport({1600, 1200});
    QCOMPARE(m_navigator.visible(), QRectF(QPointF(0, 0), m_navigator.scene()));
    QVERIFY(m_navigator.camera().scaleY * m_navigator.scene().height() > 1100);
    m_navigator.setViewport({300, 200});
    QCOMPARE(m_navigator.visible(), QRectF(QPointF(0, 0), m_navigator.scene()));
}

QTEST_MAIN(NavigatorTest)
#include "tst_navigator.moc"
