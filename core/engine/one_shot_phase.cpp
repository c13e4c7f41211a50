#include "core/base/error.h"
#include "core/engine/run_context.h"
#include "core/prune/one_shot.h"

namespace tessera {

MaskSet runOneShotPhase(RunContext& context) {
    const auto method = OneShotMethod::create(context.spec.method);
    OneShotRequest request;
    request.target = parsePattern(context.spec.pattern, context.spec.sparsity);
    request.exclude = context.spec.set.list("exclude");
    request.cancellation = &context.control.interrupt;
    request.progress = [&](int done, int blocks) {
        context.emit("step", {{"unit", "block"}, {"step", done}, {"steps", blocks}});
        context.stopPoint();
    };
    torch::Tensor windows;
    if (method->needsCalibration())
        windows = calibrationWindows(context.learn, context.spec.set.integer("calibration_windows"),
                                     context.window("calibration_context"));
    const auto timer = context.phase("prune");
    return pruneOneShot(*context.files, *method, windows, context.dtype(), request);
}

}  // namespace tessera
