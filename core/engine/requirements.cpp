#include "core/engine/requirements.h"

#include <torch/torch.h>

#include <algorithm>
#include <filesystem>

#include "core/base/error.h"
#include "core/base/stopwatch.h"
#include "core/engine/own_samples.h"
#include "core/model/text_sampler.h"
#include "core/prune/selection.h"
#include "core/session/memory_needs.h"
#include "core/text/corpus.h"
#include "kernels/cpu/nm_patterns.h"

namespace tessera {

namespace {

/// Whether a pass over the text gathers Gram matrices.
bool usesGram(const ExperimentSpec& spec) {
    if (spec.changesWeights()) return true;
    if (!methodNamed(spec.method).learns) return false;
    const auto updates = [](const std::string& name) {
        const auto* method = oneShotNamed(name);
        return method && method->changesWeights;
    };
    return (spec.set.has("prior") && updates(spec.set.text("prior"))) ||
           (spec.set.has("base") && updates(spec.set.text("base")));
}

/// Bytes of the text that the run learns and calibrates on; what is missing is told elsewhere.
double textBytes(const ExperimentSpec& spec) {
    double sum = 0;
    const auto add = [&](const std::filesystem::path& file) {
        std::error_code none;
        const auto size = std::filesystem::file_size(file, none);
        if (!none) sum += static_cast<double>(size);
    };
    for (const auto& file : spec.text) add(file);
    if (!spec.text.empty()) return sum;
    try {
        add(defaultText(CorpusPart::Learn));
    } catch (const Error&) {
        // It is not installed.
    }
    return sum;
}

/// How many logits a learning method has for every weight; a gate a tile is next to nothing.
double logitsPerWeight(const ExperimentSpec& spec) {
    if (spec.method == "leap" || spec.method == "proxsparse") return 1.0;
    if (spec.method == "patch-tile") return 0.0;
    const auto target = parsePattern(spec.pattern == "tiles" ? "2:4" : spec.pattern, spec.sparsity);
    return static_cast<double>(kernels::patternCount(target.keep, target.group)) / target.group;
}

}  // namespace

std::int64_t defaultSteps(const ModelConfig& config) {
    const auto weights = std::max<std::int64_t>(1, config.parameters());
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(1.6e10 / static_cast<double>(weights)), 60,
                                    400);
}

std::uint64_t oneShotDiskBytes(const ModelConfig& config, const ExperimentSpec& spec) {
    const double element = spec.dtype == "f32" ? 4 : 2;
    double bytes = 0;
    if (spec.calibrates()) {
        const auto asked = spec.set.integer("calibration_context");
        const double tokens =
            static_cast<double>(spec.set.integer("calibration_windows")) *
            static_cast<double>(config.maxPositions > 0 ? std::min(asked, config.maxPositions) : asked);
        // A prior's pass keeps no blocks: learning has checkpoints of its own.
        const bool keeps = !methodNamed(spec.method).learns || spec.finishes();
        bytes += ((keeps ? 2 : 0) + (spec.set.boolean("spill") ? 1 : 0)) * tokens *
                 static_cast<double>(config.hiddenSize) * element;
    }
    if (spec.changesWeights())
        for (const auto& matrix : prunableMatrices(config))
            bytes += 2 * static_cast<double>(matrix.elements()) * element;
    return static_cast<std::uint64_t>(bytes);
}

