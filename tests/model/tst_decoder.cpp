// The decoder in LibTorch against `transformers` (tests/reference/make_tiny_llama.py and make_smollm2.py).
#include <torch/torch.h>

#include <QtTest>
#include <cmath>

#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/deploy/decode.h"
#include "core/evaluate/perplexity.h"
#include "core/formats/safetensors.h"
#include "core/model/attention.h"
#include "core/model/decoder.h"
#include "core/model/torch_runtime.h"
#include "core/session/model_catalogue.h"
#include "core/text/tokenizer.h"
#include "support/families.h"

using namespace tessera;
using test::golden;
using test::largestDifference;

class TestDecoder : public QObject {
    Q_OBJECT
    std::shared_ptr<const SafetensorsFile> m_golden;
    std::optional<ModelFiles> m_tiny;

    static std::optional<std::vector<std::int32_t>> wikiText(const ModelFiles& files) {
        const auto text = test::evaluationData("wikitext2/wiki.test.raw");
        if (text.empty()) return std::nullopt;
        // The first windows need no more than the beginning, cut where a line ends.
        auto content = readFile(text);
        content.resize(content.rfind('\n', 90000) + 1);
        return loadTokenizer(files)->encode(content);
    }

  private Q_SLOTS:
    void initTestCase() {
        configureThreads(0);
        m_golden = SafetensorsFile::open(test::data("tiny_llama/golden.safetensors"));
        m_tiny = ModelFiles::open(test::data("tiny_llama"));
    }

    void logitsAreTransformers() {
        torch::NoGradGuard guard;
        const auto decoder = Decoder::load(*m_tiny, torch::kFloat32);
        const auto ids = golden(*m_golden, "input_ids").unsqueeze(0);
        const auto logits = decoder.logits(decoder.hidden(ids))[0];
        QVERIFY(largestDifference(logits, golden(*m_golden, "logits")) < 1e-4);
    }

    void hiddenStatesAreTransformers() {
        torch::NoGradGuard guard;
        const auto decoder = Decoder::load(*m_tiny, torch::kFloat32);
        const auto ids = golden(*m_golden, "input_ids").unsqueeze(0);
        const auto rotary = rotaryTable(decoder.config, ids.size(1), torch::kFloat32);
        auto state = torch::embedding(decoder.outer.embedding, ids);
        QVERIFY(largestDifference(state[0], golden(*m_golden, "hidden.0")) == 0);
        for (std::size_t i = 0; i < decoder.blocks.size(); ++i) {
            state = decoderBlock(decoder.config, decoder.blocks[i], rotary, state);
            const auto off =
                largestDifference(state[0], golden(*m_golden, "hidden." + std::to_string(i + 1)));
            QVERIFY2(off < 1e-4, qPrintable(QString("block %1: %2").arg(i).arg(off)));
        }
    }

    /// No token sees one behind it, and a batch is its sequences one by one.
    void tokensSeeOnlyWhatIsBeforeThem() {
        torch::NoGradGuard guard;
        const auto decoder = Decoder::load(*m_tiny, torch::kFloat32);
        const auto ids = golden(*m_golden, "input_ids").unsqueeze(0);
        const auto whole = decoder.hidden(ids);
        for (const std::int64_t length : {1, 2, 17, 63})
            QVERIFY(largestDifference(decoder.hidden(ids.narrow(1, 0, length)), whole.narrow(1, 0, length)) <
                    1e-5);
        const auto both = decoder.hidden(torch::cat({ids, ids.flip(1)}));
        QVERIFY(largestDifference(both[0], whole[0]) < 1e-5);
        QVERIFY(largestDifference(both[1], decoder.hidden(ids.flip(1))[0]) < 1e-5);
    }

    /// Windows longer than one block of queries.
    void longWindowsAreTheSame() {
        torch::NoGradGuard guard;
        const auto generator = at::detail::createCPUGenerator(3);
        const auto q = torch::randn({1, 4, 300, 16}, generator), k = torch::randn({1, 2, 300, 16}, generator),
                   v = torch::randn({1, 2, 300, 16}, generator);
        // Token by token from the definition.
        const auto wide = [](const torch::Tensor& x) { return x.repeat_interleave(2, 1); };
        auto scores = torch::matmul(q, wide(k).transpose(2, 3)) / 4.0;
        scores = scores + torch::full({300, 300}, -INFINITY).triu(1);
        const auto want = torch::matmul(torch::softmax(scores, -1), wide(v));
        QVERIFY(largestDifference(causalAttention(q, k, v), want) < 1e-5);
    }

