#include <torch/torch.h>

#include <QtTest>
#include <filesystem>
#include <fstream>

#include "core/base/error.h"
#include "core/formats/safetensors.h"
#include "core/model/torch_runtime.h"
#include "core/prune/one_shot.h"
#include "core/prune/optima.h"
#include "core/prune/thanos.h"
#include "prune/problem.h"

// The order in which the methods lose, and their way through the blocks of a model: checkpoints, spilled
// activations, inputs that nothing can be made of.

using namespace tessera;
using test::energy;
using test::Problem;
namespace fs = std::filesystem;

namespace {

constexpr PatternTarget kHalf{0.5, 0, 0}, kTwoOfFour{0.5, 2, 4};

struct Pass {
    MaskSet masks;
    std::map<std::string, torch::Tensor> weights;
};

bool sameMasks(const MaskSet& a, const MaskSet& b) {
    if (a.masks.size() != b.masks.size()) return false;
    for (const auto& [name, mask] : a.masks)
        if (mask.bits != b.masks.at(name).bits) return false;
    return true;
}

}  // namespace

class OneShotTest : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;
    std::optional<ModelFiles> m_files;
    torch::Tensor m_windows;
    int m_folders = 0;

    fs::path folder() {
        const auto path = m_scratch / ("store" + std::to_string(++m_folders));
        fs::create_directories(path);
        return path;
    }

    /// A pass over the small model; stops (throws) once `stopAfter` blocks are done.
    Pass pass(const std::string& name, const fs::path& store, OneShotSettings settings = {},
              int stopAfter = 0, bool spill = false, torch::ScalarType dtype = torch::kBFloat16) {
        const auto method = OneShotMethod::create(name, settings);
        const BlockStore blocks(store);
        OneShotRequest request;
        request.target = kHalf;
        request.store = &blocks;
        if (spill) request.spillFolder = store;
        request.progress = [&](int done, int) {
            if (done == stopAfter) throw Error(ErrorCode::Cancelled, "stopped");
        };
        Pass made;
        made.masks = pruneOneShot(*m_files, *method, m_windows, dtype, request);
        blocks.assemble(store / "weights.safetensors");
        if (fs::exists(store / "weights.safetensors")) {
            const auto file = SafetensorsFile::open(store / "weights.safetensors");
            for (const auto& info : file->tensors())
                made.weights[info.name] = loadTensor(*file, info.name, torch::kFloat32);
        }
        return made;
    }

    static bool same(const Pass& a, const Pass& b) {
        if (!sameMasks(a.masks, b.masks) || a.weights.size() != b.weights.size()) return false;
        for (const auto& [name, weights] : a.weights)
            if (!weights.equal(b.weights.at(name))) return false;
        return true;
    }

  private Q_SLOTS:
    void initTestCase() {
        m_files = ModelFiles::open(test::data("tiny_llama"));
        torch::manual_seed(5);
        m_windows = torch::randint(3, 256, {12, 48}, torch::kInt64);
    }

    void lossesStandInOrder_data() {
        QTest::addColumn<bool>("nm");
        QTest::newRow("unstructured") << false;
        QTest::newRow("2:4") << true;
    }
    /// ADMM < SparseGPT < Wanda, magnitude, with the margins that twelve seeds of such layers showed; Thanos
    /// below SparseGPT on average; a fixed mask's exact solution within 1.6 times of SparseGPT's.
    void lossesStandInOrder() {
        QFETCH(bool, nm);
        const auto target = nm ? kTwoOfFour : kHalf;
        double thanosToSparseGpt = 0;
        for (int seed = 100; seed < 106; ++seed) {
            const Problem problem(std::uint64_t(seed), 32, 64, 400);
            const InputStatistics input{problem.gram.diagonal().clone(), problem.gram, 400};
            OneShotSettings settings;
            settings.block = 16;
            std::map<std::string, double> loss;
            PrunedMatrix sparse;
            for (const char* name : {"magnitude", "wanda", "sparsegpt", "thanos", "admm"}) {
                auto own = settings;
                if (std::string(name) == "admm") own.damping = 0.1;
                auto made = OneShotMethod::create(name, own)
                                ->prepare(input, "i")
                                ->prune(problem.weights, target, "m");
                const auto keep = unpackMask(made.mask);
                loss[name] = energy(made.weights.defined() ? made.weights : problem.weights * keep,
                                    problem.weights, problem.gram);
                if (std::string(name) == "sparsegpt") sparse = std::move(made);
            }
            const auto text = QString("seed %1: magnitude %2, wanda %3, sparsegpt %4, thanos %5, admm %6")
                                  .arg(seed)
                                  .arg(loss["magnitude"])
                                  .arg(loss["wanda"])
                                  .arg(loss["sparsegpt"])
                                  .arg(loss["thanos"])
                                  .arg(loss["admm"]);
            QVERIFY2(loss["sparsegpt"] < 0.35 * loss["magnitude"], qPrintable(text));
            QVERIFY2(loss["sparsegpt"] < 0.99 * loss["wanda"], qPrintable(text));
            QVERIFY2(loss["admm"] < 0.85 * loss["sparsegpt"], qPrintable(text));
            QVERIFY2(loss["wanda"] < loss["magnitude"], qPrintable(text));
            thanosToSparseGpt += loss["thanos"] / loss["sparsegpt"] / 6;
            const double exact =
                energy(optima(problem.weights, unpackMask(sparse.mask), problem.damped(1e-9)),
                       problem.weights, problem.gram);
            QVERIFY2(loss["sparsegpt"] >= exact && loss["sparsegpt"] < 1.6 * exact, qPrintable(text));
        }
        QVERIFY2(thanosToSparseGpt < 0.99, qPrintable(QString::number(thanosToSparseGpt)));
    }

    /// Single precision does what double does, on inputs as uneven as a language model's.
    void singlePrecisionIsEnough() {
        const Problem problem(21, 48, 96, 2000);
        const auto gram = problem.gram.to(torch::kFloat32), weights = problem.weights.to(torch::kFloat32);
        const InputStatistics wide{problem.gram.diagonal().clone(), problem.gram, 1},
            narrow{gram.diagonal().clone(), gram, 1};
        for (const char* name : {"sparsegpt", "thanos", "admm"}) {
            OneShotSettings settings;
            settings.finish = std::string(name) == "thanos";
            const auto method = OneShotMethod::create(name, settings);
            const auto one = method->prepare(narrow, "i")->prune(weights, kHalf, "m");
            const auto other = method->prepare(wide, "i")->prune(problem.weights, kHalf, "m");
            const double a = energy(one.weights.to(torch::kFloat64), problem.weights, problem.gram),
                         b = energy(other.weights, problem.weights, problem.gram);
            QVERIFY2(std::abs(a / b - 1) < 1e-3, qPrintable(QString("%1: %2 %3").arg(name).arg(a).arg(b)));
        }
    }

    /// Fewer tokens than inputs and no damping: it is raised and said.
    void singularGramsAreDampedAndSaid() {
        const Problem problem(22, 8, 64, 20);
        std::vector<std::string> said;
        OneShotSettings settings;
        settings.damping = 0;
        settings.finishDamping = 0;
        settings.finish = true;
        settings.log = [&](const std::string& text) { said.push_back(text); };
        for (const char* name : {"sparsegpt", "thanos", "admm", "wanda"}) {
            said.clear();
            const auto gram = problem.gram.to(torch::kFloat32);
            const auto made = OneShotMethod::create(name, settings)
                                  ->prepare({gram.diagonal().clone(), gram, 20}, "block 3")
                                  ->prune(problem.weights.to(torch::kFloat32), kHalf, "m");
            QVERIFY(torch::isfinite(made.weights).all().item<bool>());
            QVERIFY(!said.empty() && said.front().find("block 3") == 0 &&
                    said.front().find("damping raised to 1e-06") != std::string::npos);
        }
    }

    void numbersThatAreNoneAreRefused() {
        Problem problem(23);
        problem.gram[4][7] = std::nan("");
        for (const char* name : {"sparsegpt", "thanos", "admm"})
            EXPECT_ERROR(OneShotMethod::create(name)->prepare(
                             {problem.gram.diagonal().clone(), problem.gram, 9}, "model.layers.2"),
                         Numerical, "model.layers.2");
        EXPECT_ERROR(OneShotMethod::create("obs"), InvalidInput, "sparsegpt");
    }

    /// Groups that do not divide are told before the first block is touched.
    void groupsThatDoNotDivideAreRefused() {
        OneShotRequest request;
        request.target = {1 - 2.0 / 6, 2, 6};
        request.progress = [](int, int) { QFAIL("a block was pruned"); };
        EXPECT_ERROR(
            pruneOneShot(*m_files, *OneShotMethod::create("sparsegpt"), m_windows, torch::kFloat32, request),
            InvalidInput, "groups of 6 do not divide the 64 inputs");
    }

    void tooShortATextIsRefused() {
        EXPECT_ERROR(calibrationWindows(std::vector<std::int32_t>(63), 4, 64), InvalidInput, "63 tokens");
        QCOMPARE(calibrationWindows(std::vector<std::int32_t>(130), 4, 64).size(0), std::int64_t(2));
    }

    void cutOffPassesGoOn_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<bool>("finish");
        for (const char* name : {"wanda", "sparsegpt", "thanos", "admm"})
            QTest::newRow(name) << name << false;
        QTest::newRow("magnitude, finished") << "magnitude" << true;
    }
    /// A pass that ended behind any block goes on to the bits of one left alone; so does one whose
    /// activations live in a file, of which nothing stays.
    void cutOffPassesGoOn() {
        QFETCH(QString, method);
        QFETCH(bool, finish);
        OneShotSettings settings;
        settings.finish = finish;
        settings.block = 32;
        const auto name = method.toStdString();
        const auto whole = pass(name, folder(), settings);
        QCOMPARE(whole.masks.masks.size(), std::size_t(14));
        QCOMPARE(whole.weights.size(), std::size_t(name == "wanda" ? 0 : 14));
        for (int stop = 1; stop <= 2; ++stop) {
            const auto store = folder();
            EXPECT_ERROR(pass(name, store, settings, stop), Cancelled, "stopped");
            // What was being written when the process died is no block.
            std::ofstream(store / "next-7.safetensors.part") << "half";
            QVERIFY(same(pass(name, store, settings), whole));
        }
        const auto store = folder();
        EXPECT_ERROR(pass(name, store, settings, 1, true), Cancelled, "stopped");
        QVERIFY(same(pass(name, store, settings, 0, true), whole));
        for (const auto& entry : fs::directory_iterator(store))
            QVERIFY2(entry.path().filename().string().find("activations") == std::string::npos,
                     entry.path().c_str());
    }

    /// The overlay is the model of these weights: zeros where the masks are, everything else the base's.
    void changedWeightsStandInForTheModels() {
        const auto store = folder();
        const auto made = pass("sparsegpt", store, {}, 0, false, torch::kFloat32);
        const auto changed = ModelFiles::open(test::data("tiny_llama"), store / "weights.safetensors");
        QVERIFY(changed.fingerprint() != m_files->fingerprint());
        for (const auto& info : m_files->tensors().tensors()) {
            const auto now = loadTensor(changed.tensors(), info.name, torch::kFloat32);
            const auto found = made.weights.find(info.name);
            QVERIFY(now.equal(found == made.weights.end()
                                  ? loadTensor(m_files->tensors(), info.name, torch::kFloat32)
                                  : found->second));
            if (found != made.weights.end()) {
                const auto keep = unpackMask(made.masks.masks.at(info.name));
                QVERIFY(now.masked_select(keep.eq(0)).eq(0).all().item<bool>());
            }
        }
        SafetensorsWriter writer(store / "other.safetensors");
        writer.declare("model.layers.9.mlp.up_proj.weight", DType::F32, {1});
        const float one = 1;
        writer.write("model.layers.9.mlp.up_proj.weight", std::as_bytes(std::span(&one, 1)));
        writer.commit();
        EXPECT_ERROR(ModelFiles::open(test::data("tiny_llama"), store / "other.safetensors"), Corrupt,
                     "model.layers.9");
    }

    void excludedMatricesStayAsTheyWere() {
        const auto store = folder();
        const BlockStore blocks(store);
        OneShotRequest request;
        request.target = kHalf;
        request.exclude = {"*.down_proj.weight", "model.layers.0.*"};
        request.store = &blocks;
        const auto masks =
            pruneOneShot(*m_files, *OneShotMethod::create("admm"), m_windows, torch::kFloat32, request);
        QCOMPARE(masks.masks.size(), std::size_t(6));
        blocks.assemble(store / "weights.safetensors");
        QCOMPARE(SafetensorsFile::open(store / "weights.safetensors")->tensors().size(), std::size_t(6));
    }
};

QTEST_APPLESS_MAIN(OneShotTest)
#include "tst_one_shot.moc"
