// The families of models against `transformers` (tests/reference/make_tiny_families.py): the configuration,
// the decoder over a whole window, decoding with keys and values kept, trees of text, gradients, the export.
#include <torch/torch.h>

#include <QtTest>
#include <cmath>
#include <set>

#include "core/base/file_io.h"
#include "core/deploy/decode.h"
#include "core/evaluate/perplexity.h"
#include "core/evaluate/zero_shot.h"
#include "core/formats/export_hf.h"
#include "core/learn/head_loss.h"
#include "core/model/decoder.h"
#include "core/prune/one_shot.h"
#include "core/session/model_catalogue.h"
#include "support/families.h"

using namespace tessera;
using test::golden;
using test::largestDifference;

namespace {

Json configOf(const QString& family) {
    return readJsonFile(test::familyFolder(family) / "config.json");
}

double relative(const torch::Tensor& a, const torch::Tensor& b) {
    return ((a - b).norm() / b.norm()).item<double>();
}

}  // namespace

class TestFamilies : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

    static std::shared_ptr<const SafetensorsFile> goldenOf(const QString& family) {
        return SafetensorsFile::open(test::familyFolder(family) / "golden.safetensors");
    }
    static Decoder decoderOf(const QString& family, torch::ScalarType dtype = torch::kFloat32) {
        return Decoder::load(ModelFiles::open(test::familyFolder(family)), dtype);
    }

  private Q_SLOTS:
    void initTestCase() { configureThreads(2); }

    void logitsAreTransformers_data() { test::familyRows(); }
    void logitsAreTransformers() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto file = goldenOf(family);
        const auto decoder = decoderOf(family);
        const auto logits = decoder.logits(decoder.hidden(golden(*file, "input_ids").unsqueeze(0)))[0];
        QCOMPARE(logits.size(0), std::int64_t(200));
        QVERIFY(logits.std().item<double>() > 1);
        const auto off =
            largestDifference(logits.index_select(0, golden(*file, "positions")), golden(*file, "logits"));
        QVERIFY2(off < 1e-4, qPrintable(QString("logits %1").arg(off)));
        QVERIFY(logits.argmax(-1).equal(golden(*file, "likeliest")));
        QVERIFY(largestDifference(std::get<0>(logits.max(-1)), golden(*file, "largest")) < 1e-4);
        QVERIFY(largestDifference(logits.to(torch::kFloat64).logsumexp(-1), golden(*file, "log_sum")) < 1e-4);
        qInfo("at most %.1e apart", off);
    }

    void hiddenStatesAreTransformers_data() { test::familyRows(); }
    void hiddenStatesAreTransformers() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto file = goldenOf(family);
        const auto decoder = decoderOf(family);
        const auto ids = golden(*file, "input_ids").unsqueeze(0), positions = golden(*file, "positions");
        const auto rotary = rotaryTable(decoder.config, ids.size(1), torch::kFloat32);
        auto state = embed(decoder.config, decoder.outer.embedding, ids);
        for (std::size_t i = 0; i <= decoder.blocks.size(); ++i) {
            const auto off = largestDifference(state[0].index_select(0, positions),
                                               golden(*file, "hidden." + std::to_string(i)));
            QVERIFY2(off < 1e-4, qPrintable(QString("before block %1: %2").arg(i).arg(off)));
            if (i < decoder.blocks.size())
                state = decoderBlock(decoder.config, decoder.blocks[i], rotary, state);
        }
    }

    void bf16IsNear_data() { test::familyRows(); }
    void bf16IsNear() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto file = goldenOf(family);
        const auto decoder = decoderOf(family, torch::kBFloat16);
        const auto logits = decoder.logits(decoder.hidden(golden(*file, "input_ids").unsqueeze(0)))[0];
        const auto off = relative(logits.index_select(0, golden(*file, "positions")).to(torch::kFloat32),
                                  golden(*file, "logits"));
        QVERIFY2(off < 0.03, qPrintable(QString::number(off)));
    }

    /// One token at a time from packed weights, whose inputs are rounded to bf16.
    void decodingIsTheDecoder_data() { test::familyRows(); }
    void decodingIsTheDecoder() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto decoder = decoderOf(family);
        const auto whole = golden(*goldenOf(family), "input_ids");
        const auto ids = whole.narrow(0, 0, std::min(whole.size(0), decoder.config.maxPositions));
        const auto logits = decoder.logits(decoder.hidden(ids.unsqueeze(0)))[0];
        const auto packed =
            PackedModel::load(ModelFiles::open(test::familyFolder(family)), nullptr, Layout::Dense);
        for (const int threads : {1, 3}) {
            DecodeSession session(packed, threads);
            double worst = 0;
            for (std::int64_t t = 0; t < ids.size(0); ++t) {
                auto step = session.step(static_cast<std::int32_t>(ids[t].item<std::int64_t>()));
                const auto ours = torch::from_blob(step.data(), {logits.size(1)}, torch::kFloat32);
                worst = std::max(worst, relative(ours, logits[t]));
            }
            QVERIFY2(worst < 0.03, qPrintable(QString("%1 threads: %2").arg(threads).arg(worst)));
        }
    }

    /// Requests with shared beginnings, a trunk longer than the windows, score as each does alone.
    void treesAreTheRequestsAlone_data() { test::familyRows(); }
    void treesAreTheRequestsAlone() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto decoder = decoderOf(family);
        const auto text = golden(*goldenOf(family), "input_ids");
        const auto slice = [&](std::int64_t first, std::int64_t count) {
            const auto* ids = text.data_ptr<std::int64_t>() + first;
            return std::vector<std::int32_t>(ids, ids + count);
        };
        for (const std::int64_t trunk : {30, 110, 196}) {
            // Scaling that depends on the window's length makes a request another one in a longer tree.
            if (trunk + 4 > decoder.config.maxPositions) continue;
            TokenTree tree;
            std::vector<EncodedRequest> requests;
            for (const auto& targets : {slice(0, 3), slice(7, 2), slice(0, 1)}) {
                auto input = slice(0, trunk);
                input.insert(input.end(), targets.begin(), targets.end() - 1);
                requests.push_back({input, targets});
                tree.add(requests.back(), requests.size() - 1);
            }
            const auto scores = scoreTrees(decoder, {&tree}, false)[0];
            std::vector<double> sums(requests.size());
            for (std::size_t p = 0; p < tree.predictions().size(); ++p)
                sums[tree.predictions()[p].request] += scores.logLikelihoods[p];
            for (std::size_t i = 0; i < requests.size(); ++i) {
                const auto& one = requests[i];
                const auto input =
                    torch::tensor(std::vector<std::int64_t>(one.input.begin(), one.input.end())).unsqueeze(0);
                const auto log =
                    torch::log_softmax(decoder.logits(decoder.hidden(input))[0].to(torch::kFloat64), -1);
                double alone = 0;
                for (std::size_t t = 0; t < one.targets.size(); ++t)
                    alone += log[trunk - 1 + static_cast<std::int64_t>(t)][one.targets[t]].item<double>();
                QVERIFY2(std::abs(sums[i] - alone) < 1e-4,
                         qPrintable(QString("trunk %1: %2, alone %3").arg(trunk).arg(sums[i]).arg(alone)));
            }
        }
    }

    void attentionIsItsDefinition_data() {
        QTest::addColumn<double>("scale");
        QTest::addColumn<double>("cap");
        QTest::addColumn<int>("window");
        QTest::addRow("plain") << 0.0 << 0.0 << 0;
        QTest::addRow("window of 1") << 0.0 << 0.0 << 1;
        QTest::addRow("window within a block of queries") << 0.3 << 0.0 << 24;
        QTest::addRow("window over three blocks") << 0.3 << 0.0 << 200;
        QTest::addRow("window longer than the text") << 0.0 << 0.0 << 1000;
        QTest::addRow("cap") << 0.5 << 2.0 << 0;
        QTest::addRow("cap and window") << 0.5 << 2.0 << 130;
    }
    /// Values and gradients against autograd over the formula in f64.
    void attentionIsItsDefinition() {
        QFETCH(double, scale);
        QFETCH(double, cap);
        QFETCH(int, window);
        torch::manual_seed(3);
        const std::int64_t tokens = 300;
        std::vector<torch::Tensor> inputs, wide;
        for (const std::int64_t heads : {4, 2, 2}) {
            inputs.push_back(torch::randn({1, heads, tokens, 8}).requires_grad_(true));
            wide.push_back(inputs.back().detach().to(torch::kFloat64).requires_grad_(true));
        }
        const auto weight = torch::randn({1, 4, tokens, 8});
        const auto ours = causalAttention(inputs[0], inputs[1], inputs[2], {scale, cap, window});
        (ours * weight).sum().backward();

        auto scores = torch::matmul(wide[0], wide[1].repeat_interleave(2, 1).transpose(2, 3)) *
                      (scale != 0 ? scale : 1 / std::sqrt(8.0));
        if (cap != 0) scores = cap * torch::tanh(scores / cap);
        const auto t = torch::arange(tokens);
        const auto distance = t.unsqueeze(1) - t.unsqueeze(0);
        auto seen = distance >= 0;
        if (window > 0) seen = seen & (distance < window);
        scores = scores.masked_fill(~seen, -INFINITY);
        const auto want = torch::matmul(torch::softmax(scores, -1), wide[2].repeat_interleave(2, 1));
        (want * weight).sum().backward();
        QVERIFY(largestDifference(ours, want) < 1e-5);
        for (std::size_t i = 0; i < 3; ++i)
            QVERIFY2(largestDifference(inputs[i].grad(), wide[i].grad()) < 1e-4,
                     qPrintable(QString("input %1").arg(i)));
        torch::NoGradGuard guard;
        const auto mask = torch::zeros({tokens, tokens}).masked_fill(~seen, -INFINITY).unsqueeze(0);
        QVERIFY(largestDifference(
                    maskedAttention(inputs[0][0], inputs[1][0], inputs[2][0], mask, {scale, cap, window}),
                    want[0]) < 1e-5);
    }

    /// Loss and gradient of shaped logits against autograd in f64.
    void headLossFollowsTheShape() {
        torch::manual_seed(4);
        auto hidden = torch::randn({30, 16}).requires_grad_(true);
        const auto teacher = torch::randn({30, 16}), head = torch::randn({50, 16});
        const auto targets = torch::randint(0, 50, {30}, torch::kInt64);
        LogitShape shape;
        shape.divisor = 0.7;
        shape.cap = 3;
        HeadLossParts parts;
        headLoss(hidden, teacher, head, shape, targets, {0.6, 0.4}, parts).backward();
        auto wide = hidden.detach().to(torch::kFloat64).requires_grad_(true);
        const auto logits = [&](const torch::Tensor& x) {
            return 3 *
                   torch::tanh(torch::matmul(x.to(torch::kFloat64), head.to(torch::kFloat64).t()) / 0.7 / 3);
        };
        const auto student = torch::log_softmax(logits(wide), -1),
                   other = torch::log_softmax(logits(teacher), -1);
        const auto ce = -student.gather(1, targets.unsqueeze(1)).mean();
        const auto kl = (other.exp() * (other - student)).sum(1).mean();
        (0.6 * ce + 0.4 * kl).backward();
        QVERIFY(std::abs(parts.crossEntropy - ce.item<double>()) < 1e-5);
        QVERIFY(std::abs(parts.divergence - kl.item<double>()) < 1e-5);
        QVERIFY(largestDifference(hidden.grad(), wide.grad()) < 1e-5);
        torch::NoGradGuard guard;
        QVERIFY(std::abs(headCrossEntropy(hidden, head, shape, targets) / 30 - ce.item<double>()) < 1e-5);
    }

    /// The whole decoder's gradient, through every norm, bias, cap and multiplier, against finite
    /// differences of its own loss along the gradient.
    void gradientsAreSlopes_data() { test::familyRows(); }
    void gradientsAreSlopes() {
        QFETCH(QString, family);
        auto decoder = decoderOf(family);
        const auto ids = golden(*goldenOf(family), "input_ids").narrow(0, 0, 64).unsqueeze(0);
        const auto rotary = rotaryTable(decoder.config, 64, torch::kFloat32);
        const auto loss = [&](const torch::Tensor& start) {
            auto state = start;
            for (const auto& block : decoder.blocks)
                state = decoderBlock(decoder.config, block, rotary, state);
            const auto final = rmsNorm(state, decoder.outer.finalNorm, decoder.config.rmsEps)[0];
            HeadLossParts parts;
            return headLoss(final.narrow(0, 0, 63), {}, decoder.outer.head, LogitShape(decoder.config),
                            ids[0].narrow(0, 1, 63), {1.0, 0.0}, parts);
        };
        const auto start = embed(decoder.config, decoder.outer.embedding, ids).detach();
        auto leaf = start.clone().requires_grad_(true);
        loss(leaf).backward();
        const auto direction = leaf.grad() / leaf.grad().norm();
        const double step = 2e-3 * start.norm().item<double>() / 50;
        torch::NoGradGuard guard;
        const double slope =
            (loss(start + step * direction).item<double>() - loss(start - step * direction).item<double>()) /
            (2 * step);
        const double want = leaf.grad().norm().item<double>();
        QVERIFY2(std::abs(slope / want - 1) < 0.02, qPrintable(QString("%1, slope %2").arg(want).arg(slope)));
    }

    void configurationsComeBack_data() { test::familyRows(); }
    void configurationsComeBack() {
        QFETCH(QString, family);
        const auto json = configOf(family);
        const auto config = ModelConfig::fromJson(json, "c");
        QCOMPARE(config.modelType, json["model_type"].get<std::string>());
        const auto written = config.toJson("bfloat16");
        QVERIFY(ModelConfig::fromJson(written, "c") == config);
        // What transformers wrote, we write with the same value wherever we write it, whatever the order.
        const auto sorted = [](const Json& value) { return nlohmann::json::parse(value.dump()); };
        for (const auto& [key, value] : written.items())
            if (json.contains(key) && key != "max_window_layers")
                QVERIFY2(sorted(json[key]) == sorted(value) || value.is_null(), key.c_str());
    }

    void exportsComeBack_data() { test::familyRows(); }
    void exportsComeBack() {
        QFETCH(QString, family);
        const auto model = ModelFiles::open(test::familyFolder(family));
        const auto out = m_scratch / family.toStdString();
        exportHuggingFace(model, nullptr, {Json::object(), Json::object()}, out, [](int, int) {});
        const auto again = ModelFiles::open(out);
        QVERIFY(again.config() == model.config());
        QCOMPARE(again.tensors().tensors().size(), model.tensors().tensors().size());
        for (const auto& info : model.tensors().tensors()) {
            const auto& there = again.tensors().at(info.name);
            QVERIFY(there.dtype == info.dtype && there.shape == info.shape);
            const auto a = model.tensors().raw(info), b = again.tensors().raw(there);
            QVERIFY2(std::equal(a.begin(), a.end(), b.begin(), b.end()), info.name.c_str());
        }
        // In the file itself the tensors have the names that transformers gave them.
        const auto namesIn = [](const std::filesystem::path& folder) {
            std::set<std::string> names;
            const auto file = SafetensorsFile::open(folder / "model.safetensors");
            for (const auto& info : file->tensors()) names.insert(info.name);
            return names;
        };
        QVERIFY(namesIn(out) == namesIn(test::familyFolder(family)));
        std::int64_t elements = 0;
        for (const auto& info : model.tensors().tensors()) elements += info.elements();
        QCOMPARE(model.config().parameters(), elements);
    }

    /// Pruned weights leave as zeros and come back as the model under its masks. Where TESSERA_EXPORTS names
    /// a folder the exports stay there with our logits, for tests/reference/check_export.py.
    void prunedExportsAreTheMaskedModel_data() { test::familyRows(); }
    void prunedExportsAreTheMaskedModel() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto model = ModelFiles::open(test::familyFolder(family));
        OneShotRequest request;
        const auto masks =
            pruneOneShot(model, *OneShotMethod::create("magnitude"), {}, torch::kFloat32, request);
        const auto kept = qEnvironmentVariable("TESSERA_EXPORTS").toStdString();
        const auto out = kept.empty() ? m_scratch / (family.toStdString() + "-pruned")
                                      : std::filesystem::path(kept) / family.toStdString();
        exportHuggingFace(model, &masks, {Json::object(), Json::object()}, out, [](int, int) {});
        const auto ids = golden(*goldenOf(family), "input_ids").unsqueeze(0);
        const auto logitsOf = [&](const Decoder& decoder) {
            return decoder.logits(decoder.hidden(ids))[0].contiguous();
        };
        const auto logits = logitsOf(Decoder::load(ModelFiles::open(out), torch::kFloat32));
        QVERIFY(logits.equal(logitsOf(maskedDecoder(decoderOf(family), masks))));
        QVERIFY(!logits.equal(logitsOf(decoderOf(family))));
        if (kept.empty()) return;
        SafetensorsWriter writer(out / "ours.safetensors");
        writer.declare("logits", DType::F32, logits.sizes().vec());
        writer.write("logits", {static_cast<const std::byte*>(logits.data_ptr()), logits.nbytes()});
        writer.commit();
    }

    /// Gemma 3's text model inside a folder of the one that reads pictures; with its pictures' tensors there,
    /// it is refused.
    void textPartIsTheTextModel() {
        const auto model = ModelFiles::open(test::familyFolder("gemma3"));
        for (const char* prefix : {"language_model.model.", "model.language_model."})
            for (const bool pictures : {false, true}) {
                const auto folder = m_scratch / "pictures";
                std::filesystem::remove_all(folder);
                std::filesystem::create_directories(folder);
                const Json outer{{"model_type", "gemma3"},
                                 {"architectures", {"Gemma3ForConditionalGeneration"}},
                                 {"vision_config", {{"hidden_size", 8}}},
                                 {"text_config", configOf("gemma3")}};
                writeFileAtomically(folder / "config.json", outer.dump());
                {
                    SafetensorsWriter writer(folder / "model.safetensors");
                    const auto& tensors = model.tensors().tensors();
                    for (const auto& info : tensors)
                        writer.declare(prefix + info.name.substr(6), info.dtype, info.shape);
                    if (pictures) writer.declare("vision_tower.weight", DType::F32, {1});
                    for (const auto& info : tensors)
                        writer.write(prefix + info.name.substr(6), model.tensors().raw(info));
                    if (pictures) writer.write("vision_tower.weight", std::vector<std::byte>(4));
                    writer.commit();
                }
                if (pictures) {
                    EXPECT_ERROR(ModelFiles::open(folder), UnsupportedVersion, "vision_tower.weight");
                    continue;
                }
                const auto text = ModelFiles::open(folder);
                QVERIFY(text.config() == model.config());
                for (const auto& info : model.tensors().tensors()) {
                    const auto a = model.tensors().raw(info),
                               b = text.tensors().raw(text.tensors().at(info.name));
                    QVERIFY2(std::equal(a.begin(), a.end(), b.begin(), b.end()), info.name.c_str());
                }
            }
    }

    void foreignKeysAreRefused_data() {
        QTest::addColumn<QString>("family");
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        const auto row = [](const char* family, const char* key, const char* value) {
            QTest::addRow("%s, %s: %s", family, key, value) << family << key << value;
        };
        row("llama3", "model_type", "\"llama4\"");
        row("llama3", "architectures", "[\"MixtralForCausalLM\"]");
        row("llama3", "hidden_act", "\"relu\"");
        row("llama3", "sliding_window", "128");
        row("llama3", "layer_types", "[\"full_attention\", \"sliding_attention\"]");
        row("llama3", "rope_scaling", R"({"rope_type": "yarn", "factor": 4.0})");
        row("llama3", "rope_scaling",
            R"({"rope_type": "linear", "factor": 4.0, "mrope_section": [2, 3, 3]})");
        row("llama3", "quantization_config", R"({"bits": 4})");
        row("llama3", "partial_rotary_factor", "0.5");
        row("llama3", "num_local_experts", "8");
        row("llama3", "final_logit_softcapping", "30.0");
        row("llama3", "attn_logit_softcapping", "50.0");
        row("llama3", "residual_multiplier", "0.2");
        row("llama3", "query_pre_attn_scalar", "256");
        row("mistral", "attention_bias", "true");
        row("mistral", "layer_types", "[\"full_attention\", \"sliding_attention\"]");
        row("qwen2", "mlp_bias", "true");
        row("qwen2", "layer_types", "[\"full_attention\", \"linear_attention\"]");
        row("qwen3", "num_experts", "64");
        row("gemma2", "rope_local_base_freq", "10000.0");
        row("gemma3", "attn_logit_softcapping", "50.0");
        row("gemma3", "use_bidirectional_attention", "true");
        row("gemma3", "hidden_activation", "\"gelu\"");
        row("olmo2", "rope_scaling", R"({"type": "linear", "factor": 4.0})");
        row("phi3", "rope_scaling", R"({"type": "longrope", "short_factor": [1.0], "long_factor": [2.0]})");
        row("granite", "sliding_window", "24");
    }
    void foreignKeysAreRefused() {
        QFETCH(QString, family);
        QFETCH(QString, key);
        QFETCH(QString, value);
        auto json = configOf(family);
        ModelConfig::fromJson(json, "c");
        json[key.toStdString()] = parseJson(value.toStdString(), "value");
        EXPECT_ERROR(ModelConfig::fromJson(json, "c"), UnsupportedVersion, key.toStdString());
    }

    /// Values that a key cannot have.
    void badValuesAreCorrupt() {
        const auto bad = [&](const char* family, const char* key, const Json& value, const char* named) {
            auto json = configOf(family);
            json[key] = value;
            EXPECT_ERROR(ModelConfig::fromJson(json, "c"), Corrupt, named);
        };
        bad("llama3", "rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}}, "low_freq_factor");
        bad("llama3", "rope_scaling", {{"rope_type", "linear"}, {"factor", 0.5}}, "factor");
        bad("llama3", "rope_scaling", "linear", "rope_scaling");
        bad("gemma3", "layer_types", {"full_attention"}, "layer_types");
        bad("gemma3", "sliding_window", nullptr, "sliding_window");
        bad("gemma3", "query_pre_attn_scalar", 0, "query_pre_attn_scalar");
        bad("gemma3", "rope_local_base_freq", 0, "rope_local_base_freq");
        bad("gemma2", "final_logit_softcapping", -1.0, "final_logit_softcapping");
        bad("granite", "logits_scaling", 0.0, "logits_scaling");
        bad("mistral", "sliding_window", -5, "sliding_window");
    }

    void catalogueHasTheParametersOfItsModels_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("sizes");
        // vocabulary, width, feed-forward, blocks, heads, heads of keys, head size, tied: the published ones.
        const auto row = [](const char* name, const char* sizes) {
            QTest::newRow(name) << QString(name) << QString(sizes);
        };
        row("qwen2.5-0.5b", "151936 896 4864 24 14 2 64 1");
        row("qwen3-0.6b", "151936 1024 3072 28 16 8 128 1");
        row("olmo-2-1b", "100352 2048 8192 16 16 16 128 0");
        row("gemma-3-1b", "262144 1152 6912 26 4 1 256 1");
        row("llama-3.2-1b", "128256 2048 8192 16 32 8 64 1");
        row("llama-3.2-3b", "128256 3072 8192 28 24 8 128 1");
        row("llama-3.1-8b", "128256 4096 14336 32 32 8 128 0");
        row("llama-2-7b", "32000 4096 11008 32 32 32 128 0");
    }
    void catalogueHasTheParametersOfItsModels() {
        QFETCH(QString, name);
        QFETCH(QString, sizes);
        const auto model = catalogueModel(name.toStdString());
        Json json{{"model_type", model.family}};
        const char* keys[] = {"vocab_size",        "hidden_size",         "intermediate_size",
                              "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
                              "head_dim",          "tie_word_embeddings"};
        const auto numbers = sizes.split(' ');
        for (int i = 0; i < 7; ++i) json[keys[i]] = numbers[i].toLongLong();
        json[keys[7]] = numbers[7] == "1";
        QCOMPARE(ModelConfig::fromJson(json, "c").parameters(), static_cast<std::int64_t>(model.parameters));
    }

    /// What the families' configuration classes say where config.json says nothing.
    void defaultsAreTransformers() {
        const Json sizes{{"vocab_size", 256},
                         {"hidden_size", 256},
                         {"intermediate_size", 96},
                         {"num_hidden_layers", 12},
                         {"num_attention_heads", 64}};
        const auto read = [&](const char* type, const Json& more = Json::object()) {
            auto json = sizes;
            json["model_type"] = type;
            json.update(more);
            return ModelConfig::fromJson(json, "c");
        };
        const auto mistral = read("mistral");
        QCOMPARE(mistral.kvHeads, std::int64_t(8));
        QCOMPARE(mistral.slidingWindow, std::int64_t(4096));
        QVERIFY(mistral.slides(0) && mistral.slides(11));
        QVERIFY(!read("mistral", {{"sliding_window", nullptr}}).slidesAnywhere());
        const auto qwen =
            read("qwen2", {{"num_key_value_heads", 2}, {"head_dim", 16}, {"sliding_window", 32}});
        QVERIFY(qwen.queryKeyValueBias && !qwen.outputBias && !qwen.slidesAnywhere());
        const auto gemma = read("gemma3_text");
        QCOMPARE(gemma.headDim, std::int64_t(256));
        QVERIFY(gemma.tiedHead && gemma.slides(4) && !gemma.slides(5) && gemma.slides(6) &&
                !gemma.slides(11));
        QCOMPARE(gemma.ropeTheta, 1e6);
        QCOMPARE(gemma.slidingRopeTheta, 1e4);
        QCOMPARE(gemma.logitCap, 0.0);
        const auto older = read("gemma2");
        QVERIFY(older.slides(0) && !older.slides(1) && older.slides(2));
        QCOMPARE(older.scoreCap, 50.0);
        QCOMPARE(older.logitCap, 30.0);
        QCOMPARE(read("phi3").rmsEps, 1e-5);
        // As transformers 5 writes it.
        const auto newer =
            read("gemma3_text",
                 {{"rope_parameters",
                   {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 5e5}}},
                    {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 2e4}}}}}});
        QCOMPARE(newer.ropeTheta, 5e5);
        QCOMPARE(newer.slidingRopeTheta, 2e4);
        QCOMPARE(newer.ropeScaling.factor, 8.0);
    }
};

QTEST_GUILESS_MAIN(TestFamilies)
#include "tst_families.moc"
