#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/session/options.h"

namespace tessera {

/// The most patterns of N:M that are learned with a logit each: 4:8 has 70.
inline constexpr int kMostPatterns = 70;

/// A method that the engine has.
struct MethodDescription {
    std::string name, title;
    std::vector<std::string> patterns;  ///< the first is the default; "N:M" stands for any
    bool learns = false;                ///< takes steps or minutes
    double mostSparsity = 1.0;
    bool changesWeights = false;  ///< else what is kept is as it was
};
const std::vector<MethodDescription>& methodDescriptions();
/// Throws Error{InvalidInput} listing what there is.
const MethodDescription& methodNamed(const std::string& name);
/// The one-shot method of this name; null where there is none, as for what else a prior or a base may be.
const MethodDescription* oneShotNamed(const std::string& name);

/// All that a run depends on; plain data with a JSON form.
struct ExperimentSpec {
    std::string model;  ///< a catalogue name or a path
    std::string method;
    std::string pattern;    ///< "unstructured", "2:4" or any N:M, "tiles"; empty in JSON: the method's own
    double sparsity = 0.5;  ///< fraction of prunable weights that are zero at the end, 0 <= s < 1
    std::vector<std::string> text;      ///< files; none: the installed default text
    std::optional<std::int64_t> steps;  ///< 0: the prior alone, hardened
    std::optional<double> minutes;
    std::uint64_t seed = 0;
    int threads = 0;             ///< 0: all cores
    std::string device = "cpu";  ///< or "cuda"
    std::string dtype = "bf16";
    std::string out;  ///< folder of the run; empty: a new one below the user's runs
    OptionSet set;

    /// Throws Error{InvalidInput} naming the field, what is wrong and what it may be.
    static ExperimentSpec fromJson(const Json& json);
    Json toJson() const;
    /// Whether the run's weights differ from its model's: weights.safetensors is then part of the run.
    bool changesWeights() const { return methodNamed(method).changesWeights || finishes(); }
    /// Whether OPTIMA makes the weights anew under the final mask.
    bool finishes() const { return set.text("finish") == "optima"; }
    /// Whether calibration text goes through the model: for scores, a prior, a base mask or a finish.
    bool calibrates() const;
    /// Whether the model writes learning text of its own.
    bool writesText() const;
    /// The command line that makes the same run, for people.
    std::string commandLine() const;
};

}  // namespace tessera
