#include <QComboBox>
#include <QLabel>
#include <QSettings>
#include <QSignalSpy>
#include <QSlider>
#include <QTableView>
#include <QTest>
#include <QToolButton>

#include "ui/inspect/breadcrumb.h"
#include "ui/inspect/colour_legend.h"
#include "ui/inspect/heatmap_view.h"
#include "ui/inspect/inspect_page.h"
#include "ui/inspect/matrix_panel.h"
#include "ui/inspect/read_out.h"
#include "ui/inspect/run_fixture.h"
#include "ui/inspect/snapshot_slider.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::ui;
namespace fs = std::filesystem;

/// The page on run directories, as a person uses it.
class InspectPageTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void showsTheNewestMapOfARun();
    void readOutNumbersAreThoseOfTheMaskFile();
    void theSliderChangesTheDrawnMap();
    void playingEndsAtTheLastSnapshot();
    void printedValuesAreTheModels();
    void theTableAndTheMapSelectTogether();
    void theTrailLeadsBack();
    void keysWorkThroughTheActions();
    void theMapHasTheKeyboardOnceItIsRead();
    void aRunThatGoesOnShowsItsNewestMap();
    void theChosenModelWithoutARun();
    void nothingToShowIsAnEmptyPage();
    void badFilesAreASentenceAndTheRestGoesOn();
    void aRunWithoutMapsShowsItsModel();
    void theThemeReachesTheMap();
    void everythingHasAName();

  private:
    fs::path run() const { return fs::path(m_folder->path().toStdString()) / "run"; }
    void open();
    void settle();
    QString bannerText() const;
    QString shownReadOut() const;

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<Workspace> m_workspace;
    std::unique_ptr<InspectPage> m_page;
};

void InspectPageTest::initTestCase() {
    static const QTemporaryDir settings;
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, settings.path());
    QCoreApplication::setOrganizationName(QStringLiteral("tessera-test"));
    QCoreApplication::setApplicationName(QStringLiteral("inspect"));
}

void InspectPageTest::init() {
    Theme::instance().setMode(ThemeMode::Light);
    m_folder = std::make_unique<QTemporaryDir>();
    m_workspace = std::make_unique<Workspace>(fs::path(m_folder->path().toStdString()) / "runs");
    m_page = std::make_unique<InspectPage>(*m_workspace);
    m_page->resize(1100, 760);
    m_page->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_page.get()));
}

void InspectPageTest::cleanup() {
    m_page.reset();
    m_workspace.reset();
}

void InspectPageTest::settle() {
    QTest::qWait(20);
    QTRY_VERIFY_WITH_TIMEOUT(m_page->settled(), 20000);
}

void InspectPageTest::open() {
    fixture::makeRun(run());
    m_workspace->open(run());
    settle();
    QTRY_VERIFY(m_page->view().data().frame);
    m_page->view().setFocus();
}

QString InspectPageTest::bannerText() const {
    for (auto* banner : m_page->findChildren<Banner*>())
        if (banner->isVisible()) return banner->accessibleDescription();
    return {};
}

QString InspectPageTest::shownReadOut() const {
    for (auto* label : m_page->findChildren<QLabel*>())
        if (label->accessibleName() == QStringLiteral("What is selected")) return label->text();
    return {};
}

void InspectPageTest::showsTheNewestMapOfARun() {
    open();
    QCOMPARE(m_page->slider().step(), std::int64_t(30));
    QCOMPARE(m_page->view().data().frame->step, std::int64_t(30));
    QCOMPARE(m_page->view().data().frame->kept, fixture::masksAt(30).kept());
    QVERIFY(bannerText().isEmpty());
}

