#include <QApplication>
#include <QMouseEvent>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>

#include "ui/inspect/heatmap_view.h"
#include "ui/inspect/mask_source.h"
#include "ui/inspect/run_fixture.h"

// What the map costs the window's thread, in milliseconds of processor time: median and worst of many.
// docs/window.md has figures.

using namespace tessera;
using namespace tessera::ui;

namespace {

/// Processor time of this thread: what other programs take meanwhile is not the map's.
double threadMs() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

void measure(const char* what, double target, int times, const std::function<void(int)>& work) {
    std::vector<double> took;
    for (int i = 0; i < times; ++i) {
        const double begin = threadMs();
        work(i);
        took.push_back(threadMs() - begin);
    }
    std::sort(took.begin(), took.end());
    std::printf("%-64s median %6.2f  worst %6.2f  wanted below %4.0f ms\n", what, took[took.size() / 2],
                took.back(), target);
}

/// One matrix of 4096 x 4096 in tiles of 4 x 4: a map of 2^20 cells.
struct Scene {
    StructurePtr structure;
    PackedMask masks[2];
    FramePtr frames[2];
    DetailPtr details[2];
};

Scene sceneOf(std::int64_t tile) {
    Scene scene;
    Structure structure;
    structure.matrices.push_back({"m", QStringLiteral("mlp.up"), 0, 0, 4096, 4096});
    structure.projections << QStringLiteral("up");
    structure.blocks = 1;
    structure.tileRows = structure.tileCols = tile;
    scene.structure = std::make_shared<const Structure>(structure);
    for (int i = 0; i < 2; ++i) {
        scene.masks[i] = fixture::randomMask(4096, 4096, 0.5, static_cast<unsigned>(i));
        TileMap map;
        map.matrices.push_back(tilesOf("m", scene.masks[i], tile, tile));
        scene.frames[i] = std::make_shared<const MapFrame>(frameOf(structure, std::move(map), i));
        auto detail = std::make_shared<MatrixDetail>();
        detail->matrix = 0;
        detail->step = i;
        detail->mask = scene.masks[i];
        detail->pyramid = DensityPyramid(detail->mask);
        scene.details[i] = detail;
    }
    return scene;
}

void drag(HeatmapView& view, const QPointF& from, const QPointF& to) {
    QMouseEvent move(QEvent::MouseMove, to, view.mapToGlobal(to), Qt::NoButton, Qt::LeftButton, {});
    QCoreApplication::sendEvent(&view, &move);
    Q_UNUSED(from);
}

void benchView(double ratio) {
    HeatmapView view;
    view.resize(1120, 1100);
    QImage screen(view.size() * ratio, QImage::Format_RGB32);
    screen.setDevicePixelRatio(ratio);
    const auto paint = [&] { view.render(&screen); };
    std::printf("view of %d x %d at scale %.0f\n", view.width(), view.height(), view.devicePixelRatioF());

    const auto cells = sceneOf(4);
    view.setStructure(cells.structure);
    view.setFrame(cells.frames[0]);
    view.goTo(Level::Matrix);
    view.setColouring(Colouring::TileDensity);
    measure("refresh of a map of 2^20 tiles: new frame, drawn", 10, 60, [&](int i) {
        view.setFrame(cells.frames[i % 2]);
        paint();
    });
    view.setColouring(Colouring::TileKind);
    measure("the same, coloured by kind", 10, 60, [&](int i) {
        view.setFrame(cells.frames[i % 2]);
        paint();
    });

    const auto tiles = sceneOf(128);
    view.setStructure(nullptr);
    view.setStructure(tiles.structure);
    view.setFrame(tiles.frames[0]);
    view.setDetail(tiles.details[0]);
    view.goTo(Level::Matrix);
    view.setColouring(Colouring::Density);
    view.zoomBy(2.5);
    const auto pan = [&](const char* what) {
        QPointF at = QRectF(view.rect()).center();
        QMouseEvent press(QEvent::MouseButtonPress, at, view.mapToGlobal(at), Qt::LeftButton, Qt::LeftButton,
                          {});
        QCoreApplication::sendEvent(&view, &press);
        drag(view, at, at + QPointF(30, 30));
        paint();
        measure(what, 4, 200, [&](int i) {
            drag(view, at, at + QPointF(30 + (i % 40), 30 + (i % 23)));
            paint();
        });
        QMouseEvent release(QEvent::MouseButtonRelease, at, view.mapToGlobal(at), Qt::LeftButton,
                            Qt::NoButton, {});
        QCoreApplication::sendEvent(&view, &release);
    };
    pan("pan over the density of 4096 x 4096");
    view.goTo(Level::Tile);
    view.zoomBy(1.2);
    pan("pan over the weights of a tile of 128 x 128");
    measure("a notch of the wheel inside a tile, drawn", 10, 60, [&](int i) {
        view.zoomBy(i % 2 ? 1.1 : 1 / 1.1);
        paint();
    });
    for (std::int64_t row = 0; row < 32; ++row)
        for (std::int64_t col = 0; col < 32; ++col) {
            auto values = std::make_shared<TileValues>();
            *values = {0, row, col, row * 128, col * 128, 128, 128, std::vector<float>(128 * 128, -0.0123f),
                       {}};
            if (row < 3 && col < 3) view.setValues(values);
        }
    view.goTo(Level::Group);
    pan("pan over printed values");
    measure("level switch, matrix to tile and back, drawn", 50, 40, [&](int i) {
        view.goTo(i % 2 ? Level::Tile : Level::Matrix);
        paint();
    });
}

void benchReading() {
    const QTemporaryDir folder;
    const auto path = std::filesystem::path(folder.path().toStdString()) / "m.npz";
    MaskSet set;
    set.masks["m"] = fixture::randomMask(4096, 4096, 0.5, 1);
    writeMasks(path, set);
    const MatrixInfo info{"m", QStringLiteral("mlp.up"), 0, 0, 4096, 4096};
    std::printf("on the worker thread, 4096 x 4096\n");
    measure("mask read from its npz", 50, 20, [&](int) { (void)readMask(path, info); });
    measure("density pyramid", 50, 20, [&](int) { (void)DensityPyramid(set.masks["m"]); });
    measure("both, as opening a matrix does", 50, 20,
            [&](int) { (void)DensityPyramid(readMask(path, info)); });
}

}  // namespace

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    benchView(application.devicePixelRatio());
    benchReading();
}
