// Accuracies, errors and the paired comparison against their formulas.
#include <QTest>
#include <algorithm>
#include <cmath>

#include "core/evaluate/tasks/task_comparison.h"
#include "core/evaluate/tasks/task_result.h"
#include "support/support.h"

using namespace tessera;

namespace {

TaskItem item(std::vector<std::string> choices, std::size_t target, std::size_t group = 0) {
    TaskItem made;
    for (const auto& choice : choices) made.requests.push_back({"c", " " + choice});
    made.choices = std::move(choices);
    made.target = target;
    made.group = group;
    return made;
}

bool near(const Json& value, double expected, double tolerance = 1e-12) {
    return value.is_number() && std::abs(value.get<double>() - expected) <= tolerance;
}

/// A document whose one task has these items right.
Json document(const std::vector<int>& right, const std::string& items = "same") {
    return {
        {"tasks",
         {{"t",
           {{"acc", 0.0}, {"n", right.size()}, {"choices", right}, {"correct", right}, {"items", items}}}}}};
}

}  // namespace

class TestTaskResult : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void picksAndLengths() {
        Task task{"t", true, true, {item({"ab", "abcd"}, 1), item({"x", "\xc3\xa4\xc3\xa4"}, 0)}, {"t"}};
        // -4/2 against -5/4 characters; -2 against -3/2 characters (-3/4 bytes); the first of equals.
        const auto json = taskResult(task, {{-4}, {-5}, {-2}, {-3}});
        QCOMPARE(json["choices"].dump(), std::string("[0,0]"));
        QCOMPARE(json["choices_norm"].dump(), std::string("[1,1]"));
        QCOMPARE(json["correct"].dump(), std::string("[0,1]"));
        QCOMPARE(json["correct_norm"].dump(), std::string("[1,0]"));
        QCOMPARE(json["targets"].dump(), std::string("[1,0]"));
        QCOMPARE(json["log_likelihoods"].dump(), std::string("[[-4.0,-5.0],[-2.0,-3.0]]"));
        QVERIFY(near(json["acc"], 0.5));
        QVERIFY(near(json["acc_norm"], 0.5));
        // Sample variance 0.5, of two.
        QVERIFY(near(json["acc_stderr"], 0.5));
        QCOMPARE(pick({-1, -1}), std::size_t(0));
        task.items[0].target = 0;
        QVERIFY(taskResult(task, {{-4}, {-5}, {-2}, {-3}})["items"] != json["items"]);
        EXPECT_ERROR(taskResult(task, {{std::nan("")}, {-5}, {-2}, {-3}}), Numerical, "item 0");
    }

    void oneItemHasNoError() {
        const Task task{"t", true, false, {item({"a", "b"}, 0)}, {"t"}};
        const auto json = taskResult(task, {{-1}, {-2}});
        QVERIFY(json["acc_stderr"].is_null());
        QVERIFY(!json.contains("acc_norm"));
    }

    /// The pooled error as the harness's pooled_sample_stderr has it: variances within the subjects.
    void subjectsArePooled() {
        Task task{"mmlu", true, false, {}, {"one", "two"}};
        std::vector<RequestScore> scores;
        for (const int right : {1, 0, 1}) {
            task.items.push_back(item({"A", "B"}, 0, 0));
            scores.insert(scores.end(), {{right ? -1.0 : -3.0}, {-2.0}});
        }
        for (const int right : {1, 1, 0, 0}) {
            task.items.push_back(item({"A", "B"}, 0, 1));
            scores.insert(scores.end(), {{right ? -1.0 : -3.0}, {-2.0}});
        }
        const auto json = taskResult(task, scores);
        QVERIFY(near(json["acc"], 4.0 / 7));
        QVERIFY(near(json["subjects"]["one"]["acc"], 2.0 / 3));
        QVERIFY(near(json["subjects"]["two"]["acc"], 0.5));
        QCOMPARE(json["subjects"]["two"]["n"].get<int>(), 4);
        // Squares within: 2/3 and 1; five degrees of freedom, seven items.
        QVERIFY(near(json["acc_stderr"], std::sqrt((2.0 / 3 + 1) / 5 / 7)));
    }

    void lastWords() {
        const Task task{"lambada_openai", false, false, {item({"a"}, 0), item({"b"}, 0)}, {"lambada_openai"}};
        const auto json = taskResult(task, {{-1, true}, {-3, false}});
        QVERIFY(near(json["perplexity"], std::exp(2.0)));
        // The sample's deviation is sqrt(2), of two items: 1.
        QVERIFY(near(json["perplexity_stderr"], std::exp(2.0)));
        QVERIFY(near(json["acc"], 0.5));
        QCOMPARE(json["correct"].dump(), std::string("[1,0]"));
        QVERIFY(!json.contains("choices"));
    }

    void differenceAndFlips() {
        const auto result = compareTasks(document({1, 0, 1, 0}), "a", document({0, 1, 1, 1}), "b", {});
        const auto& acc = result["tasks"]["t"]["acc"];
        QVERIFY(near(acc["a"], 0.5));
        QVERIFY(near(acc["b"], 0.75));
        QVERIFY(near(acc["difference"], 0.25));
        QCOMPARE(acc["won"].dump(), std::string("[1,3]"));
        QCOMPARE(acc["lost"].dump(), std::string("[0]"));
        QCOMPARE(result["tasks"]["t"]["picks_changed"].get<int>(), 3);
        QVERIFY(result["mean"]["difference"] == acc["difference"]);
        // The same numbers every time.
        QVERIFY(compareTasks(document({1, 0, 1, 0}), "a", document({0, 1, 1, 1}), "b", {}) == result);
        ComparisonSettings other;
        other.seed = 1;
        QVERIFY(compareTasks(document({1, 0, 1, 0}), "a", document({0, 1, 1, 1}), "b", other)["seed"] == 1);
    }

    /// The draws are a function of the seed, the same on every machine: the figures are those of the header's
    /// words written once in Python.
    void drawsAreTheSeeds() {
        std::vector<int> a(997), b(997);
        for (int i = 0; i < 997; ++i) {
            a[i] = i % 2;
            b[i] = i % 7 < 3 ? 1 - a[i] : a[i];
        }
        const auto interval = [&](std::uint64_t seed) {
            ComparisonSettings settings;
            settings.seed = seed;
            settings.resamples = 200;
            return compareTasks(document(a), "a", document(b), "b", settings)["tasks"]["t"]["acc"]["ci95"];
        };
        QVERIFY(interval(0) == interval(0));
        QVERIFY(interval(0) != interval(1));
        QVERIFY2(near(interval(0)[0], -0.03415245737211635, 1e-12) &&
                     near(interval(0)[1], 0.04012036108324975, 1e-12),
                 interval(0).dump().c_str());
    }

    /// The mean of n paired differences of known variance: the interval is the normal one, near enough.
    void intervalIsTheNormalOne() {
        std::vector<int> a(1000), b(1000);
        for (int i = 0; i < 1000; ++i) {
            a[i] = i % 2;
            b[i] = i % 10 < 2 ? 1 - a[i] : i % 10 == 2 ? 1 : a[i];
        }
        const auto acc = compareTasks(document(a), "a", document(b), "b", {})["tasks"]["t"]["acc"];
        double mean = 0, square = 0;
        for (int i = 0; i < 1000; ++i) {
            mean += (b[i] - a[i]) / 1000.0;
            square += (b[i] - a[i]) * (b[i] - a[i]) / 1000.0;
        }
        const double half = 1.959964 * std::sqrt((square - mean * mean) / 1000);
        QVERIFY(near(acc["difference"], mean, 1e-9));
        QVERIFY2(near(acc["ci95"][0], mean - half, 0.05 * half), acc["ci95"].dump().c_str());
        QVERIFY2(near(acc["ci95"][1], mean + half, 0.05 * half), acc["ci95"].dump().c_str());
        // Paired: what both have right or wrong adds nothing.
        const auto same = compareTasks(document(a), "a", document(a), "b", {})["tasks"]["t"]["acc"];
        QCOMPARE(same["ci95"].dump(), std::string("[0.0,0.0]"));
    }

    void whatDoesNotPair() {
        EXPECT_ERROR(compareTasks(document({1}), "a", document({1}, "others"), "b", {}), InvalidInput,
                     "not of the same items");
        EXPECT_ERROR(compareTasks(Json{{"perplexity", 1}}, "a.json", document({1}), "b", {}), InvalidInput,
                     "a.json");
        EXPECT_ERROR(compareTasks(document({1}), "a", Json::array(), "b.json", {}), InvalidInput, "b.json");
        auto other = document({1});
        other["tasks"]["u"] = other["tasks"]["t"];
        other["tasks"].erase("t");
        EXPECT_ERROR(compareTasks(document({1}), "a", other, "b", {}), InvalidInput, "no task is in both");
        auto without = document({1});
        without["tasks"]["t"].erase("correct");
        EXPECT_ERROR(compareTasks(without, "a", document({1}), "b", {}), InvalidInput,
                     "which items were right");
        EXPECT_ERROR(compareTasks(document({1, 0}), "a", document({1}), "b", {}), InvalidInput, "lengths");
        EXPECT_ERROR(compareTasks(Json{{"tasks", {{"t", 1}}}}, "a", document({1}), "b", {}), InvalidInput,
                     "no object");
    }
};

QTEST_APPLESS_MAIN(TestTaskResult)
#include "tst_task_result.moc"
