// Texts that a model writes itself: token by token with keys and values kept, against the whole forward pass;
// each token against the probability that it was drawn with.
#include <torch/torch.h>

#include <QtTest>
#include <cmath>

#include "core/base/error.h"
#include "core/model/text_sampler.h"
#include "support/families.h"

using namespace tessera;

class TestTextSampler : public QObject {
    Q_OBJECT

    static Decoder decoderOf(const QString& family) {
        return Decoder::load(ModelFiles::open(test::familyFolder(family)), torch::kFloat32);
    }
    static SamplingRequest requestOf(const Decoder& decoder, std::int64_t texts, std::int64_t length) {
        SamplingRequest request;
        for (std::int64_t t = 0; t < texts; ++t)
            request.openings.push_back(static_cast<std::int32_t>((t * 37 + 5) % decoder.config.vocabSize));
        request.length = length;
        request.seed = 17;
        return request;
    }
    /// The least token whose share of the distribution and of all before it is above `noise`: f64, from
    /// logits of a forward pass over the whole text.
    static std::int64_t tokenAt(const torch::Tensor& logits, double noise) {
        const auto sums = torch::softmax(logits.to(torch::kFloat64), -1).cumsum(-1);
        return std::min<std::int64_t>(sums.le(noise).sum().item<std::int64_t>(), logits.size(0) - 1);
    }

  private Q_SLOTS:
    void initTestCase() { configureThreads(2); }

    void tokensAreDrawnFromTheWholeForward_data() { test::familyRows(); }
    void tokensAreDrawnFromTheWholeForward() {
        QFETCH(QString, family);
        torch::NoGradGuard guard;
        const auto decoder = decoderOf(family);
        auto request = requestOf(decoder, 3, 40);
        request.beginning = {1, 2};
        request.first = 9;
        const auto ids = sampleTexts(decoder, request);
        const auto logits = decoder.logits(decoder.hidden(ids));
        for (std::int64_t t = 0; t < 3; ++t) {
            QCOMPARE(ids[t][0].item<int>(), 1);
            QCOMPARE(ids[t][1].item<int>(), 2);
            QCOMPARE(ids[t][2].item<int>(), request.openings[static_cast<std::size_t>(t)]);
            for (std::int64_t p = 3; p < 40; ++p)
                QCOMPARE(ids[t][p].item<std::int64_t>(),
                         tokenAt(logits[t][p - 1], samplingNoise(request.seed, 9 + t, p)));
        }
    }

    /// The text with a number is the same whatever stands beside it; another seed gives another.
    void textsDoNotDependOnTheirBatch() {
        const auto decoder = decoderOf("llama3");
        auto request = requestOf(decoder, 5, 32);
        const auto together = sampleTexts(decoder, request);
        auto alone = request;
        alone.openings = {request.openings[3]};
        alone.first = 3;
        QVERIFY(sampleTexts(decoder, alone)[0].equal(together[3]));
        request.seed = 18;
        QVERIFY(!sampleTexts(decoder, request).equal(together));
    }

    /// Two tokens, a hundred thousand times, in tens of batches: how often each second token comes is what
    /// the model says (chi-squared, within five deviations).
    void frequenciesAreTheModels() {
        torch::NoGradGuard guard;
        const auto decoder = decoderOf("llama3");
        // After the opening that leaves most open.
        const auto openings = torch::arange(200, torch::kInt64).unsqueeze(1);
        const auto all =
            torch::softmax(decoder.logits(decoder.hidden(openings)).squeeze(1).to(torch::kFloat64), -1);
        const auto opening = (all * all.log()).sum(-1).argmin().item<std::int64_t>();
        const auto probabilities = all[opening];
        constexpr std::int64_t kTexts = 2000, kBatches = 50;
        auto counts = torch::zeros_like(probabilities);
        for (std::int64_t batch = 0; batch < kBatches; ++batch) {
            SamplingRequest request;
            request.openings.assign(kTexts, static_cast<std::int32_t>(opening));
            request.length = 2;
            request.first = batch * kTexts;
            counts += torch::bincount(sampleTexts(decoder, request).select(1, 1), {}, probabilities.size(0));
        }
        const auto expected = probabilities * static_cast<double>(kTexts * kBatches);
        const auto often = expected.gt(5);
        const double freedom = often.sum().item<double>() - 1;
        QVERIFY(freedom > 20);
        const double chiSquared =
            ((counts - expected).square() / expected).masked_select(often).sum().item<double>();
        QVERIFY2(std::abs(chiSquared - freedom) < 5 * std::sqrt(2 * freedom),
                 qPrintable(QString("%1 of %2").arg(chiSquared).arg(freedom)));
    }

    /// Rows of the head behind the last token are never drawn.
    void onlyTokensAreDrawn() {
        const auto decoder = decoderOf("llama3");
        auto request = requestOf(decoder, 8, 64);
        const auto drawn = [&] {
            return sampleTexts(decoder, request).slice(1, 1).max().item<std::int64_t>();
        };
        const auto last = drawn();
        QVERIFY(last > 0);
        request.vocabulary = last;
        QVERIFY(drawn() < last);
    }

    void whatProgressThrowsEndsIt() {
        const auto decoder = decoderOf("llama3");
        auto request = requestOf(decoder, 1, 16);
        request.progress = [](std::int64_t position) {
            if (position == 7) throw Error(ErrorCode::Cancelled, "enough", "test");
        };
        EXPECT_ERROR(sampleTexts(decoder, request), Cancelled, "enough");
    }

    void predictionsThatAreNotFiniteAreToldOf() {
        auto decoder = decoderOf("llama3");
        decoder.outer.finalNorm.fill_(std::numeric_limits<float>::quiet_NaN());
        EXPECT_ERROR(sampleTexts(decoder, requestOf(decoder, 1, 16)), Numerical, "not finite");
    }
};

QTEST_GUILESS_MAIN(TestTextSampler)
#include "tst_text_sampler.moc"
