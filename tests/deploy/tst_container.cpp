// Packed containers: what comes out is what went in, to the bit, and files that lie or were damaged are
// refused.
#include <QtTest>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "core/base/crc32.h"
#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/deploy/decode.h"
#include "core/deploy/packed_container.h"
#include "deploy/masks.h"
#include "support/support.h"

using namespace tessera;
namespace fs = std::filesystem;

namespace {

const fs::path kSource = TESSERA_SOURCE_DIR;
constexpr std::size_t kPrologue = 64;

template <typename T>
T numberAt(const std::string& file, std::size_t offset) {
    T number;
    std::memcpy(&number, file.data() + offset, sizeof number);
    return number;
}
template <typename T>
void putNumber(std::string& file, std::size_t offset, T number) {
    std::memcpy(file.data() + offset, &number, sizeof number);
}
std::uint32_t crcOf(std::string_view text) {
    return crc32Of(std::as_bytes(std::span(text)));
}

/// The prologue's own checksum made right.
void seal(std::string& file) {
    putNumber(file, 60, crcOf(std::string_view(file).substr(0, 60)));
}

Json headerOf(const std::string& file) {
    return Json::parse(file.substr(kPrologue, numberAt<std::uint64_t>(file, 16)));
}

/// The file with another header in the room of its own, all checksums right.
std::string withHeader(std::string file, const Json& header) {
    const auto room = numberAt<std::uint64_t>(file, 16);
    auto text = header.dump();
    if (text.size() > room) qFatal("the header became longer");
    text.append(room - text.size(), ' ');
    file.replace(kPrologue, room, text);
    putNumber(file, 12, crcOf(text));
    seal(file);
    return file;
}

std::vector<std::vector<float>> logitsOf(const PackedModel& model, int steps = 20) {
    DecodeSession session(model, 2);
    std::vector<std::vector<float>> all;
    std::int32_t token = 3;
    for (int i = 0; i < steps; ++i) {
        all.push_back(session.step(token));
        const auto& last = all.back();
        token = static_cast<std::int32_t>(std::max_element(last.begin(), last.end()) - last.begin());
    }
    return all;
}

/// Weights of groups whose magnitudes differ by orders, so that scales do, too.
std::vector<std::uint16_t> weightsOf(std::int64_t count) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<std::uint16_t> weights(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < weights.size(); ++i)
        weights[i] = floatToBf16(normal(random) * std::ldexp(1.0f, static_cast<int>(i / 64 % 7)));
    return weights;
}

}  // namespace

class TestContainer : public QObject {
    Q_OBJECT

    test::Scratch m_scratch;
    ModelFiles m_starter = ModelFiles::open(kSource / "resources/starter");
    std::shared_ptr<const Tokenizer> m_tokenizer;
    std::string m_bitmap, m_hybrid, m_hybridQ8, m_bitmapQ8;  ///< whole files, of small models

    fs::path put(const std::string& bytes) const {
        const auto path = m_scratch / "case.tessera";
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }
    fs::path write(const std::string& name, const ModelFiles& files, const MaskSet* masks,
                   Packing packing) const {
        const auto path = m_scratch / name;
        fs::remove(path);
        exportPacked(files, masks, packing, *m_tokenizer, {{"model", "tiny"}}, path, [](int, int) {});
        return path;
    }
    /// Opens everything that there is in a file.
    static void openAll(const fs::path& path) {
        const PackedContainer container(path);
        container.tokenizer();
        container.model();
    }
    ErrorCode refusal(const std::string& bytes) const {
        return test::codeOf([&] { openAll(put(bytes)); });
    }

  private Q_SLOTS:
    void initTestCase() {
        m_tokenizer = loadTokenizer(m_starter);
        const auto tiny = ModelFiles::open(test::data("tiny_llama"));
        const auto half = test::halfMasks(tiny.config());
        m_bitmap = readFile(write("bitmap", tiny, &half, Layout::Sparse));
        m_bitmapQ8 = readFile(write("q8", tiny, &half, {Layout::Sparse, WeightValues::Q8, WeightValues::Q8}));
        const auto tiles = test::twoOfFour(m_starter, true);
        m_hybrid = readFile(write("hybrid", m_starter, &tiles, Layout::Sparse));
        m_hybridQ8 = readFile(write("hybrid8", m_starter, &tiles, {Layout::Sparse, WeightValues::Q8}));
    }

