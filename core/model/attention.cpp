#include "core/model/attention.h"

#include <cmath>

#include "core/base/work_recorder.h"
#include "core/model/torch_runtime.h"
#include "kernels/cpu/causal_softmax.h"

namespace tessera {

namespace {

/// Queries are taken in blocks of this many; a block reads the keys up to its own end only.
constexpr std::int64_t kQueryBlock = 128;

torch::Tensor product(const torch::Tensor& left, const torch::Tensor& right) {
    const WorkSpan span(Work::Products, "attention's product");
    return torch::bmm(left, right);
}

struct CausalAttention : torch::autograd::Function<CausalAttention> {
    using Context = torch::autograd::AutogradContext;
    using List = torch::autograd::variable_list;

    /// query [groups, share, tokens, dim], where the `share` heads of a group read the same key and value
    /// [groups, tokens, dim]: one product with the keys serves all of them.
    static torch::Tensor forward(Context* context, const torch::Tensor& query, const torch::Tensor& key,
                                 const torch::Tensor& value, double scale, double cap, std::int64_t window) {
        const WorkSpan span(Work::Attention, "attention");
        const auto groups = query.size(0), share = query.size(1), tokens = query.size(2), dim = query.size(3);
        const auto q = query.mul(scale).contiguous(), k = key.contiguous(), v = value.contiguous();
        auto output = torch::empty_like(q);
        std::vector<torch::Tensor> saved{q, k, v};
        const bool training = query.requires_grad() || key.requires_grad() || value.requires_grad();
        for (std::int64_t begin = 0; begin < tokens; begin += kQueryBlock) {
            const auto rows = std::min(kQueryBlock, tokens - begin), end = begin + rows;
            const auto first = firstKey(begin, window), keys = end - first;
            const auto qb = q.narrow(2, begin, rows).reshape({groups, share * rows, dim});
            auto scores = product(qb, k.narrow(1, first, keys).transpose(1, 2));
            torch::Tensor bent;
            if (cap != 0) {
                scores.div_(cap).tanh_();
                if (training) bent = scores.clone();
                scores.mul_(cap);
            }
            const kernels::CausalShape shape{groups * share * rows, rows, keys, begin - first, window};
            onPayload([&](auto* rowsOfScores) { kernels::causalSoftmax(rowsOfScores, shape); }, scores);
            const auto& probabilities = scores;
            const auto out = product(probabilities, v.narrow(1, first, keys));
            output.narrow(2, begin, rows).copy_(out.view({groups, share, rows, dim}));
            if (!training) continue;
            saved.push_back(probabilities);
            if (cap != 0) saved.push_back(bent);
        }
        if (training) context->save_for_backward(saved);
        context->saved_data["scale"] = scale;
        context->saved_data["cap"] = cap;
        context->saved_data["window"] = window;
        return output;
    }

    static List backward(Context* context, List gradients) {
        const WorkSpan span(Work::Attention, "attention backward");
        const auto saved = context->get_saved_variables();
        const auto &q = saved[0], &k = saved[1], &v = saved[2];
        const double scale = context->saved_data["scale"].toDouble();
        const double cap = context->saved_data["cap"].toDouble();
        const auto window = context->saved_data["window"].toInt();
        const auto groups = q.size(0), share = q.size(1), tokens = q.size(2), dim = q.size(3);
        const auto gradOut = gradients[0].reshape({groups, share, tokens, dim});
        auto gradQ = torch::empty_like(q);
        auto gradK = torch::zeros(k.sizes(), k.options().dtype(torch::kFloat32));
        auto gradV = torch::zeros(v.sizes(), v.options().dtype(torch::kFloat32));
        std::size_t next = 3;
        for (std::int64_t begin = 0; begin < tokens; begin += kQueryBlock) {
            const auto rows = std::min(kQueryBlock, tokens - begin), end = begin + rows;
            const auto first = firstKey(begin, window), keys = end - first;
            const auto& p = saved[next++];  // [groups, share * rows, keys]
            const auto go = gradOut.narrow(2, begin, rows).reshape({groups, share * rows, dim});
            const auto qb = q.narrow(2, begin, rows).reshape({groups, share * rows, dim});
            gradV.narrow(1, first, keys).add_(product(p.transpose(1, 2), go));
            auto gradS = product(go, v.narrow(1, first, keys).transpose(1, 2));
            const kernels::CausalShape shape{groups * share * rows, rows, keys, begin - first, window};
            onPayload(
                [&](auto* given, auto* gradient) { kernels::causalSoftmaxGradient(given, gradient, shape); },
                p, gradS);
            // The derivative of c tanh(s / c).
            if (cap != 0) gradS = gradS * (1 - saved[next++].square());
            gradK.narrow(1, first, keys).add_(product(gradS.transpose(1, 2), qb));
            gradQ.narrow(2, begin, rows)
                .copy_(product(gradS, k.narrow(1, first, keys)).mul_(scale).view({groups, share, rows, dim}));
        }
        // q was saved already scaled, so the keys' gradient carries the scale.
        return {gradQ, gradK.to(k.scalar_type()), gradV.to(v.scalar_type()), {}, {}, {}};
    }

    /// The first key that a block of queries which begins at `begin` sees.
    static std::int64_t firstKey(std::int64_t begin, std::int64_t window) {
        return window > 0 ? std::max<std::int64_t>(0, begin - window + 1) : 0;
    }
};

}  // namespace

double attentionScale(const AttentionSettings& settings, std::int64_t dim) {
    return settings.scale != 0 ? settings.scale : 1.0 / std::sqrt(static_cast<double>(dim));
}

torch::Tensor causalAttention(const torch::Tensor& query, const torch::Tensor& key,
                              const torch::Tensor& value, const AttentionSettings& settings) {
    const auto batch = query.size(0), heads = query.size(1), tokens = query.size(2), dim = query.size(3);
    const auto kvHeads = key.size(1);
    const auto output = CausalAttention::apply(query.reshape({batch * kvHeads, heads / kvHeads, tokens, dim}),
                                               key.reshape({batch * kvHeads, tokens, dim}),
                                               value.reshape({batch * kvHeads, tokens, dim}),
                                               attentionScale(settings, dim), settings.cap, settings.window);
    return output.view({batch, heads, tokens, dim});
}

torch::Tensor maskedAttention(const torch::Tensor& query, const torch::Tensor& key,
                              const torch::Tensor& value, const torch::Tensor& mask,
                              const AttentionSettings& settings) {
    const auto heads = query.size(0), rows = query.size(1), dim = query.size(2);
    const auto kvHeads = key.size(0), tokens = key.size(1);
    const auto q = query.mul(attentionScale(settings, dim));
    auto scores = torch::bmm(q.reshape({kvHeads, heads / kvHeads * rows, dim}), key.transpose(1, 2));
    if (settings.cap != 0) scores.div_(settings.cap).tanh_().mul_(settings.cap);
    scores.view({heads, rows, tokens}).add_(mask);
    return torch::bmm(torch::softmax(scores, -1), value).view({heads, rows, dim});
}

}  // namespace tessera
