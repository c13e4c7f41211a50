#pragma once

#include <memory>
#include <string>

#include "core/prune/admm.h"
#include "core/prune/gram.h"
#include "core/prune/selection.h"

namespace tessera {

/// What a method must know of the inputs: nothing, their norms, or their whole Gram matrix.
enum class InputNeed { None, Norms, Gram };

/// Statistics of the input of one group of linear layers over the calibration text.
struct InputStatistics {
    torch::Tensor
        squaredNorms;    ///< [cols]: sum over tokens of the squared feature; InputNeed::Norms and more
    torch::Tensor gram;  ///< [cols, cols]: sum over tokens of x x^T; InputNeed::Gram
    std::int64_t tokens = 0;
};

struct PrunedMatrix {
    PackedMask mask;
    torch::Tensor scores;   ///< importance of every weight, not negative, [rows, cols]
    torch::Tensor weights;  ///< the new weights, zero where not kept; undefined: kept as they are
};

/// A method with one group's statistics worked up: serves all matrices that read this input.
class InputPruner {
  public:
    virtual ~InputPruner() = default;
    /// `weights` [rows, cols] of the statistics' element type (f32 or f64); they are left alone.
    virtual PrunedMatrix prune(const torch::Tensor& weights, const PatternTarget& target,
                               const std::string& name) const = 0;
};

struct OneShotSettings {
    double damping = 0.01;     ///< SparseGPT, Thanos, ADMM: share of the mean diagonal
    std::int64_t block = 128;  ///< SparseGPT, Thanos: columns pruned together
    double outlierRows = 0;    ///< Thanos
    AdmmSettings admm;
    bool finish = false;  ///< OPTIMA for the chosen mask, from the weights as they were
    double finishDamping = 0.01;
    LogLine log;
};

/// A one-shot, layer-wise method.
class OneShotMethod {
  public:
    virtual ~OneShotMethod() = default;
    virtual InputNeed need() const = 0;
    virtual bool changesWeights() const = 0;
    /// `where` names the input in errors. Throws Error{Numerical}.
    virtual std::unique_ptr<InputPruner> prepare(const InputStatistics& input,
                                                 const std::string& where) const = 0;

    /// "magnitude" (|W|, compared within a matrix) or "wanda" (|W| times the input feature's norm, compared
    /// within a row; methods.md section 1), "sparsegpt", "thanos", "admm"; under OPTIMA with
    /// `settings.finish`. Throws Error{InvalidInput}.
    static std::unique_ptr<OneShotMethod> create(const std::string& name,
                                                 const OneShotSettings& settings = {});
    /// The masks that are there, for OPTIMA to finish. `masks` must outlive the method.
    static std::unique_ptr<OneShotMethod> finishing(const MaskSet& masks, const OneShotSettings& settings);
};

}  // namespace tessera
