// The comparison's numbers against ones worked out by hand, its front against brute force.
#include <QSettings>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "support/support.h"
#include "ui/client/own_settings.h"
#include "ui/compare/density_diff.h"
#include "ui/compare/pareto_front.h"
#include "ui/compare/pareto_view.h"
#include "ui/compare/run_selection.h"
#include "ui/compare/runs_model.h"
#include "ui/compare/settings_diff.h"
#include "ui/compare/tasks_view.h"

using namespace tessera;
using namespace tessera::ui;

namespace {

RunEntry entry(const std::string& name, const Json& result, Json spec = Json::object()) {
    RunEntry made;
    made.summary.path = "/runs/" + name;
    made.summary.model = "starter";
    made.summary.method = "leap";
    made.summary.status = result.is_null() ? "interrupted" : "finished";
    made.summary.sparsity = 0.7;
    spec["model"] = "starter";
    made.spec = std::move(spec);
    made.result = result;
    return made;
}

Json result(double dense, double pruned, int window = 256, const std::string& text = "held out",
            int windows = 20) {
    return {
        {"sparsity", {{"target", 0.7}, {"achieved", 0.6995}}},
        {"perplexity",
         {{"dense", dense}, {"pruned", pruned}, {"window", window}, {"windows", windows}, {"text", text}}},
        {"seconds", {{"learn", 60.0}, {"evaluate", 30.5}}}};
}

Json matrix(const std::string& name, int rows, int cols, double sparsity) {
    return {{"name", name}, {"rows", rows}, {"cols", cols}, {"sparsity", sparsity}};
}

std::shared_ptr<const ComparedRun> shared(const RunEntry& entry) {
    return std::make_shared<const ComparedRun>(comparedRun(entry));
}

}  // namespace

class CompareNumbersTest : public QObject {
    Q_OBJECT

