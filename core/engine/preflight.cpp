#include "core/engine/preflight.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "core/base/error.h"
#include "core/base/system_info.h"
#include "core/engine/device.h"
#include "core/engine/learn_settings.h"
#include "core/engine/mask_start.h"
#include "core/engine/requirements.h"
#include "core/formats/model_files.h"
#include "core/model/torch_runtime.h"
#include "core/prune/one_shot.h"
#include "core/session/model_catalogue.h"
#include "core/session/run_directory.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

constexpr double kLongSeconds = 45 * 60;  ///< what is worth offering a shorter run for

std::string mebibytes(double bytes) {
    return std::to_string(static_cast<std::int64_t>(bytes) >> 20) + " MiB";
}

double measuredStep(const ModelFiles& files, const ExperimentSpec& spec, const Cancellation& cancellation) {
    const auto& config = files.config();
    const auto settings = trainerSettings(spec, config);
    std::vector<std::int32_t> ids(static_cast<std::size_t>(settings.batch * settings.context));
    std::mt19937 generator(1);
    for (auto& id : ids)
        id = static_cast<std::int32_t>(generator() % static_cast<std::uint32_t>(config.vocabSize));
    const auto decoder = Decoder::load(files, spec.dtype == "f32" ? torch::kFloat32 : torch::kBFloat16);
    cancellation.throwIfRequested();
    MaskTrainer trainer(decoder, freshMasks(config, spec), ids, settings);
    cancellation.throwIfRequested();
    return trainer.measureStep();
}

Json leverOf(const char* what, const std::string& option, const std::string& value, const std::string& text) {
    return {{"for", what}, {"option", option}, {"value", value}, {"text", text}};
}

/// What makes a run fit into the memory that is free: smaller batches first, then a shorter window.
void addMemoryLevers(Json& levers, const ModelConfig& config, const ExperimentSpec& spec, double free) {
    const auto offer = [&](const std::string& option, const std::string& value, const std::string& text) {
        auto json = spec.toJson();
        if (option == "dtype")
            json[option] = value;
        else
            json["set"][option] = value;
        const auto bytes =
            static_cast<double>(requirementsOf(config, ExperimentSpec::fromJson(json), 0).bytes);
        if (bytes >= static_cast<double>(requirementsOf(config, spec, 0).bytes)) return false;
        const bool fits = bytes <= free;
        levers.push_back(leverOf("memory", option, value,
                                 text + ": " + mebibytes(bytes) + (fits ? "" : ", still too much")));
        return fits;
    };
    if (spec.dtype == "f32" && offer("dtype", "bf16", "Compute in bf16")) return;
    if (!methodNamed(spec.method).learns) return;
    for (auto batch = spec.set.integer("batch") / 2; batch >= 1; batch /= 2) {
        auto json = spec.toJson();
        json["set"]["batch"] = batch;
        const bool last = batch == 1;
        if (!last &&
            static_cast<double>(requirementsOf(config, ExperimentSpec::fromJson(json), 0).bytes) > free)
            continue;
        if (offer("batch", std::to_string(batch),
                  batch == 1 ? "One window at a time" : std::to_string(batch) + " windows at a time"))
            return;
    }
    const auto context = std::min(spec.set.integer("context"), config.maxPositions);
    if (context > 128 && offer("context", std::to_string(context / 2), "Half the context")) return;
    if (!spec.set.boolean("activation_checkpointing") &&
        offer("activation_checkpointing", "true", "Compute activations again"))
        return;
    if (!spec.set.boolean("spill_state")) offer("spill_state", "true", "Logits and moments on disk");
}

}  // namespace

