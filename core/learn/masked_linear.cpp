#include "core/learn/masked_linear.h"

#include "core/base/work_recorder.h"

namespace tessera {

namespace {

struct MaskedLinear : torch::autograd::Function<MaskedLinear> {
    using Context = torch::autograd::AutogradContext;
    using List = torch::autograd::variable_list;

    static torch::Tensor forward(Context* context, const torch::Tensor& input, std::int64_t groupAddress) {
        auto* group = reinterpret_cast<MaskedGroup*>(groupAddress);
        context->save_for_backward({input});
        context->saved_data["group"] = groupAddress;
        const WorkSpan span(Work::Products, "masked product");
        return torch::linear(input, group->masked);
    }

    static List backward(Context* context, List gradients) {
        auto* group = reinterpret_cast<MaskedGroup*>(context->saved_data["group"].toInt());
        const auto input = context->get_saved_variables()[0];
        const auto x = input.reshape({-1, input.size(-1)});
        const auto gradOutput = gradients[0].reshape({-1, gradients[0].size(-1)}).contiguous();
        const auto product = [](const torch::Tensor& left, const torch::Tensor& right, const char* name) {
            const WorkSpan span(Work::Products, name);
            return torch::mm(left, right);
        };
        const auto gradInput = product(gradOutput, group->masked, "gradient of the input");
        const auto gradWeights = product(gradOutput.t(), x, "gradient of the weights");
        const WorkSpan span(Work::MaskKernels,
                            group->updateAtOnce ? "mask backward and Adam" : "mask backward");
        for (auto& member : group->members) {
            if (!member.mask) continue;
            const auto weights = group->weights.narrow(0, member.firstRow, member.rows);
            const auto gradient = gradWeights.narrow(0, member.firstRow, member.rows);
            member.backward = group->updateAtOnce
                                  ? member.mask->backpropagateAndUpdate(weights, gradient, member.step)
                                  : member.mask->backpropagate(weights, gradient, member.step);
        }
        if (group->afterBackward) group->afterBackward();
        return {gradInput.view(input.sizes()), {}};
    }
};

}  // namespace

void sampleGroup(MaskedGroup& group) {
    const WorkSpan span(Work::MaskKernels, "mask sampling");
    for (auto& member : group.members) {
        const auto weights = group.weights.narrow(0, member.firstRow, member.rows);
        const auto masked = group.masked.narrow(0, member.firstRow, member.rows);
        if (member.mask)
            member.forward = member.mask->sample(weights, masked, member.step);
        else
            masked.copy_(weights);
    }
}

torch::Tensor maskedLinear(const torch::Tensor& input, MaskedGroup& group) {
    return MaskedLinear::apply(input, reinterpret_cast<std::int64_t>(&group));
}

}  // namespace tessera
