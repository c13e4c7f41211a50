#include "core/model/torch_runtime.h"

#include <dlfcn.h>
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "core/base/error.h"
#include "core/base/system_info.h"

namespace tessera {

namespace {

/// Elements that are widened to f32 together, a multiple of every quantised type's block.
constexpr std::int64_t kTogether = 1 << 20;

}  // namespace

int configureThreads(int threads) {
    if (threads <= 0) threads = systemInfo().cores;
    torch::set_num_threads(threads);
    omp_set_num_threads(threads);
    // OpenBLAS keeps threads of its own beside LibTorch's.
    using SetThreads = void (*)(int);
    if (auto set = reinterpret_cast<SetThreads>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")))
        set(threads);
    return threads;
}

std::string blasDescription() {
    using GetConfig = char* (*)();
    if (auto config = reinterpret_cast<GetConfig>(::dlsym(RTLD_DEFAULT, "openblas_get_config")))
        return config();
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("libmkl") != std::string::npos) return "MKL";
        if (line.find("libblas.so") != std::string::npos)
            return "reference BLAS (slow: install libopenblas0-pthread)";
    }
    return "built into LibTorch";
}

std::string torchDescription() {
    return std::string("LibTorch ") + TORCH_VERSION + ", " + blasDescription();
}

torch::Tensor loadTensor(const TensorSource& source, const std::string& name, torch::ScalarType dtype) {
    const TensorInfo& info = source.at(name);
    auto result = torch::empty(info.shape, dtype);
    auto flat = result.view({-1});
    // A few at a time: an embedding of f32 beside that of bf16 would be the most of a large model's memory.
    auto part = torch::empty({std::min(kTogether, flat.numel())}, torch::kFloat32);
    for (std::int64_t begin = 0; begin < flat.numel(); begin += kTogether) {
        const auto count = std::min(kTogether, flat.numel() - begin);
        std::span<float> out(part.data_ptr<float>(), static_cast<std::size_t>(count));
        source.readF32(info, begin, out);
        for (std::size_t i = 0; i < out.size(); ++i)
            if (!std::isfinite(out[i]))
                throw Error(ErrorCode::Numerical, "the model holds a weight that is not a finite number",
                            name + ", element " + std::to_string(begin + static_cast<std::int64_t>(i)),
                            {{"use an intact copy of the model", "", ""}});
        flat.narrow(0, begin, count).copy_(part.narrow(0, 0, count));
    }
    source.release(info);
    return result;
}

std::uint16_t* bf16Data(const torch::Tensor& tensor) {
    return reinterpret_cast<std::uint16_t*>(tensor.data_ptr<at::BFloat16>());
}

}  // namespace tessera
