#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <span>
#include <string>

#include "core/formats/tensor_source.h"

namespace tessera {

/// Sets the threads of LibTorch, OpenMP and the BLAS; 0 means every core this process may use. Call once,
/// before other work. Returns the number in force.
int configureThreads(int threads);

/// The BLAS library that this process has loaded, e.g. "OpenBLAS 0.3.21 (pthread)"; "reference BLAS" where it
/// is the slow one, which multiplies some eighty times slower.
std::string blasDescription();

/// "LibTorch 1.13.1, OpenBLAS 0.3.21": for reports.
std::string torchDescription();

/// A tensor of the file as f32 or bf16 (rounded to nearest even), in its shape.
/// Throws Error{Numerical} naming the tensor when a value is not finite.
torch::Tensor loadTensor(const TensorSource& source, const std::string& name, torch::ScalarType dtype);

/// bf16 payload of a contiguous tensor, for the kernels.
std::uint16_t* bf16Data(const torch::Tensor& tensor);

/// Calls `use` with the payloads of contiguous tensors, all f32 or all bf16, as the kernels take them.
template <typename Use, typename... Tensor>
auto onPayload(const Use& use, const torch::Tensor& first, const Tensor&... others) {
    if (first.scalar_type() == torch::kBFloat16) return use(bf16Data(first), bf16Data(others)...);
    return use(first.data_ptr<float>(), others.template data_ptr<float>()...);
}

}  // namespace tessera
