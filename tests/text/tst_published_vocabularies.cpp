// Whole published vocabularies, where the optional evaluation data are.
#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <sstream>

#include "core/base/file_io.h"
#include "core/base/sha256.h"
#include "core/text/tokenizer.h"
#include "core/text/tokenizer_parts.h"
#include "support/support.h"
#include "text/tokenizer_export.h"

using namespace tessera;
using Ids = std::vector<std::int32_t>;

class TestPublishedVocabularies : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

    /// The file as it is to be opened; empty where it is absent.
    std::filesystem::path vocabulary(const std::string& name) const {
        const auto found = test::evaluationData("tokenizers/" + name);
        if (found.empty() || found.extension() != ".gz") return found;
        std::filesystem::copy_file(found.parent_path() / "tokenizer_config.json",
                                   m_scratch / "tokenizer_config.json",
                                   std::filesystem::copy_options::overwrite_existing);
        const auto unpacked = m_scratch / "tokenizer.json";
        const auto command = "gzip -dc '" + found.string() + "' > '" + unpacked.string() + "'";
        return std::system(command.c_str()) == 0 ? unpacked : std::filesystem::path();
    }
    std::shared_ptr<const Tokenizer> exported(const Tokenizer& tokenizer) const {
        return test::exported(tokenizer, m_scratch / "out");
    }

  private Q_SLOTS:
    /// llama.cpp's vectors.
    void vectors_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("texts");
        QTest::newRow("gpt-2") << "ggml-vocab-gpt-2.gguf"
                               << "ggml-vocab-gpt-2.gguf";
        QTest::newRow("llama-spm") << "ggml-vocab-llama-spm.gguf"
                                   << "ggml-vocab-llama-spm.gguf";
        QTest::newRow("llama 2's model") << "llama2-tokenizer.model"
                                         << "ggml-vocab-llama-spm.gguf";
        QTest::newRow("qwen3") << "qwen3/tokenizer.json.gz"
                               << "ggml-vocab-qwen2.gguf";
    }
    void vectors() {
        QFETCH(QString, file);
        QFETCH(QString, texts);
        const auto path = vocabulary(file.toStdString());
        const auto inputs = test::evaluationData("tokenizers/" + texts.toStdString() + ".inp");
        const auto outputs = test::evaluationData("tokenizers/" + texts.toStdString() + ".out");
        if (path.empty() || inputs.empty() || outputs.empty())
            QSKIP("the vocabulary or its vectors are not in TESSERA_TEST_DATA");
        const auto tokenizer = loadTokenizerFrom(path);
        const auto again = exported(*tokenizer);
        const auto parts = loadTokenizerParts(tokenizerParts(*tokenizer), "parts");
        QCOMPARE(again->bosToken(), tokenizer->bosToken());
        QCOMPARE(again->eosToken(), tokenizer->eosToken());
        QCOMPARE(again->addsBos(), tokenizer->addsBos());
        const auto text = readFile(inputs), wanted = readFile(outputs);
        const std::string between = "\n__ggml_vocab_test__\n";
        int checked = 0;
        std::size_t line = 0;
        for (std::size_t begin = 0; line < wanted.size(); ++checked) {
            const auto end = std::min(text.find(between, begin), text.size());
            const auto lineEnd = std::min(wanted.find('\n', line), wanted.size());
            std::istringstream numbers(wanted.substr(line, lineEnd - line));
            Ids ids;
            for (std::int32_t id = 0; numbers >> id;) ids.push_back(id);
            const auto one = text.substr(begin, end - begin);
            QVERIFY2(tokenizer->encode(one) == ids, one.c_str());
            QVERIFY2(again->encode(one) == ids, one.c_str());
            QVERIFY2(parts->encode(one) == ids, one.c_str());
            QCOMPARE(tokenizer->decode(ids), one);
            begin = end + between.size();
            line = lineEnd + 1;
        }
        QVERIFY(checked > 30);
    }

    /// All of WikiText-2's test text: what `tokenizers` and `sentencepiece` make of it
    /// (tests/reference/make_wikitext_ids.py).
    void wikiText_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("name");
        QTest::newRow("gpt-2") << "ggml-vocab-gpt-2.gguf"
                               << "gpt-2";
        QTest::newRow("llama-spm") << "ggml-vocab-llama-spm.gguf"
                                   << "llama-2";
        QTest::newRow("llama 2's model") << "llama2-tokenizer.model"
                                         << "llama-2";
        QTest::newRow("qwen3") << "qwen3/tokenizer.json.gz"
                               << "qwen3";
    }
    void wikiText() {
        QFETCH(QString, file);
        QFETCH(QString, name);
        const auto text = test::evaluationData("wikitext2/wiki.test.raw");
        const auto path = vocabulary(file.toStdString());
        if (text.empty() || path.empty()) QSKIP("WikiText-2 or the vocabulary is not in TESSERA_TEST_DATA");
        const auto golden = readJsonFile(test::data("text/wikitext_ids.json"))[name.toStdString()];
        const auto tokenizer = loadTokenizerFrom(path);
        const auto content = readFile(text);
        const auto ids = tokenizer->encode(content);
        QCOMPARE(ids.size(), golden["count"].get<std::size_t>());
        QCOMPARE(sha256Hex(std::as_bytes(std::span(ids))), golden["sha256"].get<std::string>());
        QCOMPARE(tokenizer->decode(ids), content);
        QVERIFY(exported(*tokenizer)->encode(content) == ids);
    }

    /// SentencePiece itself, our merges of its scores, and our reading of what we export: the same ids of any
    /// text.
    void llama2OverRandomUnicode() {
        const auto model = vocabulary("llama2-tokenizer.model"),
                   gguf = vocabulary("ggml-vocab-llama-spm.gguf");
        if (model.empty() || gguf.empty()) QSKIP("Llama 2's vocabulary is not in TESSERA_TEST_DATA");
        sentencepiece::SentencePieceProcessor library;
        QVERIFY(library.Load(model.string()).ok());
        const auto ours = loadTokenizerFrom(model), merges = loadTokenizerFrom(gguf);
        const auto again = exported(*ours);
        QCOMPARE(ours->vocabSize(), std::int64_t(32000));
        QCOMPARE(merges->vocabSize(), ours->vocabSize());
        QVERIFY(merges->addsBos() && ours->addsBos());
        std::mt19937 random(12);
        const char32_t ranges[][2] = {{0x20, 0x7f},     {0x20, 0x7f},      {0xa0, 0x24f},
                                      {0x370, 0x5ff},   {0x3040, 0x30ff},  {0x4e00, 0x9fff},
                                      {0xac00, 0xd7a3}, {0x1f300, 0x1f64f}};
        for (int i = 0; i < 300; ++i) {
            std::string text;
            for (int k = 0; k < 200; ++k) {
                const auto& range = ranges[random() % 8];
                char32_t c = range[0] + random() % (range[1] - range[0]);
                if (random() % 6 == 0) c = U" \n\t "[random() % 4];
                text += QString::fromUcs4(&c, 1).toStdString();
            }
            const auto made = library.EncodeAsIds(text);
            const Ids ids(made.begin(), made.end());
            QVERIFY2(ours->encode(text) == ids, text.c_str());
            QVERIFY2(merges->encode(text) == ids, text.c_str());
            QVERIFY2(again->encode(text) == ids, text.c_str());
            QCOMPARE(merges->decode(ids), text);
        }
    }
};

QTEST_APPLESS_MAIN(TestPublishedVocabularies)
#include "tst_published_vocabularies.moc"