    test::Scratch m_scratch;

  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(m_scratch / "settings", "compare-numbers"); }

    void accuracyIsHeldAgainstWhatItCanBe() {
        TaskAccuracy task, base;
        task.name = base.name = "piqa";
        task.items = base.items = 200;
        task.dense = 0.65;
        task.pruned = 0.59;
        task.low = -0.1;
        task.high = -0.02;
        base.pruned = 0.575;
        auto cell = taskCell(task, false, nullptr);
        QCOMPARE(cell.text, QString("65.0 % → 59.0 %  (−6.0)"));
        QVERIFY(cell.toolTip.contains("−10.0 to −2.0 points"));
        QCOMPARE(taskCell(task, true, &base).text, QString("59.0 %  (+1.5)"));
        // Other items are no ground for a difference.
        base.items = 100;
        QCOMPARE(taskCell(task, true, &base).text, QString("59.0 %"));
        QCOMPARE(taskCell(task, true, nullptr).text, QString("59.0 %"));
        task.dense = task.low = task.high = TaskAccuracy::kNone;
        QCOMPARE(taskCell(task, false, nullptr).text, QString("59.0 %"));
    }

    void meansAreHeldAgainstMeansOfTheSameQuestions() {
        const auto measured = [](std::int64_t items, double pruned) {
            TaskMeasurement all;
            for (const char* name : {"piqa", "arc_easy"}) {
                TaskAccuracy task;
                task.name = name;
                task.items = items;
                task.won = {1};
                task.lost = {2, 3};
                all.tasks.push_back(task);
            }
            all.pruned = pruned;
            all.dense = 0.5;
            all.low = -0.12;
            all.high = -0.08;
            return all;
        };
        const auto own = measured(100, 0.4), base = measured(100, 0.37), other = measured(50, 0.37);
        QCOMPARE(meanCell(own, false, nullptr).text, QString("50.0 % → 40.0 %  (−10.0)"));
        QVERIFY(meanCell(own, false, nullptr).toolTip.startsWith("Over 2 tasks. 200 items."));
        QVERIFY(meanCell(own, false, nullptr).toolTip.contains("2 won, 4 lost"));
        QCOMPARE(meanCell(own, true, &base).text, QString("40.0 %  (+3.0)"));
        QCOMPARE(meanCell(own, true, &other).text, QString("40.0 %"));
        auto renamed = base;
        renamed.tasks[1].name = "winogrande";
        QCOMPARE(meanCell(own, true, &renamed).text, QString("40.0 %"));
    }
    void init() { QSettings().clear(); }

    void numbersComeOutOfTheFiles() {
        auto json = result(20, 25);
        json["matrices"] = {matrix("model.layers.3.self_attn.q_proj.weight", 4, 10, 0.25),
                            matrix("lm_head.weight", 2, 10, 0.5), Json("no matrix"), Json::object()};
        const auto run = comparedRun(entry("a", json));
        QCOMPARE(run.name, QString("a"));
        QCOMPARE(run.perplexity, 25.0);
        QCOMPARE(run.densePerplexity, 20.0);
        QCOMPARE(run.reached, 0.6995);
        QCOMPARE(run.seconds, 90.5);
        QCOMPARE(run.matrices.size(), std::size_t(2));
        QCOMPARE(run.matrices[0].block, 3);
        QCOMPARE(run.matrices[0].projection, std::string("q_proj"));
        QCOMPARE(run.matrices[1].block, -1);
        QCOMPARE(run.weights, 60.0);
        QCOMPARE(run.kept, 40.0);                    // 30 of 40 and 10 of 20
        QCOMPARE(run.denseBytes, 120.0);             // two bytes a weight
        QCOMPARE(run.packedBytes, 80.0 + 60.0 / 8);  // two a kept one, one bit each
    }

    void filesOfAnotherShapeAreNoNumbers() {
        for (const Json& odd :
             {Json(), Json(7), Json::array({1}), Json{{"perplexity", 3}, {"matrices", 5}},
              Json{{"perplexity", {{"pruned", "a lot"}}}, {"seconds", {{"learn", "long"}}}}}) {
            const auto run = comparedRun(entry("odd", odd));
            QVERIFY(std::isnan(run.perplexity));
            QVERIFY(std::isnan(run.reached));
            QVERIFY(run.matrices.empty());
        }
        auto broken = entry("broken", Json());
        broken.summary.status = "unreadable: the file is torn";
        QCOMPARE(comparedRun(broken).status, QString("unreadable"));
        QCOMPARE(comparedRun(broken).problem, QString("the file is torn"));
    }

    void differencesToTheDenseModelAndToAPinnedRun() {
        const auto a = comparedRun(entry("a", result(20, 25))), b = comparedRun(entry("b", result(20, 22)));
        const auto dense = differenceOf(a, nullptr);
        QCOMPARE(dense.perplexity, 5.0);
        QCOMPARE(dense.relative, 0.25);
        QVERIFY(std::isnan(dense.seconds));  // the dense model takes no pruning
        auto other = result(20, 22);
        other["sparsity"]["achieved"] = 0.5;
        other["seconds"] = {{"total", 10.0}, {"learn", 3.0}};
        const auto pinned = comparedRun(entry("b", other));
        const auto against = differenceOf(a, &pinned);
        QCOMPARE(against.perplexity, 3.0);
        QCOMPARE(against.relative, 3.0 / 22);
        QCOMPARE(against.reached, 0.6995 - 0.5);
        QCOMPARE(against.seconds, 80.5);
        QVERIFY(against.incomparable.isEmpty());
        QCOMPARE(differenceOf(b, &pinned).perplexity, 0.0);
        // A run without a result has no differences, and no excuse is needed.
        const auto open = comparedRun(entry("c", Json()));
        QVERIFY(std::isnan(differenceOf(open, &pinned).perplexity));
        QVERIFY(differenceOf(open, &pinned).incomparable.isEmpty());
    }

    void comparability_data() {
        QTest::addColumn<QString>("reason");
        QTest::addColumn<int>("kind");
        QTest::newRow("same") << QString() << 0;
        QTest::newRow("model") << QString("another model") << 1;
        QTest::newRow("text") << QString("another text") << 2;
        QTest::newRow("window") << QString("windows of 512 instead of 256 tokens") << 3;
        QTest::newRow("windows") << QString("10 instead of 20 windows of the text") << 4;
        QTest::newRow("own text") << QString("another text") << 5;
    }
    void comparability() {
        QFETCH(QString, reason);
        QFETCH(int, kind);
        const Json one{{"fingerprints", {{"model", "aa"}, {"text", "t1"}}}};
        auto otherSpec = one;
        auto otherResult = result(20, 25);
        auto baseSpec = one;
        if (kind == 1) otherSpec["fingerprints"]["model"] = "bb";
        if (kind == 2) otherResult["perplexity"]["text"] = "poems";
        if (kind == 3) otherResult["perplexity"]["window"] = 512;
        if (kind == 4) otherResult["perplexity"]["windows"] = 10;
        if (kind == 5) {
            // Both held out the end of a text: of two texts.
            baseSpec["text"] = otherSpec["text"] = Json::array({"mine.txt"});
            otherSpec["fingerprints"]["text"] = "t2";
        }
        // That they learned from other parts of the default text is no obstacle.
        if (kind == 0) otherSpec["fingerprints"]["text"] = "t2";
        const auto base = comparedRun(entry("base", result(20, 22), baseSpec));
        const auto other = comparedRun(entry("other", otherResult, otherSpec));
        const auto difference = differenceOf(other, &base);
        QCOMPARE(difference.incomparable, reason);
        QCOMPARE(std::isnan(difference.perplexity), !reason.isEmpty());
        // To its own dense model a run can always be compared.
        QCOMPARE(differenceOf(other, nullptr).perplexity, 5.0);
        const auto notes = comparabilityNotes({&base, &other}, &base);
        QCOMPARE(notes.size(), reason.isEmpty() ? 0 : 1);
        if (!notes.isEmpty())
            QVERIFY2(notes[0].contains("other") && notes[0].contains(reason), qPrintable(notes[0]));
    }

    void theMostRunsSayWhatIsCommon() {
        const auto a = comparedRun(entry("a", result(20, 25))), b = comparedRun(entry("b", result(20, 24))),
                   c = comparedRun(entry("c", result(19, 24, 512)));
        QVERIFY(comparabilityNotes({&a, &b}, nullptr).isEmpty());
        const auto notes = comparabilityNotes({&c, &a, &b}, nullptr);
        QCOMPARE(notes.size(), 1);
        QVERIFY(notes[0].startsWith("The perplexity of c "));
        // Once the odd one is the baseline, the others are those that cannot be compared.
        const auto pinned = comparabilityNotes({&c, &a, &b}, &c);
        QCOMPARE(pinned.size(), 1);
        QVERIFY(pinned[0].startsWith("The perplexity of a, b "));
    }

    void frontAgainstBruteForce() {
        std::mt19937 random(5);
        for (int round = 0; round < 300; ++round) {
            const int count = int(random() % 12);
            std::vector<double> x, y;
            for (int i = 0; i < count; ++i) {
                // Few values, so that ties are common; now and then one that is not known.
                x.push_back(random() % 17 == 0 ? NAN : double(random() % 6));
                y.push_back(random() % 17 == 0 ? NAN : double(random() % 6));
            }
            for (const auto better : {Better::More, Better::Less}) {
                const auto sign = better == Better::More ? 1.0 : -1.0;
                std::vector<std::size_t> expected;
                for (std::size_t i = 0; i < x.size(); ++i) {
                    bool beaten = !std::isfinite(x[i]) || !std::isfinite(y[i]);
                    for (std::size_t j = 0; j < x.size(); ++j) {
                        if (!std::isfinite(x[j]) || !std::isfinite(y[j]) || j == i) continue;
                        const bool asGood = sign * x[j] >= sign * x[i] && y[j] <= y[i];
                        const bool alike = x[j] == x[i] && y[j] == y[i];
                        beaten |= asGood && (!alike || j < i);
                    }
                    if (!beaten) expected.push_back(i);
                }
                auto front = paretoFront(x, y, better);
                for (std::size_t i = 1; i < front.size(); ++i) QVERIFY(x[front[i - 1]] < x[front[i]]);
                std::sort(front.begin(), front.end());
                QCOMPARE(front, expected);
            }
        }
    }

    void pointsOfTheChart() {
        const Json matrices = {matrix("model.layers.0.mlp.up_proj.weight", 1024, 1024, 0.5)};
        auto first = result(20, 22), second = result(20, 25), odd = result(18, 19, 512);
        for (auto* each : {&first, &second, &odd}) (*each)["matrices"] = matrices;
        first["sparsity"]["achieved"] = 0.5;
        const RunList runs{shared(entry("first", first)), shared(entry("second", second)),
                           shared(entry("odd", odd)), shared(entry("open", Json()))};
        auto found = paretoPoints(runs, nullptr, {}, ParetoX::Sparsity);
        QCOMPARE(found.points.size(), std::size_t(3));  // two runs and their dense model
        QCOMPARE(found.points[0].x, 50.0);
        QCOMPARE(found.points[1].y, 25.0);
        QVERIFY(found.points[2].id.isEmpty());
        QCOMPARE(found.points[2].x, 0.0);
        QCOMPARE(found.points[2].y, 20.0);
        QCOMPARE(found.notes.size(), 1);  // the odd one is left out, and that is said
        QVERIFY(found.notes[0].contains("1 run is left out"));
        // Pinned, the odd one brings its own dense model, and the others go.
        found = paretoPoints(runs, runs[2].get(), {}, ParetoX::Sparsity);
        QCOMPARE(found.points.size(), std::size_t(2));
        QCOMPARE(found.points[1].y, 18.0);

        found = paretoPoints(runs, nullptr, {}, ParetoX::Size);
        QCOMPARE(found.points[0].x, 1.0 + 1.0 / 8);  // MiB
        QCOMPARE(found.points[2].x, 2.0);

        std::map<QString, SpeedMeasurement> speeds;
        const auto measured = [](const std::string& cpu, int threads, double speedup) {
            SpeedMeasurement speed;
            speed.cpu = cpu;
            DecodeSpeed decode;
            decode.threads = threads;
            decode.speedup = speedup;
            decode.low = speedup - 0.1;
            decode.high = speedup + 0.1;
            speed.decode = {decode};
            return speed;
        };
        speeds[runs[0]->id] = measured("A", 2, 1.5);
        found = paretoPoints(runs, nullptr, speeds, ParetoX::Speed);
        QCOMPARE(found.points.size(), std::size_t(2));
        QCOMPARE(found.points[0].x, 1.5);
        QCOMPARE(found.points[0].low, 1.4);
        QCOMPARE(found.points[1].x, 1.0);
        QVERIFY(found.notes.join(' ').contains("1 run is without a measured speed"));
        // Two machines: the numbers do not belong on one axis.
        auto third = runs;
        third.push_back(shared(entry("third", second)));
        speeds[runs[1]->id] = measured("A", 2, 1.2);
        speeds[third.back()->id] = measured("B", 2, 3.0);
        found = paretoPoints(third, nullptr, speeds, ParetoX::Speed);
        QCOMPARE(found.points.size(), std::size_t(3));
        QVERIFY(found.notes.join(' ').contains("another machine"));
    }

    void settingsThatDiffer() {
        const auto settings = [](const Json& spec, const Json& options,
                                 const Json& machine = Json::object()) {
            return RunSettings{spec, options, machine};
        };
        const Json leap{{"model", "starter"},
                        {"method", "leap"},
                        {"sparsity", 0.7},
                        {"seed", 0},
                        {"set", Json::object()}};
        auto other = leap;
        other["sparsity"] = 0.525;
        other["set"] = {{"lr", "1e-3"}};
        auto rows = differingSettings({settings(leap, {{"lr", "2e-3"}, {"batch", "4"}}),
                                       settings(other, {{"lr", "1e-3"}, {"batch", "4"}})});
        QCOMPARE(rows.size(), std::size_t(2));
        QCOMPARE(rows[0].name, QString("Target sparsity"));
        QCOMPARE(rows[0].values, QStringList({"70 %", "52.50 %"}));
        QCOMPARE(rows[1].name, QString("lr"));
        QCOMPARE(rows[1].values, QStringList({"2e-3", "1e-3"}));

        // Options of one method alone are no differences, unless someone set them.
        Json wanda = leap;
        wanda["method"] = "wanda";
        rows = differingSettings(
            {settings(leap, {{"lr", "2e-3"}, {"context", "512"}}), settings(wanda, {{"context", "512"}})});
        QCOMPARE(rows.size(), std::size_t(1));
        QCOMPARE(rows[0].name, QString("Method"));
        rows = differingSettings({settings(other, {{"lr", "1e-3"}}), settings(wanda, Json::object())});
        QCOMPARE(rows.back().name, QString("lr"));
        QCOMPARE(rows.back().values, QStringList({"1e-3", "–"}));

        // Machines are compared where both runs have told theirs.
        rows = differingSettings({settings(leap, {}, {{"cpu", "A"}}), settings(leap, {}, {{"cpu", "B"}})});
        QCOMPARE(rows.size(), std::size_t(1));
        QCOMPARE(rows[0].name, QString("Processor"));
        QVERIFY(differingSettings({settings(leap, {}, {{"cpu", "A"}}), settings(leap, {})}).empty());
        QVERIFY(differingSettings({settings(leap, {})}).empty());
        QVERIFY(differingSettings({settings(7, Json::array()), settings("x", 3)}).empty());
    }

    void densitiesOfTwoRuns() {
        auto first = result(20, 22), second = result(20, 22);
        first["matrices"] = {matrix("model.layers.0.self_attn.q_proj.weight", 10, 10, 0.5),
                             matrix("model.layers.1.self_attn.q_proj.weight", 10, 30, 0.7),
                             matrix("model.layers.1.mlp.up_proj.weight", 10, 10, 0.5)};
        second["matrices"] = {matrix("model.layers.0.self_attn.q_proj.weight", 10, 10, 0.25),
                              matrix("model.layers.1.self_attn.q_proj.weight", 10, 30, 0.8)};
        const auto a = comparedRun(entry("a", first)), b = comparedRun(entry("b", second));
        const auto grid = densityGrid(a, b);
        QVERIFY(grid.problem.isEmpty());
        QCOMPARE(grid.projections.size(), std::size_t(2));
        QCOMPARE(grid.blocks, std::vector<int>({0, 1}));
        QCOMPARE(grid.cell(0, 0).difference(), 0.25);
        QVERIFY(std::abs(grid.cell(1, 0).difference() + 0.1) < 1e-12);
        QVERIFY(std::isnan(grid.cell(1, 1).difference()));  // the other run left it alone
        QVERIFY(std::isnan(grid.cell(0, 1).difference()));
        // By weights: (100 * 0.25 - 300 * 0.1) / 400.
        QVERIFY(std::abs(grid.means[0].difference() - (-5.0 / 400)) < 1e-12);
        QVERIFY(std::isnan(grid.means[1].difference()));
        QCOMPARE(grid.largest, 0.25);
        QVERIFY(!densityGrid(a, comparedRun(entry("c", Json()))).problem.isEmpty());
        second["matrices"] = {matrix("h.0.attn.weight", 4, 4, 0.5)};
        QVERIFY(!densityGrid(a, comparedRun(entry("d", second))).problem.isEmpty());
    }

    void aRunKeepsItsColour() {
        QStringList runs;
        for (int i = 0; i < 12; ++i) runs << QStringLiteral("/runs/%1").arg(i);
        RunSelection selection("/runs");
        selection.setKnown(runs, runs.mid(2));
        QCOMPARE(selection.checked(), runs.mid(2, 4));  // the first time, the newest finished ones
        for (const auto& run : runs.mid(2, 4)) selection.setChecked(run, false);
        int refused = 0;
        connect(&selection, &RunSelection::full, this, [&] { ++refused; });
        QSet<int> slots;
        for (int i = 0; i < 8; ++i) {
            QVERIFY(selection.setChecked(runs[i], true));
            slots << selection.slot(runs[i]);
        }
        QCOMPARE(slots.size(), 8);
        QVERIFY(!selection.setChecked(runs[8], true));
        QCOMPARE(refused, 1);
        QCOMPARE(selection.slot(runs[8]), -1);
        const int third = selection.slot(runs[3]);
        selection.setChecked(runs[3], false);
        selection.setChecked(runs[5], false);
        selection.setChecked(runs[3], true);
        QCOMPARE(selection.slot(runs[3]), third);
        selection.setBaseline(runs[3]);

        // Another folder knows nothing of it.
        RunSelection elsewhere("/other");
        elsewhere.setKnown({"/other/1"}, {"/other/1"});
        QCOMPARE(elsewhere.checked(), QStringList{"/other/1"});

        // Another start, and one of the runs is gone.
        RunSelection again("/runs");
        const auto left = runs.mid(1);
        again.setKnown(left, left);
        QCOMPARE(again.slot(runs[3]), third);
        QVERIFY(!again.isChecked(runs[0]));
        QVERIFY(!again.isChecked(runs[9]));
        QCOMPARE(again.baseline(), runs[3]);
        again.setKnown({runs[7]}, {});
        QCOMPARE(again.baseline(), QString());
        QCOMPARE(again.checked(), QStringList{runs[7]});
        // Nothing checked is a choice, as long as the window is open.
        again.setChecked(runs[7], false);
        again.setKnown(runs, runs);
        QVERIFY(again.checked().isEmpty());
    }

    void eightSignsThatDiffer() {
        for (int a = 0; a < RunSelection::kMost; ++a)
            for (int b = a + 1; b < RunSelection::kMost; ++b) {
                const auto& tokens = Theme::instance().tokens();
                QVERIFY(RunSelection::colour(a, tokens) != RunSelection::colour(b, tokens));
            }
        QVERIFY(RunSelection::dash(0) != RunSelection::dash(5));  // two blues
        QVERIFY(RunSelection::dash(1) != RunSelection::dash(4));  // two oranges
        QVERIFY(RunSelection::dash(2) != RunSelection::dash(6));  // green and olive
    }

    void tableTextSortingAndFilter() {
        RunSelection selection("/runs");
        RunsModel model(selection);
        auto magnitude = entry("magnitude50", result(20, 30));
        magnitude.summary.method = "magnitude";
        model.setRuns(
            {shared(entry("leap70", result(20, 25))), shared(magnitude), shared(entry("open", Json()))});
        const auto text = [&](int row, int column, int role = Qt::DisplayRole) {
            return model.index(row, column).data(role).toString();
        };
        QCOMPARE(text(0, RunsModel::Method), QString("LEAP"));
        QCOMPARE(text(0, RunsModel::Target), QString("70 %"));
        QCOMPARE(text(0, RunsModel::Change), QString("+5.00"));
        QCOMPARE(text(0, RunsModel::Change, RunsModel::SecondRole), QString("+25.0 %"));
        QCOMPARE(text(0, RunsModel::Time), QString("1 min 31 s"));
        QCOMPARE(text(2, RunsModel::Perplexity), QString("–"));
        selection.setBaseline("/runs/magnitude50");
        QCOMPARE(text(1, RunsModel::Change), QString("baseline"));
        QCOMPARE(text(0, RunsModel::Change), QString("−5.00"));
        QCOMPARE(text(0, RunsModel::Change, RunsModel::SecondRole), QString("−16.7 %"));
        QCOMPARE(text(0, RunsModel::Reached, RunsModel::SecondRole), QString("±0.0 points"));

        RunsFilter filter;
        filter.setSourceModel(&model);
        filter.setSortRole(RunsModel::SortRole);
        const auto order = [&] {
            QStringList names;
            for (int row = 0; row < filter.rowCount(); ++row) names << filter.index(row, 0).data().toString();
            return names;
        };
        filter.sort(RunsModel::Perplexity, Qt::AscendingOrder);
        QCOMPARE(order(), QStringList({"leap70", "magnitude50", "open"}));
        filter.sort(RunsModel::Perplexity, Qt::DescendingOrder);
        QCOMPARE(order(), QStringList({"magnitude50", "leap70", "open"}));  // what is not known stays last
        filter.setWords("leap finished");
        QCOMPARE(order(), QStringList{"leap70"});
        filter.setWords("MAGN");
        QCOMPARE(order(), QStringList{"magnitude50"});
        filter.setWords("nothing");
        QVERIFY(order().isEmpty());

        const auto lines = model.toText({1, 0}).split('\n');
        QCOMPARE(lines.size(), 4);
        const auto head = lines[0].split('\t'), row = lines[2].split('\t');
        QCOMPARE(row.size(), head.size());
        QCOMPARE(row[head.indexOf("perplexity")], QString("25"));
        QCOMPARE(row[head.indexOf("difference")], QString("-5"));
        QCOMPARE(row[head.indexOf("baseline")], QString("magnitude50"));
    }

    void rowsStayThemselvesWhenRunsCome() {
        RunSelection selection("/runs");
        RunsModel model(selection);
        const auto a = shared(entry("a", result(20, 25))), b = shared(entry("b", result(20, 26)));
        model.setRuns({a, b});
        const QPersistentModelIndex second = model.index(1, RunsModel::Name);
        model.setRuns({shared(entry("new", Json())), a, b});
        QCOMPARE(second.data().toString(), QString("b"));
        QCOMPARE(second.row(), 2);
        model.setRuns({a});
        QVERIFY(!second.isValid());
    }
};

QTEST_MAIN(CompareNumbersTest)
#include "tst_compare_numbers.moc"
