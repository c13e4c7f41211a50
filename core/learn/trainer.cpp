#include "core/learn/trainer.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/base/error.h"
#include "core/base/stopwatch.h"
#include "core/base/work_recorder.h"

namespace tessera {

MaskTrainer::MaskTrainer(const Decoder& decoder, MaskList masks, const std::vector<std::int32_t>& ids,
                         TrainerSettings settings, ProcessGroup* group)
    : m_decoder(decoder),
      m_masks(std::move(masks)),
      m_ids(ids),
      m_settings(settings),
      m_order(static_cast<std::int64_t>(ids.size()) / settings.context, settings.seed),
      m_rotary(rotaryTable(decoder.config, settings.context, decoder.dtype())),
      m_groups(decoder.blocks.size()),
      m_members(m_masks.size(), nullptr),
      m_shifts(m_masks.size(), 0.0f),
      m_group(group) {
    if (static_cast<std::int64_t>(ids.size()) < settings.context)
        throw Error(
            ErrorCode::InvalidInput,
            "the text has " + std::to_string(ids.size()) + " tokens, one window needs " +
                std::to_string(settings.context),
            "learning text",
            {{"give a longer text with --text, or shorter windows with --set context=N", "context", "128"}});
    const auto all = prunableMatrices(decoder.config);
    std::size_t next = 0;
    for (std::size_t block = 0; block < m_groups.size(); ++block) {
        for (int g = 0; g < kGroups; ++g) {
            auto& group = m_groups[block][static_cast<std::size_t>(g)];
            const auto members = groupMembers(static_cast<Group>(g));
            group.weights = decoder.blocks[block].groups[static_cast<std::size_t>(g)];
            // Where each block is computed again, it is masked again: one block's place does for all.
            group.masked = m_settings.activationCheckpointing && block > 0
                               ? m_groups[0][static_cast<std::size_t>(g)].masked
                               : torch::empty_like(group.weights);
            std::int64_t row = 0;
            for (int i = 0; i < members.count; ++i) {
                const auto& matrix = all[block * 7 + static_cast<std::size_t>(members.first + i)];
                MaskedGroup::Member member;
                member.firstRow = row;
                member.rows = matrix.rows;
                if (next < m_masks.size() && m_masks[next]->matrix().name == matrix.name)
                    member.mask = m_masks[next++].get();
                group.members.push_back(member);
                row += matrix.rows;
            }
        }
    }
    if (next != m_masks.size()) throw Error(ErrorCode::Internal, "the masks are not in the model's order");
    std::size_t index = 0;
    for (auto& block : m_groups)
        for (auto& group : block)
            for (auto& member : group.members)
                if (member.mask) {
                    m_members[index++] = &member;
                    m_weights += member.mask->matrix().elements();
                    m_weightNorms += group.weights.narrow(0, member.firstRow, member.rows)
                                         .to(torch::kFloat32)
                                         .norm()
                                         .item<double>();
                }
    if (m_group) {
        std::vector<MaskParameters*> backwards;
        for (auto block = m_groups.rbegin(); block != m_groups.rend(); ++block)
            for (auto each = block->rbegin(); each != block->rend(); ++each) {
                for (const auto& member : each->members)
                    if (member.mask) backwards.push_back(member.mask);
                each->afterBackward = [this, end = backwards.size()] {
                    if (m_lastPass) m_buckets->filledUpTo(end);
                };
            }
        m_buckets = std::make_unique<GradientBuckets>(*m_group, backwards);
    }
    if (m_settings.centring) recentre();
}

torch::Tensor MaskTrainer::batchOf(std::int64_t step, std::int64_t micro) {
    const auto context = m_settings.context;
    const auto position = (step * m_settings.accumulate + micro) * m_settings.batch;
    auto batch = torch::empty({m_settings.batch, context}, torch::kInt64);
    auto* out = batch.data_ptr<std::int64_t>();
    for (std::int64_t b = 0; b < m_settings.batch; ++b) {
        const auto* window = m_ids.data() + m_order.at(position + b) * context;
        for (std::int64_t i = 0; i < context; ++i) *out++ = window[i];
    }
    return batch;
}

void MaskTrainer::setStep(std::int64_t step, std::int64_t micro) {
    const auto& s = m_settings;
    const auto moved = [&](double start, double end) {
        return static_cast<float>(interpolate(s.temperatureCurve, start, end, step, s.steps));
    };
    const auto adam = [&](double peak) {
        const auto rate = tessera::learningRate(s.learningRateCurve, peak, s.warmupSteps, step, s.steps,
                                                peak * s.learningRateEnd);
        return kernels::AdamParameters{static_cast<float>(rate),          static_cast<float>(s.beta1),
                                       static_cast<float>(s.beta2),       static_cast<float>(s.epsilon),
                                       static_cast<float>(s.weightDecay), step + 1};
    };
    MaskStep all;
    all.gate = {moved(s.kappaStart, s.kappaEnd), moved(s.tauStart, s.tauEnd), 0.0f, s.straightThrough};
    all.patternGate = {moved(s.patternKappaStart, s.patternKappaEnd),
                       moved(s.patternTauStart, s.patternTauEnd), 0.0f, s.straightThrough};
    all.adam = adam(s.learningRate);
    all.patternAdam = adam(s.patternLearningRate);
    for (std::size_t i = 0; i < m_members.size(); ++i) {
        auto& to = m_members[i]->step;
        to = all;
        to.gate.shift = m_shifts[i];
        to.noise = {s.seed, static_cast<std::uint32_t>(step),
                    static_cast<std::uint32_t>(i + micro * m_members.size())};
    }
}

HeadLossParts MaskTrainer::forwardBackward(std::int64_t step, std::int64_t micro, bool update, double& loss) {
    const auto& s = m_settings;
    setStep(step, micro);
    const auto ids = batchOf(step, micro);

    torch::Tensor teacher;
    if (s.loss.divergence != 0.0) {
        const torch::NoGradGuard guard;
        const WorkSpan span(Work::Teacher, "dense model");
        teacher =
            m_decoder.hidden(ids).narrow(1, 0, s.context - 1).reshape({-1, m_decoder.config.hiddenSize});
    }

    for (auto& block : m_groups)
        for (auto& group : block) group.updateAtOnce = update;
    auto state = embed(m_decoder.config, m_decoder.outer.embedding, ids);
    std::vector<torch::Tensor> entering;
    if (s.activationCheckpointing) {
        torch::NoGradGuard guard;
        for (std::size_t block = 0; block < m_groups.size(); ++block) {
            entering.push_back(state);
            state = blockForward(block, state);
        }
    }
    state.requires_grad_(true);
    for (std::size_t block = entering.size(); block < m_groups.size(); ++block)
        state = blockForward(block, state);
    const auto final = rmsNorm(state, m_decoder.outer.finalNorm, m_decoder.config.rmsEps)
                           .narrow(1, 0, s.context - 1)
                           .reshape({-1, m_decoder.config.hiddenSize});
    HeadLossParts parts;
    const auto total = headLoss(final, teacher, m_decoder.outer.head, LogitShape(m_decoder.config),
                                ids.narrow(1, 1, s.context - 1).reshape({-1}), s.loss, parts);
    loss = total.item<double>();

    // The regularisers act on the masks of this forward (8.4); their gradients go with the gates' own.
    const bool squared = s.weightReward == WeightReward::SquaredNorm;
    double gates = 0, maskedNorms = 0;
    for (const auto* member : m_members) {
        gates += member->forward.gate;
        maskedNorms += squared ? member->forward.squaredMasked : std::sqrt(member->forward.squaredMasked);
    }
    const double density = gates / static_cast<double>(m_weights);
    const double target = 1.0 - s.sparsity;
    const double weightPull = interpolate(s.weightCurve, s.lambdaWeight, 0.0, step, s.steps);
    const auto share = static_cast<double>(s.accumulate);
    loss += s.lambdaDensity * std::abs(density - target) -
            weightPull * maskedNorms / (squared ? 1.0 : m_weightNorms);
    for (auto* member : m_members) {
        double sign = density > target ? 1.0 : density < target ? -1.0 : 0.0;
        double weights = static_cast<double>(m_weights);
        if (s.scope != TargetScope::Global) {
            double scopeGates = 0, scopeWeights = 0;
            for (const auto* other : m_members) {
                const bool same = s.scope == TargetScope::Block
                                      ? other->mask->matrix().block == member->mask->matrix().block
                                      : other == member;
                if (!same) continue;
                scopeGates += other->forward.gate;
                scopeWeights += static_cast<double>(other->mask->matrix().elements());
            }
            const double own = scopeGates / scopeWeights;
            sign = own > target ? 1.0 : own < target ? -1.0 : 0.0;
            weights = scopeWeights;
        }
        const double norm = std::sqrt(member->forward.squaredMasked);
        member->step.regularisers.density = static_cast<float>(s.lambdaDensity * sign / weights / share);
        // d/dm of (m w)^2 is twice m w^2, of its root over all weights m w^2 over the norm.
        member->step.regularisers.weight =
            squared    ? static_cast<float>(-2.0 * weightPull / share)
            : norm > 0 ? static_cast<float>(-weightPull / (norm * m_weightNorms) / share)
                       : 0.0f;
    }
    if (!std::isfinite(loss)) return parts;
    (s.accumulate > 1 ? total / static_cast<double>(s.accumulate) : total).backward();
    if (s.activationCheckpointing) backThroughBlocks(std::move(entering), state.grad());
    return parts;
}

torch::Tensor MaskTrainer::blockForward(std::size_t block, const torch::Tensor& input) {
    for (auto& group : m_groups[block]) sampleGroup(group);
    return decoderBlock(m_decoder.config, m_decoder.blocks[block], m_rotary, input,
                        [&, block](const torch::Tensor& x, Group group) {
                            return maskedLinear(x, m_groups[block][static_cast<std::size_t>(group)]);
                        });
}

void MaskTrainer::backThroughBlocks(std::vector<torch::Tensor> entering, torch::Tensor gradient) {
    for (auto block = entering.size(); block-- > 0;) {
        const auto input = entering.back().detach().requires_grad_(true);
        entering.pop_back();
        blockForward(block, input).backward(gradient);
        gradient = input.grad();
    }
}

void MaskTrainer::forwardBackwardAll(bool update, StepReport& report) {
    const auto passes = static_cast<double>(m_settings.accumulate);
    // A process that has no forward of this step makes its Adam step all the same.
    if (firstMicro() >= m_settings.accumulate) setStep(m_completed, firstMicro());
    for (auto micro = firstMicro(); micro < m_settings.accumulate; micro += processes()) {
        double loss = 0;
        m_lastPass = micro + processes() >= m_settings.accumulate;
        const auto parts = forwardBackward(m_completed, micro, update, loss);
        report.loss += loss / passes;
        report.crossEntropy += parts.crossEntropy / passes;
        report.divergence += parts.divergence / passes;
        double gates = 0;
        for (const auto* member : m_members) gates += member->forward.gate;
        report.softDensity = gates / static_cast<double>(m_weights);
        if (std::isfinite(loss)) continue;
        // The others are waiting for the sums: they learn of it there.
        if (m_group) joinProcesses(report);
        throwNonFinite(m_completed, micro);
    }
}

void MaskTrainer::joinProcesses(StepReport& report) {
    const WorkSpan span(Work::Other, "sums over the processes");
    m_buckets->finish();
    const bool took = firstMicro() < m_settings.accumulate;
    const auto sums = torch::tensor({report.loss, report.crossEntropy, report.divergence,
                                     took ? report.softDensity : 0.0, took ? 1.0 : 0.0},
                                    torch::kFloat64);
    m_group->sum(sums);
    const auto* sum = sums.data_ptr<double>();
    const bool own = std::isfinite(report.loss);
    report.loss = sum[0];
    report.crossEntropy = sum[1];
    report.divergence = sum[2];
    report.softDensity = sum[3] / sum[4];
    if (std::isfinite(report.loss) || !own) return;
    for (auto& mask : m_masks) mask->discardGradient();
    throw Error(ErrorCode::Numerical, "the loss of another process is not a finite number",
                "step " + std::to_string(m_completed + 1), {smallerLearningRate()});
}

StepReport MaskTrainer::step() {
    const auto& s = m_settings;
    Stopwatch watch;
    const WorkSpan span(Work::Step, "step");
    StepReport report;
    const bool atOnce = s.accumulate == 1 && s.clip <= 0 && !m_group;
    double squaredGradient = 0;
    forwardBackwardAll(atOnce, report);
    if (m_group) joinProcesses(report);
    for (const auto* member : m_members) {
        const double squared = atOnce ? member->backward.squaredGradient : member->mask->squaredGradient();
        if (!std::isfinite(squared)) throwNonFinite("the gradient of the mask is not finite", *member->mask);
        squaredGradient += squared;
    }
    report.gradientNorm = std::sqrt(squaredGradient);
    if (!atOnce) {
        const double scale = s.clip > 0 && report.gradientNorm > s.clip ? s.clip / report.gradientNorm : 1.0;
        const WorkSpan update(Work::MaskKernels, "Adam");
        for (auto* member : m_members) member->mask->update(scale, member->step);
    }
    requireFiniteLogits();
    if (!m_members.empty()) {
        report.kappa = m_members[0]->step.gate.kappa;
        report.tau = m_members[0]->step.gate.tau;
        report.learningRate = m_members[0]->step.adam.learningRate;
    }
    ++m_completed;
    if (s.centring) recentre();
    report.step = m_completed;
    report.tokens = m_completed * s.accumulate * s.batch * s.context;
    report.seconds = watch.seconds();
    return report;
}

void MaskTrainer::requireFiniteLogits() const {
    const WorkSpan span(Work::Other, "check of the logits");
    for (const auto* member : m_members) {
        const auto [least, most] = torch::aminmax(member->mask->logits());
        if (!std::isfinite(least.item<float>()) || !std::isfinite(most.item<float>()))
            throwNonFinite("the mask's logits have left the range of numbers", *member->mask);
    }
}

double MaskTrainer::measureStep() {
    const auto steps = m_settings.steps;
    if (m_settings.steps <= 0) m_settings.steps = 1;
    const auto micro = firstMicro();
    double loss = 0, seconds = 0;
    m_lastPass = true;
    for (int i = 0; i < 2; ++i) {  // the first warms caches and allocators up
        Stopwatch watch;
        if (micro < m_settings.accumulate) forwardBackward(0, micro, false, loss);
        if (m_group)
            m_buckets->finish();
        else if (!std::isfinite(loss))
            throwNonFinite(0, micro);
        seconds = watch.seconds();
    }
    for (auto& mask : m_masks) mask->discardGradient();
    m_settings.steps = steps;
    const auto most = (m_settings.accumulate + processes() - 1) / processes();
    return seconds * static_cast<double>(most);
}

void MaskTrainer::recentre() {
    const WorkSpan span(Work::Other, "centring");
    for (const auto& group : targetGroups(m_masks, m_settings.scope)) {
        const float shift = budgetQuantile(group, m_settings.sparsity);
        for (std::size_t i = 0; i < m_masks.size(); ++i)
            if (std::find(group.begin(), group.end(), m_masks[i].get()) != group.end()) m_shifts[i] = shift;
    }
}

std::vector<double> MaskTrainer::softDensities() const {
    std::vector<double> densities;
    for (const auto* member : m_members)
        densities.push_back(member->forward.gate / static_cast<double>(member->mask->matrix().elements()));
    return densities;
}

Remedy MaskTrainer::smallerLearningRate() const {
    std::ostringstream rate;
    rate << m_settings.learningRate / 4;
    return {"the last checkpoint is kept; run again with a smaller learning rate, --set lr=" + rate.str(),
            "lr", rate.str()};
}

void MaskTrainer::throwNonFinite(const std::string& what, const MaskParameters& mask) const {
    throw Error(ErrorCode::Numerical, what,
                "step " + std::to_string(m_completed + 1) + ", " + mask.matrix().name,
                {smallerLearningRate()});
}

void MaskTrainer::throwNonFinite(std::int64_t step, std::int64_t micro) {
    torch::NoGradGuard guard;
    const auto ids = batchOf(step, micro);
    // What earlier passes of the step have accumulated is of no step now.
    for (auto& mask : m_masks) mask->discardGradient();
    std::string where = "the head";
    auto state = embed(m_decoder.config, m_decoder.outer.embedding, ids);
    const auto matrices = prunableMatrices(m_decoder.config);
    for (std::size_t block = 0; block < m_groups.size() && where == "the head"; ++block) {
        for (auto& group : m_groups[block]) sampleGroup(group);
        state = decoderBlock(
            m_decoder.config, m_decoder.blocks[block], m_rotary, state,
            [&](const torch::Tensor& input, Group group) {
                const auto output =
                    torch::linear(input, m_groups[block][static_cast<std::size_t>(group)].masked);
                if (where == "the head" && !torch::isfinite(output).all().item<bool>())
                    where = matrices[block * 7 + static_cast<std::size_t>(groupMembers(group).first)].name;
                return output;
            });
    }
    throw Error(ErrorCode::Numerical, "the loss is not a finite number",
                "step " + std::to_string(step + 1) + ", first seen after " + where, {smallerLearningRate()});
}

}  // namespace tessera