void InspectPageTest::readOutNumbersAreThoseOfTheMaskFile() {
    open();
    const auto masks = readMasks(run() / "masks.npz");
    auto& view = m_page->view();
    for (const int matrix : {0, 5, 41}) {
        const auto& info = view.data().structure->matrices[static_cast<std::size_t>(matrix)];
        const auto& mask = masks.masks.at(info.name);
        view.goTo(Level::Model);
        view.select({matrix, 0, 0});
        QVERIFY(shownReadOut().contains(
            QStringLiteral("kept %1 of %2").arg(groupedDigits(mask.kept()), groupedDigits(info.elements()))));
        view.goTo(Level::Tile);
        const auto row = info.rows - 3, col = info.cols - 5;  // in the ragged last tile
        view.select({matrix, row, col});
        settle();
        const auto top = row / fixture::kTileRows * fixture::kTileRows,
                   left = col / fixture::kTileCols * fixture::kTileCols;
        std::int64_t kept = 0, size = 0;
        for (auto r = top; r < std::min(info.rows, top + fixture::kTileRows); ++r)
            for (auto c = left; c < std::min(info.cols, left + fixture::kTileCols); ++c, ++size)
                kept += mask.keeps(r * info.cols + c);
        QVERIFY2(shownReadOut().contains(
                     QStringLiteral("kept %1 of %2").arg(groupedDigits(kept), groupedDigits(size))),
                 qPrintable(shownReadOut()));
        QVERIFY(shownReadOut().contains(mask.keeps(row * info.cols + col) ? QStringLiteral("  kept  ")
                                                                          : QStringLiteral("  pruned  ")));
    }
}

void InspectPageTest::theSliderChangesTheDrawnMap() {
    open();
    auto& view = m_page->view();
    view.goTo(Level::Matrix);
    view.setColouring(Colouring::TileDensity);
    settle();
    const auto table = colourTable(Palette::Viridis, Theme::instance().tokens());
    QImage before;
    for (const std::int64_t step : {10, 20, 30}) {
        m_page->slider().setStep(step);
        settle();
        QCOMPARE(view.data().frame->step, step);
        QCOMPARE(view.data().detail->step, step);
        const auto image = view.grab().toImage();
        QVERIFY(image != before);
        before = image;
        // The first tile's colour is the density of that step's mask.
        const auto& mask = fixture::masksAt(step).masks.at(view.navigator().matrix().name);
        const auto tiles = tilesOf("m", mask, fixture::kTileRows, fixture::kTileCols);
        const auto at = view.mapRect().topLeft() + view.paintedCamera().toView(40, 24);
        const double ratio = image.devicePixelRatio();
        const QColor wanted =
            QColor::fromRgb(colourAt(table, std::lround(tiles.density[0] * 65535.0f) / 65535.0));
        QCOMPARE(image.pixelColor(static_cast<int>(at.x() * ratio), static_cast<int>(at.y() * ratio)),
                 wanted);
    }
    QTest::keyClick(&view, Qt::Key_Left, Qt::ShiftModifier);
    QCOMPARE(m_page->slider().step(), std::int64_t(20));
}

void InspectPageTest::playingEndsAtTheLastSnapshot() {
    open();
    auto& slider = m_page->slider();
    slider.play(true);
    QCOMPARE(slider.step(), std::int64_t(10));  // from the beginning
    QTRY_COMPARE_WITH_TIMEOUT(slider.step(), std::int64_t(30), 10000);
    QTRY_VERIFY_WITH_TIMEOUT(!slider.playing(), 5000);
    settle();
    QCOMPARE(m_page->view().data().frame->step, std::int64_t(30));
}

void InspectPageTest::printedValuesAreTheModels() {
    open();
    auto& view = m_page->view();
    view.select({5, 100, 200});
    view.goTo(Level::Group);
    settle();
    const auto model = ModelFiles::open(fixture::starter());
    const auto& tensor = model.tensors().at(view.navigator().matrix().name);
    std::vector<float> row(256);
    model.tensors().readF32(tensor, 100 * 256, row);
    for (std::int64_t col = 200; col < 204; ++col) {
        view.select({5, 100, col});
        QVERIFY2(shownReadOut().contains(QStringLiteral("value ") +
                                         weightText(static_cast<double>(row[static_cast<std::size_t>(col)]))),
                 qPrintable(shownReadOut()));
    }
}

