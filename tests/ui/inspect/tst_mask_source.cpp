#include <QTest>
#include <fstream>

#include "core/session/model_catalogue.h"
#include "ui/inspect/mask_source.h"
#include "ui/inspect/run_fixture.h"

using namespace tessera;
using namespace tessera::ui;
namespace fs = std::filesystem;

class MaskSourceTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void init();
    void readsStepsFramesAndMasks();
    void weightsAreTheModelsOwn();
    void quantisedWeightsAreReadInTheirBlocks();
    void aModelWithoutARunIsAllKept();
    void changesAreCountedAgainstTheStepBefore();
    void gatesAreTheProbabilitiesOfTheCheckpoint();
    void tileGatesHoldTheBudget_data();
    void tileGatesHoldTheBudget();
    void changedWeightsOfTheRunAreShown();
    void aTornMapLosesItsStepAlone();
    void aMissingMapIsCountedFromTheMasks();
    void masksOfOtherShapesAreRefused();
    void withoutMasksTilesRemain();
    void withoutTheModelTheStructureIsTheMaps();
    void impossibleSizesOfAMapAreLeftOut();
    void aForeignCheckpointIsNoGate();
    void nothingThereIsASentence();

  private:
    fs::path run() const { return fs::path(m_folder->path().toStdString()) / "run"; }
    MatrixInfo info(const MaskSource& source, int matrix) const {
        return source.structure()->matrices[static_cast<std::size_t>(matrix)];
    }

    std::unique_ptr<QTemporaryDir> m_folder;
};

void MaskSourceTest::init() {
    m_folder = std::make_unique<QTemporaryDir>();
    QVERIFY(m_folder->isValid());
}

void MaskSourceTest::readsStepsFramesAndMasks() {
    fixture::makeRun(run());
    MaskSource source(run(), {});
    QVERIFY(source.structure());
    QCOMPARE(source.structure()->tileRows, fixture::kTileRows);
    QCOMPARE(source.structure()->tileCols, fixture::kTileCols);
    QCOMPARE(source.structure()->matrices.size(), std::size_t(42));
    QCOMPARE(source.steps(), (std::vector<std::int64_t>{10, 20, 30}));
    for (const auto step : source.steps()) {
        const auto masks = fixture::masksAt(step);
        const auto frame = source.frame(step);
        QVERIFY(frame);
        QCOMPARE(frame->kept, masks.kept());
        QCOMPARE(frame->weights, masks.weights());
        for (std::size_t i = 0; i < frame->summary.size(); ++i) {
            const auto& mask = masks.masks.at(source.structure()->matrices[i].name);
            QCOMPARE(frame->summary[i].kept, mask.kept());
            QVERIFY(frame->summary[i].pruned);
        }
        const auto detail = source.detail(5, step, false);
        QVERIFY(detail);
        QCOMPARE(detail->mask.bits, masks.masks.at(info(source, 5).name).bits);
        QCOMPARE(detail->pyramid.rows(), info(source, 5).rows);
    }
    QVERIFY(source.takeProblems().isEmpty());
}

void MaskSourceTest::weightsAreTheModelsOwn() {
    fixture::makeRun(run());
    MaskSource source(run(), {});
    source.steps();
    const auto model = ModelFiles::open(fixture::starter());
    for (const int matrix : {0, 1, 5, 41}) {
        const auto matrixInfo = info(source, matrix);
        const auto& tensor = model.tensors().at(matrixInfo.name);
        std::vector<float> all(static_cast<std::size_t>(tensor.elements()));
        model.tensors().readF32(tensor, 0, all);
        const auto rows = source.structure()->gridRows(matrix), cols = source.structure()->gridCols(matrix);
        // The first and the ragged last tile.
        for (const auto& [tileRow, tileCol] :
             {std::pair<std::int64_t, std::int64_t>{0, 0}, {rows - 1, cols - 1}}) {
            const auto values = source.values(matrix, tileRow, tileCol);
            QVERIFY(values);
            QCOMPARE(values->rows,
                     std::min(fixture::kTileRows, matrixInfo.rows - tileRow * fixture::kTileRows));
            QCOMPARE(values->cols,
                     std::min(fixture::kTileCols, matrixInfo.cols - tileCol * fixture::kTileCols));
            for (auto r = values->top; r < values->top + values->rows; ++r)
                for (auto c = values->left; c < values->left + values->cols; ++c)
                    QCOMPARE(values->weight(r, c), all[static_cast<std::size_t>(r * matrixInfo.cols + c)]);
        }
        QVERIFY(!source.values(matrix, rows, 0));
    }
}

