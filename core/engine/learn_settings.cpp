#include "core/engine/learn_settings.h"

#include "core/base/error.h"

namespace tessera {

std::int64_t windowLength(const ExperimentSpec& spec, const ModelConfig& config, const std::string& option) {
    const auto asked = spec.set.integer(option), most = config.maxPositions;
    if (most <= 0 || asked <= most) return asked;
    if (spec.set.isSet(option))
        throw Error(ErrorCode::InvalidInput,
                    "the model reads at most " + std::to_string(most) + " tokens, " + std::to_string(asked) +
                        " are asked for",
                    option, {{"give at most " + std::to_string(most), option, std::to_string(most)}});
    return most;
}

TrainerSettings trainerSettings(const ExperimentSpec& spec, const ModelConfig& config) {
    const auto& set = spec.set;
    TrainerSettings s;
    s.sparsity = spec.sparsity;
    s.batch = set.integer("batch");
    s.context = windowLength(spec, config, "context");
    s.accumulate = set.integer("accumulate");
    s.seed = spec.seed;
    s.learningRate = set.real("lr");
    s.learningRateCurve = curveFromName(set.text("lr_schedule"));
    s.learningRateEnd = set.real("lr_end");
    s.warmupSteps = set.integer("warmup_steps");
    s.beta1 = set.real("beta1");
    s.beta2 = set.real("beta2");
    s.epsilon = set.real("eps");
    s.weightDecay = set.real("weight_decay");
    s.clip = set.real("clip");
    s.loss = {set.real("ce_weight"), set.real("kl_weight")};
    s.activationCheckpointing = set.boolean("activation_checkpointing");
    if (spec.method == "proxsparse") {
        // Weights are learned, not gates: nothing is drawn, and nothing but the proximal step prunes.
        s.patternLearningRate = s.learningRate;
        s.centring = false;
        s.lambdaDensity = s.lambdaWeight = 0;
        return s;
    }
    s.kappaStart = set.real("kappa_start");
    s.kappaEnd = set.real("kappa_end");
    s.tauStart = set.real("tau_start");
    s.tauEnd = set.real("tau_end");
    // MaskLLM has one kind of logits, PATCH-Joint two.
    const auto ofPatterns = [&](const std::string& key) {
        return set.real(set.has("pattern_" + key) ? "pattern_" + key : key);
    };
    s.patternLearningRate = ofPatterns("lr");
    s.patternKappaStart = ofPatterns("kappa_start");
    s.patternKappaEnd = ofPatterns("kappa_end");
    s.patternTauStart = ofPatterns("tau_start");
    s.patternTauEnd = ofPatterns("tau_end");
    s.temperatureCurve = curveFromName(set.text("temperature_schedule"));
    s.straightThrough = set.boolean("straight_through");
    s.lambdaWeight = set.real("lambda_weight");
    s.weightCurve = curveFromName(set.text("weight_schedule"));
    s.weightReward = spec.method == "maskllm" ? WeightReward::SquaredNorm : WeightReward::NormShare;
    // Patterns all keep as much: with them alone there is no density to hold.
    if (!set.has("target_scope")) {
        s.centring = false;
        s.lambdaDensity = 0;
        return s;
    }
    s.lambdaDensity = set.real("lambda_density");
    s.centring = set.boolean("centring");
    const auto scope = set.text("target_scope");
    s.scope = scope == "block"    ? TargetScope::Block
              : scope == "matrix" ? TargetScope::Matrix
                                  : TargetScope::Global;
    return s;
}

}  // namespace tessera
