#include "core/engine/engine.h"

#include <algorithm>
#include <functional>
#include <set>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/lean_heap.h"
#include "core/base/sha256.h"
#include "core/base/system_info.h"
#include "core/engine/device.h"
#include "core/engine/one_shot_phase.h"
#include "core/engine/own_samples.h"
#include "core/engine/requirements.h"
#include "core/engine/run_context.h"
#include "core/engine/run_sink.h"
#include "core/evaluate/perplexity.h"
#include "core/model/torch_runtime.h"
#include "core/report/collect.h"
#include "core/report/html.h"
#include "core/session/hub_repo.h"
#include "core/session/model_catalogue.h"
#include "core/session/run_directory.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

void load(RunContext& context) {
    requireDevice(context.spec);
    const auto timer = context.phase("load");
    const auto model = resolveModel(context.spec.model);
    if (model.masks)
        throw Error(ErrorCode::InvalidInput, "this model is a run: it is pruned already", context.spec.model,
                    {{"prune the model it was made from, or export it and prune the export", "model", ""}});
    context.files = ModelFiles::open(model.path);
    context.tokenizer = loadTokenizer(*context.files);
    const auto& pattern = context.spec.pattern;
    const auto target = parsePattern(pattern == "tiles" ? "2:4" : pattern, context.spec.sparsity);
    const auto exclude = context.spec.set.list("exclude");
    for (const auto& matrix : prunableMatrices(context.files->config()))
        if (!matchesAny(matrix.name, exclude)) requireGroups(target, matrix.cols, matrix.name);
    requireMemory(context.files->config(), context.spec, context.processes);
    if (context.tokenizer->vocabSize() > context.files->config().vocabSize)
        throw Error(ErrorCode::Corrupt,
                    "the tokenizer has " + std::to_string(context.tokenizer->vocabSize()) +
                        " tokens, the model " + std::to_string(context.files->config().vocabSize),
                    context.spec.model, {{"use the tokenizer that belongs to the model", "", ""}});
}

/// The least number of tokens that the run needs to learn or calibrate on, so that a short text is told
/// before anything is written.
std::int64_t leastTokens(const RunContext& context) {
    const auto& method = context.spec.method;
    const auto calibration = context.spec.calibrates() ? context.window("calibration_context") : 0;
    if (methodNamed(method).learns) return std::max(context.window("context") + 1, calibration);
    return calibration > 0 ? calibration : context.window("eval_window");
}

/// Reads the text and sets a part aside to evaluate on. Returns the text's fingerprint.
std::string tokenise(RunContext& context) {
    const auto timer = context.phase("tokenise");
    const auto& set = context.spec.set;
    const auto window = context.window("eval_window");
    const std::vector<fs::path> files(context.spec.text.begin(), context.spec.text.end());
    // Of a model that writes all of its text itself, no more is read than what it is measured on.
    const bool learnsFromIt =
        ownTexts(context.files->config(), context.spec) == 0 || set.real("own_samples") < 1;
    std::string fingerprint;
    if (learnsFromIt || !files.empty()) {
        auto corpus = tokenizeCorpus(*context.tokenizer, files, CorpusPart::Learn,
                                     learnsFromIt ? leastTokens(context) : 1);
        fingerprint = corpus.fingerprint;
        context.learn = std::move(corpus.ids);
    }
    if (files.empty()) {
        if (set.integer("eval_windows") > 0) {
            auto heldOut = tokenizeCorpus(*context.tokenizer, {}, CorpusPart::HeldOut, window);
            context.heldOut = std::move(heldOut.ids);
            fingerprint = sha256Hex(fingerprint + heldOut.fingerprint);
        }
        context.heldOutName = "the default text's held-out part";
        return fingerprint;
    }
    // The tail of a text that the person gave is never learned from: at most a twentieth, in whole windows.
    const auto total = static_cast<std::int64_t>(context.learn.size());
    const auto windows = std::min(set.integer("eval_windows"), total / 20 / window);
    if (windows > 0) {
        context.heldOut.assign(context.learn.end() - windows * window, context.learn.end());
        context.learn.resize(context.learn.size() - static_cast<std::size_t>(windows * window));
        context.heldOutName =
            "the last " + std::to_string(windows * window) + " tokens of the text, not learned from";
    } else if (set.integer("eval_windows") > 0) {
        context.log("the text is too short to hold a part out: perplexity is not measured");
    }
    return fingerprint;
}

