#pragma once

#include <chrono>

namespace tessera {

/// Wall time since construction or the last restart, in seconds.
class Stopwatch {
  public:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - m_start).count(); }
    double restart() {
        const auto now = Clock::now();
        const double elapsed = std::chrono::duration<double>(now - m_start).count();
        m_start = now;
        return elapsed;
    }

  private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point m_start = Clock::now();
};

}  // namespace tessera