    void starterComesBack_data() {
        QTest::addColumn<QString>("masks");
        QTest::addColumn<QString>("form");
        QTest::addColumn<QString>("values");
        QTest::addColumn<QString>("head");
        for (const char* values : {"bf16", "q8"})
            for (const auto& [masks, form] :
                 {std::pair{"none", "dense"}, {"half", "bitmap"}, {"2:4", "nibble-2:4"}, {"tiles", "hybrid"}})
                QTest::addRow("%s %s", masks, values) << masks << form << values << values;
        QTest::addRow("half bf16, head q8") << "half"
                                            << "bitmap"
                                            << "bf16"
                                            << "q8";
        QTest::addRow("half q8, head bf16") << "half"
                                            << "bitmap"
                                            << "q8"
                                            << "bf16";
    }
    /// Every matrix is of the same form with the same bytes, every logit the same to the bit, and so are the
    /// tokens of a text. The unpacked twin is the model with its zeros.
    void starterComesBack() {
        QFETCH(QString, masks);
        QFETCH(QString, form);
        QFETCH(QString, values);
        QFETCH(QString, head);
        MaskSet set;
        if (masks == "half") set = test::halfMasks(m_starter.config());
        if (masks == "2:4" || masks == "tiles") set = test::twoOfFour(m_starter, masks == "tiles");
        const auto* const given = masks == "none" ? nullptr : &set;
        const Packing packing(Layout::Sparse, weightValues(values.toStdString(), ""),
                              weightValues(head.toStdString(), ""));
        const auto want = PackedModel::load(m_starter, given, packing);
        const PackedContainer container(write("model.tessera", m_starter, given, packing));
        QVERIFY(container.config() == m_starter.config());
        QVERIFY(container.values() == packing.values && container.headValues() == packing.head);
        QCOMPARE(container.about()["model"].get<std::string>(), std::string("tiny"));
        const auto found = container.model();
        QCOMPARE(kernelName(found), kernelName(want));
        QVERIFY(kernelName(found).starts_with(form.toStdString() + (values == "q8" ? "-q8" : "")));
        QCOMPARE(found.bytesPerToken(), want.bytesPerToken());
        const auto wanted = want.parts(), parts = found.parts();
        QCOMPARE(parts.size(), wanted.size());
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const auto &a = *wanted[i].matrix, &b = *parts[i].matrix;
            QVERIFY(a.form() == b.form() && a.values() == b.values() && a.kept() == b.kept());
            QCOMPARE(a.twoOfFourBlocks(), b.twoOfFourBlocks());
            QCOMPARE(a.bytes(), b.bytes());
            for (int k = 0; k < 3; ++k)
                QVERIFY(std::ranges::equal(a.arrays()[std::size_t(k)], b.arrays()[std::size_t(k)]));
        }
        QVERIFY(logitsOf(found) == logitsOf(want));
        // A bf16 head of a tied model is its embedding; nothing is there twice.
        QCOMPARE(container.file().has("embedding"), head == "q8");

        const auto license = readFile(kSource / "LICENSE");
        const auto tokenizer = container.tokenizer();
        QVERIFY(tokenizer->encode(license) == m_tokenizer->encode(license));
        QCOMPARE(tokenizer->bosToken(), m_tokenizer->bosToken());
        QCOMPARE(tokenizer->eosToken(), m_tokenizer->eosToken());
        QCOMPARE(tokenizer->addsBos(), m_tokenizer->addsBos());

