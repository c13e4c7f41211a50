// Decoding from packed weights against `transformers` (tests/reference/make_tiny_llama.py) and bitmaps
// against dense panels.
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/deploy/decode.h"
#include "core/formats/safetensors.h"
#include "deploy/masks.h"
#include "support/support.h"

using namespace tessera;

namespace {

const std::filesystem::path kFolder = std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/data/tiny_llama";

struct Golden {
    std::vector<std::int32_t> ids;
    std::vector<float> logits;  ///< [ids, vocabulary], computed in f32
};

Golden readGolden() {
    const auto file = SafetensorsFile::open(kFolder / "golden.safetensors");
    Golden golden;
    const auto& ids = file->at("input_ids");
    const auto stored = file->raw(ids);
    for (std::size_t i = 0; i < static_cast<std::size_t>(ids.elements()); ++i) {
        std::int64_t id;
        std::memcpy(&id, stored.data() + i * 8, 8);
        golden.ids.push_back(static_cast<std::int32_t>(id));
    }
    const auto& logits = file->at("logits");
    golden.logits.resize(static_cast<std::size_t>(logits.elements()));
    file->readF32(logits, 0, golden.logits);
    return golden;
}

using test::halfMasks;

}  // namespace

class TestDecode : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void logitsMatchTransformers_data() {
        QTest::addColumn<int>("threads");
        for (const int threads : {1, 2, 3, 5}) QTest::addRow("%d threads", threads) << threads;
    }
    /// Inputs of the products are rounded to bf16, so that the logits agree to its 8 bits and not to f32's
    /// 24: a wrong rotation, head grouping or norm is off by the logits' own spread.
    void logitsMatchTransformers() {
        QFETCH(int, threads);
        const auto golden = readGolden();
        const auto model = PackedModel::load(ModelFiles::open(kFolder), nullptr, Layout::Dense);
        DecodeSession session(model, threads);
        const auto width = static_cast<std::size_t>(model.config.vocabSize);
        double error = 0, spread = 0;
        int sameTop = 0;
        for (std::size_t t = 0; t < golden.ids.size(); ++t) {
            const auto& logits = session.step(golden.ids[t]);
            const float* want = golden.logits.data() + t * width;
            for (std::size_t i = 0; i < width; ++i) {
                error += (logits[i] - want[i]) * (logits[i] - want[i]);
                spread += want[i] * want[i];
            }
            sameTop += std::max_element(logits.begin(), logits.end()) - logits.begin() ==
                       std::max_element(want, want + width) - want;
        }
        const double relative = std::sqrt(error / spread);
        QVERIFY2(relative < 0.02, qPrintable(QString::number(relative)));
        QVERIFY2(sameTop >= static_cast<int>(golden.ids.size()) - 3, qPrintable(QString::number(sameTop)));
    }

    /// The same masked weights, with their zeros and without: the same tokens, the same logits to the order
    /// of addition.
    void bitmapDecodesAsDense() {
        const auto files = ModelFiles::open(kFolder);
        const auto masks = halfMasks(files.config());
        const auto dense = PackedModel::load(files, &masks, Layout::Dense),
                   bitmap = PackedModel::load(files, &masks, Layout::Sparse);
        QVERIFY(bitmap.blocks[0].down.sparse() && !dense.blocks[0].down.sparse());
        QVERIFY(bitmap.bytesPerToken() < dense.bytesPerToken());
        DecodeSession one(dense, 2), other(bitmap, 2);
        std::int32_t token = 7;
        for (int i = 0; i < 64; ++i) {
            const auto& a = one.step(token);
            const auto& b = other.step(token);
            for (std::size_t k = 0; k < a.size(); ++k)
                QVERIFY2(std::abs(a[k] - b[k]) < 1e-3f, qPrintable(QString("step %1").arg(i)));
            token = static_cast<std::int32_t>(std::max_element(a.begin(), a.end()) - a.begin());
        }
    }

    /// A mask really prunes: with it the logits are others than without.
    void masksChangeTheModel() {
        const auto files = ModelFiles::open(kFolder);
        const auto masks = halfMasks(files.config());
        const auto whole = PackedModel::load(files, nullptr, Layout::Sparse),
                   pruned = PackedModel::load(files, &masks, Layout::Sparse);
        DecodeSession one(whole, 1), other(pruned, 1);
        QVERIFY(one.step(3) != other.step(3));
    }

    void samplingFollowsTheSeed() {
        const auto model = PackedModel::load(ModelFiles::open(kFolder), nullptr, Layout::Dense);
        GenerateRequest request;
        request.prompt = {1, 20, 30};
        request.tokens = 40;
        request.greedy = false;
        request.ignoreEnd = true;
        const auto ids = [&](std::uint64_t seed) {
            DecodeSession session(model, 2);
            request.seed = seed;
            return generate(session, request).ids;
        };
        const auto first = ids(1);
        QCOMPARE(first.size(), std::size_t(40));
        QVERIFY(first == ids(1));
        QVERIFY(first != ids(2));
        request.greedy = true;
        QVERIFY(ids(1) == ids(2));
    }

    void resetForgets() {
        const auto model = PackedModel::load(ModelFiles::open(kFolder), nullptr, Layout::Dense);
        DecodeSession session(model, 1);
        const auto fresh = session.step(9);
        session.step(200);
        session.reset();
        QVERIFY(session.step(9) == fresh);
    }

    void badInputIsRefused() {
        const auto files = ModelFiles::open(kFolder);
        const auto model = PackedModel::load(files, nullptr, Layout::Dense);
        DecodeSession session(model, 1);
        QCOMPARE(test::codeOf([&] { session.step(256); }), ErrorCode::InvalidInput);
        QCOMPARE(test::codeOf([&] { session.step(-1); }), ErrorCode::InvalidInput);
        QCOMPARE(test::codeOf([&] { generate(session, {}); }), ErrorCode::InvalidInput);
        for (int i = 0; i < 128; ++i) session.step(1);
        QCOMPARE(test::codeOf([&] { session.step(1); }), ErrorCode::InvalidInput);
        MaskSet wrong;
        wrong.masks.emplace("model.layers.0.mlp.up_proj.weight", PackedMask(64, 160));
        QCOMPARE(test::codeOf([&] { PackedModel::load(files, &wrong, Layout::Sparse); }),
                 ErrorCode::InvalidInput);
    }
};

QTEST_APPLESS_MAIN(TestDecode)
#include "tst_decode.moc"
