#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/system_info.h"
#include "core/base/work_recorder.h"
#include "core/engine/learn_settings.h"
#include "core/engine/mask_start.h"
#include "core/engine/requirements.h"
#include "core/engine/run_context.h"
#include "core/learn/trainer.h"

namespace tessera {

namespace {

/// --minutes is turned into steps once and recorded before the first, so that a resumed run is the same run.
std::int64_t plannedSteps(RunContext& context, MaskTrainer& trainer) {
    const auto plan = context.directory->path() / "plan.json";
    if (std::filesystem::exists(plan)) return readJsonFile(plan).at("steps").get<std::int64_t>();
    std::int64_t steps = 0;
    Json record;
    record["passes"] = trainer.settings().accumulate;
    if (context.spec.steps) {
        steps = *context.spec.steps;
    } else if (context.spec.minutes) {
        if (context.ranks) context.ranks->say(Word::Measure, context.control);
        const double step = trainer.measureStep();
        // What loading, the prior and the evaluation take is not learning time; checkpoints are a twentieth.
        steps = std::max<std::int64_t>(
            1, static_cast<std::int64_t>(*context.spec.minutes * 60.0 / (step * 1.05)));
        record["measured_step_seconds"] = step;
    } else {
        steps = defaultSteps(context.files->config());
    }
    record["steps"] = steps;
    writeFileAtomically(plan, record.dump(2) + "\n");
    return steps;
}

void saveCheckpoint(RunContext& context, const MaskTrainer& trainer, double& took) {
    Stopwatch watch;
    auto checkpoint = context.directory->beginCheckpoint(trainer.completedSteps());
    trainer.save(checkpoint.folder());
    checkpoint.commit();
    took = watch.seconds();
    context.emit("checkpoint",
                 {{"step", trainer.completedSteps()}, {"bytes", trainer.stateBytes()}, {"seconds", took}});
}

/// Where the time of this process' first steps goes, in Chrome's trace format; nothing where no file is
/// named.
class TraceFile {
  public:
    /// Throws where the file cannot be written, before there is anything to lose.
    explicit TraceFile(std::filesystem::path file)
        : m_file(std::move(file)), m_left(m_file.empty() ? 0 : kSteps) {
        if (open()) write();
    }
    bool open() const { return m_left > 0; }
    /// Another step's spans.
    void add(const std::vector<WorkRecorder::Span>& spans) {
        if (!open()) return;
        m_spans.insert(m_spans.end(), spans.begin(), spans.end());
        --m_left;
        write();
    }

  private:
    static constexpr int kSteps = 5;
    void write() const { writeFileAtomically(m_file, chromeTrace(m_spans)); }

