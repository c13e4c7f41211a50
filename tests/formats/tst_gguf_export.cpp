// A GGUF of a pruned model: the same weights, configuration and ids when it is read again, and metadata of
// the types that llama.cpp insists on. tests/reference/check_gguf.py holds an export against other readers.
#include <cstring>
#include <random>

#include "core/base/file_io.h"
#include "core/formats/export_gguf.h"
#include "core/formats/gguf.h"
#include "core/text/tokenizer.h"
#include "support/support.h"

using namespace tessera;

namespace {

const char* const kStarter = TESSERA_SOURCE_DIR "/resources/starter";

MaskSet someMasks(const ModelFiles& model) {
    MaskSet set;
    std::mt19937 random(7);
    for (const auto& matrix : prunableMatrices(model.config())) {
        if (matrix.block > 1) continue;
        PackedMask mask(matrix.rows, matrix.cols);
        for (std::int64_t i = 0; i < matrix.elements(); ++i)
            if (random() % 2) mask.keep(i);
        set.masks.emplace(matrix.name, std::move(mask));
    }
    return set;
}

std::vector<float> values(const TensorSource& source, const std::string& name) {
    const auto& info = source.at(name);
    std::vector<float> read(static_cast<std::size_t>(info.elements()));
    source.readF32(info, 0, read);
    return read;
}

void nothing(int, int) {}

}  // namespace