void InspectPageTest::theTableAndTheMapSelectTogether() {
    open();
    auto* panel = m_page->findChild<MatrixPanel*>();
    auto& table = panel->table();
    QCOMPARE(table.model()->rowCount(), 42);
    table.setCurrentIndex(table.model()->index(9, 0));
    QCOMPARE(m_page->view().navigator().selected().matrix, 9);
    m_page->view().stepBlock(1);
    QCOMPARE(table.currentIndex().row(), 16);
    // Sorted by density the first row is the sparsest, and selecting it selects that matrix.
    table.sortByColumn(MatrixTableModel::kDensity, Qt::AscendingOrder);
    table.setCurrentIndex(table.model()->index(0, 0));
    const auto& frame = *m_page->view().data().frame;
    const auto chosen = static_cast<std::size_t>(m_page->view().navigator().selected().matrix);
    for (const auto& summary : frame.summary) QVERIFY(frame.summary[chosen].density <= summary.density);
    // The bars count all weights of a block.
    for (auto* bars : panel->findChildren<DensityBars*>()) {
        if (bars->bars().size() != 6) continue;
        std::int64_t kept = 0, all = 0;
        for (std::size_t i = 0; i < frame.summary.size(); ++i)
            if (m_page->view().data().structure->matrices[i].block == 2) {
                kept += frame.summary[i].kept;
                all += m_page->view().data().structure->matrices[i].elements();
            }
        QCOMPARE(bars->bars()[2].density, static_cast<double>(kept) / static_cast<double>(all));
    }
}

void InspectPageTest::theTrailLeadsBack() {
    open();
    auto* trail = m_page->findChild<Breadcrumb*>();
    QCOMPARE(trail->text(), QStringLiteral("Model"));
    auto& view = m_page->view();
    view.select({5, 50, 90});
    view.goTo(Level::Group);
    QCOMPARE(trail->text(), QStringLiteral("Model > Block 0 > mlp.up > Tile (1, 1) > Row 50, group 22"));
    QToolButton* tile = nullptr;
    for (auto* button : trail->findChildren<QToolButton*>())
        if (button->text() == QStringLiteral("Tile (1, 1)")) tile = button;
    QVERIFY(tile && tile->isVisible());
    QTest::mouseClick(tile, Qt::LeftButton);
    QCOMPARE(view.navigator().level(), Level::Tile);
    QCOMPARE(trail->text(), QStringLiteral("Model > Block 0 > mlp.up > Tile (1, 1)"));
    view.goTo(Level::Model);
    QVERIFY(!tile->isVisible());
}

void InspectPageTest::keysWorkThroughTheActions() {
    open();
    const auto& actions = m_workspace->actions();
    QSet<QString> shortcuts;
    for (auto* action : actions.all()) {
        if (!action->objectName().startsWith(QStringLiteral("inspect."))) continue;
        QVERIFY(action->isEnabled());
        QVERIFY(!action->text().isEmpty());
        QVERIFY(!shortcuts.contains(action->shortcut().toString()));
        shortcuts.insert(action->shortcut().toString());
    }
    QVERIFY(shortcuts.size() >= 10);
    actions.action(QStringLiteral("inspect.in"))->trigger();
    QCOMPARE(m_page->view().navigator().level(), Level::Matrix);
    actions.action(QStringLiteral("inspect.out"))->trigger();
    QCOMPARE(m_page->view().navigator().level(), Level::Model);
    actions.action(QStringLiteral("inspect.previous-snapshot"))->trigger();
    QCOMPARE(m_page->slider().step(), std::int64_t(20));
    actions.action(QStringLiteral("inspect.contrast"))->trigger();
    QVERIFY(m_page->view().look().autoContrast);
    m_page->hide();
    for (auto* action : actions.all())
        if (action->objectName().startsWith(QStringLiteral("inspect."))) QVERIFY(!action->isEnabled());
}

/// The window gives the page the keyboard before there is a map.
void InspectPageTest::theMapHasTheKeyboardOnceItIsRead() {
    m_page->firstFocus()->setFocus();
    fixture::makeRun(run());
    m_workspace->open(run());
    settle();
    QTRY_VERIFY(m_page->view().data().frame);
    QCOMPARE(m_page->window()->focusWidget(), static_cast<QWidget*>(&m_page->view()));
}

void InspectPageTest::aRunThatGoesOnShowsItsNewestMap() {
    open();
    const auto directory = RunDirectory::open(run());
    fixture::writeStep(directory, 40);
    fixture::appendStep(directory, 40);
    QTRY_COMPARE_WITH_TIMEOUT(m_page->slider().step(), std::int64_t(40), 15000);
    QTRY_COMPARE_WITH_TIMEOUT(m_page->view().data().frame->step, std::int64_t(40), 15000);
    // Who looks at an earlier one goes on looking at it.
    m_page->slider().setStep(20);
    fixture::writeStep(directory, 50);
    fixture::appendStep(directory, 50);
    QTRY_COMPARE_WITH_TIMEOUT(m_page->slider().steps().size(), std::size_t(5), 15000);
    settle();
    QCOMPARE(m_page->view().data().frame->step, std::int64_t(20));
}

