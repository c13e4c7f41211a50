#include "core/session/experiment_spec.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace tessera {

namespace {

[[noreturn]] void refuse(const std::string& field, const std::string& what, const std::string& advice) {
    throw Error(ErrorCode::InvalidInput, what, field, {{advice, field, ""}});
}

std::string textOf(const Json& json, const std::string& key, const std::string& fallback) {
    if (!json.contains(key) || json[key].is_null()) return fallback;
    if (!json[key].is_string()) refuse(key, "\"" + key + "\" is not a text", "write it in quotes");
    return json[key].get<std::string>();
}

std::int64_t wholeOf(const Json& json, const std::string& key, std::int64_t least, std::int64_t greatest) {
    const auto& value = json[key];
    if (!value.is_number_integer() || value.get<double>() < static_cast<double>(least) ||
        value.get<double>() > static_cast<double>(greatest))
        refuse(key, "\"" + key + "\" is " + value.dump(),
               "give a whole number from " + std::to_string(least) + " to " + std::to_string(greatest));
    return value.get<std::int64_t>();
}

double realOf(const Json& json, const std::string& key) {
    if (!json[key].is_number() || !std::isfinite(json[key].get<double>()))
        refuse(key, "\"" + key + "\" is not a number", "give a number");
    return json[key].get<double>();
}

/// "2:4" -> the share of zeros; nullopt where it is no N:M.
std::optional<double> sparsityOfPattern(const std::string& pattern) {
    int n = 0, m = 0;
    char rest = 0;
    if (std::sscanf(pattern.c_str(), "%d:%d%c", &n, &m, &rest) != 2) return std::nullopt;
    if (n < 1 || m > 64 || n > m)
        refuse("pattern", "\"" + pattern + "\" is no N:M pattern",
               "keep N of every M weights, 1 <= N <= M <= 64, for example 2:4");
    return 1.0 - static_cast<double>(n) / m;
}

/// A method that holds a logit for every pattern of N:M holds them for few patterns only.
void requireFewPatterns(const std::string& pattern) {
    int keep = 0, group = 0;
    if (std::sscanf(pattern.c_str(), "%d:%d", &keep, &group) != 2) return;
    double ways = 1;
    for (int i = 1; i <= std::min(keep, group - keep); ++i) ways = ways * (group - i + 1) / i;
    if (ways > kMostPatterns)
        refuse("pattern", pattern + " has more patterns than are learned, " + std::to_string(kMostPatterns),
               "choose a pattern with fewer ways to keep N of M, for example 2:4, 1:16 or 4:8");
}

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

/// A word as a shell reads it back.
std::string quoted(const std::string& word) {
    if (!word.empty() &&
        word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%") ==
            std::string::npos)
        return word;
    std::string result = "'";
    for (const char c : word) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
}

}  // namespace

const std::vector<MethodDescription>& methodDescriptions() {
    static const std::vector<MethodDescription> methods{
        {"magnitude", "Magnitude", {"unstructured", "N:M"}, false, 1.0},
        {"wanda", "Wanda", {"unstructured", "N:M"}, false, 1.0},
        {"sparsegpt", "SparseGPT", {"unstructured", "N:M"}, false, 1.0, true},
        {"thanos", "Thanos", {"unstructured", "N:M"}, false, 1.0, true},
        {"admm", "ADMM", {"unstructured", "N:M"}, false, 1.0, true},
        {"proxsparse", "ProxSparse", {"2:4"}, true, 1.0},
        {"maskllm", "MaskLLM", {"2:4", "N:M"}, true, 1.0},
        {"patch-tile", "PATCH-Tile", {"tiles"}, true, 0.5},
        {"patch-joint", "PATCH-Joint", {"tiles"}, true, 0.5},
        {"leap", "LEAP", {"unstructured"}, true, 1.0},
    };
    return methods;
}

const MethodDescription* oneShotNamed(const std::string& name) {
    for (const auto& description : methodDescriptions())
        if (!description.learns && description.name == name) return &description;
    return nullptr;
}

const MethodDescription& methodNamed(const std::string& name) {
    std::string known;
    for (const auto& method : methodDescriptions()) {
        if (method.name == name) return method;
        known += (known.empty() ? "" : ", ") + method.name;
    }
    throw Error(ErrorCode::InvalidInput, "there is no method \"" + name + "\"", "method",
                {{"choose one of " + known, "method", "leap"}});
}

