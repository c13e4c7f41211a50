#include "kernels/reference/token_loss.h"

#include <algorithm>
#include <cmath>

namespace tessera::kernels::reference {

namespace {

std::vector<double> logSoftmax(const std::vector<double>& logits) {
    const double top = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - top);
    std::vector<double> result;
    result.reserve(logits.size());
    for (const double logit : logits) result.push_back(logit - top - std::log(sum));
    return result;
}

}  // namespace

TokenLoss tokenLoss(const std::vector<double>& student, const std::vector<double>& teacher,
                    std::int64_t target, double ceWeight, double klWeight, double scale) {
    TokenLoss loss;
    loss.gradient.assign(student.size(), 0.0);
    const auto own = logSoftmax(student);
    if (target >= 0) {
        const auto at = static_cast<std::size_t>(target);
        loss.crossEntropy = -own[at];
        for (std::size_t i = 0; i < own.size(); ++i)
            loss.gradient[i] += scale * ceWeight * (std::exp(own[i]) - (i == at ? 1.0 : 0.0));
    }
    if (!teacher.empty()) {
        const auto other = logSoftmax(teacher);
        for (std::size_t i = 0; i < own.size(); ++i) {
            loss.divergence += std::exp(other[i]) * (other[i] - own[i]);
            loss.gradient[i] += scale * klWeight * (std::exp(own[i]) - std::exp(other[i]));
        }
    }
    return loss;
}

}  // namespace tessera::kernels::reference
