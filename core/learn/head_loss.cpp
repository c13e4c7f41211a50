#include "core/learn/head_loss.h"

#include "core/base/work_recorder.h"
#include "core/model/torch_runtime.h"
#include "kernels/cpu/token_loss.h"

namespace tessera {

namespace {

/// Tokens whose logits exist at once: enough rows for the matrix product to run at its peak.
constexpr std::int64_t kChunk = 512;

kernels::TokenLossSums lossOfChunk(torch::Tensor& student, const torch::Tensor& teacher,
                                   const std::int64_t* targets, const HeadLossWeights& weights,
                                   double scale) {
    const WorkSpan span(Work::Loss, "loss");
    const auto tokens = student.size(0), vocabulary = student.size(1);
    const auto ce = static_cast<float>(weights.crossEntropy), kl = static_cast<float>(weights.divergence);
    if (student.scalar_type() == torch::kBFloat16) {
        auto* logits = bf16Data(student);
        return kernels::tokenLoss(logits, teacher.defined() ? bf16Data(teacher) : nullptr, targets, logits,
                                  nullptr, tokens, vocabulary, ce, kl, static_cast<float>(scale));
    }
    auto* logits = student.data_ptr<float>();
    return kernels::tokenLoss(logits, teacher.defined() ? teacher.data_ptr<float>() : nullptr, targets,
                              logits, nullptr, tokens, vocabulary, ce, kl, static_cast<float>(scale));
}

torch::Tensor headProduct(const torch::Tensor& hidden, const torch::Tensor& head) {
    const WorkSpan span(Work::Products, "head");
    return torch::linear(hidden, head);
}

struct HeadLoss : torch::autograd::Function<HeadLoss> {
    using Context = torch::autograd::AutogradContext;
    using List = torch::autograd::variable_list;

    static torch::Tensor forward(Context* context, const torch::Tensor& hidden,
                                 const c10::optional<torch::Tensor>& teacherHidden, const torch::Tensor& head,
                                 const torch::Tensor& targets, double divisor, double cap, double ceWeight,
                                 double klWeight, std::int64_t partsAddress) {
        LogitShape shape;
        shape.divisor = divisor;
        shape.cap = cap;
        const auto tokens = hidden.size(0);
        const auto flat = targets.contiguous();
        auto gradient = torch::empty_like(hidden);
        kernels::TokenLossSums sums;
        for (std::int64_t begin = 0; begin < tokens; begin += kChunk) {
            const auto count = std::min(kChunk, tokens - begin);
            auto student = headProduct(hidden.narrow(0, begin, count), head);
            torch::Tensor teacher;
            if (teacherHidden) teacher = headProduct(teacherHidden->narrow(0, begin, count), head);
            // The loss puts the gradient where the logits were.
            torch::Tensor shaped;
            if (!shape.plain()) {
                shape.apply(student);
                if (teacher.defined()) shape.apply(teacher);
                if (shape.cap != 0) shaped = student.clone();
            }
            const auto part = lossOfChunk(student, teacher, flat.data_ptr<std::int64_t>() + begin,
                                          {ceWeight, klWeight}, 1.0 / static_cast<double>(tokens));
            sums.crossEntropy += part.crossEntropy;
            sums.divergence += part.divergence;
            if (!shape.plain()) shape.backpropagate(student, shaped);
            const WorkSpan span(Work::Products, "gradient of the head's input");
            gradient.narrow(0, begin, count).copy_(torch::mm(student, head));
        }
        auto* parts = reinterpret_cast<HeadLossParts*>(partsAddress);
        parts->crossEntropy = sums.crossEntropy / static_cast<double>(tokens);
        parts->divergence = sums.divergence / static_cast<double>(tokens);
        context->save_for_backward({gradient});
        return torch::tensor(ceWeight * parts->crossEntropy + klWeight * parts->divergence, torch::kFloat64);
    }

    static List backward(Context* context, List gradients) {
        const auto gradient = context->get_saved_variables()[0];
        const double factor = gradients[0].item<double>();
        return {factor == 1.0 ? gradient : gradient * factor, {}, {}, {}, {}, {}, {}, {}, {}};
    }
};

}  // namespace

torch::Tensor headLoss(const torch::Tensor& hidden, const torch::Tensor& teacherHidden,
                       const torch::Tensor& head, const LogitShape& shape, const torch::Tensor& targets,
                       const HeadLossWeights& weights, HeadLossParts& parts) {
    // An undefined tensor is no argument that autograd takes.
    const auto teacher = teacherHidden.defined() ? c10::optional<torch::Tensor>(teacherHidden) : c10::nullopt;
    return HeadLoss::apply(hidden, teacher, head, targets, shape.divisor, shape.cap, weights.crossEntropy,
                           teacherHidden.defined() ? weights.divergence : 0.0,
                           reinterpret_cast<std::int64_t>(&parts));
}

double headCrossEntropy(const torch::Tensor& hidden, const torch::Tensor& head, const LogitShape& shape,
                        const torch::Tensor& targets) {
    const auto flat = targets.contiguous();
    double sum = 0;
    for (std::int64_t begin = 0; begin < hidden.size(0); begin += kChunk) {
        const auto count = std::min(kChunk, hidden.size(0) - begin);
        auto logits = headProduct(hidden.narrow(0, begin, count), head);
        shape.apply(logits);
        const auto* target = flat.data_ptr<std::int64_t>() + begin;
        sum += (logits.scalar_type() == torch::kBFloat16
                    ? kernels::tokenCrossEntropy(bf16Data(logits), target, nullptr, count, logits.size(1))
                    : kernels::tokenCrossEntropy(logits.data_ptr<float>(), target, nullptr, count,
                                                 logits.size(1)))
                   .crossEntropy;
    }
    return sum;
}

}  // namespace tessera