Json preflight(const ExperimentSpec& spec, bool measure,
               const std::function<void(const std::string&)>& progress, const Cancellation& cancellation) {
    requireDevice(spec);
    const auto model = resolveModel(spec.model);
    if (model.masks)
        throw Error(ErrorCode::InvalidInput, "this model is a run: it is pruned already", spec.model,
                    {{"prune the model it was made from, or export it and prune the export", "model", ""}});
    for (const auto& file : spec.text)
        if (!fs::is_regular_file(file))
            throw Error(ErrorCode::NotFound, "there is no such text file: " + file, "text");
    const auto files = ModelFiles::open(model.path);
    const auto& config = files.config();
    for (const char* option : {"context", "eval_window", "calibration_context"})
        if (spec.set.isSet(option)) windowLength(spec, config, option);
    const int threads = configureThreads(spec.threads);
    const auto& method = methodNamed(spec.method);
    const auto needs = requirementsOf(config, spec, measureProductRate(config, spec.dtype));
    const double memoryFree = static_cast<double>(systemInfo().memoryAvailable);
    const double memoryNeeded = static_cast<double>(needs.bytes);
    const auto folder = spec.out.empty() ? runsFolder() : fs::path(spec.out);
    const auto diskFree = freeDiskBytes(folder);

    Json step = nullptr, steps = nullptr;
    double learnSeconds = 0;
    const bool fits = memoryFree <= 0 || memoryNeeded <= memoryFree;
    // What is spilled needs a run's folder.
    const bool measured = measure && method.learns && fits && !spec.set.boolean("spill_state");
    if (method.learns) {
        const auto estimated = spec.steps ? *spec.steps : defaultSteps(config);
        if (measured) {
            progress("measuring one step");
            const double seconds = measuredStep(files, spec, cancellation);
            step = seconds;
            steps = spec.minutes ? std::max<std::int64_t>(
                                       1, static_cast<std::int64_t>(*spec.minutes * 60 / (seconds * 1.05)))
                                 : estimated;
            // Checkpoints are a twentieth.
            learnSeconds = seconds * 1.05 * steps.get<double>();
        } else {
            auto bySteps = spec;
            bySteps.minutes.reset();
            bySteps.steps = estimated;
            const double all =
                requirementsOf(config, bySteps, measureProductRate(config, spec.dtype)).learnSeconds;
            const double seconds = all / static_cast<double>(estimated);
            step = seconds;
            steps = spec.minutes && seconds > 0
                        ? std::max<std::int64_t>(1, static_cast<std::int64_t>(*spec.minutes * 60 / seconds))
                        : estimated;
            learnSeconds = seconds * steps.get<double>();
        }
    }
    const double total = needs.sampleSeconds + needs.priorSeconds + learnSeconds + needs.evaluateSeconds;

    const auto& set = spec.set;
    std::string memoryText = spec.dtype;
    if (method.learns)
        memoryText = "batch " + set.text("batch") + ", context " +
                     std::to_string(windowLength(spec, config, "context")) + " tokens, " + spec.dtype;
    std::string diskText = method.learns ? "two checkpoints, " + set.text("snapshots") + " maps, the masks"
                                         : "the masks and one map";
    if (spec.calibrates() && (!method.learns || spec.finishes()))
        diskText = "the activations twice, " + diskText;
    if (spec.calibrates() && set.boolean("spill")) diskText = "the spilled activations, " + diskText;
    if (method.learns && set.boolean("spill_state")) diskText = "logits and moments, " + diskText;
    if (spec.changesWeights()) diskText = "the changed weights twice, " + diskText;
    const auto on = threads == 1 ? std::string("one thread") : std::to_string(threads) + " threads";
    const std::string timeText = measured ? "one real step timed on " + on
                                 : !fits
                                     ? "estimated from operations; a step does not fit into the free memory"
                                     : "estimated from operations at this machine's rate on " + on;

    Json levers = Json::array();
    if (!fits) addMemoryLevers(levers, config, spec, memoryFree);
    if (method.learns && total > kLongSeconds)
        levers.push_back(leverOf("seconds", "minutes", "10", "Learn for 10 minutes"));
    return {{"memory",
             {{"needed", needs.bytes}, {"free", systemInfo().memoryAvailable}, {"assumption", memoryText}}},
            {"disk", {{"needed", needs.diskBytes}, {"free", diskFree}, {"assumption", diskText}}},
            {"seconds",
             {{"step", step},
              {"steps", steps},
              {"total", total},
              {"phases",
               {{"sample", needs.sampleSeconds},
                {"prior", needs.priorSeconds},
                {"learn", learnSeconds},
                {"evaluate", needs.evaluateSeconds}}},
              {"measured", measured},
              {"assumption", timeText}}},
            {"assumptions", {memoryText, diskText, timeText}},
            {"levers", levers}};
}

}  // namespace tessera
