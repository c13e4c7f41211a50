#pragma once

#include "core/base/json.h"
#include "core/session/experiment_spec.h"

namespace tessera {

/// What this machine computes on: {"cpu": {"name", "features", "cores", "memory_bytes"}, "cuda": {"devices":
/// [{"number", "name", "capability", "memory_bytes"}], "why", "remedy"}}; the last two are null where there
/// are devices. Loads libtessera_cuda.
Json describeDevices();

/// Throws Error{UnsupportedVersion} when the run cannot be computed on the device that it asks for, with the
/// reason that the machine gives.
void requireDevice(const ExperimentSpec& spec);

}  // namespace tessera
