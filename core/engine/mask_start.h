#pragma once

#include "core/engine/run_context.h"
#include "core/learn/hardening.h"

namespace tessera {

/// The masks of a spec's method for every matrix that is not excluded, in model order, logits zero. `base`
/// holds PATCH-Tile's frozen masks; null: any. Throws Error{InvalidInput} where every matrix is excluded or a
/// base mask is missing. With a `spillFolder` their state lives in files there.
MaskList freshMasks(const ModelConfig& config, const ExperimentSpec& spec, const MaskSet* base = nullptr,
                    const std::filesystem::path& spillFolder = {});

/// The masks of a run, begun at its prior unless a checkpoint holds the logits. One pass over the calibration
/// text for the base, another for the gates' prior. A process that follows another has that one's base and no
/// prior: logits come to it with the trainer's state.
MaskList startedMasks(RunContext& context, bool withPrior);

}  // namespace tessera
