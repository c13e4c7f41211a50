#include <QTest>

#include "emulated_warp.h"
#include "kernels/cuda/product_layout.h"

using namespace tessera::kernels;
using namespace tessera::kernels::test;
using cuda::Fault;

namespace {

constexpr std::pair<Pattern, const char*> kPatterns[] = {
    {Pattern::Whole, "whole"},           {Pattern::Half, "half"},   {Pattern::TwoOfFour, "2:4"},
    {Pattern::AtMostTwo, "at most two"}, {Pattern::Tiles, "tiles"}, {Pattern::Nothing, "nothing"}};

/// x [inputs, stride] in bf16, zeros from cols on.
std::vector<std::uint16_t> inputsOf(std::int64_t inputs, std::int64_t cols, std::int64_t stride) {
    std::mt19937 random(static_cast<unsigned>(inputs * 100 + cols));
    std::normal_distribution<float> normal;
    std::vector<std::uint16_t> x(static_cast<std::size_t>(inputs * stride));
    for (std::int64_t n = 0; n < inputs; ++n)
        for (std::int64_t c = 0; c < cols; ++c) {
            const float value = normal(random);
            std::uint32_t bits;
            std::memcpy(&bits, &value, 4);
            x[static_cast<std::size_t>(n * stride + c)] = static_cast<std::uint16_t>(bits >> 16);
        }
    return x;
}

template <int Eights, Fault kFault>
std::vector<float> tileProduct(const cuda::PackedTileMatrix& packed, const std::vector<std::uint16_t>& x,
                               std::int64_t inputs, std::uint32_t parts) {
    std::vector<std::uint32_t> words(static_cast<std::size_t>(cuda::inputWords(inputs, packed.cols)));
    for (std::size_t i = 0; i < words.size(); ++i)
        words[i] = cuda::inputWord(x.data(), inputs, packed.cols, static_cast<std::int64_t>(i));
    const auto count = static_cast<std::size_t>(inputs * packed.rows);
    // Not a number: what is not written shows.
    std::vector<float> y(count), partial(count * parts, NAN);
    const auto matrix = packed.matrix();
    const auto eights = (inputs + 7) / 8;
    for (std::uint32_t part = 0; part < parts; ++part)
        for (std::int64_t first = 0; first < eights; first += Eights)
            for (std::int64_t row = 0; row < cuda::heightTiles(packed.rows); ++row) {
                EmulatedWarp::Sums sums[Eights];
                cuda::tileRowProduct<Eights, kFault>(EmulatedWarp{}, matrix, row, part, parts, words.data(),
                                                     eights, first, sums);
                cuda::storeSums<Eights>(EmulatedWarp{}, sums, row, first, packed.rows, inputs,
                                        partial.data() + part * count);
            }
    for (std::size_t i = 0; i < count; ++i)
        for (std::uint32_t part = 0; part < parts; ++part) y[i] += partial[part * count + i];
    return y;
}

template <Fault kFault = Fault::None>
std::vector<float> tileProduct(const cuda::PackedTileMatrix& packed, const std::vector<std::uint16_t>& x,
                               std::int64_t inputs, std::uint32_t parts) {
    return inputs > 8 && inputs <= 16 ? tileProduct<2, kFault>(packed, x, inputs, parts)
                                      : tileProduct<1, kFault>(packed, x, inputs, parts);
}

template <int Inputs, Fault kFault = Fault::None>
std::vector<float> bitmapProduct(const cuda::PackedBitmap& packed, const std::vector<std::uint16_t>& x) {
    std::vector<float> y(static_cast<std::size_t>(Inputs * packed.rows), NAN);
    for (std::int64_t row = 0; row < packed.rows; ++row)
        cuda::bitmapRowProduct<Inputs, kFault>(EmulatedWarp{}, packed.matrix(), row, x.data(), y.data());
    return y;
}

/// The greatest error against f64 as a part of what f32 sums of exact products may be off: not above 1.
double worstError(const GemvCase& from, const std::vector<std::uint16_t>& x, std::int64_t stride,
                  std::int64_t inputs, const std::vector<float>& y) {
    double worst = 0;
    for (std::int64_t n = 0; n < inputs; ++n)
        for (std::int64_t row = 0; row < from.rows; ++row) {
            const auto [sum, magnitude] = from.expected(row, x.data() + n * stride);
            const double error = std::abs(y[static_cast<std::size_t>(n * from.rows + row)] - sum);
            const double bound = double(from.cols + 64) * 0x1p-24 * magnitude;
            if (std::isnan(error)) return INFINITY;
            if (error > 0) worst = std::max(worst, error / bound);
        }
    return worst;
}

/// The matrix that tiles hold, by the layout as product_layout.h and PTX's figures describe it.
std::vector<std::uint16_t> unpack(const cuda::PackedTileMatrix& packed) {
    const auto height = cuda::heightTiles(packed.rows) * 16, width = cuda::widthTiles(packed.cols) * 64;
    std::vector<std::uint16_t> all(static_cast<std::size_t>(height * width));
    const auto put = [&](std::size_t row, std::size_t col, std::uint32_t bits) {
        all[row * static_cast<std::size_t>(width) + col] = static_cast<std::uint16_t>(bits);
    };
    for (std::size_t t = 0; t < packed.tileRows.size(); ++t) {
        const auto& tiles = packed.tileRows[t];
        const auto* words = packed.words.data() + tiles.start;
        for (std::size_t i = 0; i < tiles.twoOfFour + tiles.dense; ++i) {
            const std::size_t left = packed.columns[tiles.columns + i] * 64;
            const bool sparse = i < tiles.twoOfFour;
            for (std::size_t row = 0; row < 16; ++row)
                for (std::size_t pair = 0; pair < (sparse ? 16u : 32u); ++pair) {
                    const auto step = pair / 8, inStep = pair % 8;
                    const auto lane = row % 8 * 4 + inStep % 4, word = inStep / 4 * 2 + row / 8;
                    const auto value = words[(sparse ? 32 : 0) + (step * 32 + lane) * 4 + word];
                    if (sparse) {
                        const auto four = words[row % 8 * 4 + pair / 4] >> (row / 8 * 16 + pair % 4 * 4) & 15;
                        put(16 * t + row, left + 4 * pair + (four & 3), value & 0xffff);
                        put(16 * t + row, left + 4 * pair + (four >> 2), value >> 16);
                        if ((four & 3) >= four >> 2) return {};
                    } else {
                        put(16 * t + row, left + 2 * pair, value & 0xffff);
                        put(16 * t + row, left + 2 * pair + 1, value >> 16);
                    }
                }
            words += sparse ? cuda::kSparseTileWords : cuda::kDenseTileWords;
        }
        if (words != packed.words.data() + (t + 1 < packed.tileRows.size() ? packed.tileRows[t + 1].start
                                                                           : packed.words.size()))
            return {};
    }
    std::vector<std::uint16_t> matrix;
    for (std::int64_t row = 0; row < packed.rows; ++row)
        matrix.insert(matrix.end(), all.begin() + row * width, all.begin() + row * width + packed.cols);
    return matrix;
}

std::vector<std::uint16_t> unpack(const cuda::PackedBitmap& packed) {
    std::vector<std::uint16_t> matrix(static_cast<std::size_t>(packed.rows * packed.cols));
    auto value = packed.values.begin();
    for (std::int64_t row = 0; row < packed.rows; ++row)
        for (std::int64_t col = 0; col < packed.cols; ++col) {
            const auto word = static_cast<std::size_t>(row * cuda::widthTiles(packed.cols) + col / 64);
            if (packed.masks[word] >> col % 64 & 1)
                matrix[static_cast<std::size_t>(row * packed.cols + col)] = *value++;
        }
    return matrix;
}

}  // namespace

