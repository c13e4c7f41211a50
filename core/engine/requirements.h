#pragma once

#include <cstdint>

#include "core/formats/model_config.h"
#include "core/session/experiment_spec.h"

namespace tessera {

/// What a run needs on this machine.
struct Requirements {
    std::uint64_t bytes = 0;      ///< of memory at the peak
    std::uint64_t diskBytes = 0;  ///< two checkpoints, maps, masks
    double seconds = 0;           ///< of a whole run, from operations and a measured rate
    double sampleSeconds = 0, priorSeconds = 0, learnSeconds = 0, evaluateSeconds = 0;  ///< its parts
};

/// From shapes alone; `productRate` is what measureProductRate gives, 0: no time. Of several `processes` that
/// learn together each keeps the gradients.
Requirements requirementsOf(const ModelConfig& config, const ExperimentSpec& spec, double productRate,
                            int processes = 1);

/// What passes over the calibration text keep on disk: finished blocks, the activations before the next one,
/// old and new, a third time where they are spilled, and the changed weights in blocks and as a whole.
std::uint64_t oneShotDiskBytes(const ModelConfig& config, const ExperimentSpec& spec);

/// Floating-point operations a second of a matrix product of the model's shape, measured for a fraction of a
/// second.
double measureProductRate(const ModelConfig& config, const std::string& dtype);

/// Steps of a run that names no budget: a fixed number per model, never measured.
std::int64_t defaultSteps(const ModelConfig& config);

/// Throws Error{OutOfMemory} with both sizes when the run cannot fit what is free now.
void requireMemory(const ModelConfig& config, const ExperimentSpec& spec, int processes);

}  // namespace tessera
