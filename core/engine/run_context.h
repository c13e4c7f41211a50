#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>

#include "core/base/stopwatch.h"
#include "core/base/work_recorder.h"
#include "core/engine/control.h"
#include "core/engine/ranks.h"
#include "core/formats/mask_set.h"
#include "core/formats/model_files.h"
#include "core/model/decoder.h"
#include "core/session/event.h"
#include "core/session/experiment_spec.h"
#include "core/session/run_directory.h"
#include "core/text/corpus.h"

namespace tessera {

/// What the phases of one run share. The engine builds it in its load phase; one thread.
struct RunContext {
    RunContext(ExperimentSpec spec, EventSink& sink, RunControl& control)
        : spec(std::move(spec)), sink(sink), control(control) {}

    ExperimentSpec spec;
    std::optional<RunDirectory> directory;  ///< there once load and tokenise have found nothing wrong
    EventSink& sink;
    RunControl& control;
    std::unique_ptr<Ranks> ranks;  ///< the processes that learn the run together; null: this one alone
    int processes = 1;             ///< how many those were

    std::optional<ModelFiles> files;
    std::shared_ptr<const Tokenizer> tokenizer;
    std::vector<std::int32_t> learn;    ///< ids to calibrate and learn on
    std::vector<std::int32_t> own;      ///< those of them that the model wrote itself
    std::vector<std::int32_t> heldOut;  ///< ids to evaluate on
    std::string heldOutName;            ///< what those are, for the result
    std::optional<Decoder> decoder;     ///< the dense model, where the method needs it whole

    std::map<std::string, double> seconds;          ///< by phase
    std::int64_t tokensTrained = 0, stepsDone = 0;  ///< of the whole run
    std::int64_t tokensHere = 0;                    ///< seen by this process
    int threads = 0;
    double stepSeconds = 0;
    std::array<double, kWorkKinds> workSeconds{};  ///< of the steps, by kind

    /// A window's length by option name ("context", "eval_window", "calibration_context"): a default is cut
    /// to what the model reads. Throws Error{InvalidInput} where a given one is longer.
    std::int64_t window(const std::string& option) const;
    /// Forward passes a step over all processes: what the run began with, else for those that are here.
    std::int64_t passes() const;
    bool follows() const { return ranks && !ranks->leads(); }
    /// Lets the other processes go: what is left is rank 0's.
    void dismissOthers();
    /// Where what does not fit into memory goes: the run's folder, and that of temporary files where a
    /// process has no run.
    std::filesystem::path spillFolder() const {
        return directory ? directory->path() : std::filesystem::temp_directory_path();
    }
    torch::ScalarType dtype() const { return spec.dtype == "f32" ? torch::kFloat32 : torch::kBFloat16; }
    void emit(const std::string& type, Json fields) const;
    void log(const std::string& text) const { emit("log", {{"text", text}}); }
    /// Announces a phase and times it until the returned object dies.
    class PhaseTimer {
      public:
        PhaseTimer(RunContext& context, std::string name);
        ~PhaseTimer();

      private:
        RunContext& m_context;
        std::string m_name;
        Stopwatch m_watch;
    };
    PhaseTimer phase(const std::string& name) { return PhaseTimer(*this, name); }
    /// Blocks while a pause is asked for; throws Error{Cancelled} on an interrupt.
    void waitWhilePaused();
    /// The same for work that keeps no checkpoint of its own: throws on a stop, too.
    void stopPoint();
    /// What a stop on request throws: how to go on.
    Error stopped(const std::string& summary) const;
};

/// Learnable methods: prior, learning with checkpoints, hardening. nullopt when stopped on request.
std::optional<MaskSet> runLearnPhases(RunContext& context);

/// The same on a process that is not rank 0: helps to learn, and writes nothing. Throws Error{Cancelled} when
/// rank 0 was asked to stop.
void followLearning(RunContext& context, std::int64_t passes);

/// Writes the tile densities and kinds of the masks as maps/step-N.bin and says so.
void writeMap(RunContext& context, std::int64_t step, const MaskSet& masks);

}  // namespace tessera
