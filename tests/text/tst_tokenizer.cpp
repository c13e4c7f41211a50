#include <functional>
#include <random>

#include "core/base/file_io.h"
#include "core/base/sha256.h"
#include "core/formats/gguf.h"
#include "core/formats/model_files.h"
#include "core/session/model_catalogue.h"
#include "core/text/bpe_trainer.h"
#include "core/text/corpus.h"
#include "core/text/tokenizer.h"
#include "support/model_as_gguf.h"
#include "support/support.h"

using namespace tessera;

namespace {

const std::filesystem::path kStarter =
    std::filesystem::path(TESSERA_SOURCE_DIR) / "resources" / "starter" / "tokenizer.json";

std::string randomText(std::mt19937& random, int characters) {
    std::string text;
    for (int i = 0; i < characters; ++i) {
        const std::uint32_t kind = random() % 5;
        std::uint32_t c = kind < 3    ? 32 + random() % 95
                          : kind == 3 ? 0xa0 + random() % 0x2000
                                      : 0x10000 + random() % 0x10000;
        if (random() % 20 == 0) c = '\n';
        if (c < 0x80) {
            text += static_cast<char>(c);
        } else if (c < 0x800) {
            text += static_cast<char>(0xc0 | c >> 6);
            text += static_cast<char>(0x80 | (c & 63));
        } else if (c < 0x10000) {
            text += static_cast<char>(0xe0 | c >> 12);
            text += static_cast<char>(0x80 | (c >> 6 & 63));
            text += static_cast<char>(0x80 | (c & 63));
        } else {
            text += static_cast<char>(0xf0 | c >> 18);
            text += static_cast<char>(0x80 | (c >> 12 & 63));
            text += static_cast<char>(0x80 | (c >> 6 & 63));
            text += static_cast<char>(0x80 | (c & 63));
        }
    }
    return text;
}

}  // namespace

