#include "kernels/reference/prox_groups.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tessera::kernels::reference {

double proxObjective(const Group4& w, const Group4& z, double lambda) {
    double distance = 0, penalty = 0;
    for (int i = 0; i < 4; ++i) {
        distance += (w[i] - z[i]) * (w[i] - z[i]) / 2;
        double product = 1;
        for (int j = 0; j < 4; ++j)
            if (j != i) product *= std::abs(w[j]);
        penalty += product;
    }
    return distance + lambda * penalty;
}

Group4 proxGroup(const Group4& z, double lambda) {
    std::array<int, 4> order;
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return std::abs(z[a]) > std::abs(z[b]); });
    Group4 sorted;
    for (int i = 0; i < 4; ++i) sorted[i] = std::abs(z[order[i]]);

    Group4 best{sorted[0], sorted[1], 0, 0};
    for (const int size : {3, 4}) {
        Group4 w{};
        for (int sweep = 0; sweep < 10000; ++sweep) {
            double change = 0;
            for (int i = size - 1; i >= 0; --i) {
                double slope = 0;
                for (int j = 0; j < 4; ++j)
                    for (int k = j + 1; k < 4; ++k)
                        if (j != i && k != i) slope += w[j] * w[k];
                const double next = std::max(sorted[i] - lambda * slope, 0.0);
                change += std::abs(next - w[i]);
                w[i] = next;
            }
            if (change < 1e-14 * sorted[0]) break;
        }
        if (proxObjective(w, sorted, lambda) < proxObjective(best, sorted, lambda)) best = w;
    }
    Group4 result;
    for (int i = 0; i < 4; ++i) result[order[i]] = std::copysign(best[i], z[order[i]]);
    return result;
}

}  // namespace tessera::kernels::reference
