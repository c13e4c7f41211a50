#include <QTemporaryDir>
#include <QXmlStreamReader>
#include <QtTest>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/formats/mask_set.h"
#include "core/report/collect.h"
#include "core/report/figures.h"
#include "core/report/html.h"
#include "core/report/mask_grid.h"
#include "core/report/pdf.h"
#include "core/report/series.h"

using namespace tessera;
namespace fs = std::filesystem;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

ReportMatrix matrixOf(int block, const std::string& projection, double sparsity) {
    ReportMatrix matrix;
    matrix.name = "model.layers." + std::to_string(block) + ".x." + projection + ".weight";
    matrix.block = block;
    matrix.projection = projection;
    matrix.rows = matrix.cols = 512;
    matrix.sparsity = sparsity;
    matrix.gridRows = matrix.gridCols = 8;
    for (int i = 0; i < 64; ++i) matrix.tileDensity.push_back(float((i % 8) / 8.0));
    return matrix;
}

ReportData fullRun() {
    ReportData run;
    run.title = "LEAP on <tiny> & \"co\"";
    run.verdict = "It removes 50 %.";
    run.targetSparsity = run.achievedSparsity = 0.5;
    run.densePerplexity = 20;
    run.prunedPerplexity = 25;
    run.totalSeconds = 3725;
    run.peakBytes = 1e9;
    run.recipe = {{"Model", "<script>alert('x')</script>"}, {"Seed", "7"}};
    run.environment = {{"Processor", "a & b"}};
    for (int i = 1; i <= 300; ++i) {
        run.curves.steps.push_back(i);
        run.curves.loss.push_back(5 - i * 0.01);
        run.curves.crossEntropy.push_back(4 - i * 0.01);
        run.curves.divergence.push_back(0.5);
        run.curves.density.push_back(0.9 - i * 0.001);
        run.curves.temperature.push_back(4.0 / i);
    }
    for (int block = 0; block < 3; ++block)
        for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
            run.matrices.push_back(matrixOf(block, name, 0.4 + 0.05 * block));
    run.quality = {{"perplexity", 20, 25, "windows of 2048 tokens"}};
    run.speed = {{"nibble-2:4", "576 × 576", 10, 12, 5, 2, "1.9–2.1", 3.2, 0.625}};
    run.timings = {{"load", 1.5}, {"learn", 3600}};
    run.command = "tessera-cli run --model 'a b' && echo <done>";
    return run;
}

/// Every `id` of the page, in order.
std::vector<std::string> idsOf(const std::string& html) {
    std::vector<std::string> ids;
    for (std::size_t at = 0; (at = html.find(" id=\"", at)) != std::string::npos;) {
        at += 5;
        ids.push_back(html.substr(at, html.find('"', at) - at));
    }
    return ids;
}

int countOf(const std::string& text, const std::string& part) {
    int count = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
    return count;
}

void writeText(const fs::path& path, const std::string& text) {
    writeFileAtomically(path, text);
}

}  // namespace

class TestReport : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void escapesEverything() {
        QCOMPARE(escapeHtml("<a href='x'>\"&\x01\n"),
                 std::string("&lt;a href=&#39;x&#39;&gt;&quot;&amp; \n"));
        QCOMPARE(escapeHtml("a\xff"
                            "b"),
                 std::string("a\xEF\xBF\xBD"
                             "b"));
        const std::string html = renderHtml({fullRun()});
        QVERIFY(html.find("<script") == std::string::npos);
        QVERIFY(html.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") != std::string::npos);
        QVERIFY(html.find("LEAP on &lt;tiny&gt; &amp; &quot;co&quot;") != std::string::npos);
        QVERIFY(html.find("echo &lt;done&gt;") != std::string::npos);
    }

    void loadsNothingFromElsewhere() {
        const std::string html = renderHtml({fullRun()});
        for (const std::string attribute : {" src=\"", "href=\""})
            for (std::size_t at = 0; (at = html.find(attribute, at)) != std::string::npos;) {
                at += attribute.size();
                QVERIFY2(html.compare(at, 1, "#") == 0 || html.compare(at, 5, "data:") == 0,
                         html.substr(at, 40).c_str());
            }
        QVERIFY(html.find("@import") == std::string::npos);
        QVERIFY(html.find("<link") == std::string::npos);
    }

    void hasEverySection() {
        const std::string html = renderHtml({fullRun()});
        for (const char* part : {">Quality<", ">Learning<", ">Structure<", ">Speed<", ">Time<", ">Recipe<",
                                 ">Environment<", ">To reproduce<", "It removes 50 %.", "1 h 02 min",
                                 "nibble-2:4", "prefers-color-scheme:dark", "@media print", "+25.0"})
            QVERIFY2(html.find(part) != std::string::npos, part);
        QCOMPARE(countOf(html, "<svg "), countOf(html, "role=\"img\""));
        QCOMPARE(countOf(html, "<svg "), 6);
    }

