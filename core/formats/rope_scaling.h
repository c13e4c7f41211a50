#pragma once

#include <cstdint>
#include <vector>

#include "core/formats/config_reader.h"

namespace tessera {

/// How the rotary embedding's frequencies differ from theta^(-2i / dim), as transformers' rope_type says.
struct RopeScaling {
    enum class Kind {
        None,
        Linear,   ///< every frequency divided by `factor`
        Dynamic,  ///< a greater theta for windows longer than the model's longest
        Llama3    ///< low frequencies divided by `factor`, high ones kept, a ramp between
    };
    Kind kind = Kind::None;
    double factor = 1.0;
    /// Llama3: a pair that turns less often than `lowFactor` times in `trainedPositions` is low, one that
    /// turns more often than `highFactor` times is high.
    double lowFactor = 1.0, highFactor = 4.0;
    std::int64_t trainedPositions = 0;

    bool operator==(const RopeScaling&) const = default;

    /// From config.json's rope_scaling (null: none); `key` is its name. Throws Error{UnsupportedVersion}
    /// naming the key on another rope_type and on keys that are not known, Error{Corrupt} on bad values.
    static RopeScaling fromJson(const ConfigReader& config, const char* key);
    Json toJson() const;

    /// What each of dim / 2 frequencies is multiplied by in a window of `length` tokens of a model that reads
    /// `maxPositions`; empty where nothing changes.
    std::vector<double> multipliers(double theta, std::int64_t dim, std::int64_t length,
                                    std::int64_t maxPositions) const;
};

}  // namespace tessera
