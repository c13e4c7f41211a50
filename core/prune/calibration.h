#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <vector>

#include "core/base/cancellation.h"
#include "core/model/decoder.h"

namespace tessera {

/// Takes a model through its blocks one at a time: one block's weights, the activations of all sequences, and
/// nothing else are in memory (methods.md section 0).
class BlockStream {
  public:
    /// `windows` [sequences, tokens] int64. Activations have `dtype`; with `spillFolder` they live in a file
    /// there that has no name and goes with the stream. Throws Error{DiskFull} where it does not fit.
    BlockStream(const ModelFiles& files, torch::Tensor windows, torch::ScalarType dtype,
                const std::filesystem::path& spillFolder = {});

    /// Called with the input of a group, [tokens, cols], once a batch of sequences.
    using Observer = std::function<void(Group, const torch::Tensor& input)>;

    /// Loads the next block (index `block()`), runs every sequence through it as it is and lets `observe` see
    /// the inputs of its groups. The activations stay those before the block.
    BlockWeights& observe(const Observer& observe);
    /// Runs every sequence through the block as `observe` returned it and its caller left it.
    void advance();
    /// Goes on to the next block without running any sequence: for methods that look at weights alone, and
    /// behind the last block.
    void skip() { ++m_block; }
    /// Goes on from `block` with the activations before it.
    void restore(int block, const torch::Tensor& activations);

    int block() const { return m_block; }
    int blocks() const { return static_cast<int>(m_files.config().layers); }
    /// Activations [sequences, tokens, hidden] before the current block.
    const torch::Tensor& activations() const { return m_activations; }

  private:
    const ModelFiles& m_files;
    torch::ScalarType m_dtype;
    RotaryTable m_rotary;
    torch::Tensor m_activations;
    BlockWeights m_weights;
    int m_block = 0;
};

/// `count` windows of `length` tokens spread evenly over the text: [count, length] int64. Fewer where the
/// text is shorter; throws Error{InvalidInput} when there is none.
torch::Tensor calibrationWindows(const std::vector<std::int32_t>& ids, std::int64_t count,
                                 std::int64_t length);

}  // namespace tessera
