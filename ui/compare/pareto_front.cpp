#include "ui/compare/pareto_front.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::ui {

std::vector<std::size_t> paretoFront(const std::vector<double>& x, const std::vector<double>& y,
                                     Better better) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i)
        if (std::isfinite(x[i]) && std::isfinite(y[i])) order.push_back(i);
    // From the best x on; a point is on the front where its y is below all before it.
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        if (x[a] != x[b]) return better == Better::More ? x[a] > x[b] : x[a] < x[b];
        return y[a] < y[b];
    });
    std::vector<std::size_t> front;
    double least = std::numeric_limits<double>::infinity();
    for (const auto i : order)
        if (y[i] < least) {
            least = y[i];
            front.push_back(i);
        }
    if (better == Better::More) std::reverse(front.begin(), front.end());
    return front;
}

}  // namespace tessera::ui
