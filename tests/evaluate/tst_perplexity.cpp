// Perplexity against its definition: straight from logits, in f64.
#include <torch/torch.h>

#include <QtTest>
#include <cmath>

#include "core/evaluate/perplexity.h"
#include "core/prune/selection.h"
#include "support/support.h"

using namespace tessera;

class TestPerplexity : public QObject {
    Q_OBJECT
    std::optional<ModelFiles> m_files;
    std::vector<std::int32_t> m_ids;

    /// The mean over a window's predictions of -log p, without a kernel of ours.
    static double crossEntropy(const Decoder& decoder, const std::vector<std::int32_t>& ids,
                               std::size_t first, std::int64_t window) {
        torch::NoGradGuard guard;
        auto batch = torch::empty({1, window}, torch::kInt64);
        for (std::int64_t i = 0; i < window; ++i)
            batch.data_ptr<std::int64_t>()[i] = ids[first + static_cast<std::size_t>(i)];
        const auto logits = decoder.logits(decoder.hidden(batch))[0].to(torch::kFloat64).contiguous();
        double sum = 0;
        for (std::int64_t t = 0; t + 1 < window; ++t) {
            const double* row = logits.data_ptr<double>() + t * logits.size(1);
            const double top = *std::max_element(row, row + logits.size(1));
            double total = 0;
            for (std::int64_t i = 0; i < logits.size(1); ++i) total += std::exp(row[i] - top);
            sum += top + std::log(total) - row[ids[first + static_cast<std::size_t>(t) + 1]];
        }
        return sum / static_cast<double>(window - 1);
    }

  private Q_SLOTS:
    void initTestCase() {
        m_files = ModelFiles::open(test::data("tiny_llama"));
        std::uint32_t state = 5;
        for (int i = 0; i < 100; ++i) {
            state = state * 1664525 + 1013904223;
            m_ids.push_back(static_cast<std::int32_t>(state >> 24));
        }
    }

    void isTheDefinition_data() {
        QTest::addColumn<bool>("full");
        QTest::addColumn<int>("window");
        for (const bool full : {true, false})
            for (const int window : {2, 16, 33, 100})
                QTest::addRow("%s, windows of %d", full ? "f32" : "bf16", window) << full << window;
    }
    /// Each window on its own from position 0, its window - 1 predictions averaged, then the mean of windows;
    /// the tail is dropped.
    void isTheDefinition() {
        QFETCH(bool, full);
        QFETCH(int, window);
        const auto decoder = Decoder::load(*m_files, full ? torch::kFloat32 : torch::kBFloat16);
        PerplexityRequest request;
        request.window = window;
        const auto measured = measurePerplexity(decoder, m_ids, request);
        const auto windows = static_cast<std::int64_t>(m_ids.size()) / window;
        QCOMPARE(measured.windows, windows);
        QCOMPARE(measured.window, std::int64_t(window));
        QCOMPARE(measured.tokens, windows * window);
        double sum = 0;
        for (std::int64_t w = 0; w < windows; ++w) {
            const double want = crossEntropy(decoder, m_ids, static_cast<std::size_t>(w * window), window);
            QVERIFY(std::abs(measured.crossEntropies.at(static_cast<std::size_t>(w)) - want) < 2e-6 * want);
            sum += want;
        }
        const double want = std::exp(sum / static_cast<double>(windows));
        QVERIFY2(std::abs(measured.value / want - 1) < 1e-5, qPrintable(QString::number(measured.value)));
    }

    void stopsAfterSoManyWindows() {
        const auto decoder = Decoder::load(*m_files, torch::kFloat32);
        PerplexityRequest request;
        request.window = 16;
        const auto all = measurePerplexity(decoder, m_ids, request);
        request.windows = 2;
        std::vector<double> soFar;
        request.progress = [&](std::int64_t, std::int64_t windows, double value) {
            QCOMPARE(windows, std::int64_t(2));
            soFar.push_back(value);
        };
        const auto two = measurePerplexity(decoder, m_ids, request);
        QCOMPARE(two.windows, std::int64_t(2));
        QCOMPARE(two.value, std::exp((all.crossEntropies[0] + all.crossEntropies[1]) / 2));
        QCOMPARE(soFar.size(), std::size_t(2));
        QCOMPARE(soFar.back(), two.value);
        request.windows = 1000;
        request.progress = nullptr;
        QCOMPARE(measurePerplexity(decoder, m_ids, request).windows, all.windows);
    }

    /// What lies behind the last whole window changes nothing.
    void theTailIsDropped() {
        const auto decoder = Decoder::load(*m_files, torch::kFloat32);
        PerplexityRequest request;
        request.window = 32;
        const auto before = measurePerplexity(decoder, m_ids, request);
        auto other = m_ids;
        for (std::size_t i = 96; i < other.size(); ++i) other[i] ^= 1;
        QCOMPARE(measurePerplexity(decoder, other, request).value, before.value);
        other[95] ^= 1;
        QVERIFY(measurePerplexity(decoder, other, request).value != before.value);
    }