void MaskSourceTest::quantisedWeightsAreReadInTheirBlocks() {
    const auto known = catalogueModel("smollm2-135m");
    if (!known.installed()) QSKIP("needs the quantised model of the catalogue");
    const auto model = ModelFiles::open(known.path());
    // Tiles of 80 columns begin and end inside the blocks of 32; the rows of q are stored in another order.
    const auto matrix = prunableMatrices(model.config()).front();
    const auto run = RunDirectory::create(
        this->run(),
        ExperimentSpec::fromJson({{"model", known.path().string()}, {"method", "wanda"}, {"sparsity", 0.5}}),
        Json::object());
    const auto mask = fixture::randomMask(matrix.rows, matrix.cols, 0.5, 1);
    writeTileMap(run.mapPath(0),
                 TileMap{{tilesOf(matrix.name, mask, fixture::kTileRows, fixture::kTileCols)}});
    MaskSource source(this->run(), {});
    source.steps();
    const auto& tensor = model.tensors().at(matrix.name);
    QVERIFY(dtypeBlock(tensor.dtype) > 1);
    std::vector<float> all(static_cast<std::size_t>(tensor.elements()));
    model.tensors().readF32(tensor, 0, all);
    for (const auto& [tileRow, tileCol] : {std::pair<std::int64_t, std::int64_t>{0, 0}, {3, 2}, {11, 7}}) {
        const auto values = source.values(0, tileRow, tileCol);
        QVERIFY(values && !values->weights.empty());
        for (auto r = values->top; r < values->top + values->rows; ++r)
            for (auto c = values->left; c < values->left + values->cols; ++c)
                QCOMPARE(values->weight(r, c), all[static_cast<std::size_t>(r * matrix.cols + c)]);
    }
}

void MaskSourceTest::aModelWithoutARunIsAllKept() {
    MaskSource source({}, fixture::starter().string());
    QVERIFY(source.structure());
    QVERIFY(source.hasModel());
    QVERIFY(source.steps().empty());
    const auto frame = source.frame(0);
    QCOMPARE(frame->kept, frame->weights);
    QCOMPARE(frame->summary[0].share(TileKind::Dense), 1.0);
    const auto detail = source.detail(3, 0, true);
    QCOMPARE(detail->mask.kept(), info(source, 3).elements());
    QVERIFY(!detail->hasChanges);
    QVERIFY(!source.values(3, 0, 0)->weights.empty());
    QCOMPARE(source.gateStep(), std::int64_t(-1));
}

void MaskSourceTest::changesAreCountedAgainstTheStepBefore() {
    fixture::makeRun(run());
    MaskSource source(run(), {});
    source.steps();
    QVERIFY(!source.detail(2, 10, true)->hasChanges);  // nothing is before the first
    const auto detail = source.detail(2, 30, true);
    QVERIFY(detail->hasChanges);
    QCOMPARE(detail->previousStep, std::int64_t(20));
    const auto now = fixture::masksAt(30), before = fixture::masksAt(20);
    std::vector<std::int64_t> wanted;
    for (const auto& matrix : source.structure()->matrices) {
        std::int64_t count = 0;
        for (std::int64_t i = 0; i < matrix.elements(); ++i)
            count += now.masks.at(matrix.name).keeps(i) != before.masks.at(matrix.name).keeps(i);
        wanted.push_back(count);
    }
    QCOMPARE(detail->changed.kept(), wanted[2]);
    const auto changes = source.changes(30, [] { return false; });
    QVERIFY(changes);
    QCOMPARE(changes->changed, wanted);
    QVERIFY(!source.changes(30, [] { return true; }));
}

