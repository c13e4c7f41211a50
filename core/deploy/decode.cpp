#include "core/deploy/decode.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/base/error.h"
#include "core/base/stopwatch.h"
#include "kernels/cpu/cached_attention.h"

namespace tessera {

/// What a thread needs of its own.
struct DecodeSession::Scratch {
    std::vector<float> normed, scores;
    AlignedBytes rounded;
};

namespace {

/// What the widest input of a product takes.
std::size_t inputBytes(const ModelConfig& config) {
    return kernels::inputBytes(
        std::max({config.hiddenSize, config.intermediateSize, config.heads * config.headDim}));
}

/// What RMSNorm multiplies every element by, before its weights.
float normScale(const float* input, std::int64_t count, double eps) {
    double squares = 0;
    for (std::int64_t i = 0; i < count; ++i) squares += static_cast<double>(input[i]) * input[i];
    return static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(count) + eps));
}

void normalise(const std::vector<float>& input, const std::vector<float>& weight, double eps,
               std::vector<float>& out) {
    const auto scale = normScale(input.data(), static_cast<std::int64_t>(input.size()), eps);
    for (std::size_t i = 0; i < input.size(); ++i) out[i] = input[i] * scale * weight[i];
}

float activated(Activation activation, float x) {
    if (activation == Activation::Silu) return x / (1.0f + std::exp(-x));
    constexpr float kRootOf2OverPi = 0.797884560802865f;
    return 0.5f * x * (1.0f + std::tanh(kRootOf2OverPi * (x + 0.044715f * x * x * x)));
}

float capped(float value, float cap) {
    return cap == 0 ? value : cap * std::tanh(value / cap);
}

std::vector<double> frequenciesOf(const ModelConfig& config, bool sliding) {
    std::vector<double> frequencies(static_cast<std::size_t>(config.headDim / 2));
    // Nothing is read beyond the longest window that the model knows.
    const auto multipliers = config.rotaryMultipliers(sliding, config.maxPositions);
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        frequencies[i] = std::pow(config.rotaryTheta(sliding),
                                  -2.0 * static_cast<double>(i) / static_cast<double>(config.headDim));
        if (!multipliers.empty()) frequencies[i] *= multipliers[i];
    }
    return frequencies;
}

/// The rotary embedding of one head, halves apart (Hugging Face's layout).
void rotate(float* head, const std::vector<float>& cos, const std::vector<float>& sin) {
    const auto half = cos.size();
    for (std::size_t i = 0; i < half; ++i) {
        const float a = head[i], b = head[i + half];
        head[i] = a * cos[i] - b * sin[i];
        head[i + half] = b * cos[i] + a * sin[i];
    }
}

}  // namespace

DecodeSession::DecodeSession(const PackedModel& model, int threads)
    : m_model(model), m_threads(threads > 0 ? threads : omp_get_num_procs()) {
    const auto& config = model.config;
    const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
    m_embedded.resize(size(config.hiddenSize));
    m_hidden.resize(size(config.hiddenSize));
    m_queryKeyValue.resize(size((config.heads + 2 * config.kvHeads) * config.headDim));
    m_attended.resize(size(config.heads * config.headDim));
    m_gateUp.resize(size(2 * model.paddedInner()));
    m_inner.resize(size(model.paddedInner()));
    m_down.resize(size(config.hiddenSize));
    m_logits.resize(size(config.vocabSize));
    m_keys.resize(size(config.layers));
    m_values.resize(size(config.layers));
    m_frequencies = frequenciesOf(config, false);
    if (config.slidesAnywhere()) m_slidingFrequencies = frequenciesOf(config, true);
    m_embeddingScale = static_cast<float>(config.embeddingScale);
    if (config.roundsEmbeddingScale) m_embeddingScale = bf16ToFloat(floatToBf16(m_embeddingScale));
    for (int i = 0; i < m_threads; ++i) {
        Scratch scratch;
        scratch.normed.resize(size(config.hiddenSize));
        scratch.rounded = AlignedBytes(inputBytes(config));
        m_scratch.push_back(std::move(scratch));
    }
}

DecodeSession::~DecodeSession() = default;

