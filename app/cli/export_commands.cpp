#include <algorithm>
#include <cstdio>
#include <memory>

#include "app/cli/console.h"
#include "app/cli/packing_options.h"
#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/formats/export_format.h"
#include "core/formats/export_gguf.h"
#include "core/formats/export_hf.h"
#include "core/report/collect.h"
#include "core/report/html.h"
#include "core/report/pdf.h"
#include "core/session/model_catalogue.h"
#include "core/session/run_directory.h"
#include "core/text/tokenizer.h"

namespace tessera::cli {

namespace {

/// What a container tells people of the run that it was made of: nothing of this machine.
Json aboutRun(const RunDirectory& run) {
    const auto& spec = run.spec();
    const bool named = spec.model.find('/') == std::string::npos || hubRepoOf(spec.model);
    return {{"model", named ? spec.model : std::filesystem::path(spec.model).filename().string()},
            {"method", spec.method},
            {"pattern", spec.pattern},
            {"sparsity", spec.sparsity}};
}

void exportRun(const std::string& name, const std::string& format, const PackingOptions& packing,
               const std::filesystem::path& out, const Console& console) {
    std::string known;
    for (const auto& each : kExportFormats) known += (known.empty() ? "" : " or ") + std::string(each.name);
    if (std::none_of(kExportFormats.begin(), kExportFormats.end(),
                     [&](const ExportFormat& each) { return format == each.name; }))
        throw Error(ErrorCode::InvalidInput, "\"" + format + "\" is no export format of this build",
                    "--format", {{"choose " + known, "format", kExportFormats.front().name}});
    if (packing.given() && format != "tessera")
        throw Error(ErrorCode::InvalidInput, "only a packed container has --values and --head",
                    "--format " + format,
                    {{"leave them out, or choose --format tessera", "format", "tessera"}});
    auto& control = signalControl();
    const auto run = RunDirectory::open(name);
    const auto model = resolveModel(name);
    if (format == "npz") {
        if (std::filesystem::exists(out))
            throw Error(ErrorCode::InvalidInput, "there is something here already", out.string(),
                        {{"name another file with --out", "out", ""}});
        writeMasks(out, readMasks(*model.masks));
        // On standard error, so that a script's output stays what it was.
        if (model.weights)
            std::fprintf(stderr,
                         "note: this run changed the weights that it kept; the mask alone does not make its "
                         "model. Export the whole with --format hf.\n");
    } else {
        const auto files = ModelFiles::open(model.path, model.weights);
        const auto tokenizer = loadTokenizer(files);
        const auto masks = readMasks(*model.masks);
        const auto progress = [&](int done, int all) {
            // What was written so far goes away on the way out.
            if (control.stop.load()) throw Error(ErrorCode::Cancelled, "stopped on request", out.string());
            const bool packed = format == "tessera";
            if (packed || done % 16 == 0 || done == all)
                console.progress(
                    (packed ? "part " : "tensor ") + std::to_string(done) + " of " + std::to_string(all),
                    done, all);
        };
        if (format == "tessera")
            exportPacked(files, &masks, packing.packing(Layout::Sparse), *tokenizer, aboutRun(run), out,
                         progress);
        else if (format == "gguf")
            exportGguf(
                files, &masks,
                [&](GgufWriter& writer) {
                    if (files.gguf())
                        copyGgufTokenizer(*files.gguf(), writer);
                    else
                        tokenizer->writeGguf(files.config().vocabSize, writer);
                },
                out, progress);
        else
            exportHuggingFace(files, &masks, {tokenizer->toTokenizerJson(), tokenizer->toTokenizerConfig()},
                              out, progress);
    }
    console.endProgress();
    const auto path = std::filesystem::absolute(out).string();
    console.line(path);
    console.document({{"format", format}, {"path", path}, {"run", run.path().string()}});
}

}  // namespace

void addExportCommands(Commands& app, Console& console) {
    struct Options {
        std::string run, format = "hf", out;
        PackingOptions packing;
        std::vector<std::string> runs;
    };
    auto options = std::make_shared<Options>();
    auto* exporting = addCommand(app, "export", "write the pruned model for other software", console);
    exporting->add_option("run", options->run, "a finished run")->required();
    std::string formats;
    for (const auto& each : kExportFormats)
        formats += (formats.empty() ? "" : "; ") + std::string(each.name) + ": " + each.help;
    exporting->add_option("--format", options->format, formats)->required();
    exporting->add_option("--out", options->out, "what to write")->required();
    options->packing.add(*exporting);
    exporting->callback([options, &console] {
        exportRun(options->run, options->format, options->packing, options->out, console);
    });

    auto* report = addCommand(app, "report", "one self-contained page about one run or several", console);
    report->add_option("runs", options->runs, "runs; the first is told in full")->required();
    report->add_option("--out", options->out,
                       "an .html or .pdf file; report.html in the first run if left out");
    report->callback([options, &console] {
        std::vector<ReportData> data;
        for (const auto& run : options->runs) {
            RunDirectory::open(run);
            data.push_back(collectReport(run));
        }
        const auto out = options->out.empty() ? std::filesystem::path(options->runs.front()) / "report.html"
                                              : std::filesystem::path(options->out);
        if (out.extension() == ".pdf")
            writePdf(out, data);
        else if (out.extension() == ".html")
            writeFileAtomically(out, renderHtml(data));
        else
            throw Error(ErrorCode::InvalidInput, "the report's kind is unknown", out.string(),
                        {{"give --out a name that ends in .html or .pdf", "out", ""}});
        const auto path = std::filesystem::absolute(out).string();
        console.line(path);
        console.document({{"path", path}});
    });
}

}  // namespace tessera::cli
