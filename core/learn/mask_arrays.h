#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "core/base/error.h"
#include "core/formats/model_config.h"
#include "core/model/torch_runtime.h"

// How the masks hand their tensors to the kernels, which take raw arrays of the two element types that
// weights have here.

namespace tessera {

/// Throws Error{Internal} unless both are contiguous and as large as the matrix.
inline void checkLayout(const torch::Tensor& weights, const torch::Tensor& other,
                        const PrunableMatrix& matrix) {
    if (!weights.is_contiguous() || !other.is_contiguous() || weights.numel() != matrix.elements() ||
        other.numel() != matrix.elements())
        throw Error(ErrorCode::Internal, "a mask step needs contiguous matrices of the mask's shape",
                    matrix.name);
}

/// `with(const W* weights, W* masked)`, W float or the bits of bf16.
template <typename With>
auto withMasked(const PrunableMatrix& matrix, const torch::Tensor& weights, const torch::Tensor& masked,
                const With& with) {
    checkLayout(weights, masked, matrix);
    using Half = const std::uint16_t*;
    using Full = const float*;
    if (weights.scalar_type() == torch::kBFloat16) return with(Half(bf16Data(weights)), bf16Data(masked));
    return with(Full(weights.data_ptr<float>()), masked.data_ptr<float>());
}

/// `with(const W* weights, const G* gradMasked)`; weights of f32 have gradients of f32.
template <typename With>
auto withGradient(const PrunableMatrix& matrix, const torch::Tensor& weights, const torch::Tensor& gradMasked,
                  const With& with) {
    checkLayout(weights, gradMasked, matrix);
    using Half = const std::uint16_t*;
    using Full = const float*;
    if (weights.scalar_type() != torch::kBFloat16)
        return with(Full(weights.data_ptr<float>()), Full(gradMasked.data_ptr<float>()));
    if (gradMasked.scalar_type() == torch::kBFloat16)
        return with(Half(bf16Data(weights)), Half(bf16Data(gradMasked)));
    return with(Half(bf16Data(weights)), Full(gradMasked.data_ptr<float>()));
}

}  // namespace tessera
