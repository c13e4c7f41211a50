#pragma once

#include <torch/torch.h>

#include <QtTest>
#include <cstring>
#include <string>

#include "core/formats/safetensors.h"
#include "core/model/torch_runtime.h"
#include "support/support.h"

namespace tessera::test {

/// The models that tests/reference/make_tiny_families.py makes, a row each.
inline constexpr const char* kFamilies[] = {"llama3", "llama_linear", "llama_dynamic", "mistral",
                                            "qwen2",  "qwen3",        "gemma2",        "gemma3",
                                            "olmo2",  "granite",      "phi3"};

inline void familyRows() {
    QTest::addColumn<QString>("family");
    for (const char* name : kFamilies) QTest::newRow(name) << QString(name);
}

inline std::filesystem::path familyFolder(const QString& name) {
    return data("families/" + name.toStdString());
}

/// A tensor of a file of golden values: int64 as it is, everything else as f32.
inline torch::Tensor golden(const TensorSource& file, const std::string& name) {
    const auto& info = file.at(name);
    if (info.dtype != DType::I64) return loadTensor(file, name, torch::kFloat32);
    auto ids = torch::empty(info.shape, torch::kInt64);
    std::memcpy(ids.data_ptr(), file.raw(info).data(), info.bytes);
    return ids;
}

inline double largestDifference(const torch::Tensor& a, const torch::Tensor& b) {
    return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

}  // namespace tessera::test
