#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

enum class Curve { Constant, Linear, Cosine };
Curve curveFromName(const std::string& name);

/// Value after `done` of `total` steps, from `start` to `end`: linear interpolation, half a cosine, or
/// `start`.
double interpolate(Curve curve, double start, double end, std::int64_t done, std::int64_t total);

/// Learning rate of step `done` (0-based) of `total`: linear warm-up over `warmup` steps to `peak`, then down
/// to `end` along the curve (methods.md 8.5).
double learningRate(Curve curve, double peak, std::int64_t warmup, std::int64_t done, std::int64_t total,
                    double end = 0.0);

/// The windows that a step reads: each epoch is a permutation of all windows, drawn from (seed, epoch), so
/// that a resumed run needs no generator state.
class WindowOrder {
  public:
    WindowOrder(std::int64_t windows, std::uint64_t seed) : m_windows(windows), m_seed(seed) {}
    /// Index of the window that is number `position` since the beginning.
    std::int64_t at(std::int64_t position);

  private:
    std::int64_t m_windows;
    std::uint64_t m_seed;
    std::int64_t m_epoch = -1;
    std::vector<std::int32_t> m_order;
};

}  // namespace tessera
