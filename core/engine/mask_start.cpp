#include "core/engine/mask_start.h"

#include "core/base/error.h"
#include "core/base/lean_heap.h"
#include "core/engine/one_shot_phase.h"
#include "core/learn/prior.h"
#include "core/learn/prox_mask.h"
#include "core/model/torch_runtime.h"

namespace tessera {

static_assert(kMostPatterns == kernels::kMostPatterns);

namespace {

PriorSettings priorSettings(const ExperimentSpec& spec) {
    const auto& set = spec.set;
    PriorSettings p;
    p.sparsity = spec.sparsity;
    p.graded = set.text("prior_form") == "graded";
    p.strength = set.real("prior_strength");
    p.sigma = set.real("prior_sigma");
    p.noise = set.boolean("prior_noise");
    p.width = set.real("prior_width");
    p.clamp = set.real("prior_clamp");
    if (set.has("prior_threshold")) {
        const auto threshold = set.text("prior_threshold");
        p.threshold = threshold == "row"      ? PriorThreshold::Row
                      : threshold == "block"  ? PriorThreshold::Block
                      : threshold == "global" ? PriorThreshold::Global
                                              : PriorThreshold::Matrix;
    }
    p.seed = spec.seed;
    return p;
}

/// What patterns a run's base mask has: those of the method, 2:4 within tiles.
PatternTarget basePattern(const ExperimentSpec& spec) {
    return spec.pattern == "tiles" ? parsePattern("2:4", 0.5) : parsePattern(spec.pattern, spec.sparsity);
}

/// A mask file as base: exactly N of every M are kept.
MaskSet baseFile(const ExperimentSpec& spec) {
    const auto file = spec.set.text("base");
    auto masks = readMasks(file);
    const auto target = basePattern(spec);
    const auto pattern = std::to_string(target.keep) + ":" + std::to_string(target.group);
    for (const auto& [name, mask] : masks.masks) {
        requireGroups(target, mask.cols, name);
        for (std::int64_t first = 0; first < mask.rows * mask.cols; first += target.group) {
            int count = 0;
            for (int i = 0; i < target.group; ++i) count += mask.keeps(first + i);
            if (count != target.keep)
                throw Error(ErrorCode::InvalidInput,
                            "the base mask is not " + pattern + ": a group of " +
                                std::to_string(target.group) + " keeps " + std::to_string(count),
                            file + ", " + name + ", weight " + std::to_string(first),
                            {{"give a mask with " + std::to_string(target.keep) + " kept of every " +
                                  std::to_string(target.group) + " inputs, or --set base=wanda",
                              "base", "wanda"}});
        }
    }
    return masks;
}

/// The frozen 2:4 masks of PATCH-Tile; kept in the run, so that a resumed one need not make them again.
MaskSet frozenMasks(RunContext& context) {
    const auto kept = context.directory->path() / "base.npz";
    if (std::filesystem::exists(kept)) return readMasks(kept);
    const auto base = context.spec.set.text("base");
    const auto masks = oneShotNamed(base) ? scorePass(context, base, basePattern(context.spec), nullptr)
                                          : baseFile(context.spec);
    writeMasks(kept, masks);
    return masks;
}

const PackedMask& maskNamed(const MaskSet& base, const std::string& name) {
    const auto found = base.masks.find(name);
    if (found == base.masks.end())
        throw Error(ErrorCode::InvalidInput, "the base mask file has no mask for this matrix", name,
                    {{"give a mask file made for this model", "base", ""}});
    return found->second;
}

/// Rank 0's frozen masks to the processes that follow it.
void shareFrozenMasks(RunContext& context, MaskSet& masks) {
    if (context.ranks->leads())
        context.ranks->say(Word::Base, context.control);
    else
        context.ranks->hear(context.control);
    const auto exclude = context.spec.set.list("exclude");
    for (const auto& matrix : prunableMatrices(context.files->config())) {
        if (matchesAny(matrix.name, exclude)) continue;
        auto& bits = masks.masks.try_emplace(matrix.name, matrix.rows, matrix.cols).first->second.bits;
        context.ranks->group().broadcast(
            torch::from_blob(bits.data(), {static_cast<std::int64_t>(bits.size())}, torch::kUInt8));
    }
}

using MasksByName = std::map<std::string, MaskParameters*>;

/// Logits that choose patterns begin at the base mask.
void beginPatterns(RunContext& context, const MasksByName& masks, const PriorSettings& settings) {
    const auto& spec = context.spec;
    if (settings.strength <= 0) return;
    const auto begin = [&](const std::string& name, const PackedMask& start, const torch::Tensor& scores) {
        startPatterns(dynamic_cast<PatternMask&>(*masks.at(name)), start, scores, settings);
    };
    const auto base = spec.set.text("base");
    if (oneShotNamed(base)) {
        scorePass(context, base, basePattern(spec),
                  [&](const PrunableMatrix& matrix, const PrunedMatrix& pruned) {
                      begin(matrix.name, pruned.mask, pruned.scores);
                  });
        return;
    }
    const auto file = baseFile(spec);
    for (const auto& [name, mask] : masks) begin(name, maskNamed(file, name), {});
}

/// Gates take the scores that their prior is made of.
void takeGateScores(RunContext& context, const MaskList& masks, const MasksByName& byName) {
    const auto prior = context.spec.set.text("prior");
    if (prior == "random") {
        auto generator = at::detail::createCPUGenerator(context.spec.seed + 1);
        for (auto& mask : masks)
            mask->logits()
                .slice(0, 0, mask->gates())
                .copy_(torch::rand({mask->gates()}, generator, torch::kFloat32).log());
    } else if (prior != "none") {
        scorePass(context, prior, parsePattern("unstructured", context.spec.sparsity),
                  [&](const PrunableMatrix& matrix, const PrunedMatrix& pruned) {
                      auto& mask = *byName.at(matrix.name);
                      if (mask.tiles())
                          takeTileScores(mask, pruned.mask);
                      else
                          takeScores(mask, pruned.scores);
                  });
    }
}

}  // namespace

MaskList freshMasks(const ModelConfig& config, const ExperimentSpec& spec, const MaskSet* base,
                    const std::filesystem::path& spillFolder) {
    const auto exclude = spec.set.list("exclude");
    const auto tile = spec.set.tile("tile");
    MaskList masks;
    // What is spilled is made in memory first.
    const LeanHeap heap(1 << 20);
    for (const auto& matrix : prunableMatrices(config)) {
        if (matchesAny(matrix.name, exclude)) continue;
        if (spec.method == "patch-tile") {
            PackedMask any;
            if (!base) {
                any = PackedMask(matrix.rows, matrix.cols);
                for (std::int64_t i = 0; i < matrix.elements(); ++i)
                    if (i % 4 < 2) any.keep(i);
            }
            masks.push_back(std::make_unique<TileMask>(matrix, base ? maskNamed(*base, matrix.name) : any,
                                                       tile.first, tile.second));
        } else if (spec.method == "patch-joint") {
            masks.push_back(std::make_unique<JointMask>(matrix, tile.first, tile.second));
        } else if (spec.method == "maskllm") {
            const auto target = basePattern(spec);
            masks.push_back(std::make_unique<PatternMask>(matrix, target.keep, target.group));
        } else if (spec.method == "proxsparse") {
            const auto& set = spec.set;
            masks.push_back(std::make_unique<ProxMask>(
                matrix,
                ProxSettings{set.real("prox_lambda"), set.real("frozen_lambda"), set.real("frozen_eps")}));
        } else {
            masks.push_back(std::make_unique<BernoulliMask>(matrix));
        }
        if (spec.set.text("moments") == "bf16") masks.back()->narrowMoments();
        if (!spillFolder.empty()) masks.back()->spill(spillFolder);
    }
    if (masks.empty())
        throw Error(ErrorCode::InvalidInput, "every matrix is excluded: nothing is left to prune", "exclude",
                    {{"exclude fewer matrices", "exclude", ""}});
    return masks;
}

MaskList startedMasks(RunContext& context, bool withPrior) {
    const auto& spec = context.spec;
    const bool frozen = spec.method == "patch-tile", follows = context.follows();
    auto base = frozen && !follows ? frozenMasks(context) : MaskSet{};
    if (frozen && follows) shareFrozenMasks(context, base);
    auto masks =
        freshMasks(context.files->config(), spec, &base,
                   spec.set.boolean("spill_state") ? context.spillFolder() : std::filesystem::path());
    // Only now: what was wrong with them is said before.
    if (frozen && context.ranks && !follows) shareFrozenMasks(context, base);
    if (!withPrior || follows) return masks;
    if (spec.method == "proxsparse") {
        for (auto& mask : masks)
            dynamic_cast<ProxMask&>(*mask).begin(
                loadTensor(context.files->tensors(), mask->matrix().name, context.dtype()));
        return masks;
    }

    MasksByName byName;
    for (const auto& mask : masks) byName[mask->matrix().name] = mask.get();
    auto settings = priorSettings(spec);
    if (spec.method == "maskllm" || spec.method == "patch-joint") beginPatterns(context, byName, settings);
    if (spec.set.has("prior")) {
        takeGateScores(context, masks, byName);
        if (spec.set.text("prior") == "none") settings.strength = 0;
    }
    finishPrior(masks, settings);
    return masks;
}

}  // namespace tessera