/// Both models at once, block by block: the one that has not been needed whole so far is not read whole now.
Json perplexities(RunContext& context, const MaskSet& masks) {
    if (context.heldOut.empty()) return nullptr;
    const auto timer = context.phase("evaluate");
    const LeanHeap heap;
    const auto& config = context.files->config();
    PerplexityRequest request;
    request.window = context.window("eval_window");
    request.windows = context.spec.set.integer("eval_windows");
    request.cancellation = &context.control.interrupt;
    std::optional<ModelFiles> changed;
    if (context.spec.changesWeights())
        changed = ModelFiles::open(context.files->path(), context.directory->weightsPath());
    const auto outer = context.decoder ? context.decoder->outer : loadOuter(*context.files, context.dtype());
    BlockwisePerplexity dense(config, outer.embedding, context.heldOut, request),
        pruned(config, outer.embedding, context.heldOut, request);
    const int blocks = static_cast<int>(config.layers);
    for (int block = 0; block < blocks; ++block) {
        const auto weights = context.decoder ? context.decoder->blocks[static_cast<std::size_t>(block)]
                                             : loadBlock(*context.files, block, context.dtype());
        dense.advance(weights);
        pruned.advance(changed ? loadBlock(*changed, block, context.dtype())
                               : maskedBlock(config, weights, block, masks));
        heap.trim();
        context.emit("step", {{"unit", "block"}, {"step", block + 1}, {"steps", blocks}});
        context.stopPoint();
    }
    const auto finish = [&](const BlockwisePerplexity& of, const char* name) {
        const auto value = of.finish(outer);
        context.emit("metric", {{"metric", "perplexity"},
                                {"what", name},
                                {"value", value.value},
                                {"window", value.window},
                                {"windows", value.windows}});
        return value;
    };
    const auto before = finish(dense, "dense"), after = finish(pruned, "pruned");
    return {{"dense", before.value},    {"pruned", after.value},  {"window", after.window},
            {"windows", after.windows}, {"tokens", after.tokens}, {"text", context.heldOutName}};
}

void describeMasks(const RunContext& context, MaskSet& masks) {
    const auto& spec = context.spec;
    char percent[16];
    std::snprintf(percent, sizeof percent, "%g%%", spec.sparsity * 100);
    masks.meta = {
        {"repo", "tessera"},
        {"base_model", fs::path(spec.model).filename().string()},
        {"method", spec.method},
        {"variant", spec.method == "patch-tile"    ? "tile"
                    : spec.method == "patch-joint" ? "joint"
                                                   : ""},
        {"sparsity", percent},
        {"pattern", spec.pattern == "tiles" ? "Dense/2:4 tiles" : spec.pattern},
        {"format", "packbits"},
        {"measured_sparsity", 1.0 - static_cast<double>(masks.kept()) /
                                        static_cast<double>(std::max<std::int64_t>(1, masks.weights()))}};
}

Json resultOf(const RunContext& context, const MaskSet& masks, const Json& perplexity) {
    Json matrices = Json::array();
    for (const auto& matrix : prunableMatrices(context.files->config())) {
        const auto found = masks.masks.find(matrix.name);
        if (found == masks.masks.end()) continue;
        matrices.push_back({{"name", matrix.name},
                            {"rows", matrix.rows},
                            {"cols", matrix.cols},
                            {"sparsity", 1.0 - static_cast<double>(found->second.kept()) /
                                                   static_cast<double>(matrix.elements())}});
    }
    const auto system = systemInfo();
    Json seconds = Json::object();
    for (const auto& [phase, time] : context.seconds) seconds[phase] = time;
    Json shares = nullptr;
    if (context.stepSeconds > 0)
        for (const auto kind : {Work::Products, Work::MaskKernels, Work::Attention, Work::RowOps, Work::Loss})
            shares[workName(kind)] =
                context.workSeconds[static_cast<std::size_t>(kind)] / context.stepSeconds;
    const auto learnSeconds = context.stepSeconds;
    return {{"type", "result"},
            {"run", context.directory->path().string()},
            {"model", context.spec.model},
            {"method", context.spec.method},
            {"sparsity",
             {{"target", context.spec.sparsity},
              {"achieved", 1.0 - static_cast<double>(masks.kept()) / static_cast<double>(masks.weights())}}},
            {"perplexity", perplexity},
            {"seconds", seconds},
            {"peak_bytes", peakResidentBytes()},
            {"tokens_trained", context.tokensTrained},
            {"steps", context.stepsDone},
            {"tokens_per_second",
             learnSeconds > 0 ? Json(static_cast<double>(context.tokensHere) / learnSeconds) : Json(nullptr)},
            {"step_shares", shares},
            {"matrices", matrices},
            {"machine",
             {{"cpu", system.cpu},
              {"features", system.features},
              {"system", system.system},
              {"cores", system.cores},
              {"threads", context.threads},
              {"processes", context.processes},
              {"memory_bytes", system.memoryTotal},
              {"libraries", torchDescription()}}},
            {"version", TESSERA_VERSION}};
}

