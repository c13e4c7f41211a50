#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/cancellation.h"
#include "core/base/json.h"
#include "core/deploy/packed_model.h"

namespace tessera {

/// Speed-up from pairs that were timed one after the other in the same run.
struct PairedRatio {
    double denseUs = 0, sparseUs = 0;  ///< medians
    double ratio = 0;                  ///< geometric mean of the pairs' ratios
    double low = 0, high = 0;          ///< 95 % interval of it (Student's t on the logarithms)
};
PairedRatio pairedRatio(const std::vector<double>& denseUs, const std::vector<double>& sparseUs);

struct BenchRequest {
    std::vector<int> threads;  ///< one table a number; empty: all cores
    int repeats = 9;           ///< pairs
    std::int64_t tokens = 48;  ///< end to end, a repeat
    /// Microseconds of LibTorch's linear on one row for a shape, from a caller that links it.
    std::function<double(std::int64_t rows, std::int64_t cols, int threads)> torchLinear;
    /// What is being timed, and how many of all timings are done.
    std::function<void(const std::string&, int done, int all)> progress;
    const Cancellation* cancellation = nullptr;
};

/// The decoding kernels alone, on random weights of more than the caches hold: 4096 x 4096, 11008 x 4096,
/// 1536 x 576 and 576 x 1536; bitmaps at 50 and 60 %, 2:4, hybrids of which 90 % of the tiles (128 x 128; 64
/// x 64 where these do not fit) are 2:4, each with bf16 and q8 values, and dense q8; all against dense bf16.
/// The document of cli.md's `bench`.
Json benchKernels(const BenchRequest& request);

/// A model under its masks, its own shapes and end to end; `dense` and `sparse` are the same masked weights
/// in two packings. Shapes are timed in passes over all products of a token, in the order of decoding.
/// `matrices` of the document tells what each matrix of `sparse` is stored as.
Json benchModel(const PackedModel& dense, const PackedModel& sparse, const BenchRequest& request);

}  // namespace tessera
