#include <QTest>

#include "ui/inspect/density_pyramid.h"
#include "ui/inspect/run_fixture.h"

using namespace tessera;
using namespace tessera::ui;

class DensityPyramidTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void everyCellIsTheExactCountOfItsWeights_data();
    void everyCellIsTheExactCountOfItsWeights();
    void countsWithinAnyRectangle();
    void differencesAreWhereMasksDiffer();
    void picksTheFinestLevelThatIsWideEnough();
};

namespace {

std::int64_t counted(const PackedMask& mask, std::int64_t top, std::int64_t left, std::int64_t bottom,
                     std::int64_t right) {
    std::int64_t kept = 0;
    for (auto r = top; r < bottom; ++r)
        for (auto c = left; c < right; ++c) kept += mask.keeps(r * mask.cols + c);
    return kept;
}

}  // namespace

void DensityPyramidTest::everyCellIsTheExactCountOfItsWeights_data() {
    QTest::addColumn<qint64>("rows");
    QTest::addColumn<qint64>("cols");
    for (const auto& [rows, cols] : std::initializer_list<std::pair<qint64, qint64>>{
             {1, 1}, {1, 7}, {3, 5}, {4, 4}, {7, 129}, {130, 67}, {64, 32}, {5, 1000}, {301, 33}, {257, 515}})
        QTest::addRow("%lld x %lld", rows, cols) << rows << cols;
}

void DensityPyramidTest::everyCellIsTheExactCountOfItsWeights() {
    QFETCH(qint64, rows);
    QFETCH(qint64, cols);
    const auto mask = fixture::randomMask(rows, cols, 0.37, static_cast<unsigned>(rows * 31 + cols));
    const DensityPyramid pyramid(mask);
    QCOMPARE(pyramid.levels().front().cell, DensityPyramid::kFinest);
    for (const auto& level : pyramid.levels()) {
        QCOMPARE(level.rows, (rows + level.cell - 1) / level.cell);
        QCOMPARE(level.cols, (cols + level.cell - 1) / level.cell);
        for (std::int64_t r = 0; r < level.rows; ++r)
            for (std::int64_t c = 0; c < level.cols; ++c) {
                const auto top = r * level.cell, left = c * level.cell;
                const auto bottom = std::min<std::int64_t>(rows, top + level.cell),
                           right = std::min<std::int64_t>(cols, left + level.cell);
                const auto kept = counted(mask, top, left, bottom, right);
                QCOMPARE(std::int64_t(level.kept[static_cast<std::size_t>(r * level.cols + c)]), kept);
                QCOMPARE(pyramid.size(level, r, c), (bottom - top) * (right - left));
                QCOMPARE(pyramid.density(level, r, c),
                         static_cast<double>(kept) / static_cast<double>((bottom - top) * (right - left)));
            }
    }
}

void DensityPyramidTest::countsWithinAnyRectangle() {
    const auto mask = fixture::randomMask(37, 101, 0.5, 5);
    for (const auto& [top, left, bottom, right] :
         std::initializer_list<std::array<std::int64_t, 4>>{{0, 0, 37, 101},
                                                            {0, 0, 1, 1},
                                                            {36, 100, 37, 101},
                                                            {3, 7, 9, 77},
                                                            {10, 31, 20, 64},
                                                            {5, 5, 5, 9}})
        QCOMPARE(keptWithin(mask, top, left, bottom, right), counted(mask, top, left, bottom, right));
}

void DensityPyramidTest::differencesAreWhereMasksDiffer() {
    const auto a = fixture::randomMask(19, 23, 0.5, 1), b = fixture::randomMask(19, 23, 0.5, 2);
    const auto changed = difference(a, b);
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < 19 * 23; ++i) {
        QCOMPARE(changed.keeps(i), a.keeps(i) != b.keeps(i));
        count += a.keeps(i) != b.keeps(i);
    }
    QVERIFY(count > 0);
    QCOMPARE(changed.kept(), count);
}

void DensityPyramidTest::picksTheFinestLevelThatIsWideEnough() {
    const DensityPyramid pyramid(fixture::randomMask(1000, 1000, 0.5, 3));
    QCOMPARE(pyramid.levelFor(0.1).cell, std::int64_t(4));
    QCOMPARE(pyramid.levelFor(4).cell, std::int64_t(4));
    QCOMPARE(pyramid.levelFor(4.1).cell, std::int64_t(8));
    QCOMPARE(pyramid.levelFor(100).cell, std::int64_t(128));
    QCOMPARE(pyramid.levelFor(5000).cell, DensityPyramid::kCoarsest);
}

QTEST_MAIN(DensityPyramidTest)
#include "tst_density_pyramid.moc"
