#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace tessera::ui {

/// How long the last fifty units of work (steps, blocks, windows) took, and what follows for the rest.
class UnitClock {
  public:
    struct Range {
        double low, high;  ///< seconds
    };

    void clear() { m_count = m_next = 0, m_total = 0; }
    void add(double seconds);
    /// Of one unit; 0 where there is none yet.
    double median() const { return quantile(0.5); }
    /// What so many more take, by the quartiles; nothing until there are twenty units, or three and ten
    /// seconds.
    std::optional<Range> remaining(std::int64_t units) const;

  private:
    double quantile(double q) const;

    std::array<double, 50> m_seconds{};
    std::size_t m_count = 0, m_next = 0;
    double m_total = 0;
};

}  // namespace tessera::ui