class TestGgufExport : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

    /// The type number of a key in the file's bytes; -1: there is none.
    static int typeOf(const std::string& bytes, const std::string& key) {
        const auto at = bytes.find(key);
        if (at == std::string::npos) return -1;
        std::uint32_t type = 0;
        std::memcpy(&type, bytes.data() + at + key.size(), sizeof type);
        return static_cast<int>(type);
    }

  private Q_SLOTS:
    void readAgainItIsTheSameModel() {
        const auto model = ModelFiles::open(kStarter);
        const auto tokenizer = loadTokenizer(model);
        const auto masks = someMasks(model);
        const auto out = m_scratch / "starter.gguf";
        int told = 0, all = 0;
        exportGguf(
            model, &masks,
            [&](GgufWriter& writer) { tokenizer->writeGguf(model.config().vocabSize, writer); }, out,
            [&](int done, int count) {
                QCOMPARE(done, ++told);
                all = count;
            });
        QCOMPARE(told, all);
        const auto again = ModelFiles::open(out);
        auto expected = model.config().toJson("bfloat16"), found = again.config().toJson("bfloat16");
        // Stored in single precision.
        for (const auto* key : {"rms_norm_eps", "rope_theta"}) {
            QCOMPARE(float(found[key].get<double>()), float(expected[key].get<double>()));
            found.erase(key);
            expected.erase(key);
        }
        QCOMPARE(found.dump(), expected.dump());
        for (const auto& info : model.tensors().tensors()) {
            if (model.config().tiedHead && info.name == "lm_head.weight") continue;
            auto pruned = values(model.tensors(), info.name);
            if (const auto mask = masks.masks.find(info.name); mask != masks.masks.end())
                for (std::size_t i = 0; i < pruned.size(); ++i)
                    if (!mask->second.keeps(static_cast<std::int64_t>(i))) pruned[i] = 0;
            QVERIFY2(values(again.tensors(), info.name) == pruned, info.name.c_str());
        }
        // Read in parts, too: rows are where they belong wherever a part begins.
        const auto& query = again.tensors().at("model.layers.0.self_attn.q_proj.weight");
        std::vector<float> part(700);
        again.tensors().readF32(query, 333, part);
        const auto whole = values(again.tensors(), query.name);
        QVERIFY(std::equal(part.begin(), part.end(), whole.begin() + 333));

        const auto other = loadTokenizer(again);
        const auto text =
            readFile(TESSERA_SOURCE_DIR "/README.md") + "<|endoftext|> caf\xc3\xa9 \xe2\x82\xac 1234";
        QVERIFY(other->encode(text) == tokenizer->encode(text));
        QCOMPARE(other->bosToken(), tokenizer->bosToken());
        QCOMPARE(other->eosToken(), tokenizer->eosToken());
        QCOMPARE(other->addsBos(), tokenizer->addsBos());
        QCOMPARE(other->vocabSize(), model.config().vocabSize);
    }

    void typesAreWhatReadersInsistOn() {
        const auto bytes = readFile(m_scratch / "starter.gguf");
        QCOMPARE(bytes.substr(0, 4), std::string("GGUF"));
        for (const auto* key : {"llama.block_count", "llama.context_length", "llama.attention.head_count_kv",
                                "llama.vocab_size", "general.file_type", "tokenizer.ggml.eos_token_id"})
            QVERIFY2(typeOf(bytes, key) == 4, key);
        for (const auto* key : {"llama.rope.freq_base", "llama.attention.layer_norm_rms_epsilon"})
            QVERIFY2(typeOf(bytes, key) == 6, key);
        QCOMPARE(typeOf(bytes, "tokenizer.ggml.add_bos_token"), 7);
        for (const auto* key : {"general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.pre"})
            QVERIFY2(typeOf(bytes, key) == 8, key);
        const auto file = GgufFile::open(m_scratch / "starter.gguf");
        QCOMPARE(file->text("tokenizer.ggml.pre"), std::string("gpt-2"));
        for (const auto& tensor : file->tensors()) {
            QCOMPARE(tensor.offset % 32, std::uint64_t(0));
            QCOMPARE(tensor.dtype, tensor.shape.size() == 1 ? DType::F32 : DType::BF16);
        }
    }

    void aGgufKeepsItsTokenizer() {
        // From GGUF to GGUF: the metadata of the tokenizer as they were.
        const auto first = ModelFiles::open(m_scratch / "starter.gguf");
        const auto out = m_scratch / "again.gguf";
        exportGguf(
            first, nullptr, [&](GgufWriter& writer) { copyGgufTokenizer(*first.gguf(), writer); }, out,
            nothing);
        const auto a = GgufFile::open(m_scratch / "starter.gguf"), b = GgufFile::open(out);
        int compared = 0;
        for (const auto& [key, value] : a->metadata())
            if (key.starts_with("tokenizer.")) {
                QVERIFY2(b->find(key) && *b->find(key) == value, key.c_str());
                ++compared;
            }
        QVERIFY(compared >= 6);
        for (const auto& tensor : a->tensors()) {
            const auto* other = static_cast<const TensorSource&>(*b).find(tensor.name);
            QVERIFY(other);
            const auto left = a->raw(tensor), right = b->raw(*other);
            QVERIFY2(left.size() == right.size() && std::memcmp(left.data(), right.data(), left.size()) == 0,
                     tensor.name.c_str());
        }
    }

    void whatCannotBeWrittenIsASentence() {
        const auto model = ModelFiles::open(kStarter);
        const auto none = [](GgufWriter&) {};
        EXPECT_ERROR(exportGguf(model, nullptr, none, m_scratch / "starter.gguf", nothing), InvalidInput,
                     "something here already");
        MaskSet wrong;
        wrong.masks.emplace("model.layers.0.self_attn.q_proj.weight", PackedMask(4, 4));
        EXPECT_ERROR(exportGguf(model, &wrong, none, m_scratch / "wrong.gguf", nothing), InvalidInput,
                     "4 x 4");
        // Stopped half way, it leaves nothing.
        EXPECT_ERROR(exportGguf(model, nullptr, none, m_scratch / "stopped.gguf",
                                [](int done, int) {
                                    if (done == 3) throw Error(ErrorCode::Cancelled, "stopped", "");
                                }),
                     Cancelled, "stopped");
        QVERIFY(!std::filesystem::exists(m_scratch / "stopped.gguf"));
        // A tokenizer without a name in GGUF: SentencePiece's way of spaces.
        const auto spaces = loadTokenizerFrom(test::data("text/tiny_bpe.model"));
        GgufWriter writer(m_scratch / "tokens.gguf");
        EXPECT_ERROR(spaces->writeGguf(spaces->vocabSize(), writer), UnsupportedVersion, "--format hf");
    }
};

QTEST_GUILESS_MAIN(TestGgufExport)
#include "tst_gguf_export.moc"