void MaskSourceTest::gatesAreTheProbabilitiesOfTheCheckpoint() {
    fixture::makeRun(run());
    fixture::writeCheckpoint(run(), 20);
    MaskSource source(run(), {});
    source.steps();
    QCOMPARE(source.gateStep(), std::int64_t(20));
    QVERIFY(source.gatesWeights());
    QVERIFY(!source.gatesTiles());
    // The run's sparsity is 0.6: three fifths of all logits are below the shift.
    std::vector<float> all;
    const auto matrices = prunableMatrices(ModelFiles::open(fixture::starter()).config());
    for (const auto& matrix : matrices) {
        const auto logits = fixture::logitsOf(matrix);
        all.insert(all.end(), logits.begin(), logits.end());
    }
    std::sort(all.begin(), all.end());
    const double shift = all[static_cast<std::size_t>(0.6 * static_cast<double>(all.size()))];
    const double kappa = 40;  // what the log says of step 20
    const auto logits = fixture::logitsOf(matrices[5]);
    const auto values = source.values(5, 1, 0);
    QCOMPARE(values->gates.size(), values->weights.size());
    double sum = 0;
    for (auto r = values->top; r < values->top + values->rows; ++r)
        for (auto c = values->left; c < values->left + values->cols; ++c) {
            const double logit = logits[static_cast<std::size_t>(r * matrices[5].cols + c)];
            const double wanted = 1 / (1 + std::exp(-kappa * (logit - shift)));
            QVERIFY(std::abs(values->gate(r, c) - wanted) < 0.005);
            sum += values->gate(r, c);
        }
    QVERIFY(sum > 0);
    QVERIFY(source.takeProblems().isEmpty());
}

void MaskSourceTest::tileGatesHoldTheBudget_data() {
    QTest::addColumn<QString>("method");
    QTest::newRow("PATCH-Tile") << "patch-tile";
    QTest::newRow("PATCH-Joint: patterns behind the tiles") << "patch-joint";
}

void MaskSourceTest::tileGatesHoldTheBudget() {
    QFETCH(QString, method);
    const auto run =
        RunDirectory::create(this->run(), fixture::spec(method.toStdString(), "tiles"), Json::object());
    fixture::writeStep(run, 10);
    fixture::appendLine(run.eventsPath(),
                        R"({"type":"step","time":"t","unit":"step","step":10,"steps":30,"kappa":150.0})");
    const auto structure = structureOf(fixture::mapOf(fixture::masksAt(10)));
    fs::create_directories(run.path() / "checkpoints" / "step-10");
    std::ofstream out(run.path() / "checkpoints" / "step-10" / "state.bin", std::ios::binary);
    LearningStateHeader header{{}, 10, structure.matrices.size()};
    std::memcpy(header.magic, kLearningStateMagic, sizeof header.magic);
    out.write(reinterpret_cast<const char*>(&header), sizeof header);
    std::mt19937 random(4);
    std::normal_distribution<float> normal(0.0f, 0.1f);
    for (std::size_t i = 0; i < structure.matrices.size(); ++i) {
        const auto tiles = structure.gridRows(static_cast<int>(i)) * structure.gridCols(static_cast<int>(i));
        const auto patterns =
            method == QLatin1String("patch-joint") ? structure.matrices[i].elements() / 4 * 6 : 0;
        const std::uint64_t count = static_cast<std::uint64_t>(tiles + patterns);
        std::vector<float> logits(3 * count, 9.0f);
        for (std::int64_t t = 0; t < tiles; ++t) logits[static_cast<std::size_t>(t)] = normal(random);
        out.write(reinterpret_cast<const char*>(&count), sizeof count);
        out.write(reinterpret_cast<const char*>(logits.data()),
                  static_cast<std::streamsize>(logits.size() * 4));
    }
    out.close();
    MaskSource source(this->run(), {});
    source.steps();
    QVERIFY(source.gatesTiles());
    QVERIFY(!source.gatesWeights());
    // 30 % of all weights are to be zero, half of those behind a shut tile: six tenths of the tiles' weights
    // are shut.
    double shut = 0, all = 0;
    for (int i = 0; i < static_cast<int>(structure.matrices.size()); ++i) {
        const auto detail = source.detail(i, 10, false);
        const auto gridCols = structure.gridCols(i);
        QCOMPARE(static_cast<std::int64_t>(detail->tileGates.size()), structure.gridRows(i) * gridCols);
        for (std::size_t t = 0; t < detail->tileGates.size(); ++t) {
            const auto row = static_cast<std::int64_t>(t) / gridCols * structure.tileRows,
                       col = static_cast<std::int64_t>(t) % gridCols * structure.tileCols;
            const auto size = static_cast<double>(std::min(structure.tileRows, info(source, i).rows - row) *
                                                  std::min(structure.tileCols, info(source, i).cols - col));
            all += size;
            if (detail->tileGates[t] < 0.5f) shut += size;
        }
    }
    QVERIFY2(std::abs(shut / all - 0.6) < 0.01, qPrintable(QString::number(shut / all)));
}

