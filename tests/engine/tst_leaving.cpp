// What a run leaves with: a Hugging Face folder, and a packed model that decodes.
#include <torch/torch.h>

#include <QtTest>
#include <fstream>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/deploy/decode.h"
#include "core/engine/engine.h"
#include "core/evaluate/perplexity.h"
#include "core/formats/export_hf.h"
#include "core/session/model_catalogue.h"
#include "core/text/tokenizer.h"
#include "support/model_as_gguf.h"
#include "support/support.h"

using namespace tessera;
namespace fs = std::filesystem;

namespace {

struct NoSink : EventSink {
    void emit(const Event&) override {}
};

const std::string kPrompt = "The mask of a matrix says which of its weights are kept";

}  // namespace

class TestLeaving : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;
    std::optional<ModelFiles> m_files;
    std::shared_ptr<const Tokenizer> m_tokenizer;
    MaskSet m_masks;

    static TokenizerFiles filesOf(const Tokenizer& tokenizer) {
        return {tokenizer.toTokenizerJson(), tokenizer.toTokenizerConfig()};
    }
    torch::Tensor promptIds() const {
        const auto ids = m_tokenizer->encode(kPrompt + ", and the others are zero. " + kPrompt);
        auto batch = torch::empty({1, static_cast<std::int64_t>(ids.size())}, torch::kInt64);
        for (std::size_t i = 0; i < ids.size(); ++i) batch.data_ptr<std::int64_t>()[i] = ids[i];
        return batch;
    }
    void sameLogits(const ModelFiles& exported, torch::ScalarType dtype) const {
        torch::NoGradGuard guard;
        const auto ours = maskedDecoder(Decoder::load(*m_files, dtype), m_masks),
                   theirs = Decoder::load(exported, dtype);
        const auto ids = promptIds();
        QVERIFY(torch::equal(ours.logits(ours.hidden(ids)), theirs.logits(theirs.hidden(ids))));
    }
    bool nothingLeftOf(const fs::path& out) const {
        for (const auto& entry : fs::directory_iterator(out.parent_path()))
            if (entry.path().filename().string().starts_with(out.filename().string())) return false;
        return true;
    }

  private Q_SLOTS:
    void initTestCase() {
        m_files = ModelFiles::open(resolveModel("starter").path);
        m_tokenizer = loadTokenizer(*m_files);
        NoSink sink;
        RunControl control;
        Engine::run(ExperimentSpec::fromJson({{"model", "starter"},
                                              {"method", "leap"},
                                              {"sparsity", 0.5},
                                              {"steps", 20},
                                              {"threads", 2},
                                              {"text", TESSERA_SOURCE_DIR "/LICENSE"},
                                              {"out", (m_scratch / "run").string()},
                                              {"set",
                                               {{"context", 64},
                                                {"batch", 2},
                                                {"calibration_windows", 4},
                                                {"calibration_context", 64},
                                                {"eval_windows", 0}}}}),
                    sink, control);
        m_masks = readMasks(m_scratch / "run/masks.npz");
    }

    /// 64 greedy tokens: the bitmap's are those of the same weights with their zeros, a tie within 1e-3
    /// excepted; and LibTorch's decoder finds each the likeliest, too, to the roundings of bf16.
    void greedyTokensAreTheDenseEnginesOnTheMaskedWeights() {
        torch::NoGradGuard guard;
        const auto dense = PackedModel::load(*m_files, &m_masks, Layout::Dense),
                   sparse = PackedModel::load(*m_files, &m_masks, Layout::Sparse);
        QVERIFY(sparse.blocks[0].gateUp.sparse() && !dense.blocks[0].gateUp.sparse());
        DecodeSession one(dense, 2), other(sparse, 2);
        auto ids = m_tokenizer->encode(kPrompt);
        const auto prompt = ids.size();
        std::vector<float> a, b;
        for (const auto id : ids) a = one.step(id), b = other.step(id);
        int ties = 0;
        for (int i = 0; i < 64; ++i) {
            const auto best = std::max_element(a.begin(), a.end()) - a.begin(),
                       found = std::max_element(b.begin(), b.end()) - b.begin();
            if (best != found) {
                ++ties;
                QVERIFY2(a[static_cast<std::size_t>(best)] - a[static_cast<std::size_t>(found)] < 1e-3f,
                         qPrintable(QString("token %1").arg(i)));
            }
            ids.push_back(static_cast<std::int32_t>(best));
            a = one.step(ids.back());
            b = other.step(ids.back());
        }
        qInfo("%d ties", ties);

        auto batch = torch::empty({1, static_cast<std::int64_t>(ids.size())}, torch::kInt64);
        for (std::size_t i = 0; i < ids.size(); ++i) batch.data_ptr<std::int64_t>()[i] = ids[i];
        const auto decoder = maskedDecoder(Decoder::load(*m_files, torch::kFloat32), m_masks);
        const auto logits = decoder.logits(decoder.hidden(batch))[0];
        int others = 0;
        for (auto i = prompt; i < ids.size(); ++i) {
            const auto row = logits[static_cast<std::int64_t>(i) - 1];
            const float gap = row.max().item<float>() - row[ids[i]].item<float>();
            QVERIFY2(gap < 0.1f,
                     qPrintable(QString("token %1 is %2 below the best").arg(i - prompt).arg(gap)));
            others += gap > 0;
        }
        qInfo("LibTorch in f32 prefers another token in %d of 64 places", others);
        QVERIFY(others <= 4);
    }

    void reopenedItGivesTheSameLogits() {
        const auto out = m_scratch / "hf";
        exportHuggingFace(*m_files, &m_masks, filesOf(*m_tokenizer), out, [](int, int) {});
        for (const auto* name :
             {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"})
            QVERIFY2(fs::exists(out / name), name);
        QCOMPARE(std::distance(fs::directory_iterator(out), fs::directory_iterator()), std::ptrdiff_t(4));
        const auto exported = ModelFiles::open(out);
        QVERIFY(exported.tensors().tensors().size() == m_files->tensors().tensors().size());
        for (const auto& info : m_files->tensors().tensors())
            QVERIFY(exported.tensors().at(info.name).dtype == info.dtype);
        // What the folder said of its tokenizer it still says.
        const auto before = readJsonFile(m_files->path() / "tokenizer_config.json"),
                   after = readJsonFile(out / "tokenizer_config.json");
        for (const auto& [key, value] : before.items()) QVERIFY2(after.at(key) == value, key.c_str());
        // The same members in whatever order.
        const auto members = [](const fs::path& folder) {
            return nlohmann::json::parse(readJsonFile(folder / "tokenizer.json").dump());
        };
        QVERIFY(members(out) == members(m_files->path()));
        sameLogits(exported, torch::kFloat32);
        sameLogits(exported, torch::kBFloat16);
        const auto text = readFile(fs::path(TESSERA_SOURCE_DIR) / "LICENSE");
        QVERIFY(loadTokenizer(exported)->encode(text) == m_tokenizer->encode(text));
        QCOMPARE(loadTokenizer(exported)->eosToken(), m_tokenizer->eosToken());
    }

    /// From a GGUF a folder with a tokenizer comes out as well.
    void fromAGguf() {
        test::GgufWriter writer;
        test::putModel(writer, *m_files);
        test::putTokenizer(writer, readJsonFile(m_files->path() / "tokenizer.json"), m_tokenizer->eosToken());
        writeFileAtomically(m_scratch / "starter.gguf", writer.bytes());
        const auto gguf = ModelFiles::open(m_scratch / "starter.gguf");
        const auto inside = loadTokenizer(gguf);
        const auto out = m_scratch / "from-gguf";
        exportHuggingFace(gguf, &m_masks, filesOf(*inside), out, [](int, int) {});
        const auto exported = ModelFiles::open(out);
        sameLogits(exported, torch::kFloat32);
        QCOMPARE(exported.config().tiedHead, m_files->config().tiedHead);
        const auto text = readFile(fs::path(TESSERA_SOURCE_DIR) / "LICENSE");
        const auto config = readJsonFile(out / "tokenizer_config.json");
        QCOMPARE(config.value("chat_template", ""), std::string("{{ messages }}"));
        QVERIFY(config.contains("model_input_names"));
        const auto again = loadTokenizer(exported);
        QVERIFY(again->encode(text) == m_tokenizer->encode(text));
        QCOMPARE(again->eosToken(), m_tokenizer->eosToken());
    }

    /// A model that is half zeros already, its rows and thresholds as well, can be pruned on.
    void anExportIsAModel_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<double>("sparsity");
        for (const auto& method : methodDescriptions())
            for (const double sparsity : {0.3, 0.5})
                if (sparsity == 0.5 || method.patterns.front() != "2:4")
                    QTest::addRow("%s, %g", method.name.c_str(), sparsity)
                        << QString::fromStdString(method.name) << sparsity;
        QTest::newRow("leap, 0.7") << "leap" << 0.7;
    }
    void anExportIsAModel() {
        QFETCH(QString, method);
        QFETCH(double, sparsity);
        static int runs = 0;
        const auto model = m_scratch / "zeros", out = m_scratch / ("further" + std::to_string(++runs));
        auto masks = m_masks;
        auto& emptied = masks.masks.begin()->second;
        emptied = PackedMask(emptied.rows, emptied.cols);
        if (!fs::exists(model))
            exportHuggingFace(*m_files, &masks, filesOf(*m_tokenizer), model, [](int, int) {});
        Json set{{"eval_windows", 0}};
        if (method != "magnitude") set.update({{"calibration_windows", 2}, {"calibration_context", 64}});
        if (methodNamed(method.toStdString()).learns) set.update({{"context", 32}, {"batch", 1}});
        Json spec{{"model", model.string()},
                  {"method", method.toStdString()},
                  {"sparsity", sparsity},
                  {"threads", 2},
                  {"out", out.string()},
                  {"text", TESSERA_SOURCE_DIR "/LICENSE"},
                  {"set", set}};
        if (methodNamed(method.toStdString()).learns) spec["steps"] = 3;
        NoSink sink;
        RunControl control;
        const auto result = Engine::run(ExperimentSpec::fromJson(spec), sink, control);
        const double achieved = result["sparsity"]["achieved"];
        QVERIFY2(std::abs(achieved - sparsity) < 0.01, qPrintable(QString::number(achieved)));
    }

    void itOverwritesNothing() {
        for (const auto* name : {"file", "folder", "empty"}) {
            const auto out = m_scratch / "kept" / name;
            fs::create_directories(name == std::string("file") ? out.parent_path() : out);
            const auto mine = name == std::string("file") ? out : out / "mine";
            if (name != std::string("empty")) writeFileAtomically(mine, "mine");
            EXPECT_ERROR(exportHuggingFace(*m_files, &m_masks, filesOf(*m_tokenizer), out, [](int, int) {}),
                         InvalidInput, "something here already");
            if (name != std::string("empty")) QCOMPARE(readFile(mine), std::string("mine"));
        }
    }

    void interruptedItLeavesNothing() {
        const auto out = m_scratch / "interrupted";
        for (const int after : {1, 20}) {
            EXPECT_ERROR(exportHuggingFace(*m_files, &m_masks, filesOf(*m_tokenizer), out,
                                           [&](int done, int) {
                                               if (done == after)
                                                   throw Error(ErrorCode::Cancelled, "stopped");
                                           }),
                         Cancelled, "stopped");
            QVERIFY(nothingLeftOf(out));
        }
        auto wrong = m_masks;
        wrong.masks.begin()->second = PackedMask(3, 5);
        EXPECT_ERROR(exportHuggingFace(*m_files, &wrong, filesOf(*m_tokenizer), out, [](int, int) {}),
                     InvalidInput, "3 x 5");
        QVERIFY(nothingLeftOf(out));
    }
};

QTEST_GUILESS_MAIN(TestLeaving)
#include "tst_leaving.moc"
