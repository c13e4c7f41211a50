// Tokenizers as GGUF files hold them, against what the libraries make of the same vocabularies.
#include <cmath>
#include <functional>
#include <limits>

#include "core/base/file_io.h"
#include "core/text/gguf_pretokenizers.h"
#include "core/text/sentencepiece_proto.h"
#include "core/text/tokenizer.h"
#include "support/gguf_writer.h"
#include "support/support.h"
#include "text/tokenizer_export.h"

using namespace tessera;
using Ids = std::vector<std::int32_t>;

namespace {

struct Vocabulary {
    std::vector<std::string> tokens;
    std::vector<float> scores;
    std::vector<std::int32_t> types;
};

Vocabulary tinyBpe() {
    Vocabulary vocabulary;
    const auto bytes = readFile(test::data("text/tiny_bpe.model"));
    for (const auto& piece : readSentencePieceProto(bytes, "tiny_bpe.model").pieces) {
        vocabulary.tokens.push_back(piece.text);
        vocabulary.scores.push_back(piece.score);
        vocabulary.types.push_back(piece.type);
    }
    return vocabulary;
}

void put(test::GgufWriter& writer, const Vocabulary& vocabulary) {
    writer.text("tokenizer.ggml.model", "llama");
    writer.texts("tokenizer.ggml.tokens", vocabulary.tokens);
    writer.f32s("tokenizer.ggml.scores", vocabulary.scores);
    writer.i32s("tokenizer.ggml.token_type", vocabulary.types);
    writer.u32("tokenizer.ggml.unknown_token_id", 0);
    writer.u32("tokenizer.ggml.bos_token_id", 1);
    writer.u32("tokenizer.ggml.eos_token_id", 2);
}

}  // namespace

