// Every part of a tokenizer.json, and SentencePiece's models, against the libraries that define them.
#include <functional>
#include <random>
#include <set>

#include "core/base/file_io.h"
#include "core/text/regex.h"
#include "core/text/tokenizer.h"
#include "core/text/tokenizer_parts.h"
#include "core/text/unicode.h"
#include "support/support.h"

using namespace tessera;
using Ids = std::vector<std::int32_t>;

class TestTokenizerCases : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;
    Json m_golden;

    std::shared_ptr<const Tokenizer> load(const Json& json) const {
        writeFileAtomically(m_scratch / "case.json", json.dump());
        return loadTokenizerJson(m_scratch / "case.json");
    }
    Json assembled(const Json& entry) const {
        auto json = entry["parts"];
        json["model"] = m_golden["models"][entry["model"].get<std::string>()];
        return json;
    }
    Json named(const std::string& name) const {
        for (const auto& entry : m_golden["cases"])
            if (entry["name"] == name) return assembled(entry);
        qFatal("there is no case %s", name.c_str());
    }

  private Q_SLOTS:
    void initTestCase() { m_golden = readJsonFile(test::data("text/tokenizer_cases.json")); }

    /// What `tokenizers` makes (tests/reference/make_tokenizer_cases.py).
    void cases_data() {
        QTest::addColumn<int>("index");
        int index = 0;
        for (const auto& entry : m_golden["cases"])
            QTest::newRow(entry["name"].get<std::string>().c_str()) << index++;
    }
    void cases() {
        QFETCH(int, index);
        const auto& entry = m_golden["cases"][std::size_t(index)];
        const auto& texts = m_golden["texts"];
        const auto tokenizer = load(assembled(entry));
        const auto again = load(tokenizer->toTokenizerJson());
        const auto parts = loadTokenizerParts(tokenizerParts(*tokenizer), "parts");
        QCOMPARE(parts->bosToken(), tokenizer->bosToken());
        QCOMPARE(parts->eosToken(), tokenizer->eosToken());
        int compared = 0;
        for (std::size_t i = 0; i < texts.size(); ++i) {
            if (entry["ids"][i].is_null()) continue;
            const auto text = texts[i].get<std::string>();
            const auto ids = entry["ids"][i].get<Ids>();
            const auto made = tokenizer->encode(text);
            std::string list;
            for (const auto id : made) list += " " + std::to_string(id);
            QVERIFY2(made == ids, (text + " ->" + list).c_str());
            QVERIFY(again->encode(text) == ids);
            QVERIFY(parts->encode(text) == ids);
            QCOMPARE(parts->decode(ids), tokenizer->decode(ids));
            const auto key = std::to_string(i);
            const auto decoded = entry["decoded"].value(key, text);
            QCOMPARE(tokenizer->decode(ids), decoded);
            QCOMPARE(tokenizer->decode(ids, true), entry["plain"].value(key, decoded));
            ++compared;
        }
        QVERIFY(compared > 20);
    }

    /// What `sentencepiece` makes, and what its exported tokenizer.json makes through our own reader.
    void sentencePiece_data() {
        QTest::addColumn<QString>("name");
        for (const auto* name : {"tiny_bpe", "tiny_user", "tiny_unigram"}) QTest::newRow(name) << name;
    }
    void sentencePiece() {
        QFETCH(QString, name);
        const auto golden = readJsonFile(test::data("text/sentencepiece.json"));
        const auto tokenizer = loadTokenizerFrom(test::data("text/" + name.toStdString() + ".model"));
        QCOMPARE(tokenizer->bosToken(), 1);
        QCOMPARE(tokenizer->eosToken(), 2);
        QVERIFY(tokenizer->addsBos());
        const auto exported = tokenizer->toTokenizerJson();
        const auto again = load(exported);
        const auto parts = loadTokenizerParts(tokenizerParts(*tokenizer), "parts");
        QVERIFY(again->addsBos() && parts->addsBos());
        QCOMPARE(parts->vocabSize(), tokenizer->vocabSize());
        QCOMPARE(again->bosToken(), 1);
        const auto& lists = golden["models"][name.toStdString()];
        for (std::size_t i = 0; i < lists.size(); ++i) {
            if (lists[i].is_null()) continue;
            const auto text = golden["texts"][i].get<std::string>();
            const auto ids = lists[i].get<Ids>();
            QVERIFY2(tokenizer->encode(text) == ids, text.c_str());
            // A tokenizer.json cannot put a space before a token of the user that begins the text.
            if (name == "tiny_user" && text.starts_with("whole")) continue;
            QVERIFY2(again->encode(text) == ids, text.c_str());
            QVERIFY2(parts->encode(text) == ids, text.c_str());
            QCOMPARE(again->decode(ids), tokenizer->decode(ids));
            QCOMPARE(parts->decode(ids), tokenizer->decode(ids));
            if (name == "tiny_bpe" && text.find("\u2581") == std::string::npos)
                QCOMPARE(tokenizer->decode(ids), text);
        }
        // A text of some length, which the library gets in parts.
        const auto longText = readFile(std::filesystem::path(TESSERA_SOURCE_DIR) / "LICENSE");
        QVERIFY(tokenizer->encode(longText) == again->encode(longText));
        // Control tokens that are written out.
        const auto begin = tokenizer->encode("<s>the work</s>");
        QCOMPARE(begin.front(), 1);
        QCOMPARE(begin.back(), 2);
        QCOMPARE(again->encode("<s>the work</s>").front(), 1);
        QCOMPARE(tokenizer->decode(begin, true), std::string("the work"));
    }

    /// Binary parts that contradict themselves: an Error each, and no allocation by their word.
    void damagedParts() {
        const auto whole = tokenizerParts(*loadTokenizerFrom(test::data("text/tiny_bpe.model")));
        const auto refused = [&](const std::function<void(TokenizerParts&)>& damage) {
            auto parts = whole;
            damage(parts);
            return test::codeOf([&] { loadTokenizerParts(parts, "parts"); }) == ErrorCode::Corrupt;
        };
        QVERIFY(loadTokenizerParts(whole, "parts")->vocabSize() > 100);
        for (const std::size_t length : {0, 3, 4, 7, 100})
            QVERIFY(refused([&](auto& parts) { parts.tokens.resize(length); }));
        QVERIFY(refused([](auto& parts) { parts.tokens.pop_back(); }));
        QVERIFY(refused([](auto& parts) { parts.tokens += 'a'; }));
        QVERIFY(refused([](auto& parts) { parts.tokens.replace(0, 4, "\xff\xff\xff\xff"); }));
        QVERIFY(refused([](auto& parts) { parts.tokens.replace(4, 4, "\xff\xff\xff\xff"); }));
        QVERIFY(refused([](auto& parts) { parts.merges.pop_back(); }));
        QVERIFY(refused([](auto& parts) { parts.merges.resize(parts.merges.size() - 4); }));
        QVERIFY(refused([](auto& parts) { parts.merges.replace(0, 4, "\xff\xff\xff\x7f"); }));
        QVERIFY(refused([](auto& parts) { parts.merges.clear(); }));
        QVERIFY(refused([](auto& parts) { parts.json = "[]"; }));
        QVERIFY(refused([](auto& parts) { parts.json.pop_back(); }));
        QVERIFY(refused([](auto& parts) { parts.config = "{"; }));
        auto unigram = tokenizerParts(*loadTokenizerFrom(test::data("text/tiny_unigram.model")));
        unigram.scores.resize(unigram.scores.size() - 8);
        EXPECT_ERROR(loadTokenizerParts(unigram, "parts"), Corrupt, "scores");
    }

    /// A folder's tokenizer_config.json beside tokenizer.model: which tokens begin and end, and which are
    /// added.
    void sentencePieceFolder() {
        const auto folder = m_scratch / "folder";
        std::filesystem::create_directories(folder);
        std::filesystem::copy(test::data("text/tiny_bpe.model"), folder / "tokenizer.model");
        const auto plain = loadTokenizerFrom(folder);
        const auto size = plain->vocabSize();
        writeFileAtomically(folder / "tokenizer_config.json",
                            Json{{"bos_token", "<s>"},
                                 {"eos_token", {{"content", "<|end|>"}}},
                                 {"add_bos_token", false},
                                 {"add_eos_token", true},
                                 {"added_tokens_decoder",
                                  {{"1", {{"content", "<s>"}, {"special", true}}},
                                   {std::to_string(size), {{"content", "<|end|>"}, {"special", true}}}}}}
                                .dump());
        const auto tokenizer = loadTokenizerFrom(folder);
        QCOMPARE(tokenizer->vocabSize(), size + 1);
        QCOMPARE(tokenizer->addsBos(), false);
        QCOMPARE(tokenizer->addsEos(), true);
        QCOMPARE(tokenizer->eosToken(), static_cast<std::int32_t>(size));
        auto wanted = plain->encode("the work");
        QCOMPARE(tokenizer->encode("the work"), wanted);
        wanted.push_back(static_cast<std::int32_t>(size));
        QCOMPARE(tokenizer->encode("the work<|end|>"), wanted);
        QCOMPARE(load(tokenizer->toTokenizerJson())->encode("the work<|end|>"), wanted);
    }

    /// Tokens one by one, with the space that a whole text's beginning loses.
    void pieces() {
        for (const auto* name : {"llama 2", "metaspace always False", "gpt-2"}) {
            const auto tokenizer = load(named(name));
            const std::string text = "the licence";
            const auto ids = tokenizer->encode(text);
            std::string joined;
            for (const auto id : ids) joined += tokenizer->piece(id);
            QCOMPARE(joined, std::string(name) == "gpt-2" ? text : " " + text);
            QCOMPARE(tokenizer->decode(ids), text);
        }
    }

    /// Random Unicode comes back whole from kinds that lose nothing.
    void decodesWhatItEncodes() {
        std::mt19937 random(9);
        for (const auto* name : {"gpt-2", "llama 3", "gemma", "unigram bytes", "llama 2"}) {
            auto json = named(name);
            json["added_tokens"] = Json::array();  // some of which take spaces along
            const auto tokenizer = load(json);
            for (int i = 0; i < 60; ++i) {
                std::string text;
                for (int k = 0; k < 60; ++k) {
                    char32_t c = random() % 3 ? 32 + random() % 95 : random() % 0x30000;
                    if ((c >= 0xd800 && c < 0xe000) || c == 0x2581) c = '\n';
                    text += QString::fromUcs4(&c, 1).toStdString();
                }
                if (std::string(name) == "unigram bytes" && text[0] == ' ') text[0] = 'x';
                QCOMPARE(tokenizer->decode(tokenizer->encode(text)), text);
            }
        }
    }

    void postProcessors() {
        auto json = named("llama 2");
        const auto special = [](const char* id) {
            return Json{{"SpecialToken", {{"id", id}, {"type_id", 0}}}};
        };
        const Json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
        const auto with = [&](const Json& single) {
            json["post_processor"] = {
                {"type", "Sequence"},
                {"processors",
                 {{{"type", "ByteLevel"}},
                  {{"type", "TemplateProcessing"},
                   {"single", single},
                   {"special_tokens",
                    {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}},
                     {"</s>", {{"id", "</s>"}, {"ids", {2}}, {"tokens", {"</s>"}}}}}}}}}};
            return load(json);
        };
        auto tokenizer = with({special("<s>"), text, special("</s>")});
        QVERIFY(tokenizer->addsBos() && tokenizer->addsEos());
        QCOMPARE(tokenizer->bosToken(), 1);
        QCOMPARE(tokenizer->eosToken(), 2);
        QVERIFY(!with({text, special("</s>")})->addsBos());
        QVERIFY(!with({special("<s>"), text})->addsEos());
        EXPECT_ERROR(with({special("<s>"), special("<s>"), text}), UnsupportedVersion, "/post_processor");
        EXPECT_ERROR(with({special("<pad>"), text}), Corrupt, "<pad>");
        json["post_processor"] = {{"type", "BertProcessing"}};
        EXPECT_ERROR(load(json), UnsupportedVersion, "BertProcessing");
    }

    /// What is not known is refused by its name, with the place.
    void refused() {
        const auto with = [&](const char* part, const Json& value) {
            auto json = named("gpt-2");
            json[part] = value;
            load(json);
        };
        EXPECT_ERROR(with("normalizer", {{"type", "Sequence"},
                                         {"normalizers", {{{"type", "NFC"}}, {{"type", "Precompiled"}}}}}),
                     UnsupportedVersion, "/normalizer/normalizers/1");
        EXPECT_ERROR(with("pre_tokenizer", {{"type", "UnicodeScripts"}}), UnsupportedVersion,
                     "UnicodeScripts");
        EXPECT_ERROR(with("decoder", {{"type", "CTC"}}), UnsupportedVersion, "CTC");
        EXPECT_ERROR(
            with("pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", "x"}}}, {"behavior", "Torn"}}),
            UnsupportedVersion, "Torn");
        EXPECT_ERROR(with("pre_tokenizer", {{"type", "Split"}}), Corrupt, "pattern");
        EXPECT_ERROR(with("pre_tokenizer", {{"type", "Sequence"}}), Corrupt, "pretokenizers");
        EXPECT_ERROR(with("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", 5}}), Corrupt,
                     "replacement");
        EXPECT_ERROR(with("normalizer", Json::array()), Corrupt, "/normalizer");
        EXPECT_ERROR(
            with("normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "("}}}, {"content", ""}}),
            Corrupt, "/normalizer/pattern/Regex");
        for (const auto* pattern : {"[a[bc]]", "[a&&b]", "[[:alpha:]]", "a{2,3}+", "\\u12", "[a", "[\\W]"})
            EXPECT_ERROR(pcreFromOniguruma(pattern, "here"), UnsupportedVersion, "here");
        auto json = named("gpt-2");
        json["model"]["end_of_word_suffix"] = "</w>";
        EXPECT_ERROR(load(json), UnsupportedVersion, "end_of_word_suffix");
        json = named("gpt-2");
        json["model"]["dropout"] = 0.1;
        EXPECT_ERROR(load(json), UnsupportedVersion, "dropout");
    }

    /// Every character that the installed Unicode knows, by the classes of the library's regular expressions
    /// (tests/reference/make_character_classes.py).
    void characterClasses() {
        const auto golden = readJsonFile(test::data("text/character_classes.json"));
        const auto matches = [](const Regex& regex, char32_t c) {
            std::size_t begin = 0, end = 0;
            std::string text;
            unicode::append(text, c);
            return regex.find(text, 0, begin, end);
        };
        const Regex unassigned("\\p{Cn}", "here");
        for (const auto& [pattern, ranges] : golden.items()) {
            std::vector<bool> wanted(0x110000, false);
            for (const auto& range : ranges)
                for (auto c = range[0].get<std::size_t>(); c <= range[1].get<std::size_t>(); ++c)
                    wanted[c] = true;
            const Regex alone(pattern, "here"), within("[" + pattern + "]", "here"),
                without("[^" + pattern + "]", "here");
            int counted = 0;
            for (char32_t c = 1; c < 0x30000; ++c) {
                if ((c >= 0xd800 && c < 0xe000) || matches(unassigned, c)) continue;
                const auto where = QString("%1 of U+%2").arg(pattern.c_str()).arg(std::uint32_t(c), 0, 16);
                QVERIFY2(matches(alone, c) == wanted[c], qPrintable(where));
                QVERIFY2(matches(within, c) == wanted[c], qPrintable(where));
                QVERIFY2(matches(without, c) == !wanted[c], qPrintable(where));
                counted += wanted[c];
            }
            QVERIFY(counted > 10);
        }
        const Regex noSpace("[\\Sa]", "here"), space("\\s", "here"), noWord("\\W", "here"),
            word("\\w", "here");
        for (char32_t c = 1; c < 0xd800; ++c) {
            QVERIFY(matches(noSpace, c) == !matches(space, c));
            QVERIFY(matches(noWord, c) == !matches(word, c));
        }
    }

    void hostile() {
        const auto changed = [&](const char* name, const std::function<void(Json&)>& change) {
            auto json = named(name);
            change(json);
            load(json);
        };
        EXPECT_ERROR(changed("gpt-2", [](Json& j) { j["model"].erase("merges"); }), Corrupt, "no merges");
        EXPECT_ERROR(changed("gpt-2", [](Json& j) { j["model"]["vocab"] = 7; }), Corrupt, "no vocab");
        EXPECT_ERROR(changed("gpt-2", [](Json& j) { j["model"]["vocab"]["qqq"] = 5; }), Corrupt, "same id 5");
        EXPECT_ERROR(changed("gpt-2", [](Json& j) { j["model"]["vocab"]["qqq"] = -1; }), Corrupt, "id -1");
        EXPECT_ERROR(changed("gpt-2", [](Json& j) { j["model"]["vocab"]["qqq"] = std::int64_t(1) << 40; }),
                     Corrupt, "1099511627776");
        EXPECT_ERROR(changed("gpt-2", [](Json& j) { j["model"]["vocab"]["qqq"] = "5"; }), Corrupt,
                     "whole number");
        EXPECT_ERROR(changed("gpt-2",
                             [](Json& j) {
                                 j["model"]["merges"].push_back({"q", "zz"});
                             }),
                     Corrupt, "'zz'");
        EXPECT_ERROR(changed("gpt-2",
                             [](Json& j) {
                                 j["model"]["merges"].push_back({"q", ""});
                             }),
                     Corrupt, "not in the vocabulary");
        EXPECT_ERROR(changed("gpt-2", [](Json& j) { j["model"]["merges"].push_back("a b c"); }), Corrupt,
                     "a b c");
        EXPECT_ERROR(changed("gpt-2", [](Json& j) { j["model"]["merges"].push_back(3); }), Corrupt,
                     "wrong type");
        EXPECT_ERROR(
            changed("gpt-2",
                    [](Json& j) {
                        j["added_tokens"].push_back({{"id", std::int64_t(1) << 40}, {"content", "x"}});
                    }),
            Corrupt, "1099511627776");
        EXPECT_ERROR(changed("gpt-2",
                             [](Json& j) {
                                 j["added_tokens"].push_back({{"id", 3}, {"content", "qq"}});
                             }),
                     Corrupt, "same id 3");
        EXPECT_ERROR(changed("gpt-2",
                             [](Json& j) {
                                 j["added_tokens"].push_back({{"id", 3}});
                             }),
                     Corrupt, "content");
        EXPECT_ERROR(changed("unigram", [](Json& j) { j["model"]["unk_id"] = 100000; }), Corrupt, "100000");
        EXPECT_ERROR(changed("unigram", [](Json& j) { j["model"]["vocab"].push_back({"a"}); }), Corrupt,
                     "wrong type");
        EXPECT_ERROR(changed("unigram",
                             [](Json& j) {
                                 const auto first = j["model"]["vocab"][5];
                                 j["model"]["vocab"].push_back(first);
                             }),
                     Corrupt, "twice");
        auto unknown = named("unigram");
        unknown["model"]["unk_id"] = nullptr;
        EXPECT_ERROR(load(unknown)->encode("\xe6\x97\xa5"), InvalidInput, "vocabulary lacks");
        // A pre-tokenizer within pre-tokenizers, a thousand deep.
        std::string deep;
        for (int i = 0; i < 1000; ++i) deep += R"({"type":"Sequence","pretokenizers":[)";
        deep += "null";
        for (int i = 0; i < 1000; ++i) deep += "]}";
        writeFileAtomically(m_scratch / "deep.json", "{\"model\":{},\"pre_tokenizer\":" + deep + "}");
        EXPECT_ERROR(loadTokenizerJson(m_scratch / "deep.json"), Corrupt, "deep.json");
        // A text that has a pattern go back without end.
        auto slow = named("gpt-2");
        slow["pre_tokenizer"] = {
            {"type", "Split"}, {"pattern", {{"Regex", "(a+)+$"}}}, {"behavior", "Isolated"}};
        EXPECT_ERROR(load(slow)->encode(std::string(60, 'a') + "b"), InvalidInput, "split into words");
    }

    void hostileSentencePiece() {
        const auto whole = readFile(test::data("text/tiny_bpe.model"));
        const auto load = [&](const std::string& bytes) {
            writeFileAtomically(m_scratch / "hostile.model", bytes);
            return loadTokenizerFrom(m_scratch / "hostile.model");
        };
        EXPECT_ERROR(load(""), Corrupt, "no pieces");
        EXPECT_ERROR(load("IQ== 0\nIg== 1\n"), Corrupt, "no pieces");
        EXPECT_ERROR(load(whole.substr(0, whole.size() - 3)), Corrupt, "hostile.model");
        EXPECT_ERROR(load(std::string("\x0a\xff\xff\xff\xff\xff\x1f", 7)), Corrupt, "byte");
        // The first piece once more, and one without a text.
        EXPECT_ERROR(load(whole + whole.substr(0, 2 + static_cast<unsigned char>(whole[1]))), Corrupt,
                     "already defined");
        EXPECT_ERROR(load(whole + std::string("\x0a\x02\x18\x01", 4)), Corrupt, "empty");
        // A trainer of the kind WORD; a map of characters that points outside.
        EXPECT_ERROR(load(whole + std::string("\x12\x02\x18\x03", 4)), UnsupportedVersion, "WORD");
        std::string map("\x00\x04\x00\x00", 4);
        map += std::string(1024, '\xff').replace(0, 4, std::string("\x00\xfe\xff\x7f", 4)) +
               std::string(1, '\0');
        std::string normalizer = "\x12" + std::string(1, static_cast<char>(0x80 | (map.size() & 0x7f))) +
                                 std::string(1, static_cast<char>(map.size() >> 7)) + map;
        normalizer = "\x1a" + std::string(1, static_cast<char>(0x80 | (normalizer.size() & 0x7f))) +
                     std::string(1, static_cast<char>(normalizer.size() >> 7)) + normalizer;
        EXPECT_ERROR(load(whole + normalizer), Corrupt, "map of characters");
        // Any byte wrong: an Error or a tokenizer, never anything else.
        std::mt19937 random(4);
        for (int i = 0; i < 300; ++i) {
            auto bytes = whole;
            bytes[random() % bytes.size()] = static_cast<char>(random());
            try {
                load(bytes)->encode("the work");
            } catch (const Error&) {
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestTokenizerCases)
#include "tst_tokenizer_cases.moc"