void DecodeSession::attend(int thread, int threads, std::size_t index) {
    const auto& config = m_model.config;
    const auto dim = config.headDim, shared = config.heads / config.kvHeads, width = config.kvHeads * dim;
    auto& scores = m_scratch[static_cast<std::size_t>(thread)].scores;
    const auto& block = m_model.blocks[index];
    const bool slides = config.slides(static_cast<std::int64_t>(index));
    const auto& [cos, sin] = slides ? m_sliding : m_full;
    const auto first = slides ? std::max<std::int64_t>(0, m_position - config.slidingWindow + 1) : 0;
    const kernels::CachedShape shape{shared,
                                     m_position + 1 - first,
                                     dim,
                                     width,
                                     static_cast<float>(config.attentionScale()),
                                     static_cast<float>(config.scoreCap)};
    scores.resize(static_cast<std::size_t>(shape.heads * shape.keys));
    float* const queries = m_queryKeyValue.data();
    const auto byWidth = config.queryKeyNorm == QueryKeyNorm::Width;
    float queryScale = 1, keyScale = 1;
    if (byWidth) {
        queryScale = normScale(queries, config.heads * dim, config.rmsEps);
        keyScale = normScale(queries + config.heads * dim, width, config.rmsEps);
        // The heads are changed where they stand, once all have been summed.
#pragma omp barrier
    }
    const auto normaliseHead = [&](float* head, std::int64_t number, const std::vector<float>& weight,
                                   float whole) {
        if (config.queryKeyNorm == QueryKeyNorm::None) return;
        const float own = byWidth ? whole : normScale(head, dim, config.rmsEps);
        const float* weights = weight.data() + (byWidth ? number * dim : 0);
        for (std::int64_t i = 0; i < dim; ++i) head[i] *= own * weights[i];
    };
    for (std::int64_t group = thread; group < config.kvHeads; group += threads) {
        float* key = queries + config.heads * dim + group * dim;
        const float* value = queries + (config.heads + config.kvHeads) * dim + group * dim;
        normaliseHead(key, group, block.keyNorm, keyScale);
        rotate(key, cos, sin);
        auto* const keys = m_keys[index].data() + group * dim;
        auto* const values = m_values[index].data() + group * dim;
        std::transform(key, key + dim, keys + m_position * width, floatToBf16);
        std::transform(value, value + dim, values + m_position * width, floatToBf16);
        for (std::int64_t head = group * shared; head < (group + 1) * shared; ++head) {
            float* query = queries + head * dim;
            normaliseHead(query, head, block.queryNorm, queryScale);
            rotate(query, cos, sin);
        }
        kernels::cachedAttention(queries + group * shared * dim, keys + first * width, values + first * width,
                                 scores.data(), m_attended.data() + group * shared * dim, shape);
    }
}

/// All threads go through a layer together; a barrier stands wherever one reads what others wrote.
void DecodeSession::layer(int thread, int threads, std::size_t index) {
    const auto& config = m_model.config;
    const auto& block = m_model.blocks[index];
    auto& scratch = m_scratch[static_cast<std::size_t>(thread)];
    auto* const rounded = scratch.rounded.as<std::byte>();
    const auto enter = [&](const PackedMatrix& matrix, const std::vector<float>& norm) {
        if (norm.empty()) return matrix.prepare(m_hidden.data(), rounded);
        normalise(m_hidden, norm, config.rmsEps, scratch.normed);
        matrix.prepare(scratch.normed.data(), rounded);
    };
    const auto product = [&](const PackedMatrix& matrix, const std::vector<float>& bias,
                             std::vector<float>& out, kernels::RowRange range) {
        matrix.product(rounded, out.data(), range);
        if (bias.empty()) return;
        for (auto row = range.first; row < range.last; ++row)
            out[static_cast<std::size_t>(row)] += bias[static_cast<std::size_t>(row)];
    };
    const auto residual = static_cast<float>(config.residualScale);
    const auto addRows = [&](const PackedMatrix& matrix, const std::vector<float>& bias,
                             const std::vector<float>& norm) {
        const auto range = matrix.part(thread, threads);
        product(matrix, bias, m_down, range);
        const auto* part = &m_down;
        if (!norm.empty()) {
#pragma omp barrier
            normalise(m_down, norm, config.rmsEps, scratch.normed);
            part = &scratch.normed;
        }
        for (auto row = range.first; row < range.last; ++row)
            m_hidden[static_cast<std::size_t>(row)] += residual * (*part)[static_cast<std::size_t>(row)];
    };

    enter(block.queryKeyValue, block.inputNorm);
    product(block.queryKeyValue, block.queryKeyValueBias, m_queryKeyValue,
            block.queryKeyValue.part(thread, threads));
#pragma omp barrier
    attend(thread, threads, index);
#pragma omp barrier
    block.output.prepare(m_attended.data(), rounded);
    addRows(block.output, block.outputBias, block.attentionOutputNorm);
#pragma omp barrier
    enter(block.gateUp, block.postNorm);
    const auto range = block.gateUp.part(thread, threads, true);
    product(block.gateUp, block.gateUpBias, m_gateUp, range);
    for (auto row = range.first; row < range.last; row += 2 * kernels::kPanelRows)
        for (std::int64_t i = 0; i < kernels::kPanelRows; ++i) {
            const float gate = m_gateUp[static_cast<std::size_t>(row + i)],
                        up = m_gateUp[static_cast<std::size_t>(row + kernels::kPanelRows + i)];
            m_inner[static_cast<std::size_t>(row / 2 + i)] = activated(config.activation, gate) * up;
        }
#pragma omp barrier
    block.down.prepare(m_inner.data(), rounded);
    addRows(block.down, block.downBias, block.feedForwardOutputNorm);
#pragma omp barrier
}