ExperimentSpec ExperimentSpec::fromJson(const Json& json) {
    if (!json.is_object())
        refuse("spec", "the specification is not an object", "see the example in the README");
    static const std::vector<std::string> known{
        "model",   "method", "pattern", "sparsity", "text", "steps",  "minutes", "seed",
        "threads", "device", "dtype",   "set",      "out",  "format", "tessera", "fingerprints"};
    for (const auto& [key, value] : json.items())
        if (std::find(known.begin(), known.end(), key) == known.end())
            refuse(key, "the specification has the unknown key \"" + key + "\"",
                   "remove it; options of the method go into \"set\"");
    ExperimentSpec spec;
    spec.model = textOf(json, "model", "");
    if (spec.model.empty()) refuse("model", "no model is named", "give --model, for example starter");
    spec.method = textOf(json, "method", "");
    if (spec.method.empty()) refuse("method", "no method is named", "give --method, for example leap");
    const auto& method = methodNamed(spec.method);
    spec.pattern = textOf(json, "pattern", method.patterns.front());
    const auto fixed = sparsityOfPattern(spec.pattern);
    const auto has = [&](const std::string& pattern) {
        return std::find(method.patterns.begin(), method.patterns.end(), pattern) != method.patterns.end();
    };
    if (!has(spec.pattern) && !(fixed && has("N:M"))) {
        std::string list;
        for (const auto& p : method.patterns) list += (list.empty() ? "" : " or ") + p;
        refuse("pattern", "the method " + spec.method + " has no pattern \"" + spec.pattern + "\"",
               "choose " + list);
    }
    if (spec.method == "maskllm") requireFewPatterns(spec.pattern);
    if (json.contains("sparsity")) {
        spec.sparsity = realOf(json, "sparsity");
    } else if (fixed) {
        spec.sparsity = *fixed;
    } else {
        refuse("sparsity", "no sparsity is given", "give --sparsity, for example 0.5");
    }
    if (!(spec.sparsity >= 0 && spec.sparsity < 1))
        refuse("sparsity", "a sparsity of " + number(spec.sparsity) + " is impossible",
               "give the fraction of weights to remove, from 0 up to but not 1, for example 0.5");
    if (spec.sparsity > method.mostSparsity)
        refuse("sparsity",
               spec.method + " reaches at most " + number(method.mostSparsity) + ", " +
                   number(spec.sparsity) + " is asked for",
               "give at most " + number(method.mostSparsity) + " or use leap");
    if (fixed && std::abs(*fixed - spec.sparsity) > 1e-9)
        refuse("sparsity",
               "the pattern " + spec.pattern + " makes a sparsity of " + number(*fixed) + ", " +
                   number(spec.sparsity) + " is asked for",
               "leave --sparsity out or give " + number(*fixed));
    if (json.contains("text")) {
        const auto& text = json["text"];
        if (text.is_string()) {
            spec.text.push_back(text.get<std::string>());
        } else if (text.is_array()) {
            for (const auto& file : text) {
                if (!file.is_string())
                    refuse("text", "\"text\" holds something that is no file name",
                           "give a list of file names");
                spec.text.push_back(file.get<std::string>());
            }
        } else if (!text.is_null()) {
            refuse("text", "\"text\" is no list of file names", "give a list of file names");
        }
    }
    if (json.contains("steps") && !json["steps"].is_null())
        spec.steps = wholeOf(json, "steps", 0, 10'000'000);
    if (json.contains("minutes") && !json["minutes"].is_null()) {
        spec.minutes = realOf(json, "minutes");
        if (!(*spec.minutes > 0 && *spec.minutes <= 1e6))
            refuse("minutes", "a budget of " + number(*spec.minutes) + " minutes is impossible",
                   "give a positive number");
    }
    if (spec.steps && spec.minutes)
        refuse("steps", "both steps and minutes are given", "give one of the two");
    if (!method.learns && (spec.steps || spec.minutes))
        refuse(spec.steps ? "steps" : "minutes", spec.method + " learns nothing and takes no budget",
               "leave steps and minutes out, or use leap");
    if (json.contains("seed"))
        spec.seed = static_cast<std::uint64_t>(wholeOf(json, "seed", 0, std::int64_t(1) << 53));
    if (json.contains("threads")) spec.threads = static_cast<int>(wholeOf(json, "threads", 0, 4096));
    spec.device = textOf(json, "device", "cpu");
    if (spec.device != "cpu" && spec.device != "cuda")
        refuse("device", "\"" + spec.device + "\" is no device", "choose cpu");
    spec.dtype = textOf(json, "dtype", "bf16");
    if (spec.dtype != "bf16" && spec.dtype != "f32")
        refuse("dtype", "\"" + spec.dtype + "\" is no element type for computing", "choose bf16 or f32");
    spec.out = textOf(json, "out", "");
    spec.set = OptionSet(spec.method, json.contains("set") ? json["set"] : Json::object());
    if (spec.pattern == "tiles" && spec.set.tile("tile").second % 4 != 0)
        refuse("tile", "tiles of " + spec.set.text("tile") + " cut groups of 2:4 apart",
               "give a multiple of 4 columns, for example 128x128");
    return spec;
}

Json ExperimentSpec::toJson() const {
    Json json{
        {"model", model}, {"method", method}, {"pattern", pattern}, {"sparsity", sparsity}, {"text", text}};
    if (steps) json["steps"] = *steps;
    if (minutes) json["minutes"] = *minutes;
    json["seed"] = seed;
    json["threads"] = threads;
    json["device"] = device;
    json["dtype"] = dtype;
    json["set"] = set.given();
    return json;
}

bool ExperimentSpec::calibrates() const {
    if (finishes()) return true;
    const auto reads = [](const std::string& name) { return oneShotNamed(name) && name != "magnitude"; };
    if (!methodNamed(method).learns) return reads(method);
    const auto needs = [&](const char* option) { return set.has(option) && reads(set.text(option)); };
    return needs("prior") || needs("base");
}

bool ExperimentSpec::writesText() const {
    return set.real("own_samples") > 0 && (methodNamed(method).learns || calibrates());
}

std::string ExperimentSpec::commandLine() const {
    std::string line = "tessera-cli run --model " + quoted(model) + " --method " + method + " --sparsity " +
                       number(sparsity);
    if (pattern != methodNamed(method).patterns.front()) line += " --pattern " + pattern;
    for (const auto& file : text) line += " --text " + quoted(file);
    if (steps) line += " --steps " + std::to_string(*steps);
    if (minutes) line += " --minutes " + number(*minutes);
    if (seed != 0) line += " --seed " + std::to_string(seed);
    if (threads != 0) line += " --threads " + std::to_string(threads);
    if (device != "cpu") line += " --device " + quoted(device);
    if (dtype != "bf16") line += " --dtype " + dtype;
    const auto given = set.given();
    for (const auto& [key, value] : given.items())
        line += " --set " + quoted(key + "=" + value.get<std::string>());
    return line;
}

}  // namespace tessera
