#include <torch/torch.h>

#include <QtTest>
#include <cmath>
#include <cstring>
#include <fstream>

#include "core/base/file_io.h"
#include "core/engine/engine.h"
#include "core/evaluate/perplexity.h"
#include "core/formats/export_hf.h"
#include "core/formats/model_files.h"
#include "core/session/model_catalogue.h"
#include "core/session/tile_map.h"
#include "core/text/tokenizer.h"
#include "support/support.h"

// What a run promises of its masks, whatever the method: cli.md's budgets, and weights that are kept as they
// were. Whole runs of the starter with a few small windows.

using namespace tessera;

namespace {

struct NoSink : EventSink {
    void emit(const Event&) override {}
};

struct Run {
    std::filesystem::path path;
    Json result;
    MaskSet masks;

    double achieved() const { return result.at("sparsity").at("achieved").get<double>(); }
    std::int64_t zeros() const { return masks.weights() - masks.kept(); }
};

/// Whether exactly `keep` of every `group` aligned inputs are kept.
bool isNM(const PackedMask& mask, int keep, int group) {
    if (mask.cols % group != 0) return false;
    for (std::int64_t first = 0; first < mask.rows * mask.cols; first += group) {
        int kept = 0;
        for (int i = 0; i < group; ++i) kept += mask.keeps(first + i);
        if (kept != keep) return false;
    }
    return true;
}

}  // namespace

