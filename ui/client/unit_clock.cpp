#include "ui/client/unit_clock.h"

#include <algorithm>
#include <cmath>

namespace tessera::ui {

void UnitClock::add(double seconds) {
    if (!std::isfinite(seconds) || seconds < 0) return;
    m_seconds[m_next] = seconds;
    m_next = (m_next + 1) % m_seconds.size();
    m_count = std::min(m_count + 1, m_seconds.size());
    m_total += seconds;
}

double UnitClock::quantile(double q) const {
    if (m_count == 0) return 0;
    auto sorted = m_seconds;
    const auto at = static_cast<std::ptrdiff_t>(q * static_cast<double>(m_count - 1) + 0.5);
    std::nth_element(sorted.begin(), sorted.begin() + at,
                     sorted.begin() + static_cast<std::ptrdiff_t>(m_count));
    return sorted[static_cast<std::size_t>(at)];
}

std::optional<UnitClock::Range> UnitClock::remaining(std::int64_t units) const {
    if (units < 0 || !(m_count >= 20 || (m_count >= 3 && m_total >= 10))) return std::nullopt;
    const auto left = static_cast<double>(units);
    return Range{left * quantile(0.25), left * quantile(0.75)};
}

}  // namespace tessera::ui