const std::vector<float>& DecodeSession::step(std::int32_t token) {
    const auto& config = m_model.config;
    if (token < 0 || token >= config.vocabSize)
        throw Error(ErrorCode::InvalidInput, "the token " + std::to_string(token) +
                                                 " is outside of the vocabulary of " +
                                                 std::to_string(config.vocabSize));
    if (config.maxPositions > 0 && m_position >= config.maxPositions)
        throw Error(ErrorCode::InvalidInput,
                    "the model reads at most " + std::to_string(config.maxPositions) + " tokens", "",
                    {{"ask for fewer tokens", "tokens", ""}});
    m_model.embeddingRow(token, m_embedded.data());
    for (std::size_t i = 0; i < m_hidden.size(); ++i)
        m_hidden[i] = m_embeddingScale * bf16ToFloat(m_embedded[i]);
    const auto turn = [&](const std::vector<double>& frequencies, Turns& turns) {
        turns.cos.resize(frequencies.size());
        turns.sin.resize(frequencies.size());
        for (std::size_t i = 0; i < frequencies.size(); ++i) {
            const double angle = static_cast<double>(m_position) * frequencies[i];
            turns.cos[i] = static_cast<float>(std::cos(angle));
            turns.sin[i] = static_cast<float>(std::sin(angle));
        }
    };
    turn(m_frequencies, m_full);
    turn(m_slidingFrequencies, m_sliding);
    const auto width = static_cast<std::size_t>(config.kvHeads * config.headDim);
    for (std::size_t i = 0; i < m_keys.size(); ++i) {
        m_keys[i].resize(width * static_cast<std::size_t>(m_position + 1));
        m_values[i].resize(width * static_cast<std::size_t>(m_position + 1));
    }
#pragma omp parallel num_threads(m_threads)
    {
        const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        for (std::size_t index = 0; index < m_model.blocks.size(); ++index) layer(thread, threads, index);
        auto& scratch = m_scratch[static_cast<std::size_t>(thread)];
        normalise(m_hidden, m_model.finalNorm, config.rmsEps, scratch.normed);
        auto* const prepared = scratch.rounded.as<std::byte>();
        m_model.head.prepare(scratch.normed.data(), prepared);
        const auto range = m_model.head.part(thread, threads);
        m_model.head.product(prepared, m_logits.data(), range);
        if (config.logitDivisor != 1 || config.logitCap != 0)
            for (auto row = range.first; row < range.last; ++row) {
                auto& logit = m_logits[static_cast<std::size_t>(row)];
                logit = capped(logit / static_cast<float>(config.logitDivisor),
                               static_cast<float>(config.logitCap));
            }
    }
    ++m_position;
    return m_logits;
}

namespace {

std::int32_t pick(const std::vector<float>& logits, const GenerateRequest& request, std::mt19937_64& random) {
    const auto best = std::max_element(logits.begin(), logits.end());
    if (request.greedy || request.temperature <= 0) return static_cast<std::int32_t>(best - logits.begin());
    double sum = 0;
    for (const float logit : logits) sum += std::exp((logit - *best) / request.temperature);
    // 53 random bits; the standard's distributions differ between libraries.
    double left = static_cast<double>(random() >> 11) * 0x1p-53 * sum;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        left -= std::exp((logits[i] - *best) / request.temperature);
        if (left <= 0) return static_cast<std::int32_t>(i);
    }
    return static_cast<std::int32_t>(best - logits.begin());
}

}  // namespace

Generated generate(DecodeSession& session, const GenerateRequest& request) {
    if (request.prompt.empty())
        throw Error(ErrorCode::InvalidInput, "the prompt is empty", "--prompt",
                    {{"give some text to go on from", "prompt", ""}});
    Generated generated;
    std::mt19937_64 random(request.seed);
    Stopwatch watch;
    const std::vector<float>* logits = nullptr;
    for (const auto token : request.prompt) {
        if (request.cancellation) request.cancellation->throwIfRequested();
        logits = &session.step(token);
    }
    generated.promptSeconds = watch.restart();
    while (static_cast<std::int64_t>(generated.ids.size()) < request.tokens) {
        if (request.cancellation) request.cancellation->throwIfRequested();
        const auto token = pick(*logits, request, random);
        if (token == request.endToken && !request.ignoreEnd) break;
        generated.ids.push_back(token);
        if (request.onToken) request.onToken(token);
        if (static_cast<std::int64_t>(generated.ids.size()) == request.tokens) break;
        logits = &session.step(token);
        ++generated.steps;
    }
    generated.decodeSeconds = watch.seconds();
    return generated;
}

std::string kernelName(const PackedModel& model) {
    // Those of the blocks, without the numbers in which they differ.
    std::vector<std::string> names;
    for (const auto& part : model.parts()) {
        if (part.block < 0 && !names.empty()) continue;
        const auto name = kernelName(part.matrix->form(), part.matrix->values());
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : " + ") + name;
    if (model.head.values() == WeightValues::Q8) text += ", head q8";
    return text + ", " + kernels::gemvTargetName(kernels::gemvTarget());
}

}  // namespace tessera