    void idsAreUniqueAndMeant() {
        const std::string html = renderHtml({fullRun(), fullRun()});
        const std::vector<std::string> ids = idsOf(html);
        QVERIFY(ids.size() > 20);
        const std::set<std::string> unique(ids.begin(), ids.end());
        QCOMPARE(unique.size(), ids.size());
        for (const std::string reference : {"href=\"#", "url(#"})
            for (std::size_t at = 0; (at = html.find(reference, at)) != std::string::npos;) {
                at += reference.size();
                const std::string id = html.substr(at, html.find_first_of("\")", at) - at);
                QVERIFY2(unique.count(id), id.c_str());
            }
    }

    void figuresAreWellFormed() {
        const ReportData run = fullRun();
        const Figure figure = densityHeatmap(run.matrices);
        const std::string svg = renderSvg(figure, "p-");
        QXmlStreamReader reader(QByteArray::fromStdString(svg));
        while (!reader.atEnd()) reader.readNext();
        QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
        QCOMPARE(countOf(svg, "<image "), 21);
    }

    void comparesRuns() {
        ReportData other = fullRun();
        other.title = "Wanda on tiny";
        const std::string html = renderHtml({fullRun(), other});
        QVERIFY(html.find("and 1 other run") != std::string::npos);
        QVERIFY(html.find(">All runs<") != std::string::npos);
        QCOMPARE(countOf(html, "<h2"), 3);
        QVERIFY(html.find(">All runs<") < html.find("<h2>Wanda on tiny"));
        QVERIFY_THROWS_EXCEPTION(Error, renderHtml({}));
        ReportData twin = fullRun();
        twin.run = "second";
        QVERIFY(renderHtml({fullRun(), twin}).find("&quot;co&quot; (second)</h2>") != std::string::npos);
    }

    void writesPages() {
        QTemporaryDir folder;
        const fs::path path = fs::path(folder.path().toStdString()) / "r.pdf";
        writePdf(path, {fullRun(), fullRun()});
        const std::string pdf = readFile(path);
        QVERIFY(pdf.rfind("%PDF", 0) == 0);
        QVERIFY(countOf(pdf, "/Type /Page %") >= 4);
        QVERIFY_THROWS_EXCEPTION(Error, writePdf(path / "no" / "r.pdf", {fullRun()}));
    }

    void survivesOddValues() {
        ReportData run = fullRun();
        for (std::size_t i = 0; i < run.curves.loss.size(); i += 3) run.curves.loss[i] = kNan;
        run.curves.crossEntropy.assign(300, std::numeric_limits<double>::infinity());
        run.curves.divergence.assign(300, 0.0);
        run.curves.temperature.assign(300, 1.0);
        run.achievedSparsity = kNan;
        run.densePerplexity = 0;
        run.speed[0].limit = run.speed[0].speedup = run.speed[0].efficiency = kNan;
        run.matrices[0].tileDensity[0] = float(kNan);
        run.matrices[1].sparsity = kNan;
        run.matrices[2].gridRows = 1000;  // contradicts its densities
        run.timings = {{"load", kNan}, {"learn", 0}};
        run.recipe.emplace_back("Long", std::string(20000, 'x'));
        const std::string html = renderHtml({run, ReportData()});
        QVERIFY(html.find(">nan") == std::string::npos && html.find(">inf") == std::string::npos);
        QVERIFY(html.find("NaN") == std::string::npos);
        QTemporaryDir folder;
        const fs::path path = fs::path(folder.path().toStdString()) / "r.pdf";
        writePdf(path, {run, ReportData()});
        QVERIFY(fs::file_size(path) > 1000);
        QVERIFY(
            !renderSvg(
                 curvePlot({.title = "t", .xLabel = "x", .yLabel = "y", .series = {}, .references = {}}), "a")
                 .empty());
    }

    void decimationKeepsSpikes() {
        std::vector<double> x, y;
        for (int i = 0; i < 100000; ++i) {
            x.push_back(i);
            y.push_back(std::sin(i * 0.001));
        }
        y[51234] = 77;
        y[70001] = -88;
        y[9] = kNan;
        const auto points = decimate(x, y, 600);
        QVERIFY(points.size() <= 4 * 600 + 8);
        QVERIFY(std::any_of(points.begin(), points.end(), [](auto p) { return p.x == 51234 && p.y == 77; }));
        QVERIFY(std::any_of(points.begin(), points.end(), [](auto p) { return p.x == 70001 && p.y == -88; }));
        QCOMPARE(std::count_if(points.begin(), points.end(), [](auto p) { return std::isnan(p.y); }), 1);
        QVERIFY(std::is_sorted(points.begin(), points.end(), [](auto a, auto b) { return a.x < b.x; }));
        // Few values stay as they are.
        const auto few = decimate({1, 2, 3}, {4, 5, 6}, 600);
        QCOMPARE(few.size(), std::size_t(3));
    }

