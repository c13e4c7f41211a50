#include "core/model/text_sampler.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/split_mix.h"
#include "core/model/torch_runtime.h"
#include "kernels/cpu/cached_attention.h"

namespace tessera {

namespace {

/// Keys and values of one block: [texts * kvHeads, length, dim].
struct BlockCache {
    torch::Tensor keys, values;
};

/// The one token of each text attends to those before it and to itself, which joins the cache at `position`.
torch::Tensor cachedAttention(BlockCache& cache, std::int64_t position, const torch::Tensor& query,
                              const torch::Tensor& key, const torch::Tensor& value,
                              const AttentionSettings& settings) {
    const auto texts = query.size(0), heads = query.size(1), dim = query.size(3), kvHeads = key.size(1);
    cache.keys.select(1, position).copy_(key.reshape({texts * kvHeads, dim}));
    cache.values.select(1, position).copy_(value.reshape({texts * kvHeads, dim}));
    const auto first = settings.window > 0 ? std::max<std::int64_t>(0, position + 1 - settings.window) : 0;
    kernels::CachedShape shape;
    shape.heads = heads / kvHeads;
    shape.keys = position + 1 - first;
    shape.dim = shape.stride = dim;
    shape.scale = static_cast<float>(attentionScale(settings, dim));
    shape.cap = static_cast<float>(settings.cap);
    const auto queries = query.to(torch::kFloat32).contiguous();
    auto out = torch::empty_like(queries);
    onPayload(
        [&](const auto* keys, const auto* values) {
            at::parallel_for(0, texts * kvHeads, 1, [&](std::int64_t begin, std::int64_t end) {
                std::vector<float> scores(static_cast<std::size_t>(shape.heads * shape.keys));
                for (auto group = begin; group < end; ++group) {
                    const auto kept = (group * cache.keys.size(1) + first) * dim;
                    const auto own = group * shape.heads * dim;
                    kernels::cachedAttention(queries.data_ptr<float>() + own, keys + kept, values + kept,
                                             scores.data(), out.data_ptr<float>() + own, shape);
                }
            });
        },
        cache.keys, cache.values);
    return out.to(query.scalar_type());
}

/// The first token at which the sum of the probabilities [vocabulary] passes `noise`; the last possible one
/// where rounding keeps it below.
std::int64_t drawn(const float* probabilities, std::int64_t vocabulary, double noise) {
    std::int64_t possible = 0;
    for (std::int64_t i = 0; i < vocabulary; ++i) {
        if (probabilities[i] <= 0) continue;
        possible = i;
        noise -= probabilities[i];
        if (noise < 0) break;
    }
    return possible;
}

}  // namespace

double samplingNoise(std::uint64_t seed, std::int64_t text, std::int64_t position) {
    const auto bits = splitMix64(splitMix64(splitMix64(seed) ^ static_cast<std::uint64_t>(text)) ^
                                 static_cast<std::uint64_t>(position));
    return static_cast<double>(bits >> 11) * 0x1p-53;
}

double samplingBytes(const ModelConfig& config, std::int64_t texts, std::int64_t length, double element) {
    const double caches = 2.0 * static_cast<double>(config.layers * config.kvHeads * config.headDim) *
                          static_cast<double>(texts * length) * element;
    // Logits as the head gives them, in f32, and as probabilities.
    return caches + static_cast<double>(texts * config.vocabSize) * (element + 8);
}

torch::Tensor sampleTexts(const Decoder& decoder, const SamplingRequest& request) {
    torch::NoGradGuard guard;
    const auto& config = decoder.config;
    const auto texts = static_cast<std::int64_t>(request.openings.size()), length = request.length;
    const auto begun = static_cast<std::int64_t>(request.beginning.size()) + 1;
    const auto vocabulary = request.vocabulary > 0 ? request.vocabulary : decoder.outer.head.size(0);
    auto ids = torch::empty({texts, length}, torch::kInt64);
    auto id = ids.accessor<std::int64_t, 2>();
    for (std::int64_t t = 0; t < texts; ++t)
        for (std::int64_t p = 0; p < std::min(begun, length); ++p)
            id[t][p] = p + 1 < begun ? request.beginning[static_cast<std::size_t>(p)]
                                     : request.openings[static_cast<std::size_t>(t)];

    const auto options = torch::TensorOptions().dtype(decoder.dtype());
    std::vector<BlockCache> caches;
    for (std::size_t block = 0; block < decoder.blocks.size(); ++block) {
        const auto empty = [&] {
            return torch::empty({texts * config.kvHeads, length, config.headDim}, options);
        };
        caches.push_back({empty(), empty()});
    }
    const auto rotary = rotaryTable(config, length, decoder.dtype());
    for (std::int64_t position = 0; position + 1 < length; ++position) {
        if (request.progress) request.progress(position);
        const auto turns = rotary.at(torch::full({1}, position, torch::kInt64));
        auto state = embed(config, decoder.outer.embedding, ids.narrow(1, position, 1).contiguous());
        for (std::size_t block = 0; block < decoder.blocks.size(); ++block)
            state =
                decoderBlock(config, decoder.blocks[block], turns, state,
                             [&](const torch::Tensor& query, const torch::Tensor& key,
                                 const torch::Tensor& value, const AttentionSettings& settings) {
                                 return cachedAttention(caches[block], position, query, key, value, settings);
                             });
        if (position + 1 < begun) continue;
        const auto last = rmsNorm(state.squeeze(1), decoder.outer.finalNorm, config.rmsEps);
        const auto probabilities =
            torch::softmax(decoder.logits(last).narrow(-1, 0, vocabulary).to(torch::kFloat32), -1)
                .contiguous();
        const auto* rows = probabilities.data_ptr<float>();
        for (std::int64_t t = 0; t < texts; ++t) {
            if (!std::isfinite(rows[t * vocabulary]))
                throw Error(ErrorCode::Numerical,
                            "the model's predictions are not finite at token " + std::to_string(position) +
                                " of a text of its own",
                            "own_samples", {{"compute in f32: --dtype f32", "dtype", "f32"}});
            id[t][position + 1] = drawn(rows + t * vocabulary, vocabulary,
                                        samplingNoise(request.seed, request.first + t, position + 1));
        }
    }
    return ids;
}

}  // namespace tessera
