#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/formats/mask_set.h"

namespace tessera {

/// The finished blocks of a one-shot run on disk, so that a run that was killed goes on behind them:
///   block-K.npz          the masks of block K
///   block-K.safetensors  its changed weights, where the method changes any
///   next-K.safetensors   the activations before block K; its presence says that all blocks below K are whole
/// Each file is written aside and renamed, `next` last; of those the newest is kept. Activations are left out
/// behind the last block.
class BlockStore {
  public:
    explicit BlockStore(std::filesystem::path folder) : m_folder(std::move(folder)) {}

    struct Finished {
        MaskSet masks;
        std::vector<std::pair<std::string, torch::Tensor>> weights;  ///< f32 or bf16
    };
    void save(int block, const Finished& finished, const torch::Tensor& activations) const;

    struct State {
        int blocks = 0;             ///< finished ones
        torch::Tensor activations;  ///< before the next; undefined behind the last
        MaskSet masks;
    };
    /// 0 where there is no folder.
    int finishedBlocks() const;
    /// Throws Error{Corrupt}.
    State load() const;

    /// Writes the changed weights of all blocks as one safetensors file; none where no block has any.
    void assemble(const std::filesystem::path& file) const;
    void remove() const;
    /// Of all that lies there.
    std::uint64_t bytesKept() const;
    /// Bytes that the last save() wrote.
    std::uint64_t bytesOfSave() const { return m_bytes; }

  private:
    std::filesystem::path path(const char* kind, int block, const char* suffix) const;

    std::filesystem::path m_folder;
    mutable std::uint64_t m_bytes = 0;
};

}  // namespace tessera
