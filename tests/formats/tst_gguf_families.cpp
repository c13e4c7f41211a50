// GGUF files of the families (tests/reference/make_tiny_families.py) as llama.cpp's converter makes them: the
// same configuration and the same tensors as the Hugging Face folder, and what is refused.
#include <QtTest>
#include <cmath>
#include <cstring>
#include <fstream>

#include "core/base/file_io.h"
#include "core/formats/export_gguf.h"
#include "support/model_as_gguf.h"
#include "support/support.h"

using namespace tessera;

namespace {

bool near(double a, double b) {
    return std::abs(a - b) <= 1e-6 * std::abs(b);
}

}  // namespace

class TestGgufFamilies : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

    std::filesystem::path write(const test::GgufWriter& writer) {
        const auto path = m_scratch / "model.gguf";
        writeFileAtomically(path, writer.bytes());
        return path;
    }
    /// A folder like the family's with other values in its configuration.
    std::filesystem::path changed(const QString& family, const Json& values) {
        const auto folder = m_scratch / ("changed-" + family.toStdString());
        std::filesystem::remove_all(folder);
        std::filesystem::copy(test::data("families/" + family.toStdString()), folder);
        auto config = readJsonFile(folder / "config.json");
        config.update(values);
        writeFileAtomically(folder / "config.json", config.dump());
        return folder;
    }

    void sameModel(const ModelFiles& again, const ModelFiles& model) {
        // Numbers that the file holds as f32 are compared as such; the rest is the same.
        auto config = again.config();
        const auto& want = model.config();
        config.bosToken = want.bosToken;
        config.eosToken = want.eosToken;
        const auto take = [](double& value, double wanted) {
            if (near(value, wanted)) value = wanted;
        };
        take(config.rmsEps, want.rmsEps);
        take(config.scoreScale, want.scoreScale);
        take(config.embeddingScale, want.embeddingScale);
        take(config.residualScale, want.residualScale);
        take(config.logitDivisor, want.logitDivisor);
        take(config.ropeScaling.factor, want.ropeScaling.factor);
        QVERIFY2(config == want, dumpLine(config.toJson("float32")).c_str());
        QCOMPARE(again.tensors().tensors().size(), model.tensors().tensors().size());
        for (const auto& info : model.tensors().tensors()) {
            const auto a = test::valuesOf(model.tensors(), info.name),
                       b = test::valuesOf(again.tensors(), info.name);
            QCOMPARE(a.size(), b.size());
            for (std::size_t i = 0; i < a.size(); ++i)
                if (std::abs(a[i] - b[i]) > (info.name.ends_with("norm.weight") ? 1.2e-7f : 0.0f))
                    QFAIL(qPrintable(QString("%1, element %2").arg(info.name.c_str()).arg(i)));
        }
    }

  private Q_SLOTS:
    void theSameModel_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<QString>("values");
        const auto row = [](const char* family, const char* values) {
            QTest::addRow("%s %s", family, values) << QString(family) << QString(values);
        };
        // What a GGUF cannot say, llama.cpp knows: the values that it takes for granted.
        row("llama3",
            R"({"rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}, "rope_theta": 500000.0})");
        row("llama_linear", "{}");
        row("qwen2", R"({"use_sliding_window": false, "layer_types": null})");
        row("qwen3", "{}");
        row("gemma2", R"({"query_pre_attn_scalar": 16})");
        row("gemma3",
            R"({"query_pre_attn_scalar": 16, "rope_local_base_freq": 10000.0, "layer_types": null})");
        row("olmo2", "{}");
        row("granite", "{}");
    }
    void theSameModel() {
        QFETCH(QString, family);
        QFETCH(QString, values);
        const auto model = ModelFiles::open(changed(family, parseJson(values.toStdString(), "values")));
        test::GgufWriter writer;
        test::putModel(writer, model);
        sameModel(ModelFiles::open(write(writer)), model);
        if (QTest::currentTestFailed()) return;
        // And as we write it ourselves.
        const auto own = m_scratch / "own.gguf";
        std::filesystem::remove(own);
        exportGguf(
            model, nullptr, [](GgufWriter&) {}, own, [](int, int) {});
        sameModel(ModelFiles::open(own), model);
    }

    void whatGgufHasNoWordsForIsNotWritten_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<QString>("values");
        const auto row = [](const char* family, const char* values) {
            QTest::addRow("%s %s", family, values) << QString(family) << QString(values);
        };
        row("llama_dynamic", "{}");
        row("phi3", "{}");
        row("mistral", "{}");  // its window
        row("gemma2", R"({"query_pre_attn_scalar": 20})");
    }
    void whatGgufHasNoWordsForIsNotWritten() {
        QFETCH(QString, family);
        QFETCH(QString, values);
        const auto model = ModelFiles::open(changed(family, parseJson(values.toStdString(), "values")));
        const auto own = m_scratch / "refused.gguf";
        EXPECT_ERROR(exportGguf(
                         model, nullptr, [](GgufWriter&) {}, own, [](int, int) {}),
                     UnsupportedVersion, "--format hf");
        QVERIFY(!std::filesystem::exists(own));
    }

    void whatIsNotKnownIsRefused() {
        const auto refused = [&](const QString& family, const Json& values, const char* part,
                                 const std::function<void(test::GgufWriter&, const ModelFiles&)>& add) {
            const auto model = ModelFiles::open(changed(family, values));
            test::GgufWriter writer;
            add(writer, model);
            test::putModel(writer, model);
            EXPECT_ERROR(ModelFiles::open(write(writer)), UnsupportedVersion, part);
        };
        const auto nothing = [](test::GgufWriter&, const ModelFiles&) {};
        const auto text = [](const char* key, const char* value) {
            return [=](test::GgufWriter& writer, const ModelFiles&) { writer.text(key, value); };
        };
        const auto number = [](const char* key, std::uint32_t value) {
            return [=](test::GgufWriter& writer, const ModelFiles&) { writer.u32(key, value); };
        };
        const auto tensor = [](const char* name) {
            return [=](test::GgufWriter& writer, const ModelFiles&) {
                writer.tensor(name, {8}, 0, std::string(32, '\1'));
            };
        };
        const Json none = Json::object();
        refused("phi3", none, "phi3", nothing);
        refused("qwen3", none, "qwen3.rope.scaling.type", text("qwen3.rope.scaling.type", "yarn"));
        refused("qwen3", none, "qwen3.expert_count", number("qwen3.expert_count", 8));
        refused("qwen3", none, "qwen3.attention.value_length", number("qwen3.attention.value_length", 8));
        refused("olmo2", none, "olmo2.attention.sliding_window", number("olmo2.attention.sliding_window", 9));
        refused("qwen2", {{"use_sliding_window", false}, {"layer_types", nullptr}}, "attn_sinks.weight",
                tensor("blk.0.attn_sinks.weight"));
        refused("qwen2", {{"use_sliding_window", false}, {"layer_types", nullptr}}, "attn_output.bias",
                tensor("blk.0.attn_output.bias"));
        // Frequencies scaled otherwise than Llama 3's.
        refused("llama3", none, "rope_freqs.weight", nothing);
        refused("llama_linear", none, "rope_freqs.weight", tensor("rope_freqs.weight"));
    }
};

QTEST_APPLESS_MAIN(TestGgufFamilies)
#include "tst_gguf_families.moc"
