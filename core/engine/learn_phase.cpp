#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/system_info.h"
#include "core/engine/learn_settings.h"
#include "core/engine/one_shot_phase.h"
#include "core/engine/requirements.h"
#include "core/engine/run_context.h"
#include "core/learn/prior.h"
#include "core/learn/trainer.h"

namespace tessera {

namespace {

PriorSettings priorSettings(const ExperimentSpec& spec) {
    const auto& set = spec.set;
    PriorSettings p;
    p.sparsity = spec.sparsity;
    p.graded = set.text("prior_form") == "graded";
    p.strength = set.text("prior") == "none" ? 0.0 : set.real("prior_strength");
    p.sigma = set.real("prior_sigma");
    p.noise = set.boolean("prior_noise");
    p.width = set.real("prior_width");
    p.clamp = set.real("prior_clamp");
    const auto threshold = set.text("prior_threshold");
    p.threshold = threshold == "row"      ? PriorThreshold::Row
                  : threshold == "block"  ? PriorThreshold::Block
                  : threshold == "global" ? PriorThreshold::Global
                                          : PriorThreshold::Matrix;
    p.seed = spec.seed;
    return p;
}

/// The frozen 2:4 masks of PATCH-Tile; kept in the run, so that a resumed one need not make them again.
MaskSet baseMasks(RunContext& context) {
    const auto kept = context.directory->path() / "base.npz";
    if (std::filesystem::exists(kept)) return readMasks(kept);
    const auto base = context.spec.set.text("base");
    MaskSet masks;
    if (oneShotNamed(base)) {
        masks = scorePass(context, base, parsePattern("2:4", 0.5), nullptr);
    } else {
        masks = readMasks(base);
        for (const auto& [name, mask] : masks.masks)
            for (std::int64_t first = 0; first + 4 <= mask.rows * mask.cols; first += 4) {
                int count = 0;
                for (int i = 0; i < 4; ++i) count += mask.keeps(first + i);
                if (count != 2)
                    throw Error(ErrorCode::InvalidInput,
                                "the base mask is not 2:4: a group of four keeps " + std::to_string(count),
                                base + ", " + name + ", weight " + std::to_string(first),
                                {{"give a mask with two kept of every four inputs, or --set base=wanda",
                                  "base", "wanda"}});
            }
    }
    writeMasks(kept, masks);
    return masks;
}

MaskList makeMasks(RunContext& context, bool withPrior) {
    const auto& spec = context.spec;
    const bool patch = spec.method == "patch-tile";
    const auto exclude = spec.set.list("exclude");
    MaskList masks;
    std::map<std::string, MaskParameters*> byName;
    const MaskSet base = patch ? baseMasks(context) : MaskSet{};
    const auto tile = spec.set.tile("tile");
    for (const auto& matrix : prunableMatrices(context.files->config())) {
        if (matchesAny(matrix.name, exclude)) continue;
        if (patch) {
            const auto found = base.masks.find(matrix.name);
            if (found == base.masks.end())
                throw Error(ErrorCode::InvalidInput, "the base mask file has no mask for this matrix",
                            matrix.name, {{"give a mask file made for this model", "base", ""}});
            masks.push_back(std::make_unique<TileMask>(matrix, found->second, tile.first, tile.second));
        } else {
            masks.push_back(std::make_unique<BernoulliMask>(matrix));
        }
        byName[matrix.name] = masks.back().get();
    }
    if (masks.empty())
        throw Error(ErrorCode::InvalidInput, "every matrix is excluded: nothing is left to prune", "exclude",
                    {{"exclude fewer matrices", "exclude", ""}});
    if (!withPrior) return masks;

    const auto prior = spec.set.text("prior");
    const auto settings = priorSettings(spec);
    if (prior == "random") {
        auto generator = at::detail::createCPUGenerator(spec.seed + 1);
        for (auto& mask : masks)
            mask->logits().copy_(torch::rand(mask->logits().sizes(), generator, torch::kFloat32).log());
    } else if (prior != "none") {
        scorePass(context, prior, parsePattern("unstructured", spec.sparsity),
                  [&](const PrunableMatrix& matrix, const PrunedMatrix& pruned) {
                      auto* mask = byName.at(matrix.name);
                      if (auto* bernoulli = dynamic_cast<BernoulliMask*>(mask))
                          takeScores(*bernoulli, pruned.scores);
                      else if (auto* tiles = dynamic_cast<TileMask*>(mask))
                          takeTileScores(*tiles, pruned.mask);
                  });
    }
    finishPrior(masks, settings);
    return masks;
}

/// --minutes is turned into steps once and recorded before the first, so that a resumed run is the same run.
std::int64_t plannedSteps(RunContext& context, MaskTrainer& trainer) {
    const auto plan = context.directory->path() / "plan.json";
    if (std::filesystem::exists(plan)) return readJsonFile(plan).at("steps").get<std::int64_t>();
    std::int64_t steps = 0;
    Json record;
    if (context.spec.steps) {
        steps = *context.spec.steps;
    } else if (context.spec.minutes) {
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

}  // namespace

std::optional<MaskSet> runLearnPhases(RunContext& context) {
    const auto latest = context.directory->latestCheckpoint();
    MaskList masks;
    {
        const auto timer = context.phase("prior");
        masks = makeMasks(context, !latest);
    }
    {
        const auto timer = context.phase("load");
        if (!context.decoder) context.decoder = Decoder::load(*context.files, context.dtype());
    }
    MaskTrainer trainer(*context.decoder, std::move(masks), context.learn,
                        trainerSettings(context.spec, context.files->config()));
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
    double checkpointTook = 0;
    Stopwatch sinceCheckpoint;
    while (trainer.completedSteps() < steps) {
        context.waitWhilePaused();
        if (context.control.stop.load()) {
            saveCheckpoint(context, trainer, checkpointTook);
            return std::nullopt;
        }
        const auto report = trainer.step();
        context.stepSeconds += report.seconds;
        context.tokensHere +=
            trainer.settings().accumulate * trainer.settings().batch * trainer.settings().context;
        context.maskSeconds += report.maskSeconds;
        context.productSeconds += report.productSeconds;
        // What people follow is what the text says of the mask. The penalties fade over a run, and the
        // negative one of the kept weights is many times the loss at first: their sum would rise while all
        // goes well.
        const auto& mix = trainer.settings().loss;
        context.emit("step",
                     {{"unit", "step"},
                      {"step", report.step},
                      {"steps", steps},
                      {"loss", mix.crossEntropy * report.crossEntropy + mix.divergence * report.divergence},
                      {"objective", report.loss},
                      {"ce", report.crossEntropy},
                      {"kl", report.divergence},
                      {"density", report.softDensity},
                      {"gradient_norm", report.gradientNorm},
                      {"kappa", report.kappa},
                      {"tau", report.tau},
                      {"lr", report.learningRate},
                      {"tokens", report.tokens},
                      {"seconds", report.seconds}});
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

}  // namespace tessera