    void bf16IsNear() {
        torch::NoGradGuard guard;
        const auto decoder = Decoder::load(*m_tiny, torch::kBFloat16);
        const auto ids = golden(*m_golden, "input_ids").unsqueeze(0);
        const auto logits = decoder.logits(decoder.hidden(ids))[0].to(torch::kFloat32);
        const auto want = golden(*m_golden, "logits");
        const double relative = ((logits - want).norm() / want.norm()).item<double>();
        QVERIFY2(relative < 0.03, qPrintable(QString::number(relative)));
    }

    /// The decoding engine, one token at a time with its keys and values kept, says what the decoder says of
    /// the whole window.
    void decodingIsTheDecoder() {
        torch::NoGradGuard guard;
        const auto decoder = Decoder::load(*m_tiny, torch::kFloat32);
        const auto ids = golden(*m_golden, "input_ids");
        const auto logits = decoder.logits(decoder.hidden(ids.unsqueeze(0)))[0];
        const auto packed = PackedModel::load(*m_tiny, nullptr, Layout::Dense);
        DecodeSession session(packed, 2);
        for (std::int64_t t = 0; t < ids.size(0); ++t) {
            auto step = session.step(static_cast<std::int32_t>(ids[t].item<std::int64_t>()));
            const auto ours = torch::from_blob(step.data(), {logits.size(1)}, torch::kFloat32);
            const double relative = ((ours - logits[t]).norm() / logits[t].norm()).item<double>();
            QVERIFY2(relative < 0.03, qPrintable(QString("token %1: %2").arg(t).arg(relative)));
        }
    }

    void smollm2LogitsAreTransformers() {
        torch::NoGradGuard guard;
        const auto model = catalogueModel("smollm2-135m");
        if (!model.installed()) QSKIP("SmolLM2 is not installed: tessera-cli models fetch smollm2-135m");
        const auto files = ModelFiles::open(model.path());
        const auto text = wikiText(files);
        if (!text) QSKIP("WikiText-2 is not in TESSERA_TEST_DATA");
        const auto file = SafetensorsFile::open(test::data("smollm2/golden.safetensors"));
        const auto decoder = Decoder::load(files, torch::kFloat32);
        auto ids = torch::empty({1, 512}, torch::kInt64);
        for (std::int64_t i = 0; i < 512; ++i)
            ids.data_ptr<std::int64_t>()[i] = (*text)[static_cast<std::size_t>(i)];
        const auto logits = decoder.logits(decoder.hidden(ids))[0];
        const auto chosen = logits.index_select(0, golden(*file, "positions"));
        const auto off =
            largestDifference(chosen.gather(1, golden(*file, "tokens")), golden(*file, "logits"));
        qInfo("logits: at most %.2e apart", off);
        QVERIFY2(off < 1e-3, qPrintable(QString::number(off)));
        // Through the softmax every one of a position's 49,152 logits counts.
        const auto next = torch::log_softmax(logits.narrow(0, 0, 511).to(torch::kFloat64), -1)
                              .gather(1, ids[0].narrow(0, 1, 511).unsqueeze(1))
                              .squeeze(1);
        const auto offNext = largestDifference(next, golden(*file, "next_log_probability"));
        QVERIFY2(offNext < 1e-3, qPrintable(QString::number(offNext)));
    }

    /// The perplexities that `transformers` measures: windows of 2048, f32, each to 0.3 % (the mean of five
    /// is 23.799); the first two again in bf16.
    void smollm2PerplexityIsTransformers() {
        const auto model = catalogueModel("smollm2-135m");
        if (!model.installed()) QSKIP("SmolLM2 is not installed: tessera-cli models fetch smollm2-135m");
        const auto files = ModelFiles::open(model.path());
        const auto text = wikiText(files);
        if (!text) QSKIP("WikiText-2 is not in TESSERA_TEST_DATA");
        const auto want = readJsonFile(test::data("smollm2/golden.json"))["cross_entropies"];
        PerplexityRequest request;
        request.window = 2048;
        request.windows = 5;
        const auto full = measurePerplexity(Decoder::load(files, torch::kFloat32), *text, request);
        for (std::size_t i = 0; i < 5; ++i) {
            const double off = full.crossEntropies[i] - want[i].get<double>();
            QVERIFY2(std::abs(off) < 1e-4, qPrintable(QString("window %1: %2").arg(i).arg(off)));
        }
        QVERIFY2(std::abs(full.value / 23.799 - 1) < 0.003, qPrintable(QString::number(full.value)));
        request.windows = 2;
        const auto half = measurePerplexity(Decoder::load(files, torch::kBFloat16), *text, request);
        const double two = std::exp((want[0].get<double>() + want[1].get<double>()) / 2);
        qInfo("five windows in f32: %.4f; two in bf16: %.4f, in f32 %.4f", full.value, half.value, two);
        QVERIFY2(std::abs(half.value / two - 1) < 0.003, qPrintable(QString::number(half.value)));
    }
};

QTEST_GUILESS_MAIN(TestDecoder)
#include "tst_decoder.moc"
