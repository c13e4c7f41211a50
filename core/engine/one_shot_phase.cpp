#include "core/engine/one_shot_phase.h"

#include "core/base/error.h"
#include "core/base/system_info.h"
#include "core/engine/requirements.h"

namespace tessera {

namespace {

/// What every pass over the calibration text has in common.
OneShotRequest requestOf(RunContext& context, const PatternTarget& target) {
    OneShotRequest request;
    request.target = target;
    request.exclude = context.spec.set.list("exclude");
    request.cancellation = &context.control.interrupt;
    request.progress = [&context](int done, int blocks) {
        context.emit("step", {{"unit", "block"}, {"step", done}, {"steps", blocks}});
        context.stopPoint();
    };
    if (context.spec.set.boolean("spill")) request.spillFolder = context.spillFolder();
    return request;
}

torch::Tensor windowsFor(const RunContext& context, const OneShotMethod& method) {
    if (method.need() == InputNeed::None) return {};
    const auto windows = calibrationWindows(context.learn, context.spec.set.integer("calibration_windows"),
                                            context.window("calibration_context"));
    const auto& config = context.files->config();
    if (const auto widest =
            std::max({config.hiddenSize, config.intermediateSize, config.heads * config.headDim});
        method.need() == InputNeed::Gram && windows.numel() < widest)
        context.log("the calibration text has " + std::to_string(windows.numel()) +
                    " tokens, layers have up to " + std::to_string(widest) +
                    " inputs: their Gram matrices are singular, the damping decides");
    return windows;
}

/// Passes over the model with finished blocks on disk, and puts the changed weights where the run has them.
MaskSet keptPass(RunContext& context, const OneShotMethod& method, OneShotRequest request) {
    const auto windows = windowsFor(context, method);
    const BlockStore store(context.directory->blocksPath());
    if (method.need() != InputNeed::None) {
        // What a resumed run has already kept is not needed again.
        const auto all = oneShotDiskBytes(context.files->config(), context.spec);
        const auto needed = all - std::min(all, store.bytesKept());
        const auto free = freeDiskBytes(context.directory->path());
        if (free < needed)
            throw Error(ErrorCode::DiskFull,
                        "the finished blocks need " + std::to_string(needed >> 20) + " MiB, " +
                            std::to_string(free >> 20) + " MiB are free",
                        context.directory->path().string(),
                        {{"free some space or choose another folder with --out", "", ""}});
        request.store = &store;
        // Behind learning, a step of the log is one of those; blocks are counted beside them.
        if (!methodNamed(context.spec.method).learns) {
            if (const auto done = store.finishedBlocks(); done > 0) context.emit("resumed", {{"step", done}});
            request.progress = [&context, &store, said = request.progress](int done, int blocks) {
                context.emit("checkpoint", {{"step", done}, {"bytes", store.bytesOfSave()}});
                said(done, blocks);
            };
        }
    }
    auto masks = pruneOneShot(*context.files, method, windows, context.dtype(), request);
    if (masks.masks.empty())
        throw Error(ErrorCode::InvalidInput, "every matrix is excluded: nothing is left to prune", "exclude",
                    {{"exclude fewer matrices", "exclude", ""}});
    store.assemble(context.directory->weightsPath());
    return masks;
}

LogLine logOf(const RunContext& context) {
    return [&context](const std::string& text) { context.log(text); };
}

}  // namespace

OneShotSettings oneShotSettings(const OptionSet& set) {
    OneShotSettings settings;
    if (set.has("damping")) settings.damping = set.real("damping");
    if (set.has("block_columns")) settings.block = set.integer("block_columns");
    if (set.has("outlier_rows")) settings.outlierRows = set.real("outlier_rows");
    if (set.has("admm_steps"))
        settings.admm = {static_cast<int>(set.integer("admm_steps")),
                         static_cast<int>(set.integer("sparsify_steps")), set.real("admm_penalty"),
                         set.text("imitate") == "release"};
    settings.finish = set.text("finish") == "optima";
    settings.finishDamping = set.real("finish_damping");
    return settings;
}

MaskSet scorePass(RunContext& context, const std::string& name, const PatternTarget& target,
                  std::function<void(const PrunableMatrix&, const PrunedMatrix&)> onPruned) {
    auto settings = oneShotSettings(OptionSet(name, {}));
    settings.log = logOf(context);
    const auto method = OneShotMethod::create(name, settings);
    auto request = requestOf(context, target);
    request.onPruned = std::move(onPruned);
    return pruneOneShot(*context.files, *method, windowsFor(context, *method), context.dtype(), request);
}

MaskSet runOneShotPhase(RunContext& context) {
    const auto timer = context.phase("prune");
    auto settings = oneShotSettings(context.spec.set);
    settings.log = logOf(context);
    const auto target = parsePattern(context.spec.pattern, context.spec.sparsity);
    return keptPass(context, *OneShotMethod::create(context.spec.method, settings),
                    requestOf(context, target));
}

void runFinishPhase(RunContext& context, const MaskSet& masks) {
    const auto timer = context.phase("finish");
    auto settings = oneShotSettings(context.spec.set);
    settings.log = logOf(context);
    keptPass(context, *OneShotMethod::finishing(masks, settings), requestOf(context, PatternTarget{}));
}

}  // namespace tessera
