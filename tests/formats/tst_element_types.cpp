// Every element type of safetensors and GGUF against its definition, written down once more in f64.
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/formats/gguf.h"
#include "core/formats/model_files.h"
#include "core/formats/safetensors.h"
#include "core/session/model_catalogue.h"
#include "support/model_as_gguf.h"
#include "support/support.h"

using namespace tessera;

namespace {

enum class Type { F32, F16, BF16, Q8_0, Q4_0, Q4_1 };

/// IEEE 754's binary16, from its fields.
double half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double value =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -value : value;
}

std::uint16_t word(const std::string& bytes, std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) |
                                      static_cast<unsigned char>(bytes[at + 1]) << 8);
}

/// What element `i` of the stored bytes is. All sums and products here are exact in f64, so that the one
/// rounding is the last.
float defined(Type type, const std::string& bytes, std::size_t i) {
    const auto code = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    const std::size_t block = i / 32, j = i % 32;
    const auto nibble = [&](std::size_t codes) {
        return j < 16 ? code(codes + j) & 15 : code(codes + j - 16) >> 4;
    };
    switch (type) {
        case Type::F32: {
            float value;
            std::memcpy(&value, bytes.data() + 4 * i, 4);
            return value;
        }
        case Type::F16:
            return static_cast<float>(half(word(bytes, 2 * i)));
        case Type::BF16:
            return std::bit_cast<float>(std::uint32_t(word(bytes, 2 * i)) << 16);
        case Type::Q8_0:
            return static_cast<float>(half(word(bytes, 34 * block)) *
                                      static_cast<signed char>(bytes[34 * block + 2 + j]));
        case Type::Q4_0:
            return static_cast<float>(half(word(bytes, 18 * block)) * (nibble(18 * block + 2) - 8));
        case Type::Q4_1:
            return static_cast<float>(half(word(bytes, 20 * block)) * nibble(20 * block + 4) +
                                      half(word(bytes, 20 * block + 2)));
    }
    return 0;
}

std::size_t storedSize(Type type, std::size_t elements) {
    switch (type) {
        case Type::F32:
            return elements * 4;
        case Type::F16:
        case Type::BF16:
            return elements * 2;
        case Type::Q8_0:
            return elements / 32 * 34;
        case Type::Q4_0:
            return elements / 32 * 18;
        case Type::Q4_1:
            return elements / 32 * 20;
    }
    return 0;
}

/// Any bytes but infinities and NaN: scales of every size and sign, subnormal ones too.
std::string randomBytes(Type type, std::size_t elements) {
    std::mt19937 random(static_cast<unsigned>(type) + 3);
    std::string bytes(storedSize(type, elements), '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    const auto halfAt = [&](std::size_t at) {
        if ((word(bytes, at) & 0x7c00) == 0x7c00) bytes[at + 1] = static_cast<char>(bytes[at + 1] & 0x83);
    };
    if (type == Type::F32)
        for (std::size_t i = 3; i < bytes.size(); i += 4) bytes[i] = static_cast<char>(bytes[i] & 0xbf);
    if (type == Type::BF16)
        for (std::size_t i = 1; i < bytes.size(); i += 2) bytes[i] = static_cast<char>(bytes[i] & 0xbf);
    if (type == Type::F16)
        for (std::size_t i = 0; i < bytes.size(); i += 2) halfAt(i);
    const std::size_t block = type == Type::Q8_0   ? 34
                              : type == Type::Q4_0 ? 18
                              : type == Type::Q4_1 ? 20
                                                   : bytes.size() + 1;
    for (std::size_t at = 0; at + block <= bytes.size(); at += block) {
        halfAt(at);
        if (type == Type::Q4_1) halfAt(at + 2);
    }
    return bytes;
}

bool sameBits(float a, float b) {
    return std::memcmp(&a, &b, 4) == 0;
}

void checkTensor(const TensorSource& source, const std::string& name, Type type, const std::string& bytes) {
    const auto& info = source.at(name);
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    source.readF32(info, 0, values);
    for (std::size_t i = 0; i < values.size(); ++i)
        QVERIFY2(sameBits(values[i], defined(type, bytes, i)),
                 qPrintable(QString("%1[%2]: %3").arg(name.c_str()).arg(i).arg(double(values[i]))));
    // Any blocks on their own are the same.
    std::vector<float> part(64);
    source.readF32(info, 32, part);
    QVERIFY(std::memcmp(part.data(), values.data() + 32, part.size() * 4) == 0);
}

}  // namespace

