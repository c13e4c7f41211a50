#pragma once

#include <cstddef>
#include <vector>

namespace tessera::ui {

/// Which end of the x axis is the better one. Of y (a perplexity) less is better.
enum class Better { Less, More };

/// Indices of the points that no other one beats (as good in both, better in one), by ascending x; of points
/// alike the first. Points that are not finite take no part. O(n log n).
std::vector<std::size_t> paretoFront(const std::vector<double>& x, const std::vector<double>& y,
                                     Better better);

}  // namespace tessera::ui
