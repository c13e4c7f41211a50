#include "core/learn/masked_linear.h"

#include "core/base/stopwatch.h"

namespace tessera {

namespace {

struct MaskedLinear : torch::autograd::Function<MaskedLinear> {
    using Context = torch::autograd::AutogradContext;
    using List = torch::autograd::variable_list;

    static torch::Tensor forward(Context* context, const torch::Tensor& input, std::int64_t groupAddress,
                                 std::int64_t timesAddress) {
        auto* group = reinterpret_cast<MaskedGroup*>(groupAddress);
        auto* times = reinterpret_cast<StepTimes*>(timesAddress);
        context->save_for_backward({input});
        context->saved_data["group"] = groupAddress;
        context->saved_data["times"] = timesAddress;
        Stopwatch watch;
        auto output = torch::linear(input, group->masked);
        times->products += watch.seconds();
        return output;
    }

    static List backward(Context* context, List gradients) {
        auto* group = reinterpret_cast<MaskedGroup*>(context->saved_data["group"].toInt());
        auto* times = reinterpret_cast<StepTimes*>(context->saved_data["times"].toInt());
        const auto input = context->get_saved_variables()[0];
        const auto x = input.reshape({-1, input.size(-1)});
        const auto gradOutput = gradients[0].reshape({-1, gradients[0].size(-1)}).contiguous();
        Stopwatch watch;
        const auto gradInput = torch::mm(gradOutput, group->masked);
        const auto gradWeights = torch::mm(gradOutput.t(), x);
        times->products += watch.restart();
        for (auto& member : group->members) {
            if (!member.mask) continue;
            const auto weights = group->weights.narrow(0, member.firstRow, member.rows);
            const auto gradient = gradWeights.narrow(0, member.firstRow, member.rows);
            member.backward = group->updateAtOnce
                                  ? member.mask->backpropagateAndUpdate(weights, gradient, member.step)
                                  : member.mask->backpropagate(weights, gradient, member.step);
        }
        times->maskKernels += watch.seconds();
        return {gradInput.view(input.sizes()), {}, {}};
    }
};

}  // namespace

void sampleGroup(MaskedGroup& group, StepTimes& times) {
    Stopwatch watch;
    for (auto& member : group.members) {
        const auto weights = group.weights.narrow(0, member.firstRow, member.rows);
        const auto masked = group.masked.narrow(0, member.firstRow, member.rows);
        if (member.mask) member.forward = member.mask->sample(weights, masked, member.step);
    }
    times.maskKernels += watch.seconds();
}

torch::Tensor maskedLinear(const torch::Tensor& input, MaskedGroup& group, StepTimes& times) {
    return MaskedLinear::apply(input, reinterpret_cast<std::int64_t>(&group),
                               reinterpret_cast<std::int64_t>(&times));
}

}  // namespace tessera