        const auto twin = found.unpacked();
        for (const auto& part : twin.parts())
            QVERIFY(!part.matrix->sparse() && part.matrix->values() == WeightValues::Bf16);
        if (values == "bf16" && head == "bf16")
            QVERIFY(logitsOf(twin) == logitsOf(PackedModel::load(m_starter, given, Layout::Dense)));
        container.file().verify([](std::uint64_t, std::uint64_t) {});
    }

    void familiesComeBack_data() {
        QTest::addColumn<QString>("family");
        for (const auto& entry : fs::directory_iterator(test::data("families")))
            QTest::newRow(entry.path().filename().c_str())
                << QString::fromStdString(entry.path().filename().string());
    }
    /// Biases, norms, scalings, heads of their own, sliding blocks: whatever a configuration has.
    void familiesComeBack() {
        QFETCH(QString, family);
        const auto files = ModelFiles::open(test::data("families/" + family.toStdString()));
        const auto masks = test::halfMasks(files.config());
        const PackedContainer container(write("family.tessera", files, &masks, Layout::Sparse));
        QVERIFY(container.config() == files.config());
        const auto found = container.model();
        QVERIFY(logitsOf(found) == logitsOf(PackedModel::load(files, &masks, Layout::Sparse)));
        QVERIFY(logitsOf(found.unpacked()) == logitsOf(PackedModel::load(files, &masks, Layout::Dense)));
    }

    void unpackedMatrix_data() {
        QTest::addColumn<QString>("form");
        QTest::addColumn<bool>("q8");
        for (const char* form : {"dense", "bitmap", "nibble-2:4", "hybrid"})
            for (const bool q8 : {false, true}) QTest::addRow("%s%s", form, q8 ? ", q8" : "") << form << q8;
    }
    /// bf16 weights come back as they were; q8 ones are off by half of their group's scale and a rounding to
    /// bf16 at most. The shape fills neither its last panel nor its last block.
    void unpackedMatrix() {
        QFETCH(QString, form);
        QFETCH(bool, q8);
        constexpr std::int64_t rows = 79, cols = 316;
        const auto weights = weightsOf(rows * cols);
        std::mt19937 random(3);
        const auto mask = test::maskOf(rows, cols, [&](auto row, auto col) {
            const bool even = (row + col) % 2 == 0;
            return form == "bitmap" ? (random() & 1) == 1
                                    : even || (form == "hybrid" && col >= 64 && col < 128);
        });
        const PackedMatrix matrix(weights.data(), form == "dense" ? nullptr : &mask, rows, cols,
                                  q8 ? WeightValues::Q8 : WeightValues::Bf16);
        QCOMPARE(QString::fromStdString(kernelName(matrix.form(), WeightValues::Bf16)), form);
        const auto unpacked = matrix.unpacked();
        QVERIFY(!unpacked.sparse() && unpacked.values() == WeightValues::Bf16);
        std::vector<std::uint16_t> row(cols);
        for (std::int64_t r = 0; r < rows; ++r) {
            unpacked.copyRow(r, row.data());
            for (std::int64_t c = 0; c < cols; ++c) {
                const bool kept = form == "dense" || mask.keeps(r * cols + c);
                const auto want = kept ? weights[static_cast<std::size_t>(r * cols + c)] : std::uint16_t(0);
                const auto found = row[static_cast<std::size_t>(c)];
                if (!q8 || !kept) {
                    QCOMPARE(found, want);
                    continue;
                }
                float largest = 0;
                for (auto k = c / 64 * 64; k < std::min(cols, c / 64 * 64 + 64); ++k)
                    largest = std::max(
                        largest, std::abs(bf16ToFloat(weights[static_cast<std::size_t>(r * cols + k)])));
                const float value = bf16ToFloat(want);
                QVERIFY(std::abs(bf16ToFloat(found) - value) <=
                        largest * (1.01f / 254) + std::abs(value) / 200);
            }
        }
    }

    /// Cut anywhere, or with something behind its end: refused by its length, at the latest.
    void cutOff() {
        QCOMPARE(refusal(m_bitmap), ErrorCode::Internal);  // which is to say: not refused
        std::vector<std::size_t> lengths{0, 1, 8, 63, 64, 65, m_bitmap.size() - 1};
        const auto header = headerOf(m_bitmap);
        for (const auto& [name, entry] : header.at("sections").items())
            for (const int beside : {-1, 0, 1}) {
                const auto begin = entry[0].get<std::size_t>(), end = begin + entry[1].get<std::size_t>();
                lengths.push_back(begin + static_cast<std::size_t>(beside));
                lengths.push_back(end + static_cast<std::size_t>(beside));
            }
        std::mt19937 random(2);
        for (int i = 0; i < 50; ++i) lengths.push_back(random() % m_bitmap.size());
        for (const auto length : lengths)
            if (length < m_bitmap.size())
                QVERIFY2(refusal(m_bitmap.substr(0, length)) == ErrorCode::Corrupt,
                         std::to_string(length).c_str());
        QCOMPARE(refusal(m_bitmap + std::string(64, '\0')), ErrorCode::Corrupt);
        EXPECT_ERROR(openAll(put(m_bitmap.substr(0, 70000))), Corrupt, "it is cut off");
        EXPECT_ERROR(openAll(put("")), Corrupt, "it has 0");
    }

    /// Every bit of the prologue, and bits all over the header.
    void flippedHeads() {
        const auto end = kPrologue + numberAt<std::uint64_t>(m_bitmap, 16);
        for (std::size_t at = 0; at < end; at += at < kPrologue ? 1 : 97)
            for (int bit = 0; bit < (at < kPrologue ? 8 : 1); ++bit) {
                auto bytes = m_bitmap;
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
                const auto code = refusal(bytes);
                QVERIFY2(code == (at >= 8 && at < 12 ? ErrorCode::UnsupportedVersion : ErrorCode::Corrupt),
                         std::to_string(at).c_str());
            }
        auto newer = m_bitmap;
        putNumber<std::uint32_t>(newer, 8, 2);
        seal(newer);
        EXPECT_ERROR(openAll(put(newer)), UnsupportedVersion, "version 2, this build reads version 1");
        for (const std::uint64_t length :
             {std::uint64_t(0), std::uint64_t(1) << 63, ~std::uint64_t(63), std::uint64_t(1) << 40}) {
            auto bytes = m_bitmap;
            putNumber(bytes, 16, length);
            seal(bytes);
            QCOMPARE(refusal(bytes), ErrorCode::Corrupt);
        }
    }

    void hostileHeaders_data() {
        QTest::addColumn<QString>("pointer");
        QTest::addColumn<QString>("value");
        const auto row = [](const char* pointer, const char* value) {
            QTest::addRow("%s %s", pointer, value) << pointer << value;
        };
        for (const char* offset : {"9223372036854775808", "18446744073709551552", "0", "64", "-64", "1.5",
                                   "\"64\"", "null", "1000000000000", "65"})
            row("/sections/blocks.0.down.weights/0", offset);
        for (const char* bytes : {"9223372036854775808", "18446744073709551615", "-1", "0", "1000000", "12"})
            row("/sections/blocks.0.down.weights/1", bytes);
        row("/sections/blocks.0.down.weights/2", "4294967296");
        row("/sections/blocks.0.down.weights", "[]");
        row("/sections/blocks.0.down.weights", "{}");
        row("/sections", "{}");
        row("/sections", "[]");
        row("/sections", "null");
        for (const char* kept : {"-1", "0", "9223372036854775807", "1e30", "null"})
            row("/matrices/blocks.0.down/kept", kept);
        for (const char* rows : {"-1", "0", "8", "9223372036854775807"})
            for (const char* field : {"/matrices/blocks.0.down/rows", "/matrices/blocks.0.down/cols"})
                row(field, rows);
        for (const char* form : {"\"dense\"", "\"hybrid\"", "\"nibble-2:4\"", "\"other\"", "7"})
            row("/matrices/blocks.0.down/form", form);
        row("/matrices/blocks.0.down/values", "\"q8\"");
        row("/matrices/blocks.0.down/values", "\"q4\"");
        row("/matrices/blocks.0.down", "null");
        row("/matrices/head", "{}");
        row("/matrices/head/form", "\"bitmap\"");
        row("/matrices", "[]");
        for (const char* field : {"hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size",
                                  "num_attention_heads", "num_key_value_heads", "head_dim"})
            for (const char* size : {"-1", "0", "3", "1000000000", "9223372036854775807", "16384"})
                row((std::string("/config/") + field).c_str(), size);
        row("/config/model_type", "\"qwen2\"");
        row("/config", "null");
        row("/values", "\"q4\"");
        row("/head_values", "null");
        row("/format", "\"other\"");
        row("/format", "null");
    }
    /// With right checksums, so that only what the header says can be wrong.
    void hostileHeaders() {
        QFETCH(QString, pointer);
        QFETCH(QString, value);
        auto header = headerOf(m_bitmap);
        header[Json::json_pointer(pointer.toStdString())] = Json::parse(value.toStdString());
        const auto code = refusal(withHeader(m_bitmap, header));
        QVERIFY2(code == ErrorCode::Corrupt || code == ErrorCode::UnsupportedVersion ||
                     code == ErrorCode::InvalidInput,
                 errorCodeName(code));
    }

    void missingSections() {
        const auto whole = headerOf(m_bitmap);
        for (const auto& [name, entry] : whole.at("sections").items()) {
            auto header = whole;
            header["sections"].erase(name);
            EXPECT_ERROR(openAll(put(withHeader(m_bitmap, header))), Corrupt, name);
        }
        // Two that overlap, aligned and within the file.
        auto header = headerOf(m_bitmap);
        header["sections"]["blocks.1.down.weights"][0] =
            header["sections"]["blocks.1.down.weights"][0].get<std::uint64_t>() - 64;
        EXPECT_ERROR(openAll(put(withHeader(m_bitmap, header))), Corrupt, "before the end");
    }

    void indices_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("section");
        QTest::addColumn<int>("offset");
        QTest::addColumn<quint64>("number");
        QTest::addColumn<int>("size");
        const auto row = [](const char* file, const char* section, int offset, quint64 number, int size) {
            QTest::addRow("%s, %s at %d: %llu", file, section, offset, number)
                << file << section << offset << number << size;
        };
        for (const char* file : {"bitmap", "bitmap-q8"}) {
            for (const quint64 start : {quint64(1), quint64(1) << 63, ~quint64(0)}) {
                row(file, "blocks.0.down.starts", 0, start, 8);
                row(file, "blocks.0.down.starts", 8, start, 8);
            }
            row(file, "blocks.1.gate_up.flags", 0, ~quint64(0), 4);
            row(file, "blocks.1.gate_up.flags", 8, 0, 4);
        }
        for (const char* file : {"hybrid", "hybrid-q8"}) {
            row(file, "blocks.0.down.columns", 0, 65535, 2);
            row(file, "blocks.0.down.columns", 0, 2, 2);
            row(file, "blocks.0.down.panels", 0, 64, 8);          // start
            row(file, "blocks.0.down.panels", 8, 0xffffffff, 4);  // columns
            row(file, "blocks.0.down.panels", 8, 0x7fffffff, 4);
            row(file, "blocks.0.down.panels", 12, 65535, 2);  // 2:4 blocks
            row(file, "blocks.0.down.panels", 14, 65535, 2);  // dense blocks
            row(file, "blocks.0.down.panels", 14, 0, 2);
            row(file, "blocks.0.down.panels", 16, quint64(1) << 63, 8);
        }
    }
    /// What a product would follow out of its arrays.
    void indices() {
        QFETCH(QString, file);
        QFETCH(QString, section);
        QFETCH(int, offset);
        QFETCH(quint64, number);
        QFETCH(int, size);
        auto bytes = file == "bitmap"      ? m_bitmap
                     : file == "bitmap-q8" ? m_bitmapQ8
                     : file == "hybrid"    ? m_hybrid
                                           : m_hybridQ8;
        QCOMPARE(refusal(bytes), ErrorCode::Internal);
        const auto entry = headerOf(bytes)["sections"][section.toStdString()];
        QVERIFY(entry.is_array());
        std::memcpy(bytes.data() + entry[0].get<std::size_t>() + static_cast<std::size_t>(offset), &number,
                    static_cast<std::size_t>(size));
        QCOMPARE(refusal(bytes), ErrorCode::Corrupt);
    }

    /// Bytes changed anywhere behind the header: what opens decodes, and what was changed is found by its
    /// checksum.
    void damagedSections() {
        std::mt19937 random(8);
        for (const auto* file : {&m_bitmap, &m_bitmapQ8, &m_hybrid, &m_hybridQ8}) {
            int opened = 0, refused = 0;
            // Of the larger files, those of one block.
            const bool large = file->size() > 1000000;
            const auto header = headerOf(*file);
            for (const auto& [name, entry] : header.at("sections").items()) {
                const auto offset = entry[0].get<std::size_t>(), size = entry[1].get<std::size_t>();
                if (size == 0 || (large && name.starts_with("blocks.") && !name.starts_with("blocks.2.")))
                    continue;
                auto bytes = *file;
                auto& byte = bytes[offset + random() % size];
                byte = static_cast<char>(byte ^ (1 << random() % 8));
                const auto path = put(bytes);
                EXPECT_ERROR(ContainerFile(path).verify([](std::uint64_t, std::uint64_t) {}), Corrupt,
                             "section " + name + ",");
                try {
                    const PackedContainer container(path);
                    logitsOf(container.model(), 2);
                    container.tokenizer()->encode("The mask");
                    ++opened;
                } catch (const Error& error) {
                    QVERIFY2(error.code() == ErrorCode::Corrupt || error.code() == ErrorCode::Numerical ||
                                 error.code() == ErrorCode::UnsupportedVersion,
                             error.what());
                    ++refused;
                }
            }
            QVERIFY2(opened > 4 && refused > 2, qPrintable(QString("%1 and %2").arg(opened).arg(refused)));
        }
    }

    void othersFiles() {
        EXPECT_ERROR(PackedContainer(kSource / "resources/starter/model.safetensors"), Corrupt,
                     "no packed container");
        EXPECT_ERROR(PackedContainer(m_scratch / "none.tessera"), NotFound, "none.tessera");
        QVERIFY(!ContainerFile::is(kSource / "resources/starter"));
        QVERIFY(!ContainerFile::is(m_scratch / "none.tessera"));
        writeFileAtomically(m_scratch / "unnamed", m_bitmap);
        QVERIFY(ContainerFile::is(m_scratch / "unnamed"));
        EXPECT_ERROR(ModelFiles::open(m_scratch / "unnamed"), InvalidInput, "packed container");
    }

    /// Nothing is overwritten, and what was stopped leaves nothing.
    void exportsWholeOrNotAtAll() {
        const auto path = m_scratch / "kept";
        writeFileAtomically(path, "mine");
        const auto files = ModelFiles::open(test::data("tiny_llama"));
        const auto to = [&](const fs::path& out, int last) {
            exportPacked(files, nullptr, Layout::Sparse, *m_tokenizer, {}, out, [&](int done, int) {
                if (done == last) throw Error(ErrorCode::Cancelled, "stopped on request");
            });
        };
        EXPECT_ERROR(to(path, -1), InvalidInput, "something here already");
        QCOMPARE(readFile(path), std::string("mine"));
        fs::create_directories(m_scratch / "folder");
        for (const int last : {1, 2})
            EXPECT_ERROR(to(m_scratch / "folder" / "stopped.tessera", last), Cancelled, "stopped");
        QVERIFY(fs::is_empty(m_scratch / "folder"));
        to(m_scratch / "folder" / "whole.tessera", -1);
        openAll(m_scratch / "folder" / "whole.tessera");
        QCOMPARE(std::distance(fs::directory_iterator(m_scratch / "folder"), {}), std::ptrdiff_t(1));
    }
};

QTEST_APPLESS_MAIN(TestContainer)
#include "tst_container.moc"
