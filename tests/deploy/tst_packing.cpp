// What a mask makes of a matrix, and the starter decoded from every form against its dense self.
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/deploy/bench.h"
#include "deploy/masks.h"
#include "deploy/packed_loss.h"
#include "support/support.h"

using namespace tessera;

namespace {

const std::filesystem::path kSource = TESSERA_SOURCE_DIR;

using test::maskOf, test::twoOfFour;

std::vector<std::uint16_t> normalWeights(std::int64_t count) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<std::uint16_t> weights(static_cast<std::size_t>(count));
    for (auto& weight : weights) weight = floatToBf16(normal(random));
    return weights;
}

double lossOf(const PackedModel& model, const std::vector<std::int32_t>& ids) {
    DecodeSession session(model, 2);
    return test::packedLoss(session, ids);
}

}  // namespace

class TestPacking : public QObject {
    Q_OBJECT

    ModelFiles m_starter = ModelFiles::open(kSource / "resources/starter");
    std::vector<std::int32_t> m_ids;

  private Q_SLOTS:
    void initTestCase() {
        m_ids = loadTokenizer(m_starter)->encode(readFile(kSource / "LICENSE").substr(0, 2000));
        m_ids.resize(std::min<std::size_t>(m_ids.size(), 160));
        QVERIFY(m_ids.size() > 100);
    }

    void formFollowsTheMask_data() {
        QTest::addColumn<int>("kind");
        QTest::addColumn<QString>("kernel");
        QTest::addColumn<double>("bits");    // a weight, bf16
        QTest::addColumn<double>("q8Bits");  // a weight, q8
        QTest::newRow("no mask") << 0 << "dense" << 16.0 << 8.5;
        QTest::newRow("2:4") << 1 << "nibble-2:4" << 9.0 << 5.25;
        QTest::newRow("tiles") << 2 << "hybrid-75" << 0.75 * 9 + 0.25 * 16 << 0.75 * 5.25 + 0.25 * 8.5;
        QTest::newRow("half") << 3 << "bitmap-50" << 9.0 << 5.25;
        QTest::newRow("one of four") << 4 << "bitmap-75" << 5.0 << 3.25;
        QTest::newRow("nearly all") << 5 << "dense" << 16.0 << 8.5;
        QTest::newRow("nothing") << 6 << "nibble-2:4" << 0.0 << 0.0;
        QTest::newRow("one group too full") << 7 << "hybrid-99" << 9.0 + 7.0 / 128 << 5.25 + 3.25 / 128;
    }
    void formFollowsTheMask() {
        QFETCH(int, kind);
        QFETCH(QString, kernel);
        QFETCH(double, bits);
        QFETCH(double, q8Bits);
        constexpr std::int64_t rows = 128, cols = 512;
        const auto weights = normalWeights(rows * cols);
        std::mt19937 random(4);
        const auto mask = maskOf(rows, cols, [&](auto row, auto col) {
            const bool even = (row + col) % 2 == 0;
            return kind == 1   ? even
                   : kind == 2 ? even || (row / 64 + col / 64) % 4 == 0
                   : kind == 3 ? (random() & 1) == 1
                   : kind == 4 ? (row + col) % 4 == 0
                   : kind == 5 ? random() % 50 != 0
                   : kind == 6 ? false
                               : even || (row == 70 && col == 200) || (row == 70 && col == 201);
        });
        const auto* const keep = kind == 0 ? nullptr : &mask;
        std::vector<float> x(cols);
        std::normal_distribution<float> normal;
        for (auto& value : x) value = normal(random);
        AlignedBytes prepared(kernels::inputBytes(cols));
        for (const auto values : {WeightValues::Bf16, WeightValues::Q8}) {
            const PackedMatrix matrix(weights.data(), keep, rows, cols, values);
            const bool q8 = values == WeightValues::Q8;
            QCOMPARE(QString::fromStdString(kernelLabel({&matrix})), kernel + (q8 ? "-q8" : ""));
            QCOMPARE(matrix.sparse(), kernel != "dense");
            QCOMPARE(matrix.kept(), keep ? mask.kept() : rows * cols);
            // Beside the weights a matrix of tiles has 16 bytes a panel and its lists of columns; random
            // halves are not exact ones.
            const double measured = 8.0 * static_cast<double>(matrix.bytes()) / (rows * cols);
            QVERIFY2(std::abs(measured - (q8 ? q8Bits : bits)) < (kind == 3 ? 0.1 : 0.05),
                     qPrintable(QString("%1 bits").arg(measured)));

            matrix.prepare(x.data(), prepared.as<std::byte>());
            std::vector<float> whole(rows), parts(rows, NAN);
            matrix.product(prepared.as<std::byte>(), whole.data(), matrix.part(0, 1));
            for (int part = 0; part < 3; ++part)
                matrix.product(prepared.as<std::byte>(), parts.data(), matrix.part(part, 3, true));
            QCOMPARE(whole, parts);
            double error = 0, size = 0;
            for (std::int64_t row = 0; row < rows; ++row) {
                double sum = 0;
                for (std::int64_t col = 0; col < cols; ++col)
                    if (!keep || mask.keeps(row * cols + col))
                        sum += static_cast<double>(
                                   bf16ToFloat(weights[static_cast<std::size_t>(row * cols + col)])) *
                               x[static_cast<std::size_t>(col)];
                error += std::pow(whole[static_cast<std::size_t>(row)] - sum, 2);
                size += sum * sum;
            }
            // bf16 rounds x to 8 bits, q8 the weights to about 7 of the group's greatest.
            QVERIFY2(error <= (q8 ? 1e-4 : 1e-5) * size,
                     qPrintable(QString::number(std::sqrt(error / size))));
        }
    }

