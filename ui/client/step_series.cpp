#include "ui/client/step_series.h"

#include <algorithm>
#include <limits>

namespace tessera::ui {

void StepSeries::reserve(std::size_t rows) {
    forColumns([rows](auto& column) { column.reserve(rows); });
}

void StepSeries::append(const StepRow& row) {
    step.push_back(row.step);
    loss.push_back(row.loss);
    crossEntropy.push_back(row.crossEntropy);
    divergence.push_back(row.divergence);
    density.push_back(row.density);
    tau.push_back(row.tau);
    kappa.push_back(static_cast<float>(row.kappa));
    learningRate.push_back(static_cast<float>(row.learningRate));
    seconds.push_back(static_cast<float>(row.seconds));
    tokens.push_back(static_cast<float>(row.tokens));
}

void StepSeries::append(const StepSeries& other, std::size_t begin, std::size_t end) {
    forColumns(other, [begin, end](auto& column, const auto& from) {
        const auto first = from.begin();
        column.insert(column.end(), first + static_cast<std::ptrdiff_t>(begin),
                      first + static_cast<std::ptrdiff_t>(end));
    });
}

void StepSeries::appendGap() {
    if (empty()) return;
    const double at = step.back();
    forColumns([](auto& column) {
        using Value = typename std::decay_t<decltype(column)>::value_type;
        column.push_back(std::numeric_limits<Value>::quiet_NaN());
    });
    step.back() = at;
}

void StepSeries::resize(std::size_t rows) {
    if (rows >= size()) return;
    forColumns([rows](auto& column) { column.resize(rows); });
}

std::size_t StepSeries::firstBehind(double limit) const {
    return static_cast<std::size_t>(std::upper_bound(step.begin(), step.end(), limit) - step.begin());
}

}  // namespace tessera::ui