void writeReport(const fs::path& run) {
    writeFileAtomically(run / "report.html", renderHtml({collectReport(run)}));
}

/// What a process before this one learned.
void recallLearning(RunContext& context) {
    const auto plan = context.directory->path() / "plan.json";
    if (!fs::exists(plan)) return;
    const auto& set = context.spec.set;
    context.stepsDone = readJsonFile(plan).at("steps").get<std::int64_t>();
    context.tokensTrained =
        context.stepsDone * context.passes() * set.integer("batch") * context.window("context");
}

/// From the choice of masks to the result; everything before has been made or read again.
Json execute(RunContext& context) {
    auto& directory = *context.directory;
    std::optional<MaskSet> masks;
    if (fs::exists(directory.masksPath())) {
        context.dismissOthers();
        masks = readMasks(directory.masksPath());
        recallLearning(context);
    } else {
        const bool learns = methodNamed(context.spec.method).learns;
        writeOwnSamples(context);
        // A finish that was cut off goes on under the masks that were learned.
        const auto learned = directory.path() / "learned.npz";
        if (!learns) {
            masks = runOneShotPhase(context);
        } else if (fs::exists(learned)) {
            masks = readMasks(learned);
            recallLearning(context);
        } else {
            masks = runLearnPhases(context);
        }
        if (!masks) throw context.stopped("stopped on request; a checkpoint was kept");
        context.dismissOthers();
        if (learns && context.spec.finishes()) {
            writeMasks(learned, *masks);
            runFinishPhase(context, *masks);
        }
        const auto timer = context.phase("save");
        describeMasks(context, *masks);
        if (!learns) writeMap(context, 0, *masks);
        writeMasks(directory.masksPath(), *masks);
        fs::remove(learned);
    }
    BlockStore(directory.blocksPath()).remove();
    const auto perplexity = perplexities(context, *masks);
    const auto result = resultOf(context, *masks, perplexity);
    directory.writeResult(result);
    context.emit("phase", {{"phase", "report"}});
    writeReport(directory.path());
    context.emit("state", {{"state", "finished"}});
    context.sink.emit(makeEvent("result", result));
    return result;
}

/// Of several processes, every one has the method learn or none.
void requireLearning(const std::string& method) {
    const auto size = RankVariables::read().size;
    if (size > 1 && !methodNamed(method).learns)
        throw Error(ErrorCode::InvalidInput,
                    method + " does not learn: one process does it all, not " + std::to_string(size),
                    "WORLD_SIZE", {{"start it once, without WORLD_SIZE", "", ""}});
}

/// What rank 0 and a process alone do; of a stop on request the others hear, too.
Json lead(RunContext& context, const std::function<Json()>& work) {
    try {
        return work();
    } catch (const Error& error) {
        if (context.ranks && error.code() == ErrorCode::Cancelled) {
            try {
                context.ranks->say(Word::Stop, context.control);
            } catch (const Error&) {
                // They have gone before: the stop is what there is to tell.
            }
        }
        throw;
    }
}

void prepare(RunContext& context, std::unique_ptr<Ranks> ranks) {
    context.ranks = std::move(ranks);
    if (context.ranks) context.processes = context.ranks->size();
    const auto asked = context.spec.threads;
    context.threads = configureThreads(asked > 0 || !context.ranks ? asked : context.ranks->coresEach());
}

struct NoEvents : EventSink {
    void emit(const Event&) override {}
};

