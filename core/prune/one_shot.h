#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/prune/block_store.h"
#include "core/prune/calibration.h"
#include "core/prune/method.h"

namespace tessera {

struct OneShotRequest {
    PatternTarget target;
    std::vector<std::string> exclude;  ///< matrices that stay dense, by glob
    /// After each block, once it is kept where there is a store.
    std::function<void(int done, int blocks)> progress;
    const Cancellation* cancellation = nullptr;
    /// Sees what was made of each matrix: what priors come from.
    std::function<void(const PrunableMatrix&, const PrunedMatrix&)> onPruned;
    /// Keeps each finished block and goes on from what it has; null: nothing is kept.
    const BlockStore* store = nullptr;
    std::filesystem::path spillFolder;  ///< activations live in a file here; empty: in memory
};

/// Prunes block by block: statistics come from the still dense block fed by the pruned previous ones.
/// `windows` [sequences, tokens] may be empty for a method that needs no calibration. Changed weights are
/// rounded to `dtype` and kept in the store. Goes on behind the blocks that the store has, to the same bits.
/// Throws Error{Numerical} on activations or weights that are not finite, Error{InvalidInput} where the
/// groups of N:M do not divide a matrix's inputs, before any work.
MaskSet pruneOneShot(const ModelFiles& files, const OneShotMethod& method, const torch::Tensor& windows,
                     torch::ScalarType dtype, const OneShotRequest& request);

/// Whether a matrix's name matches one of the globs (`*` and `?`).
bool matchesAny(const std::string& name, const std::vector<std::string>& globs);

}  // namespace tessera