Requirements requirementsOf(const ModelConfig& config, const ExperimentSpec& spec, double productRate,
                            int processes) {
    const auto& set = spec.set;
    const double element = spec.dtype == "f32" ? 4 : 2;
    double prunable = 0, largest = 0;
    for (const auto& matrix : prunableMatrices(config)) {
        prunable += static_cast<double>(matrix.elements());
        largest = std::max(largest, static_cast<double>(matrix.elements()));
    }
    const double all = static_cast<double>(config.parameters());
    const double hidden = static_cast<double>(config.hiddenSize),
                 inner = static_cast<double>(config.intermediateSize);
    // Heads together may be wider than the stream.
    const double wide = std::max(hidden, static_cast<double>(config.heads * config.headDim));
    const double layers = static_cast<double>(config.layers),
                 vocabulary = static_cast<double>(config.vocabSize);
    const bool learns = methodNamed(spec.method).learns;
    // A default longer than what the model reads is cut to it.
    const auto window = [&](const char* option) {
        return config.maxPositions > 0 ? std::min(set.integer(option), config.maxPositions)
                                       : set.integer(option);
    };

    Requirements needs;
    // The factors below are what runs of the starter, SmolLM2, a model of 340 MB and one of Llama-3.1-8B's
    // shapes took. Of small pieces the heap keeps some until the next block.
    const auto kept = [](double bytes, double most = 40e6) { return std::min(bytes, most); };
    const double block = prunable / layers * element, masks = prunable / 8;
    // Every run measures the dense and the pruned model in the end, block by block: what lies outside of the
    // blocks, or all where learning has it already; a block of each as it is read and masked;
    // every window's activations; logits of 512 tokens.
    const double outer = (config.tiedHead ? 1 : 2) * vocabulary * hidden;
    const double evaluated =
        static_cast<double>(window("eval_window")) * static_cast<double>(set.integer("eval_windows"));
    const double evaluation =
        ((learns ? all : outer) + 2 * evaluated * hidden + std::min(evaluated, 512.0) * vocabulary) *
            element +
        2.5 * block + kept(2.5 * block) + masks;
    double calibration = 0, priorOperations = 0, learnOperations = 0;
    if (spec.calibrates()) {
        const double windows = static_cast<double>(set.integer("calibration_windows"));
        const double tokens = windows * static_cast<double>(window("calibration_context"));
        const double activations = tokens * hidden * element;
        const bool spills = set.boolean("spill");
        // First four windows go through the block together, and are widened to be summed; then a matrix at a
        // time is sorted by its scores, or solved with its Gram matrix, of which a block has four.
        const double observing = tokens / std::max(1.0, windows) * std::min(4.0, windows) * inner * 8;
        double grams = 0, solving = 8 * largest * 4;
        priorOperations = 4 * prunable * tokens;
        if (usesGram(spec)) {
            grams = (3 * wide * wide + inner * inner) * 4;
            const bool iterates = spec.method == "admm";
            solving = (iterates ? 3.4 : 4.6) * inner * inner * 4 + largest * 4 + kept(2.5 * block) +
                      (iterates ? kept(18 * largest * 4, 120e6) : kept(6 * largest * 4));
            // In f32, at half the rate.
            priorOperations += 2 * layers * tokens * (3 * wide * wide + inner * inner) * 0.6 * 2;
            if (iterates)
                priorOperations += 2 * 2 * static_cast<double>(set.integer("admm_steps") + 1) * prunable *
                                   (hidden + inner) / 2;
        }
        calibration = (spills ? 0 : activations) + masks + 1.5 * block + grams + std::max(observing, solving);
    }
    double sampling = 0, sampleOperations = 0;
    if (const auto texts = ownTexts(config, spec); texts > 0) {
        const auto length = ownTextLength(config, spec);
        sampling = all * element + samplingBytes(config, textsAtOnce(config, spec), length, element);
        sampleOperations = 2 * all * static_cast<double>(texts * length);
        // A line of the file has a text and its ids.
        needs.diskBytes += static_cast<std::uint64_t>(12 * texts * length);
    }
    double learning = 0;
    if (learns) {
        const double tokens = static_cast<double>(set.integer("batch") * window("context"));
        const bool accumulates = set.integer("accumulate") > 1 || set.real("clip") > 0 || processes > 1;
        const bool teacher = set.real("kl_weight") > 0;
        // Logits, two moments and perhaps gradients; PATCH-Tile has a byte a weight for its frozen mask.
        const double logits = logitsPerWeight(spec);
        const bool recomputes = set.boolean("activation_checkpointing");
        // What autograd keeps of a block: its activations, and the attention of each token to those before
        // it.
        const double ofBlock =
            ((6 * wide + 4 * inner) * 1.12 + static_cast<double>(config.heads * window("context")) * 0.625) *
            element;
        const double perToken = recomputes ? layers * hidden * element + ofBlock : layers * ofBlock;
        // Logits of 512 tokens at a time, and the head once more as the product lays it out.
        const double head = std::min(tokens, 512.0) * (teacher ? 2 : 1) * vocabulary * element +
                            vocabulary * hidden * element;
        const double moments = set.text("moments") == "bf16" ? 4.0 : 8.0;
        const double state = logits * (4.0 + moments + (accumulates ? 4.0 : 0.0));
        const bool spills = set.boolean("spill_state");
        const double gates = (spills ? 0.0 : state) + (spec.method == "patch-tile" ? 1.0 : 0.0);
        // Masked weights of all blocks, or of the one at work.
        const double masked = recomputes ? prunable / layers : prunable;
        learning = (all + masked) * element + prunable * gates + tokens * perToken + head + largest * 4;
        const double steps =
            spec.steps ? static_cast<double>(*spec.steps) : static_cast<double>(defaultSteps(config));
        const double perStep =
            static_cast<double>(set.integer("accumulate")) * tokens *
            (2 * (prunable + vocabulary * hidden) * (teacher ? 4 : 3) + (recomputes ? 2 * prunable : 0));
        learnOperations = steps * perStep;
        needs.diskBytes += static_cast<std::uint64_t>(2 * prunable * std::max(0.01, 12.0 * logits) +
                                                      22 * prunable / 8 + (spills ? prunable * state : 0.0));
    } else {
        needs.diskBytes += static_cast<std::uint64_t>(prunable / 4);
    }
    needs.diskBytes += oneShotDiskBytes(config, spec);
    const double evaluateOperations =
        4 * all * static_cast<double>(window("eval_window") * set.integer("eval_windows"));
    // The text is read, cut into words and numbered; the numbers stay.
    const double text = textBytes(spec);
    needs.bytes = static_cast<std::uint64_t>(
        kProgramBytes + std::max(15 * text, text + std::max({evaluation, sampling, calibration, learning})));
    // Attention, losses and kernels take about as long again as half of the products.
    if (productRate > 0) {
        // A few rows at a time, and attention over what is kept: what SmolLM2's took left alone.
        needs.sampleSeconds = sampleOperations / productRate * 3.2;
        needs.priorSeconds = priorOperations / productRate * 1.5;
        needs.learnSeconds = learnOperations / productRate * 1.5;
        needs.evaluateSeconds = evaluateOperations / productRate * 1.5;
    }
    if (learns && spec.minutes) needs.learnSeconds = *spec.minutes * 60;
    needs.seconds = needs.sampleSeconds + needs.priorSeconds + needs.learnSeconds + needs.evaluateSeconds;
    return needs;
}