/// A process that is not rank 0. All that it knows of the run comes from there; the model and the text it
/// reads itself, from the same paths.
Json follow(std::unique_ptr<Ranks> ranks, RunControl& control) {
    if (ranks->hear(control) == Word::Done) return nullptr;
    const auto begin = ranks->share(nullptr);
    NoEvents silent;
    RunContext context(ExperimentSpec::fromJson(begin.at("spec")), silent, control);
    prepare(context, std::move(ranks));
    load(context);
    const Json own{{"model", context.files->fingerprint()}, {"text", tokenise(context)}};
    for (const auto& [what, fingerprint] : begin.at("fingerprints").items())
        if (own.value(what, Json()) != fingerprint)
            throw Error(ErrorCode::InvalidInput, "the " + what + " that this process reads is not rank 0's",
                        "rank " + std::to_string(context.ranks->group().rank()),
                        {{"have the same files at the same paths on every machine", what, ""}});
    useOwnSamples(context, begin.at("own").get<std::vector<std::int32_t>>());
    followLearning(context, begin.at("passes").get<std::int64_t>());
    return nullptr;
}

}  // namespace

Json Engine::run(ExperimentSpec spec, EventSink& caller, RunControl& control) {
    RunSink sink(caller);
    return guarded(sink, [&]() -> Json {
        requireLearning(spec.method);
        auto ranks = Ranks::meet();
        if (ranks && !ranks->leads()) return follow(std::move(ranks), control);
        for (auto& file : spec.text) file = fs::absolute(file).string();
        // A name of the hub, ORG/REPO, stays one where there is no such path.
        if (fs::exists(spec.model) || (spec.model.find('/') != std::string::npos && !hubRepoOf(spec.model)))
            spec.model = fs::absolute(spec.model).lexically_normal().string();
        RunContext context(spec, sink, control);
        prepare(context, std::move(ranks));
        return lead(context, [&] {
            // What is wrong with the model or the text shows before anything is written.
            load(context);
            const auto text = tokenise(context);
            const auto out = spec.out.empty() ? freshRunPath(spec) : fs::path(spec.out);
            context.directory =
                RunDirectory::create(out, spec, {{"model", context.files->fingerprint()}, {"text", text}});
            sink.openLog(context.directory->eventsPath());
            context.emit("state", {{"state", "running"},
                                   {"run", context.directory->path().string()},
                                   {"spec", spec.toJson()},
                                   {"options", spec.set.effective()}});
            return execute(context);
        });
    });
}

Json Engine::resume(const fs::path& path, EventSink& caller, RunControl& control) {
    RunSink sink(caller);
    return guarded(sink, [&]() -> Json {
        auto ranks = Ranks::meet();
        if (ranks && !ranks->leads()) return follow(std::move(ranks), control);
        auto directory = RunDirectory::open(path);
        requireLearning(directory.spec().method);
        if (const auto result = directory.result()) {
            if (!result->contains("run") || !result->contains("sparsity") || !result->contains("perplexity"))
                throw Error(ErrorCode::Corrupt, "the run's result lacks what a result holds",
                            (path / "result.json").string(),
                            {{"remove this file; 'tessera-cli resume' then measures the run again", "", ""}});
            if (ranks) ranks->say(Word::Done, control);
            // Ended between the result and its report: the report is all that is missing.
            if (!fs::exists(path / "report.html")) {
                directory.acquire();
                writeReport(path);
            }
            caller.emit(makeEvent("result", *result));
            return *result;
        }
        directory.acquire();
        sink.openLog(directory.eventsPath());
        RunContext context(directory.spec(), sink, control);
        prepare(context, std::move(ranks));
        context.directory = std::move(directory);
        return lead(context, [&] {
            load(context);
            const auto text = tokenise(context);
            const auto& before = context.directory->fingerprints();
            const auto same = [&](const char* what, const std::string& now, const std::string& advice) {
                if (before.contains(what) && before[what] != now)
                    throw Error(ErrorCode::Corrupt,
                                std::string("the ") + what +
                                    " has changed since the run began: it cannot be gone on with",
                                path.string(), {{advice, "", ""}});
            };
            same("model", context.files->fingerprint(), "put the model back, or begin a new run");
            same("text", text, "put the text back, or begin a new run");
            context.emit(
                "state",
                {{"state", "running"}, {"run", context.directory->path().string()}, {"resumed", true}});
            return execute(context);
        });
    });
}

}  // namespace tessera
