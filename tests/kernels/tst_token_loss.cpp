#include <hwy/targets.h>
#include <omp.h>

#include <QtTest>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/token_loss.h"
#include "kernels/reference/token_loss.h"

using namespace tessera::kernels;

namespace {

/// The nearest bf16, ties to even.
std::uint16_t toBf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value), rest = bits & 0xffff;
    const std::uint32_t top = bits >> 16;
    return static_cast<std::uint16_t>(rest > 0x8000 || (rest == 0x8000 && (top & 1) != 0) ? top + 1 : top);
}
float fromBf16(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

struct Case {
    std::int64_t tokens, vocabulary;
    std::vector<float> student, teacher;
    std::vector<std::int64_t> targets;
};

Case makeCase(std::int64_t tokens, std::int64_t vocabulary) {
    std::mt19937 random(static_cast<unsigned>(tokens * 1000 + vocabulary));
    std::normal_distribution<float> normal(0.0f, 3.0f);
    Case made{tokens, vocabulary, {}, {}, {}};
    for (std::int64_t i = 0; i < tokens * vocabulary; ++i) {
        made.student.push_back(fromBf16(toBf16(normal(random))));
        made.teacher.push_back(fromBf16(toBf16(normal(random))));
    }
    for (std::int64_t i = 0; i < tokens; ++i)
        made.targets.push_back(i % 3 == 2 ? -1 : static_cast<std::int64_t>(random() % vocabulary));
    return made;
}

std::vector<double> rowOf(const std::vector<float>& rows, std::int64_t token, std::int64_t vocabulary) {
    return {rows.begin() + token * vocabulary, rows.begin() + (token + 1) * vocabulary};
}

std::vector<std::uint16_t> halves(const std::vector<float>& values) {
    std::vector<std::uint16_t> result;
    for (const float value : values) result.push_back(toBf16(value));
    return result;
}

}  // namespace

class TokenLossTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void cleanup() { hwy::SetSupportedTargetsForTest(0); }

    void equalsTheReference_data() {
        QTest::addColumn<qint64>("target");
        QTest::addColumn<qint64>("vocabulary");
        for (const auto target : hwy::SupportedAndGeneratedTargets())
            for (const qint64 vocabulary : {1, 2, 15, 16, 17, 31, 100, 2048, 2049, 49152})
                QTest::addRow("%s, %lld", hwy::TargetName(target), vocabulary)
                    << qint64(target) << vocabulary;
    }
    void equalsTheReference() {
        QFETCH(qint64, target);
        QFETCH(qint64, vocabulary);
        hwy::SetSupportedTargetsForTest(target);
        const auto made = makeCase(5, vocabulary);
        constexpr float kCe = 0.7f, kKl = 1.3f, kScale = 0.25f;
        for (const bool withTeacher : {false, true}) {
            std::vector<float> gradient(made.student.size()), perToken(5);
            auto inPlace = halves(made.student);
            const auto teacher = halves(made.teacher);
            const auto sums = tokenLoss(made.student.data(), withTeacher ? made.teacher.data() : nullptr,
                                        made.targets.data(), gradient.data(), perToken.data(), 5, vocabulary,
                                        kCe, kKl, kScale);
            const auto halfSums =
                tokenLoss(inPlace.data(), withTeacher ? teacher.data() : nullptr, made.targets.data(),
                          inPlace.data(), nullptr, 5, vocabulary, kCe, kKl, kScale);
            double crossEntropy = 0, divergence = 0;
            for (std::int64_t token = 0; token < 5; ++token) {
                const auto want = reference::tokenLoss(
                    rowOf(made.student, token, vocabulary),
                    withTeacher ? rowOf(made.teacher, token, vocabulary) : std::vector<double>{},
                    made.targets[token], kCe, kKl, kScale);
                crossEntropy += want.crossEntropy;
                divergence += want.divergence;
                QVERIFY(std::abs(perToken[token] - want.crossEntropy) <= 1e-5 * (1 + want.crossEntropy));
                for (std::int64_t i = 0; i < vocabulary; ++i) {
                    const auto at = static_cast<std::size_t>(token * vocabulary + i);
                    const double exact = want.gradient[static_cast<std::size_t>(i)];
                    QVERIFY2(std::abs(gradient[at] - exact) <= 3e-6 * std::abs(exact) + 2e-7,
                             qPrintable(QString("%1 instead of %2").arg(gradient[at]).arg(exact)));
                    QVERIFY(std::abs(fromBf16(inPlace[at]) - exact) <= std::abs(exact) / 256 + 2e-7);
                }
            }
            QVERIFY(std::abs(sums.crossEntropy - crossEntropy) <= 1e-5 * (1 + crossEntropy));
            QVERIFY(std::abs(sums.divergence - divergence) <= 1e-5 * (1 + divergence));
            QVERIFY(std::abs(halfSums.crossEntropy - crossEntropy) <= 1e-5 * (1 + crossEntropy));
            QVERIFY(std::abs(halfSums.divergence - divergence) <= 1e-5 * (1 + divergence));
        }
    }

    void gradientIsTheDifferenceQuotient() {
        auto made = makeCase(1, 23);
        std::vector<float> gradient(23);
        tokenLoss(made.student.data(), made.teacher.data(), made.targets.data(), gradient.data(), nullptr, 1,
                  23, 0.5f, 2.0f, 3.0f);
        const auto lossAt = [&](std::size_t i, double step) {
            auto student = rowOf(made.student, 0, 23);
            student[i] += step;
            const auto loss =
                reference::tokenLoss(student, rowOf(made.teacher, 0, 23), made.targets[0], 0.5, 2.0, 3.0);
            return 3.0 * (0.5 * loss.crossEntropy + 2.0 * loss.divergence);
        };
        for (std::size_t i = 0; i < 23; ++i)
            QVERIFY(std::abs(gradient[i] - (lossAt(i, 1e-5) - lossAt(i, -1e-5)) / 2e-5) < 2e-6);
    }

    void gradientsOfATokenAddUpToZero() {
        const auto made = makeCase(2, 1000);
        std::vector<float> gradient(made.student.size());
        tokenLoss(made.student.data(), made.teacher.data(), made.targets.data(), gradient.data(), nullptr, 2,
                  1000, 1.0f, 1.0f, 1.0f);
        for (int token = 0; token < 2; ++token) {
            double sum = 0;
            for (int i = 0; i < 1000; ++i) sum += gradient[static_cast<std::size_t>(token * 1000 + i)];
            QVERIFY(std::abs(sum) < 1e-5);
        }
    }

    void aTeacherLikeTheStudentTeachesNothing() {
        const auto made = makeCase(2, 777);
        std::vector<float> gradient(made.student.size());
        const std::vector<std::int64_t> none{-1, -1};
        const auto sums = tokenLoss(made.student.data(), made.student.data(), none.data(), gradient.data(),
                                    nullptr, 2, 777, 1.0f, 1.0f, 1.0f);
        QVERIFY(std::abs(sums.divergence) < 1e-9);
        QCOMPARE(sums.crossEntropy, 0.0);
        for (const float value : gradient) QVERIFY(std::abs(value) < 1e-9f);
    }

    void crossEntropyAloneIsTheSame() {
        const auto made = makeCase(4, 321);
        std::vector<float> gradient(made.student.size()), alone(4), whole(4);
        const auto sums = tokenCrossEntropy(made.student.data(), made.targets.data(), alone.data(), 4, 321);
        const auto both = tokenLoss(made.student.data(), nullptr, made.targets.data(), gradient.data(),
                                    whole.data(), 4, 321, 1.0f, 0.0f, 1.0f);
        QCOMPARE(sums.crossEntropy, both.crossEntropy);
        QCOMPARE(alone, whole);
        const auto student = halves(made.student);
        QCOMPARE(tokenCrossEntropy(student.data(), made.targets.data(), nullptr, 4, 321).crossEntropy,
                 both.crossEntropy);
    }

    void farLogitsMakeNoNaN_data() {
        QTest::addColumn<qint64>("target");
        for (const auto target : hwy::SupportedAndGeneratedTargets())
            QTest::addRow("%s", hwy::TargetName(target)) << qint64(target);
    }
    void farLogitsMakeNoNaN() {
        QFETCH(qint64, target);
        hwy::SetSupportedTargetsForTest(target);
        constexpr float kNever = -std::numeric_limits<float>::infinity();
        for (const std::size_t size : {3u, 16u, 21u, 5000u}) {
            std::vector<float> student(size, -1e30f), teacher(size, kNever), gradient(size);
            student[1] = 1e30f;
            student[2] = kNever;
            teacher[1] = 5.0f;
            teacher[0] = 5.0f - 40.0f;
            const std::int64_t sure = 1;
            const auto sums = tokenLoss(student.data(), teacher.data(), &sure, gradient.data(), nullptr, 1,
                                        static_cast<std::int64_t>(size), 1.0f, 1.0f, 1.0f);
            QVERIFY(std::isfinite(sums.crossEntropy) && std::isfinite(sums.divergence));
            QCOMPARE(sums.crossEntropy, 0.0);
            for (const float value : gradient) QVERIFY(std::abs(value) < 1e-6f);
        }
    }

    void threadsDoNotMatter() {
        const auto made = makeCase(13, 3001);
        const int before = omp_get_max_threads();
        std::vector<float> first;
        TokenLossSums firstSums;
        for (int threads = 1; threads <= 4; ++threads) {
            omp_set_num_threads(threads);
            std::vector<float> gradient(made.student.size());
            const auto sums = tokenLoss(made.student.data(), made.teacher.data(), made.targets.data(),
                                        gradient.data(), nullptr, 13, 3001, 1.0f, 0.5f, 1.0f);
            if (threads == 1) {
                first = gradient;
                firstSums = sums;
            }
            QCOMPARE(gradient, first);
            QCOMPARE(sums.crossEntropy, firstSums.crossEntropy);
            QCOMPARE(sums.divergence, firstSums.divergence);
        }
        omp_set_num_threads(before);
    }

    void noTokensNoLoss() {
        const auto sums = tokenCrossEntropy(static_cast<const float*>(nullptr), nullptr, nullptr, 0, 10);
        QCOMPARE(sums.crossEntropy, 0.0);
    }
};

QTEST_APPLESS_MAIN(TokenLossTest)
#include "tst_token_loss.moc"
