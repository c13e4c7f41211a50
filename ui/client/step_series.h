#pragma once

#include <QString>
#include <QStringList>
#include <cstdint>
#include <limits>
#include <vector>

namespace tessera::ui {

/// What one learning step reported; NaN where it did not say.
struct StepRow {
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    double step = kNone, steps = kNone, loss = kNone, crossEntropy = kNone, divergence = kNone,
           density = kNone, kappa = kNone, tau = kNone, learningRate = kNone, seconds = kNone, tokens = kNone;
};

/// The same of all steps, column by column, ascending by step; NaN where a step lacks a value. A gap (behind
/// what a resumed run cut off) is a row of its own: the step of the row before it, NaN everywhere else. What
/// charts read in place is double; the rest is float, whose seven digits are enough for it: 64 bytes a step,
/// so that a million steps are 64 MB.
struct StepSeries {
    std::vector<double> step, loss, crossEntropy, divergence, density, tau;
    std::vector<float> kappa, learningRate, seconds, tokens;

    std::size_t size() const { return step.size(); }
    bool empty() const { return step.empty(); }

    /// Calls `visit` with every column of this one, or of this one and the same of `other`.
    template <typename Visit>
    void forColumns(Visit&& visit) {
        visit(step), visit(loss), visit(crossEntropy), visit(divergence), visit(density), visit(tau);
        visit(kappa), visit(learningRate), visit(seconds), visit(tokens);
    }
    template <typename Visit>
    void forColumns(const StepSeries& other, Visit&& visit) {
        visit(step, other.step), visit(loss, other.loss), visit(crossEntropy, other.crossEntropy);
        visit(divergence, other.divergence), visit(density, other.density), visit(tau, other.tau);
        visit(kappa, other.kappa), visit(learningRate, other.learningRate), visit(seconds, other.seconds);
        visit(tokens, other.tokens);
    }

    void reserve(std::size_t rows);
    void append(const StepRow& row);
    void append(const StepSeries& other, std::size_t begin, std::size_t end);
    void appendGap();
    void resize(std::size_t rows);  ///< cuts off; never grows
    /// Index of the first row of a step above `step`.
    std::size_t firstBehind(double step) const;
};

/// Soft densities of all matrices at some steps: one row of `density` (as many as `names`) a step.
struct LayerSeries {
    QStringList names;
    std::vector<double> step;
    std::vector<std::vector<float>> density;
};

}  // namespace tessera::ui
