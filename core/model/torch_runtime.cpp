#include "core/model/torch_runtime.h"

#include <dlfcn.h>
#include <omp.h>
#include <sched.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "core/base/error.h"
#include "core/base/system_info.h"

namespace tessera {

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
    auto result = torch::empty(info.shape, torch::kFloat32);
    std::span<float> out(result.data_ptr<float>(), static_cast<std::size_t>(result.numel()));
    source.readF32(info, 0, out);
    for (std::size_t i = 0; i < out.size(); ++i)
        if (!std::isfinite(out[i]))
            throw Error(ErrorCode::Numerical, "the model holds a weight that is not a finite number",
                        name + ", element " + std::to_string(i),
                        {{"use an intact copy of the model", "", ""}});
    return dtype == torch::kFloat32 ? result : result.to(dtype);
}

std::uint16_t* bf16Data(const torch::Tensor& tensor) {
    return reinterpret_cast<std::uint16_t*>(tensor.data_ptr<at::BFloat16>());
}

}  // namespace tessera
