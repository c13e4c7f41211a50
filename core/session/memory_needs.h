#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/formats/model_config.h"

namespace tessera {

/// The program itself with LibTorch and its threads' stacks.
inline constexpr double kProgramBytes = 260e6;

/// Throws Error{OutOfMemory} with both sizes when `what` needs more `bytes` than are free now; `remedies`
/// come before the usual one.
void requireFree(const std::string& what, double bytes, const std::string& where,
                 std::vector<Remedy> remedies);

/// The same for a command that only holds the model, at `elementBytes` a parameter.
void requireMemoryToRead(const std::string& command, const ModelConfig& config, double elementBytes,
                         const std::string& model);

}  // namespace tessera
