// The ten tasks' prompts against lm-evaluation-harness's own (tests/reference/make_task_choices.py), and
// files that are not what they should be.
#include <QTest>
#include <fstream>

#include "core/base/json.h"
#include "core/evaluate/tasks/task.h"
#include "core/evaluate/tasks/task_text.h"
#include "support/support.h"

using namespace tessera;

class TestTaskReaders : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

    std::filesystem::path file(const std::string& name, const std::string& content) {
        const auto path = m_scratch / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }

  private Q_SLOTS:
    void promptsAreTheHarnesss_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QStringList>("golden");
        for (const auto* name : {"piqa", "arc_easy", "arc_challenge", "winogrande", "openbookqa", "race",
                                 "hellaswag", "boolq", "lambada_openai"})
            QTest::addRow("%s", name) << QString(name) << QStringList{name};
        QTest::addRow("mmlu") << QString("mmlu") << QStringList{"mmlu/anatomy", "mmlu/high_school_physics"};
    }
    void promptsAreTheHarnesss() {
        QFETCH(QString, name);
        QFETCH(QStringList, golden);
        const auto task = readTask(name.toStdString(), test::data("tasks/" + name.toStdString()));
        const auto all = readJsonFile(test::data("tasks/golden.json"))["requests"];
        std::size_t i = 0;
        for (const auto& part : golden)
            for (const auto& item : all[part.toStdString()]["items"]) {
                QVERIFY(i < task.items.size());
                const auto& own = task.items[i++];
                QCOMPARE(own.requests.size(), item["requests"].size());
                for (std::size_t r = 0; r < own.requests.size(); ++r) {
                    QCOMPARE(own.requests[r].context, item["requests"][r][0].get<std::string>());
                    QCOMPARE(own.requests[r].continuation, item["requests"][r][1].get<std::string>());
                }
                // WinoGrande's target is the text behind the blank, LAMBADA's the last word.
                const auto& target = item["target"];
                const auto written = target.is_string() ? target.get<std::string>() : target.dump();
                if (name != "winogrande" && name != "lambada_openai")
                    QCOMPARE(std::to_string(own.target), written);
            }
        QCOMPARE(i, task.items.size());
    }

    void targetsOfTheBlanks() {
        const auto task = readTask("winogrande", test::data("tasks/winogrande"));
        std::vector<std::size_t> targets;
        for (const auto& item : task.items) targets.push_back(item.target);
        QCOMPARE(targets, (std::vector<std::size_t>{1, 0, 0, 0}));
        // Without the list of labels the items' own answers count.
        const auto alone =
            file("alone/dev.jsonl", R"({"sentence":"A _ b","option1":"x","option2":"y","answer":"2"})");
        QCOMPARE(readTask("winogrande", alone).items[0].target, std::size_t(1));
    }

    void limitCutsEverySubject() {
        const auto task = readTask("mmlu", test::data("tasks/mmlu"), 1);
        QCOMPARE(task.items.size(), std::size_t(2));
        QCOMPARE(task.groups, (std::vector<std::string>{"anatomy", "high_school_physics"}));
        QCOMPARE(task.items[1].group, std::size_t(1));
        QCOMPARE(readTask("piqa", test::data("tasks/piqa"), 2).items.size(), std::size_t(2));
        QCOMPARE(readTask("piqa", test::data("tasks/piqa"), 99).items.size(), std::size_t(3));
    }

    void bothLayoutsOfBoolQ() {
        const auto google =
            file("google/dev.jsonl", R"({"question":"q","title":"t","answer":true,"passage":"p"})"
                                     "\r\n\n");
        const auto task = readTask("boolq", google.parent_path());
        QCOMPARE(task.items.size(), std::size_t(1));
        QCOMPARE(task.items[0].target, std::size_t(1));
        QCOMPARE(task.items[0].requests[0].context, std::string("p\nQuestion: q?\nAnswer:"));
    }

    void pythonsTexts() {
        QCOMPARE(std::string(stripped("\xc2\xa0\t a \xe3\x80\x80\n")), std::string("a"));
        QCOMPARE(std::string(stripped(" \n ")), std::string());
        QCOMPARE(trailingSpace("a \xe2\x80\x83"), std::size_t(4));
        QCOMPARE(trailingSpace("\xc3\xa0"), std::size_t(0));
        QCOMPARE(characterCount("n\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82"), std::size_t(4));
        QCOMPARE(capitalized("hELLO World"), std::string("Hello world"));
        QCOMPARE(capitalized("\xc3\xa9MILE \xc3\x89T\xc3\x89"),
                 std::string("\xc3\x89mile \xc3\xa9t\xc3\xa9"));
        // A sharp s becomes two letters, a sigma at a word's end another sigma.
        QCOMPARE(capitalized("\xc3\x9f\xc3\x9f"), std::string("Ss\xc3\x9f"));
        QCOMPARE(capitalized("\xce\x9f\xce\x94\xce\x9f\xce\xa3"),
                 std::string("\xce\x9f\xce\xb4\xce\xbf\xcf\x82"));
        QCOMPARE(capitalized(""), std::string());
        QCOMPARE(replacedAll("a    b", "  ", " "), std::string("a  b"));
        QCOMPARE(withoutBrackets("a[b]c[d[e]f]g[h\ni]j[k"), std::string("acf]g[h\ni]j[k"));
        QCOMPARE(cleanedHellaSwag(" x [title] y  [step] z "), std::string("x. y  z"));
    }

    void badFiles_data() {
        QTest::addColumn<QString>("task");
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QByteArray>("labels");
        QTest::addColumn<QString>("part");
        const QByteArray piqa = R"({"goal":"g","sol1":"a","sol2":"b"})"
                                "\n";
        const QByteArray arc =
            R"({"id":"M_1","question":{"stem":"s","choices":[{"text":"a","label":"A"},{"text":"b","label":"B"}]},"answerKey":"C"})";
        QTest::addRow("a field is missing")
            << "piqa"
            << "valid.jsonl" << piqa + R"({"goal":"g","sol1":"a"})" << QByteArray("0\n1\n") << "line 2";
        QTest::addRow("which field") << "piqa"
                                     << "valid.jsonl" << QByteArray(R"({"goal":"g","sol1":"a"})")
                                     << QByteArray("0\n") << "no field \"sol2\"";
        QTest::addRow("another task's") << "winogrande"
                                        << "dev.jsonl" << piqa << QByteArray("1\n")
                                        << "no field \"sentence\", which an item of winogrande has";
        QTest::addRow("a number for a text")
            << "piqa"
            << "valid.jsonl" << QByteArray(R"({"goal":1,"sol1":"a","sol2":"b"})") << QByteArray("0\n")
            << "\"goal\" is no text";
        QTest::addRow("fewer labels")
            << "piqa"
            << "valid.jsonl" << piqa + piqa << QByteArray("0\n") << "1 labels for 2 items";
        QTest::addRow("more labels") << "piqa"
                                     << "valid.jsonl" << piqa << QByteArray("0\n1\n")
                                     << "2 labels for 1 items";
        QTest::addRow("a label out of range")
            << "piqa"
            << "valid.jsonl" << piqa + piqa << QByteArray("0\n2\n") << "valid-labels.lst, line 2";
        QTest::addRow("a label that is none")
            << "winogrande"
            << "dev.jsonl" << QByteArray(R"({"sentence":"_","option1":"a","option2":"b"})")
            << QByteArray("yes\n") << "\"yes\", it may be 1 to 2";
        QTest::addRow("labels against answers")
            << "winogrande"
            << "dev.jsonl" << QByteArray(R"({"sentence":"_","option1":"a","option2":"b","answer":"1"})")
            << QByteArray("2\n") << "answer is 1, its label 2";
        QTest::addRow("no labels") << "piqa"
                                   << "valid.jsonl" << piqa << QByteArray() << "valid-labels.lst";
        QTest::addRow("no blank") << "winogrande"
                                  << "dev.jsonl"
                                  << QByteArray(
                                         R"({"sentence":"a","option1":"a","option2":"b","answer":"1"})")
                                  << QByteArray() << "no blank";
        QTest::addRow("empty") << "piqa"
                               << "valid.jsonl" << QByteArray("\n") << QByteArray("0\n") << "no item";
        QTest::addRow("no JSON") << "piqa"
                                 << "valid.jsonl" << piqa + "goal, sol1\n"
                                 << QByteArray("0\n") << "line 2";
        QTest::addRow("no object") << "boolq"
                                   << "val.jsonl" << QByteArray("[1]\n") << QByteArray() << "no";
        QTest::addRow("not UTF-8") << "piqa"
                                   << "valid.jsonl" << piqa + "{\"goal\":\"\xff\"}" << QByteArray("0\n")
                                   << "line 2";
        QTest::addRow("a key that labels nothing")
            << "arc_easy"
            << "ARC-Easy-Test.jsonl" << arc << QByteArray() << "labels none of the item's 2 choices";
        QTest::addRow("ARC's other part")
            << "arc_easy"
            << "ARC-Challenge-Test.jsonl" << arc << QByteArray() << "arc_challenge";
        QTest::addRow("ARC for OpenBookQA") << "openbookqa"
                                            << "test.jsonl" << arc << QByteArray() << "one of ARC";
        QTest::addRow("a label beyond the endings")
            << "hellaswag"
            << "hellaswag_val.jsonl"
            << QByteArray(R"({"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["d","e"],"label":2})")
            << QByteArray() << "\"label\" is 2, it may be 0 to 1";
        QTest::addRow("without labels")
            << "hellaswag"
            << "hellaswag_val.jsonl"
            << QByteArray(R"({"activity_label":"a","ctx_a":"b","ctx_b":"c","endings":["d","e"]})")
            << QByteArray() << "no field \"label\"";
        QTest::addRow("a last word that is none")
            << "lambada_openai"
            << "lambada_test.jsonl" << QByteArray(R"({"text":"a "})") << QByteArray() << "no last word";
        QTest::addRow("a short row") << "mmlu"
                                     << "anatomy_test.csv" << QByteArray("q,a,b,c,d,A\nq,a,b,c,A\n")
                                     << QByteArray() << "line 2";
        QTest::addRow("another letter")
            << "mmlu"
            << "anatomy_test.csv" << QByteArray("q,a,b,c,d,E\n") << QByteArray() << "\"E\", it may be A to D";
        QTest::addRow("an open quote")
            << "mmlu"
            << "anatomy_test.csv" << QByteArray("q,a,b,c,d,A\n\"q,a\n") << QByteArray() << "no end";
        QTest::addRow("an empty table") << "mmlu"
                                        << "anatomy_test.csv" << QByteArray() << QByteArray() << "no item";
        QTest::addRow("a passage's counts")
            << "race"
            << "1.txt" << QByteArray(R"({"article":"a","questions":["q"],"answers":[],"options":[]})")
            << QByteArray() << "1 questions, 0 answers";
        QTest::addRow("three options")
            << "race"
            << "1.txt"
            << QByteArray(R"({"article":"a","questions":["q"],"answers":["A"],"options":[["1","2","3"]]})")
            << QByteArray() << "3 options";
    }
    void badFiles() {
        QFETCH(QString, task);
        QFETCH(QString, name);
        QFETCH(QByteArray, content);
        QFETCH(QByteArray, labels);
        QFETCH(QString, part);
        const auto folder = std::string(QTest::currentDataTag()) + "/";
        const auto path = file(folder + name.toStdString(), content.toStdString());
        if (!labels.isEmpty()) file(folder + path.stem().string() + "-labels.lst", labels.toStdString());
        try {
            readTask(task.toStdString(), path);
        } catch (const Error& error) {
            QVERIFY2(std::string(error.what()).find(part.toStdString()) != std::string::npos, error.what());
            QVERIFY2(std::string(error.what()).find("What to do") != std::string::npos ||
                         error.code() == ErrorCode::Corrupt,
                     error.what());
            return;
        }
        QFAIL("the file was taken");
    }

    /// What is wrong behind the limit is wrong all the same.
    void limitHidesNothing() {
        const auto path = file("hidden/lambada_test.jsonl", "{\"text\":\"a b\"}\n{\"word\":\"c\"}\n");
        EXPECT_ERROR(readTask("lambada_openai", path, 1), InvalidInput, "line 2");
    }

    void notThere() {
        EXPECT_ERROR(readTask("squad", "x"), InvalidInput, "name one of mmlu, piqa");
        EXPECT_ERROR(readTask("piqa", m_scratch / "nowhere"), NotFound, "nowhere");
        const auto empty = file("folder/readme", "").parent_path();
        EXPECT_ERROR(readTask("hellaswag", empty), NotFound, "hellaswag_val.jsonl");
        EXPECT_ERROR(readTask("race", empty), NotFound, "RACE/test/high");
        EXPECT_ERROR(readTask("mmlu", empty), NotFound, "data/test");
    }
};

QTEST_APPLESS_MAIN(TestTaskReaders)
#include "tst_task_readers.moc"