class TestGgufTokenizers : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

    std::shared_ptr<const Tokenizer> load(const test::GgufWriter& writer) const {
        writeFileAtomically(m_scratch / "vocabulary.gguf", writer.bytes());
        return loadTokenizerFrom(m_scratch / "vocabulary.gguf");
    }
    std::shared_ptr<const Tokenizer> exported(const Tokenizer& tokenizer) const {
        return test::exported(tokenizer, m_scratch / "out");
    }

  private Q_SLOTS:
    /// A SentencePiece vocabulary: the ids that `sentencepiece` makes.
    void scores() {
        test::GgufWriter writer;
        put(writer, tinyBpe());
        const auto tokenizer = load(writer);
        QVERIFY(tokenizer->addsBos());
        QVERIFY(!tokenizer->addsEos());
        const auto again = exported(*tokenizer);
        QVERIFY(again->addsBos());
        QCOMPARE(again->bosToken(), 1);
        QCOMPARE(again->eosToken(), 2);
        const auto golden = readJsonFile(test::data("text/sentencepiece.json"));
        for (std::size_t i = 0; i < golden["texts"].size(); ++i) {
            const auto& ids = golden["models"]["tiny_bpe"][i];
            if (ids.is_null()) continue;
            const auto text = golden["texts"][i].get<std::string>();
            QVERIFY2(tokenizer->encode(text) == ids.get<Ids>(), text.c_str());
            QVERIFY2(again->encode(text) == ids.get<Ids>(), text.c_str());
        }
        QCOMPARE(tokenizer->encode("<s>").front(), 1);
    }

    void switches() {
        test::GgufWriter writer;
        put(writer, tinyBpe());
        const auto plain = load(writer)->encode("the work");
        writer.boolean("tokenizer.ggml.add_space_prefix", false);
        writer.boolean("tokenizer.ggml.add_bos_token", false);
        writer.boolean("tokenizer.ggml.add_eos_token", true);
        const auto tokenizer = load(writer);
        QVERIFY(!tokenizer->addsBos());
        QVERIFY(tokenizer->addsEos());
        QVERIFY(tokenizer->encode("the work") != plain);
        QCOMPARE(tokenizer->encode(" the work"), plain);
        QCOMPARE(tokenizer->decode(plain), std::string(" the work"));
        const auto again = exported(*tokenizer);
        QVERIFY(again->addsEos());
        QCOMPARE(again->encode(" the work"), plain);
    }

    /// Of equal scores the leftmost merge is made first, whichever token it makes.
    void equalScores() {
        Vocabulary vocabulary{{"<unk>", "<s>", "</s>", "a", "b", "c", "bc", "ab"},
                              {0, 0, 0, -1, -1, -1, -2, -2},
                              {2, 3, 3, 1, 1, 1, 1, 1}};
        test::GgufWriter writer;
        put(writer, vocabulary);
        writer.boolean("tokenizer.ggml.add_space_prefix", false);
        QCOMPARE(load(writer)->encode("abc"), (Ids{7, 5}));
    }

    void brokenScores() {
        const auto changed = [&](const std::function<void(Vocabulary&)>& change) {
            auto vocabulary = tinyBpe();
            change(vocabulary);
            test::GgufWriter writer;
            put(writer, vocabulary);
            load(writer);
        };
        EXPECT_ERROR(changed([](auto& v) { v.scores.pop_back(); }), Corrupt, "scores");
        EXPECT_ERROR(changed([](auto& v) { v.types.pop_back(); }), Corrupt, "token_type");
        EXPECT_ERROR(changed([](auto& v) { v.scores[300] = std::numeric_limits<float>::quiet_NaN(); }),
                     Corrupt, "token 300");
        EXPECT_ERROR(changed([](auto& v) { v.tokens[300] = v.tokens[301]; }), Corrupt, "twice");
        EXPECT_ERROR(changed([](auto& v) {
                         v = {{"<unk>", "<s>", "</s>"}, {0, 0, 0}, {2, 3, 3}};
                     }),
                     Corrupt, "no merges");
        test::GgufWriter writer;
        writer.text("tokenizer.ggml.model", "llama");
        writer.texts("tokenizer.ggml.tokens", {"a"});
        EXPECT_ERROR(load(writer), Corrupt, "no scores");
    }

    /// Names of ways to cut text: what `tokenizers` makes with the patterns of the models' own files.
    void names_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("wanted");
        for (const auto& [name, wanted] : {std::pair{"llama-bpe", "llama 3"},
                                           {"gpt-4o", "gpt-4o"},
                                           {"qwen2", "qwen 2"},
                                           {"tekken", "tekken"},
                                           {"seed-coder", "seed coder"},
                                           {"deepseek-llm", "deepseek llm"},
                                           {"deepseek-coder", "deepseek coder"},
                                           {"deepseek-v3", "deepseek 3"},
                                           {"superbpe", "empty matches"},
                                           {"starcoder", "digits"}})
            QTest::newRow(name) << name << wanted;
    }
    void names() {
        QFETCH(QString, name);
        QFETCH(QString, wanted);
        const auto golden = readJsonFile(test::data("text/tokenizer_cases.json"));
        const auto& model = golden["models"]["bytes"];
        std::vector<std::string> tokens(model["vocab"].size()), merges;
        for (const auto& [token, id] : model["vocab"].items()) tokens.at(id.get<std::size_t>()) = token;
        for (const auto& merge : model["merges"])
            merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
        merges.push_back(merges.front());  // of the same merge, the first one counts
        test::GgufWriter writer;
        writer.text("tokenizer.ggml.model", "gpt2");
        writer.text("tokenizer.ggml.pre", name.toStdString());
        writer.texts("tokenizer.ggml.tokens", tokens);
        writer.texts("tokenizer.ggml.merges", merges);
        const auto tokenizer = load(writer);
        const auto again = exported(*tokenizer);
        int compared = 0;
        for (const auto& entry : golden["cases"]) {
            if (entry["name"] != wanted.toStdString()) continue;
            for (std::size_t i = 0; i < golden["texts"].size(); ++i, ++compared) {
                const auto text = golden["texts"][i].get<std::string>();
                QVERIFY2(tokenizer->encode(text) == entry["ids"][i].get<Ids>(), text.c_str());
                QVERIFY2(again->encode(text) == entry["ids"][i].get<Ids>(), text.c_str());
            }
        }
        QVERIFY(compared > 20);
    }

    void unknownName() {
        EXPECT_ERROR(ggufPreTokenizer("unheard-of", "x.gguf"), UnsupportedVersion, "qwen2");
        EXPECT_ERROR(ggufPreTokenizer("unheard-of", "x.gguf"), UnsupportedVersion, "'unheard-of'");
        QVERIFY(ggufPreTokenizer("llama-bpe", "x.gguf").addsBos);
        QVERIFY(!ggufPreTokenizer("qwen2", "x.gguf").addsBos);
    }
};

QTEST_APPLESS_MAIN(TestGgufTokenizers)
#include "tst_gguf_tokenizers.moc"