    void smoothsWithoutBendingLines() {
        const auto line = smooth({0, 1, 2, 3, 4, 5, 6}, 5);
        for (int i = 0; i < 7; ++i) QCOMPARE(line[i], double(i));
        const auto gap = smooth({2, kNan, 4}, 3);
        QVERIFY(std::isnan(gap[1]));
        QCOMPARE(smooth({0, 9, 0}, 3)[1], 3.0);
    }

    void placesTicks() {
        QCOMPARE(linearTicks(0, 1, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
        QVERIFY(linearTicks(1, 1, 5).empty());
        QVERIFY(linearTicks(1e16, 1e16 + 2, 5).size() < 30);
        QCOMPARE(logTicks(0.5, 20), (std::vector<double>{0.5, 1, 2, 5, 10, 20}));
        QVERIFY(logTicks(0, 1).empty());
        QCOMPARE(formatNumber(1234567.0), std::string("1\u202f234\u202f567"));
        QCOMPARE(formatNumber(kNan), std::string("–"));
        QCOMPARE(formatSeconds(3599.9), std::string("1 h 00 min"));
    }

    void countsTiles() {
        PackedMask mask(100, 130);  // neither rows nor columns whole tiles or bytes
        double expected[2][3] = {};
        for (std::int64_t i = 0; i < 100 * 130; ++i)
            if ((i * 2654435761u >> 7) % 3 == 0) {
                mask.keep(i);
                expected[i / 130 / 64][i % 130 / 64] += 1;
            }
        ReportMatrix matrix;
        fillMaskGrid(mask, matrix);
        QCOMPARE(matrix.gridRows, 2);
        QCOMPARE(matrix.gridCols, 3);
        for (int r = 0; r < 2; ++r)
            for (int c = 0; c < 3; ++c) {
                const double area = (r ? 36 : 64) * (c == 2 ? 2 : 64);
                QCOMPARE(matrix.tileDensity[r * 3 + c], float(expected[r][c] / area));
            }
        QCOMPARE(matrix.sparsity, 1 - mask.kept() / 13000.0);
        ReportMatrix large;
        fillMaskGrid(PackedMask(4096, 8), large);
        QVERIFY(large.gridRows <= 24 && large.gridCols == 1);
    }

    void partsOfNames() {
        int block = 0;
        std::string projection;
        nameParts("model.layers.12.self_attn.q_proj.weight", block, projection);
        QCOMPARE(block, 12);
        QCOMPARE(projection, std::string("q_proj"));
        nameParts("blk.3.ffn_down.weight", block, projection);
        QCOMPARE(block, 3);
        QCOMPARE(projection, std::string("down_proj"));
        nameParts("lm_head.weight", block, projection);
        QCOMPARE(block, -1);
    }

    void collectsARun();
    void toleratesWhatIsMissing();
};

void TestReport::collectsARun() {
    QTemporaryDir folder;
    const fs::path run = folder.path().toStdString();
    writeText(run / "spec.json",
              R"({"model":"/models/tiny.gguf","method":"leap","pattern":"unstructured","sparsity":0.5,
        "steps":4,"seed":3,"threads":0,"device":"cpu","dtype":"f32","set":{},"format":1})");
    std::string events;
    const auto step = [&](int at, double ce) {
        events += R"({"type":"step","unit":"step","step":)" + std::to_string(at) + R"(,"steps":4,"loss":)" +
                  std::to_string(ce + 1) + R"(,"ce":)" + std::to_string(ce) +
                  R"(,"kl":0.1,"density":0.7,"tau":1.0})" + "\n";
    };
    step(1, 5), step(2, 4), step(3, 99);
    events +=
        "{\"type\":\"step\",\"unit\":\"window\",\"step\":9,\"steps\":9}\n{\"type\":\"resumed\",\"step\":2}\n";
    step(3, 3), step(4, 2);
    events += "{\"type\":\"step\",\"unit\":\"st";
    writeText(run / "events.jsonl", events);
    const std::string name = "model.layers.0.self_attn.q_proj.weight";
    writeText(run / "result.json", R"({"type":"result","sparsity":{"target":0.5,"achieved":0.5},
        "perplexity":{"dense":20.0,"pruned":25.0,"window":128},"seconds":{"load":1,"learn":9},"peak_bytes":1048576,
        "tokens_trained":4096,"matrices":[{"name":")" +
                                       name + R"(","rows":64,"cols":128,"sparsity":0.5}],
        "machine":{"cpu":"a cpu","cores":2,"memory_bytes":1073741824},"version":"0.1.0"})");
    writeText(run / "result-bench-1.json", R"({"rows":[{"kernel":"old","shape":[1,2],"speedup":1}]})");
    writeText(run / "result-bench-2.json",
              R"({"machine":{},"rows":[{"kernel":"bitmap-50","shape":[64,128],"batch":1,
        "dense_us":4,"torch_us":5,"sparse_us":2,"speedup":2,"ci95":[1.9,2.1],"limit":3,"efficiency":0.66}],
        "end_to_end":{"dense_tokens_per_second":10,"sparse_tokens_per_second":15,"speedup":1.5}})");
    writeText(run / "result-tasks-2026-01-31T120000Z.json",
              R"({"tasks":{"piqa":{"acc":0.5,"n":200},"boolq":{"acc":0.25,"n":100}},
        "dense":{"tasks":{"piqa":{"acc":0.625,"n":200},"boolq":{"acc":0.5,"n":100}}},
        "comparison":{"tasks":{"piqa":{"acc":{"difference":-0.125,"ci95":[-0.25,-0.015625]}}}}})");
    writeText(run / "result-tasks-2026-02-01T120000Z.json", R"({"tasks":7})");
    MaskSet masks;
    PackedMask mask(64, 128);
    for (int i = 0; i < 64 * 128; ++i)
        if (i % 128 < 64) mask.keep(i);
    masks.masks[name] = mask;
    writeMasks(run / "masks.npz", masks);

    const ReportData data = collectReport(run);
    QVERIFY(data.finished);
    QCOMPARE(data.curves.steps, (std::vector<double>{1, 2, 3, 4}));
    QCOMPARE(data.curves.crossEntropy, (std::vector<double>{5, 4, 3, 2}));
    QCOMPARE(data.totalSeconds.value(), 10.0);
    QCOMPARE(data.matrices.size(), std::size_t(1));
    QCOMPARE(data.matrices[0].tileDensity, (std::vector<float>{1, 0}));
    // The newest measurement of tasks that can be read: two tasks and their mean, behind the perplexity.
    QCOMPARE(data.quality.size(), std::size_t(4));
    const auto piqa = std::find_if(data.quality.begin(), data.quality.end(),
                                   [](const auto& row) { return row.measure == "piqa acc"; });
    QVERIFY(piqa != data.quality.end());
    QCOMPARE(piqa->dense, 0.625);
    QCOMPARE(piqa->pruned, 0.5);
    QVERIFY2(piqa->note.find("−25 to −1.6 points") != std::string::npos, piqa->note.c_str());
    QCOMPARE(data.quality.back().pruned, 0.375);
    QCOMPARE(data.speed.size(), std::size_t(1));
    QCOMPARE(data.speed[0].kernel, std::string("bitmap-50"));
    QCOMPARE(data.speed[0].interval, std::string("1.9–2.1"));
    QVERIFY2(data.verdict.find("25.0\u202f% higher") != std::string::npos, data.verdict.c_str());
    QVERIFY2(data.title.find("on tiny,") != std::string::npos, data.title.c_str());
    QVERIFY2(data.command.find("--seed 3") != std::string::npos, data.command.c_str());
    QVERIFY(renderHtml({data}).find("1.00 GiB") != std::string::npos);
}

