#include "core/learn/schedule.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "core/base/error.h"
#include "core/base/split_mix.h"

namespace tessera {

Curve curveFromName(const std::string& name) {
    if (name == "constant") return Curve::Constant;
    if (name == "linear") return Curve::Linear;
    if (name == "cosine") return Curve::Cosine;
    throw Error(ErrorCode::InvalidInput, "a schedule is constant, linear or cosine, not '" + name + "'");
}

double interpolate(Curve curve, double start, double end, std::int64_t done, std::int64_t total) {
    if (curve == Curve::Constant) return start;
    const double share =
        total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total)) : 1.0;
    const double way = curve == Curve::Linear ? share : 0.5 * (1.0 - std::cos(std::numbers::pi * share));
    return start + (end - start) * way;
}

double learningRate(Curve curve, double peak, std::int64_t warmup, std::int64_t done, std::int64_t total,
                    double end) {
    if (done < warmup) return peak * static_cast<double>(done + 1) / static_cast<double>(warmup + 1);
    return interpolate(curve, peak, end, done - warmup, total - warmup);
}

std::int64_t WindowOrder::at(std::int64_t position) {
    const auto epoch = position / m_windows;
    if (epoch != m_epoch) {
        m_epoch = epoch;
        m_order.resize(static_cast<std::size_t>(m_windows));
        std::iota(m_order.begin(), m_order.end(), 0);
        // A generator of our own, so that the order is the same with every standard library.
        std::uint64_t state = m_seed * kSplitMixStep + static_cast<std::uint64_t>(epoch);
        const auto next = [&state] {
            const auto drawn = splitMix64(state);
            state += kSplitMixStep;
            return drawn;
        };
        for (std::size_t i = m_order.size(); i > 1; --i) std::swap(m_order[i - 1], m_order[next() % i]);
    }
    return m_order[static_cast<std::size_t>(position % m_windows)];
}

}  // namespace tessera
