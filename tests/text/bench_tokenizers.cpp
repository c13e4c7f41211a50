// How fast a tokenizer encodes a text, on one thread: bench_tokenizers TOKENIZER TEXT
#include <cstdio>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/stopwatch.h"
#include "core/text/tokenizer.h"

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    try {
        tessera::Stopwatch watch;
        const auto tokenizer = tessera::loadTokenizerFrom(argv[1]);
        const double loaded = watch.restart();
        const auto text = tessera::readFile(argv[2]);
        double best = 1e9;
        std::size_t count = 0;
        for (int i = 0; i < 5; ++i) {
            watch.restart();
            count = tokenizer->encode(text).size();
            best = std::min(best, watch.restart());
        }
        std::printf("%s: %.2f MB/s in %.3f s, %zu ids; loaded in %.2f s\n", argv[1],
                    static_cast<double>(text.size()) / best / 1e6, best, count, loaded);
    } catch (const tessera::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