void TestReport::toleratesWhatIsMissing() {
    QTemporaryDir folder;
    const fs::path run = folder.path().toStdString();
    QVERIFY_THROWS_EXCEPTION(Error, collectReport(run));
    QVERIFY_THROWS_EXCEPTION(Error, collectReport(run / "nothing"));
    writeText(run / "events.jsonl",
              "{\"type\":\"step\",\"unit\":\"step\",\"step\":7,\"steps\":40,\"loss\":null,\"ce\":\"bad\"}"
              "\nnot json\n[1]\n");
    ReportData data = collectReport(run);
    QVERIFY(!data.finished);
    QVERIFY2(data.verdict.find("has not finished: step 7 of 40") != std::string::npos, data.verdict.c_str());
    // Damaged in every way that its types allow: nothing throws, nothing is invented.
    writeText(run / "spec.json", R"({"model":5,"method":[],"sparsity":"x","set":3,"text":{}})");
    writeText(run / "result.json", R"({"sparsity":[1],"perplexity":"?","seconds":[1,"x"],"matrices":{"a":1},
        "machine":[2],"tasks":{"piqa":3},"peak_bytes":{}})");
    writeText(run / "result-bench-1.json", R"({"rows":{"a":[1]},"end_to_end":[]})");
    writeText(run / "masks.npz", "PK nonsense");
    data = collectReport(run);
    QVERIFY(!data.densePerplexity && !data.achievedSparsity && data.matrices.empty());
    QVERIFY(!renderHtml({data}).empty());
    writeText(run / "result.json", "{\"sparsity\":");
    QVERIFY(!collectReport(run).finished);
}

QTEST_GUILESS_MAIN(TestReport)
#include "tst_report.moc"
