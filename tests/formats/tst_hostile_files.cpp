#include <cmath>
#include <cstring>
#include <fstream>

#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/formats/gguf.h"
#include "core/formats/mask_set.h"
#include "core/formats/model_files.h"
#include "core/formats/npz.h"
#include "core/formats/safetensors.h"
#include "support/support.h"

using namespace tessera;

namespace {

template <typename T>
void put(std::string& out, T value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void putText(std::string& out, const std::string& text) {
    put<std::uint64_t>(out, text.size());
    out += text;
}
std::string safetensors(const std::string& header, std::size_t data) {
    std::string out;
    put<std::uint64_t>(out, header.size());
    return out + header + std::string(data, '\0');
}
/// A GGUF's first bytes: magic, version, tensors, keys.
std::string ggufHead(std::uint32_t version, std::uint64_t tensors, std::uint64_t keys) {
    std::string out = "GGUF";
    put(out, version);
    put(out, tensors);
    put(out, keys);
    return out;
}

}  // namespace

/// Files that lie about themselves: one sentence each, no crash, no allocation by their word.
class TestHostileFiles : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

    std::filesystem::path file(const std::string& name, const std::string& bytes) {
        const auto path = m_scratch / name;
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }

  private Q_SLOTS:
    void safetensorsHeaders() {
        const auto open = [&](const std::string& bytes) {
            SafetensorsFile::open(file("x.safetensors", bytes));
        };
        EXPECT_ERROR(open("abc"), Corrupt, "ends before its header");
        std::string huge;
        put<std::uint64_t>(huge, std::uint64_t(1) << 63);
        EXPECT_ERROR(open(huge + "{}"), Corrupt, "9223372036854775808");
        EXPECT_ERROR(open(safetensors("{\"a\":", 0)), Corrupt, "x.safetensors");
        EXPECT_ERROR(open(safetensors("[]", 0)), Corrupt, "not an object");
        EXPECT_ERROR(open(safetensors(std::string(100000, '[') + std::string(100000, ']'), 0)), Corrupt,
                     "nest");
        EXPECT_ERROR(
            open(safetensors(
                R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                12)),
            Corrupt, "overlap");
        EXPECT_ERROR(open(safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4)),
                     Corrupt, "outside the file");
        EXPECT_ERROR(open(safetensors(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8)),
                     Corrupt, "needs 12");
        EXPECT_ERROR(open(safetensors(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8)),
                     Corrupt, "whole number");
        EXPECT_ERROR(
            open(safetensors(
                R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}})",
                8)),
            Corrupt, "elements");
        EXPECT_ERROR(open(safetensors(R"({"a":{"dtype":"F32","shape":[2]}})", 8)), Corrupt, "lacks");
        EXPECT_ERROR(SafetensorsFile::open(m_scratch / "none.safetensors"), NotFound, "none.safetensors");
    }

    void safetensorsShards() {
        const auto index = file("model.safetensors.index.json", R"({"weight_map":{"a":"../../etc/passwd"}})");
        EXPECT_ERROR(SafetensorsFile::open(index), Corrupt, "outside the model's folder");
        file("s1.safetensors", safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4));
        const auto missing = file("model.safetensors.index.json",
                                  R"({"weight_map":{"a":"s1.safetensors","b":"s1.safetensors"}})");
        EXPECT_ERROR(SafetensorsFile::open(missing), Corrupt, "b is not in its shard");
        const auto good = file("model.safetensors.index.json", R"({"weight_map":{"a":"s1.safetensors"}})");
        QCOMPARE(SafetensorsFile::open(good)->tensors().size(), std::size_t(1));
    }

    void ggufHeaders() {
        const auto open = [&](const std::string& bytes) { GgufFile::open(file("x.gguf", bytes)); };
        EXPECT_ERROR(open("GGUF"), Corrupt, "not a GGUF");
        EXPECT_ERROR(open(ggufHead(1, 0, 0)), UnsupportedVersion, "version 1");
        EXPECT_ERROR(open(ggufHead(3, std::uint64_t(1) << 40, 0)), Corrupt, "1099511627776 tensors");
        EXPECT_ERROR(open(ggufHead(3, 0, std::uint64_t(1) << 40)), Corrupt, "1099511627776 metadata keys");
        auto strings = ggufHead(3, 0, 1);
        putText(strings, "tokens");
        put<std::uint32_t>(strings, 9);
        put<std::uint32_t>(strings, 8);
        put<std::uint64_t>(strings, std::uint64_t(1) << 40);
        EXPECT_ERROR(open(strings + std::string(64, '\0')), Corrupt, "1099511627776 array elements");
        auto longKey = ggufHead(3, 0, 1);
        put<std::uint64_t>(longKey, std::uint64_t(1) << 62);
        EXPECT_ERROR(open(longKey + std::string(64, 'a')), Corrupt, "a string claims");
        auto beyond = ggufHead(3, 1, 0);
        putText(beyond, "t");
        put<std::uint32_t>(beyond, 1);
        put<std::uint64_t>(beyond, 1000);
        put<std::uint32_t>(beyond, 0);
        put<std::uint64_t>(beyond, 0);
        EXPECT_ERROR(open(beyond + std::string(64, '\0')), Corrupt, "beyond the end");
        auto negative = ggufHead(3, 1, 0);
        putText(negative, "t");
        put<std::uint32_t>(negative, 2);
        put<std::uint64_t>(negative, ~std::uint64_t(0));
        put<std::uint64_t>(negative, 2);
        put<std::uint32_t>(negative, 0);
        put<std::uint64_t>(negative, 0);
        EXPECT_ERROR(open(negative + std::string(64, '\0')), Corrupt, "elements");
        auto unknown = ggufHead(3, 1, 0);
        putText(unknown, "t");
        put<std::uint32_t>(unknown, 1);
        put<std::uint64_t>(unknown, 256);
        put<std::uint32_t>(unknown, 19);
        put<std::uint64_t>(unknown, 0);
        EXPECT_ERROR(open(unknown + std::string(512, '\0')), UnsupportedVersion, "element type 19");
    }

    /// Every cut of a good file, and many flipped bytes: an Error or a file that opens, never a crash.
    void cutAndFlipped() {
        const auto good = readFile(test::data("tiny_llama/model.safetensors"));
        for (std::size_t length = 0; length < 4000; length += 37) {
            const auto path = file("cut.safetensors", good.substr(0, length));
            try {
                SafetensorsFile::open(path);
                QFAIL("a cut file opened");
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Corrupt);
            }
        }
        std::uint32_t random = 1;
        for (int i = 0; i < 300; ++i) {
            auto bytes = good.substr(0, std::min<std::size_t>(good.size(), 20000));
            random = random * 1664525 + 1013904223;
            bytes[random % 3000] = static_cast<char>(random >> 24);
            try {
                SafetensorsFile::open(file("flip.safetensors", bytes));
            } catch (const Error&) {
            }
        }
    }

    void deepJson() {
        EXPECT_ERROR(parseJson(std::string(100000, '[') + std::string(100000, ']'), "spec"), Corrupt, "spec");
        EXPECT_ERROR(parseJson("{\"a\": nan}", "spec"), Corrupt, "spec");
    }

    void modelFolders() {
        EXPECT_ERROR(ModelFiles::open(m_scratch / "nothing"), NotFound, "there is no model here");
        std::filesystem::create_directories(m_scratch / "empty");
        EXPECT_ERROR(ModelFiles::open(m_scratch / "empty"), NotFound, "config.json");
        const auto folder = m_scratch / "copy";
        std::filesystem::copy(test::data("tiny_llama"), folder);
        auto config = readJsonFile(folder / "config.json");
        auto changed = config;
        changed["hidden_size"] = config["hidden_size"].get<int>() * 2;
        writeFileAtomically(folder / "config.json", changed.dump());
        EXPECT_ERROR(ModelFiles::open(folder), Corrupt, "the configuration says");
        changed = config;
        changed["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 8.0}};
        writeFileAtomically(folder / "config.json", changed.dump());
        EXPECT_ERROR(ModelFiles::open(folder), UnsupportedVersion, "rope_scaling");
        changed = config;
        changed["num_hidden_layers"] = std::int64_t(1) << 40;
        writeFileAtomically(folder / "config.json", changed.dump());
        EXPECT_ERROR(ModelFiles::open(folder), Corrupt, "");
    }

    void maskFiles() {
        EXPECT_ERROR(readMasks(file("a.npz", "not a zip")), Corrupt, "not a npz");
        NpyArray bits{"u1", {2}, {0xff, 0xff}}, shape{"i8", {2}, std::vector<std::uint8_t>(16)};
        shape.data[0] = 3;
        shape.data[8] = 5;
        const auto path = m_scratch / "b.npz";
        writeNpz(path, {{"w", bits}, {"w.__shape__", shape}});
        EXPECT_ERROR(readMasks(path), Corrupt, "beyond the mask's last weight");
        shape.data[0] = 100;
        writeNpz(path, {{"w", bits}, {"w.__shape__", shape}});
        EXPECT_ERROR(readMasks(path), Corrupt, "needs 63");
        shape.data[7] = 0x7f;
        shape.data[15] = 0x7f;
        writeNpz(path, {{"w", bits}, {"w.__shape__", shape}});
        EXPECT_ERROR(readMasks(path), Corrupt, "elements");
        writeNpz(path, {{"w", bits}});
        EXPECT_ERROR(readMasks(path), NotFound, "w.__shape__");
        writeNpz(path, {{"w", NpyArray{"O8", {1}, std::vector<std::uint8_t>(8)}}, {"w.__shape__", shape}});
        EXPECT_ERROR(readMasks(path), UnsupportedVersion, "O8");
    }
};

QTEST_APPLESS_MAIN(TestHostileFiles)
#include "tst_hostile_files.moc"
