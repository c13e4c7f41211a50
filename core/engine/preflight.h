#pragma once

#include <functional>
#include <string>

#include "core/base/cancellation.h"
#include "core/base/json.h"
#include "core/session/experiment_spec.h"

namespace tessera {

/// What a run would need here, before it is started:
///   {"memory":{"needed","free","assumption"}, "disk":{"needed","free","assumption"},
///    "seconds":{"step","steps","total","phases":{"sample","prior","learn","evaluate"},"measured",
///    "assumption"},
///    "assumptions":[...], "levers":[{"for","option","value","text"}]}
/// Sizes in bytes; `step` and `steps` are null where the method learns nothing. With `measure` one real step
/// of the model is timed (on made-up tokens: what they are does not matter to time) where the memory
/// suffices; without, the time follows from the number of operations and a measured rate. Writes nothing. A
/// lever names an option of the spec that makes fit what does not, or short what takes long. `progress` hears
/// what goes on. Throws Error.
Json preflight(const ExperimentSpec& spec, bool measure,
               const std::function<void(const std::string&)>& progress, const Cancellation& cancellation);

}  // namespace tessera
