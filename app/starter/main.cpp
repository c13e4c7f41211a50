// Trains the bundled starter: a small Llama-architecture model on the installed default text, written as a
// Hugging Face folder. Made once, by
//   tessera-train-starter --out resources/starter --minutes 30
// and committed; anyone can make another.

#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <random>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/stopwatch.h"
#include "core/formats/safetensors.h"
#include "core/model/decoder.h"
#include "core/model/torch_runtime.h"
#include "core/text/bpe_trainer.h"
#include "core/text/corpus.h"

namespace tessera {
namespace {

struct Options {
    std::string out;
    double minutes = 30;
    std::int64_t batch = 16, context = 256, vocabulary = 4096;
    double learningRate = 4e-3;
    int threads = 0;
    std::uint64_t seed = 1;
};

ModelConfig starterConfig(std::int64_t vocabulary, std::int64_t endOfText, std::int64_t context) {
    ModelConfig config;
    config.vocabSize = vocabulary;
    config.hiddenSize = 256;
    config.intermediateSize = 704;
    config.layers = 6;
    config.heads = 4;
    config.kvHeads = 2;
    config.headDim = 64;
    config.maxPositions = context;
    config.rmsEps = 1e-5;
    config.ropeTheta = 10000;
    config.tiedHead = true;
    config.bosToken = config.eosToken = endOfText;
    return config;
}

/// f32 weights that are trained.
Decoder freshDecoder(const ModelConfig& config) {
    const double deviation = 0.02, residual = deviation / std::sqrt(2.0 * config.layers);
    Decoder decoder{config, {}, {}};
    decoder.outer.embedding = torch::randn({config.vocabSize, config.hiddenSize}) * deviation;
    decoder.outer.head = decoder.outer.embedding;
    decoder.outer.finalNorm = torch::ones({config.hiddenSize});
    const auto q = config.heads * config.headDim, kv = config.kvHeads * config.headDim;
    for (int i = 0; i < config.layers; ++i) {
        BlockWeights block;
        block.inputNorm = torch::ones({config.hiddenSize});
        block.postNorm = torch::ones({config.hiddenSize});
        block.group(Group::QueryKeyValue) = torch::randn({q + 2 * kv, config.hiddenSize}) * deviation;
        block.group(Group::Output) = torch::randn({config.hiddenSize, q}) * residual;
        block.group(Group::GateUp) =
            torch::randn({2 * config.intermediateSize, config.hiddenSize}) * deviation;
        block.group(Group::Down) = torch::randn({config.hiddenSize, config.intermediateSize}) * residual;
        decoder.blocks.push_back(block);
    }
    return decoder;
}

std::vector<torch::Tensor*> parametersOf(Decoder& decoder) {
    std::vector<torch::Tensor*> list{&decoder.outer.embedding, &decoder.outer.finalNorm};
    for (auto& block : decoder.blocks) {
        list.push_back(&block.inputNorm);
        list.push_back(&block.postNorm);
        for (auto& group : block.groups) list.push_back(&group);
    }
    return list;
}

/// The same decoder in bf16; gradients flow back to the f32 weights.
Decoder inBf16(const Decoder& master) {
    Decoder copy = master;
    auto convert = [](torch::Tensor& tensor) { tensor = tensor.to(torch::kBFloat16); };
    convert(copy.outer.embedding);
    convert(copy.outer.finalNorm);
    copy.outer.head = copy.outer.embedding;
    for (auto& block : copy.blocks) {
        convert(block.inputNorm);
        convert(block.postNorm);
        for (auto& group : block.groups) convert(group);
    }
    return copy;
}

/// Windows [count, context + 1] at the given starts.
torch::Tensor windowsAt(const std::vector<std::int32_t>& ids, const std::vector<std::int64_t>& starts,
                        std::int64_t length) {
    auto batch = torch::empty({static_cast<std::int64_t>(starts.size()), length}, torch::kInt64);
    auto* out = batch.data_ptr<std::int64_t>();
    for (const auto start : starts)
        for (std::int64_t i = 0; i < length; ++i) *out++ = ids[static_cast<std::size_t>(start + i)];
    return batch;
}

torch::Tensor lossOf(const Decoder& decoder, const torch::Tensor& windows) {
    const auto context = windows.size(1) - 1;
    const auto hidden = decoder.hidden(windows.narrow(1, 0, context));
    const auto logits = decoder.logits(hidden).to(torch::kFloat32);
    return torch::cross_entropy_loss(logits.view({-1, logits.size(-1)}),
                                     windows.narrow(1, 1, context).reshape({-1}));
}

double heldOutLoss(const Decoder& master, const std::vector<std::int32_t>& ids, std::int64_t context) {
    torch::NoGradGuard guard;
    const auto decoder = inBf16(master);
    double sum = 0;
    int count = 0;
    for (std::int64_t start = 0; start + context + 1 <= static_cast<std::int64_t>(ids.size()) && count < 64;
         start += context, ++count)
        sum += lossOf(decoder, windowsAt(ids, {start}, context + 1)).item<double>();
    return sum / std::max(count, 1);
}

void save(const Decoder& decoder, const std::filesystem::path& folder) {
    torch::NoGradGuard guard;
    const auto& config = decoder.config;
    std::vector<std::pair<std::string, torch::Tensor>> tensors;
    tensors.emplace_back("model.embed_tokens.weight", decoder.outer.embedding);
    for (const auto& matrix : prunableMatrices(config)) {
        static const std::vector<std::string> order{"q", "k", "v", "o", "gate", "up", "down"};
        const int index =
            static_cast<int>(std::find(order.begin(), order.end(), matrix.projection) - order.begin());
        tensors.emplace_back(matrix.name, decoder.blocks[matrix.block].matrix(config, index));
    }
    for (int i = 0; i < config.layers; ++i) {
        const auto prefix = "model.layers." + std::to_string(i) + ".";
        tensors.emplace_back(prefix + "input_layernorm.weight", decoder.blocks[i].inputNorm);
        tensors.emplace_back(prefix + "post_attention_layernorm.weight", decoder.blocks[i].postNorm);
    }
    tensors.emplace_back("model.norm.weight", decoder.outer.finalNorm);

    SafetensorsWriter writer(folder / "model.safetensors");
    for (const auto& [name, tensor] : tensors) writer.declare(name, DType::BF16, tensor.sizes().vec());
    for (const auto& [name, tensor] : tensors) {
        const auto bf16 = tensor.to(torch::kBFloat16).contiguous();
        writer.write(name, std::as_bytes(std::span(bf16Data(bf16), static_cast<std::size_t>(bf16.numel()))));
    }
    writer.commit();
    writeFileAtomically(folder / "config.json", config.toJson("bfloat16").dump(2) + "\n");
}

int run(const Options& options) {
    const std::filesystem::path folder = options.out;
    std::filesystem::create_directories(folder);
    const int threads = configureThreads(options.threads);
    std::fprintf(stderr, "%s, %d threads\n", torchDescription().c_str(), threads);
    if (!std::filesystem::exists(folder / "tokenizer.json")) {
        std::fprintf(stderr, "training a byte-level BPE of %lld tokens\n",
                     static_cast<long long>(options.vocabulary));
        writeFileAtomically(folder / "tokenizer.json",
                            trainByteLevelBpe(readText({defaultText(CorpusPart::Learn)}),
                                              static_cast<int>(options.vocabulary))
                                    .dump() +
                                "\n");
    }
    const auto tokenizer = loadTokenizerJson(folder / "tokenizer.json");
    writeFileAtomically(folder / "tokenizer_config.json", tokenizer->toTokenizerConfig().dump(2) + "\n");
    const auto learn = tokenizeCorpus(*tokenizer, {}, CorpusPart::Learn, options.context + 1);
    const auto heldOut = tokenizeCorpus(*tokenizer, {}, CorpusPart::HeldOut, options.context + 1);
    std::fprintf(stderr, "%zu tokens to learn from, %zu held out\n", learn.ids.size(), heldOut.ids.size());

    torch::manual_seed(options.seed);
    std::mt19937_64 random(options.seed);
    auto config = starterConfig(tokenizer->vocabSize(), tokenizer->eosToken(), options.context);
    Decoder master = freshDecoder(config);
    const auto parameters = parametersOf(master);
    std::vector<torch::Tensor> moment1, moment2;
    for (auto* parameter : parameters) {
        parameter->set_requires_grad(true);
        moment1.push_back(torch::zeros_like(*parameter));
        moment2.push_back(torch::zeros_like(*parameter));
    }
    master.outer.head = master.outer.embedding;
    std::fprintf(stderr, "%lld parameters\n", static_cast<long long>(config.parameters()));

    // The schedule follows the clock: the learning rate falls to nothing when the time is up.
    Stopwatch watch;
    const double budget = options.minutes * 60;
    const double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0.1;
    std::uniform_int_distribution<std::int64_t> start(
        0, static_cast<std::int64_t>(learn.ids.size()) - options.context - 1);
    for (std::int64_t step = 1; watch.seconds() < budget; ++step) {
        std::vector<std::int64_t> starts(static_cast<std::size_t>(options.batch));
        for (auto& s : starts) s = start(random);
        const auto loss = lossOf(inBf16(master), windowsAt(learn.ids, starts, options.context + 1));
        loss.backward();

        torch::NoGradGuard guard;
        double norm = 0;
        for (auto* parameter : parameters) norm += parameter->grad().square().sum().item<double>();
        norm = std::sqrt(norm);
        const double clip = norm > 1 ? 1 / norm : 1;
        const double progress = watch.seconds() / budget;
        const double rate = options.learningRate * std::min(1.0, step / 100.0) * 0.5 *
                            (1 + std::cos(M_PI * std::min(progress, 1.0)));
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            auto gradient = parameters[i]->grad() * clip;
            moment1[i].mul_(beta1).add_(gradient, 1 - beta1);
            moment2[i].mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
            const auto update = (moment1[i] / (1 - std::pow(beta1, step))) /
                                ((moment2[i] / (1 - std::pow(beta2, step))).sqrt() + epsilon);
            if (parameters[i]->dim() == 2) parameters[i]->mul_(1 - rate * weightDecay);
            parameters[i]->sub_(update, rate);
            parameters[i]->grad().zero_();
        }
        if (step % 50 == 0)
            std::fprintf(stderr, "step %lld  loss %.3f  %.0f tokens/s  %.0f s\n",
                         static_cast<long long>(step), loss.item<double>(),
                         step * options.batch * options.context / watch.seconds(), watch.seconds());
        if (step % 500 == 0) {
            std::fprintf(stderr, "held-out perplexity %.2f\n",
                         std::exp(heldOutLoss(master, heldOut.ids, options.context)));
            save(master, folder);
        }
    }
    std::fprintf(stderr, "held-out perplexity %.2f\n",
                 std::exp(heldOutLoss(master, heldOut.ids, options.context)));
    save(master, folder);
    return 0;
}

}  // namespace
}  // namespace tessera

int main(int argc, char** argv) {
    tessera::Options options;
    CLI::App app{"Trains the small model that Tessera brings along"};
    app.add_option("--out", options.out,
                   "folder that receives the model (its tokenizer.json is kept if there)")
        ->required();
    app.add_option("--minutes", options.minutes, "time to train");
    app.add_option("--batch", options.batch, "windows a step");
    app.add_option("--context", options.context, "tokens a window");
    app.add_option("--vocabulary", options.vocabulary, "tokens of the tokenizer");
    app.add_option("--lr", options.learningRate, "peak learning rate");
    app.add_option("--threads", options.threads, "0: all cores");
    app.add_option("--seed", options.seed, "seed of weights and windows");
    CLI11_PARSE(app, argc, argv);
    try {
        return tessera::run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "tessera-train-starter: %s\n", error.what());
        return 1;
    }
}
