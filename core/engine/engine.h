#pragma once

#include <filesystem>

#include "core/engine/control.h"
#include "core/session/event.h"
#include "core/session/experiment_spec.h"

namespace tessera {

/// Takes an experiment through its phases: load, tokenise, prior or one-shot, learn, harden, evaluate, save.
/// Each may be interrupted at any instant; resuming goes on from the last checkpoint and ends with the same
/// masks to the bit. Where the variables of RankVariables name several processes, they learn a run together,
/// and any number of them may go on with it.
class Engine {
  public:
    /// Starts a new run in `spec.out` (a fresh folder below the user's runs where that is empty). Events go
    /// to the run's events.jsonl and to `sink`. Returns the result document of cli.md, null on a process that
    /// is not rank 0. Throws Error.
    static Json run(ExperimentSpec spec, EventSink& sink, RunControl& control);
    /// Goes on with a run; of a finished one returns its result.
    static Json resume(const std::filesystem::path& run, EventSink& sink, RunControl& control);
};

}  // namespace tessera