    void misshapenInputIsRefused() {
        auto weights = normalWeights(64 * 64);
        const auto pack = [&](const PackedMask* keep, std::int64_t rows, std::int64_t cols,
                              WeightValues values) {
            return test::codeOf([&] { PackedMatrix(weights.data(), keep, rows, cols, values); });
        };
        const PackedMask turned(32, 64);
        auto cut = maskOf(64, 64, [](auto, auto) { return true; });
        cut.bits.pop_back();
        for (const auto values : {WeightValues::Bf16, WeightValues::Q8}) {
            QCOMPARE(pack(&turned, 64, 32, values), ErrorCode::InvalidInput);
            QCOMPARE(pack(&cut, 64, 64, values), ErrorCode::InvalidInput);
            QCOMPARE(pack(nullptr, 0, 64, values), ErrorCode::InvalidInput);
            QCOMPARE(pack(nullptr, 64, -1, values), ErrorCode::InvalidInput);
            QCOMPARE(pack(nullptr, 1, kernels::kMostTileCols + 1, values), ErrorCode::InvalidInput);
        }
        for (const float bad : {NAN, INFINITY}) {
            weights[100] = floatToBf16(bad);
            QCOMPARE(pack(nullptr, 64, 64, WeightValues::Q8), ErrorCode::InvalidInput);
        }
        QVERIFY(weightValues("q8", "--values") == WeightValues::Q8);
        QCOMPARE(test::codeOf([] { weightValues("q4", "--values"); }), ErrorCode::InvalidInput);
    }

    void starterDecodesAsDense_data() {
        QTest::addColumn<bool>("tiles");
        QTest::addColumn<QString>("kernel");
        QTest::newRow("2:4") << false << "nibble-2:4";
        QTest::newRow("hybrid") << true << "hybrid";
    }
    /// 64 greedy tokens are those of the same weights with their zeros, a tie within 1e-3 excepted.
    void starterDecodesAsDense() {
        QFETCH(bool, tiles);
        QFETCH(QString, kernel);
        const auto masks = twoOfFour(m_starter, tiles);
        const auto dense = PackedModel::load(m_starter, &masks, Layout::Dense),
                   sparse = PackedModel::load(m_starter, &masks, Layout::Sparse),
                   q8 = PackedModel::load(m_starter, &masks,
                                          {Layout::Sparse, WeightValues::Q8, WeightValues::Q8});
        for (const auto& part : sparse.parts())
            QVERIFY(part.matrix->form() == (part.block < 0 ? WeightForm::Dense
                                            : tiles        ? WeightForm::Hybrid
                                                           : WeightForm::TwoOfFour));
        const auto form = kernel.toStdString();
        QVERIFY(kernelName(sparse).starts_with(form + ", "));
        QVERIFY(kernelName(q8).starts_with(form + "-q8, head q8, "));
        QVERIFY(q8.bytesPerToken() < sparse.bytesPerToken() &&
                sparse.bytesPerToken() < dense.bytesPerToken());

        DecodeSession one(dense, 2), other(sparse, 2);
        std::vector<float> a, b;
        for (std::size_t i = 0; i < 16; ++i) a = one.step(m_ids[i]), b = other.step(m_ids[i]);
        for (int i = 0; i < 64; ++i) {
            const auto best = std::max_element(a.begin(), a.end()) - a.begin(),
                       found = std::max_element(b.begin(), b.end()) - b.begin();
            if (best != found)
                QVERIFY2(a[static_cast<std::size_t>(best)] - a[static_cast<std::size_t>(found)] < 1e-3f,
                         qPrintable(QString("token %1").arg(i)));
            a = one.step(static_cast<std::int32_t>(best));
            b = other.step(static_cast<std::int32_t>(best));
        }

        // A model pruned without any learning feels each rounding.
        const double bf16Loss = lossOf(sparse, m_ids), q8Loss = lossOf(q8, m_ids);
        QVERIFY2(std::abs(std::exp(q8Loss - bf16Loss) - 1) < 0.02,
                 qPrintable(QString("%1 and %2").arg(std::exp(bf16Loss)).arg(std::exp(q8Loss))));
    }