class TestElementTypes : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

    std::filesystem::path file(const std::string& name, const std::string& bytes) {
        const auto path = m_scratch / name;
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }
    static std::string withHeader(const std::string& header, const std::string& data) {
        const std::uint64_t size = header.size();
        return std::string(reinterpret_cast<const char*>(&size), 8) + header + data;
    }

  private Q_SLOTS:
    void gguf_data() {
        QTest::addColumn<int>("version");
        QTest::newRow("version 2") << 2;
        QTest::newRow("version 3") << 3;
    }
    void gguf() {
        QFETCH(int, version);
        const std::tuple<const char*, Type, std::uint32_t> types[] = {
            {"f32", Type::F32, 0},   {"f16", Type::F16, 1},   {"bf16", Type::BF16, 30},
            {"q4_0", Type::Q4_0, 2}, {"q4_1", Type::Q4_1, 3}, {"q8_0", Type::Q8_0, 8}};
        test::GgufWriter writer(static_cast<std::uint32_t>(version));
        writer.text("general.architecture", "llama");
        for (const auto& [name, type, number] : types)
            writer.tensor(name, {40, 96}, number, randomBytes(type, 40 * 96));
        const auto source = GgufFile::open(file("types.gguf", writer.bytes()));
        QCOMPARE(source->tensors().size(), std::size_t(6));
        for (const auto& [name, type, number] : types) {
            QCOMPARE(source->at(name).shape, (std::vector<std::int64_t>{40, 96}));
            checkTensor(*source, name, type, randomBytes(type, 40 * 96));
        }
        QCOMPARE(source->text("general.architecture"), std::string("llama"));
    }

    /// Every quantised type as the `gguf` package dequantises it (tests/reference/make_gguf_blocks.py), to
    /// the bit.
    void ggufBlocks() {
        const auto golden = readJsonFile(test::data("formats/gguf_blocks.json"));
        test::GgufWriter writer;
        for (const auto& entry : golden) {
            const auto stored = QByteArray::fromBase64(entry["bytes"].get<std::string>().c_str());
            const auto elements = entry["elements"].get<std::int64_t>();
            writer.tensor(entry["type"], {elements / 256, 256}, entry["number"], stored.toStdString());
        }
        const auto source = GgufFile::open(file("blocks.gguf", writer.bytes()));
        QCOMPARE(golden.size(), std::size_t(11));
        for (const auto& entry : golden) {
            const auto name = entry["type"].get<std::string>();
            const auto& info = source->at(name);
            QCOMPARE(std::string(dtypeName(info.dtype)), name);
            std::vector<float> values(static_cast<std::size_t>(info.elements()));
            source->readF32(info, 0, values);
            for (std::size_t i = 0; i < entry["first_bits"].size(); ++i)
                QVERIFY2(std::bit_cast<std::uint32_t>(values[13 * i]) == entry["first_bits"][i],
                         qPrintable(QString("%1[%2]").arg(name.c_str()).arg(13 * i)));
            QCOMPARE(sha256Hex(std::as_bytes(std::span(values))), entry["sha256"].get<std::string>());
            std::vector<float> part(256);
            source->readF32(info, 512, part);
            QVERIFY(std::memcmp(part.data(), values.data() + 512, part.size() * 4) == 0);
        }
    }

    void safetensors_data() {
        QTest::addColumn<bool>("sharded");
        QTest::newRow("one file") << false;
        QTest::newRow("sharded with an index") << true;
    }
    void safetensors() {
        QFETCH(bool, sharded);
        const std::pair<const char*, Type> types[] = {
            {"F32", Type::F32}, {"F16", Type::F16}, {"BF16", Type::BF16}};
        Json map = Json::object(), header = Json::object();
        std::string data;
        for (const auto& [name, type] : types) {
            if (sharded) header = Json::object(), data.clear();
            const auto bytes = randomBytes(type, 7 * 33);
            header[name] = {{"dtype", name},
                            {"shape", {7, 33}},
                            {"data_offsets", {data.size(), data.size() + bytes.size()}}};
            data += bytes;
            if (sharded) {
                const auto shard = std::string("part-") + name + ".safetensors";
                map[name] = shard;
                file(shard, withHeader(header.dump(), data));
            }
        }
        header["__metadata__"] = {{"format", "pt"}};
        const auto path = sharded ? file("model.safetensors.index.json", Json{{"weight_map", map}}.dump())
                                  : file("model.safetensors", withHeader(header.dump(), data));
        const auto source = SafetensorsFile::open(path);
        QCOMPARE(source->tensors().size(), std::size_t(3));
        for (const auto& [name, type] : types) checkTensor(*source, name, type, randomBytes(type, 7 * 33));
    }

    /// A GGUF made of the tiny llama as llama.cpp's converter makes it, with the rotary halves of every head
    /// of q and k in turn, is the same model under the same names.
    void ggufModelIsTheHuggingFaceModel() {
        const auto model = ModelFiles::open(test::data("tiny_llama"));
        const auto& config = model.config();
        test::GgufWriter writer;
        test::putModel(writer, model);
        const auto again = ModelFiles::open(file("tiny.gguf", writer.bytes()));
        QCOMPARE(again.config().hiddenSize, config.hiddenSize);
        QCOMPARE(again.config().kvHeads, config.kvHeads);
        QCOMPARE(again.config().headDim, config.headDim);
        QCOMPARE(again.config().vocabSize, config.vocabSize);
        QCOMPARE(again.config().tiedHead, false);
        QVERIFY(std::abs(again.config().rmsEps - config.rmsEps) < 1e-11);
        for (const auto& info : model.tensors().tensors()) {
            const auto a = test::valuesOf(model.tensors(), info.name),
                       b = test::valuesOf(again.tensors(), info.name);
            QVERIFY2(a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0,
                     info.name.c_str());
        }
        // A few elements in the middle of a permuted matrix.
        const auto name = "model.layers.1.self_attn.k_proj.weight";
        const auto whole = test::valuesOf(model.tensors(), name);
        std::vector<float> part(100);
        again.tensors().readF32(again.tensors().at(name), 77, part);
        QVERIFY(std::memcmp(part.data(), whole.data() + 77, part.size() * 4) == 0);
    }

    /// A folder whose weights lie in shards is the model of one file; a shard that is missing is named.
    void shardedModelFolder() {
        const auto model = ModelFiles::open(test::data("tiny_llama"));
        const auto folder = m_scratch / "sharded";
        std::filesystem::create_directories(folder);
        std::filesystem::copy(test::data("tiny_llama/config.json"), folder);
        Json map = Json::object();
        const auto& tensors = model.tensors().tensors();
        for (std::size_t shard = 0; shard < 3; ++shard) {
            const auto name = "model-0000" + std::to_string(shard + 1) + "-of-00003.safetensors";
            SafetensorsWriter writer(folder / name);
            for (std::size_t i = shard; i < tensors.size(); i += 3) {
                writer.declare(tensors[i].name, tensors[i].dtype, tensors[i].shape);
                map[tensors[i].name] = name;
            }
            for (std::size_t i = shard; i < tensors.size(); i += 3)
                writer.write(tensors[i].name, model.tensors().raw(tensors[i]));
            writer.commit();
        }
        writeFileAtomically(folder / "model.safetensors.index.json", Json{{"weight_map", map}}.dump());
        const auto again = ModelFiles::open(folder);
        QCOMPARE(again.tensors().tensors().size(), tensors.size());
        QCOMPARE(again.fingerprint(), model.fingerprint());
        for (const auto& info : tensors)
            QVERIFY2(test::valuesOf(again.tensors(), info.name) == test::valuesOf(model.tensors(), info.name),
                     info.name.c_str());
        std::filesystem::remove(folder / "model-00002-of-00003.safetensors");
        EXPECT_ERROR(ModelFiles::open(folder), NotFound, "model-00002-of-00003.safetensors");
    }

    /// SmolLM2's tensors as `transformers` dequantises them (tests/reference/make_smollm2.py), to the bit.
    void smollm2IsDequantisedAsTransformersDoes() {
        const auto model = catalogueModel("smollm2-135m");
        if (!model.installed()) QSKIP("SmolLM2 is not installed: tessera-cli models fetch smollm2-135m");
        const auto files = ModelFiles::open(model.path());
        const auto golden = readJsonFile(test::data("smollm2/golden.json"));
        int checked = 0;
        for (const auto& [name, sum] : golden["tensors"].items()) {
            const auto values = test::valuesOf(files.tensors(), name);
            QCOMPARE(sha256Hex(std::as_bytes(std::span(values))), sum.get<std::string>());
            ++checked;
        }
        QCOMPARE(checked, 12);
    }
};

QTEST_APPLESS_MAIN(TestElementTypes)
#include "tst_element_types.moc"