void MaskSourceTest::changedWeightsOfTheRunAreShown() {
    fixture::makeRun(run());
    const auto matrix = prunableMatrices(ModelFiles::open(fixture::starter()).config())[0];
    std::vector<float> weights(static_cast<std::size_t>(matrix.elements()), 0.25f);
    weights[3] = -7.5f;
    SafetensorsWriter writer(run() / "weights.safetensors");
    writer.declare(matrix.name, DType::F32, {matrix.rows, matrix.cols});
    writer.write(matrix.name, std::as_bytes(std::span(weights)));
    writer.commit();
    MaskSource source(run(), {});
    source.steps();
    const auto values = source.values(0, 0, 0);
    QCOMPARE(values->weight(0, 3), -7.5f);
    QCOMPARE(values->weight(1, 1), 0.25f);
    QVERIFY(source.values(1, 0, 0)->weight(0, 0) != 0.25f);
}

void MaskSourceTest::aTornMapLosesItsStepAlone() {
    fixture::makeRun(run());
    fs::resize_file(run() / "maps" / "step-20.bin", 1000);
    fs::remove(run() / "snapshots" / "step-20.npz");
    MaskSource source(run(), {});
    source.steps();
    QVERIFY(!source.frame(20));
    const auto problems = source.takeProblems();
    QCOMPARE(problems.size(), 1);
    QVERIFY2(problems.front().contains(QStringLiteral("step 20")), qPrintable(problems.front()));
    QVERIFY(source.frame(10));
    QVERIFY(source.frame(30));
    source.frame(20);
    QVERIFY(source.takeProblems().isEmpty());  // said once
}

void MaskSourceTest::aMissingMapIsCountedFromTheMasks() {
    fixture::makeRun(run());
    fs::remove(run() / "maps" / "step-20.bin");
    MaskSource source(run(), {});
    QCOMPARE(source.steps(), (std::vector<std::int64_t>{10, 20, 30}));
    const auto frame = source.frame(20);
    QVERIFY(frame);
    QCOMPARE(frame->kept, fixture::masksAt(20).kept());
}

void MaskSourceTest::masksOfOtherShapesAreRefused() {
    fixture::makeRun(run());
    auto masks = fixture::masksAt(30);
    const auto name = masks.masks.begin()->first;
    masks.masks[name] = fixture::randomMask(17, 19, 0.5, 1);
    writeMasks(run() / "snapshots" / "step-30.npz", masks);
    MaskSource source(run(), {});
    source.steps();
    const int matrix = source.structure()->find(name);
    QVERIFY(!source.detail(matrix, 30, false));
    const auto problems = source.takeProblems();
    QVERIFY2(!problems.isEmpty() && problems.front().contains(QStringLiteral("17 x 19")),
             qPrintable(problems.join(QStringLiteral(" | "))));
    QVERIFY(source.detail(matrix, 20, false));
}

void MaskSourceTest::withoutMasksTilesRemain() {
    fixture::makeRun(run());
    fs::remove_all(run() / "snapshots");
    fs::remove(run() / "masks.npz");
    MaskSource source(run(), {});
    QCOMPARE(source.steps().size(), std::size_t(3));
    QVERIFY(source.frame(20));
    QVERIFY(!source.detail(0, 20, false));
    QCOMPARE(source.takeProblems().size(), 1);
    // The last step has none but masks.npz, were it there.
    writeMasks(run() / "masks.npz", fixture::masksAt(30));
    QVERIFY(source.detail(0, 30, false));
}

