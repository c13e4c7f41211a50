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

struct CausalAttention : torch::autograd::Function<CausalAttention> {
    using Context = torch::autograd::AutogradContext;
    using List = torch::autograd::variable_list;

    /// query [groups, share, tokens, dim], where the `share` heads of a group read the same key and value
    /// [groups, tokens, dim]: one product with the keys serves all of them.
    static torch::Tensor forward(Context* context, const torch::Tensor& query, const torch::Tensor& key,
                                 const torch::Tensor& value) {
        const auto groups = query.size(0), share = query.size(1), tokens = query.size(2), dim = query.size(3);
        const double scale = 1.0 / std::sqrt(static_cast<double>(dim));
        const auto q = query.mul(scale).contiguous(), k = key.contiguous(), v = value.contiguous();
        auto output = torch::empty_like(q);
        std::vector<torch::Tensor> saved{q, k, v};
        const bool training = query.requires_grad() || key.requires_grad() || value.requires_grad();
        for (std::int64_t begin = 0; begin < tokens; begin += kQueryBlock) {
            const auto rows = std::min(kQueryBlock, tokens - begin), end = begin + rows;
            const auto qb = q.narrow(2, begin, rows).reshape({groups, share * rows, dim});
            auto scores = torch::bmm(qb, k.narrow(1, 0, end).transpose(1, 2));
            auto view = scores.view({groups, share, rows, end});
            view.narrow(3, begin, rows).add_(diagonalMask(rows, scores.scalar_type()));
            const auto probabilities = torch::softmax(scores, -1);
            const auto out = torch::bmm(probabilities, v.narrow(1, 0, end));
            output.narrow(2, begin, rows).copy_(out.view({groups, share, rows, dim}));
            if (training) saved.push_back(probabilities);
        }
        if (training) context->save_for_backward(saved);
        context->saved_data["scale"] = scale;
        return output;
    }

    static List backward(Context* context, List gradients) {
        const auto saved = context->get_saved_variables();
        const auto &q = saved[0], &k = saved[1], &v = saved[2];
        const double scale = context->saved_data["scale"].toDouble();
        const auto groups = q.size(0), share = q.size(1), tokens = q.size(2), dim = q.size(3);
        const auto gradOut = gradients[0].reshape({groups, share, tokens, dim});
        auto gradQ = torch::empty_like(q);
        auto gradK = torch::zeros(k.sizes(), k.options().dtype(torch::kFloat32));
        auto gradV = torch::zeros(v.sizes(), v.options().dtype(torch::kFloat32));
        std::size_t block = 3;
        for (std::int64_t begin = 0; begin < tokens; begin += kQueryBlock, ++block) {
            const auto rows = std::min(kQueryBlock, tokens - begin), end = begin + rows;
            const auto& p = saved[block];  // [groups, share * rows, end]
            const auto go = gradOut.narrow(2, begin, rows).reshape({groups, share * rows, dim});
            const auto qb = q.narrow(2, begin, rows).reshape({groups, share * rows, dim});
            gradV.narrow(1, 0, end).add_(torch::bmm(p.transpose(1, 2), go));
            const auto gradP = torch::bmm(go, v.narrow(1, 0, end).transpose(1, 2));
            const auto gradS = torch::_softmax_backward_data(gradP, p, -1, p.scalar_type());
            gradK.narrow(1, 0, end).add_(torch::bmm(gradS.transpose(1, 2), qb));
            gradQ.narrow(2, begin, rows)
                .copy_(torch::bmm(gradS, k.narrow(1, 0, end)).mul_(scale).view({groups, share, rows, dim}));
        }
        // q was saved already scaled, so the keys' gradient carries the scale.
        return {gradQ, gradK.to(k.scalar_type()), gradV.to(v.scalar_type())};
    }
};

}  // namespace

torch::Tensor causalAttention(const torch::Tensor& query, const torch::Tensor& key,
                              const torch::Tensor& value) {
    const auto batch = query.size(0), heads = query.size(1), tokens = query.size(2), dim = query.size(3);
    const auto kvHeads = key.size(1);
    const auto output = CausalAttention::apply(query.reshape({batch * kvHeads, heads / kvHeads, tokens, dim}),
                                               key.reshape({batch * kvHeads, tokens, dim}),
                                               value.reshape({batch * kvHeads, tokens, dim}));
    return output.view({batch, heads, tokens, dim});
}

}  // namespace tessera