class TestCudaProducts : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void matchF64_data() {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("cols");
        QTest::addColumn<int>("pattern");
        for (const auto& [rows, cols] :
             {std::pair{1, 1}, {15, 63}, {16, 64}, {17, 65}, {33, 130}, {70, 576}, {19, 2121}})
            for (const auto& [pattern, name] : kPatterns)
                QTest::addRow("%dx%d %s", rows, cols, name) << rows << cols << static_cast<int>(pattern);
    }

    void matchF64() {
        QFETCH(int, rows);
        QFETCH(int, cols);
        QFETCH(int, pattern);
        const GemvCase from(rows, cols, static_cast<Pattern>(pattern));
        const auto tiles = cuda::packDeviceTiles(from.weights.data(), from.keep.data(), rows, cols);
        const auto dense = cuda::packDeviceTiles(from.masked.data(), nullptr, rows, cols);
        const auto bitmap = cuda::packDeviceBitmap(from.weights.data(), from.keep.data(), rows, cols);
        QCOMPARE(unpack(tiles), from.masked);
        QCOMPARE(unpack(dense), from.masked);
        QCOMPARE(unpack(bitmap), from.masked);
        QCOMPARE(bitmap.values.size(), from.kept);
        QCOMPARE(bitmap.rowStarts.size(), std::size_t(rows + 1));
        QCOMPARE(std::int64_t(bitmap.masks.size()), rows * cuda::widthTiles(cols));
        QCOMPARE(std::int64_t(tiles.words.size()),
                 tiles.twoOfFour * cuda::kSparseTileWords + tiles.dense * cuda::kDenseTileWords);
        QCOMPARE(std::int64_t(tiles.columns.size()), tiles.twoOfFour + tiles.dense);
        QCOMPARE(tiles.twoOfFour + tiles.dense + tiles.empty,
                 cuda::heightTiles(rows) * cuda::widthTiles(cols));
        if (static_cast<Pattern>(pattern) == Pattern::TwoOfFour) QCOMPARE(tiles.dense, 0);
        if (static_cast<Pattern>(pattern) == Pattern::Nothing) QVERIFY(tiles.words.empty());

        for (const int inputs : {1, 3, 8, 16, 17}) {
            const auto x = inputsOf(inputs, cols, cols);
            for (const auto parts : {1u, 3u}) {
                QVERIFY(worstError(from, x, cols, inputs, tileProduct(tiles, x, inputs, parts)) <= 1);
                QVERIFY(worstError(from, x, cols, inputs, tileProduct(dense, x, inputs, parts)) <= 1);
            }
        }
        const auto stride = cuda::widthTiles(cols) * 64;
        const auto x = inputsOf(4, cols, stride);
        QVERIFY(worstError(from, x, stride, 1, bitmapProduct<1>(bitmap, x)) <= 1);
        QVERIFY(worstError(from, x, stride, 4, bitmapProduct<4>(bitmap, x)) <= 1);
    }

    /// Rows that keep all beside rows that keep nothing.
    void unevenRows() {
        GemvCase from(40, 200, Pattern::Whole);
        for (std::int64_t row = 0; row < from.rows; row += 3)
            for (std::int64_t c = 0; c < from.cols; ++c) {
                const auto index = static_cast<std::size_t>(row * from.cols + c);
                from.keep[index / 8] &= static_cast<std::uint8_t>(~(0x80 >> (index % 8)));
                from.masked[index] = 0;
            }
        const auto bitmap =
            cuda::packDeviceBitmap(from.weights.data(), from.keep.data(), from.rows, from.cols);
        const auto tiles = cuda::packDeviceTiles(from.weights.data(), from.keep.data(), from.rows, from.cols);
        QCOMPARE(unpack(bitmap), from.masked);
        const auto x = inputsOf(1, from.cols, 256);
        QVERIFY(worstError(from, x, 256, 1, bitmapProduct<1>(bitmap, x)) <= 1);
        // More parts than tiles: some parts have none.
        QVERIFY(worstError(from, x, 256, 1, tileProduct(tiles, x, 1, 7)) <= 1);
    }

    /// Each mistake that the loops can be made to make is found.
    void mistakesShow() {
        const GemvCase from(33, 200, Pattern::Tiles);
        const auto tiles = cuda::packDeviceTiles(from.weights.data(), from.keep.data(), from.rows, from.cols);
        const auto bitmap =
            cuda::packDeviceBitmap(from.weights.data(), from.keep.data(), from.rows, from.cols);
        QVERIFY(tiles.twoOfFour > 0 && tiles.dense > 0 && tiles.empty > 0);
        const auto x = inputsOf(3, from.cols, from.cols);
        const auto error = [&](const std::vector<float>& y) { return worstError(from, x, from.cols, 3, y); };
        QVERIFY(error(tileProduct(tiles, x, 3, 2)) <= 1);
        QVERIFY(error(tileProduct<Fault::LaneIndex>(tiles, x, 3, 2)) > 1);
        QVERIFY(error(tileProduct<Fault::Selector>(tiles, x, 3, 2)) > 1);
        QVERIFY(error(tileProduct<Fault::SplitBound>(tiles, x, 3, 2)) > 1);
        const auto padded = inputsOf(1, from.cols, 256);
        QVERIFY(worstError(from, padded, 256, 1, bitmapProduct<1>(bitmap, padded)) <= 1);
        QVERIFY(worstError(from, padded, 256, 1, bitmapProduct<1, Fault::Prefix>(bitmap, padded)) > 1);
    }
};

QTEST_APPLESS_MAIN(TestCudaProducts)
#include "tst_cuda_products.moc"