    /// The whole model in q8 finds a text of its own kind as likely as in bf16, to half a percent of its
    /// perplexity.
    void starterInQ8() {
        const auto bf16 = PackedModel::load(m_starter, nullptr, Layout::Dense),
                   q8 = PackedModel::load(m_starter, nullptr,
                                          {Layout::Dense, WeightValues::Q8, WeightValues::Q8});
        QVERIFY(kernelName(q8).starts_with("dense-q8, head q8, "));
        const double ratio =
            static_cast<double>(bf16.bytesPerToken()) / static_cast<double>(q8.bytesPerToken());
        QVERIFY2(std::abs(ratio - 16 / 8.5) < 0.02, qPrintable(QString::number(ratio)));
        DecodeSession session(bf16, 2);
        GenerateRequest request;
        request.prompt.assign(m_ids.begin(), m_ids.begin() + 8);
        request.tokens = 200;
        request.greedy = false;
        request.temperature = 1;
        request.ignoreEnd = true;
        auto ids = generate(session, request).ids;
        const double before = lossOf(bf16, ids), after = lossOf(q8, ids);
        QVERIFY2(std::abs(std::exp(after - before) - 1) < 0.005,
                 qPrintable(QString("%1 and %2").arg(std::exp(before)).arg(std::exp(after))));
    }

    /// Every matrix is told, with what it is stored as and what that reads.
    void benchTellsEachMatrix() {
        auto masks = twoOfFour(m_starter, false);
        // One matrix keeps half of its weights anywhere, another has no mask.
        std::mt19937 random(6);
        auto& odd = masks.masks.at("model.layers.2.mlp.down_proj.weight");
        odd = maskOf(odd.rows, odd.cols, [&](auto, auto) { return (random() & 1) == 1; });
        masks.masks.erase("model.layers.3.self_attn.o_proj.weight");
        const auto dense = PackedModel::load(m_starter, &masks, Layout::Dense),
                   sparse = PackedModel::load(m_starter, &masks, {Layout::Sparse, WeightValues::Q8});
        BenchRequest request;
        request.threads = {1};
        request.repeats = 2;
        request.tokens = 2;
        const auto document = benchModel(dense, sparse, request);
        std::map<std::string, int> kernels;
        double bytes = 0;
        for (const auto& matrix : document["matrices"]) {
            ++kernels[matrix["kernel"]];
            bytes += matrix["bytes"].get<double>();
            QVERIFY(matrix["limit"].get<double>() ==
                    matrix["dense_bytes"].get<double>() / matrix["bytes"].get<double>());
        }
        QCOMPARE(bytes, document["end_to_end"]["sparse_bytes_per_token"].get<double>());
        const std::map<std::string, int> want{
            {"nibble-2:4-q8", 6 * 4 - 2}, {"bitmap-50-q8", 1}, {"dense-q8", 1}, {"dense", 1}};
        QVERIFY(kernels == want);
        QCOMPARE(document["matrices"].back()["name"].get<std::string>(), std::string("head"));
        std::map<std::string, int> rows;
        for (const auto& row : document["rows"]) ++rows[row["kernel"]];
        QCOMPARE(rows["nibble-2:4-q8"], 4);
        QCOMPARE(rows["bitmap-50-q8"], 1);
        QCOMPARE(rows["dense-q8"], 1);
    }
};

QTEST_APPLESS_MAIN(TestPacking)
#include "tst_packing.moc"
