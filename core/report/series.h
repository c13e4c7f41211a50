#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tessera {

struct PlotPoint {
    double x = 0;
    double y = 0;  ///< NaN: the line is interrupted here
};

/// Thins a line to what `columns` pixel columns can show: in each column the first, the smallest, the
/// largest and the last value stay, in their order, so that no spike is lost. Values that are not finite
/// become one gap (y = NaN). `x` ascends and has the length of `y`.
std::vector<PlotPoint> decimate(const std::vector<double>& x, const std::vector<double>& y, int columns);

/// A centred moving mean over `window` values, at most 2001 (at the ends a straight line fitted to what the
/// window still covers); values that are not finite do not count, and stay gaps themselves.
std::vector<double> smooth(const std::vector<double>& values, std::size_t window);

/// Round tick positions (1, 2 or 5 times a power of ten) within [low, high], about `wanted` of them.
std::vector<double> linearTicks(double low, double high, int wanted);
/// The powers of ten in [low, high], with their doubles and fivefolds where there are few; low > 0.
std::vector<double> logTicks(double low, double high);

/// The shortest usual spelling: "0.05", "1 200", "1e-05"; "–" for what is not finite.
std::string formatNumber(double value, int significant = 4);
/// "48.7 %", "–" for what is not finite.
std::string formatPercent(double fraction, int decimals = 1);
/// "0.35 s", "12.4 s", "3 min 05 s", "2 h 10 min".
std::string formatSeconds(double seconds);
/// "913 MiB", "3.2 GiB".
std::string formatBytes(double bytes);

}  // namespace tessera