    std::filesystem::path m_file;
    int m_left;
    std::vector<WorkRecorder::Span> m_spans;
};

MaskTrainer trainerOf(RunContext& context, MaskList masks, std::int64_t passes) {
    auto settings = trainerSettings(context.spec, context.files->config());
    settings.accumulate = passes;
    return {*context.decoder, std::move(masks), context.learn, settings,
            context.ranks ? &context.ranks->group() : nullptr};
}

/// Tells the other processes what they need to know before they begin.
void beginTogether(RunContext& context, std::int64_t passes) {
    context.ranks->say(Word::Begin, context.control);
    context.ranks->share({{"spec", context.spec.toJson()},
                          {"fingerprints", context.directory->fingerprints()},
                          {"passes", passes},
                          {"own", context.own}});
    context.log(std::to_string(context.processes) + " processes learn together: " + std::to_string(passes) +
                " forward passes a step");
    if (passes < context.processes)
        context.log(std::to_string(context.processes - passes) +
                    " of them have nothing to do: the run began with fewer");
}

}  // namespace

std::optional<MaskSet> runLearnPhases(RunContext& context) {
    const auto passes = context.passes();
    if (context.ranks) beginTogether(context, passes);
    const auto traced = context.spec.set.text("trace");
    TraceFile trace(traced == "none" ? "" : traced);
    const auto latest = context.directory->latestCheckpoint();
    MaskList masks;
    {
        const auto timer = context.phase("prior");
        masks = startedMasks(context, !latest);
    }
    {
        const auto timer = context.phase("load");
        if (!context.decoder) context.decoder = Decoder::load(*context.files, context.dtype());
    }
    auto trainer = trainerOf(context, std::move(masks), passes);
    const auto free = freeDiskBytes(context.directory->path());
    if (free < 2 * trainer.stateBytes())
        throw Error(ErrorCode::DiskFull,
                    "two checkpoints need " + std::to_string(2 * trainer.stateBytes() >> 20) + " MiB, " +
                        std::to_string(free >> 20) + " MiB are free",
                    context.directory->path().string(),
                    {{"free some space or choose another folder with --out", "", ""}});
    context.log("each checkpoint takes " + std::to_string(trainer.stateBytes() >> 20) +
                " MiB; the last two are kept");
    trainer.setSteps(plannedSteps(context, trainer));
    const auto steps = trainer.settings().steps;
    if (latest) {
        trainer.load(latest->folder);
        context.emit("resumed", {{"step", trainer.completedSteps()}});
    }
    if (context.ranks) {
        context.ranks->say(Word::State, context.control);
        trainer.share();
    }

    const auto timer = context.phase("learn");
    const auto names = [&] {
        std::vector<std::string> list;
        for (const auto& mask : trainer.masks()) list.push_back(mask->matrix().name);
        return list;
    }();
    // Rounded up, so that the last step's is within the number.
    const auto snapshots = context.spec.set.integer("snapshots");
    const auto mapEvery = (steps + snapshots - 1) / snapshots;
    const double least = context.spec.set.real("checkpoint_seconds");
    // Masks that are drawn have a temperature.
    const bool drawn = context.spec.set.has("tau_start");
    double checkpointTook = 0;
    Stopwatch sinceCheckpoint;
    while (trainer.completedSteps() < steps) {
        context.waitWhilePaused();
        if (context.control.stop.load()) {
            saveCheckpoint(context, trainer, checkpointTook);
            return std::nullopt;
        }
        if (context.ranks) context.ranks->say(Word::Step, context.control);
        const WorkRecorder recorder(trace.open() ? WorkRecorder::Spans::Kept : WorkRecorder::Spans::Counted);
        const auto report = trainer.step();
        context.stepSeconds += report.seconds;
        context.tokensHere +=
            trainer.settings().accumulate * trainer.settings().batch * trainer.settings().context;
        for (std::size_t kind = 0; kind < kWorkKinds; ++kind)
            context.workSeconds[kind] += recorder.seconds(static_cast<Work>(kind));
        trace.add(recorder.spans());
        // What people follow is what the text says of the mask. The penalties fade over a run, and the
        // negative one of the kept weights is many times the loss at first: their sum would rise while all
        // goes well.
        const auto& mix = trainer.settings().loss;
        Json event{{"unit", "step"},
                   {"step", report.step},
                   {"steps", steps},
                   {"loss", mix.crossEntropy * report.crossEntropy + mix.divergence * report.divergence},
                   {"objective", report.loss},
                   {"ce", report.crossEntropy},
                   {"kl", report.divergence},
                   {"density", report.softDensity},
                   {"gradient_norm", report.gradientNorm},
                   {"lr", report.learningRate},
                   {"tokens", report.tokens},
                   {"seconds", report.seconds}};
        if (drawn) {
            event["kappa"] = report.kappa;
            event["tau"] = report.tau;
        }
        context.emit("step", std::move(event));
        if (report.step % mapEvery == 0 || report.step == steps) {
            Json layers = Json::array();
            const auto densities = trainer.softDensities();
            for (std::size_t i = 0; i < names.size(); ++i)
                layers.push_back({{"name", names[i]}, {"density", densities[i]}});
            context.emit("layers", {{"step", report.step}, {"layers", layers}});
            const auto hard = trainer.harden();
            writeMap(context, report.step, hard);
            writeMasks(context.directory->snapshotPath(report.step), hard);
        }
        const double wait = least > 0 ? least : std::max(60.0, 20.0 * checkpointTook);
        if (report.step < steps && sinceCheckpoint.seconds() >= wait) {
            saveCheckpoint(context, trainer, checkpointTook);
            sinceCheckpoint.restart();
        }
    }
    context.stepsDone = steps;
    context.tokensTrained =
        steps * trainer.settings().accumulate * trainer.settings().batch * trainer.settings().context;
    context.emit("phase", {{"phase", "harden"}});
    auto hard = trainer.harden();
    if (steps == 0) writeMap(context, 0, hard);
    return hard;
}

void followLearning(RunContext& context, std::int64_t passes) {
    auto masks = startedMasks(context, false);
    context.decoder = Decoder::load(*context.files, context.dtype());
    auto trainer = trainerOf(context, std::move(masks), passes);
    for (;;) {
        switch (context.ranks->hear(context.control)) {
            case Word::Measure:
                trainer.measureStep();
                break;
            case Word::State:
                trainer.share();
                break;
            case Word::Step:
                trainer.step();
                break;
            default:
                return;
        }
    }
}

}  // namespace tessera