double measureProductRate(const ModelConfig& config, const std::string& dtype) {
    torch::NoGradGuard guard;
    const auto type = dtype == "f32" ? torch::kFloat32 : torch::kBFloat16;
    // Larger products run at the rate of these, and a configuration may claim any size.
    const auto inputs = std::min<std::int64_t>(config.hiddenSize, 4096),
               outputs = std::min<std::int64_t>(config.intermediateSize, 16384);
    const auto input = torch::ones({512, inputs}, type), weights = torch::ones({outputs, inputs}, type);
    torch::linear(input, weights);
    Stopwatch watch;
    int count = 0;
    do {
        torch::linear(input, weights);
        ++count;
    } while (watch.seconds() < 0.2);
    return 2.0 * 512 * static_cast<double>(inputs * outputs) * count / watch.seconds();
}

void requireMemory(const ModelConfig& config, const ExperimentSpec& spec, int processes) {
    std::vector<Remedy> remedies;
    if (methodNamed(spec.method).learns && spec.set.integer("batch") > 1)
        remedies.push_back({"learn with fewer windows at a time: --set batch=1", "batch", "1"});
    if (methodNamed(spec.method).learns && !spec.set.boolean("activation_checkpointing"))
        remedies.push_back({"keep fewer activations: --set activation_checkpointing=true",
                            "activation_checkpointing", "true"});
    if (methodNamed(spec.method).learns && !spec.set.boolean("spill_state"))
        remedies.push_back({"keep what is learned on disk: --set spill_state=true", "spill_state", "true"});
    requireFree(spec.method + " on this model",
                static_cast<double>(requirementsOf(config, spec, 0, processes).bytes) - kProgramBytes,
                spec.model, std::move(remedies));
}

}  // namespace tessera
