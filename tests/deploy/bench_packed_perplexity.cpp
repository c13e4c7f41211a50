#include <QElapsedTimer>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>

#include "core/base/file_io.h"
#include "core/session/model_catalogue.h"
#include "core/text/tokenizer.h"
#include "deploy/packed_loss.h"

// What q8 values cost: perplexity of a run's model as it is decoded, a token at a time, with bf16 and with q8
// values (blocks, blocks and head), over non-overlapping windows of a text as `eval` cuts them. docs/speed.md
// has figures.
//   bench_packed_perplexity RUN TEXT [WINDOW [WINDOWS]]

using namespace tessera;

namespace {

double perplexity(const PackedModel& model, const std::vector<std::int32_t>& ids, std::size_t window,
                  std::size_t windows) {
    DecodeSession session(model, 0);
    double sum = 0;
    for (std::size_t w = 0; w < windows; ++w)
        sum += test::packedLoss(session, std::span(ids).subspan(w * window, window));
    return std::exp(sum / static_cast<double>(windows));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: bench_packed_perplexity RUN TEXT [WINDOW [WINDOWS]]\n");
        return 2;
    }
    try {
        const auto resolved = resolveModel(argv[1]);
        const auto files = ModelFiles::open(resolved.path, resolved.weights);
        const auto masks = readMasks(resolved.masks.value());
        const auto ids = loadTokenizer(files)->encode(readFile(argv[2]));
        const std::size_t window = argc > 3 ? std::stoul(argv[3]) : 1024;
        const std::size_t windows =
            std::min(ids.size() / window, argc > 4 ? std::stoul(argv[4]) : std::size_t(8));
        struct Form {
            const char* name;
            WeightValues values, head;
        };
        double first = 0;
        for (const auto& form : {Form{"bf16", WeightValues::Bf16, WeightValues::Bf16},
                                 Form{"q8, bf16 head", WeightValues::Q8, WeightValues::Bf16},
                                 Form{"q8, q8 head", WeightValues::Q8, WeightValues::Q8}}) {
            QElapsedTimer watch;
            watch.start();
            const auto model =
                PackedModel::load(files, &masks, Packing(Layout::Sparse, form.values, form.head), nullptr);
            const double value = perplexity(model, ids, window, windows);
            if (first == 0) first = value;
            std::printf("%-14s perplexity %.4f (%+.2f %%), %zu windows of %zu, %.0f s\n", form.name, value,
                        100 * (value / first - 1), windows, window,
                        static_cast<double>(watch.elapsed()) / 1e3);
            std::fflush(stdout);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