class TestTokenizer : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

  private Q_SLOTS:
    /// Ids that the `tokenizers` library (0.23) gives for resources/starter/tokenizer.json, made by
    ///   Tokenizer.from_file("tokenizer.json").encode(text).ids
    void starterIds() {
        const auto golden = readJsonFile(test::data("text/starter_ids.json"));
        const auto tokenizer = loadTokenizerJson(kStarter);
        for (const auto& entry : golden) {
            const auto text = entry["text"].get<std::string>();
            QCOMPARE(tokenizer->encode(text), entry["ids"].get<std::vector<std::int32_t>>());
        }
    }

    void decodesWhatItEncodes() {
        const auto tokenizer = loadTokenizerJson(kStarter);
        std::mt19937 random(5);
        for (int i = 0; i < 200; ++i) {
            const auto text = randomText(random, 1 + static_cast<int>(random() % 200));
            QCOMPARE(tokenizer->decode(tokenizer->encode(text)), text);
        }
    }

    void survivesItsOwnJson() {
        const auto tokenizer = loadTokenizerJson(kStarter);
        writeFileAtomically(m_scratch / "tokenizer.json", tokenizer->toTokenizerJson().dump());
        writeFileAtomically(m_scratch / "tokenizer_config.json", tokenizer->toTokenizerConfig().dump());
        const auto again = loadTokenizerJson(m_scratch / "tokenizer.json");
        const std::string text = "The mask keeps 50 % of the weights.\n\n  def f(x):\n\treturn x\xc2\xb2";
        QCOMPARE(again->encode(text), tokenizer->encode(text));
        QCOMPARE(again->eosToken(), tokenizer->eosToken());
    }

    /// Whether a text begins with BOS: tokenizer_config.json says, else the template in tokenizer.json.
    void beginningOfText() {
        auto json = readJsonFile(kStarter);
        const auto adds = [&](const Json& config) {
            writeFileAtomically(m_scratch / "bos/tokenizer.json", json.dump());
            writeFileAtomically(m_scratch / "bos/tokenizer_config.json", config.dump());
            const auto tokenizer = loadTokenizerJson(m_scratch / "bos/tokenizer.json");
            return tokenizer->addsBos() ? tokenizer->bosToken() : -1;
        };
        std::filesystem::create_directories(m_scratch / "bos");
        const auto plain = Json{{"bos_token", "<|endoftext|>"}};
        auto asked = plain, refused = plain;
        asked["add_bos_token"] = true;
        refused["add_bos_token"] = false;
        QCOMPARE(adds(plain), -1);
        QCOMPARE(adds(asked), 0);
        const Json single = {{{"SpecialToken", {{"id", "<|endoftext|>"}, {"type_id", 0}}}},
                             {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}};
        const Json byLevel{{"type", "ByteLevel"}},
            byTemplate{{"type", "TemplateProcessing"}, {"single", single}};
        json["post_processor"] = {{"type", "Sequence"}, {"processors", {byLevel, byTemplate}}};
        QCOMPARE(adds(plain), 0);
        QCOMPARE(adds(Json::object()), 0);
        QCOMPARE(adds(refused), -1);
        json["post_processor"] = byLevel;
        QCOMPARE(adds(plain), -1);
    }

    void trainedVocabulary() {
        std::string text;
        for (int i = 0; i < 300; ++i)
            text += "the sparse mask and the dense mask of block " + std::to_string(i) + "\n";
        const auto json = trainByteLevelBpe(text, 300);
        writeFileAtomically(m_scratch / "trained.json", json.dump());
        const auto tokenizer = loadTokenizerJson(m_scratch / "trained.json");
        QCOMPARE(tokenizer->vocabSize(), std::int64_t(300));
        QCOMPARE(tokenizer->decode(tokenizer->encode(text)), text);
        QVERIFY(tokenizer->encode("the mask").size() <= 3);
    }

    void brokenTokenizers() {
        auto json = readJsonFile(kStarter);
        const auto load = [&](const Json& changed) {
            writeFileAtomically(m_scratch / "broken.json", changed.dump());
            loadTokenizerJson(m_scratch / "broken.json");
        };
        auto changed = json;
        changed["model"].erase("merges");
        EXPECT_ERROR(load(changed), Corrupt, "no merges");
        changed = json;
        changed["model"]["merges"] = Json::array();
        EXPECT_ERROR(load(changed), Corrupt, "no merges");
        changed = json;
        changed["model"]["merges"][5] = "onlyone";
        EXPECT_ERROR(load(changed), Corrupt, "onlyone");
        changed = json;
        changed["model"]["vocab"]["new"] = std::int64_t(1) << 40;
        EXPECT_ERROR(load(changed), Corrupt, "id");
        changed = json;
        changed["model"]["type"] = "WordPiece";
        EXPECT_ERROR(load(changed), UnsupportedVersion, "WordPiece");
        changed = json;
        changed["normalizer"] = {{"type", "Nmt"}};
        EXPECT_ERROR(load(changed), UnsupportedVersion, "Nmt");
        EXPECT_ERROR(load(Json::object()), Corrupt, "no model");
    }

    void texts() {
        const auto tokenizer = loadTokenizerJson(kStarter);
        const auto write = [&](const std::string& name, const std::string& content) {
            writeFileAtomically(m_scratch / name, content);
            return m_scratch / name;
        };
        EXPECT_ERROR(
            tokenizeCorpus(*tokenizer, {write("short.txt", "three little words")}, CorpusPart::Learn, 512),
            InvalidInput, "512");
        EXPECT_ERROR(readText({write("bad.txt", "good\nbad \xff\xfe")}), InvalidInput, "bad.txt");
        EXPECT_ERROR(readText({write("a.jsonl", "{\"text\": \"x\"}\n{\"body\": \"y\"}\n")}), InvalidInput,
                     "line 2");
        EXPECT_ERROR(readText({m_scratch / "none.txt"}), NotFound, "none.txt");
        QVERIFY(
            readText({write("b.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\"}\n")}).find("one\n\ntwo") !=
            std::string::npos);
    }

    /// The starter's tokenizer as a GGUF holds one: the same ids, and out of it a tokenizer.json that makes
    /// the same ids once more.
    void insideAGguf() {
        const auto original = loadTokenizerJson(kStarter);
        const auto json = readJsonFile(kStarter);
        test::GgufWriter writer;
        test::putTokenizer(writer, json, original->eosToken());
        writeFileAtomically(m_scratch / "vocabulary.gguf", writer.bytes());
        const auto inside = loadTokenizerFrom(m_scratch / "vocabulary.gguf");
        QCOMPARE(inside->vocabSize(), original->vocabSize());
        QCOMPARE(inside->eosToken(), original->eosToken());
        QCOMPARE(inside->addsBos(), false);
        const auto folder = m_scratch / "out";
        std::filesystem::create_directories(folder);
        writeFileAtomically(folder / "tokenizer.json", inside->toTokenizerJson().dump());
        writeFileAtomically(folder / "tokenizer_config.json", inside->toTokenizerConfig().dump());
        const auto again = loadTokenizerFrom(folder);
        QCOMPARE(again->eosToken(), original->eosToken());
        const auto golden = readJsonFile(test::data("text/starter_ids.json"));
        for (const auto& entry : golden) {
            const auto text = entry["text"].get<std::string>();
            const auto ids = entry["ids"].get<std::vector<std::int32_t>>();
            QCOMPARE(inside->encode(text), ids);
            QCOMPARE(again->encode(text), ids);
        }
        std::mt19937 random(6);
        for (int i = 0; i < 100; ++i) {
            const auto text = randomText(random, 100);
            QCOMPARE(inside->encode(text), original->encode(text));
            QCOMPARE(again->encode(text), original->encode(text));
        }
    }

    /// A GGUF's tokenizer without merges, with a merge of one word, with ids outside: a sentence each.
    void brokenGgufTokenizers() {
        const auto load = [&](const std::function<void(test::GgufWriter&)>& add) {
            test::GgufWriter writer;
            add(writer);
            writeFileAtomically(m_scratch / "broken.gguf", writer.bytes());
            loadTokenizerFrom(m_scratch / "broken.gguf");
        };
        const auto begin = [](test::GgufWriter& w) {
            w.text("tokenizer.ggml.model", "gpt2");
            w.texts("tokenizer.ggml.tokens", {"a", "b", "ab"});
        };
        EXPECT_ERROR(load(begin), Corrupt, "no merges");
        EXPECT_ERROR(load([&](auto& w) { begin(w), w.texts("tokenizer.ggml.merges", {}); }), Corrupt,
                     "no merges");
        EXPECT_ERROR(load([&](auto& w) { begin(w), w.texts("tokenizer.ggml.merges", {"ab"}); }), Corrupt,
                     "'ab'");
        EXPECT_ERROR(load([&](auto& w) { begin(w), w.texts("tokenizer.ggml.merges", {"a c"}); }), Corrupt,
                     "not in the vocabulary");
        EXPECT_ERROR(load([&](auto& w) {
                         begin(w), w.texts("tokenizer.ggml.merges", {"a b"});
                         w.u32("tokenizer.ggml.eos_token_id", 3);
                     }),
                     Corrupt, "eos_token_id");
        EXPECT_ERROR(load([](auto& w) { w.text("tokenizer.ggml.model", "rwkv"); }), UnsupportedVersion,
                     "rwkv");
        EXPECT_ERROR(load([](auto& w) { w.u32("tokenizer.ggml.model", 1); }), Corrupt,
                     "tokenizer.ggml.model");
        EXPECT_ERROR(load([&](auto& w) { begin(w), w.text("tokenizer.ggml.merges", "a b"); }), Corrupt,
                     "list of texts");
    }

    /// Lines keep their ends, blank ones are empty: as the rows of the published data set.
    void publishedProtocol() {
        QCOMPARE(joinedAsPublished(""), std::string());
        QCOMPARE(joinedAsPublished("one"), std::string("one"));
        QCOMPARE(joinedAsPublished("one\n"), std::string("one\n"));
        QCOMPARE(joinedAsPublished(" \n = T = \n \nbody\n"), std::string("\n\n = T = \n\n\n\n\nbody\n"));
        const auto text = test::evaluationData("wikitext2/wiki.test.raw"),
                   vocabulary = test::evaluationData("tokenizers/ggml-vocab-gpt-2.gguf");
        if (text.empty() || vocabulary.empty()) QSKIP("WikiText-2 is not in TESSERA_TEST_DATA");
        // The number that every evaluation of GPT-2 on WikiText-2 with transformers begins with.
        QCOMPARE(loadTokenizerFrom(vocabulary)->encode(joinedAsPublished(readFile(text))).size(),
                 std::size_t(287644));
    }

    /// The whole of WikiText-2's test text with the tokenizer inside SmolLM2's GGUF: the ids that
    /// `transformers` makes; and from the tokenizer.json of an export the same ones.
    void smollmOnWikiText() {
        const auto text = test::evaluationData("wikitext2/wiki.test.raw");
        if (text.empty()) QSKIP("WikiText-2 is not in TESSERA_TEST_DATA");
        const auto model = catalogueModel("smollm2-135m");
        if (!model.installed()) QSKIP("SmolLM2 is not installed: tessera-cli models fetch smollm2-135m");
        const auto tokenizer = loadTokenizerGguf(*GgufFile::open(model.path()));
        const auto content = readFile(text);
        const auto ids = tokenizer->encode(content);
        const auto golden = readJsonFile(test::data("smollm2/golden.json"));
        QCOMPARE(ids.size(), std::size_t(303415));
        QCOMPARE(golden["ids"].get<std::size_t>(), ids.size());
        QCOMPARE(sha256Hex(std::as_bytes(std::span(ids))), golden["ids_sha256"].get<std::string>());
        QCOMPARE(tokenizer->decode(ids), content);
        QCOMPARE(tokenizer->addsBos(), false);
        writeFileAtomically(m_scratch / "smollm.json", tokenizer->toTokenizerJson().dump());
        QVERIFY(loadTokenizerJson(m_scratch / "smollm.json")->encode(content) == ids);
    }
};

QTEST_APPLESS_MAIN(TestTokenizer)
#include "tst_tokenizer.moc"
