#include "core/model/decoder.h"

#include "core/base/error.h"
#include "core/base/lean_heap.h"
#include "core/base/work_recorder.h"
#include "core/model/torch_runtime.h"

namespace tessera {

GroupMembers groupMembers(Group group) {
    switch (group) {
        case Group::QueryKeyValue:
            return {0, 3};
        case Group::Output:
            return {3, 1};
        case Group::GateUp:
            return {4, 2};
        case Group::Down:
            return {6, 1};
    }
    return {};
}

namespace {

/// Rows of each of a block's seven matrices.
std::array<std::int64_t, 7> matrixRows(const ModelConfig& config) {
    const auto q = config.heads * config.headDim, kv = config.kvHeads * config.headDim;
    return {
        q, kv, kv, config.hiddenSize, config.intermediateSize, config.intermediateSize, config.hiddenSize};
}

/// A norm's weight as it is multiplied with; undefined where the model has none of this name.
torch::Tensor loadNorm(const ModelFiles& files, const VectorParameter& norm, torch::ScalarType dtype) {
    const auto& config = files.config();
    if (norm.size == 0) return {};
    const auto weight = loadTensor(files.tensors(), norm.name, config.wideNorms ? torch::kFloat32 : dtype);
    return config.normOffset == 0 ? weight : weight + config.normOffset;
}

/// What a half of a block adds to the stream.
torch::Tensor added(const ModelConfig& config, const torch::Tensor& hidden, const torch::Tensor& part,
                    const torch::Tensor& norm) {
    const auto normed = norm.defined() ? rmsNorm(part, norm, config.rmsEps) : part;
    return hidden + (config.residualScale == 1 ? normed : normed * config.residualScale);
}

}  // namespace

torch::Tensor BlockWeights::matrix(const ModelConfig& config, int index) const {
    const auto rows = matrixRows(config);
    for (int g = 0; g < kGroups; ++g) {
        const auto members = groupMembers(static_cast<Group>(g));
        if (index < members.first || index >= members.first + members.count) continue;
        std::int64_t begin = 0;
        for (int i = members.first; i < index; ++i) begin += rows[i];
        return groups[g].narrow(0, begin, rows[index]);
    }
    throw Error(ErrorCode::Internal, "a block has seven matrices", "index " + std::to_string(index));
}

BlockWeights loadBlock(const ModelFiles& files, int block, torch::ScalarType dtype) {
    const std::string prefix = "model.layers." + std::to_string(block) + ".";
    static const std::array<const char*, 7> names{"self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                                  "self_attn.v_proj.weight", "self_attn.o_proj.weight",
                                                  "mlp.gate_proj.weight",    "mlp.up_proj.weight",
                                                  "mlp.down_proj.weight"};
    static const std::array<BlockVector, 7> biases{
        BlockVector::QueryBias, BlockVector::KeyBias, BlockVector::ValueBias, BlockVector::OutputBias,
        BlockVector::GateBias,  BlockVector::UpBias,  BlockVector::DownBias};
    BlockWeights weights;
    const auto& source = files.tensors();
    const auto& config = files.config();
    const auto norm = [&](BlockVector vector) {
        return loadNorm(files, blockVector(config, block, vector), dtype);
    };
    weights.inputNorm = norm(BlockVector::InputNorm);
    weights.postNorm = norm(BlockVector::FeedForwardNorm);
    weights.attentionOutputNorm = norm(BlockVector::AttentionOutputNorm);
    weights.feedForwardOutputNorm = norm(BlockVector::FeedForwardOutputNorm);
    weights.queryNorm = norm(BlockVector::QueryNorm);
    weights.keyNorm = norm(BlockVector::KeyNorm);
    weights.slides = config.slides(block);
    for (int g = 0; g < kGroups; ++g) {
        const auto members = groupMembers(static_cast<Group>(g));
        std::vector<torch::Tensor> parts;
        for (int i = 0; i < members.count; ++i)
            parts.push_back(loadTensor(source, prefix + names[members.first + i], dtype));
        weights.groups[g] = parts.size() == 1 ? parts[0] : torch::cat(parts, 0);
        parts.clear();
        for (int i = 0; i < members.count; ++i)
            if (const auto bias = blockVector(config, block, biases[members.first + i]); bias.size > 0)
                parts.push_back(loadTensor(source, bias.name, dtype));
        if (!parts.empty()) weights.biases[g] = torch::cat(parts, 0);
    }
    return weights;
}

OuterWeights loadOuter(const ModelFiles& files, torch::ScalarType dtype) {
    OuterWeights outer;
    outer.embedding = loadTensor(files.tensors(), "model.embed_tokens.weight", dtype);
    outer.finalNorm = loadNorm(files, {"model.norm.weight", files.config().hiddenSize}, dtype);
    outer.head =
        files.config().tiedHead ? outer.embedding : loadTensor(files.tensors(), "lm_head.weight", dtype);
    return outer;
}

RotaryTable rotaryTable(const ModelConfig& config, std::int64_t length, torch::ScalarType dtype) {
    const auto turns = [&](bool sliding) -> Turns {
        const auto exponent =
            torch::arange(0, config.headDim, 2, torch::kInt64).to(torch::kFloat32) / double(config.headDim);
        auto frequency = 1.0 / torch::pow(config.rotaryTheta(sliding), exponent);
        if (const auto scaled = config.rotaryMultipliers(sliding, length); !scaled.empty())
            frequency = frequency * torch::tensor(scaled, torch::kFloat64).to(torch::kFloat32);
        const auto angle = torch::outer(torch::arange(length, torch::kFloat32), frequency);
        const auto both = torch::cat({angle, angle}, -1);
        return {both.cos().to(dtype), both.sin().to(dtype)};
    };
    const auto full = turns(false);
    return {full, config.slidesAnywhere() && config.slidingRopeTheta > 0 ? turns(true) : full};
}

RotaryTable RotaryTable::at(const torch::Tensor& positions) const {
    const auto rows = [&](const Turns& turns) -> Turns {
        return {turns.cos.index_select(0, positions), turns.sin.index_select(0, positions)};
    };
    const auto first = rows(full);
    return {first, sliding.cos.is_same(full.cos) ? first : rows(sliding)};
}

torch::Tensor embed(const ModelConfig& config, const torch::Tensor& embedding, const torch::Tensor& ids) {
    const auto rows = torch::embedding(embedding, ids);
    if (config.embeddingScale == 1) return rows;
    if (!config.roundsEmbeddingScale) return rows * config.embeddingScale;
    return rows * torch::tensor(config.embeddingScale, torch::kFloat64).to(rows.scalar_type());
}

void LogitShape::apply(torch::Tensor& logits) const {
    if (divisor != 1) logits.div_(divisor);
    if (cap != 0) logits.div_(cap).tanh_().mul_(cap);
}

void LogitShape::backpropagate(torch::Tensor& gradient, const torch::Tensor& shaped) const {
    if (cap != 0) gradient.mul_(1 - (shaped / cap).square());
    if (divisor != 1) gradient.div_(divisor);
}

AttentionSettings attentionSettings(const ModelConfig& config, bool sliding) {
    return {config.attentionScale(), config.scoreCap, sliding ? config.slidingWindow : 0};
}

torch::Tensor decoderBlock(const ModelConfig& config, const BlockWeights& weights, const RotaryTable& rotary,
                           const torch::Tensor& hidden, const GroupLinear& linear,
                           const Attention& attention) {
    const auto batch = hidden.size(0), tokens = hidden.size(1);
    const auto heads = config.heads, kvHeads = config.kvHeads, dim = config.headDim;

    const auto entering = [&](const torch::Tensor& state, const torch::Tensor& norm) {
        return norm.defined() ? rmsNorm(state, norm, config.rmsEps) : state;
    };
    const auto product = [&](const torch::Tensor& input, Group group) {
        const auto output = linear(input, group);
        return weights.bias(group).defined() ? output + weights.bias(group) : output;
    };

    auto projected = product(entering(hidden, weights.inputNorm), Group::QueryKeyValue);
    if (config.queryKeyNorm != QueryKeyNorm::None) {
        const auto normed = [&](std::int64_t first, std::int64_t count, const torch::Tensor& weight) {
            const auto part = projected.narrow(-1, first * dim, count * dim);
            return config.queryKeyNorm == QueryKeyNorm::Width
                       ? rmsNorm(part, weight, config.rmsEps)
                       : rmsNorm(part.reshape({batch, tokens, count, dim}), weight, config.rmsEps)
                             .reshape({batch, tokens, count * dim});
        };
        projected = torch::cat({normed(0, heads, weights.queryNorm), normed(heads, kvHeads, weights.keyNorm),
                                projected.narrow(-1, (heads + kvHeads) * dim, kvHeads * dim)},
                               -1);
    }
    const auto apart = turnHeads(projected, rotary.of(weights), heads, kvHeads);
    const auto attended =
        attention(apart.query, apart.key, apart.value, attentionSettings(config, weights.slides));
    const auto middle =
        added(config, hidden,
              product(attended.transpose(1, 2).reshape({batch, tokens, heads * dim}), Group::Output),
              weights.attentionOutputNorm);

    const auto gateUp = product(entering(middle, weights.postNorm), Group::GateUp);
    return added(config, middle, product(gatedUnit(gateUp, config.activation), Group::Down),
                 weights.feedForwardOutputNorm);
}

torch::Tensor decoderBlock(const ModelConfig& config, const BlockWeights& weights, const RotaryTable& rotary,
                           const torch::Tensor& hidden, const Attention& attention) {
    const auto own = [&](const torch::Tensor& input, Group group) {
        const WorkSpan span(Work::Products, "dense product");
        return torch::linear(input, weights.group(group));
    };
    return decoderBlock(config, weights, rotary, hidden, own, attention);
}

Decoder Decoder::load(const ModelFiles& files, torch::ScalarType dtype) {
    const LeanHeap heap;
    Decoder decoder{files.config(), loadOuter(files, dtype), {}};
    for (int block = 0; block < files.config().layers; ++block)
        decoder.blocks.push_back(loadBlock(files, block, dtype));
    return decoder;
}

torch::Tensor Decoder::hidden(const torch::Tensor& ids) const {
    const auto rotary = rotaryTable(config, ids.size(1), dtype());
    auto state = embed(config, outer.embedding, ids);
    for (const auto& block : blocks) state = decoderBlock(config, block, rotary, state);
    return rmsNorm(state, outer.finalNorm, config.rmsEps);
}

torch::Tensor Decoder::logits(const torch::Tensor& hidden) const {
    auto logits = torch::linear(hidden, outer.head);
    LogitShape(config).apply(logits);
    return logits;
}

}  // namespace tessera
