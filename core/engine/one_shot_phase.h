#pragma once

#include <string>

#include "core/engine/run_context.h"
#include "core/prune/one_shot.h"

namespace tessera {

/// The constants of a one-shot method from the options of a spec whose method it is.
OneShotSettings oneShotSettings(const OptionSet& set);

/// A pass of a one-shot method at its defaults over the run's model, for what another method makes of it
/// (priors, base masks): nothing of it is kept.
MaskSet scorePass(RunContext& context, const std::string& method, const PatternTarget& target,
                  std::function<void(const PrunableMatrix&, const PrunedMatrix&)> onPruned);

/// One-shot methods: the masks at the spec's target; weights that change are in weights.safetensors then.
/// Each finished block is kept below blocks/ until the masks are safe.
MaskSet runOneShotPhase(RunContext& context);

/// `--set finish=optima` of a method that learns: makes weights.safetensors under its masks.
void runFinishPhase(RunContext& context, const MaskSet& masks);

}  // namespace tessera
