#include "core/model/decoder.h"

#include "core/base/error.h"
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

torch::Tensor rotate(const torch::Tensor& x, const RotaryTable& rotary) {
    const auto half = x.size(-1) / 2;
    const auto rotated = torch::cat({x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)}, -1);
    return x * rotary.cos + rotated * rotary.sin;
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
    BlockWeights weights;
    const auto& source = files.tensors();
    weights.inputNorm = loadTensor(source, prefix + "input_layernorm.weight", dtype);
    weights.postNorm = loadTensor(source, prefix + "post_attention_layernorm.weight", dtype);
    for (int g = 0; g < kGroups; ++g) {
        const auto members = groupMembers(static_cast<Group>(g));
        std::vector<torch::Tensor> parts;
        for (int i = 0; i < members.count; ++i)
            parts.push_back(loadTensor(source, prefix + names[members.first + i], dtype));
        weights.groups[g] = parts.size() == 1 ? parts[0] : torch::cat(parts, 0);
    }
    return weights;
}

OuterWeights loadOuter(const ModelFiles& files, torch::ScalarType dtype) {
    OuterWeights outer;
    outer.embedding = loadTensor(files.tensors(), "model.embed_tokens.weight", dtype);
    outer.finalNorm = loadTensor(files.tensors(), "model.norm.weight", dtype);
    outer.head =
        files.config().tiedHead ? outer.embedding : loadTensor(files.tensors(), "lm_head.weight", dtype);
    return outer;
}

RotaryTable rotaryTable(const ModelConfig& config, std::int64_t length, torch::ScalarType dtype) {
    const auto exponent =
        torch::arange(0, config.headDim, 2, torch::kInt64).to(torch::kFloat32) / double(config.headDim);
    const auto frequency = 1.0 / torch::pow(config.ropeTheta, exponent);
    const auto angle = torch::outer(torch::arange(length, torch::kFloat32), frequency);
    const auto both = torch::cat({angle, angle}, -1);
    return {both.cos().to(dtype), both.sin().to(dtype)};
}

torch::Tensor rmsNorm(const torch::Tensor& input, const torch::Tensor& weight, double eps) {
    const auto x = input.to(torch::kFloat32);
    const auto scale = torch::rsqrt(x.square().mean(-1, true) + eps);
    return weight * (x * scale).to(input.scalar_type());
}

torch::Tensor decoderBlock(const ModelConfig& config, const BlockWeights& weights, const RotaryTable& rotary,
                           const torch::Tensor& hidden, const GroupLinear& linear,
                           const Attention& attention) {
    const auto batch = hidden.size(0), tokens = hidden.size(1);
    const auto heads = config.heads, kvHeads = config.kvHeads, dim = config.headDim;

    const auto qkv = linear(rmsNorm(hidden, weights.inputNorm, config.rmsEps), Group::QueryKeyValue)
                         .view({batch, tokens, heads + 2 * kvHeads, dim})
                         .transpose(1, 2);
    const RotaryTable positions{rotary.cos.narrow(0, 0, tokens), rotary.sin.narrow(0, 0, tokens)};
    // Queries and keys turn together.
    const auto turned = rotate(qkv.narrow(1, 0, heads + kvHeads), positions);
    const auto attended = attention(turned.narrow(1, 0, heads), turned.narrow(1, heads, kvHeads),
                                    qkv.narrow(1, heads + kvHeads, kvHeads));
    const auto middle =
        hidden + linear(attended.transpose(1, 2).reshape({batch, tokens, heads * dim}), Group::Output);

    const auto gateUp = linear(rmsNorm(middle, weights.postNorm, config.rmsEps), Group::GateUp);
    const auto gate = gateUp.narrow(-1, 0, config.intermediateSize);
    const auto up = gateUp.narrow(-1, config.intermediateSize, config.intermediateSize);
    return middle + linear(torch::silu(gate) * up, Group::Down);
}

torch::Tensor decoderBlock(const ModelConfig& config, const BlockWeights& weights, const RotaryTable& rotary,
                           const torch::Tensor& hidden, const Attention& attention) {
    const auto own = [&](const torch::Tensor& input, Group group) {
        return torch::linear(input, weights.group(group));
    };
    return decoderBlock(config, weights, rotary, hidden, own, attention);
}

Decoder Decoder::load(const ModelFiles& files, torch::ScalarType dtype) {
    Decoder decoder{files.config(), loadOuter(files, dtype), {}};
    for (int block = 0; block < files.config().layers; ++block)
        decoder.blocks.push_back(loadBlock(files, block, dtype));
    return decoder;
}

torch::Tensor Decoder::hidden(const torch::Tensor& ids) const {
    const auto rotary = rotaryTable(config, ids.size(1), dtype());
    auto state = torch::embedding(outer.embedding, ids);
    for (const auto& block : blocks) state = decoderBlock(config, block, rotary, state);
    return rmsNorm(state, outer.finalNorm, config.rmsEps);
}

torch::Tensor Decoder::logits(const torch::Tensor& hidden) const {
    return torch::linear(hidden, outer.head);
}

}  // namespace tessera
