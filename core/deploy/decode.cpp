#include "core/deploy/decode.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/base/error.h"
#include "core/base/stopwatch.h"

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

void normalise(const std::vector<float>& input, const std::vector<float>& weight, double eps,
               std::vector<float>& out) {
    double squares = 0;
    for (const float value : input) squares += static_cast<double>(value) * value;
    const auto scale = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(input.size()) + eps));
    for (std::size_t i = 0; i < input.size(); ++i) out[i] = input[i] * scale * weight[i];
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

float dot(const float* a, const float* b, std::int64_t count) {
    float sums[8] = {};
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
    float sum = 0;
    for (const float part : sums) sum += part;
    for (; i < count; ++i) sum += a[i] * b[i];
    return sum;
}

}  // namespace

DecodeSession::DecodeSession(const PackedModel& model, int threads)
    : m_model(model), m_threads(threads > 0 ? threads : omp_get_num_procs()) {
    const auto& config = model.config;
    const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
    m_hidden.resize(size(config.hiddenSize));
    m_queryKeyValue.resize(size((config.heads + 2 * config.kvHeads) * config.headDim));
    m_attended.resize(size(config.heads * config.headDim));
    m_gateUp.resize(size(2 * model.paddedInner()));
    m_inner.resize(size(model.paddedInner()));
    m_down.resize(size(config.hiddenSize));
    m_logits.resize(size(config.vocabSize));
    m_keys.resize(size(config.layers));
    m_values.resize(size(config.layers));
    m_cos.resize(size(config.headDim / 2));
    m_sin.resize(size(config.headDim / 2));
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
    scores.resize(static_cast<std::size_t>(m_position + 1));
    const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(dim)));
    float* const queries = m_queryKeyValue.data();
    for (std::int64_t group = thread; group < config.kvHeads; group += threads) {
        float* key = queries + config.heads * dim + group * dim;
        const float* value = queries + (config.heads + config.kvHeads) * dim + group * dim;
        rotate(key, m_cos, m_sin);
        float* const keys = m_keys[index].data() + group * dim;
        float* const values = m_values[index].data() + group * dim;
        std::copy(key, key + dim, keys + m_position * width);
        std::copy(value, value + dim, values + m_position * width);
        for (std::int64_t head = group * shared; head < (group + 1) * shared; ++head) {
            float* query = queries + head * dim;
            rotate(query, m_cos, m_sin);
            float top = -INFINITY;
            for (std::int64_t t = 0; t <= m_position; ++t) {
                scores[static_cast<std::size_t>(t)] = scale * dot(query, keys + t * width, dim);
                top = std::max(top, scores[static_cast<std::size_t>(t)]);
            }
            float sum = 0;
            for (auto& score : scores) sum += score = std::exp(score - top);
            float* out = m_attended.data() + head * dim;
            std::fill(out, out + dim, 0.0f);
            for (std::int64_t t = 0; t <= m_position; ++t) {
                const float share = scores[static_cast<std::size_t>(t)] / sum;
                const float* row = values + t * width;
                for (std::int64_t i = 0; i < dim; ++i) out[i] += share * row[i];
            }
        }
    }
}

/// All threads go through a layer together; a barrier stands wherever one reads what others wrote.
void DecodeSession::layer(int thread, int threads, std::size_t index) {
    const auto& config = m_model.config;
    const auto& block = m_model.blocks[index];
    auto& scratch = m_scratch[static_cast<std::size_t>(thread)];
    auto* const rounded = scratch.rounded.as<std::byte>();
    const auto addRows = [&](const PackedMatrix& matrix) {
        const auto range = matrix.part(thread, threads);
        matrix.product(rounded, m_down.data(), range);
        for (auto row = range.first; row < range.last; ++row)
            m_hidden[static_cast<std::size_t>(row)] += m_down[static_cast<std::size_t>(row)];
    };

    normalise(m_hidden, block.inputNorm, config.rmsEps, scratch.normed);
    block.queryKeyValue.prepare(scratch.normed.data(), rounded);
    block.queryKeyValue.product(rounded, m_queryKeyValue.data(), block.queryKeyValue.part(thread, threads));
#pragma omp barrier
    attend(thread, threads, index);
#pragma omp barrier
    block.output.prepare(m_attended.data(), rounded);
    addRows(block.output);
#pragma omp barrier
    normalise(m_hidden, block.postNorm, config.rmsEps, scratch.normed);
    block.gateUp.prepare(scratch.normed.data(), rounded);
    const auto range = block.gateUp.part(thread, threads, true);
    block.gateUp.product(rounded, m_gateUp.data(), range);
    for (auto row = range.first; row < range.last; row += 2 * kernels::kPanelRows)
        for (std::int64_t i = 0; i < kernels::kPanelRows; ++i) {
            const float gate = m_gateUp[static_cast<std::size_t>(row + i)],
                        up = m_gateUp[static_cast<std::size_t>(row + kernels::kPanelRows + i)];
            m_inner[static_cast<std::size_t>(row / 2 + i)] = gate / (1.0f + std::exp(-gate)) * up;
        }
#pragma omp barrier
    block.down.prepare(m_inner.data(), rounded);
    addRows(block.down);
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
    const auto* row = m_model.embedding.as<std::uint16_t>() + token * config.hiddenSize;
    for (std::size_t i = 0; i < m_hidden.size(); ++i) m_hidden[i] = bf16ToFloat(row[i]);
    for (std::size_t i = 0; i < m_cos.size(); ++i) {
        const double angle =
            static_cast<double>(m_position) *
            std::pow(config.ropeTheta, -2.0 * static_cast<double>(i) / static_cast<double>(config.headDim));
        m_cos[i] = static_cast<float>(std::cos(angle));
        m_sin[i] = static_cast<float>(std::sin(angle));
    }
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
        m_model.head.prepare(scratch.normed.data(), scratch.rounded.as<std::byte>());
        m_model.head.product(scratch.rounded.as<std::byte>(), m_logits.data(),
                             m_model.head.part(thread, threads));
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
