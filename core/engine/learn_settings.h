#pragma once

#include "core/formats/model_config.h"
#include "core/learn/trainer.h"
#include "core/session/experiment_spec.h"

namespace tessera {

/// A window's length by option name ("context", "eval_window", "calibration_context"): a default is cut to
/// what the model reads. Throws Error{InvalidInput} where a given one is longer.
std::int64_t windowLength(const ExperimentSpec& spec, const ModelConfig& config, const std::string& option);

/// The trainer's constants that a spec asks for; the number of steps is left open.
TrainerSettings trainerSettings(const ExperimentSpec& spec, const ModelConfig& config);

}  // namespace tessera
