#include "core/model/torch_linear_time.h"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "core/base/stopwatch.h"
#include "core/model/torch_runtime.h"

namespace tessera {

double torchLinearMicroseconds(std::int64_t rows, std::int64_t cols, int threads) {
    torch::NoGradGuard guard;
    configureThreads(threads);
    constexpr std::int64_t kWorkingSet = std::int64_t(128) << 20;
    const auto copies = std::max<std::int64_t>(2, kWorkingSet / (rows * cols * 2));
    const auto input = torch::ones({1, cols}, torch::kBFloat16);
    std::vector<torch::Tensor> weights;
    for (std::int64_t i = 0; i < copies; ++i) weights.push_back(torch::ones({rows, cols}, torch::kBFloat16));
    std::vector<double> passes;
    for (int pass = 0; pass < 4; ++pass) {
        Stopwatch watch;
        for (const auto& weight : weights) torch::linear(input, weight);
        if (pass > 0) passes.push_back(watch.seconds() * 1e6 / static_cast<double>(copies));
    }
    std::sort(passes.begin(), passes.end());
    return passes[passes.size() / 2];
}

}  // namespace tessera