    void masksAreThoseWeightsAtZero() {
        const auto dense = Decoder::load(*m_files, torch::kFloat32);
        MaskSet masks;
        auto byHand = dense;
        const auto matrices = prunableMatrices(dense.config);
        for (auto& block : byHand.blocks)
            for (auto& group : block.groups) group = group.clone();
        for (std::size_t i = 0; i < matrices.size(); i += 3) {
            const auto view = byHand.blocks[i / 7].matrix(dense.config, static_cast<int>(i % 7));
            masks.masks[matrices[i].name] =
                packMask(keepInMatrix(view.abs().contiguous(), PatternTarget{0.4}.removed(view.numel())));
            const auto& mask = masks.masks[matrices[i].name];
            for (std::int64_t w = 0; w < matrices[i].elements(); ++w)
                if (!mask.keeps(w)) view[w / mask.cols][w % mask.cols] = 0;
        }
        PerplexityRequest request;
        request.window = 50;
        const auto masked = maskedDecoder(dense, masks);
        const auto value = measurePerplexity(masked, m_ids, request).value;
        QCOMPARE(value, measurePerplexity(byHand, m_ids, request).value);
        // The dense model is as it was.
        QVERIFY(measurePerplexity(dense, m_ids, request).value != value);
        QCOMPARE(measurePerplexity(maskedDecoder(dense, {}), m_ids, request).value,
                 measurePerplexity(dense, m_ids, request).value);
    }

    /// Block by block, with one block of the model at hand, the numbers are the whole model's to the bit.
    void blockByBlockIsTheSame_data() {
        QTest::addColumn<bool>("full");
        QTest::newRow("f32") << true;
        QTest::newRow("bf16") << false;
    }
    void blockByBlockIsTheSame() {
        QFETCH(bool, full);
        const auto dtype = full ? torch::kFloat32 : torch::kBFloat16;
        const auto dense = Decoder::load(*m_files, dtype);
        MaskSet masks;
        for (const auto& matrix : prunableMatrices(dense.config)) {
            if (matrix.name.find("up_proj") != std::string::npos) continue;
            auto& mask = masks.masks.try_emplace(matrix.name, matrix.rows, matrix.cols).first->second;
            for (std::int64_t i = 0; i < matrix.elements(); ++i)
                if (i * 7 % 5 < 3) mask.keep(i);
        }
        PerplexityRequest request;
        request.window = 33;
        const auto whole = measurePerplexity(dense, m_ids, request),
                   masked = measurePerplexity(maskedDecoder(dense, masks), m_ids, request);
        const auto outer = loadOuter(*m_files, dtype);
        BlockwisePerplexity one(dense.config, outer.embedding, m_ids, request),
            two(dense.config, outer.embedding, m_ids, request);
        for (int block = 0; block < dense.config.layers; ++block) {
            const auto weights = loadBlock(*m_files, block, dtype);
            one.advance(weights);
            two.advance(maskedBlock(dense.config, weights, block, masks));
        }
        const auto a = one.finish(outer), b = two.finish(outer);
        QCOMPARE(a.crossEntropies, whole.crossEntropies);
        QCOMPARE(b.crossEntropies, masked.crossEntropies);
        QCOMPARE(a.value, whole.value);
        QCOMPARE(a.windows, whole.windows);
        QCOMPARE(a.window, whole.window);
        QCOMPARE(a.tokens, whole.tokens);
        QVERIFY(b.value != a.value);
        request.window = 101;
        EXPECT_ERROR(BlockwisePerplexity(dense.config, outer.embedding, m_ids, request), InvalidInput,
                     "one window needs 101");
    }

    void badInput() {
        const auto decoder = Decoder::load(*m_files, torch::kFloat32);
        PerplexityRequest request;
        request.window = 101;
        EXPECT_ERROR(measurePerplexity(decoder, m_ids, request), InvalidInput, "100 tokens");
        MaskSet foreign;
        foreign.masks.emplace("model.layers.7.mlp.up_proj.weight", PackedMask(160, 64));
        EXPECT_ERROR(maskedDecoder(decoder, foreign), InvalidInput, "has not");
        foreign.masks.clear();
        foreign.masks.emplace("model.layers.0.mlp.up_proj.weight", PackedMask(64, 160));
        EXPECT_ERROR(maskedDecoder(decoder, foreign), InvalidInput, "64 x 160");
        auto broken = decoder;
        broken.outer.finalNorm = decoder.outer.finalNorm.clone();
        broken.outer.finalNorm[3] = NAN;
        request.window = 16;
        EXPECT_ERROR(measurePerplexity(broken, m_ids, request), Numerical, "window 0");
    }
};

QTEST_GUILESS_MAIN(TestPerplexity)
#include "tst_perplexity.moc"
