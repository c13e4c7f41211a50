#include "core/model/attention.h"

#include <cmath>

namespace tessera {

namespace {

/// Queries are taken in blocks of this many; a block reads the keys up to its own end only.
constexpr std::int64_t kQueryBlock = 128;

/// -infinity above the diagonal of the last `rows` columns, for a block of queries.
torch::Tensor diagonalMask(std::int64_t rows, torch::ScalarType dtype) {
    return torch::full({rows, rows}, -std::numeric_limits<float>::infinity(), torch::kFloat32)
        .triu(1)
        .to(dtype);
}

/// -infinity for the keys that have left a query's window: [rows, rows + window - 1 or less], the last query
/// over the last key.
torch::Tensor windowMask(std::int64_t rows, std::int64_t keys, std::int64_t window, torch::ScalarType dtype) {
    return torch::full({rows, keys}, -std::numeric_limits<float>::infinity(), torch::kFloat32)
        .tril(keys - rows - window)
        .to(dtype);
}

double scaleOf(const AttentionSettings& settings, std::int64_t dim) {
    return settings.scale != 0 ? settings.scale : 1.0 / std::sqrt(static_cast<double>(dim));
}

struct CausalAttention : torch::autograd::Function<CausalAttention> {
    using Context = torch::autograd::AutogradContext;
    using List = torch::autograd::variable_list;

    /// query [groups, share, tokens, dim], where the `share` heads of a group read the same key and value
    /// [groups, tokens, dim]: one product with the keys serves all of them.
    static torch::Tensor forward(Context* context, const torch::Tensor& query, const torch::Tensor& key,
                                 const torch::Tensor& value, double scale, double cap, std::int64_t window) {
        const auto groups = query.size(0), share = query.size(1), tokens = query.size(2), dim = query.size(3);
        const auto q = query.mul(scale).contiguous(), k = key.contiguous(), v = value.contiguous();
        auto output = torch::empty_like(q);
        std::vector<torch::Tensor> saved{q, k, v};
        const bool training = query.requires_grad() || key.requires_grad() || value.requires_grad();
        for (std::int64_t begin = 0; begin < tokens; begin += kQueryBlock) {
            const auto rows = std::min(kQueryBlock, tokens - begin), end = begin + rows;
            const auto first = firstKey(begin, window), keys = end - first;
            const auto qb = q.narrow(2, begin, rows).reshape({groups, share * rows, dim});
            auto scores = torch::bmm(qb, k.narrow(1, first, keys).transpose(1, 2));
            torch::Tensor bent;
            if (cap != 0) {
                scores.div_(cap).tanh_();
                if (training) bent = scores.clone();
                scores.mul_(cap);
            }
            auto view = scores.view({groups, share, rows, keys});
            view.narrow(3, keys - rows, rows).add_(diagonalMask(rows, scores.scalar_type()));
            if (window > 0 && keys > window) view.add_(windowMask(rows, keys, window, scores.scalar_type()));
            const auto probabilities = torch::softmax(scores, -1);
            const auto out = torch::bmm(probabilities, v.narrow(1, first, keys));
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
            gradV.narrow(1, first, keys).add_(torch::bmm(p.transpose(1, 2), go));
            const auto gradP = torch::bmm(go, v.narrow(1, first, keys).transpose(1, 2));
            auto gradS = torch::_softmax_backward_data(gradP, p, -1, p.scalar_type());
            // The derivative of c tanh(s / c).
            if (cap != 0) gradS = gradS * (1 - saved[next++].square());
            gradK.narrow(1, first, keys).add_(torch::bmm(gradS.transpose(1, 2), qb));
            gradQ.narrow(2, begin, rows)
                .copy_(
                    torch::bmm(gradS, k.narrow(1, first, keys)).mul_(scale).view({groups, share, rows, dim}));
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

torch::Tensor causalAttention(const torch::Tensor& query, const torch::Tensor& key,
                              const torch::Tensor& value, const AttentionSettings& settings) {
    const auto batch = query.size(0), heads = query.size(1), tokens = query.size(2), dim = query.size(3);
    const auto kvHeads = key.size(1);
    const auto output = CausalAttention::apply(query.reshape({batch * kvHeads, heads / kvHeads, tokens, dim}),
                                               key.reshape({batch * kvHeads, tokens, dim}),
                                               value.reshape({batch * kvHeads, tokens, dim}),
                                               scaleOf(settings, dim), settings.cap, settings.window);
    return output.view({batch, heads, tokens, dim});
}

torch::Tensor maskedAttention(const torch::Tensor& query, const torch::Tensor& key,
                              const torch::Tensor& value, const torch::Tensor& mask,
                              const AttentionSettings& settings) {
    const auto heads = query.size(0), rows = query.size(1), dim = query.size(2);
    const auto kvHeads = key.size(0), tokens = key.size(1);
    const auto q = query.mul(scaleOf(settings, dim));
    auto scores = torch::bmm(q.reshape({kvHeads, heads / kvHeads * rows, dim}), key.transpose(1, 2));
    if (settings.cap != 0) scores.div_(settings.cap).tanh_().mul_(settings.cap);
    scores.view({heads, rows, tokens}).add_(mask);
    return torch::bmm(torch::softmax(scores, -1), value).view({heads, rows, dim});
}

}  // namespace tessera