void MaskSourceTest::withoutTheModelTheStructureIsTheMaps() {
    fixture::makeRun(run());
    auto spec = readJsonFile(run() / "spec.json");
    spec["model"] = "/nowhere/model";
    writeFileAtomically(run() / "spec.json", spec.dump());
    MaskSource source(run(), {});
    source.steps();
    QVERIFY(source.structure());
    QVERIFY(!source.hasModel());
    QCOMPARE(source.structure()->matrices.size(), std::size_t(42));
    QCOMPARE(source.structure()->blocks, 6);
    QCOMPARE(info(source, 5).label, QStringLiteral("mlp.up"));
    const auto problems = source.takeProblems();
    QVERIFY(!problems.isEmpty() && problems.front().contains(QStringLiteral("/nowhere/model")));
    QCOMPARE(source.frame(30)->kept, fixture::masksAt(30).kept());
    QVERIFY(source.detail(0, 30, false));
    QVERIFY(source.values(0, 0, 0)->weights.empty());
}

void MaskSourceTest::impossibleSizesOfAMapAreLeftOut() {
    TileMap map;
    const auto mask = fixture::randomMask(16, 16, 0.5, 1);
    map.matrices.push_back(tilesOf("model.layers.0.self_attn.q_proj.weight", mask, 1, 1));
    MatrixTiles huge{"model.layers.0.mlp.up_proj.weight",
                     4000000000,
                     4000000000,
                     4000000000,
                     4000000000,
                     {0.5f},
                     {TileKind::Unstructured}};
    map.matrices.push_back(huge);
    map.matrices.push_back(tilesOf("model.layers.999999999.mlp.up_proj.weight", mask, 1, 1));
    map.matrices.push_back(tilesOf("model.layers.-3.mlp.up_proj.weight", mask, 1, 1));
    map.matrices.push_back(tilesOf("lm_head.weight", mask, 1, 1));
    const auto structure = structureOf(map);
    QCOMPARE(structure.matrices.size(), std::size_t(1));
    QCOMPARE(structure.blocks, 1);
    QCOMPARE(frameOf(structure, map, 0).kept, mask.kept());
}

void MaskSourceTest::aForeignCheckpointIsNoGate() {
    fixture::makeRun(run());
    fs::create_directories(run() / "checkpoints" / "step-20");
    writeFileAtomically(run() / "checkpoints" / "step-20" / "state.bin", std::string(500, 'x'));
    MaskSource source(run(), {});
    source.steps();
    QCOMPARE(source.gateStep(), std::int64_t(-1));
    QCOMPARE(source.takeProblems().size(), 1);
    QVERIFY(source.detail(0, 30, false));
    QVERIFY(source.values(0, 0, 0)->gates.empty());
    // A whole one of another run: too few masks.
    std::ofstream out(run() / "checkpoints" / "step-20" / "state.bin", std::ios::binary);
    LearningStateHeader header{{}, 20, 0};
    std::memcpy(header.magic, kLearningStateMagic, sizeof header.magic);
    out.write(reinterpret_cast<const char*>(&header), sizeof header);
    out.close();
    MaskSource other(run(), {});
    other.steps();
    QCOMPARE(other.gateStep(), std::int64_t(-1));
    QVERIFY(!other.takeProblems().isEmpty());
}

void MaskSourceTest::nothingThereIsASentence() {
    MaskSource gone(run(), {});
    QVERIFY(!gone.structure());
    QVERIFY(gone.steps().empty());
    QVERIFY(!gone.frame(0));
    QVERIFY(!gone.detail(0, 0, true));
    QVERIFY(!gone.values(0, 0, 0));
    QCOMPARE(gone.takeProblems().size(), 1);
    MaskSource model({}, "/nowhere");
    QVERIFY(!model.structure());
    QVERIFY(model.takeProblems().front().contains(QStringLiteral("/nowhere")));
}

QTEST_MAIN(MaskSourceTest)
#include "tst_mask_source.moc"
