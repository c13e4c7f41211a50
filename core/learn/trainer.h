#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "core/base/error.h"
#include "core/learn/gradient_buckets.h"
#include "core/learn/hardening.h"
#include "core/learn/head_loss.h"
#include "core/learn/masked_linear.h"
#include "core/learn/schedule.h"
#include "core/model/decoder.h"

namespace tessera {

/// Which norm of the kept weights is rewarded, fading over the run: the sum over matrices of ||M W|| in
/// units of the sum of ||W|| (PATCH, LEAP), or the sum of ||M W||^2 (MaskLLM).
enum class WeightReward { NormShare, SquaredNorm };

/// The constants of a learning run (methods.md 7, 8.3 to 8.5, 8.13).
struct TrainerSettings {
    double sparsity = 0.5;
    std::int64_t steps = 0;
    std::int64_t batch = 4;       ///< windows a forward
    std::int64_t context = 512;   ///< tokens a window
    std::int64_t accumulate = 1;  ///< forwards a step over all processes, each with noise of its own
    std::uint64_t seed = 0;

    double learningRate = 2e-3;
    Curve learningRateCurve = Curve::Cosine;
    double learningRateEnd = 0;  ///< share of the peak at the last step
    std::int64_t warmupSteps = 5;
    double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-12, weightDecay = 0.0;
    double clip = 0.0;  ///< greatest norm of the gradient, 0: none

    double kappaStart = 100, kappaEnd = 350, tauStart = 2, tauEnd = 0.05;
    /// The same of the logits that choose patterns.
    double patternLearningRate = 2e-3;
    double patternKappaStart = 100, patternKappaEnd = 500, patternTauStart = 2, patternTauEnd = 0.05;
    Curve temperatureCurve = Curve::Linear;
    bool straightThrough = false;  ///< forward passes with hard masks
    double lambdaDensity = 7, lambdaWeight = 10;
    Curve weightCurve = Curve::Linear;  ///< how lambdaWeight falls to 0
    WeightReward weightReward = WeightReward::NormShare;
    HeadLossWeights loss{0.5, 0.5};
    /// Keep only what enters each block and compute the rest again in backward: a third more work, the
    /// activations of one block in memory, the same bits.
    bool activationCheckpointing = false;
    bool centring = true;  ///< shift the gates each step so that the budget's share stays open
    TargetScope scope = TargetScope::Global;
};

/// What one step did.
struct StepReport {
    std::int64_t step = 0;  ///< 1-based
    double loss = 0, crossEntropy = 0, divergence = 0;
    double softDensity = 0;  ///< mean of the soft mask over all masked weights
    double gradientNorm = 0;
    double kappa = 0, tau = 0, learningRate = 0;
    std::int64_t tokens = 0;  ///< seen since the beginning
    double seconds = 0;
};

/// Learns the masks of a frozen model end to end. One thread.
///
/// Several processes with a trainer each learn the same masks together: process r of n takes the forwards r,
/// r + n, ... of a step, with the windows and the noise that they have wherever they run, so that the masks
/// do not depend on n but for the order of sums. Each then makes the same Adam step of the summed gradient.
class MaskTrainer {
  public:
    /// `masks` in model order; matrices without one stay dense. `ids` is the corpus to learn from. With a
    /// `group`, every process of it calls the same of step(), measureStep() and share() in the same order.
    MaskTrainer(const Decoder& decoder, MaskList masks, const std::vector<std::int32_t>& ids,
                TrainerSettings settings, ProcessGroup* group = nullptr);

    /// The number of steps may be set once, before the first.
    void setSteps(std::int64_t steps) { m_settings.steps = steps; }
    const TrainerSettings& settings() const { return m_settings; }
    const MaskList& masks() const { return m_masks; }
    std::int64_t completedSteps() const { return m_completed; }

    /// Throws Error{Numerical} when the loss, a gradient or a logit is not finite, naming step and matrix.
    /// The masks are then as before where it is the loss, else as bad as the error says. Of several processes
    /// every one throws, and reports the means over all.
    StepReport step();

    /// Seconds of one forward and backward that change nothing but time: what --minutes is converted with.
    double measureStep();

    /// Mean soft density of each mask in the last forward.
    std::vector<double> softDensities() const;

    MaskSet harden() const { return hardenToBudget(m_masks, m_settings.sparsity, m_settings.scope); }

    /// Logits and Adam moments of every mask and the number of completed steps, as raw little-endian f32 in
    /// `state.bin` behind a header that names the sizes; checked when read.
    void save(const std::filesystem::path& folder) const;
    void load(const std::filesystem::path& folder);
    /// Bytes that save() writes.
    std::uint64_t stateBytes() const;
    /// Rank 0's number of steps, logits, moments and completed steps to all processes of the group.
    void share();

  private:
    torch::Tensor batchOf(std::int64_t step, std::int64_t micro);
    void setStep(std::int64_t step, std::int64_t micro);
    /// Without a backward pass where the loss is not finite: its caller finds that out.
    HeadLossParts forwardBackward(std::int64_t step, std::int64_t micro, bool update, double& loss);
    /// Every forward of this process' share of a step.
    void forwardBackwardAll(bool update, StepReport& report);
    /// The sums over the processes: gradients and report.
    void joinProcesses(StepReport& report);
    std::int64_t firstMicro() const { return m_group ? m_group->rank() : 0; }
    std::int64_t processes() const { return m_group ? m_group->size() : 1; }
    torch::Tensor blockForward(std::size_t block, const torch::Tensor& input);
    /// Carries the gradient of what left the last block back through all, each computed again from what
    /// entered it.
    void backThroughBlocks(std::vector<torch::Tensor> entering, torch::Tensor gradient);
    void recentre();
    /// Throws Error{Numerical} that names the first mask with one that is not.
    void requireFiniteLogits() const;
    /// What helps against numbers that are not finite: a quarter of this run's rate.
    Remedy smallerLearningRate() const;
    [[noreturn]] void throwNonFinite(std::int64_t step, std::int64_t micro);
    [[noreturn]] void throwNonFinite(const std::string& what, const MaskParameters& mask) const;

    const Decoder& m_decoder;
    MaskList m_masks;
    const std::vector<std::int32_t>& m_ids;
    TrainerSettings m_settings;
    WindowOrder m_order;
    RotaryTable m_rotary;
    std::vector<std::array<MaskedGroup, kGroups>> m_groups;  ///< by block
    std::vector<MaskedGroup::Member*> m_members;             ///< of m_masks, in their order
    std::vector<float> m_shifts;                             ///< of m_masks
    double m_weightNorms = 0;  ///< sum of the Frobenius norms of the masked matrices
    std::int64_t m_weights = 0;
    std::int64_t m_completed = 0;
    ProcessGroup* m_group;
    std::unique_ptr<GradientBuckets> m_buckets;  ///< where there is a group
    bool m_lastPass = false;                     ///< what backward has filled may be summed
};

}  // namespace tessera
