#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/formats/model_config.h"

namespace tessera {

/// The program itself with LibTorch, its threads' stacks and what the libraries of products keep.
inline constexpr double kProgramBytes = 200e6;

/// Throws Error{OutOfMemory} with both sizes when `what` needs more `bytes`, those of the running program not
/// counted, than are free now; `remedies` come before the usual one.
void requireFree(const std::string& what, double bytes, const std::string& where,
                 std::vector<Remedy> remedies);

/// The same for a command that only holds the model, at `elementBytes` a parameter.
void requireMemoryToRead(const std::string& command, const ModelConfig& config, double elementBytes,
                         const std::string& model);

}  // namespace tessera
