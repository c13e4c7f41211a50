#include "core/prune/calibration.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/model/spilled_tensor.h"
#include "core/model/torch_runtime.h"

namespace tessera {

namespace {

/// Sequences that go through a block together: enough rows for the products, little memory.
constexpr std::int64_t kSequences = 4;

}  // namespace

BlockStream::BlockStream(const ModelFiles& files, torch::Tensor windows, torch::ScalarType dtype,
                         const std::filesystem::path& spillFolder)
    : m_files(files), m_dtype(dtype), m_rotary(rotaryTable(files.config(), windows.size(1), dtype)) {
    torch::NoGradGuard guard;
    const auto embedding = loadTensor(files.tensors(), "model.embed_tokens.weight", dtype);
    if (spillFolder.empty()) {
        m_activations = embed(files.config(), embedding, windows);
        return;
    }
    m_activations =
        spilledTensor({windows.size(0), windows.size(1), files.config().hiddenSize}, dtype, spillFolder);
    for (std::int64_t i = 0; i < windows.size(0); ++i)
        m_activations[i].copy_(embed(files.config(), embedding, windows[i]));
}

void BlockStream::restore(int block, const torch::Tensor& activations) {
    if (activations.sizes() != m_activations.sizes() || activations.scalar_type() != m_dtype)
        throw Error(ErrorCode::Corrupt, "the kept activations do not belong to this run",
                    "block " + std::to_string(block), {{"begin a new run", "", ""}});
    m_activations.copy_(activations);
    m_block = block;
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
                         // Nobody looks at what comes out of the block.
                         if (group == Group::Down) return torch::zeros({1}, input.options());
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

torch::Tensor calibrationWindows(const std::vector<std::int32_t>& ids, std::int64_t count,
                                 std::int64_t length) {
    const auto tokens = static_cast<std::int64_t>(ids.size());
    if (tokens < length)
        throw Error(ErrorCode::InvalidInput,
                    "the text has " + std::to_string(tokens) + " tokens, one calibration window needs " +
                        std::to_string(length),
                    "calibration text",
                    {{"give a longer text with --text, or shorter windows with --set calibration_context=N",
                      "calibration_context", "128"}});
    count = std::max<std::int64_t>(1, std::min(count, tokens / length));
    auto windows = torch::empty({count, length}, torch::kInt64);
    auto* out = windows.data_ptr<std::int64_t>();
    for (std::int64_t w = 0; w < count; ++w) {
        const auto start = count == 1 ? 0 : (tokens - length) * w / (count - 1);
        for (std::int64_t i = 0; i < length; ++i) *out++ = ids[static_cast<std::size_t>(start + i)];
    }
    return windows;
}

}  // namespace tessera
