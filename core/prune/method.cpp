#include "core/prune/method.h"

#include <functional>

#include "core/base/error.h"
#include "core/prune/optima.h"
#include "core/prune/sparse_gpt.h"
#include "core/prune/thanos.h"

namespace tessera {

namespace {

/// An InputPruner made of a function.
class Pruner : public InputPruner {
  public:
    using Function =
        std::function<PrunedMatrix(const torch::Tensor&, const PatternTarget&, const std::string&)>;
    explicit Pruner(Function function) : m_function(std::move(function)) {}
    PrunedMatrix prune(const torch::Tensor& weights, const PatternTarget& target,
                       const std::string& name) const override {
        requireGroups(target, weights.size(1), name);
        return m_function(weights, target, name);
    }

  private:
    Function m_function;
};

template <typename Function>
std::unique_ptr<InputPruner> prunerOf(Function&& function) {
    return std::make_unique<Pruner>(std::forward<Function>(function));
}

PrunedMatrix prunedOf(UpdatedWeights updated) {
    return {packMask(updated.keep), std::move(updated.scores), std::move(updated.weights)};
}

/// Keeps the highest scores of each N:M group, or of each row or the whole matrix.
PrunedMatrix selected(torch::Tensor scores, const PatternTarget& target, bool byRow) {
    scores = scores.contiguous();
    const auto keep = target.isNM() ? keepNM(scores, target.keep, target.group)
                      : byRow       ? keepInRows(scores, target.removed(scores.size(1)))
                                    : keepInMatrix(scores, target.removed(scores.numel()));
    return {packMask(keep), std::move(scores), {}};
}

class Magnitude : public OneShotMethod {
  public:
    InputNeed need() const override { return InputNeed::None; }
    bool changesWeights() const override { return false; }
    std::unique_ptr<InputPruner> prepare(const InputStatistics&, const std::string&) const override {
        return prunerOf([](const torch::Tensor& weights, const PatternTarget& target, const std::string&) {
            return selected(weights.abs(), target, false);
        });
    }
};

class Wanda : public OneShotMethod {
  public:
    InputNeed need() const override { return InputNeed::Norms; }
    bool changesWeights() const override { return false; }
    std::unique_ptr<InputPruner> prepare(const InputStatistics& input, const std::string&) const override {
        return prunerOf([norms = input.squaredNorms.sqrt()](const torch::Tensor& weights,
                                                            const PatternTarget& target, const std::string&) {
            return selected(weights.abs() * norms, target, true);
        });
    }
};

/// What changes weights needs the Gram matrix.
class Updating : public OneShotMethod {
  public:
    explicit Updating(const OneShotSettings& settings) : m_settings(settings) {}
    InputNeed need() const override { return InputNeed::Gram; }
    bool changesWeights() const override { return true; }

