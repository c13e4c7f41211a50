#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/prune/calibration.h"
#include "core/prune/selection.h"

namespace tessera {

/// Statistics of the input of one group of linear layers over the calibration text.
struct InputStatistics {
    torch::Tensor squaredNorms;  ///< [cols] f32: sum over tokens of the squared feature
    std::int64_t tokens = 0;
};

/// A one-shot, layer-wise method that chooses a mask and leaves the kept weights as they are.
class OneShotMethod {
  public:
    virtual ~OneShotMethod() = default;
    virtual bool needsCalibration() const = 0;
    /// Importance of every weight, [rows, cols] f32. `weights` f32.
    virtual torch::Tensor scores(const torch::Tensor& weights, const InputStatistics& input) const = 0;
    virtual PackedMask select(const torch::Tensor& scores, const PatternTarget& target,
                              const std::string& name) const = 0;

    /// "magnitude" (|W|, compared within a matrix) or "wanda" (|W| times the input feature's norm, compared
    /// within a row). methods.md section 1.
    static std::unique_ptr<OneShotMethod> create(const std::string& name);
};

struct OneShotRequest {
    PatternTarget target;
    std::vector<std::string> exclude;  ///< matrices that stay dense, by glob
    std::function<void(int done, int blocks)> progress;
    const Cancellation* cancellation = nullptr;
    /// Sees the scores of each matrix before selection: what priors are made from.
    std::function<void(const PrunableMatrix&, const torch::Tensor& scores)> onScores;
};

/// Prunes block by block: statistics come from the still dense block fed by the pruned previous ones.
/// `windows` [sequences, tokens] may be empty for a method that needs no calibration.
/// Throws Error{Numerical} on activations that are not finite.
MaskSet pruneOneShot(const ModelFiles& files, const OneShotMethod& method, const torch::Tensor& windows,
                     torch::ScalarType dtype, const OneShotRequest& request);

/// Whether a matrix's name matches one of the globs (`*` and `?`).
bool matchesAny(const std::string& name, const std::vector<std::string>& globs);

/// `count` windows of `length` tokens spread evenly over the text: [count, length] int64. Fewer where the
/// text is shorter; throws Error{InvalidInput} when there is none.
torch::Tensor calibrationWindows(const std::vector<std::int32_t>& ids, std::int64_t count,
                                 std::int64_t length);

}  // namespace tessera
