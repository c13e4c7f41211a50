#pragma once

#include <cmath>

namespace tessera::ui {

/// The debiased exponential mean of a series, point by point:
///   mean(x_i) = sum_j y_j exp(-(x_i - x_j) / length) / sum_j exp(-(x_i - x_j) / length),   j <= i.
/// The first value is its own mean (no pull towards 0), and how often a curve was logged does not matter: the
/// length is in units of x. A NaN changes nothing. Constant time and memory a point.
class DebiasedMean {
  public:
    explicit DebiasedMean(double length = 0) : m_length(length) {}

    /// Takes a point in (x not below the one before) and returns the mean there.
    double add(double x, double y) {
        if (std::isfinite(x) && std::isfinite(y)) {
            const double distance = x - m_x;
            if (distance != m_distance && m_weight > 0) {
                m_distance = distance;
                m_decay = m_length > 0 ? std::exp(-distance / m_length) : 0;
            }
            m_sum = m_decay * m_sum + y;
            m_weight = m_decay * m_weight + 1;
            m_x = x;
        }
        return value();
    }
    double value() const { return m_weight > 0 ? m_sum / m_weight : std::nan(""); }

  private:
    double m_length = 0;
    double m_sum = 0, m_weight = 0, m_x = 0;
    double m_distance = std::nan(""), m_decay = 0;  ///< of the last distance: steps are mostly even
};

}  // namespace tessera::ui