  protected:
    /// Nothing to remove is the matrix as it was.
    template <typename Function>
    static std::unique_ptr<InputPruner> updating(Function&& function) {
        return prunerOf([function = std::forward<Function>(function)](const torch::Tensor& weights,
                                                                      const PatternTarget& target,
                                                                      const std::string& name) {
            if (target.removed(weights.numel()) == 0) return selected(weights.abs(), target, false);
            return prunedOf(function(weights, target, name));
        });
    }
    OneShotSettings m_settings;
};

class SparseGpt : public Updating {
  public:
    using Updating::Updating;
    std::unique_ptr<InputPruner> prepare(const InputStatistics& input,
                                         const std::string& where) const override {
        return updating([gram = dampGram(input.gram, m_settings.damping, m_settings.log, where),
                         block = m_settings.block](const torch::Tensor& weights, const PatternTarget& target,
                                                   const std::string&) {
            return sparseGpt(weights, gram, target, block);
        });
    }
};

class Thanos : public Updating {
  public:
    using Updating::Updating;
    std::unique_ptr<InputPruner> prepare(const InputStatistics& input,
                                         const std::string& where) const override {
        return updating([gram = dampGram(input.gram, m_settings.damping, m_settings.log, where),
                         norms = input.squaredNorms.sqrt(),
                         settings = ThanosSettings{m_settings.block, m_settings.outlierRows}](
                            const torch::Tensor& weights, const PatternTarget& target, const std::string&) {
            return thanos(weights, gram, norms, target, settings);
        });
    }
};

class Admm : public Updating {
  public:
    using Updating::Updating;
    std::unique_ptr<InputPruner> prepare(const InputStatistics& input,
                                         const std::string& where) const override {
        return updating([problem = admmInput(input.gram, m_settings.damping, m_settings.admm.penalty,
                                             m_settings.log, where),
                         settings = m_settings.admm](const torch::Tensor& weights,
                                                     const PatternTarget& target, const std::string&) {
            return admm(weights, problem, target, settings);
        });
    }
};

class Given : public OneShotMethod {
  public:
    explicit Given(const MaskSet& masks) : m_masks(masks) {}
    InputNeed need() const override { return InputNeed::None; }
    bool changesWeights() const override { return false; }
    std::unique_ptr<InputPruner> prepare(const InputStatistics&, const std::string&) const override {
        return prunerOf([this](const torch::Tensor& weights, const PatternTarget&,
                               const std::string& name) -> PrunedMatrix {
            const auto& mask = m_masks.masks.at(name);
            return {mask, unpackMask(mask).to(weights.scalar_type()), {}};
        });
    }

  private:
    const MaskSet& m_masks;
};

/// OPTIMA over any method's masks.
class Finished : public OneShotMethod {
  public:
    Finished(std::unique_ptr<OneShotMethod> method, const OneShotSettings& settings)
        : m_method(std::move(method)), m_damping(settings.finishDamping), m_log(settings.log) {}
    InputNeed need() const override { return InputNeed::Gram; }
    bool changesWeights() const override { return true; }
    std::unique_ptr<InputPruner> prepare(const InputStatistics& input,
                                         const std::string& where) const override {
        return prunerOf(
            [chooser = std::shared_ptr<InputPruner>(m_method->prepare(input, where)),
             gram = dampGram(input.gram, m_damping, m_log, where, GramNeed::Matrix)](
                const torch::Tensor& weights, const PatternTarget& target, const std::string& name) {
                auto pruned = chooser->prune(weights, target, name);
                pruned.weights = optima(weights, unpackMask(pruned.mask), gram);
                return pruned;
            });
    }

  private:
    std::unique_ptr<OneShotMethod> m_method;
    double m_damping;
    LogLine m_log;
};

std::unique_ptr<OneShotMethod> chooserNamed(const std::string& name, const OneShotSettings& settings) {
    if (name == "magnitude") return std::make_unique<Magnitude>();
    if (name == "wanda") return std::make_unique<Wanda>();
    if (name == "sparsegpt") return std::make_unique<SparseGpt>(settings);
    if (name == "thanos") return std::make_unique<Thanos>(settings);
    if (name == "admm") return std::make_unique<Admm>(settings);
    throw Error(ErrorCode::InvalidInput, "there is no one-shot method '" + name + "'", "method",
                {{"choose magnitude, wanda, sparsegpt, thanos or admm", "method", "wanda"}});
}

}  // namespace

std::unique_ptr<OneShotMethod> OneShotMethod::create(const std::string& name,
                                                     const OneShotSettings& settings) {
    auto method = chooserNamed(name, settings);
    if (!settings.finish) return method;
    return std::make_unique<Finished>(std::move(method), settings);
}

std::unique_ptr<OneShotMethod> OneShotMethod::finishing(const MaskSet& masks,
                                                        const OneShotSettings& settings) {
    return std::make_unique<Finished>(std::make_unique<Given>(masks), settings);
}

}  // namespace tessera
