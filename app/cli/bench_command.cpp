#include <cstdio>
#include <memory>

#include "app/cli/console.h"
#include "app/cli/packing_options.h"
#include "core/base/error.h"
#include "core/base/system_info.h"
#include "core/deploy/bench.h"
#include "core/model/torch_linear_time.h"
#include "core/session/memory_needs.h"
#include "core/session/model_catalogue.h"
#include "core/session/run_directory.h"

namespace tessera::cli {

namespace {

void printBench(const Console& console, const Json& document) {
    console.endProgress();
    console.line(
        "kernel          shape          threads   dense us   torch us  sparse us  speed-up   95 % interval   "
        "limit  efficiency");
    for (const auto& row : document["rows"]) {
        char text[200], interval[32] = "-", torchUs[16] = "-", sparseUs[16] = "-";
        if (row["ci95"].is_array())
            std::snprintf(interval, sizeof interval, "%.3f-%.3f", row["ci95"][0].get<double>(),
                          row["ci95"][1].get<double>());
        if (row["torch_us"].is_number())
            std::snprintf(torchUs, sizeof torchUs, "%.1f", row["torch_us"].get<double>());
        if (row["sparse_us"].is_number())
            std::snprintf(sparseUs, sizeof sparseUs, "%.1f", row["sparse_us"].get<double>());
        const auto shape =
            std::to_string(row["shape"][0].get<int>()) + " x " + std::to_string(row["shape"][1].get<int>());
        std::snprintf(text, sizeof text, "%-14s %-15s %6d %10.1f %10s %10s %9.3f %15s %7.3f %10.3f",
                      row["kernel"].get<std::string>().c_str(), shape.c_str(), row["threads"].get<int>(),
                      row["dense_us"].get<double>(), torchUs, sparseUs, row["speedup"].get<double>(),
                      interval, row["limit"].get<double>(), row["efficiency"].get<double>());
        console.line(text);
    }
    if (const auto& end = document["end_to_end"]; end.is_object()) {
        char text[200];
        std::snprintf(
            text, sizeof text,
            "decoding     %.1f tokens a second dense, %.1f sparse: %.3f times (%.3f-%.3f), limit %.3f",
            end["dense_tokens_per_second"].get<double>(), end["sparse_tokens_per_second"].get<double>(),
            end["speedup"].get<double>(), end["ci95"][0].get<double>(), end["ci95"][1].get<double>(),
            end["limit"].get<double>());
        console.line(text);
        std::snprintf(text, sizeof text, "weights      %.1f MB a token dense, %.1f sparse",
                      end["dense_bytes_per_token"].get<double>() / 1e6,
                      end["sparse_bytes_per_token"].get<double>() / 1e6);
        console.line(text);
    }
    console.document(document);
}

void benchRun(const std::string& name, const PackingOptions& options, const BenchRequest& request,
              const Console& console) {
    const auto packing = options.packing(Layout::Sparse);
    const auto run = RunDirectory::open(name);
    const auto resolved = resolveModel(name);
    const auto files = ModelFiles::open(resolved.path, resolved.weights);
    requireMemoryToRead("bench", files.config(), 4, name);
    const auto masks = readMasks(*resolved.masks);
    const auto dense = PackedModel::load(files, &masks, Layout::Dense),
               sparse = PackedModel::load(files, &masks, packing);
    auto document = benchModel(dense, sparse, request);
    document["run"] = run.path().string();
    document["values"] = nameOf(packing.values);
    document["head"] = nameOf(packing.head);
    document["time"] = utcTimestamp();
    keepBeside(run.path(), "bench", document);
    printBench(console, document);
}

/// The container as it is mapped, against its own matrices with their zeros.
void benchContainer(const std::string& name, const PackingOptions& options, const BenchRequest& request,
                    const Console& console) {
    const PackedContainer container(name);
    options.requireThoseOf(container);
    requireMemoryToRead("bench", container.config(), 2, name);
    const auto sparse = container.model();
    const auto dense = sparse.unpacked(request.cancellation);
    auto document = benchModel(dense, sparse, request);
    document["container"] = std::filesystem::absolute(name).string();
    document["dense"] = "the container's own matrices, unpacked to bf16 with their zeros";
    document["values"] = nameOf(container.values());
    document["head"] = nameOf(container.headValues());
    document["time"] = utcTimestamp();
    printBench(console, document);
    console.line("dense is " + document["dense"].get<std::string>());
}

}  // namespace

void addBenchCommand(Commands& app, Console& console) {
    struct Options {
        std::string run;
        std::vector<int> threads;
        int repeats = 9;
        PackingOptions packing;
    };
    auto* command = app.add_subcommand("bench", "real speed, sparse against dense, as ratios of one run");
    command->require_subcommand(1);
    auto options = std::make_shared<Options>();
    const auto shared = [options](CLI::App* sub) {
        sub->add_option("--threads", options->threads, "one table a number of threads; all cores if left out")
            ->check(CLI::Range(1, 1024));
        sub->add_option("--repeats", options->repeats, "pairs of timings")->check(CLI::Range(2, 1000));
    };
    const auto request = [options, &console] {
        BenchRequest bench;
        bench.threads = options->threads;
        bench.repeats = options->repeats;
        bench.torchLinear = torchLinearMicroseconds;
        bench.progress = [&console](const std::string& text, int done, int total) {
            if (signalControl().stop.load()) signalControl().interrupt.request();
            console.progress(text, done, total);
        };
        bench.cancellation = &signalControl().interrupt;
        return bench;
    };
    auto* kernelsCommand = addCommand(*command, "kernels", "the decoding kernels by shape", console);
    shared(kernelsCommand);
    kernelsCommand->callback([request, &console] { printBench(console, benchKernels(request())); });

    auto* model = addCommand(*command, "model",
                             "a finished run or a packed container: its matrices and end to end", console);
    model->add_option("run", options->run, "a finished run, or a .tessera file")->required();
    shared(model);
    options->packing.add(*model);
    model->callback([options, request, &console] {
        ContainerFile::is(options->run) ? benchContainer(options->run, options->packing, request(), console)
                                        : benchRun(options->run, options->packing, request(), console);
    });
}

}  // namespace tessera::cli