class BudgetsTest : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;
    std::optional<ModelFiles> m_files;
    std::vector<PrunableMatrix> m_matrices;
    std::int64_t m_weights = 0;
    int m_runs = 0;

    Run run(Json json, Json set = Json::object()) {
        const bool learns = methodNamed(json["method"]).learns;
        json["model"] = "starter";
        json["text"] = (std::filesystem::path(TESSERA_SOURCE_DIR) / "LICENSE").string();
        json["threads"] = 2;
        json["out"] = (m_scratch / ("run" + std::to_string(++m_runs))).string();
        if (learns) json["steps"] = json.value("steps", 2);
        Json all{{"eval_window", 48}, {"eval_windows", 0}};
        if (json["method"] != "magnitude")
            all.update({{"calibration_windows", 2}, {"calibration_context", 64}});
        if (learns)
            all.update({{"context", 32}, {"batch", 1}, {"snapshots", 1}, {"warmup_steps", 0}, {"lr", 0.02}});
        all.update(set);
        json["set"] = all;
        NoSink sink;
        RunControl control;
        Run run;
        run.result = Engine::run(ExperimentSpec::fromJson(json), sink, control);
        run.path = json["out"].get<std::string>();
        run.masks = readMasks(run.path / "masks.npz");
        if (std::abs(run.achieved() -
                     static_cast<double>(run.zeros()) / static_cast<double>(run.masks.weights())) > 1e-12)
            throw std::runtime_error("the result tells another sparsity than the masks have");
        return run;
    }

    static std::vector<float> valuesOf(const ModelFiles& files, const std::string& name) {
        const auto& info = files.tensors().at(name);
        std::vector<float> values(static_cast<std::size_t>(info.elements()));
        files.tensors().readF32(info, 0, values);
        return values;
    }

  private Q_SLOTS:
    void initTestCase() {
        m_files = ModelFiles::open(resolveModel("starter").path);
        m_matrices = prunableMatrices(m_files->config());
        for (const auto& matrix : m_matrices) m_weights += matrix.elements();
    }

    /// A run leaves the weights that it keeps alone: in the exported model each is the original's to the bit,
    /// the others are zero, and what lies outside of the masks is untouched.
    void keptWeightsKeepTheirBits_data() {
        QTest::addColumn<QString>("method");
        for (const auto& method : methodDescriptions())
            if (!method.changesWeights)
                QTest::newRow(method.name.c_str()) << QString::fromStdString(method.name);
    }
    void keptWeightsKeepTheirBits() {
        QFETCH(QString, method);
        const auto made = run({{"method", method.toStdString()}, {"sparsity", 0.5}});
        QCOMPARE(made.masks.masks.size(), m_matrices.size());
        const auto out = m_scratch / ("export-" + method.toStdString());
        exportHuggingFace(*m_files, &made.masks,
                          {readJsonFile(m_files->path() / "tokenizer.json"),
                           readJsonFile(m_files->path() / "tokenizer_config.json")},
                          out, [](int, int) {});
        const auto exported = ModelFiles::open(out);
        std::int64_t kept = 0;
        for (const auto& info : m_files->tensors().tensors()) {
            const auto& name = info.name;
            const auto before = valuesOf(*m_files, name), after = valuesOf(exported, name);
            QCOMPARE(after.size(), before.size());
            const auto found = made.masks.masks.find(name);
            for (std::size_t i = 0; i < before.size(); ++i) {
                const bool keeps = found == made.masks.masks.end() || found->second.keeps(std::int64_t(i));
                if (keeps ? std::memcmp(&before[i], &after[i], 4) != 0 : after[i] != 0.0f)
                    QFAIL(qPrintable(QString("%1, weight %2: %3, was %4")
                                         .arg(name.c_str())
                                         .arg(i)
                                         .arg(after[i])
                                         .arg(before[i])));
                kept += keeps && found != made.masks.masks.end();
            }
        }
        QCOMPARE(kept, made.masks.kept());
    }

    /// Nothing to remove is the dense model: every mask full, the perplexity equal to the last bit.
    void sparsityZeroIsTheDenseModel_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("dtype");
        for (const char* dtype : {"bf16", "f32"})
            for (const auto& method : methodDescriptions())
                if (method.patterns.front() != "2:4")  // patterns always remove something
                    QTest::addRow("%s, %s", method.name.c_str(), dtype)
                        << QString::fromStdString(method.name) << dtype;
    }
    void sparsityZeroIsTheDenseModel() {
        QFETCH(QString, method);
        QFETCH(QString, dtype);
        const auto made =
            run({{"method", method.toStdString()}, {"sparsity", 0.0}, {"dtype", dtype.toStdString()}},
                {{"eval_windows", 2}});
        QCOMPARE(made.masks.kept(), m_weights);
        QCOMPARE(made.achieved(), 0.0);
        const auto& perplexity = made.result.at("perplexity");
        const double dense = perplexity.at("dense"), pruned = perplexity.at("pruned");
        QVERIFY(dense > 1);
        QCOMPARE(std::memcmp(&dense, &pruned, sizeof dense), 0);
    }

    /// A budget within whole tiles: at most half of what the largest tile can give away from the target (a
    /// tile more or less would not be nearer), every tile dense or 2:4 as the base has it.
    void tilesMeetTheBudget_data() {
        QTest::addColumn<QString>("tile");
        QTest::addColumn<double>("sparsity");
        QTest::addColumn<QString>("base");
        for (const char* tile : {"64x64", "128x128", "96x80"})
            for (const double sparsity : {0.125, 0.25, 0.375, 0.45, 0.5}) {
                // The base that scores by text takes longer: once a tile.
                const char* base = sparsity == 0.375 ? "wanda" : sparsity == 0.45 ? "file" : "magnitude";
                QTest::addRow("%s, %g, %s", tile, sparsity, base) << tile << sparsity << base;
            }
    }
    void tilesMeetTheBudget() {
        QFETCH(QString, tile);
        QFETCH(double, sparsity);
        QFETCH(QString, base);
        const auto sides = tile.split('x');
        const std::int64_t tileRows = sides[0].toInt(), tileCols = sides[1].toInt();
        const auto given = base == "file" ? baseFile() : std::filesystem::path(base.toStdString());
        const auto made =
            run({{"method", "patch-tile"}, {"sparsity", sparsity}},
                {{"tile", tile.toStdString()}, {"base", given.string()}, {"prior", "magnitude"}});
        QCOMPARE(made.masks.weights(), m_weights);
        const double off =
            std::abs(static_cast<double>(made.zeros()) - sparsity * static_cast<double>(m_weights));
        // Half of a tile's weights are zeros when it is shut.
        const double most = 0.5 * static_cast<double>(tileRows * tileCols) / 2;
        QVERIFY2(off <= most, qPrintable(QString("%1 weights off, %2 allowed").arg(off).arg(most)));
        if (sparsity == 0.5) QCOMPARE(made.zeros() * 2, m_weights);

        const auto inner = readMasks(made.path / "base.npz");
        if (base == "file") {
            const auto original = readMasks(given);
            for (const auto& [name, mask] : original.masks) QVERIFY(inner.masks.at(name).bits == mask.bits);
        }
        std::int64_t dense = 0, half = 0;
        for (const auto& matrix : m_matrices) {
            const auto& mask = made.masks.masks.at(matrix.name);
            const auto& frozen = inner.masks.at(matrix.name);
            QVERIFY(isNM(frozen, 2, 4));
            for (std::int64_t top = 0; top < matrix.rows; top += tileRows)
                for (std::int64_t left = 0; left < matrix.cols; left += tileCols) {
                    bool open = true, shut = true;
                    for (auto r = top; r < std::min(matrix.rows, top + tileRows); ++r)
                        for (auto c = left; c < std::min(matrix.cols, left + tileCols); ++c) {
                            const auto i = r * matrix.cols + c;
                            open = open && mask.keeps(i);
                            shut = shut && mask.keeps(i) == frozen.keeps(i);
                        }
                    QVERIFY(open != shut);
                    (open ? dense : half) += 1;
                }
        }
        QVERIFY(half > 0);
        QCOMPARE(dense > 0, sparsity < 0.5);
    }

    /// PATCH-Joint: to half a tile, every tile dense or 2:4.
    void jointMeetsTheBudget_data() {
        QTest::addColumn<double>("sparsity");
        for (const double sparsity : {0.125, 0.25, 0.375, 0.45, 0.5})
            QTest::addRow("%g", sparsity) << sparsity;
    }
    void jointMeetsTheBudget() {
        QFETCH(double, sparsity);
        const auto made = run({{"method", "patch-joint"}, {"sparsity", sparsity}},
                              {{"tile", "64x64"}, {"base", "magnitude"}, {"prior", "magnitude"}});
        QCOMPARE(made.masks.weights(), m_weights);
        const double off =
            std::abs(static_cast<double>(made.zeros()) - sparsity * static_cast<double>(m_weights));
        QVERIFY2(off <= 0.5 * 64 * 64 / 2, qPrintable(QString::number(off)));
        std::int64_t dense = 0;
        for (const auto& matrix : m_matrices) {
            const auto tiles = tilesOf(matrix.name, made.masks.masks.at(matrix.name), 64, 64);
            for (const auto kind : tiles.kind) {
                QVERIFY(kind == TileKind::Dense || kind == TileKind::TwoFour);
                dense += kind == TileKind::Dense;
            }
        }
        QCOMPARE(dense > 0, sparsity < 0.5);
    }

    /// What 2:4 tiles cannot be is refused with words.
    void impossibleTilesAreRefused() {
        EXPECT_ERROR(run({{"method", "patch-tile"}, {"sparsity", 0.25}}, {{"tile", "64x50"}}), InvalidInput,
                     "tile");
        EXPECT_ERROR(run({{"method", "patch-tile"}, {"sparsity", 0.25}}, {{"tile", "1x1"}}), InvalidInput,
                     "tile");
        const auto unstructured = run({{"method", "magnitude"}, {"sparsity", 0.5}});
        EXPECT_ERROR(run({{"method", "patch-tile"}, {"sparsity", 0.25}},
                         {{"base", (unstructured.path / "masks.npz").string()}}),
                     InvalidInput, "not 2:4");
    }

    /// LEAP: to the weight, in everything, in each block or in each matrix.
    void leapMeetsTheBudget_data() {
        QTest::addColumn<QString>("scope");
        QTest::addColumn<double>("sparsity");
        QTest::newRow("global, 0.5") << "global" << 0.5;
        QTest::newRow("global, 0.6") << "global" << 0.6;
        QTest::newRow("global, 0.123457") << "global" << 0.123457;
        QTest::newRow("block") << "block" << 0.537;
        QTest::newRow("matrix") << "matrix" << 0.537;
    }
    void leapMeetsTheBudget() {
        QFETCH(QString, scope);
        QFETCH(double, sparsity);
        const auto made =
            run({{"method", "leap"}, {"sparsity", sparsity}}, {{"target_scope", scope.toStdString()}});
        std::map<std::string, std::pair<std::int64_t, std::int64_t>> groups;  // zeros, weights
        for (const auto& matrix : m_matrices) {
            auto& [zeros, weights] = groups[scope == "global"  ? "all"
                                            : scope == "block" ? std::to_string(matrix.block)
                                                               : matrix.name];
            weights += matrix.elements();
            zeros += matrix.elements() - made.masks.masks.at(matrix.name).kept();
        }
        QCOMPARE(groups.size(), scope == "global" ? 1u : scope == "block" ? 6u : m_matrices.size());
        for (const auto& [name, group] : groups)
            QCOMPARE(group.first, std::int64_t(std::floor(sparsity * static_cast<double>(group.second))));
    }

    /// Magnitude: to the weight in each matrix. Wanda: in each row.
    void oneShotMeetsTheBudget_data() {
        QTest::addColumn<double>("sparsity");
        for (const double sparsity : {0.5, 0.613, 0.9}) QTest::addRow("%g", sparsity) << sparsity;
    }
    void oneShotMeetsTheBudget() {
        QFETCH(double, sparsity);
        const auto share = [&](std::int64_t count) {
            return count - static_cast<std::int64_t>(std::floor(sparsity * static_cast<double>(count)));
        };
        const auto magnitude = run({{"method", "magnitude"}, {"sparsity", sparsity}}),
                   wanda = run({{"method", "wanda"}, {"sparsity", sparsity}});
        for (const auto& matrix : m_matrices) {
            QCOMPARE(magnitude.masks.masks.at(matrix.name).kept(), share(matrix.elements()));
            const auto& mask = wanda.masks.masks.at(matrix.name);
            for (std::int64_t row = 0; row < matrix.rows; ++row) {
                std::int64_t kept = 0;
                for (std::int64_t col = 0; col < matrix.cols; ++col)
                    kept += mask.keeps(row * matrix.cols + col);
                QCOMPARE(kept, share(matrix.cols));
            }
        }
    }

    void patternsHoldInEveryGroup_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<int>("keep");
        QTest::addColumn<int>("group");
        QTest::newRow("magnitude 2:4") << "magnitude" << 2 << 4;
        QTest::newRow("wanda 2:4") << "wanda" << 2 << 4;
        QTest::newRow("wanda 3:8") << "wanda" << 3 << 8;
        QTest::newRow("maskllm 2:4") << "maskllm" << 2 << 4;
        QTest::newRow("maskllm 1:4") << "maskllm" << 1 << 4;
        QTest::newRow("maskllm 3:4") << "maskllm" << 3 << 4;
        QTest::newRow("maskllm 4:8") << "maskllm" << 4 << 8;
        QTest::newRow("proxsparse 2:4") << "proxsparse" << 2 << 4;
    }
    void patternsHoldInEveryGroup() {
        QFETCH(QString, method);
        QFETCH(int, keep);
        QFETCH(int, group);
        const auto pattern = std::to_string(keep) + ":" + std::to_string(group);
        const auto made = run({{"method", method.toStdString()}, {"pattern", pattern}});
        for (const auto& [name, mask] : made.masks.masks) QVERIFY2(isNM(mask, keep, group), name.c_str());
        QCOMPARE(made.achieved(), 1 - static_cast<double>(keep) / group);
    }

    /// MaskLLM begins at its base: without a step that is its mask, a file's as well as a method's.
    void patternsBeginAtTheBase() {
        const auto base = readMasks(baseFile());
        for (const auto& given : {baseFile().string(), std::string("wanda")}) {
            const auto made = run({{"method", "maskllm"}, {"steps", 0}}, {{"base", given}});
            for (const auto& [name, mask] : base.masks) QVERIFY(made.masks.masks.at(name).bits == mask.bits);
        }
    }

    /// ProxSparse begins at the model's weights: without a step its mask is magnitude's.
    void weightsBeginAsTheyAre() {
        const auto magnitude = run({{"method", "magnitude"}, {"pattern", "2:4"}});
        const auto made = run({{"method", "proxsparse"}, {"steps", 0}});
        for (const auto& [name, mask] : magnitude.masks.masks)
            QVERIFY2(made.masks.masks.at(name).bits == mask.bits, name.c_str());
    }

    void impossiblePatternsAreRefused() {
        EXPECT_ERROR(run({{"method", "proxsparse"}, {"pattern", "1:4"}}), InvalidInput, "no pattern");
        EXPECT_ERROR(run({{"method", "maskllm"}, {"pattern", "8:16"}}), InvalidInput, "more patterns");
        EXPECT_ERROR(run({{"method", "maskllm"}, {"pattern", "2:7"}}), InvalidInput, "do not divide");
        EXPECT_ERROR(run({{"method", "maskllm"}, {"pattern", "unstructured"}, {"sparsity", 0.5}}),
                     InvalidInput, "pattern");
        EXPECT_ERROR(run({{"method", "maskllm"}, {"sparsity", 0.6}}), InvalidInput, "2:4");
        EXPECT_ERROR(run({{"method", "maskllm"}, {"pattern", "1:4"}}, {{"base", baseFile().string()}}),
                     InvalidInput, "not 1:4");
        EXPECT_ERROR(run({{"method", "patch-joint"}, {"sparsity", 0.6}}), InvalidInput, "at most 0.5");
        EXPECT_ERROR(run({{"method", "patch-joint"}, {"sparsity", 0.25}}, {{"tile", "64x50"}}), InvalidInput,
                     "tile");
        EXPECT_ERROR(run({{"method", "maskllm"}}, {{"target_scope", "block"}}), InvalidInput,
                     "has no option");
    }

    /// Excluded matrices have no mask, and the budget holds in the others.
    void exclusionsStayDense() {
        for (const char* method : {"wanda", "leap", "maskllm"}) {
            const auto made = run({{"method", method}, {"sparsity", 0.5}},
                                  {{"exclude", "*.v_proj.weight,model.layers.0.*"}});
            std::int64_t weights = 0;
            for (const auto& matrix : m_matrices) {
                const bool excluded = matrix.block == 0 || matrix.projection == "v";
                QCOMPARE(made.masks.masks.contains(matrix.name), !excluded);
                if (!excluded) weights += matrix.elements();
            }
            QCOMPARE(made.zeros(), weights / 2);
        }
    }

    /// The published settings (no divergence, clipping, soft start, no centring) end at the budget, too.
    void publishedSettingsMeetTheBudget() {
        const auto leap =
            run({{"method", "leap"}, {"sparsity", 0.6}}, {{"recipe", "paper"}, {"accumulate", 2}});
        QCOMPARE(leap.zeros(), std::int64_t(std::floor(0.6 * static_cast<double>(m_weights))));
        const auto patch =
            run({{"method", "patch-tile"}, {"sparsity", 0.35}}, {{"recipe", "paper"}, {"tile", "64x64"}});
        QVERIFY(std::abs(static_cast<double>(patch.zeros()) - 0.35 * static_cast<double>(m_weights)) <= 1024);
        const auto joint = run({{"method", "patch-joint"}, {"sparsity", 0.35}},
                               {{"recipe", "paper"}, {"tile", "64x64"}, {"accumulate", 2}});
        QVERIFY(std::abs(static_cast<double>(joint.zeros()) - 0.35 * static_cast<double>(m_weights)) <= 1024);
        const auto patterns = run({{"method", "maskllm"}}, {{"recipe", "paper"}, {"straight_through", true}});
        QCOMPARE(patterns.zeros() * 2, m_weights);
    }

  private:
    /// A 2:4 mask file as another run leaves it.
    std::filesystem::path baseFile() {
        static std::filesystem::path made;
        if (made.empty()) made = run({{"method", "wanda"}, {"pattern", "2:4"}}).path / "masks.npz";
        return made;
    }
};

QTEST_GUILESS_MAIN(BudgetsTest)
#include "tst_budgets.moc"
