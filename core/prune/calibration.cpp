#include "core/prune/calibration.h"

#include "core/model/torch_runtime.h"

namespace tessera {

namespace {
/// Sequences that go through a block together: enough rows for the products, little memory.
constexpr std::int64_t kSequences = 4;
}  // namespace

BlockStream::BlockStream(const ModelFiles& files, torch::Tensor windows, torch::ScalarType dtype)
    : m_files(files), m_dtype(dtype), m_rotary(rotaryTable(files.config(), windows.size(1), dtype)) {
    torch::NoGradGuard guard;
    m_activations =
        torch::embedding(loadTensor(files.tensors(), "model.embed_tokens.weight", dtype), windows);
}

BlockWeights& BlockStream::observe(const Observer& observe) {
    torch::NoGradGuard guard;
    m_weights = loadBlock(m_files, m_block, m_dtype);
    if (!observe) return m_weights;
    for (std::int64_t begin = 0; begin < m_activations.size(0); begin += kSequences) {
        const auto count = std::min(kSequences, m_activations.size(0) - begin);
        decoderBlock(m_files.config(), m_weights, m_rotary, m_activations.narrow(0, begin, count),
                     [&](const torch::Tensor& input, Group group) {
                         observe(group, input.reshape({-1, input.size(-1)}));
                         return torch::linear(input, m_weights.group(group));
                     });
    }
    return m_weights;
}

void BlockStream::advance() {
    torch::NoGradGuard guard;
    for (std::int64_t begin = 0; begin < m_activations.size(0); begin += kSequences) {
        auto part = m_activations.narrow(0, begin, std::min(kSequences, m_activations.size(0) - begin));
        part.copy_(decoderBlock(m_files.config(), m_weights, m_rotary, part));
    }
    ++m_block;
}

}  // namespace tessera