void InspectPageTest::theChosenModelWithoutARun() {
    m_workspace->chooseModel(QString::fromStdString(fixture::starter().string()));
    settle();
    QTRY_VERIFY(m_page->view().data().frame);
    auto& view = m_page->view();
    QCOMPARE(view.data().structure->matrices.size(), std::size_t(42));
    QVERIFY(view.readOut().contains(QStringLiteral("100.0 %")));
    QVERIFY(!m_page->slider().isVisible());
    QVERIFY(!colouringsAt(Level::Model, view.data()).contains(Colouring::Changed));
    view.goTo(Level::Group);
    settle();
    QVERIFY2(shownReadOut().contains(QStringLiteral("value ")), qPrintable(shownReadOut()));
}

void InspectPageTest::nothingToShowIsAnEmptyPage() {
    settle();
    auto* empty = m_page->findChild<EmptyState*>();
    QVERIFY(empty && empty->isVisible());
    QSignalSpy wanted(m_workspace.get(), &Workspace::pageWanted);
    QTest::mouseClick(empty->findChild<QPushButton*>(), Qt::LeftButton);
    QCOMPARE(wanted.size(), 1);
}

void InspectPageTest::badFilesAreASentenceAndTheRestGoesOn() {
    fixture::makeRun(run());
    fs::resize_file(run() / "maps" / "step-30.bin", 500);
    fs::remove(run() / "snapshots" / "step-30.npz");
    fs::remove(run() / "masks.npz");
    auto spec = readJsonFile(run() / "spec.json");
    spec["model"] = "/nowhere";
    writeFileAtomically(run() / "spec.json", spec.dump());
    m_workspace->open(run());
    settle();
    QVERIFY(!bannerText().isEmpty());
    // The newest that can be read is shown.
    QTRY_VERIFY(m_page->view().data().frame);
    QCOMPARE(m_page->slider().steps(), (std::vector<std::int64_t>{10, 20}));
    QCOMPARE(m_page->view().data().frame->step, std::int64_t(20));
    m_page->view().goTo(Level::Tile);
    settle();
    QVERIFY(m_page->view().data().detail);
    // Deleted while it is open: what was read stays.
    fs::remove_all(run());
    m_page->slider().setStep(10);
    m_page->hide();
    m_page->show();  // looks again
    settle();
    QTest::qWait(400);
    settle();
    QVERIFY(m_page->view().data().frame->kept < m_page->view().data().frame->weights);
    QVERIFY(!m_page->slider().steps().empty());
}

void InspectPageTest::aRunWithoutMapsShowsItsModel() {
    RunDirectory::create(run(), fixture::spec(), Json::object());
    m_workspace->open(run());
    settle();
    QTRY_VERIFY(m_page->view().data().frame);
    QCOMPARE(m_page->view().data().frame->density(), 1.0);
    QVERIFY(bannerText().contains(QStringLiteral("no map")));
}

void InspectPageTest::theThemeReachesTheMap() {
    open();
    const auto light = m_page->view().grab().toImage();
    Theme::instance().setMode(ThemeMode::Dark);
    QTest::qWait(20);
    const auto dark = m_page->view().grab().toImage();
    QVERIFY(light != dark);
    QCOMPARE(dark.pixelColor(2, 2), Theme::instance().tokens().raised);
}

void InspectPageTest::everythingHasAName() {
    open();
    m_page->view().goTo(Level::Group);
    for (auto* widget : m_page->findChildren<QWidget*>()) {
        if (widget->focusPolicy() == Qt::NoFocus || !widget->isVisible()) continue;
        if (qobject_cast<QTableView*>(widget->parentWidget()) ||
            qobject_cast<QComboBox*>(widget->parentWidget()))
            continue;
        auto* button = qobject_cast<QAbstractButton*>(widget);
        QVERIFY2(!widget->accessibleName().isEmpty() || (button && !button->text().isEmpty()),
                 widget->metaObject()->className());
    }
    QVERIFY(!m_page->findChild<ColourLegend*>()->text().isEmpty());
}

QTEST_MAIN(InspectPageTest)
#include "tst_inspect_page.moc"
