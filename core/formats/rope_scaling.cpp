#include "core/formats/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera {

namespace {

constexpr const char* kKnownKeys[] = {"type",
                                      "rope_type",
                                      "factor",
                                      "low_freq_factor",
                                      "high_freq_factor",
                                      "original_max_position_embeddings",
                                      "rope_theta",
                                      "partial_rotary_factor"};

}  // namespace

RopeScaling RopeScaling::fromJson(const ConfigReader& config, const char* key) {
    RopeScaling scaling;
    const Json* value = config.find(key);
    if (!value) return scaling;
    if (!value->is_object()) config.corrupt(key, "is not an object");
    for (const auto& [name, ignored] : value->items())
        if (std::find(std::begin(kKnownKeys), std::end(kKnownKeys), name) == std::end(kKnownKeys))
            config.unsupported(key);
    const ConfigReader rope(*value, config.where() + ", \"" + key + "\"");
    const auto kind = rope.text("rope_type", rope.text("type", "default"));
    if (kind == "default") return scaling;
    if (kind == "linear")
        scaling.kind = Kind::Linear;
    else if (kind == "dynamic")
        scaling.kind = Kind::Dynamic;
    else if (kind == "llama3")
        scaling.kind = Kind::Llama3;
    else
        config.unsupported(key);
    scaling.factor = rope.number("factor");
    if (!std::isfinite(scaling.factor) || scaling.factor < 1)
        rope.corrupt("factor", "is no number from 1 on");
    if (scaling.kind == Kind::Llama3) {
        scaling.lowFactor = rope.number("low_freq_factor");
        scaling.highFactor = rope.number("high_freq_factor");
        scaling.trainedPositions = rope.integer("original_max_position_embeddings");
        if (!std::isfinite(scaling.lowFactor) || scaling.lowFactor <= 0)
            rope.corrupt("low_freq_factor", "is not a finite positive number");
        if (!std::isfinite(scaling.highFactor) || scaling.highFactor <= scaling.lowFactor)
            rope.corrupt("high_freq_factor", "is not greater than \"low_freq_factor\"");
        if (scaling.trainedPositions < 1) rope.corrupt("original_max_position_embeddings", "is not positive");
    }
    return scaling;
}

Json RopeScaling::toJson() const {
    switch (kind) {
        case Kind::None:
            break;
        case Kind::Linear:
            return {{"rope_type", "linear"}, {"factor", factor}};
        case Kind::Dynamic:
            return {{"rope_type", "dynamic"}, {"factor", factor}};
        case Kind::Llama3:
            return {{"rope_type", "llama3"},
                    {"factor", factor},
                    {"low_freq_factor", lowFactor},
                    {"high_freq_factor", highFactor},
                    {"original_max_position_embeddings", trainedPositions}};
    }
    return nullptr;
}

std::vector<double> RopeScaling::multipliers(double theta, std::int64_t dim, std::int64_t length,
                                             std::int64_t maxPositions) const {
    if (kind == Kind::None || (kind == Kind::Dynamic && length <= maxPositions)) return {};
    std::vector<double> result(static_cast<std::size_t>(dim / 2), 1.0 / factor);
    if (kind == Kind::Linear) return result;
    for (std::size_t i = 0; i < result.size(); ++i) {
        const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(dim);
        if (kind == Kind::Dynamic) {
            // A greater theta, so that the slowest pair turns as far as in the longest window learned.
            const double longer =
                factor * static_cast<double>(length) / static_cast<double>(maxPositions) - (factor - 1);
            const double growth =
                dim > 2 ? std::pow(longer, static_cast<double>(dim) / static_cast<double>(dim - 2)) : 1.0;
            result[i] = std::pow(growth, -exponent);
            continue;
        }
        const double turns =
            static_cast<double>(trainedPositions) * std::pow(theta, -exponent) / (2 * std::numbers::pi);
        const double kept = std::clamp((turns - lowFactor) / (highFactor - lowFactor), 0.0, 1.0);
        result[i] = (1 - kept) / factor + kept;
    }
    return result;
}

}  // namespace tessera
