#include "core/model/block_functions.h"

#include "core/base/work_recorder.h"
#include "core/model/torch_runtime.h"
#include "kernels/cpu/block_ops.h"

namespace tessera {

namespace {

using Context = torch::autograd::AutogradContext;
using List = torch::autograd::variable_list;

struct Norm : torch::autograd::Function<Norm> {
    static torch::Tensor forward(Context* context, const torch::Tensor& input, const torch::Tensor& weight,
                                 double eps) {
        const WorkSpan span(Work::RowOps, "norm");
        const auto x = input.contiguous();
        const auto width = x.size(-1), rows = x.numel() / width;
        auto y = torch::empty_like(x);
        auto scales = torch::empty({rows}, torch::kFloat32);
        auto* scaleData = scales.data_ptr<float>();
        const auto epsilon = static_cast<float>(eps);
        if (weight.scalar_type() == x.scalar_type())
            onPayload([&](auto* in, auto* w,
                          auto* out) { kernels::rmsNorm(in, w, out, scaleData, rows, width, epsilon); },
                      x, weight, y);
        else
            kernels::rmsNorm(bf16Data(x), weight.data_ptr<float>(), bf16Data(y), scaleData, rows, width,
                             epsilon);
        context->save_for_backward({x, weight, scales});
        return y;
    }

    static List backward(Context* context, List gradients) {
        const WorkSpan span(Work::RowOps, "norm backward");
        const auto saved = context->get_saved_variables();
        const auto &x = saved[0], &weight = saved[1];
        const auto* scales = saved[2].data_ptr<float>();
        const auto width = x.size(-1), rows = x.numel() / width;
        const auto gradY = gradients[0].contiguous();
        auto gradX = torch::empty_like(x);
        if (weight.scalar_type() == x.scalar_type())
            onPayload([&](auto* in, auto* w, auto* from,
                          auto* to) { kernels::rmsNormGradient(in, w, scales, from, to, rows, width); },
                      x, weight, gradY, gradX);
        else
            kernels::rmsNormGradient(bf16Data(x), weight.data_ptr<float>(), scales, bf16Data(gradY),
                                     bf16Data(gradX), rows, width);
        return {gradX, {}, {}};
    }
};

struct GatedUnit : torch::autograd::Function<GatedUnit> {
    static torch::Tensor forward(Context* context, const torch::Tensor& input, std::int64_t gating) {
        const WorkSpan span(Work::RowOps, "gate");
        const auto gateUp = input.contiguous();
        auto sizes = gateUp.sizes().vec();
        const auto width = sizes.back() /= 2;
        const auto rows = gateUp.numel() / (2 * width);
        auto y = torch::empty(sizes, gateUp.options());
        onPayload(
            [&](auto* in, auto* out) { kernels::gatedUnit(in, out, rows, width, kernels::Gating(gating)); },
            gateUp, y);
        context->save_for_backward({gateUp});
        context->saved_data["gating"] = gating;
        return y;
    }

    static List backward(Context* context, List gradients) {
        const WorkSpan span(Work::RowOps, "gate backward");
        const auto gateUp = context->get_saved_variables()[0];
        const auto gating = kernels::Gating(context->saved_data["gating"].toInt());
        const auto width = gateUp.size(-1) / 2, rows = gateUp.numel() / (2 * width);
        const auto gradY = gradients[0].contiguous();
        auto gradient = torch::empty_like(gateUp);
        onPayload([&](auto* in, auto* from,
                      auto* to) { kernels::gatedUnitGradient(in, from, to, rows, width, gating); },
                  gateUp, gradY, gradient);
        return {gradient, {}};
    }
};

struct TurnHeads : torch::autograd::Function<TurnHeads> {
    static kernels::HeadShape shapeOf(const torch::Tensor& projected, std::int64_t heads,
                                      std::int64_t kvHeads) {
        return {projected.size(0), projected.size(1), heads, kvHeads,
                projected.size(2) / (heads + 2 * kvHeads)};
    }

    static List forward(Context* context, const torch::Tensor& input, const torch::Tensor& cos,
                        const torch::Tensor& sin, std::int64_t heads, std::int64_t kvHeads) {
        const WorkSpan span(Work::RowOps, "heads");
        const auto projected = input.contiguous();
        const auto shape = shapeOf(projected, heads, kvHeads);
        const auto ofHeads = [&](std::int64_t count) {
            return torch::empty({shape.batch, count, shape.tokens, shape.dim}, projected.options());
        };
        const auto query = ofHeads(heads), key = ofHeads(kvHeads), value = ofHeads(kvHeads);
        onPayload([&](auto* in, auto* c, auto* s, auto* q, auto* k,
                      auto* v) { kernels::turnHeads(in, c, s, q, k, v, shape); },
                  projected, cos, sin, query, key, value);
        context->save_for_backward({cos, sin});
        return {query, key, value};
    }

    static List backward(Context* context, List gradients) {
        const WorkSpan span(Work::RowOps, "heads backward");
        const auto saved = context->get_saved_variables();
        const auto &cos = saved[0], &sin = saved[1];
        for (auto& gradient : gradients) gradient = gradient.contiguous();
        const auto &query = gradients[0], &key = gradients[1], &value = gradients[2];
        const kernels::HeadShape shape{query.size(0), query.size(2), query.size(1), key.size(1),
                                       query.size(3)};
        auto projected = torch::empty(
            {shape.batch, shape.tokens, (shape.heads + 2 * shape.kvHeads) * shape.dim}, query.options());
        onPayload([&](auto* q, auto* k, auto* v, auto* c, auto* s,
                      auto* out) { kernels::turnHeadsGradient(q, k, v, c, s, out, shape); },
                  query, key, value, cos, sin, projected);
        return {projected, {}, {}, {}, {}};
    }
};

}  // namespace

torch::Tensor rmsNorm(const torch::Tensor& input, const torch::Tensor& weight, double eps) {
    return Norm::apply(input, weight, eps);
}

torch::Tensor gatedUnit(const torch::Tensor& gateUp, Activation activation) {
    const auto gating = activation == Activation::Silu ? kernels::Gating::Silu : kernels::Gating::GeluTanh;
    return GatedUnit::apply(gateUp, static_cast<std::int64_t>(gating));
}

Heads turnHeads(const torch::Tensor& projected, const Turns& turns, std::int64_t heads,
                std::int64_t kvHeads) {
    const auto tokens = projected.size(1);
    const auto rows = TurnHeads::apply(projected, turns.cos.narrow(0, 0, tokens).contiguous(),
                                       turns.sin.narrow(0, 0, tokens).contiguous(), heads, kvHeads);
    return {rows[0], rows[1], rows[2]};
}

}  // namespace tessera
